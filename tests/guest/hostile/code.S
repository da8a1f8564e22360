/* SPDX-License-Identifier: MIT */
/* Pieces of code that C cannot say, in tables; each ends by RET unless it faults. */

	.text
	.code64
/* void wild_jump(uint64_t wild): all registers from the struct, and no way back but an exception */
	.globl	wild_jump
wild_jump:
	mov	15 * 8(%rdi), %rsp
	push	16 * 8(%rdi)
	mov	0 * 8(%rdi), %rax
	mov	1 * 8(%rdi), %rcx
	mov	2 * 8(%rdi), %rdx
	mov	3 * 8(%rdi), %rbx
	mov	4 * 8(%rdi), %rbp
	mov	5 * 8(%rdi), %rsi
	mov	7 * 8(%rdi), %r8
	mov	8 * 8(%rdi), %r9
	mov	9 * 8(%rdi), %r10
	mov	10 * 8(%rdi), %r11
	mov	11 * 8(%rdi), %r12
	mov	12 * 8(%rdi), %r13
	mov	13 * 8(%rdi), %r14
	mov	14 * 8(%rdi), %r15
	mov	6 * 8(%rdi), %rdi
	ret

/* void wild_iret(uint64_t wild_frame) */
	.globl	wild_iret
wild_iret:
	push	19 * 8(%rdi)
	push	18 * 8(%rdi)
	push	17 * 8(%rdi)
	push	16 * 8(%rdi)
	push	15 * 8(%rdi)
	mov	0 * 8(%rdi), %rax
	mov	1 * 8(%rdi), %rcx
	mov	2 * 8(%rdi), %rdx
	mov	3 * 8(%rdi), %rbx
	mov	4 * 8(%rdi), %rbp
	mov	5 * 8(%rdi), %rsi
	mov	7 * 8(%rdi), %r8
	mov	8 * 8(%rdi), %r9
	mov	9 * 8(%rdi), %r10
	mov	10 * 8(%rdi), %r11
	mov	11 * 8(%rdi), %r12
	mov	12 * 8(%rdi), %r13
	mov	13 * 8(%rdi), %r14
	mov	14 * 8(%rdi), %r15
	mov	6 * 8(%rdi), %rdi
	iretq

	.macro	entry prefix, n
	.quad	\prefix\n
	.endm
	/* Makes the table and its size from the n pieces that were begun. */
	.macro	table name, prefix, count
	.section .rodata
	.balign	8
	.globl	\name, \count
\name:
	.altmacro
	.set	i, 0
	.rept	n
	entry	\prefix, %i
	.set	i, i + 1
	.endr
	.noaltmacro
\count:
	.long	n
	.text
	.endm

/* RDI and RSI: addresses; RDX: a count */
	.set	n, 0
	.macro	a code
	.altmacro
	access_label %n
	.noaltmacro
	\code
	cld
	ret
	.set	n, n + 1
	.endm
	.macro	access_label number
access_\number:
	.endm

	a	"movb	(%rdi), %al"
	a	"movw	(%rdi), %ax"
	a	"movl	(%rdi), %eax"
	a	"movq	(%rdi), %rax"
	a	"movb	%al, (%rdi)"
	a	"movw	%ax, (%rdi)"
	a	"movl	%eax, (%rdi)"
	a	"movq	%rax, (%rdi)"
	a	"movl	$0x12345678, (%rdi)"
	a	"movq	$-1, (%rdi)"
	a	"movzbl	(%rdi), %eax"
	a	"movswq	(%rdi), %rax"
	a	"movslq	(%rdi), %rax"
	a	"xchgl	%eax, (%rdi)"
	a	"xchgq	%rdi, (%rdi)"
	a	"lock orl $0x80, (%rdi)"
	a	"andl	$0, (%rdi)"
	a	"xorq	%rdx, (%rdi)"
	a	"addb	$1, (%rdi)"
	a	"lock addw $1, (%rdi)"
	a	"subl	%edx, (%rdi)"
	a	"adcl	%edx, (%rdi)"
	a	"sbbl	%edx, (%rdi)"
	a	"cmpl	%edx, (%rdi)"
	a	"testl	%edx, (%rdi)"
	a	"cmpl	(%rdi), %edx"
	a	"addl	(%rdi), %edx"
	a	"lock incl (%rdi)"
	a	"decq	(%rdi)"
	a	"notw	(%rdi)"
	a	"negb	(%rdi)"
	a	"lock cmpxchgl %edx, (%rdi)"
	a	"lock xaddl %edx, (%rdi)"
	a	"btl	%edx, (%rdi)"
	a	"lock btsl %edx, (%rdi)"
	a	"btrq	%rdx, (%rdi)"
	a	"btcw	$7, (%rdi)"
	a	"movbe	(%rdi), %eax"
	a	"movsb"
	a	"movsw"
	a	"movsq"
	a	"std; movsl"
	a	"mov %rdx, %rcx; rep movsb"
	a	"mov %rdx, %rcx; rep movsq"
	a	"mov %rdx, %rcx; std; rep movsl"
	a	"mov %rdx, %rcx; rep stosb"
	a	"mov %rdx, %rcx; rep stosq"
	a	"mov %rdx, %rcx; std; rep stosl"
	a	"mov %rdx, %rcx; repe cmpsb"
	a	"mov %rdx, %rcx; repne scasl"
	a	"mov %rdx, %rcx; rep lodsw"
	a	"push (%rdi); pop %rax"
	a	"push %rax; popq (%rdi)"
	a	"mov %rsp, %rax; mov %rdi, %rsp; push %rax; mov %rax, %rsp"
	a	"mov %rsp, %rax; mov %rdi, %rsp; pop %rdx; mov %rax, %rsp"
	table	access_forms, access_, access_form_count

/* RDI: an address; RSI: a port; RDX: a count */
	.set	n, 0
	.macro	s code
	.altmacro
	string_label %n
	.noaltmacro
	mov	%rdx, %rcx
	mov	%rsi, %rdx
	mov	%rdi, %rsi
	\code
	cld
	ret
	.set	n, n + 1
	.endm
	.macro	string_label number
string_\number:
	.endm

	s	"rep insb"
	s	"rep insw"
	s	"rep insl"
	s	"rep outsb"
	s	"rep outsw"
	s	"rep outsl"
	s	"std; rep insb"
	s	"std; rep insl"
	s	"std; rep outsw"
	s	"rep fs outsl"
	s	"rep gs outsb"
	s	"addr32 rep insw"
	s	"addr32 rep outsl"
	s	"repne insb"
	s	"repne outsb"
	s	"insl"
	s	"outsl"
	table	string_forms, string_, string_form_count

/* RDI, RSI: addresses; RDX: a count */
	.set	n, 0
	.macro	x code
	.altmacro
	strange_label %n
	.noaltmacro
	mov	%rdi, %rax
	mov	%rsi, %rcx
	\code
	ret
	.set	n, n + 1
	.endm
	.macro	strange_label number
strange_\number:
	.endm

	x	"vmcall"
	x	"vmmcall"
	x	"vmlaunch"
	x	"vmresume"
	x	"vmxoff"
	x	"vmxon	(%rdi)"
	x	"vmclear	(%rdi)"
	x	"vmptrld	(%rdi)"
	x	"vmptrst	(%rdi)"
	x	"vmread	%rax, %rdx"
	x	"vmwrite	%rax, %rdx"
	x	".byte 0x66, 0x0f, 0x38, 0x80, 0x07"	/* invept (%rdi), %rax */
	x	".byte 0x66, 0x0f, 0x38, 0x81, 0x07"	/* invvpid (%rdi), %rax */
	x	"invpcid	(%rdi), %rax"
	x	".byte 0x0f, 0x01, 0xd4"	/* vmfunc */
	x	"vmrun"
	x	"vmload"
	x	"vmsave"
	x	"stgi"
	x	"clgi"
	x	"skinit"
	x	"invlpga"
	x	".byte 0x0f, 0x37"	/* getsec */
	x	"rsm"
	x	"monitor"
	x	"mwait"
	x	".byte 0x0f, 0x01, 0xfa"	/* monitorx */
	x	".byte 0x0f, 0x01, 0xfb"	/* mwaitx */
	x	".byte 0x0f, 0x01, 0xfc"	/* clzero */
	x	".byte 0x0f, 0x01, 0xc0"	/* enclv */
	x	".byte 0x0f, 0x01, 0xcf"	/* encls */
	x	".byte 0x0f, 0x01, 0xd7"	/* enclu */
	x	".byte 0x0f, 0x01, 0xc5"	/* pconfig */
	x	".byte 0x0f, 0x01, 0xd9"	/* vmmcall */
	x	".byte 0xf3, 0x0f, 0x01, 0xd9"	/* vmgexit */
	x	".byte 0x66, 0x0f, 0x01, 0xcc"	/* tdcall */
	x	"xgetbv"
	x	"xsetbv"
	x	"rdpmc"
	x	"rdtscp"
	x	"rdmsr"
	x	"invd"
	x	"wbinvd"
	x	".byte 0xf3, 0x0f, 0x09"	/* wbnoinvd */
	x	"hlt"
	x	"mov $1000, %ecx; 1: wbinvd; loop 1b"
	x	"mov $1000, %ecx; 1: invd; loop 1b"
	x	"clts"
	x	"swapgs"
	x	"invlpg	(%rdi)"
	x	"clflush	(%rdi)"
	x	"prefetchw (%rdi)"
	x	"xsave	(%rdi)"
	x	"xrstor	(%rdi)"
	x	".byte 0x0f, 0xc7, 0x2f"	/* xsaves */
	x	".byte 0x0f, 0xc7, 0x1f"	/* xrstors */
	x	"fxrstor	(%rdi)"
	x	"fnstenv	(%rdi)"
	x	"ldmxcsr	(%rdi)"
	x	"int1"
	x	"int3"
	x	"int $0x80"
	x	"int $8"
	x	"int $2"
	x	"int $255"
	x	"sysenter"
	x	"syscall"
	x	"sysexitq"
	x	"sysretq"
	x	"lmsw %dx"
	x	"mov %dx, %ds"
	x	"mov %dx, %ss"
	x	"ltr %dx"
	x	"lldt %dx"
	x	"verr %dx"
	x	"lar %dx, %eax"
	x	"sti; hlt; cli"
	x	"popfq"
	x	"iretq"
	x	"lretq"
	x	"push $0x300; popfq; cpuid; nop"	/* TF over an exit */
	x	"push $0x100; popfq; mov %ss, %eax; mov %eax, %ss; cpuid; nop"
	table	strange_insns, strange_, strange_insn_count

/* Real-mode and 32-bit code of the wild rounds: registers from hostile_low, then far to the bytes. */
	.section .low, "awx"
	.code16
	.globl	hostile_16
hostile_16:
	mov	$0x7000, %sp
	mov	hostile_regs, %eax
	mov	hostile_regs + 8, %ecx
	mov	hostile_regs + 16, %edx
	mov	hostile_regs + 24, %ebx
	mov	hostile_regs + 32, %ebp
	mov	hostile_regs + 40, %esi
	mov	hostile_regs + 48, %edi
	mov	hostile_segment, %ds
	mov	hostile_segment, %es
	ljmp	$0x2000, $0			/* 0x20000 */
	.balign	8
	.globl	hostile_regs, hostile_segment
hostile_regs:
	.skip	15 * 8
hostile_segment:
	.word	0

	.text
	.code32
	.globl	hostile_32
hostile_32:
	mov	hostile_regs, %eax
	mov	hostile_regs + 8, %ecx
	mov	hostile_regs + 16, %edx
	mov	hostile_regs + 24, %ebx
	mov	hostile_regs + 32, %ebp
	mov	hostile_regs + 40, %esi
	mov	hostile_regs + 48, %edi
	push	$0x1000000
	ret

/* Every width, reads, writes and both, at each address of hostile_list. */
	.globl	hostile_touch
hostile_touch:
	mov	$hostile_list, %ebx
	mov	$8, %ebp
1:	mov	(%ebx), %edi
	movb	(%edi), %al
	movw	(%edi), %ax
	movl	(%edi), %eax
	movb	%al, (%edi)
	movw	%ax, (%edi)
	movl	%eax, (%edi)
	lock incl (%edi)
	xchgw	%ax, (%edi)
	addb	$3, (%edi)
	pushl	(%edi)
	popl	(%edi)
	movzbl	(%edi), %eax
	mov	%edi, %esi
	mov	$5, %ecx
	rep movsb
	mov	$3, %ecx
	rep stosw
	mov	%esi, %edi
	mov	$3, %ecx
	repe cmpsl
	add	$4, %ebx
	dec	%ebp
	jnz	1b
	ret
	.data
	.balign	4
	.globl	hostile_list
hostile_list:
	.skip	8 * 4

/* The same for real mode, by pairs of segment and offset; an exception ends it. */
	.macro	each_pair name, code:vararg
	.globl	\name
\name:
	mov	$hostile_pairs, %bx
	mov	$8, %bp
1:	mov	%cs:(%bx), %ax
	mov	%ax, %es
	mov	%cs:2(%bx), %di
	\code
	add	$4, %bx
	dec	%bp
	jnz	1b
	ret
	.endm
	.section .low, "awx"
	.code16
	each_pair hostile_real_read, movb %es:(%di), %al; movw %es:(%di), %ax; movl %es:(%di), %eax; movzwl %di, %edi; movb %es:8(%edi), %al
	each_pair hostile_real_write, movb %al, %es:(%di); movw %ax, %es:(%di); movl %eax, %es:(%di); incb %es:(%di); stosw
	.balign	4
	.globl	hostile_pairs
hostile_pairs:
	.skip	8 * 4

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: MIT */
/*
 * One instruction each, with its memory operand at (%rdi). main.c runs it on RAM and on a device
 * register with the same content: registers, flags and memory have to come out alike.
 */
#include "lib/hw.h"

	.text
	.code64
/* void form_call(void (*code)(void), struct form_regs *r): r is rax rcx rdx rsi rdi rflags */
	.globl	form_call
form_call:
	push	%rbx
	push	%rbp
	push	%rsi
	mov	%rdi, %rbp
	mov	%rsi, %rbx
	mov	0(%rbx), %rax
	mov	8(%rbx), %rcx
	mov	16(%rbx), %rdx
	mov	24(%rbx), %rsi
	mov	32(%rbx), %rdi
	pushq	40(%rbx)
	popfq
	mov	$0x0badcafe, %r8d	/* for the forms that use the new registers */
	mov	$0, %r9d
	mov	$0, %r10d
	call	*%rbp
	pushfq
	mov	8(%rsp), %rbx
	popq	40(%rbx)
	mov	%rax, 0(%rbx)
	mov	%rcx, 8(%rbx)
	mov	%rdx, 16(%rbx)
	mov	%rsi, 24(%rbx)
	mov	%rdi, 32(%rbx)
	cld
	pop	%rsi
	pop	%rbp
	pop	%rbx
	ret

	.set	ARITH, 0x8d5	/* OF SF ZF AF PF CF */
	.set	LOGIC, 0x8c5	/* AF is undefined */
	.set	BITS, 0x41	/* CF is the bit, ZF stays; the others are undefined */
	.set	NONE, 0x8d5	/* flags that must not change are compared as well */

	.macro	form list, flags, insn:vararg
	.pushsection .rodata.\list, "a"
	.quad	7f, 8f, \flags
	.popsection
	.pushsection .rodata.names, "a"
8:	.asciz	"\insn"
	.popsection
7:	\insn
	ret
	.endm

	.macro	list name
	.pushsection .rodata.\name, "a"
	.balign	8
	.globl	\name
\name:
	.popsection
	.endm
	.macro	list_end name
	.pushsection .rodata.\name, "a"
	.quad	0
	.popsection
	.endm

/* 32-bit operands: on a register that keeps 32 bits */
	list	forms32
	form	forms32, NONE, movl %eax, (%rdi)
	form	forms32, NONE, movl %edx, (%rdi)
	form	forms32, NONE, movl (%rdi), %ecx
	form	forms32, NONE, movl $0x5a5aa5a5, (%rdi)
	form	forms32, NONE, movl %r8d, 0(%rdi, %r9, 4)
	form	forms32, NONE, movslq (%rdi), %rax
	form	forms32, ARITH, addl %eax, (%rdi)
	form	forms32, ARITH, addl (%rdi), %eax
	form	forms32, ARITH, addl $0x7fffffff, (%rdi)
	form	forms32, ARITH, addl $-1, (%rdi)
	form	forms32, ARITH, adcl %eax, (%rdi)
	form	forms32, ARITH, adcl (%rdi), %ecx
	form	forms32, ARITH, subl %eax, (%rdi)
	form	forms32, ARITH, subl (%rdi), %eax
	form	forms32, ARITH, subl $5, (%rdi)
	form	forms32, ARITH, sbbl %eax, (%rdi)
	form	forms32, ARITH, sbbl (%rdi), %ecx
	form	forms32, LOGIC, andl %eax, (%rdi)
	form	forms32, LOGIC, andl (%rdi), %eax
	form	forms32, LOGIC, andl $0xff00ff, (%rdi)
	form	forms32, LOGIC, andl $-16, (%rdi)
	form	forms32, LOGIC, orl %eax, (%rdi)
	form	forms32, LOGIC, orl (%rdi), %eax
	form	forms32, LOGIC, orl $0x80000000, (%rdi)
	form	forms32, LOGIC, xorl %eax, (%rdi)
	form	forms32, LOGIC, xorl (%rdi), %eax
	form	forms32, LOGIC, xorl $0x7f, (%rdi)
	form	forms32, ARITH, cmpl %eax, (%rdi)
	form	forms32, ARITH, cmpl (%rdi), %eax
	form	forms32, ARITH, cmpl $0x12345678, (%rdi)
	form	forms32, ARITH, cmpl $1, (%rdi)
	form	forms32, LOGIC, testl %eax, (%rdi)
	form	forms32, LOGIC, testl $0x80000000, (%rdi)
	form	forms32, ARITH, incl (%rdi)
	form	forms32, ARITH, decl (%rdi)
	form	forms32, NONE, notl (%rdi)
	form	forms32, ARITH, negl (%rdi)
	form	forms32, NONE, xchgl %eax, (%rdi)
	form	forms32, ARITH, lock xaddl %eax, (%rdi)
	form	forms32, ARITH, cmpxchgl %ecx, (%rdi)
	form	forms32, ARITH, lock cmpxchgl %edx, (%rdi)
	form	forms32, LOGIC, lock orl $4, (%rdi)
	form	forms32, BITS, btl $31, (%rdi)
	form	forms32, BITS, btl %edx, (%rdi)
	form	forms32, BITS, btsl $1, (%rdi)
	form	forms32, BITS, btrl $3, (%rdi)
	form	forms32, BITS, btcl $31, (%rdi)
	form	forms32, BITS, btsl %edx, (%rdi)
	form	forms32, BITS, btrl %edx, (%rdi)
	form	forms32, BITS, btcl %edx, (%rdi)
	form	forms32, BITS, lock btsl $30, (%rdi)
	form	forms32, NONE, stosl
	form	forms32, NONE, lodsl
	form	forms32, ARITH, scasl
	list_end forms32

/* All sizes: on memory that nothing claims */
	list	forms_hole
	form	forms_hole, NONE, movb (%rdi), %al
	form	forms_hole, NONE, movb (%rdi), %ah
	form	forms_hole, NONE, movb (%rdi), %r10b
	form	forms_hole, NONE, movw (%rdi), %cx
	form	forms_hole, NONE, movq (%rdi), %rdx
	form	forms_hole, NONE, movl (%rdi), %edx
	form	forms_hole, NONE, movb %ah, (%rdi)
	form	forms_hole, NONE, movb $0x55, (%rdi)
	form	forms_hole, NONE, movw $0x5555, (%rdi)
	form	forms_hole, NONE, movw %cx, (%rdi)
	form	forms_hole, NONE, movq %rdx, (%rdi)
	form	forms_hole, NONE, movq $-5, (%rdi)
	form	forms_hole, NONE, movzbl (%rdi), %eax
	form	forms_hole, NONE, movzbw (%rdi), %ax
	form	forms_hole, NONE, movzbq (%rdi), %rcx
	form	forms_hole, NONE, movzwl (%rdi), %ecx
	form	forms_hole, NONE, movzwq (%rdi), %rdx
	form	forms_hole, NONE, movsbw (%rdi), %ax
	form	forms_hole, NONE, movsbl (%rdi), %eax
	form	forms_hole, NONE, movsbq (%rdi), %rax
	form	forms_hole, NONE, movswl (%rdi), %ecx
	form	forms_hole, NONE, movswq (%rdi), %rdx
	form	forms_hole, NONE, movslq (%rdi), %rdx
	form	forms_hole, ARITH, addb (%rdi), %al
	form	forms_hole, ARITH, addw (%rdi), %ax
	form	forms_hole, ARITH, addq (%rdi), %rax
	form	forms_hole, ARITH, subb (%rdi), %ah
	form	forms_hole, ARITH, subq (%rdi), %rcx
	form	forms_hole, LOGIC, andb (%rdi), %cl
	form	forms_hole, LOGIC, andw (%rdi), %cx
	form	forms_hole, LOGIC, orb $1, (%rdi)
	form	forms_hole, LOGIC, orw %cx, (%rdi)
	form	forms_hole, LOGIC, andb $0x7e, (%rdi)
	form	forms_hole, LOGIC, xorb %al, (%rdi)
	form	forms_hole, LOGIC, xorq %rax, (%rdi)
	form	forms_hole, ARITH, cmpb $0xff, (%rdi)
	form	forms_hole, ARITH, cmpw $-1, (%rdi)
	form	forms_hole, ARITH, cmpq $-1, (%rdi)
	form	forms_hole, ARITH, cmpb %al, (%rdi)
	form	forms_hole, ARITH, cmpw (%rdi), %dx
	form	forms_hole, LOGIC, testb $0x80, (%rdi)
	form	forms_hole, LOGIC, testw %cx, (%rdi)
	form	forms_hole, LOGIC, testq %rax, (%rdi)
	form	forms_hole, NONE, xchgb %al, (%rdi)
	form	forms_hole, NONE, xchgw %cx, (%rdi)
	form	forms_hole, NONE, xchgq %rdx, (%rdi)
	form	forms_hole, BITS, btw $15, (%rdi)
	form	forms_hole, BITS, btsw $7, (%rdi)
	form	forms_hole, BITS, btrq $63, (%rdi)
	form	forms_hole, BITS, btq %rdx, (%rdi)
	form	forms_hole, ARITH, incb (%rdi)
	form	forms_hole, ARITH, decw (%rdi)
	form	forms_hole, ARITH, negq (%rdi)
	form	forms_hole, NONE, stosb
	form	forms_hole, NONE, stosw
	form	forms_hole, NONE, stosq
	form	forms_hole, NONE, lodsb
	form	forms_hole, NONE, lodsw
	form	forms_hole, NONE, lodsq
	form	forms_hole, ARITH, scasb
	form	forms_hole, ARITH, scasq
	form	forms_hole, ARITH, repe scasb
	form	forms_hole, ARITH, repne scasw
	form	forms_hole, NONE, rep stosl
	form	forms_hole, NONE, rep stosb
	list_end forms_hole

/* 32-bit code: EAX is what the register held when the function began */
	.code32
	.globl	mmio32_addressing
mmio32_addressing:
	mov	$LAPIC_BASE + LAPIC_TIMER_INIT, %edi
	movl	$0x11111111, (%edi)
	mov	$LAPIC_BASE, %ebx
	mov	$LAPIC_TIMER_INIT / 8, %ecx
	addl	$0x11111111, (%ebx, %ecx, 8)
	addl	$0x11111111, LAPIC_BASE + LAPIC_TIMER_INIT
	addl	$0x11111111, LAPIC_TIMER_INIT - 0x70(%ebx, %ecx)
	mov	$SEL_LIMIT4K, %eax	/* main.c gave it the APIC's base */
	mov	%eax, %fs
	addl	$0x11111111, %fs:LAPIC_TIMER_INIT
	mov	$LAPIC_TIMER_INIT, %ebx
	xor	%esi, %esi
	.byte	0x64, 0x67, 0x81, 0x00		/* addl $imm32, %fs:(%bx,%si) with 16-bit addressing */
	.long	0x11111111
	.byte	0x64, 0x67, 0x81, 0x06		/* addl $imm32, %fs:disp16 */
	.word	LAPIC_TIMER_INIT
	.long	0x11111111
	mov	(%edi), %eax
	movl	$0, (%edi)
	ret

/* Position-independent pieces that main.c copies to where they are to run. RDI, RAX as above. */
	.code64
	.globl	cross_code, cross_end
cross_code:
	addl	$0x01020304, %fs:0x0(%rdi, %rcx, 1)
cross_end:
	ret

	.globl	rip_code, rip_code_end
rip_code:
	movl	$0x24681357, 0xff6 + LAPIC_TIMER_INIT(%rip)	/* the APIC is on the next page */
	addl	$1, 0xfef + LAPIC_TIMER_INIT(%rip)
	ret
rip_code_end:
	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: MIT */
/*
 * Code that raises one exception each, in tables of {code, where the saved IP points, vector, error
 * code, name, and what QEMU TCG gives instead} that main.c walks. TCG checks no segment limits or
 * types on access, no alignment, masks SSE's exceptions, takes #SS for #GP, and counts 16 bytes a
 * gate in 64-bit mode where error codes count 8.
 */
#include "lib/hw.h"

#define ABSENT	 0x40000000 /* main.c maps nothing here in the 32-bit modes */
#define READONLY 0x40400000

	.macro	entry table, label, vector, error, name, tcg_vector=-1, tcg_error=-1
	.pushsection \table, "a"
	.quad	\label, \label\()_at, \vector, \error, 9f, \tcg_vector, \tcg_error
	.popsection
	.pushsection .rodata.names, "a"
9:	.asciz	"\name"
	.popsection
	.endm

	.pushsection .rodata.t64, "a"
	.globl	table64
table64:
	.popsection
	.pushsection .rodata.t32, "a"
	.globl	table32
table32:
	.popsection
	.pushsection .rodata.tpage, "a"
	.globl	table_paged
table_paged:
	.popsection
	.pushsection .rodata.t16, "a"
	.globl	table16
table16:
	.popsection

/* 64-bit mode ------------------------------------------------------------------------------- */
	.text
	.code64
	entry	.rodata.t64, de64, VEC_DE, 0, "64-bit #DE"
de64:	xor	%edx, %edx
	xor	%ecx, %ecx
de64_at:
	div	%ecx
	ret
	entry	.rodata.t64, bp64, VEC_BP, 0, "64-bit #BP"
bp64:	int3
bp64_at:
	ret
	entry	.rodata.t64, ud64, VEC_UD, 0, "64-bit #UD"
ud64:
ud64_at:
	ud2
	ret
	entry	.rodata.t64, ud64b, VEC_UD, 0, "64-bit #UD by PUSH ES"
ud64b:
ud64b_at:
	.byte	0x06
	ret
	/* No LOCK MOV, which is #UD too: QEMU 7.2 aborts or hangs on it. */
	entry	.rodata.t64, nm64, VEC_NM, 0, "64-bit #NM"
nm64:	mov	%cr0, %rax
	or	$CR0_TS_, %eax
	mov	%rax, %cr0
nm64_at:
	fnop
	ret
	entry	.rodata.t64, np64, VEC_NP, SEL_NOT_PRESENT, "64-bit #NP"
np64:	mov	$SEL_NOT_PRESENT, %eax
np64_at:
	mov	%eax, %ds
	ret
	entry	.rodata.t64, ss64, VEC_SS, SEL_NOT_PRESENT, "64-bit #SS by load of SS"
ss64:	mov	$SEL_NOT_PRESENT, %eax
ss64_at:
	mov	%eax, %ss
	ret
	entry	.rodata.t64, ss64b, VEC_SS, 0, "64-bit #SS, not canonical", VEC_GP, 0
ss64b:	push	%rbp
	mov	$1 << 62, %rbp
ss64b_at:
	mov	(%rbp), %eax
	ret
	entry	.rodata.t64, gp64, VEC_GP, 0, "64-bit #GP, not canonical"
gp64:	mov	$1 << 62, %rax
gp64_at:
	mov	(%rax), %eax
	ret
	entry	.rodata.t64, gp64b, VEC_GP, 0xfff8, "64-bit #GP by a selector past the GDT"
gp64b:	mov	$0xfff8, %eax
gp64b_at:
	mov	%eax, %es
	ret
	entry	.rodata.t64, gp64c, VEC_GP, SEL_CALL_ONLY, "64-bit #GP, execute-only data"
gp64c:	mov	$SEL_CALL_ONLY, %eax
gp64c_at:
	mov	%eax, %es
	ret
	entry	.rodata.t64, np64b, VEC_NP, (0x81*8+2), "64-bit #NP by INT through an absent gate", VEC_NP, (0x81*16+2)
np64b:
np64b_at:
	int	$0x81
	ret
	entry	.rodata.t64, df64, VEC_DF, 0, "64-bit #DF, #GP through an absent gate"
df64:	mov	$1 << 62, %rax
df64_at:
	mov	(%rax), %eax
	ret
	entry	.rodata.t64, mf64, VEC_MF, 0, "64-bit #MF"
mf64:	fninit
	pushq	$0x37b		/* the zero-divide exception not masked */
	fldcw	(%rsp)
	pop	%rax
	fld1
	fldz
	fdivrp
mf64_at:
	fwait
	ret
	entry	.rodata.t64, xm64, VEC_XM, 0, "64-bit #XM", VEC_NONE, 0
xm64:	pushq	$0x1d80		/* the zero-divide exception not masked */
	ldmxcsr	(%rsp)
	pop	%rax
	mov	$1, %eax
	cvtsi2ss %eax, %xmm0
	xorps	%xmm1, %xmm1
xm64_at:
	divss	%xmm1, %xmm0
	ret
	.set	CR0_TS_, 1 << 3

/* Ring 3: copied to a user page by main.c. */
	.globl	user_cli, user_hlt, user_int, user_load, user_misaligned, user_write, user_in, user_end
user_cli:
	cli
user_hlt:
	hlt
user_int:
	int	$0x82
user_load:
	mov	(%rsp), %rax
user_misaligned:
	mov	1(%rsp), %eax
user_write:
	mov	%rax, (%rsp)
user_in:
	in	$0x61, %al
user_end:

/* Steps over what exits. RDI: an MMIO address. */
	.globl	step_code, step_1, step_2, step_3, step_4, step_5, step_6, step_end
step_code:
	push	%rbx
	mov	$0x1b, %r8d		/* MSR_APIC_BASE */
	pushfq
	orl	$0x100, (%rsp)		/* TF */
	popfq
	nop
step_1:	cpuid
step_2:	in	$0x61, %al
step_3:	mov	(%rdi), %eax
step_4:	mov	%r8d, %ecx
step_5:	rdmsr
step_6:	nop
step_end:
	pushfq
	andl	$~0x100, (%rsp)
	popfq
	pop	%rbx
	ret

/* 32-bit protected mode, any paging ------------------------------------------------------------ */
	.code32
	entry	.rodata.t32, de32, VEC_DE, 0, "#DE"
de32:	xor	%edx, %edx
	xor	%ecx, %ecx
de32_at:
	div	%ecx
	ret
	entry	.rodata.t32, bp32, VEC_BP, 0, "#BP"
bp32:	int3
bp32_at:
	ret
	entry	.rodata.t32, of32, VEC_OF, 0, "#OF"
of32:	mov	$0x7fffffff, %eax
	add	$1, %eax
	into
of32_at:
	ret
	entry	.rodata.t32, br32, VEC_BR, 0, "#BR"
br32:	mov	$5, %eax
br32_at:
	bound	%eax, bounds
	ret
	entry	.rodata.t32, ud32, VEC_UD, 0, "#UD"
ud32:
ud32_at:
	ud2
	ret
	entry	.rodata.t32, db32, VEC_DB, 0, "#DB by TF over CPUID"
db32:	pushf
	orl	$0x100, (%esp)
	popf
	cpuid
db32_at:
	ret
	entry	.rodata.t32, np32, VEC_NP, SEL_NOT_PRESENT, "#NP"
np32:	mov	$SEL_NOT_PRESENT, %eax
np32_at:
	mov	%eax, %es
	ret
	entry	.rodata.t32, ss32, VEC_SS, SEL_NOT_PRESENT, "#SS by load of SS"
ss32:	mov	$SEL_NOT_PRESENT, %eax
ss32_at:
	mov	%eax, %ss
	ret
	entry	.rodata.t32, gp32, VEC_GP, 0, "#GP by a segment's limit", VEC_NONE, 0
gp32:	mov	$SEL_LIMIT4K, %eax
	mov	%eax, %es
gp32_at:
	mov	%es:0xffd, %eax
	ret
	entry	.rodata.t32, gp32b, VEC_GP, 0, "#GP by a write to a code segment", VEC_NONE, 0
gp32b:
gp32b_at:
	mov	%eax, %cs:bounds
	ret
	entry	.rodata.t32, gp32c, VEC_GP, (0x40*8+2), "#GP by INT past the IDT"
gp32c:
gp32c_at:
	int	$0x40
	ret
	entry	.rodata.t32, gp32d, VEC_GP, 0xfff8, "#GP by a selector past the GDT"
gp32d:	mov	$0xfff8, %eax
gp32d_at:
	lldt	%ax
	ret
	entry	.rodata.t32, ts32, VEC_TS, SEL_LIMIT4K, "#TS by IRET with NT to no TSS"
ts32:	/* the back link of the current TSS (main.c wrote it) names a data segment */
	pushf
	orl	$0x4000, (%esp)
	popf
ts32_at:
	iret
	entry	.rodata.t32, df32, VEC_DF, 0, "#DF, #GP through an absent gate"
df32:	mov	$0xfff8, %eax
df32_at:
	mov	%eax, %es
	ret

/* With paging on */
	entry	.rodata.tpage, pf32, VEC_PF, 0, "#PF, read of an absent page"
pf32:
pf32_at:
	mov	ABSENT, %eax
	ret
	entry	.rodata.tpage, pf32w, VEC_PF, PF_W, "#PF, write to an absent page"
pf32w:
pf32w_at:
	mov	%eax, ABSENT
	ret
	entry	.rodata.tpage, pf32p, VEC_PF, (PF_W|PF_P), "#PF, write to a read-only page"
pf32p:
pf32p_at:
	lock incl READONLY
	ret
	entry	.rodata.tpage, pf32x, VEC_PF, 0, "#PF, jump to an absent page"
pf32x:	mov	$ABSENT, %eax
	jmp	*%eax
	.set	pf32x_at, ABSENT

/* Real mode --------------------------------------------------------------------------------- */
	.section .low, "awx"
	.code16
	entry	.rodata.t16, de16, VEC_DE, 0, "real-mode #DE"
de16:	xor	%dx, %dx
	xor	%cx, %cx
de16_at:
	div	%cx
	ret
	entry	.rodata.t16, bp16, VEC_BP, 0, "real-mode #BP"
bp16:	int3
bp16_at:
	ret
	entry	.rodata.t16, of16, VEC_OF, 0, "real-mode #OF"
of16:	mov	$0x7fff, %ax
	add	$1, %ax
	into
of16_at:
	ret
	entry	.rodata.t16, br16, VEC_BR, 0, "real-mode #BR"
br16:	mov	$5, %ax
br16_at:
	bound	%ax, bounds16
	ret
	entry	.rodata.t16, ud16, VEC_UD, 0, "real-mode #UD"
ud16:
ud16_at:
	ud2
	ret
	entry	.rodata.t16, db16, VEC_DB, 0, "real-mode #DB by TF over CPUID"
db16:	pushf
	pop	%ax
	or	$0x100, %ax
	push	%ax
	popf
	cpuid
db16_at:
	ret
	entry	.rodata.t16, db16i, VEC_DB, 0, "real-mode #DB by TF over IN"
db16i:	pushf
	pop	%ax
	or	$0x100, %ax
	push	%ax
	popf
	in	$0x61, %al
db16i_at:
	ret
	entry	.rodata.t16, gp16, VEC_GP, 0, "real-mode #GP by the limit", VEC_NONE, 0
gp16:
gp16_at:
	mov	0xffff, %ax
	ret
	entry	.rodata.t16, ss16, VEC_SS, 0, "real-mode #SS by the limit", VEC_NONE, 0
ss16:
ss16_at:
	mov	%ss:0xffff, %ax
	ret
	entry	.rodata.t16, gp16b, VEC_GP, 0, "real-mode #GP by INT past the IVT"
gp16b:
gp16b_at:
	int	$0x40
	ret
	entry	.rodata.t16, ok16, VEC_NONE, 0, "real-mode code without an exception"
ok16:	movb	$1, %al
ok16_at:
	ret

bounds16:
	.word	0, 3

	.data
	.balign	8
	.globl	bounds
bounds:
	.long	0, 3

	.pushsection .rodata.t64, "a"
	.quad	0
	.popsection
	.pushsection .rodata.t32, "a"
	.quad	0
	.popsection
	.pushsection .rodata.tpage, "a"
	.quad	0
	.popsection
	.pushsection .rodata.t16, "a"
	.quad	0
	.popsection
	.section .note.GNU-stack, "", @progbits

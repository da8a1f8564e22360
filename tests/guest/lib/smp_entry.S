/* SPDX-License-Identifier: MIT */
/*
 * Where a SIPI leads: the trampoline is copied to a page below 1 MiB; from real mode it goes to
 * 64-bit C as start.S does, on the stack that the boot CPU has left for it.
 */
#include "hw.h"

	.text
	.code16
	.globl	smp_trampoline, smp_trampoline_end
smp_trampoline:
	cli
	cld
	mov	%edx, %ebx
	mov	%cr0, %ecx
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	gdtr - smp_trampoline
	mov	$(1 << 4) | 1, %eax /* ET PE: caches on */
	mov	%eax, %cr0
	ljmpl	$SEL_CODE32, $protected
	.balign	4
gdtr:	.word	SEL_BYTES - 1
	.long	start_gdt
smp_trampoline_end:

	.code32
protected:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%ecx, smp_start_state
	mov	%ebx, smp_start_state + 4
	mov	%cr4, %eax
	or	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$paging_pml4, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_LME, %eax
	wrmsr
	mov	$(1 << 31) | (1 << 16) | (1 << 5) | (1 << 4) | (1 << 1) | 1, %eax /* PG WP NE ET MP PE */
	mov	%eax, %cr0
	ljmp	$SEL_CODE64, $long_mode

	.code64
long_mode:
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	lldt	%ax
	mov	smp_start_stack, %rsp
	xor	%ebp, %ebp
	call	smp_c
1:	cli
	hlt
	jmp	1b

	.data
	.balign	8
	.globl	smp_start_stack, smp_start_state
smp_start_stack:
	.quad	0
smp_start_state:
	.long	0, 0
	.section .note.GNU-stack, "", @progbits

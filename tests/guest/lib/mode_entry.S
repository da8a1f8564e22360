/* SPDX-License-Identifier: MIT */
/* The switches between the modes: SDM Vol. 3, "Mode Switching" and "Switching Back to Real Mode". */
#include "hw.h"

	.text
	.code64
/* uint8_t mode_enter32(void (*code32)(void), uint32_t cr0, uint32_t cr3, uint32_t cr4) */
	.globl	mode_enter32
mode_enter32:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushfq
	cli
	mov	%rsp, saved_rsp(%rip)
	mov	%edi, arg_code(%rip)
	mov	%esi, arg_cr0(%rip)
	mov	%edx, arg_cr3(%rip)
	mov	%ecx, arg_cr4(%rip)
	mov	%cr0, %rax
	mov	%eax, saved_cr0(%rip)
	mov	%cr3, %rax
	mov	%eax, saved_cr3(%rip)
	mov	%cr4, %rax
	mov	%eax, saved_cr4(%rip)
	mov	$MSR_EFER, %ecx
	rdmsr
	mov	%eax, saved_efer(%rip)
	sidt	saved_idtr(%rip)
	push	$SEL_CODE32
	push	$down32
	lretq

	.code32
down32:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$stack32_top, %esp
	mov	%cr0, %eax
	and	$~(1 << 31), %eax	/* PG */
	mov	%eax, %cr0
	mov	$MSR_EFER, %ecx
	rdmsr
	and	$~(EFER_LME | EFER_NXE), %eax
	wrmsr
	mov	arg_cr4, %eax
	mov	%eax, %cr4
	mov	arg_cr3, %eax
	mov	%eax, %cr3
	mov	arg_cr0, %eax
	mov	%eax, %cr0
	jmp	1f
1:	lidt	idtr32
	call	*arg_code
	mov	%eax, mode_result + 20
/* Also from real mode, and from the exception stubs: nothing but CS is sure. */
	.globl	mode_up32
mode_up32:
	cli
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$stack32_top, %esp
	mov	$(CR0_PE_ | CR0_ET_ | CR0_NE_), %eax
	mov	%eax, %cr0
	mov	saved_cr4, %eax
	mov	%eax, %cr4
	mov	saved_cr3, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	mov	saved_efer, %eax
	and	$~EFER_LMA, %eax
	wrmsr
	mov	saved_cr0, %eax
	mov	%eax, %cr0
	ljmp	$SEL_CODE64, $up64

	.set	CR0_PE_, 1 << 0
	.set	CR0_ET_, 1 << 4
	.set	CR0_NE_, 1 << 5

	.code64
up64:
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	lidt	saved_idtr(%rip)
	mov	saved_rsp(%rip), %rsp
	popfq
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	movzbl	mode_result(%rip), %eax
	ret

	.code32
common32:
	popl	mode_result		/* vector */
	popl	mode_result + 4		/* error */
	popl	mode_result + 8		/* EIP */
	pop	%eax
	popl	mode_result + 12	/* EFLAGS */
	mov	%cr2, %eax
	mov	%eax, mode_result + 16
	jmp	mode_up32

	.balign	16
	.globl	mode_stubs32
mode_stubs32:
	.set	i, 0
	.rept	32
	.balign	16
	.if	!((i == 8) || (i >= 10 && i <= 14) || (i == 17))
	push	$0
	.endif
	push	$i
	jmp	common32
	.set	i, i + 1
	.endr

/* 32-bit code without paging that goes on to real mode. */
	.globl	mode_go16
mode_go16:
	ljmp	$SEL_CODE16, $low16

	.section .low, "awx"
	.code16
low16:
	mov	$SEL_DATA16, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	%ax, %fs
	mov	%ax, %gs
	mov	%cr0, %eax
	and	$~1, %eax
	mov	%eax, %cr0
	ljmp	$0, $real
real:
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	%ax, %fs
	mov	%ax, %gs
	mov	$LOW_STACK, %sp
	lidtl	low_idtr
	movw	$VEC_NONE, low_vector
	call	*low_entry
low_up:
	cli
	mov	%cr0, %eax
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	$SEL_CODE32, $mode_up32

common16:
	pop	%cs:low_vector
	pop	%cs:low_ip
	pop	%ax
	pop	%cs:low_flags
	jmp	low_up

	.balign	8
stubs16:
	.set	i, 0
	.rept	32
	.balign	8
	push	$i
	jmp	common16
	.set	i, i + 1
	.endr

	.balign	4
low_ivt:
	.set	i, 0
	.rept	32
	.word	stubs16 + i * 8, 0
	.set	i, i + 1
	.endr
low_idtr:
	.word	32 * 4 - 1
	.long	low_ivt
	.globl	low_entry, low_vector, low_ip, low_flags
	.balign	4
low_entry:
	.long	0
low_vector:
	.word	0
low_ip:
	.word	0
low_flags:
	.word	0

	.set	LOW_STACK, 0x6000	/* guest.ld puts .low behind */

	.data
	.balign	8
saved_rsp:
	.quad	0
saved_cr0:
	.long	0
saved_cr3:
	.long	0
saved_cr4:
	.long	0
saved_efer:
	.long	0
arg_code:
	.long	0
arg_cr0:
	.long	0
arg_cr3:
	.long	0
arg_cr4:
	.long	0
	.word	0, 0, 0
saved_idtr:
	.word	0
	.quad	0
	.word	0
idtr32:
	.word	32 * 8 - 1
	.long	mode_idt32

	.bss
	.balign	16
	.skip	4096
stack32_top:
	.section .note.GNU-stack, "", @progbits

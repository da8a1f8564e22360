/* SPDX-License-Identifier: MIT */
/* 256 stubs into trap_handle(), and the frame to which an exception inside trap_run() unwinds. */
#include "hw.h"

	.text
	.code64
trap_common:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rbx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	/* The CPU aligned the stack to 16 and 22 words lie on it. */
	call	trap_handle
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rbx
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$16, %rsp
	iretq

	.altmacro
	.macro	trap_stub n
stub_\n:
	/* Vectors 8, 10 to 14 and 17 come with an error code. */
	.if	!((\n == 8) || (\n >= 10 && \n <= 14) || (\n == 17))
	push	$0
	.endif
	push	$\n
	jmp	trap_common
	.endm
	.macro	trap_pointer n
	.quad	stub_\n
	.endm

	.set	i, 0
	.rept	256
	trap_stub %i
	.set	i, i + 1
	.endr

	.section .rodata
	.balign	8
	.globl	trap_stubs
trap_stubs:
	.set	i, 0
	.rept	256
	trap_pointer %i
	.set	i, i + 1
	.endr

	.text
	.macro	save_frame
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushfq
	push	trap_rsp(%rip)
	mov	%rsp, trap_rsp(%rip)
	.endm

/* uint8_t trap_enter(void (*fn)(uint64_t), uint64_t arg) */
	.globl	trap_enter
trap_enter:
	save_frame
	sub	$8, %rsp
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	add	$8, %rsp
	mov	$VEC_NONE, %eax
/* An exception comes here with the vector in RAX and RSP from trap_rsp. */
	.globl	trap_resume
trap_resume:
	pop	trap_rsp(%rip)
	popfq
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* uint8_t trap_enter_user(uint64_t rip, uint64_t rsp, uint64_t rflags) */
	.globl	trap_enter_user
trap_enter_user:
	save_frame
	push	$SEL_USER_DATA | RPL3
	push	%rsi
	push	%rdx
	push	$SEL_USER_CODE64 | RPL3
	push	%rdi
	iretq

/* void trap_load_idt(const void *base, uint16_t limit) */
	.globl	trap_load_idt
trap_load_idt:
	sub	$16, %rsp
	mov	%si, 6(%rsp)
	mov	%rdi, 8(%rsp)
	lidt	6(%rsp)
	add	$16, %rsp
	ret

	.bss
	.balign	8
	.globl	trap_rsp
trap_rsp:
	.quad	0
	.section .note.GNU-stack, "", @progbits

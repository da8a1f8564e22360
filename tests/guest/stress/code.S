/* SPDX-License-Identifier: MIT */
/*
 * Every general register holds a pattern of its own over a row of instructions that exit. Each piece
 * is a row of {code, what it may change}; stress_run() compares the rest.
 */
#include "lib/hw.h"

	.set	RAX, 1 << 0
	.set	RCX, 1 << 1
	.set	RDX, 1 << 2
	.set	RBX, 1 << 3
	.set	NONE, 0

	.text
	.code64
/* void stress_run(void (*code)(void), uint64_t regs[15]): rax rcx rdx rbx rbp rsi rdi r8 … r15 */
	.globl	stress_run
stress_run:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rsi
	push	%rdi
	mov	%rsi, %rax
	mov	8(%rax), %rcx
	mov	16(%rax), %rdx
	mov	24(%rax), %rbx
	mov	32(%rax), %rbp
	mov	40(%rax), %rsi
	mov	48(%rax), %rdi
	mov	56(%rax), %r8
	mov	64(%rax), %r9
	mov	72(%rax), %r10
	mov	80(%rax), %r11
	mov	88(%rax), %r12
	mov	96(%rax), %r13
	mov	104(%rax), %r14
	mov	112(%rax), %r15
	mov	(%rax), %rax
	call	*(%rsp)
	push	%rax
	mov	16(%rsp), %rax
	popq	(%rax)
	mov	%rcx, 8(%rax)
	mov	%rdx, 16(%rax)
	mov	%rbx, 24(%rax)
	mov	%rbp, 32(%rax)
	mov	%rsi, 40(%rax)
	mov	%rdi, 48(%rax)
	mov	%r8, 56(%rax)
	mov	%r9, 64(%rax)
	mov	%r10, 72(%rax)
	mov	%r11, 80(%rax)
	mov	%r12, 88(%rax)
	mov	%r13, 96(%rax)
	mov	%r14, 104(%rax)
	mov	%r15, 112(%rax)
	pop	%rdi
	pop	%rsi
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.macro	piece changes, name
	.pushsection .rodata.pieces, "a"
	.quad	8f, \changes, 9f
	.popsection
	.pushsection .rodata.names, "a"
9:	.asciz	"\name"
	.popsection
8:
	.endm

	.pushsection .rodata.pieces, "a"
	.balign	8
	.globl	stress_pieces
stress_pieces:
	.popsection

	piece	(RAX|RCX|RDX|RBX), "CPUID"
	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
	ret
	piece	RAX, "IN"
	in	$PORT_61, %al
	ret
	piece	RDX, "OUT"
	mov	$COM1 + UART_SCR, %edx
	out	%al, %dx
	ret
	piece	(RAX|RCX|RDX), "RDMSR"
	mov	$MSR_APIC_BASE, %ecx
	rdmsr
	ret
	piece	RAX, "MMIO store"
	mov	$IOAPIC_BASE, %eax
	mov	%r14d, (%rax)
	ret
	piece	RAX, "MMIO load"
	mov	$LAPIC_BASE + LAPIC_VERSION, %eax
	mov	(%rax), %eax
	ret
	piece	NONE, "HLT, until a tick"
	hlt
	ret
	piece	(RAX|RDX), "RDTSC"
	rdtsc
	ret
	piece	RAX, "CR0, CR3, CR4 read and written"
	mov	%cr4, %rax
	mov	%rax, %cr4
	mov	%cr0, %rax
	mov	%rax, %cr0
	mov	%cr3, %rax
	mov	%rax, %cr3
	ret
	piece	NONE, "WBINVD"
	wbinvd
	ret
	piece	NONE, "PAUSE"
	.rept	50
	pause
	.endr
	ret

	.pushsection .rodata.pieces, "a"
	.quad	0, 0, 0
	.popsection
	.section .note.GNU-stack, "", @progbits

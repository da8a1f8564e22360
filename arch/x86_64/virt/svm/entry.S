/* SPDX-License-Identifier: MIT */
/*
 * The world switch. GIF is off from before the guest's state is loaded until the host's is back, so
 * nothing can interrupt between; IF = 1 at VMRUN lets a physical interrupt end the guest's turn.
 */
#include "asm_offsets.h"

	.section .text.exit_path, "ax"
	.balign 64
	.globl svm_enter
	.type svm_enter, @function
/*
 * void svm_enter(uint64_t *gpr, uint64_t vmcb_pa, uint64_t host_vmcb_pa). Comes back with RBP and
 * RSP kept, and nothing else: what the caller needs of the other registers, the compiler has saved
 * once already.
 */
svm_enter:
	pushq %rbp
	pushq %rdx
	pushq %rdi
	movq %rsi, %rax
	clgi
	sti
	vmload %rax
	movq GPR_RCX(%rdi), %rcx
	movq GPR_RDX(%rdi), %rdx
	movq GPR_RBX(%rdi), %rbx
	movq GPR_RBP(%rdi), %rbp
	movq GPR_RSI(%rdi), %rsi
	movq GPR_R8(%rdi), %r8
	movq GPR_R9(%rdi), %r9
	movq GPR_R10(%rdi), %r10
	movq GPR_R11(%rdi), %r11
	movq GPR_R12(%rdi), %r12
	movq GPR_R13(%rdi), %r13
	movq GPR_R14(%rdi), %r14
	movq GPR_R15(%rdi), %r15
	movq GPR_RDI(%rdi), %rdi
	vmrun %rax
	/* RAX and RSP are the host's again: RAX the VMCB's address, as at VMRUN. */
	vmsave %rax
	popq %rax
	movq %rdi, GPR_RDI(%rax)
	movq %rcx, GPR_RCX(%rax)
	movq %rdx, GPR_RDX(%rax)
	movq %rbx, GPR_RBX(%rax)
	movq %rbp, GPR_RBP(%rax)
	movq %rsi, GPR_RSI(%rax)
	movq %r8, GPR_R8(%rax)
	movq %r9, GPR_R9(%rax)
	movq %r10, GPR_R10(%rax)
	movq %r11, GPR_R11(%rax)
	movq %r12, GPR_R12(%rax)
	movq %r13, GPR_R13(%rax)
	movq %r14, GPR_R14(%rax)
	movq %r15, GPR_R15(%rax)
	popq %rax
	vmload %rax
	cli
	stgi
	popq %rbp
	ret
	.size svm_enter, . - svm_enter

	.section .note.GNU-stack, "", @progbits

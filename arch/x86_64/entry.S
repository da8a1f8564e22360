/* SPDX-License-Identifier: MIT */
/* Where the CPU comes in through the IDT: 256 stubs that bring every vector to one frame, struct trap_frame. */


	.text
	.balign 16
	.globl trap_stubs
trap_stubs:
vector = 0
	/* Exceptions 8, 10-14, 17, 21, 29 and 30 push an error code; for the others we push 0. */
	.rept 256
	.balign 16
	.if (vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	.else
	pushq $0
	.endif
	pushq $vector
	jmp trap_common
vector = vector + 1
	.endr

	.balign 16
	.type trap_common, @function
trap_common:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rbx
	pushq %rbp
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	call trap_handle
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rbp
	popq %rbx
	popq %rdx
	popq %rcx
	popq %rax
	addq $16, %rsp
	iretq
	.size trap_common, . - trap_common

/* void thread_switch(uint64_t *save_rsp, uint64_t load_rsp): the callee-saved registers travel on the stack. */
	.globl thread_switch
	.type thread_switch, @function
thread_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.size thread_switch, . - thread_switch

/* The first return of a new thread: RBX holds its body, R12 the argument. */
	.globl thread_start
	.type thread_start, @function
thread_start:
	movq %r12, %rdi
	call *%rbx
	call thread_exit
	ud2
	.size thread_start, . - thread_start

	.section .note.GNU-stack, "", @progbits

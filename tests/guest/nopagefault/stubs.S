/* SPDX-License-Identifier: MIT */
/* Handlers as lean as they can be. */
	.text
	.code64
/* A page fault of cost_load() alone: goes on behind its load. */
	.globl	cost_page_fault, cost_load, cost_syscall, cost_syscall_entry
cost_page_fault:
	add	$8, %rsp
	addq	$load_end - load_insn, (%rsp)
	iretq
/* void cost_load(uint64_t va) */
cost_load:
load_insn:
	mov	(%rdi), %al
load_end:
	ret
/* SYSCALL is allowed in ring 0 as well. */
cost_syscall:
	syscall
	ret
cost_syscall_entry:
	jmp	*%rcx
	.section .note.GNU-stack, "", @progbits

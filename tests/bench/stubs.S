/* SPDX-License-Identifier: MIT */
/* Handlers as lean as they can be, so that what is timed is the machine and not they. */
#include "lib/hw.h"

	.text
/* An interrupt: says so, and does EOI by MMIO. */
	.globl	bench_irq
bench_irq:
	push	%rax
	incl	bench_taken(%rip)
	mov	$LAPIC_BASE + LAPIC_EOI, %eax
	movl	$0, (%rax)
	pop	%rax
	iretq

/* The same by MSR. */
	.globl	bench_irq_x2apic
bench_irq_x2apic:
	push	%rax
	push	%rcx
	push	%rdx
	incl	bench_taken(%rip)
	mov	$MSR_X2APIC + LAPIC_EOI / 16, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
	pop	%rdx
	pop	%rcx
	pop	%rax
	iretq

/* A page fault of bench_load() alone: goes on behind its load. */
	.globl	bench_page_fault
bench_page_fault:
	add	$8, %rsp
	addq	$bench_load_end - bench_load_insn, (%rsp)
	iretq

/* void bench_load(uint64_t va) */
	.globl	bench_load
bench_load:
bench_load_insn:
	mov	(%rdi), %al
bench_load_end:
	ret

/* void bench_syscall(void): SYSCALL is allowed in ring 0 as well, which times it alone. */
	.globl	bench_syscall, bench_syscall_entry
bench_syscall:
	syscall
	ret
bench_syscall_entry:
	jmp	*%rcx

/* void bench_sysret(uint64_t user_rip): to a SYSCALL in ring 3, and back by it. */
	.globl	bench_sysret, bench_sysret_entry
bench_sysret:
	mov	%rdi, %rcx
	mov	$RFLAGS_BITS, %r11d
	sysretq
bench_sysret_entry:
	ret

	.set	RFLAGS_BITS, 2
	.bss
	.globl	bench_taken
	.balign	4
bench_taken:
	.long	0
	.section .note.GNU-stack, "", @progbits

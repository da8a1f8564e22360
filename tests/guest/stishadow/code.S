/* SPDX-License-Identifier: MIT */
/* Each piece ends with interrupts off; `\name\()_at` is where its interrupt has to be taken. */
#include "lib/hw.h"

	.macro	shadow_case name, text
	.pushsection .rodata.cases, "a"
	.quad	9f, \name, \name\()_at
	.popsection
	.pushsection .rodata.names, "a"
9:	.asciz	"\text"
	.popsection
	.endm

	.pushsection .rodata.cases, "a"
	.balign	8
	.globl	shadow_cases
shadow_cases:
	.popsection

	.text
	shadow_case sti_nop, "STI, NOP"
sti_nop:
	sti
	nop
sti_nop_at:
	nop
	cli
	ret
	shadow_case sti_cpuid, "STI, CPUID"
sti_cpuid:
	push	%rbx
	sti
	cpuid
sti_cpuid_at:
	cli
	pop	%rbx
	ret
	shadow_case sti_in, "STI, IN"
sti_in:
	sti
	in	$PORT_61, %al
sti_in_at:
	cli
	ret
	shadow_case sti_out, "STI, OUT"
sti_out:
	mov	$COM1 + UART_SCR, %edx
	sti
	out	%al, %dx
sti_out_at:
	cli
	ret
	shadow_case sti_mmio, "STI, store to a device"
sti_mmio:
	mov	$IOAPIC_BASE, %eax
	sti
	movl	$0, (%rax)
sti_mmio_at:
	cli
	ret
	shadow_case sti_rdmsr, "STI, RDMSR"
sti_rdmsr:
	mov	$MSR_APIC_BASE, %ecx
	sti
	rdmsr
sti_rdmsr_at:
	cli
	ret
	shadow_case sti_sti, "STI where interrupts are on shades nothing anew"
sti_sti:
	sti
	sti
sti_sti_at:
	nop
	cli
	ret
	shadow_case popf_on, "POPF that turns interrupts on has no shadow"
popf_on:
	pushq	$RFLAGS_WITH_IF
	popfq
popf_on_at:
	nop
	cli
	ret
	.set	RFLAGS_WITH_IF, 0x202

/* A single step's #DB waits behind the instruction that follows MOV SS. */
	.globl	shadow_step_nop, shadow_step_nop_at, shadow_step_cpuid, shadow_step_cpuid_at
shadow_step_nop:
	mov	%ss, %eax
	pushq	$RFLAGS_WITH_TF
	popfq
	mov	%eax, %ss
	nop
shadow_step_nop_at:
	nop
	ret
shadow_step_cpuid:
	push	%rbx
	mov	%ss, %eax
	pushq	$RFLAGS_WITH_TF
	popfq
	mov	%eax, %ss
	cpuid
shadow_step_cpuid_at:
	nop
	pop	%rbx
	ret
	.set	RFLAGS_WITH_TF, 0x102

	.globl	shadow_hlt, shadow_hlt_end, shadow_sti_cli
shadow_hlt:
	sti
	hlt
shadow_hlt_end:
	cli
	ret
shadow_sti_cli:
	sti
	cli
	ret

	.pushsection .rodata.cases, "a"
	.quad	0, 0, 0
	.popsection
	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: MIT */
/*
 * Where a further CPU begins: in real mode, at the start of the page below 1 MiB that smp.c has copied ap_begin to.
 * Nothing in that page depends on its address. From real mode it goes straight to 64-bit mode, on the tables that
 * start.S made, and takes its ticket: its stack, Plinth's page tables and its struct cpu.
 */
#include "boot/ap.h"
#include "boot/long_mode.h"
#include "arch/x86_64/layout.h"

	.section .rodata
	.globl ap_begin, ap_end
	.code16
ap_begin:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl gdt_pointer - ap_begin
	movl $CR4_PAE_ONLY, %eax
	movl %eax, %cr4
	movl $PHYS(boot_pml4), %eax
	movl %eax, %cr3
	movl $EFER, %ecx
	rdmsr
	orl $EFER_LME_NXE, %eax
	wrmsr
	/* Caches too, which INIT has switched off. */
	movl $CR0_PE_PG_WP, %eax
	movl %eax, %cr0
	ljmpl $SELECTOR_CODE64, $ap_start64
	.balign 4
gdt_pointer:
	.short BOOT_GDT_SIZE - 1
	.long boot_gdt
ap_end:

	/* Low, where start.S's tables map it one to one. */
	.section .boot.text, "ax"
	.code64
ap_start64:
	movabsq $take_ticket, %rax
	jmp *%rax

	.text
take_ticket:
	movl $SELECTOR_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	/* Whoever comes too late finds none, and stays here. */
	xorl %eax, %eax
	xchgq %rax, ap_ticket
	testq %rax, %rax
	jz 1f
	movq AP_TICKET_CR3(%rax), %rcx
	movq %rcx, %cr3
	movq AP_TICKET_STACK(%rax), %rsp
	movq AP_TICKET_CPU(%rax), %rdi
	xorl %ebp, %ebp
	call ap_main
1:	hlt
	jmp 1b

	.section .note.GNU-stack, "", @progbits

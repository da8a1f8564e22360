/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1 header, and the way from the loader's 32-bit protected mode to 64-bit C. The first
 * 4 GiB are mapped one to one by 2 MiB pages, uncached from 3 GiB on, where the devices are.
 */
#include "hw.h"

#define MULTIBOOT_MAGIC	 0x1badb002
#define MULTIBOOT_LOADER 0x2BADB002
#define MULTIBOOT_FLAGS	 3 /* page-aligned modules, memory map */

	.section .multiboot, "a"
	.balign	4
	.long	MULTIBOOT_MAGIC
	.long	MULTIBOOT_FLAGS
	.long	-(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.text
	.code32
	.globl	_start
_start:
	cli
	cld
	mov	$start_stack_top, %esp
	cmp	$MULTIBOOT_LOADER, %eax
	jne	1f
	mov	%ebx, boot_multiboot_info
1:	mov	%cr4, %eax
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
	lgdt	start_gdtr
	ljmp	$SEL_CODE64, $start64

	.code64
start64:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	lldt	%ax
	/* No-execute, where the CPU has it. */
	mov	$0x80000001, %eax
	cpuid
	bt	$20, %edx
	jnc	1f
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_NXE, %eax
	wrmsr
1:	call	start_c
2:	cli
	hlt
	jmp	2b

	.data
	.balign	16
	.globl	start_gdt
start_gdt:
	.quad	0
	.quad	0x00af9b000000ffff	/* SEL_CODE64 */
	.quad	0x00cf93000000ffff	/* SEL_DATA */
	.quad	0x00cffb000000ffff	/* SEL_USER_CODE32 */
	.quad	0x00cff3000000ffff	/* SEL_USER_DATA */
	.quad	0x00affb000000ffff	/* SEL_USER_CODE64 */
	.quad	0x00cf9b000000ffff	/* SEL_CODE32 */
	.quad	0x00009b000000ffff	/* SEL_CODE16 */
	.quad	0x000093000000ffff	/* SEL_DATA16 */
	.quad	0, 0			/* SEL_TSS, filled by trap_init() */
	.quad	0x00cf13000000ffff	/* SEL_NOT_PRESENT */
	.quad	0x00cf99000000ffff	/* SEL_CALL_ONLY */
	.quad	0x0040930000000fff	/* SEL_LIMIT4K */
	.globl	start_gdtr
	.balign	8
	.word	0, 0, 0
start_gdtr:
	.word	SEL_BYTES - 1
	.quad	start_gdt

	.balign	4096
	.globl	paging_pml4
paging_pml4:
	.quad	pdpt + (PTE_P | PTE_W | PTE_U)
	.fill	511, 8, 0
pdpt:
	.set	i, 0
	.rept	4
	.quad	pds + i * 4096 + (PTE_P | PTE_W | PTE_U)
	.set	i, i + 1
	.endr
	.fill	508, 8, 0
pds:
	.set	i, 0
	.rept	1536
	.quad	i * LARGE_PAGE_SIZE + (PTE_P | PTE_W | PTE_PS)
	.set	i, i + 1
	.endr
	.rept	512
	.quad	i * LARGE_PAGE_SIZE + (PTE_P | PTE_W | PTE_PS | PTE_PCD | PTE_PWT)
	.set	i, i + 1
	.endr

	.globl	boot_multiboot_info
boot_multiboot_info:
	.long	0

	.bss
	.balign	4096
	.skip	32768
start_stack_top:
	.section .note.GNU-stack, "", @progbits

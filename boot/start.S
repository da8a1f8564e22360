/* SPDX-License-Identifier: MIT */
/*
 * The first instructions: from a multiboot loader's 32-bit protected mode to 64-bit mode in the higher half.
 * The tables made here map the first 4 GiB three times (identity, direct map, image); core/space.c replaces
 * them by ones that keep W^X.
 */
#include "boot/multiboot.h"
#include "boot/long_mode.h"
#include "arch/x86_64/layout.h"

#define PTE_P_W      0x3
#define PTE_P_W_PS   0x83
#define CPUID_EXT_LM    (1 << 29)

	.section .multiboot, "a"
	.balign 8
mb1_header:
	.long MB1_HEADER_MAGIC
	.long MB1_ALIGN | MB1_MEMORY | MB1_ADDRESSES
	.long -(MB1_HEADER_MAGIC + (MB1_ALIGN | MB1_MEMORY | MB1_ADDRESSES))
	.long mb1_header		/* header_addr */
	.long image_load		/* load_addr */
	.long image_file_end		/* load_end_addr */
	.long image_load_end		/* bss_end_addr */
	.long boot_start32		/* entry_addr */

	.balign 8
mb2_header:
	.long MB2_HEADER_MAGIC
	.long 0				/* i386, protected mode */
	.long mb2_header_end - mb2_header
	.long -(MB2_HEADER_MAGIC + (mb2_header_end - mb2_header))
	/* Information request: command line, loader, modules, memory map; optional: both RSDPs. */
	.short 1, 0
	.long 8 + 4 * 4
	.long 1, 2, 3, 6
	.short 6, 0			/* modules on page boundaries */
	.long 8
	.short 0, 0			/* the end */
	.long 8
mb2_header_end:

	.section .boot.text, "ax"
	.code32
	.globl boot_start32
boot_start32:
	cli
	cld
	movl %eax, %edi			/* the loader's magic */
	movl %ebx, %esi			/* and its information: the first two arguments of boot_main() */
	movl $PHYS(boot_stack_top), %esp

	movl $0x80000000, %eax
	pushl %esi
	cpuid
	cmpl $0x80000001, %eax
	jb no_long_mode
	movl $0x80000001, %eax
	cpuid
	testl $CPUID_EXT_LM, %edx
	jz no_long_mode
	popl %esi

	/* The loader cleared .bss. Four page directories of 2 MiB pages: 4 GiB. */
	movl $PHYS(boot_pd), %ebx
	movl $PTE_P_W_PS, %eax
	movl $4 * 512, %ecx
1:	movl %eax, (%ebx)
	addl $0x200000, %eax
	addl $8, %ebx
	loop 1b

	movl $PHYS(boot_pd) + PTE_P_W, %eax
	movl $PHYS(boot_pdpt), %ebx
	movl $4, %ecx
2:	movl %eax, (%ebx)
	addl $4096, %eax
	addl $8, %ebx
	loop 2b
	movl $PHYS(boot_pd) + PTE_P_W, PHYS(boot_pdpt_image) + 510 * 8

	movl $PHYS(boot_pdpt) + PTE_P_W, %eax
	movl %eax, PHYS(boot_pml4)
	movl %eax, PHYS(boot_pml4) + DIRECT_PML4 * 8
	movl $PHYS(boot_pdpt_image) + PTE_P_W, PHYS(boot_pml4) + 511 * 8

	movl $CR4_PAE_ONLY, %eax
	movl %eax, %cr4
	movl $PHYS(boot_pml4), %eax
	movl %eax, %cr3
	movl $EFER, %ecx
	rdmsr
	orl $EFER_LME_NXE, %eax
	wrmsr
	movl $CR0_PE_PG_WP, %eax
	movl %eax, %cr0
	lgdt boot_gdt_pointer
	ljmp $SELECTOR_CODE64, $boot_start64

	/* A CPU without 64-bit mode: say so on COM1 (0x3f8; the loader has set its speed) and on a VGA text screen. */
no_long_mode:
	movl $no_long_mode_text, %esi
	movl $0xb8000, %edi
3:	lodsb
	testb %al, %al
	jz 4f
	movw $0x3f8, %dx
	outb %al, %dx
	movb $0x4f, %ah
	stosw
	jmp 3b
4:	hlt
	jmp 4b
no_long_mode_text:
	.asciz "Plinth: this CPU has no 64-bit mode; an x86-64 machine is needed.\r\n"

	.code64
boot_start64:
	movl $SELECTOR_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movq $boot_stack_top, %rsp
	xorl %ebp, %ebp
	movl %edi, %edi
	movl %esi, %esi
	movabsq $boot_main, %rax
	call *%rax
	ud2

	.balign 8
	.globl boot_gdt, boot_pml4
boot_gdt:				/* accessed bits are set already: the page may be read-only */
	.quad 0
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
boot_gdt_end:
boot_gdt_pointer:
	.short boot_gdt_end - boot_gdt - 1
	.quad boot_gdt

	.section .bss.boot, "aw", @nobits
	.balign 4096
boot_pml4:	 .skip 4096
boot_pdpt:	 .skip 4096
boot_pdpt_image: .skip 4096
boot_pd:	 .skip 4 * 4096
	.globl boot_stack
boot_stack:	 .skip 16384
	.globl boot_stack_top
boot_stack_top:

	.section .note.GNU-stack, "", @progbits

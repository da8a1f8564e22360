/* SPDX-License-Identifier: MIT */
/* The state that the 64-bit boot protocol wants: flat segments 0x10 and 0x18, the zero page in RSI. */
#define BOOT_CS 0x10
#define BOOT_DS 0x18

	.text
	.code64
	.globl	linux_enter
linux_enter: /* entry, page */
	lgdt	gdtr
	mov	$BOOT_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	push	$BOOT_CS
	push	%rdi
	lretq

	.data
	.balign	8
gdt:
	.quad	0, 0
	.quad	0x00af9b000000ffff	/* BOOT_CS */
	.quad	0x00cf93000000ffff	/* BOOT_DS */
gdtr:
	.word	gdtr - gdt - 1
	.quad	gdt

/* SPDX-License-Identifier: MIT */
/* The way to 64-bit mode, as the first CPU (start.S) and the others (ap.S) both go it. */
#ifndef BOOT_LONG_MODE_H
#define BOOT_LONG_MODE_H

/* The image is linked high; before paging it is here. */
#define PHYS(symbol) ((symbol)-KERNEL_BASE)

#define CR0_PE_PG_WP 0x80010001
#define CR4_PAE_ONLY 0x20
#define EFER	     0xc0000080
#define EFER_LME_NXE 0x900

/* start.S's boot_gdt: nothing, code, data. */
#define SELECTOR_CODE64 0x08
#define SELECTOR_DATA	0x10
#define BOOT_GDT_SIZE	(3 * 8)

#endif

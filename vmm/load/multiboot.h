/* SPDX-License-Identifier: MIT */
/*
 * The Multiboot Specification, version 0.6.96: the header in a kernel and what it is told at entry.
 */
#ifndef VMM_LOAD_MULTIBOOT_H
#define VMM_LOAD_MULTIBOOT_H

#include "lib/types.h"
#include "vmm/load/e820.h"

enum {
	MB_SEARCH = 8192, /* the header lies within these first bytes of the file */
	MB_HEADER_ALIGN = 4,
	MB_HEADER_MAGIC = 0x1badb002,
	MB_BOOT_MAGIC = 0x2badb002, /* in EAX at entry */
	MB2_SEARCH = 32768,	    /* multiboot 2, to tell it by its name */
};

#define MB2_HEADER_MAGIC 0xe85250d6u

/* Header flags; a loader that does not know one of bits 0 to 15 has to refuse. */
enum mb_header_flags {
	MB_HEADER_PAGE_ALIGN = 1 << 0, /* modules on page boundaries */
	MB_HEADER_MEMORY = 1 << 1,     /* wants the memory's size */
	MB_HEADER_VIDEO = 1 << 2,      /* would like a video mode */
	MB_HEADER_KNOWN = MB_HEADER_PAGE_ALIGN | MB_HEADER_MEMORY | MB_HEADER_VIDEO,
	MB_HEADER_REQUIRED = 0xffff,
	MB_HEADER_ADDRESSES = 1 << 16, /* the address fields are valid */
};

struct mb_header {
	uint32_t magic, flags, checksum;
	/* with MB_HEADER_ADDRESSES */
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

enum { MB_HEADER_SHORT = 12 /* its size without the addresses */ };

enum mb_info_flags {
	MB_INFO_MEMORY = 1 << 0,
	MB_INFO_CMDLINE = 1 << 2,
	MB_INFO_MODULES = 1 << 3,
	MB_INFO_MMAP = 1 << 6,
	MB_INFO_LOADER_NAME = 1 << 9,
};

struct mb_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr, config_table, boot_loader_name, apm_table;
	uint32_t vbe[4];
	uint32_t framebuffer[7];
};

struct mb_module {
	uint32_t start, end, string, reserved;
};

/* size counts the bytes behind itself. */
struct mb_mmap_entry {
	uint32_t size;
	struct e820_entry entry;
};

_Static_assert(sizeof(struct mb_header) == 32, "3.1 OS image format");
_Static_assert(sizeof(struct mb_info) == 116, "3.3 Boot information format");
_Static_assert(offsetof(struct mb_info, mmap_length) == 44, "3.3 Boot information format");
_Static_assert(offsetof(struct mb_info, boot_loader_name) == 64, "3.3 Boot information format");
_Static_assert(sizeof(struct mb_mmap_entry) == 24, "3.3 Boot information format");

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1 and 2 as a loader hands them to us ("Multiboot Specification version 0.6.96",
 * "Multiboot2 Specification version 2.0").
 */
#ifndef BOOT_MULTIBOOT_H
#define BOOT_MULTIBOOT_H

#define MB1_HEADER_MAGIC 0x1badb002
#define MB1_BOOT_MAGIC	 0x2badb002
#define MB1_ALIGN	 (1 << 0)
#define MB1_MEMORY	 (1 << 1)
#define MB1_ADDRESSES	 (1 << 16)

#define MB2_HEADER_MAGIC 0xe85250d6
#define MB2_BOOT_MAGIC	 0x36d76289

#ifndef __ASSEMBLER__
#include "boot/boot_info.h"

enum mb1_flags {
	MB1_INFO_CMDLINE = 1 << 2,
	MB1_INFO_MODULES = 1 << 3,
	MB1_INFO_MMAP = 1 << 6,
	MB1_INFO_LOADER = 1 << 9,
};

struct mb1_info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper;
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
} packed;

struct mb1_module {
	uint32_t start, end, cmdline, reserved;
} packed;

struct mb1_mmap {
	uint32_t size; /* of what follows */
	uint64_t base, length;
	uint32_t type;
} packed;

enum mb2_tag_type {
	MB2_END = 0,
	MB2_CMDLINE = 1,
	MB2_LOADER = 2,
	MB2_MODULE = 3,
	MB2_MMAP = 6,
	MB2_EFI32 = 11,
	MB2_EFI64 = 12,
	MB2_ACPI_OLD = 14,
	MB2_ACPI_NEW = 15,
};

struct mb2_info {
	uint32_t total_size, reserved;
} packed;

struct mb2_tag {
	uint32_t type, size;
} packed;

struct mb2_module {
	struct mb2_tag tag;
	uint32_t start, end;
	char cmdline[];
} packed;

struct mb2_mmap {
	struct mb2_tag tag;
	uint32_t entry_size, entry_version;
} packed;

struct mb2_mmap_entry {
	uint64_t base, length;
	uint32_t type, reserved;
} packed;

/*
 * Both read what lies at addr through at(), which turns a physical address into a pointer to n
 * readable bytes, or NULL when it is out of reach. 0, or -EINVAL when the structure contradicts
 * itself.
 */
typedef const void *boot_at_fn(uint64_t addr, uint64_t n);
must_check int multiboot1_parse(uint64_t addr, boot_at_fn *at, struct boot_info *info);
must_check int multiboot2_parse(uint64_t addr, boot_at_fn *at, struct boot_info *info);
#endif

#endif

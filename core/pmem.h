/* SPDX-License-Identifier: MIT */
/*
 * Physical memory: a buddy allocator of 4 KiB to 1 GiB blocks; arch/x86_64/pages.h is its public
 * face.
 */
#ifndef CORE_PMEM_H
#define CORE_PMEM_H

#include "arch/x86_64/pages.h"
#include "boot/boot_info.h"

/*
 * Takes the machine's RAM over: what the boot map calls RAM, without the first megabyte, the image,
 * the modules and the loader's information. Only memory that the boot tables map is free yet.
 */
void pmem_init(const struct boot_info *info);
/* Frees the rest, once the address space maps all RAM. */
void pmem_init_high(const struct boot_info *info);

/* Bytes: of all RAM, free now, in the largest free block, and held by an owner. */
uint64_t pmem_total(void);
uint64_t pmem_free(void);
uint64_t pmem_used(enum mem_owner owner);

extern const char *const mem_owner_names[MEM_OWNERS];

/* mem: these numbers. */
struct shell_table;
extern const struct shell_table pmem_commands;

#endif

/* SPDX-License-Identifier: MIT */
/* What the loaders share: load.c chooses one, state.c has the CPU states that kernels start in. */
#ifndef VMM_LOAD_LOADER_H
#define VMM_LOAD_LOADER_H

#include "vmm/load/e820.h"
#include "vmm/load/load.h"

struct vm_config;

struct load {
	const struct vm_config *config;
	const struct gmem *mem;
	struct e820 map;
	struct load_regs *regs;
	bool again; /* at a reset: the log has been told of this kernel */
};

/* linux.c. The first says whether the file is a Linux kernel, whole or not. */
bool linux_is_kernel(const uint8_t *file, uint64_t size);
must_check int linux_load(struct load *l);

/* multiboot.c */
bool multiboot_is_kernel(const uint8_t *file, uint64_t size);
/* Of a file that is none: what it is instead, or NULL. */
const char *multiboot_describe(const uint8_t *file, uint64_t size);
must_check int multiboot_load(struct load *l);

/* The selectors of the GDT below: Linux's __BOOT_CS and __BOOT_DS, and what GRUB has, too. */
enum { STATE_CODE = 0x10, STATE_DATA = 0x18 };
enum { STATE_GDT_SIZE = 32, STATE_TABLES_SIZE = 6 * PAGE_SIZE };

/*
 * Protected mode, flat 4 GiB segments, interrupts and paging off. Both write the GDT that matches
 * to gdt (STATE_GDT_SIZE bytes); the second, long mode with 64-bit code, maps the first 4 GiB to
 * themselves by page tables at tables (STATE_TABLES_SIZE bytes). 0 or -EFAULT: no memory there.
 */
must_check int state_set_protected(struct load *l, gpa_t gdt);
must_check int state_set_long(struct load *l, gpa_t gdt, gpa_t tables);

/*
 * A kernel's or initrd's bytes, which may be many: others run meanwhile. 0 or -EFAULT: no memory
 * there.
 */
must_check int load_write(const struct load *l, uint64_t to, const uint8_t *from, uint64_t n);
must_check int load_zero(const struct load *l, uint64_t to, uint64_t n);
/* Logs that the guest has no memory at a place where the PC that it is must have some: -EFAULT. */
int load_fail_memory(const char *what, gpa_t at);
/* For messages. */
static inline uint64_t load_kib(uint64_t bytes)
{
	return bytes / KIB;
}

static inline uint64_t load_mib(uint64_t bytes)
{
	return bytes / MIB;
}

/* The command line's length; the config's buffer need not be terminated. */
size_t load_cmdline_length(const struct load *l);

#endif

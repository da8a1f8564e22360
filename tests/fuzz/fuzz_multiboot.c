/* SPDX-License-Identifier: MIT */
/* sources: boot/multiboot.c lib/str.c core/ramlist.c */
/* runs: 300000 */
/*
 * Any bytes as what a multiboot loader left in memory; the first says which version. No read
 * outside of them, no more of anything than there is room for; and what is free of the memory that
 * it tells is apart from what is not.
 */
#include <stdlib.h>
#include <string.h>

#include "boot/multiboot.h"
#include "core/ramlist.h"

/* Where the bytes lie in physical memory. */
enum { BASE = 0x1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *memory;
static size_t memory_size;

static const void *memory_at(uint64_t addr, uint64_t n)
{
	if (addr < BASE || addr - BASE > memory_size || n > memory_size - (addr - BASE))
		return NULL;
	return memory + (addr - BASE);
}

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void check_strings(const struct boot_info *info)
{
	expect(memchr(info->cmdline, 0, sizeof(info->cmdline)));
	expect(memchr(info->loader, 0, sizeof(info->loader)));
	for (unsigned i = 0; i < info->module_count; i++)
		expect(memchr(info->modules[i].cmdline, 0, sizeof(info->modules[i].cmdline)));
}

/* Runs go up, and none meets a region that is not RAM. */
static void check_free(const struct boot_info *info)
{
	struct ramlist l = { .regions = info->regions,
			     .region_count = info->region_count,
			     .end = 1ull << 46 };
	struct boot_region run;

	for (uint64_t from = 0; ramlist_next(&l, from, &run); from = run.base + run.size) {
		expect(run.size && run.base >= from && run.base + run.size <= l.end);
		for (unsigned i = 0; i < info->region_count; i++) {
			const struct boot_region *r = &info->regions[i];

			expect(r->type == REGION_RAM || r->base >= run.base + run.size ||
			       r->base + (r->size - 1) < run.base);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info info;
	int err;

	if (!size)
		return 0;
	memset(&info, 0, sizeof(info));
	memory = data + 1;
	memory_size = size - 1;
	err = data[0] & 1 ? multiboot1_parse(BASE, memory_at, &info)
			  : multiboot2_parse(BASE, memory_at, &info);
	expect(info.region_count <= BOOT_REGIONS && info.module_count <= BOOT_MODULES);
	expect(err || info.region_count);
	check_strings(&info);
	check_free(&info);
	return 0;
}

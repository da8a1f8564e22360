// SPDX-License-Identifier: MIT
/* RAM: the map is sane, all of it that the map promises holds patterns, and holes give all ones. */
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/trap.h"

/* Multiboot 1, "Boot information format" */
struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	uint32_t syms[4], mmap_length, mmap_addr;
};

struct multiboot_region {
	uint32_t size;
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

enum { INFO_MEMORY = 1, INFO_MMAP = 1 << 6, TYPE_RAM = 1, REGIONS_MAX = 64 };
enum { STEP = 64 << 10 };

#define MIB	   (1ull << 20)
#define MAPPED_END (3ull << 30) /* from here on the one-to-one map is uncached devices */
#define HIGH	   (4ull << 30)
#define HOLE	   0xd0100000ull

extern char image_end[];

static uint64_t ram, top;

static uint64_t pattern(uint64_t at)
{
	return at * 0x9e3779b97f4a7c15ull + 1;
}

/* One word in each 64 KiB, and each page's first and last at the region's ends. */
static uint64_t next(uint64_t at, uint64_t base, uint64_t end)
{
	if (at - base < 16 * PAGE_SIZE || end - at <= 16 * PAGE_SIZE)
		return at + PAGE_SIZE / 2;
	return at + STEP;
}

static void touch_region(uint64_t base, uint64_t end)
{
	unsigned wrong = 0;

	for (uint64_t at = base; at + 8 <= end; at = next(at, base, end))
		*(volatile uint64_t *)at = pattern(at);
	for (uint64_t at = base; at + 8 <= end; at = next(at, base, end))
		wrong += *(volatile uint64_t *)at != pattern(at);
	if (!check_eq("words of RAM that do not hold", 0, wrong))
		print("  (%lx to %lx)\n", base, end);
	*(volatile uint64_t *)(end - 8) = pattern(end);
	check_eq("the last word of RAM", pattern(end), *(volatile uint64_t *)(end - 8));
}

/* Above 4 GiB, which the one-to-one map does not reach: a word in each 2 MiB, by one page that
 * moves. */
static void touch_high(const struct multiboot_region *r, bool write)
{
	volatile uint64_t *word = (volatile uint64_t *)PAGING_FREE_VA;
	uint64_t base = r->base < HIGH ? HIGH : r->base, end = r->base + r->length;

	if (r->type != TYPE_RAM)
		return;
	for (uint64_t at = base; at + PAGE_SIZE <= end; at += LARGE_PAGE_SIZE) {
		page_map(PAGING_FREE_VA, at, PTE_P | PTE_W);
		if (write)
			*word = pattern(at);
		else if (!check_eq("a word above 4 GiB", pattern(at), *word))
			return;
	}
}

static void use_region(const struct multiboot_region *r)
{
	uint64_t base = r->base, end = r->base + r->length;

	check_true("a region does not wrap", end >= base && r->length);
	if (r->type != TYPE_RAM)
		return;
	ram += r->length;
	top = end > top ? end : top;
	/* Not below the image: the loader's structures may be there. */
	if (base < (uint64_t)image_end)
		base = ((uint64_t)image_end + MIB) & ~(MIB - 1);
	end = end < MAPPED_END ? end : MAPPED_END;
	if (base < end)
		touch_region(base, end);
}

static void test_map(const struct multiboot_info *info)
{
	struct multiboot_region regions[REGIONS_MAX];
	unsigned n = 0;

	if (!check_true("the loader gives a memory map", info->flags & INFO_MMAP))
		return;
	for (uint32_t at = 0; at + sizeof(regions[0]) <= info->mmap_length && n < REGIONS_MAX;
	     n++) {
		memcpy(&regions[n], (const uint8_t *)(uint64_t)info->mmap_addr + at,
		       sizeof(regions[0]));
		at += regions[n].size + 4;
	}
	check_range("regions", 2, REGIONS_MAX, n);
	for (unsigned i = 0; i < n; i++) {
		print("%lx + %lx type %u\n", regions[i].base, regions[i].length, regions[i].type);
		for (unsigned k = 0; k < i; k++)
			check_true("regions do not overlap",
				   regions[i].base >= regions[k].base + regions[k].length ||
					   regions[k].base >= regions[i].base + regions[i].length);
	}
	for (unsigned i = 0; i < n; i++)
		touch_high(&regions[i], true);
	for (unsigned i = 0; i < n; i++)
		use_region(&regions[i]);
	/* After all else was written: nothing below is the same memory. */
	for (unsigned i = 0; i < n; i++)
		touch_high(&regions[i], false);
	check_range("MiB of RAM", 16, 1 << 20, ram / MIB);
	if (info->flags & INFO_MEMORY && top < MAPPED_END)
		check_range("KiB above 1 MiB agree with the map", (top - MIB) / 1024 - 1024,
			    (top - MIB) / 1024, info->mem_upper);
}

static void test_hole(void)
{
	volatile uint32_t *hole = (volatile uint32_t *)HOLE;

	test_tolerate(test_is_bare_tcg(), "QEMU gives 0 where nothing answers");
	check_eq("a hole", 0xffffffff, *hole);
	*hole = 0x12345678;
	check_eq("a hole after a store", 0xffffffff, *hole);
	if (top < MAPPED_END - MIB)
		check_eq("behind the RAM's top", 0xffffffff, *(volatile uint32_t *)(top + MIB));
	test_tolerate_end();
}

/* Two addresses that differ in one bit are two places. */
static void test_address_lines(void)
{
	uint64_t base = 16 * MIB;

	for (uint64_t bit = 4096; base + bit < top && base + bit < MAPPED_END; bit <<= 1)
		*(volatile uint64_t *)(base + bit) = bit;
	*(volatile uint64_t *)base = 1;
	for (uint64_t bit = 4096; base + bit < top && base + bit < MAPPED_END; bit <<= 1)
		check_eq("an address line", bit, *(volatile uint64_t *)(base + bit));
}

static void execute(uint64_t at)
{
	((void (*)(void))at)();
}

void guest_main(void)
{
	const struct multiboot_info *at =
		(const struct multiboot_info *)(uint64_t)boot_multiboot_info;
	struct multiboot_info info;

	if (!check_true("booted by a multiboot 1 loader", at != 0))
		return;
	memcpy(&info, at, sizeof(info));
	test_map(&info);
	test_hole();
	test_address_lines();
	*(volatile uint8_t *)(top < MAPPED_END ? top - 1 : MAPPED_END - 1) = 0xc3; /* ret */
	check_eq("code at the RAM's last byte", VEC_NONE,
		 trap_run(execute, top < MAPPED_END ? top - 1 : MAPPED_END - 1));
}

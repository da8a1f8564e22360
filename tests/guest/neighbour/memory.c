// SPDX-License-Identifier: MIT
/*
 * All of RAM behind the program. A page's words follow from the seed, the page's number and how
 * often it was filled: so a byte that comes from elsewhere, or from an earlier time, is seen.
 */
#include "lib/cpu.h"
#include "lib/test.h"
#include "neighbour.h"

enum { WORDS = PAGE_SIZE / 8, MULTIBOOT_HAS_MEMORY = 1, INFO_UPPER = 2, STEP = 0x9e3779b1 };
/* Above the program. What the loader and the firmware put at the end of RAM stays. */
#define BEGIN  0x400000ull
#define AT_END 0x100000ull
#define UPPER  0x100000ull

static struct {
	uint64_t seed, pages, at, generation;
} memory;

static uint64_t first_word(uint64_t page, uint64_t generation)
{
	return pattern(memory.seed + page + generation * memory.pages);
}

static void fill(uint64_t page, uint64_t generation)
{
	volatile uint64_t *p = (volatile uint64_t *)(BEGIN + page * PAGE_SIZE);
	uint64_t word = first_word(page, generation);

	for (unsigned i = 0; i < WORDS; i++, word += STEP)
		p[i] = word;
}

static void look(uint64_t page, uint64_t generation)
{
	const volatile uint64_t *p = (volatile uint64_t *)(BEGIN + page * PAGE_SIZE);
	uint64_t word = first_word(page, generation);

	for (unsigned i = 0; i < WORDS; i++, word += STEP) {
		if (p[i] == word)
			continue;
		print("memory at 0x%lx, of the %lu. filling\n", (uint64_t)&p[i], generation);
		check_eq("memory keeps what was written", word, p[i]);
		test_end();
	}
}

void memory_set(uint64_t seed)
{
	const uint32_t *info = (const uint32_t *)(uint64_t)boot_multiboot_info;

	memory.seed = seed;
	if (!check_true("the loader tells the memory's size",
			info && (info[0] & MULTIBOOT_HAS_MEMORY)))
		test_end();
	memory.pages = (UPPER + info[INFO_UPPER] * 1024ull - AT_END - BEGIN) / PAGE_SIZE;
	for (uint64_t page = 0; page < memory.pages; page++)
		fill(page, 0);
}

void memory_check(unsigned pages)
{
	for (; pages; pages--) {
		look(memory.at, memory.generation);
		fill(memory.at, memory.generation + 1);
		clock_pulse();
		if (++memory.at < memory.pages)
			continue;
		memory.at = 0;
		memory.generation++;
	}
}

uint64_t memory_pages(void)
{
	return memory.pages;
}

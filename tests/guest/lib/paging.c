// SPDX-License-Identifier: MIT
/* Four-level tables from a static pool; upper entries allow all, the last one decides. */
#include "paging.h"
#include "cpu.h"
#include "test.h"

enum { POOL_PAGES = 256, ENTRIES = 512 };

static uint8_t pool[POOL_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static unsigned pool_used;

void *page_alloc(void)
{
	if (pool_used == POOL_PAGES) {
		check_true("the guest's page pool is large enough", false);
		test_end();
	}
	return memset(pool[pool_used++], 0, PAGE_SIZE);
}

static volatile uint64_t *table_entry(uint64_t *table, uint64_t va, int level)
{
	return &table[va >> (12 + 9 * level) & (ENTRIES - 1)];
}

volatile uint64_t *page_entry(uint64_t va)
{
	uint64_t *table = paging_pml4;

	for (int level = 3; level > 0; level--) {
		volatile uint64_t *e = table_entry(table, va, level);

		if (!(*e & PTE_P))
			*e = (uint64_t)page_alloc() | PTE_P | PTE_W | PTE_U;
		table = (uint64_t *)(*e & PTE_ADDR);
	}
	return table_entry(table, va, 0);
}

void page_map(uint64_t va, uint64_t pa, uint64_t flags)
{
	*page_entry(va) = pa | flags;
	invlpg(va);
}

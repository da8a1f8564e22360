/* SPDX-License-Identifier: MIT */
/*
 * Free blocks of 2^order pages in lists; two buddies that are both free become one block of the
 * next order.
 */
#include "core/buddy.h"
#include "lib/panic.h"

void buddy_init(struct buddy *b, uint8_t *state, uint64_t pages, void *(*memory)(uint64_t page),
		uint64_t (*page_of)(const void *memory))
{
	b->state = state;
	b->pages = pages;
	b->memory = memory;
	b->page_of = page_of;
	b->free_pages = 0;
	for (unsigned o = 0; o < BUDDY_ORDERS; o++) {
		list_init(&b->free[o]);
		b->free_count[o] = 0;
	}
	for (uint64_t p = 0; p < pages; p++)
		state[p] = PAGE_USED;
}

static void insert(struct buddy *b, uint64_t page, unsigned order)
{
	b->state[page] = (uint8_t)order;
	list_insert_before(b->free[order].next, b->memory(page));
	b->free_count[order]++;
}

static void extract(struct buddy *b, uint64_t page, unsigned order)
{
	b->state[page] = PAGE_USED;
	list_remove(b->memory(page));
	b->free_count[order]--;
}

uint64_t buddy_take(struct buddy *b, unsigned order)
{
	unsigned from = order;
	uint64_t page;

	while (from < BUDDY_ORDERS && list_empty(&b->free[from]))
		from++;
	if (from >= BUDDY_ORDERS)
		return UINT64_MAX;
	page = b->page_of(b->free[from].next);
	extract(b, page, from);
	/* The lower half is the caller's; each upper half is free at its own order. */
	while (from > order) {
		from--;
		insert(b, page + (1ull << from), from);
	}
	b->free_pages -= 1ull << order;
	return page;
}

void buddy_give(struct buddy *b, uint64_t page, unsigned order)
{
	assert(order < BUDDY_ORDERS && IS_ALIGNED(page, 1ull << order));
	assert(page + (1ull << order) <= b->pages && b->state[page] == PAGE_USED);
	b->free_pages += 1ull << order;
	for (; order + 1 < BUDDY_ORDERS; order++) {
		uint64_t other = page ^ (1ull << order);

		if (other >= b->pages || b->state[other] != order)
			break;
		extract(b, other, order);
		page = MIN(page, other);
	}
	insert(b, page, order);
}

void buddy_add(struct buddy *b, uint64_t first, uint64_t n)
{
	while (n) {
		unsigned order = 0;

		while (order + 1 < BUDDY_ORDERS && IS_ALIGNED(first, 2ull << order) &&
		       (2ull << order) <= n)
			order++;
		buddy_give(b, first, order);
		first += 1ull << order;
		n -= 1ull << order;
	}
}

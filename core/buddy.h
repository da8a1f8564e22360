/* SPDX-License-Identifier: MIT */
/*
 * The buddy system itself, over any array of page states: no hardware, so that host tests drive it.
 * A free block's list node lies in the block's own first bytes, which memory() reaches.
 */
#ifndef CORE_BUDDY_H
#define CORE_BUDDY_H

#include "lib/list.h"

enum { BUDDY_ORDERS = 19 }; /* 4 KiB … 1 GiB */

enum buddy_state {
	PAGE_USED = 0xff, /* allocated, inside a block, or not RAM */
			  /* below BUDDY_ORDERS: the first page of a free block of that order */
};

struct buddy {
	uint8_t *state; /* one byte a page */
	uint64_t pages; /* length of state */
	void *(*memory)(uint64_t page);
	uint64_t (*page_of)(const void *memory);
	struct list free[BUDDY_ORDERS];
	uint64_t free_count[BUDDY_ORDERS];
	uint64_t free_pages;
};

void buddy_init(struct buddy *b, uint8_t *state, uint64_t pages, void *(*memory)(uint64_t page),
		uint64_t (*page_of)(const void *memory));
/* Gives pages [first, first + n) to the allocator. */
void buddy_add(struct buddy *b, uint64_t first, uint64_t n);
/* The first page of a block, or UINT64_MAX. */
must_check uint64_t buddy_take(struct buddy *b, unsigned order);
void buddy_give(struct buddy *b, uint64_t page, unsigned order);

#endif

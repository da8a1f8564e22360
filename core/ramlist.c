/* SPDX-License-Identifier: MIT */
/*
 * The boot map is looked through anew for each run: it has few entries, in no order that could be
 * relied on. RAM shrinks to whole pages, everything else grows to them.
 */
#include "core/ramlist.h"

/* The whole pages of r below l->end; size 0: none. r does not wrap, but may end at 2^64. */
static struct boot_region inner(const struct ramlist *l, const struct boot_region *r)
{
	uint64_t last = r->base + (r->size - 1);
	struct boot_region in = { .base = ALIGN_UP(r->base, PAGE_SIZE) };
	uint64_t end = last < l->end ? ALIGN_DOWN(last + 1, PAGE_SIZE) : l->end;

	if (r->size && r->base < l->end && in.base < end)
		in.size = end - in.base;
	return in;
}

/*
 * If page is within r's pages, the page behind them; else page itself, and *stop comes down to r's
 * first page if that lies ahead.
 */
static uint64_t pass(const struct ramlist *l, const struct boot_region *r, uint64_t page,
		     uint64_t *stop)
{
	uint64_t begin = ALIGN_DOWN(r->base, PAGE_SIZE);
	uint64_t last = ALIGN_DOWN(r->base + (r->size - 1), PAGE_SIZE);

	if (!r->size || last < page)
		return page;
	if (begin <= page)
		return last < l->end ? last + PAGE_SIZE : l->end;
	*stop = MIN(*stop, begin);
	return page;
}

/* The first page at or after page that holds nothing but, perhaps, RAM; *stop: where that ends. */
static uint64_t pass_all(const struct ramlist *l, uint64_t page, uint64_t *stop)
{
	uint64_t before;

	do {
		before = page;
		*stop = l->end;
		for (unsigned i = 0; i < l->taken_count; i++)
			page = pass(l, &l->taken[i], page, stop);
		for (unsigned i = 0; i < l->region_count; i++)
			if (l->regions[i].type != REGION_RAM)
				page = pass(l, &l->regions[i], page, stop);
	} while (page != before && page < l->end);
	return page;
}

/* The entry whose RAM comes first at or after page, cut to what lies there. False: none. */
static bool find_ram(const struct ramlist *l, uint64_t page, struct boot_region *found)
{
	found->size = 0;
	for (unsigned i = 0; i < l->region_count; i++) {
		struct boot_region r = inner(l, &l->regions[i]);
		uint64_t end = r.base + r.size;

		if (l->regions[i].type != REGION_RAM || !r.size || end <= page)
			continue;
		r.base = MAX(r.base, page);
		if (!found->size || r.base < found->base)
			*found = (struct boot_region){ .base = r.base, .size = end - r.base };
	}
	return found->size;
}

bool ramlist_next(const struct ramlist *l, uint64_t from, struct boot_region *run)
{
	uint64_t page = ALIGN_UP(from, PAGE_SIZE), stop;
	struct boot_region ram;

	while (page >= from && find_ram(l, page, &ram)) {
		page = pass_all(l, ram.base, &stop);
		if (page - ram.base < ram.size) {
			run->base = page;
			run->size = MIN(stop, ram.base + ram.size) - page;
			run->type = REGION_RAM;
			return true;
		}
	}
	return false;
}

uint64_t ramlist_end(const struct ramlist *l)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < l->region_count; i++) {
		struct boot_region r = inner(l, &l->regions[i]);

		if (l->regions[i].type == REGION_RAM && r.size)
			end = MAX(end, r.base + r.size);
	}
	return end;
}

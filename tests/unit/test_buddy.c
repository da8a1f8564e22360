/* SPDX-License-Identifier: MIT */
/* sources: core/buddy.c tests/fake/panic.c */
/*
 * The buddy system against a map of pages: blocks never overlap, are aligned, split and merge as
 * far as they can, and what was given back can all be had again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "core/buddy.h"

/* Three blocks of 1 GiB, of which nearly no page is ever touched. */
enum { PAGES = 3 << (BUDDY_ORDERS - 1) };

struct fixture {
	struct buddy b;
	uint8_t state[PAGES];
	bool free[PAGES]; /* the model */
	uint64_t free_pages;
};

static uint8_t *memory;

static void *memory_of(uint64_t page)
{
	assert_true(page < PAGES);
	return memory + page * PAGE_SIZE;
}

static uint64_t page_of(const void *p)
{
	return (uint64_t)((const uint8_t *)p - memory) / PAGE_SIZE;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	memory = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!f || memory == MAP_FAILED)
		return -1;
	buddy_init(&f->b, f->state, PAGES, memory_of, page_of);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	munmap(memory, PAGES * PAGE_SIZE);
	free(*state);
	return 0;
}

static void model_set(struct fixture *f, uint64_t first, uint64_t n, bool is_free)
{
	for (uint64_t p = first; p < first + n; p++) {
		assert_int_equal(f->free[p], !is_free);
		f->free[p] = is_free;
	}
	f->free_pages += is_free ? n : -n;
}

/* Walks all lists; each free block is looked up in the model, and its buddy must not be mergeable.
 */
static void check(struct fixture *f)
{
	uint64_t sum = 0;

	for (unsigned o = 0; o < BUDDY_ORDERS; o++) {
		uint64_t count = 0;

		list_for_each (at, &f->b.free[o]) {
			uint64_t page = page_of(at), buddy = page ^ 1ull << o;

			assert_true(IS_ALIGNED(page, 1ull << o) && page + (1ull << o) <= PAGES);
			assert_int_equal(f->state[page], o);
			for (uint64_t p = page; p < page + (1ull << o); p++) {
				assert_true(f->free[p]);
				assert_true(p == page || f->state[p] == PAGE_USED);
			}
			if (o + 1 < BUDDY_ORDERS && buddy < PAGES)
				assert_int_not_equal(f->state[buddy], o);
			count++;
		}
		assert_int_equal(f->b.free_count[o], count);
		sum += count << o;
	}
	assert_int_equal(sum, f->b.free_pages);
	assert_int_equal(sum, f->free_pages);
}

static void add(struct fixture *f, uint64_t first, uint64_t n)
{
	buddy_add(&f->b, first, n);
	model_set(f, first, n, true);
}

static uint64_t take(struct fixture *f, unsigned order)
{
	uint64_t page = buddy_take(&f->b, order);

	if (page == UINT64_MAX)
		return page;
	assert_true(IS_ALIGNED(page, 1ull << order));
	assert_true(page + (1ull << order) <= PAGES);
	model_set(f, page, 1ull << order, false);
	return page;
}

static void give(struct fixture *f, uint64_t page, unsigned order)
{
	buddy_give(&f->b, page, order);
	model_set(f, page, 1ull << order, true);
}

static void empty_gives_nothing(void **state)
{
	struct fixture *f = *state;

	for (unsigned o = 0; o < BUDDY_ORDERS; o++)
		assert_true(buddy_take(&f->b, o) == UINT64_MAX);
	check(f);
}

/* From one block of 1 GiB: a page leaves one block of each smaller order; giving it back heals all.
 */
static void every_order_splits_and_merges(void **state)
{
	struct fixture *f = *state;

	add(f, 0, 1ull << (BUDDY_ORDERS - 1));
	for (unsigned o = 0; o < BUDDY_ORDERS; o++) {
		uint64_t page = take(f, o);

		assert_int_equal(page, 0);
		for (unsigned i = 0; i < BUDDY_ORDERS; i++)
			assert_int_equal(f->b.free_count[i], i >= o && i + 1 < BUDDY_ORDERS);
		assert_int_equal(f->b.free_pages, (1ull << (BUDDY_ORDERS - 1)) - (1ull << o));
		give(f, page, o);
		assert_int_equal(f->b.free_count[BUDDY_ORDERS - 1], 1);
	}
	check(f);
}

static void larger_than_all_blocks_is_refused(void **state)
{
	struct fixture *f = *state;

	/* 15 pages from 1 on: 1 2+2 4+4 8+7 … no block of 16. */
	add(f, 1, 15);
	check(f);
	assert_true(take(f, 4) == UINT64_MAX);
	assert_int_equal(take(f, 3), 8);
	assert_true(take(f, 3) == UINT64_MAX);
	assert_int_equal(f->b.free_pages, 7);
	check(f);
}

static void unaligned_runs_are_added_whole(void **state)
{
	static const uint64_t starts[] = { 0, 1, 2, 3, 255, 511, 513, 1023, 4097 };
	static const uint64_t lengths[] = { 0, 1, 2, 3, 7, 511, 512, 513, 1025, 5000, 70001 };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(starts); i++) {
		for (unsigned j = 0; j < ARRAY_SIZE(lengths); j++) {
			uint64_t n = 0;

			add(f, starts[i], lengths[j]);
			check(f);
			while (take(f, 0) != UINT64_MAX)
				n++;
			assert_int_equal(n, lengths[j]);
			check(f);
		}
	}
	/* The last page, and a run that merges across where two others met. */
	add(f, PAGES - 1, 1);
	add(f, 600, 424);
	add(f, 512, 88);
	check(f);
	assert_int_equal(f->b.free_count[9], 1);
}

/* The buddy of the last block would lie behind the end. */
static void the_end_has_no_buddy(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 3; i++)
		add(f, (uint64_t)i << (BUDDY_ORDERS - 1), 1ull << (BUDDY_ORDERS - 1));
	assert_int_equal(f->b.free_count[BUDDY_ORDERS - 1], 3);
	for (unsigned i = 0; i < 3; i++)
		assert_true(take(f, BUDDY_ORDERS - 1) != UINT64_MAX);
	assert_true(take(f, 0) == UINT64_MAX);
	check(f);

	/* Seven pages: that of the last one's buddy has no state to look at. */
	uint8_t *seven = malloc(7);

	buddy_init(&f->b, seven, 7, memory_of, page_of);
	buddy_add(&f->b, 4, 3);
	assert_int_equal(f->b.free_count[1], 1);
	assert_int_equal(f->b.free_count[0], 1);
	assert_int_equal(buddy_take(&f->b, 0), 6);
	buddy_give(&f->b, 6, 0);
	assert_int_equal(f->b.free_pages, 3);
	free(seven);
}

static void only_buddies_merge(void **state)
{
	struct fixture *f = *state;

	/* Pages 1 and 2 are neighbours, not buddies. */
	add(f, 1, 1);
	add(f, 2, 1);
	assert_int_equal(f->b.free_count[0], 2);
	add(f, 3, 1);
	assert_int_equal(f->b.free_count[1], 1);
	add(f, 0, 1);
	assert_int_equal(f->b.free_count[2], 1);
	check(f);
}

static unsigned next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(*seed >> 33);
}

/* A thousand blocks come and go in any order; at the end all memory is as at the start. */
static void random_use_keeps_the_books(void **state)
{
	struct fixture *f = *state;
	struct {
		uint64_t page;
		unsigned order;
	} held[1000];
	unsigned n = 0;
	uint64_t seed = 1, start[BUDDY_ORDERS];

	add(f, 37, 9001);
	memcpy(start, f->b.free_count, sizeof(start));
	for (unsigned i = 0; i < 20000; i++) {
		unsigned r = next_random(&seed);

		if (n < ARRAY_SIZE(held) && r % 2) {
			unsigned order = (unsigned)__builtin_ctz(r >> 8 | 0x400);
			uint64_t page = take(f, order);

			if (page != UINT64_MAX) {
				held[n].page = page;
				held[n++].order = order;
			}
		} else if (n) {
			unsigned which = (r >> 4) % n;

			give(f, held[which].page, held[which].order);
			held[which] = held[--n];
		}
		if (i % 64 == 0)
			check(f);
	}
	while (n--)
		give(f, held[n].page, held[n].order);
	check(f);
	assert_memory_equal(start, f->b.free_count, sizeof(start));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(empty_gives_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(every_order_splits_and_merges, setup, teardown),
		cmocka_unit_test_setup_teardown(larger_than_all_blocks_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(unaligned_runs_are_added_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_has_no_buddy, setup, teardown),
		cmocka_unit_test_setup_teardown(only_buddies_merge, setup, teardown),
		cmocka_unit_test_setup_teardown(random_use_keeps_the_books, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

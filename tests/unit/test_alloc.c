/* SPDX-License-Identifier: MIT */
/* sources: core/alloc.c tests/fake/pages.c tests/fake/panic.c */
/*
 * The small-object allocator: every size is zeroed and aligned, no two objects overlap, an owner's
 * pages all come back, and a failure of the pages below leaves nothing behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/alloc.h"
#include "tests/fake/pages.h"

static bool is_filled(const uint8_t *p, size_t n, uint8_t with)
{
	return !n || (p[0] == with && !memcmp(p, p + 1, n - 1));
}

static unsigned pages_used(void)
{
	unsigned n = 0;

	for (enum mem_owner o = 0; o < MEM_OWNERS; o++)
		n += fake_pages_used(o);
	return n;
}

static void assert_fresh(const uint8_t *p, size_t size)
{
	size_t align = 16;

	assert_non_null(p);
	if (size >= 16 && !(size & (size - 1)))
		align = size;
	assert_true(IS_ALIGNED((uintptr_t)p, align));
	assert_true(is_filled(p, size, 0));
}

/* Each size is written full, freed, and had again: zeroed again. */
static void sizes_are_zeroed_and_aligned(void **state)
{
	(void)state;
	for (size_t size = 1; size <= 2 * MIB; size += size < 5000 ? 1 : size / 7) {
		for (unsigned turn = 0; turn < 2; turn++) {
			uint8_t *p = mem_alloc(size, MEM_TEST);

			assert_fresh(p, size);
			memset(p, 0xa5, size);
			assert_int_equal(fake_pages_used(MEM_TEST), 1);
			mem_free(p);
			assert_int_equal(pages_used(), 0);
		}
	}
}

static void limits(void **state)
{
	uint8_t *p = mem_alloc(2 * MIB, MEM_TEST);

	(void)state;
	assert_fresh(p, 2 * MIB);
	memset(p, 1, 2 * MIB);
	mem_free(p);
	assert_null(mem_alloc(0, MEM_TEST));
	assert_null(mem_alloc(2 * MIB + 1, MEM_TEST));
	assert_null(mem_alloc(SIZE_MAX / 4, MEM_TEST));
	mem_free(NULL);
	assert_int_equal(pages_used(), 0);
}

/* A page is the owner's whose object it holds; its objects are one size and one owner's. */
static void owners_are_kept_apart(void **state)
{
	void *a = mem_alloc(40, MEM_TEST), *b = mem_alloc(40, MEM_VM), *c = mem_alloc(40, MEM_TEST);
	void *d = mem_alloc(4097, MEM_THREAD);

	(void)state;
	assert_int_equal(fake_pages_used(MEM_TEST), 1);
	assert_int_equal(fake_pages_used(MEM_VM), 1);
	assert_int_equal(fake_pages_used(MEM_THREAD), 1);
	mem_free(a);
	assert_int_equal(fake_pages_used(MEM_TEST), 1);
	mem_free(c);
	assert_int_equal(fake_pages_used(MEM_TEST), 0);
	assert_int_equal(fake_pages_used(MEM_VM), 1);
	mem_free(b);
	mem_free(d);
	assert_int_equal(pages_used(), 0);
}

enum { MANY = 2000 };

/* Full pages, partly free ones and empty ones, in each class: 16 … 1024 bytes. */
static void many_of_one_size(void **state)
{
	static uint8_t *held[MANY];

	(void)state;
	for (size_t size = 16; size <= 1024; size *= 2) {
		unsigned pages;

		for (unsigned i = 0; i < MANY; i++) {
			held[i] = mem_alloc(size, MEM_TEST);
			assert_fresh(held[i], size);
			memset(held[i], (int)(i % 251 + 1), size);
		}
		pages = fake_pages_used(MEM_TEST);
		/* A header costs a slot or two, nothing more. */
		assert_true(pages <= MANY / (PAGE_SIZE / size - MAX(1, 32 / size)) + 1);
		/* Every other one goes and comes back: into the same pages. */
		for (unsigned i = 0; i < MANY; i += 2)
			mem_free(held[i]);
		for (unsigned i = 0; i < MANY; i += 2) {
			held[i] = mem_alloc(size, MEM_TEST);
			assert_fresh(held[i], size);
			memset(held[i], (int)(i % 251 + 1), size);
		}
		assert_int_equal(fake_pages_used(MEM_TEST), pages);
		for (unsigned i = 0; i < MANY; i++) {
			assert_true(is_filled(held[i], size, (uint8_t)(i % 251 + 1)));
			mem_free(held[i]);
		}
		assert_int_equal(pages_used(), 0);
	}
}

/* The table of large blocks is finite: beyond it NULL, and then it works again. */
static void too_many_blocks(void **state)
{
	static void *held[MANY];
	unsigned n = 0;

	(void)state;
	while (n < MANY && (held[n] = mem_alloc(PAGE_SIZE, MEM_TEST)))
		n++;
	assert_true(n >= 256 && n < MANY);
	assert_int_equal(fake_pages_used(MEM_TEST), n);
	mem_free(held[n / 2]);
	held[n / 2] = mem_alloc(PAGE_SIZE, MEM_TEST);
	assert_non_null(held[n / 2]);
	while (n--)
		mem_free(held[n]);
	assert_int_equal(pages_used(), 0);
}

static void no_memory(void **state)
{
	void *small, *large;

	(void)state;
	fake_pages_fail_after(0);
	assert_null(mem_alloc(16, MEM_TEST));
	assert_null(mem_alloc(PAGE_SIZE, MEM_TEST));
	fake_pages_fail_after(2);
	small = mem_alloc(16, MEM_TEST);
	large = mem_alloc(PAGE_SIZE, MEM_TEST);
	assert_non_null(small);
	assert_non_null(large);
	assert_null(mem_alloc(PAGE_SIZE, MEM_TEST));
	/* The page of 16-byte slots has room yet. */
	mem_free(small);
	fake_pages_fail_after(-1);
	mem_free(large);
	assert_int_equal(pages_used(), 0);
}

struct held {
	uint8_t *p;
	size_t size;
	uint8_t with;
	enum mem_owner owner;
};

static unsigned next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(*seed >> 33);
}

static void random_use(void **state)
{
	static struct held held[400];
	uint64_t seed = 7;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 30000; i++) {
		unsigned r = next_random(&seed);

		if (n < ARRAY_SIZE(held) && r % 2) {
			/* Each power of two as often as every other. */
			size_t size = 1 + next_random(&seed) % (16u << (r >> 2) % 10);
			struct held h = { .size = size,
					  .with = (uint8_t)(i | 1),
					  .owner = (r >> 8) % MEM_OWNERS };

			h.p = mem_alloc(size, h.owner);
			assert_fresh(h.p, size);
			memset(h.p, h.with, size);
			held[n++] = h;
		} else if (n) {
			unsigned which = (r >> 2) % n;

			assert_true(is_filled(held[which].p, held[which].size, held[which].with));
			mem_free(held[which].p);
			held[which] = held[--n];
		}
	}
	while (n--) {
		assert_true(is_filled(held[n].p, held[n].size, held[n].with));
		mem_free(held[n].p);
	}
	assert_int_equal(pages_used(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_zeroed_and_aligned),
		cmocka_unit_test(limits),
		cmocka_unit_test(owners_are_kept_apart),
		cmocka_unit_test(many_of_one_size),
		cmocka_unit_test(too_many_blocks),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(random_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

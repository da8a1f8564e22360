/* SPDX-License-Identifier: MIT */
/* sources: core/ramlist.c */
/*
 * Which memory is free: against a map of bytes made the slow way, for hand-made boot maps and for
 * thousands of random ones, sane or not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/ramlist.h"

#define R(b, s, t)                                           \
	{                                                    \
		.base = (b), .size = (s), .type = REGION_##t \
	}

/* Asserts that the runs of l are exactly those given. */
static void assert_runs(const struct ramlist *l, const struct boot_region *want, unsigned n)
{
	struct boot_region run;
	uint64_t from = 0;

	for (unsigned i = 0; i < n; i++) {
		assert_true(ramlist_next(l, from, &run));
		assert_int_equal(run.base, want[i].base);
		assert_int_equal(run.size, want[i].size);
		assert_int_equal(run.type, REGION_RAM);
		from = run.base + run.size;
	}
	assert_false(ramlist_next(l, from, &run));
}

static struct ramlist list(const struct boot_region *regions, unsigned n)
{
	return (struct ramlist){ .regions = regions, .region_count = n, .end = 1ull << 46 };
}

/* As a PC of 512 MiB with two modules and an image tells it. */
static void a_plain_pc(void **state)
{
	const struct boot_region map[] = {
		R(0, 0x9fc00, RAM),
		R(0x9fc00, 0x400, RESERVED),
		R(0xf0000, 0x10000, RESERVED),
		R(MIB, 510 * MIB, RAM),
		R(511 * MIB, MIB, RESERVED),
		R(0xfffc0000, 0x40000, RESERVED),
		R(4 * GIB, 2 * GIB + 100, RAM),
	};
	const struct boot_region taken[] = {
		R(0, MIB, RAM),		 R(2 * MIB, 300000, RAM), { 0 },
		R(10 * MIB + 1, 1, RAM), R(11 * MIB, 4096, RAM),
	};
	const struct boot_region want[] = {
		R(MIB, MIB, RAM),
		R(2 * MIB + 303104, 8 * MIB - 303104, RAM),
		R(10 * MIB + 4096, MIB - 4096, RAM),
		R(11 * MIB + 4096, 500 * MIB - 4096, RAM),
		R(4 * GIB, 2 * GIB, RAM),
	};
	struct ramlist l = list(map, ARRAY_SIZE(map));

	(void)state;
	assert_int_equal(ramlist_end(&l), 6 * GIB);
	l.taken = taken;
	l.taken_count = ARRAY_SIZE(taken);
	assert_runs(&l, want, ARRAY_SIZE(want));
	assert_int_equal(ramlist_end(&l), 6 * GIB);
	l.end = 4 * GIB;
	assert_runs(&l, want, 4);
	assert_int_equal(ramlist_end(&l), 511 * MIB);
	l.end = 10 * MIB + 8192;
	struct boot_region run;

	assert_true(ramlist_next(&l, 10 * MIB, &run));
	assert_int_equal(run.base, 10 * MIB + 4096);
	assert_int_equal(run.size, 4096);
}

static void from_is_respected(void **state)
{
	const struct boot_region map[] = { R(MIB, MIB, RAM) };
	struct ramlist l = list(map, 1);
	struct boot_region run;

	(void)state;
	assert_true(ramlist_next(&l, MIB + 1, &run));
	assert_int_equal(run.base, MIB + 4096);
	assert_int_equal(run.size, MIB - 4096);
	assert_true(ramlist_next(&l, 2 * MIB - 4096, &run));
	assert_int_equal(run.size, 4096);
	assert_false(ramlist_next(&l, 2 * MIB - 4095, &run));
	assert_false(ramlist_next(&l, UINT64_MAX, &run));
}

static void overlaps(void **state)
{
	/* RAM twice, and RAM that another entry calls something else: first, last, between, all. */
	const struct boot_region map[] = {
		R(8 * MIB, 4 * MIB, RAM),   R(10 * MIB, 4 * MIB, RAM),
		R(10 * MIB, MIB, RAM),	    R(8 * MIB, 4096, ACPI),
		R(14 * MIB - 1, 4096, NVS), R(12 * MIB + 5, 1, BAD),
		R(32 * MIB, MIB, RAM),	    R(31 * MIB, 3 * MIB, RESERVED),
		R(40 * MIB + 1, 8190, RAM), R(50 * MIB + 1, 8191, RAM),
	};
	struct ramlist l = list(map, ARRAY_SIZE(map));
	struct boot_region run;
	uint64_t from = 0, sum = 0;

	(void)state;
	for (; ramlist_next(&l, from, &run); from = run.base + run.size) {
		assert_true(run.base >= from);
		assert_true(run.base >= 8 * MIB + 4096);
		assert_true(run.base + run.size <= 14 * MIB - 4096 || run.base == 50 * MIB + 4096);
		sum += run.size;
	}
	/* Once each, without the three pages, and the one whole page of the unaligned last two. */
	assert_int_equal(sum, 6 * MIB - 3 * 4096 + 4096);
	assert_int_equal(ramlist_end(&l), 50 * MIB + 8192);
}

/* Nothing wraps, and nothing above the end comes out. */
static void the_top_of_everything(void **state)
{
	const struct boot_region map[] = {
		R(UINT64_MAX - 4094, 4095, RAM), R(UINT64_MAX - 4095, 4096, RAM),
		R(1, UINT64_MAX, RESERVED),	 R(MIB, UINT64_MAX - MIB + 1, RAM),
		R(UINT64_MAX, 1, RAM),		 R((1ull << 46) - 4096, 8192, RAM),
		R(1ull << 46, 4096, RAM),
	};
	const struct boot_region taken[] = { R(UINT64_MAX, 1, RAM),
					     R(2 * MIB, UINT64_MAX - 2 * MIB, RAM) };
	struct ramlist l = list(map, 2);
	struct boot_region run;

	(void)state;
	assert_false(ramlist_next(&l, 0, &run));
	assert_int_equal(ramlist_end(&l), 0);
	l = list(map + 3, 2);
	assert_runs(&l, &(struct boot_region)R(MIB, (1ull << 46) - MIB, RAM), 1);
	assert_int_equal(ramlist_end(&l), 1ull << 46);
	l.taken = taken;
	l.taken_count = 2;
	assert_runs(&l, &(struct boot_region)R(MIB, MIB, RAM), 1);
	l = list(map + 2, 2);
	assert_false(ramlist_next(&l, 0, &run));
	l = list(map + 5, 2);
	assert_runs(&l, &(struct boot_region)R((1ull << 46) - 4096, 4096, RAM), 1);
	l = list(NULL, 0);
	assert_false(ramlist_next(&l, 0, &run));
	assert_int_equal(ramlist_end(&l), 0);
}

enum { SPACE = 64, MAP = 10, TAKEN = 6 }; /* pages; entries */

static unsigned next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(*seed >> 33);
}

static struct boot_region random_region(uint64_t *seed)
{
	struct boot_region r = { .type = next_random(seed) % 3 ? REGION_RAM
							       : 1 + next_random(seed) % 5 };

	r.base = next_random(seed) % SPACE * PAGE_SIZE + next_random(seed) % 3 -
		 (next_random(seed) % 2);
	r.base = MIN(r.base, SPACE * PAGE_SIZE);
	r.size = next_random(seed) % 16 * PAGE_SIZE + next_random(seed) % 3;
	return r;
}

/* Whether the page lies in r, all of it; whether it meets r. */
static bool is_within(const struct boot_region *r, uint64_t at)
{
	return at >= r->base && at + PAGE_SIZE <= r->base + r->size;
}

static bool meets(const struct boot_region *r, uint64_t at)
{
	return at < r->base + r->size && at + PAGE_SIZE > r->base;
}

static bool is_free(const struct ramlist *l, uint64_t at)
{
	bool ram = false;

	for (unsigned i = 0; i < l->region_count; i++) {
		if (l->regions[i].type == REGION_RAM)
			ram |= is_within(&l->regions[i], at);
		else if (l->regions[i].size && meets(&l->regions[i], at))
			return false;
	}
	for (unsigned i = 0; i < l->taken_count; i++)
		if (l->taken[i].size && meets(&l->taken[i], at))
			return false;
	return ram && at + PAGE_SIZE <= l->end;
}

static void random_maps(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (unsigned turn = 0; turn < 20000; turn++) {
		struct boot_region map[MAP], taken[TAKEN], run;
		struct ramlist l = { .regions = map, .taken = taken };
		bool seen[2 * SPACE] = { false };
		uint64_t from = 0;

		for (; l.region_count < 1 + turn % MAP; l.region_count++)
			map[l.region_count] = random_region(&seed);
		for (; l.taken_count < turn % TAKEN; l.taken_count++)
			taken[l.taken_count] = random_region(&seed);
		l.end = (SPACE / 2 + next_random(&seed) % SPACE) * PAGE_SIZE;
		for (; ramlist_next(&l, from, &run); from = run.base + run.size) {
			assert_true(run.size && run.base >= from);
			assert_true(IS_ALIGNED(run.base | run.size, PAGE_SIZE));
			for (uint64_t at = run.base; at < run.base + run.size; at += PAGE_SIZE)
				seen[at / PAGE_SIZE] = true;
		}
		for (unsigned page = 0; page < ARRAY_SIZE(seen); page++)
			assert_int_equal(seen[page], is_free(&l, page * PAGE_SIZE));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_pc),  cmocka_unit_test(from_is_respected),
		cmocka_unit_test(overlaps),    cmocka_unit_test(the_top_of_everything),
		cmocka_unit_test(random_maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: arch/x86_64/ptab.c arch/x86_64/ptab_host.c arch/x86_64/ptab_ept.c arch/x86_64/ptab_npt.c
 * tests/fake/pages.c */
/*
 * Page tables, in each format. A walker of the test's own, which knows only the manuals' bits,
 * looks at the tables after every single store: each address must be as it was, or as it is to
 * become.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/ptab.h"
#include "lib/errno.h"
#include "tests/fake/pages.h"

#define RW   (PTAB_R | PTAB_W)
#define RWX  (RW | PTAB_X)
#define RX   (PTAB_R | PTAB_X)
#define FREE 0 /* perms of what is not mapped */

struct seen {
	unsigned perms;
	uint64_t pa, size;
};

static struct {
	struct ptab t;
	struct ptab_format format;
	const struct ptab_format *real;
	bool has_1g;
	unsigned stores;
	/* What a change at work turns [va, end) into; outside of it, all stays as it was. */
	uint64_t va, end, pa;
	unsigned perms;
	bool keeps_pa;
} fix;

/* Interesting addresses: around the edges of pages of each size, and well inside. */
static uint64_t probes[256];
static struct seen before[256];
static unsigned probe_count;

static struct seen entry_see(uint64_t e, unsigned level)
{
	struct seen s = { .size = 1ull << (12 + 9 * (level - 1)) };
	uint64_t addr = e & 0x000ffffffffff000ull & ~(s.size - 1);

	s.pa = addr;
	if (fix.real == &ptab_ept) {
		unsigned type = e >> 3 & 7;

		assert_true(e & 1);
		assert_true(type == 6 || type == 0);
		s.perms = (e & 7) | (type == 0 ? PTAB_UC : 0);
	} else {
		assert_true(e & 1);
		assert_int_equal(!!(e & 4), fix.real == &ptab_npt);
		assert_int_equal(!!(e & 8), !!(e & 16));
		s.perms = PTAB_R | (e & 2 ? PTAB_W : 0) | (e >> 63 ? 0 : PTAB_X) |
			  (e & 16 ? PTAB_UC : 0);
	}
	return s;
}

/* A table's entry must let everything through: permissions are the leaf's alone. */
static void table_check(uint64_t e)
{
	assert_true(!(e >> 63));
	if (fix.real == &ptab_ept)
		assert_int_equal(e & 0xff, 7);
	else
		assert_int_equal(e & 0x9f, fix.real == &ptab_npt ? 7 : 3);
}

static struct seen walk(uint64_t va)
{
	const uint64_t *table = fix.t.root;
	uint64_t none = fix.real == &ptab_ept ? 7 : 1;

	for (unsigned level = 4;; level--) {
		uint64_t e = table[va >> (12 + 9 * (level - 1)) & 511];

		if (!(e & none))
			return (struct seen){ .perms = FREE };
		if (level == 1 || (level < 4 && (e & 0x80))) {
			struct seen s = entry_see(e, level);

			s.pa += va & (s.size - 1);
			return s;
		}
		table_check(e);
		table = (const uint64_t *)(uintptr_t)(e & 0x000ffffffffff000ull);
	}
}

static bool same(struct seen a, struct seen b)
{
	return a.perms == b.perms && (a.perms == FREE || a.pa == b.pa);
}

static struct seen wanted(unsigned i)
{
	struct seen s = before[i];

	if (probes[i] < fix.va || probes[i] >= fix.end || (fix.keeps_pa && s.perms == FREE))
		return s;
	s.perms = fix.perms;
	if (!fix.keeps_pa)
		s.pa = fix.pa + (probes[i] - fix.va);
	return s;
}

static void hook(uint64_t *entry, uint64_t value)
{
	ptab_store(entry, value);
	fix.stores++;
	for (unsigned i = 0; i < probe_count; i++) {
		struct seen now = walk(probes[i]);

		assert_true(same(now, before[i]) || same(now, wanted(i)));
	}
}

static bool has_1g(void)
{
	return fix.has_1g;
}

/* Notes the state before a change of [va, va + size). */
static void expect(uint64_t va, uint64_t size, uint64_t pa, unsigned perms, bool keeps_pa)
{
	fix.va = va, fix.end = va + size, fix.pa = pa, fix.perms = perms, fix.keeps_pa = keeps_pa;
	fix.stores = 0;
	for (unsigned i = 0; i < probe_count; i++)
		before[i] = walk(probes[i]);
}

static void check_all(void)
{
	for (unsigned i = 0; i < probe_count; i++) {
		struct seen now = walk(probes[i]);
		uint64_t size = 0;
		unsigned perms = 0;
		hpa_t pa = hpa(0);

		assert_true(same(now, wanted(i)));
		if (now.perms == FREE) {
			assert_int_equal(ptab_lookup(&fix.t, probes[i], &pa, &perms, &size),
					 -ENOENT);
			continue;
		}
		assert_int_equal(ptab_lookup(&fix.t, probes[i], &pa, &perms, &size), 0);
		assert_int_equal(pa.raw, now.pa);
		assert_int_equal(perms, now.perms);
		assert_int_equal(size, now.size);
		assert_int_equal(ptab_lookup(&fix.t, probes[i], NULL, NULL, NULL), 0);
	}
}

static void map(uint64_t va, uint64_t pa, uint64_t size, unsigned perms)
{
	expect(va, size, pa, perms, false);
	assert_int_equal(ptab_map(&fix.t, va, hpa(pa), size, perms), 0);
	assert_true(fix.stores > 0);
	check_all();
}

static void unmap(uint64_t va, uint64_t size)
{
	expect(va, size, 0, FREE, true);
	assert_int_equal(ptab_unmap(&fix.t, va, size), 0);
	check_all();
}

static void protect(uint64_t va, uint64_t size, unsigned perms)
{
	expect(va, size, 0, perms, true);
	assert_int_equal(ptab_protect(&fix.t, va, size, perms), 0);
	check_all();
}

static void probe_around(uint64_t va)
{
	static const int64_t steps[] = { -2 * 4096, -4096, -1, 0, 1, 4096, 2 * 4096 };

	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		assert_true(probe_count < ARRAY_SIZE(probes));
		if ((uint64_t)(va + steps[i]) < 1ull << 48)
			probes[probe_count++] = va + steps[i];
	}
}

static void start(const struct ptab_format *real, bool big)
{
	static const uint64_t around[] = { 0,	    0x10000,	    2 * MIB,   4 * MIB,
					   6 * MIB, 512 * MIB,	    1 * GIB,   1 * GIB + 2 * MIB,
					   2 * GIB, 2 * GIB + 4096, 512 * GIB, BIT(47),
					   BIT(48), 3 * GIB,	    5 * GIB };

	memset(&fix, 0, sizeof(fix));
	fix.real = real;
	fix.has_1g = big;
	fix.format = *real;
	fix.format.has_1g = has_1g;
	fix.format.store = hook;
	assert_int_equal(ptab_init(&fix.t, &fix.format, MEM_PTAB), 0);
	probe_count = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(around); i++)
		probe_around(around[i]);
}

static void stop(void)
{
	fake_pages_fail_after(-1);
	ptab_fini(&fix.t);
	ptab_fini(&fix.t);
	assert_int_equal(fake_pages_used(MEM_PTAB), 0);
}

static const struct ptab_format *const formats[] = { &ptab_host, &ptab_ept, &ptab_npt };

static void largest_pages_are_taken(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(formats); i++) {
		bool big = i & 1;

		start(formats[i / 2], big);
		map(2 * MIB - 4096, 8 * GIB + 2 * MIB - 4096, 3 * GIB, RWX);
		assert_int_equal(walk(2 * MIB - 4096).size, 4096);
		assert_int_equal(walk(2 * MIB).size, 2 * MIB);
		assert_int_equal(walk(GIB).size, big ? GIB : 2 * MIB);
		assert_int_equal(walk(2 * GIB + 5).size, big ? GIB : 2 * MIB);
		assert_int_equal(walk(3 * GIB).size, 4096);
		/* Aligned here, but not there: small pages. */
		map(512 * GIB, 4096, 4 * MIB, PTAB_R);
		assert_int_equal(walk(512 * GIB + 2 * MIB).size, 4096);
		stop();
	}
}

static void permissions_are_as_asked(void **state)
{
	static const unsigned all[] = { PTAB_R, RW, RX, RWX, PTAB_R | PTAB_UC, RW | PTAB_UC };

	(void)state;
	for (unsigned f = 0; f < ARRAY_SIZE(formats); f++) {
		start(formats[f], true);
		for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
			map(0, GIB, 4096, all[i]);
			map(2 * MIB, GIB, 2 * MIB, all[i]);
			map(GIB, GIB, GIB, all[i]);
			unmap(0, 2 * GIB);
			/* The tables of small pages stay, so that the next round maps small. */
			assert_int_equal(walk(0).perms, FREE);
		}
		stop();
	}
}

static void edges_split_and_the_rest_stays(void **state)
{
	(void)state;
	for (unsigned f = 0; f < ARRAY_SIZE(formats); f++) {
		start(formats[f], true);
		map(0, 0, 4 * GIB, RWX);
		unmap(0x10000, 4096);
		assert_int_equal(walk(0).size, 4096);
		assert_int_equal(walk(2 * MIB).size, 2 * MIB);
		assert_int_equal(walk(GIB).size, GIB);
		protect(512 * MIB, GIB + 4096, RX);
		protect(0, 4 * GIB, PTAB_R);
		protect(2 * GIB, 4096, RW | PTAB_UC);
		unmap(0, 3 * GIB);
		unmap(2 * GIB - 4096, 2 * GIB);
		map(0x10000, 7 * GIB, 4096, RW);
		stop();
	}
}

/* The same range twice, aligned: no store is spent on splitting, and none on what is not there. */
static void whole_pages_are_not_split(void **state)
{
	(void)state;
	start(&ptab_ept, true);
	map(0, 0, 2 * GIB, RWX);
	unsigned tables = fake_pages_used(MEM_PTAB);

	protect(0, GIB, RX);
	assert_int_equal(fix.stores, 1);
	unmap(0, 2 * GIB);
	assert_int_equal(fix.stores, 2);
	unmap(0, 512 * GIB);
	assert_int_equal(fix.stores, 0);
	assert_int_equal(fake_pages_used(MEM_PTAB), tables);
	stop();
}

static void mapped_is_not_mapped_over(void **state)
{
	(void)state;
	start(&ptab_host, true);
	map(2 * MIB, 0, 4096, RW);
	expect(0, 0, 0, FREE, true);
	assert_int_equal(ptab_map(&fix.t, 2 * MIB, hpa(0), 4096, RW), -EEXIST);
	assert_int_equal(ptab_map(&fix.t, 0, hpa(0), GIB, RW), -EEXIST);
	assert_int_equal(ptab_map(&fix.t, 4096, hpa(0), 2 * MIB, RW), -EEXIST);
	assert_int_equal(fix.stores, 0);
	check_all();
	map(0, 0, 2 * MIB, RW);
	map(2 * MIB + 4096, 0, GIB, RW);
	stop();
}

static void bad_ranges_are_refused(void **state)
{
	(void)state;
	start(&ptab_host, true);
	expect(0, 0, 0, FREE, true);
	assert_int_equal(ptab_map(&fix.t, 1, hpa(0), 4096, RW), -EINVAL);
	assert_int_equal(ptab_map(&fix.t, 0, hpa(1), 4096, RW), -EINVAL);
	assert_int_equal(ptab_map(&fix.t, 0, hpa(0), 4097, RW), -EINVAL);
	assert_int_equal(ptab_map(&fix.t, 0, hpa(0), 0, RW), -EINVAL);
	assert_int_equal(ptab_map(&fix.t, 4096, hpa(0), BIT(48), RW), -EINVAL);
	assert_int_equal(ptab_map(&fix.t, 0, hpa(BIT(52)), 4096, RW), -EINVAL);
	assert_int_equal(ptab_map(&fix.t, 0, hpa(BIT(52) - 4096), 8192, RW), -EINVAL);
	assert_int_equal(ptab_unmap(&fix.t, 0, UINT64_MAX - PAGE_MASK), -EINVAL);
	assert_int_equal(ptab_unmap(&fix.t, BIT(48) - 4096, 8192), -EINVAL);
	assert_int_equal(ptab_protect(&fix.t, 12, 4096, RW), -EINVAL);
	assert_int_equal(fix.stores, 0);
	check_all();
	stop();
}

static void upper_half_and_last_page(void **state)
{
	uint64_t image = 0xffffffff80000000ull;
	hpa_t pa;

	(void)state;
	start(&ptab_host, true);
	map(BIT(48) - 4096, 0x5000, 4096, RW);
	assert_int_equal(ptab_lookup(&fix.t, UINT64_MAX, &pa, NULL, NULL), 0);
	assert_int_equal(pa.raw, 0x5fff);
	expect(image & (BIT(48) - 1), 4 * MIB, MIB, RX, false);
	assert_int_equal(ptab_map(&fix.t, image, hpa(MIB), 4 * MIB, RX), 0);
	check_all();
	assert_int_equal(ptab_lookup(&fix.t, image + 4097, &pa, NULL, NULL), 0);
	assert_int_equal(pa.raw, MIB + 4097);
	stop();
}

/* However early memory runs out: nothing is mapped, split or protected by halves, nothing leaks. */
static void no_memory_changes_nothing(void **state)
{
	int error = -ENOMEM;

	(void)state;
	for (unsigned n = 0; error; n++) {
		start(&ptab_ept, false);
		expect(4096, 3 * GIB, 8 * GIB + 4096, RWX, false);
		fake_pages_fail_after(n);
		error = ptab_map(&fix.t, 4096, hpa(8 * GIB + 4096), 3 * GIB, RWX);
		if (error) {
			assert_int_equal(error, -ENOMEM);
			fix.end = fix.va;
		}
		check_all();
		stop();
	}
	error = -ENOMEM;
	for (unsigned n = 0; error; n++) {
		start(&ptab_npt, true);
		map(0, 0, 3 * GIB, RWX);
		expect(4096, 2 * GIB, 0, RX, true);
		fake_pages_fail_after(n);
		error = ptab_protect(&fix.t, 4096, 2 * GIB, RX);
		if (error) {
			assert_int_equal(error, -ENOMEM);
			fix.end = fix.va;
		}
		check_all();
		stop();
	}
	fake_pages_fail_after(0);
	assert_int_equal(ptab_init(&fix.t, &ptab_host, MEM_PTAB), -ENOMEM);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(largest_pages_are_taken),
		cmocka_unit_test(permissions_are_as_asked),
		cmocka_unit_test(edges_split_and_the_rest_stays),
		cmocka_unit_test(whole_pages_are_not_split),
		cmocka_unit_test(mapped_is_not_mapped_over),
		cmocka_unit_test(bad_ranges_are_refused),
		cmocka_unit_test(upper_half_and_last_page),
		cmocka_unit_test(no_memory_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

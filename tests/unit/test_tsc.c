/* SPDX-License-Identifier: MIT */
/* sources: arch/x86_64/tsc.c arch/x86_64/features.c lib/string.c lib/str.c tests/fake/log.c */
/* The TSC's arithmetic: exact over the whole range that a machine can be up for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "arch/x86_64/asm.h"
#include "arch/x86_64/tsc.h"

static const uint64_t frequencies[] = {
	1000000,    1193182,	19200000,   999999999,	1000000000, 1000000001,	   1400000000,
	1999999999, 2000000000, 2095078000, 2399999997, 2899998765, 3000000000,	   3600000000,
	4294967295, 4294967296, 4700000001, 5000000000, 5799999999, 9999999999ull, 10000000000ull,
};

/* Numbers of all sizes, and the same in every run. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t x;

	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	x = *state ^ *state >> 29;
	return x >> (*state >> 59);
}

static uint64_t exact(uint64_t x, uint64_t num, uint64_t den)
{
	return (uint64_t)((unsigned __int128)x * num / den);
}

static void test_ratio(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		uint64_t num = next_random(&seed), den = next_random(&seed);
		uint64_t x = next_random(&seed), want, got;
		struct ratio r;

		if (!den || (unsigned __int128)x * num / den > UINT64_MAX)
			continue;
		r = ratio_make(num, den);
		want = exact(x, num, den);
		got = ratio_apply(&r, x);
		assert_true(got == want || got == want - 1);
	}
}

static void check_ns(const struct tsc_scale *s, uint64_t ns)
{
	uint64_t ticks = tsc_from_ns(s, ns);
	uint64_t least = exact(ns, s->hz, NS_PER_S);

	/* Never before ns; at most three ticks after it, and one more for each four years. */
	assert_true(tsc_to_ns(s, ticks) >= ns);
	assert_in_range(ticks, least, least + 3 + (ns >> 57));
}

static void check_ticks(const struct tsc_scale *s, uint64_t ticks)
{
	uint64_t ns = tsc_to_ns(s, ticks), want = exact(ticks, NS_PER_S, s->hz);

	assert_true(ns == want || ns == want - 1);
	assert_true(tsc_to_ns(s, ticks + 1) >= ns);
}

static void test_scale(void **state)
{
	/* 30 years. */
	const uint64_t ns_max = 30ull * 366 * 86400 * NS_PER_S;
	uint64_t seed = 2;

	(void)state;
	for (unsigned f = 0; f < ARRAY_SIZE(frequencies); f++) {
		struct tsc_scale s = tsc_scale_make(frequencies[f]);

		assert_int_equal(s.hz, frequencies[f]);
		for (uint64_t ns = 0; ns < 3000; ns++)
			check_ns(&s, ns);
		for (unsigned bit = 0; bit < 60; bit++) {
			check_ns(&s, MIN(BIT(bit), ns_max));
			check_ns(&s, MIN(BIT(bit) - 1, ns_max));
			check_ns(&s, MIN(BIT(bit) + 1, ns_max));
		}
		for (unsigned i = 0; i < 50000; i++)
			check_ns(&s, next_random(&seed) % ns_max);
		for (unsigned i = 0; i < 50000; i++)
			check_ticks(&s, next_random(&seed) % exact(ns_max, s.hz, NS_PER_S));
	}
}

static void test_scale_of_1ghz_is_one(void **state)
{
	struct tsc_scale s = tsc_scale_make(NS_PER_S);

	(void)state;
	assert_int_equal(tsc_to_ns(&s, 123456789012345678), 123456789012345678);
	assert_in_range(tsc_from_ns(&s, 123456789012345678), 123456789012345678,
			123456789012345679);
}

static void test_median(void **state)
{
	uint64_t a[] = { 5, 1, 9, 3, 7 }, b[] = { 8, 2 }, c[] = { 4 }, d[] = { 9, 9, 1, 9, 9 };

	(void)state;
	assert_int_equal(tsc_median(a, 5), 5);
	assert_int_equal(tsc_median(b, 2), 8);
	assert_int_equal(tsc_median(c, 1), 4);
	assert_int_equal(tsc_median(d, 5), 9);
	assert_int_equal(tsc_median(NULL, 0), 0);
}

static void test_crystal(void **state)
{
	(void)state;
	assert_int_equal(tsc_hz_of_crystal(2, 250, 24000000), 3000000000ull);
	assert_int_equal(tsc_hz_of_crystal(1, UINT32_MAX, UINT32_MAX),
			 (uint64_t)UINT32_MAX * UINT32_MAX);
	assert_int_equal(tsc_hz_of_crystal(0, 250, 24000000), 0);
	assert_int_equal(tsc_hz_of_crystal(2, 0, 24000000), 0);
	assert_int_equal(tsc_hz_of_crystal(2, 250, 0), 0);
}

static void test_agreement(void **state)
{
	(void)state;
	assert_true(tsc_hz_agree(1000000, 1000000, 1000));
	assert_true(tsc_hz_agree(1000000, 999000, 1000));
	assert_false(tsc_hz_agree(1000000, 998999, 1000));
	assert_true(tsc_hz_agree(999000, 1000000, 1000));
	assert_false(tsc_hz_agree(998999, 1000000, 1000));
	assert_false(tsc_hz_agree(1, UINT64_MAX, 1000));
}

/* References made of the real TSC, so that the result is known. */
static uint64_t read_tenth(const struct tsc_reference *r)
{
	return rdtsc() / 10 & r->mask;
}

static uint64_t read_stuck(const struct tsc_reference *r)
{
	return r->mask;
}

static void test_calibrate(void **state)
{
	/* A tenth of the TSC, said to run at 200 MHz; the narrow one wraps in the middle. */
	struct tsc_reference tenth = { "tenth", read_tenth, UINT64_MAX, 200000000, 0 };
	struct tsc_reference narrow = { "narrow", read_tenth, (1 << 23) - 1, 200000000, 0 };

	(void)state;
	assert_int_equal(tsc_calibrate(&tenth), 0);
	assert_in_range(tsc_host.hz, 1999000000, 2001000000);
	assert_int_equal(tsc_calibrate(&narrow), 0);
	assert_in_range(tsc_host.hz, 1999000000, 2001000000);
}

static void test_calibrate_stuck(void **state)
{
	struct tsc_reference stuck = { "stuck", read_stuck, UINT32_MAX, 200000000, 0 };

	(void)state;
	/* No CPUID leaves are known without features_init(): nothing is left to go by. */
	assert_true(tsc_calibrate(&stuck) < 0);
	assert_true(tsc_calibrate(NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ratio),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_scale_of_1ghz_is_one),
		cmocka_unit_test(test_median),
		cmocka_unit_test(test_crystal),
		cmocka_unit_test(test_agreement),
		cmocka_unit_test(test_calibrate_stuck),
		cmocka_unit_test(test_calibrate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

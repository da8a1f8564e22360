/* SPDX-License-Identifier: MIT */
/* sources: */
/* The ring of bytes: order, full, empty, and positions that run past the size and past 2^32. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/ring.h"

enum { SIZE = 8, GUARD = 0xa5 };

static uint8_t store[SIZE + 2]; /* a guard on either side */
static struct ring r;

static int setup(void **state)
{
	(void)state;
	memset(store, GUARD, sizeof(store));
	ring_init(&r, store + 1, SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(store[0], GUARD);
	assert_int_equal(store[SIZE + 1], GUARD);
	return 0;
}

static void starts_empty(void **state)
{
	uint8_t byte = 7;

	(void)state;
	assert_int_equal(ring_used(&r), 0);
	assert_int_equal(ring_room(&r), SIZE);
	assert_false(ring_get(&r, &byte));
	assert_int_equal(byte, 7);
}

static void fills_to_the_last_byte(void **state)
{
	uint8_t byte;

	(void)state;
	for (unsigned i = 0; i < SIZE; i++) {
		assert_int_equal(ring_room(&r), SIZE - i);
		assert_true(ring_put(&r, (uint8_t)i));
		assert_int_equal(ring_used(&r), i + 1);
	}
	assert_false(ring_put(&r, 99));
	assert_int_equal(ring_used(&r), SIZE);
	for (unsigned i = 0; i < SIZE; i++) {
		assert_true(ring_get(&r, &byte));
		assert_int_equal(byte, i);
	}
	assert_false(ring_get(&r, &byte));
}

/* At every position and every fill, past the wrap of the 32-bit counters too. */
static void runs_on_for_ever(void **state)
{
	uint8_t in = 0, out = 0, byte;

	(void)state;
	r.head = r.tail = UINT32_MAX - 50;
	for (unsigned round = 0; round < 100; round++) {
		unsigned n = round % (SIZE + 1);

		for (unsigned i = 0; i < n; i++)
			assert_true(ring_put(&r, in++));
		assert_int_equal(ring_used(&r), n);
		assert_int_equal(ring_room(&r), SIZE - n);
		assert_int_equal(ring_put(&r, in), n < SIZE);
		in += n < SIZE;
		while (ring_get(&r, &byte))
			assert_int_equal(byte, out++);
		assert_int_equal(in, out);
	}
	assert_true(r.head < UINT32_MAX - 50); /* they have wrapped */
}

static void one_byte_ring(void **state)
{
	uint8_t byte;

	(void)state;
	ring_init(&r, store + 1, 1);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(ring_put(&r, (uint8_t)i));
		assert_false(ring_put(&r, 99));
		assert_true(ring_get(&r, &byte));
		assert_int_equal(byte, i);
		assert_false(ring_get(&r, &byte));
	}
	assert_int_equal(store[2], GUARD);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(starts_empty),
		TEST(fills_to_the_last_byte),
		TEST(runs_on_for_ever),
		TEST(one_byte_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

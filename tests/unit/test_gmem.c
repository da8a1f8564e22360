/* SPDX-License-Identifier: MIT */
/* sources: vmm/gmem.c */
/* Guest memory: what may be a slot, where an access ends, and that a failed copy copies nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/errno.h"
#include "vmm/gmem.h"

enum { LOW = 4 * 4096, ROM = 4096, HIGH = 2 * 4096 };

static const uint64_t high_base = 4 * GIB;

struct fixture {
	struct gmem m;
	uint8_t *low, *rom, *high;
};

/* [0, 16K) RAM, [16K, 20K) ROM, [4G, 4G + 8K) RAM; exact heap blocks, so that ASan sees each
 * overrun. */
static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->low = calloc(1, LOW);
	f->rom = calloc(1, ROM);
	f->high = calloc(1, HIGH);
	struct gmem_slot slots[] = {
		{ gpa(high_base), HIGH, f->high, 0, "high" },
		{ gpa(0), LOW, f->low, 0, "low" },
		{ gpa(LOW), ROM, f->rom, GMEM_ROM, "rom" },
	};
	for (unsigned i = 0; i < ARRAY_SIZE(slots); i++)
		assert_int_equal(gmem_add(&f->m, &slots[i]), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->low);
	free(f->rom);
	free(f->high);
	free(f);
	return 0;
}

static void slots_are_sorted_and_found(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->m.count, 3);
	assert_string_equal(f->m.slots[0].name, "low");
	assert_string_equal(f->m.slots[1].name, "rom");
	assert_string_equal(f->m.slots[2].name, "high");
	assert_string_equal(f->m.main.name, "low");
	assert_int_equal(gmem_size(&f->m), LOW + HIGH);
	assert_ptr_equal(gmem_find(&f->m, gpa(0)), &f->m.slots[0]);
	assert_ptr_equal(gmem_find(&f->m, gpa(LOW - 1)), &f->m.slots[0]);
	assert_ptr_equal(gmem_find(&f->m, gpa(LOW)), &f->m.slots[1]);
	assert_null(gmem_find(&f->m, gpa(LOW + ROM)));
	assert_null(gmem_find(&f->m, gpa(high_base - 1)));
	assert_ptr_equal(gmem_find(&f->m, gpa(high_base + HIGH - 1)), &f->m.slots[2]);
	assert_null(gmem_find(&f->m, gpa(high_base + HIGH)));
	assert_null(gmem_find(&f->m, gpa(UINT64_MAX)));
}

static void bad_slots_are_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t page[1];
	struct {
		struct gmem_slot slot;
		int error;
	} bad[] = {
		{ { gpa(1 * MIB), 0, page, 0, "empty" }, -EINVAL },
		{ { gpa(1 * MIB), 4096, NULL, 0, "no host" }, -EINVAL },
		{ { gpa(1 * MIB + 1), 4096, page, 0, "base" }, -EINVAL },
		{ { gpa(1 * MIB), 4097, page, 0, "size" }, -EINVAL },
		{ { gpa(-(uint64_t)4096), 8192, page, 0, "wraps" }, -EINVAL },
		{ { gpa(-(uint64_t)4096), 4096, page, 0, "ends at 2^64" }, -EINVAL },
		{ { gpa(0), 4096, page, 0, "start" }, -EEXIST },
		{ { gpa(LOW - 4096), 4096, page, 0, "end" }, -EEXIST },
		{ { gpa(4096), 4096, page, 0, "inside" }, -EEXIST },
		{ { gpa(high_base - 4096), 8192, page, 0, "before" }, -EEXIST },
		{ { gpa(high_base - 4096), 16 * 4096, page, 0, "around" }, -EEXIST },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(gmem_add(&f->m, &bad[i].slot), bad[i].error);
	assert_int_equal(f->m.count, 3);
	for (unsigned i = 3; i < GMEM_SLOTS; i++) {
		struct gmem_slot s = { gpa(i * MIB), 4096, page, 0, "more" };

		assert_int_equal(gmem_add(&f->m, &s), 0);
	}
	struct gmem_slot s = { gpa(GMEM_SLOTS * MIB), 4096, page, 0, "too many" };

	assert_int_equal(gmem_add(&f->m, &s), -ENOSPC);
}

static void pointers_stay_within_a_slot(void **state)
{
	struct fixture *f = *state;

	assert_ptr_equal(gmem_ptr(&f->m, gpa(0), LOW, true), f->low);
	assert_null(gmem_ptr(&f->m, gpa(0), LOW + 1, false));
	assert_ptr_equal(gmem_ptr(&f->m, gpa(LOW - 1), 1, true), f->low + LOW - 1);
	assert_null(gmem_ptr(&f->m, gpa(LOW - 1), 2, false));
	assert_null(gmem_ptr(&f->m, gpa(LOW - 1), UINT64_MAX, false));
	assert_ptr_equal(gmem_ptr(&f->m, gpa(LOW), ROM, false), f->rom);
	assert_null(gmem_ptr(&f->m, gpa(LOW), 1, true));
	assert_null(gmem_ptr(&f->m, gpa(LOW + ROM), 1, false));
	assert_ptr_equal(gmem_ptr(&f->m, gpa(high_base + 8), 8, true), f->high + 8);
	assert_null(gmem_ptr(&f->m, gpa(high_base + HIGH - 7), 8, true));
	assert_null(gmem_ptr(&f->m, gpa(UINT64_MAX), 2, false));
}

static void empty_memory_has_no_bytes(void **state)
{
	static const struct gmem none;
	uint8_t byte;

	(void)state;
	assert_null(gmem_ptr(&none, gpa(0), 1, false));
	assert_int_equal(gmem_read(&none, gpa(0), &byte, 1), -EFAULT);
	assert_int_equal(gmem_read(&none, gpa(0), &byte, 0), 0);
	assert_int_equal(gmem_size(&none), 0);
}

static void copies_cross_slots(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[8] = { 0 };

	f->low[LOW - 2] = 1, f->low[LOW - 1] = 2, f->rom[0] = 3, f->rom[1] = 4;
	assert_int_equal(gmem_read(&f->m, gpa(LOW - 2), buf, 4), 0);
	assert_memory_equal(buf, ((uint8_t[]){ 1, 2, 3, 4 }), 4);

	assert_int_equal(gmem_write(&f->m, gpa(high_base + HIGH - 4), "abcd", 4), 0);
	assert_memory_equal(f->high + HIGH - 4, "abcd", 4);
	assert_int_equal(gmem_zero(&f->m, gpa(high_base + HIGH - 3), 2), 0);
	assert_memory_equal(f->high + HIGH - 4, "a\0\0d", 4);
}

static void failed_copies_copy_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[4] = { 9, 9, 9, 9 };

	assert_int_equal(gmem_read(&f->m, gpa(LOW + ROM - 2), buf, 4), -EFAULT);
	assert_memory_equal(buf, ((uint8_t[]){ 9, 9, 9, 9 }), 4);
	f->low[LOW - 2] = 7;
	assert_int_equal(gmem_write(&f->m, gpa(LOW - 2), buf, 4), -EFAULT);
	assert_int_equal(gmem_zero(&f->m, gpa(LOW - 2), 4), -EFAULT);
	assert_int_equal(f->low[LOW - 2], 7);
	assert_int_equal(gmem_write(&f->m, gpa(high_base + HIGH - 2), buf, 4), -EFAULT);
	assert_int_equal(f->high[HIGH - 2], 0);
	assert_int_equal(gmem_read(&f->m, gpa(0), buf, UINT64_MAX), -EFAULT);
	assert_int_equal(gmem_read(&f->m, gpa(UINT64_MAX), buf, 2), -EFAULT);
}

static void main_slot_is_the_largest_ram(void **state)
{
	static uint8_t page[4096];
	struct gmem m = { 0 };
	struct gmem_slot rom = { gpa(0), 1 * MIB, page, GMEM_ROM, "rom" };
	struct gmem_slot ram = { gpa(1 * MIB), 4096, page, 0, "ram" };

	(void)state;
	assert_int_equal(gmem_add(&m, &rom), 0);
	assert_int_equal(m.main.size, 0);
	assert_int_equal(gmem_add(&m, &ram), 0);
	assert_string_equal(m.main.name, "ram");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(slots_are_sorted_and_found, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_slots_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(pointers_stay_within_a_slot, setup, teardown),
		cmocka_unit_test(empty_memory_has_no_bytes),
		cmocka_unit_test_setup_teardown(copies_cross_slots, setup, teardown),
		cmocka_unit_test_setup_teardown(failed_copies_copy_nothing, setup, teardown),
		cmocka_unit_test(main_slot_is_the_largest_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

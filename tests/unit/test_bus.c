/* SPDX-License-Identifier: MIT */
/* sources: vmm/bus.c tests/fake/log_record.c tests/fake/panic.c */
/* The bus: who gets which access, what nobody gets, and what may not be registered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/errno.h"
#include "tests/fake/log_record.h"
#include "vmm/bus.h"

struct device {
	unsigned calls;
	struct bus_access last;
	uint64_t answer;
	struct vm *vm;
};

static void device_access(struct vm *vm, void *dev, struct bus_access *a)
{
	struct device *d = dev;

	d->calls++;
	d->last = *a;
	d->vm = vm;
	if (!a->write)
		a->value = d->answer;
}

static void silent_access(struct vm *vm, void *dev, struct bus_access *a)
{
	(void)vm;
	(void)dev;
	(void)a;
}

static struct bus bus;
static struct device low, high;

static int setup(void **state)
{
	(void)state;
	memset(&bus, 0, sizeof(bus));
	low = (struct device){ .answer = 0x1122334455667788 };
	high = (struct device){ .answer = 0xaabbccddeeff0011 };
	fake_log_clear();
	return 0;
}

static void plug(uint64_t base, uint64_t size, struct device *d)
{
	assert_int_equal(
		bus_register(&bus, base, size, d == &low ? "low" : "high", device_access, d), 0);
}

static uint64_t get(uint64_t addr, unsigned size, bool claimed)
{
	struct bus_access a = { .size = (uint8_t)size, .value = 0x5a5a };

	assert_int_equal(bus_access((struct vm *)&bus, &bus, addr, &a), claimed);
	return a.value;
}

static void put(uint64_t addr, unsigned size, uint64_t value, bool claimed)
{
	struct bus_access a = { .size = (uint8_t)size, .value = value, .write = true };

	assert_int_equal(bus_access((struct vm *)&bus, &bus, addr, &a), claimed);
}

/* The ranges are sorted, and every address is in exactly one. */
static void check_partition(void)
{
	uint64_t next = 0;

	for (unsigned i = 0; i < bus.count; i++) {
		assert_int_equal(bus.ranges[i].base, next);
		next = bus.ranges[i].base + bus.ranges[i].last + 1;
		if (i > 0)
			assert_true(bus.ranges[i].access || bus.ranges[i - 1].access);
	}
	assert_int_equal(next, 0);
}

static void empty_bus(void **state)
{
	(void)state;
	assert_int_equal(get(0, 4, false), 0xffffffff);
	memset(&bus, 0, sizeof(bus));
	assert_int_equal(get(0, 1, false), 0xff);
	assert_int_equal(get(0x80, 1, false), 0xff);
	assert_int_equal(get(UINT64_MAX, 1, false), 0xff);
	put(0x80, 1, 7, false);
	assert_int_equal(bus.unclaimed[0], 3);
	assert_int_equal(bus.unclaimed[1], 1);
	bus_unregister(&bus, 0x80);
	check_partition();
}

static void access_reaches_its_device(void **state)
{
	(void)state;
	plug(0x3f8, 8, &high);
	plug(0x20, 2, &low);
	check_partition();

	assert_int_equal(get(0x3fd, 1, true), 0x11);
	assert_int_equal(high.last.offset, 5);
	assert_int_equal(high.last.size, 1);
	assert_false(high.last.write);
	assert_int_equal(high.last.value, 0xff);
	assert_ptr_equal(high.vm, &bus);

	put(0x21, 1, 0xfab, true);
	assert_int_equal(low.last.offset, 1);
	assert_int_equal(low.last.value, 0xab);
	assert_true(low.last.write);
	assert_int_equal(low.calls, 1);
	assert_int_equal(high.calls, 1);
	assert_int_equal(bus.unclaimed[0] + bus.unclaimed[1], 0);
}

static void sizes_are_cut(void **state)
{
	static const uint64_t mask[] = {
		[1] = 0xff, [2] = 0xffff, [4] = 0xffffffff, [8] = UINT64_MAX
	};

	(void)state;
	plug(0x1000, 0x100, &low);
	for (unsigned size = 1; size <= 8; size *= 2) {
		assert_int_equal(get(0x1008, size, true), low.answer & mask[size]);
		assert_int_equal(low.last.value, mask[size]);
		put(0x1008, size, high.answer, true);
		assert_int_equal(low.last.value, high.answer & mask[size]);
		assert_int_equal(get(0x2000, size, false), mask[size]);
	}
}

static void silent_device_reads_ones(void **state)
{
	(void)state;
	assert_int_equal(bus_register(&bus, 0x60, 1, "silent", silent_access, NULL), 0);
	assert_int_equal(get(0x60, 1, true), 0xff);
}

static void edges_belong_to_the_range(void **state)
{
	(void)state;
	plug(0x100, 0x10, &low);
	plug(0x110, 0x10, &high);
	check_partition();
	get(0xff, 1, false);
	get(0x100, 1, true);
	assert_int_equal(low.calls, 1);
	get(0x10f, 1, true);
	assert_int_equal(low.calls, 2);
	get(0x110, 1, true);
	assert_int_equal(high.calls, 1);
	get(0x11f, 1, true);
	assert_int_equal(high.calls, 2);
	get(0x120, 1, false);
}

static void straddling_access_is_split(void **state)
{
	(void)state;
	plug(0x100, 2, &low);
	plug(0x102, 1, &high);
	/* Two bytes of low's, one of high's, one of nobody's. */
	assert_int_equal(get(0x100, 4, true), 0xff118888);
	assert_int_equal(low.calls, 2);
	assert_int_equal(low.last.offset, 1);
	assert_int_equal(low.last.size, 1);
	assert_int_equal(high.calls, 1);
	assert_int_equal(bus.unclaimed[0], 1);

	put(0x101, 4, 0x44332211, true);
	assert_int_equal(low.last.value, 0x11);
	assert_int_equal(high.last.value, 0x22);
	assert_int_equal(bus.unclaimed[1], 2);
	/* From a gap into a device. */
	assert_int_equal(get(0xfe, 4, true), 0x8888ffff);
}

static void bounds_of_the_address_space(void **state)
{
	(void)state;
	plug(UINT64_MAX - 7, 8, &high);
	plug(0, 4, &low);
	check_partition();
	assert_int_equal(get(UINT64_MAX, 1, true), 0x11);
	assert_int_equal(high.last.offset, 7);
	/* Wraps round to the bottom, as addresses do. */
	assert_int_equal(get(UINT64_MAX, 2, true), 0x8811);
	bus_unregister(&bus, 0);
	bus_unregister(&bus, UINT64_MAX - 7);
	check_partition();
	assert_int_equal(bus.count, 1);
}

static void everything_in_one(void **state)
{
	(void)state;
	plug(1, UINT64_MAX, &low);
	check_partition();
	assert_int_equal(get(0, 1, false), 0xff);
	assert_int_equal(get(UINT64_MAX, 1, true), 0x88);
	assert_int_equal(low.last.offset, UINT64_MAX - 1);
}

static void bad_ranges_are_refused(void **state)
{
	(void)state;
	assert_int_equal(bus_register(&bus, 0x10, 0, "empty", device_access, &low), -EINVAL);
	assert_int_equal(bus_register(&bus, UINT64_MAX, 2, "wraps", device_access, &low), -EINVAL);
	assert_int_equal(bus_register(&bus, 0x10, 1, "deaf", NULL, &low), -EINVAL);
	assert_int_equal(get(0x10, 1, false), 0xff);
}

static void overlaps_are_refused(void **state)
{
	static const struct {
		uint64_t base, size;
	} bad[] = { { 0x100, 0x10 }, { 0x10f, 1 }, { 0xff, 2 }, { 0x104, 4 }, { 0, 0x1000 } };

	(void)state;
	plug(0x100, 0x10, &low);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		fake_log_clear();
		assert_int_equal(bus_register(&bus, bad[i].base, bad[i].size, "second",
					      device_access, &high),
				 -EEXIST);
		assert_true(fake_log_has(LOG_ERROR, "second"));
		assert_true(fake_log_has(LOG_ERROR, "low"));
	}
	check_partition();
	assert_int_equal(bus.count, 3);
}

static void full_bus_is_refused(void **state)
{
	unsigned n = 0;
	int error;

	(void)state;
	while (!(error = bus_register(&bus, 2 * n + 1, 1, "one", device_access, &low)))
		n++;
	assert_int_equal(error, -ENOSPC);
	assert_int_equal(n, BUS_DEVICES);
	check_partition();
	for (unsigned i = 0; i < n; i++) {
		get(2 * i, 1, false);
		get(2 * i + 1, 1, true);
		assert_int_equal(low.calls, i + 1);
	}
}

static void unregistered_is_gone(void **state)
{
	(void)state;
	plug(0x10, 0x10, &low);
	plug(0x20, 0x10, &high);
	get(0x10, 1, true);
	bus_unregister(&bus, 0x11); /* no device begins here */
	get(0x10, 1, true);
	bus_unregister(&bus, 0x10);
	check_partition();
	get(0x10, 1, false);
	get(0x20, 1, true);
	plug(0x18, 8, &low);
	check_partition();
	get(0x18, 1, true);
	get(0x17, 1, false);
	bus_unregister(&bus, 0x20);
	bus_unregister(&bus, 0x18);
	check_partition();
	assert_int_equal(bus.count, 1);
}

static void accesses_are_counted(void **state)
{
	(void)state;
	plug(0x10, 1, &low);
	for (unsigned i = 0; i < 5; i++)
		get(0x10, 1, true);
	for (unsigned i = 0; i < bus.count; i++)
		if (bus.ranges[i].access)
			assert_int_equal(bus.ranges[i].accesses, 5);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(empty_bus, setup),
		cmocka_unit_test_setup(access_reaches_its_device, setup),
		cmocka_unit_test_setup(sizes_are_cut, setup),
		cmocka_unit_test_setup(silent_device_reads_ones, setup),
		cmocka_unit_test_setup(edges_belong_to_the_range, setup),
		cmocka_unit_test_setup(straddling_access_is_split, setup),
		cmocka_unit_test_setup(bounds_of_the_address_space, setup),
		cmocka_unit_test_setup(everything_in_one, setup),
		cmocka_unit_test_setup(bad_ranges_are_refused, setup),
		cmocka_unit_test_setup(overlaps_are_refused, setup),
		cmocka_unit_test_setup(full_bus_is_refused, setup),
		cmocka_unit_test_setup(unregistered_is_gone, setup),
		cmocka_unit_test_setup(accesses_are_counted, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

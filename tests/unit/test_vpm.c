/* SPDX-License-Identifier: MIT */
/* sources: vmm/dev/vpm.c vmm/bus.c tests/fake/vm.c tests/fake/timer.c tests/fake/irqchip.c tests/fake/log.c tests/fake/panic.c */
/* ACPI's fixed hardware: events, power-off, and a timer of 3.579545 MHz. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/fake/timer.h"
#include "tests/fake/vm.h"

enum { STATUS = VPM_PM1_EVENT, ENABLE = VPM_PM1_EVENT + 2, CONTROL = VPM_PM1_CONTROL };
enum { TMR = 1, PWRBTN = 0x100, SLP_EN = 0x2000, SLP_TYP_SHIFT = 10 };

static int setup(void **state)
{
	struct fake_vm *f = fake_vm_new();

	fake_vm_plug(f, &vpm_class);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fake_vm *f = *state;

	vpm_class.fini(&f->vm);
	assert_int_equal(fake_timers_armed(), 0);
	fake_vm_free(f);
	return 0;
}

static void test_timer(void **state)
{
	struct fake_vm *f = *state;
	uint32_t value;

	assert_int_equal(fake_in(f, VPM_PM_TIMER, 4), 0);
	fake_time_advance(1000000000);
	assert_int_equal(fake_in(f, VPM_PM_TIMER, 4), VPM_TIMER_HZ);
	value = fake_in(f, VPM_PM_TIMER, 4);
	assert_int_equal(fake_in(f, VPM_PM_TIMER + 1, 2), value >> 8 & 0xffff);
	assert_int_equal(fake_inb(f, VPM_PM_TIMER + 3), 0);
	fake_out(f, VPM_PM_TIMER, 4, 0);
	assert_int_equal(fake_in(f, VPM_PM_TIMER, 4), VPM_TIMER_HZ);
	/* 24 bits, and no drift in a day. */
	fake_time_advance(86399ull * 1000000000);
	assert_int_equal(fake_in(f, VPM_PM_TIMER, 4), 86400ull * VPM_TIMER_HZ & 0xffffff);
}

/* 2^23 ticks are 2.343 s. */
static void test_timer_status(void **state)
{
	struct fake_vm *f = *state;

	fake_time_advance(2343400000);
	assert_int_equal(fake_in(f, STATUS, 2), 0);
	fake_time_advance(200000);
	assert_int_equal(fake_in(f, STATUS, 2), TMR);
	assert_false(f->lines[IRQ_SCI]);
	fake_out(f, STATUS, 2, TMR);
	assert_int_equal(fake_in(f, STATUS, 2), 0);
	assert_int_equal(fake_timers_armed(), 0);
	/* With its enable bit, the SCI comes without anybody looking, and stays till it is cleared.
	 */
	fake_out(f, ENABLE, 2, TMR);
	assert_int_equal(fake_in(f, STATUS, 4), TMR << 16);
	fake_time_advance(2343200000);
	assert_false(f->lines[IRQ_SCI]);
	fake_time_advance(400000);
	assert_true(f->lines[IRQ_SCI]);
	fake_out(f, STATUS, 2, PWRBTN);
	assert_true(f->lines[IRQ_SCI]);
	fake_out(f, STATUS, 1, TMR);
	assert_false(f->lines[IRQ_SCI]);
	fake_time_advance(2343600000);
	assert_int_equal(f->rises[IRQ_SCI], 2);
	fake_out(f, ENABLE, 2, 0);
	assert_false(f->lines[IRQ_SCI]);
}

static void test_power_button(void **state)
{
	struct fake_vm *f = *state;

	lock_take(&f->vm.lock);
	vpm_press_power_button(&f->vm);
	lock_drop(&f->vm.lock);
	assert_int_equal(fake_in(f, STATUS, 2), PWRBTN);
	assert_false(f->lines[IRQ_SCI]);
	fake_outb(f, ENABLE + 1, PWRBTN >> 8); /* by bytes as well */
	assert_int_equal(fake_in(f, ENABLE, 2), PWRBTN);
	assert_true(f->lines[IRQ_SCI]);
	fake_outb(f, STATUS, 0xff);
	assert_true(f->lines[IRQ_SCI]);
	fake_outb(f, STATUS + 1, 1);
	assert_false(f->lines[IRQ_SCI]);
	/* Bits that are not there do not stick. */
	fake_out(f, ENABLE, 2, 0xffff);
	assert_int_equal(fake_in(f, ENABLE, 2), 0x721);
	fake_out(f, STATUS, 4, 0);
	assert_int_equal(fake_in(f, ENABLE, 2), 0);
}

static void test_power_off(void **state)
{
	struct fake_vm *f = *state;

	assert_int_equal(fake_in(f, CONTROL, 2), 1); /* SCI_EN: always in ACPI mode */
	fake_out(f, CONTROL, 2, 0);
	assert_int_equal(fake_in(f, CONTROL, 2), 1);
	fake_out(f, CONTROL, 2, VPM_SLP_TYP_S5 << SLP_TYP_SHIFT);
	assert_int_equal(f->ends, 0);
	fake_out(f, CONTROL, 2, (VPM_SLP_TYP_S5 ^ 1) << SLP_TYP_SHIFT | SLP_EN);
	assert_int_equal(f->ends, 0); /* not a state that there is */
	assert_int_equal(fake_in(f, CONTROL, 2), (VPM_SLP_TYP_S5 ^ 1) << SLP_TYP_SHIFT | 1);
	fake_out(f, CONTROL, 2, VPM_SLP_TYP_S5 << SLP_TYP_SHIFT | SLP_EN);
	assert_int_equal(f->ends, 1);
	assert_int_equal(f->vm.end, VM_POWERED_OFF);
	/* By the upper byte alone. */
	fake_outb(f, CONTROL + 1, (VPM_SLP_TYP_S5 << SLP_TYP_SHIFT | SLP_EN) >> 8);
	assert_int_equal(f->ends, 2);
}

static void test_reset_register(void **state)
{
	struct fake_vm *f = *state;
	struct bus_access a = { .size = 1, .write = true };
	static const uint8_t quiet[] = { 0x00, 0x02, 0x08, 0xf3 };

	lock_take(&f->vm.lock);
	for (unsigned i = 0; i < sizeof(quiet); i++) {
		a = (struct bus_access){ .size = 1, .write = true, .value = quiet[i] };
		vpm_reset_access(&f->vm, &a);
		a.write = false;
		vpm_reset_access(&f->vm, &a);
		assert_int_equal(a.value, quiet[i] & 2);
	}
	assert_int_equal(f->ends, 0);
	a = (struct bus_access){ .size = 1, .write = true, .value = VPM_RESET_VALUE };
	vpm_reset_access(&f->vm, &a);
	assert_int_equal(f->ends, 1);
	assert_int_equal(f->vm.end, VM_RESET);
	a.value = 0x04; /* the CPU alone: the same here */
	vpm_reset_access(&f->vm, &a);
	assert_int_equal(f->ends, 2);
	vpm_class.reset(&f->vm);
	a.write = false;
	vpm_reset_access(&f->vm, &a);
	assert_int_equal(a.value, 0);
	lock_drop(&f->vm.lock);
}

static void test_reset(void **state)
{
	struct fake_vm *f = *state;

	lock_take(&f->vm.lock);
	vpm_press_power_button(&f->vm);
	lock_drop(&f->vm.lock);
	fake_out(f, ENABLE, 2, PWRBTN | TMR);
	assert_true(f->lines[IRQ_SCI]);
	lock_take(&f->vm.lock);
	vpm_class.reset(&f->vm);
	lock_drop(&f->vm.lock);
	assert_false(f->lines[IRQ_SCI]);
	assert_int_equal(fake_in(f, STATUS, 4), 0);
	fake_time_advance(5000000000);
	assert_false(f->lines[IRQ_SCI]);
}

static void test_standing_still(void **state)
{
	struct fake_vm *f = *state;
	const uint64_t hour = 3600ull * 1000000000;
	uint32_t before;

	fake_out(f, ENABLE, 2, TMR);
	fake_time_advance(1000000);
	before = fake_in(f, VPM_PM_TIMER, 4);
	vpm_class.freeze(&f->vm);
	assert_int_equal(fake_timers_armed(), 0);
	fake_time_advance(hour);
	lock_take(&f->vm.lock);
	vpm_class.thaw(&f->vm, hour);
	lock_drop(&f->vm.lock);
	assert_int_equal(fake_in(f, VPM_PM_TIMER, 4), before);
	assert_int_equal(fake_timers_armed(), 1);
	assert_int_equal(f->rises[IRQ_SCI], 0);
	fake_time_advance(2343600000);
	assert_int_equal(f->rises[IRQ_SCI], 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_timer),	   TEST(test_timer_status),   TEST(test_power_button),
		TEST(test_power_off),	   TEST(test_reset_register), TEST(test_reset),
		TEST(test_standing_still),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

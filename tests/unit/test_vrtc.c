/* SPDX-License-Identifier: MIT */
/* sources: vmm/dev/vrtc.c vmm/dev/calendar.c vmm/dev/device.c vmm/bus.c vmm/gmem.c tests/fake/vm.c tests/fake/timer.c tests/fake/irqchip.c tests/fake/log.c tests/fake/panic.c */
/* The clock: its formats, updates, three interrupts, and what CMOS says of the memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "tests/fake/timer.h"
#include "tests/fake/vm.h"
#include "vmm/dev/calendar.h"

enum { INDEX = 0x70, DATA = 0x71 };
enum { SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH };
enum { YEAR = 9, A, B, C, D, CENTURY = 0x32 };
enum { UIP = 0x80, SET = 0x80, PIE = 0x40, AIE = 0x20, UIE = 0x10, BINARY = 4, H24 = 2 };
enum { IRQF = 0x80, PF = 0x40, AF = 0x20, UF = 0x10 };

#define SECOND 1000000000ull

/* Saturday, 20 November 2027, 23:59:58 */
static const uint64_t start = 1826755198;

static int setup(void **state)
{
	struct fake_vm *f = fake_vm_new();

	fake_vm_plug(f, &vrtc_class);
	lock_take(&f->vm.lock);
	vrtc_set_time(&f->vm, start);
	lock_drop(&f->vm.lock);
	fake_outb(f, INDEX, HOURS_ALARM); /* no alarm at midnight, */
	fake_outb(f, DATA, 0x7f);
	fake_outb(f, INDEX, A); /* and no periodic ticks, whose flag would be in C */
	fake_outb(f, DATA, 0x20);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fake_vm *f = *state;

	vrtc_class.fini(&f->vm);
	assert_int_equal(fake_timers_armed(), 0);
	fake_vm_free(f);
	return 0;
}

static uint8_t rd(struct fake_vm *f, unsigned reg)
{
	fake_outb(f, INDEX, (uint8_t)reg);
	return fake_inb(f, DATA);
}

static void wr(struct fake_vm *f, unsigned reg, unsigned value)
{
	fake_outb(f, INDEX, (uint8_t)reg);
	fake_outb(f, DATA, (uint8_t)value);
}

static uint32_t clock_of(struct fake_vm *f)
{
	return (uint32_t)(rd(f, HOURS) << 16 | rd(f, MINUTES) << 8 | rd(f, SECONDS));
}

static uint32_t date_of(struct fake_vm *f)
{
	return (uint32_t)rd(f, CENTURY) << 24 | (uint32_t)(rd(f, YEAR) << 16) |
	       (uint32_t)(rd(f, MONTH) << 8) | rd(f, DAY);
}

static void test_time(void **state)
{
	struct fake_vm *f = *state;

	assert_int_equal(clock_of(f), 0x235958);
	assert_int_equal(date_of(f), 0x20271120);
	assert_int_equal(rd(f, WEEKDAY), 7);
	fake_time_advance(SECOND);
	assert_int_equal(clock_of(f), 0x235959);
	fake_time_advance(SECOND - 1);
	assert_int_equal(clock_of(f), 0x235959);
	fake_time_advance(1);
	assert_int_equal(clock_of(f), 0x000000);
	assert_int_equal(date_of(f), 0x20271121);
	assert_int_equal(rd(f, WEEKDAY), 1);
	fake_time_advance(100 * 86400 * SECOND);
	assert_int_equal(date_of(f), 0x20280229);
	assert_int_equal(rd(f, D), 0x80);
	wr(f, D, 0);
	assert_int_equal(rd(f, D), 0x80);
}

static void test_formats(void **state)
{
	struct fake_vm *f = *state;

	wr(f, B, BINARY | H24);
	assert_int_equal(rd(f, HOURS), 23);
	assert_int_equal(rd(f, SECONDS), 58);
	assert_int_equal(rd(f, YEAR), 27);
	assert_int_equal(rd(f, CENTURY), 20);
	wr(f, B, BINARY);
	assert_int_equal(rd(f, HOURS), 0x80 | 11);
	wr(f, B, 0);
	assert_int_equal(rd(f, HOURS), 0x91);
	fake_time_advance(2 * SECOND);
	assert_int_equal(rd(f, HOURS), 0x12); /* midnight is 12 am, */
	fake_time_advance(12 * 3600 * SECOND);
	assert_int_equal(rd(f, HOURS), 0x92); /* and noon 12 pm */
	fake_time_advance(3600 * SECOND);
	assert_int_equal(rd(f, HOURS), 0x81);
}

static void test_set(void **state)
{
	struct fake_vm *f = *state;

	fake_time_advance(300000000);
	wr(f, B, SET | H24 | UIE);
	assert_int_equal(rd(f, B), SET | H24); /* SET clears UIE */
	fake_time_advance(3 * SECOND);
	assert_int_equal(clock_of(f), 0x235958); /* it stands still */
	assert_int_equal(rd(f, C), 0);
	wr(f, SECONDS, 0x59);
	wr(f, MINUTES, 0x59);
	wr(f, HOURS, 0x23);
	wr(f, DAY, 0x28);
	wr(f, MONTH, 0x02);
	wr(f, YEAR, 0x99);
	wr(f, CENTURY, 0x19);
	assert_int_equal(date_of(f), 0x19990228);
	wr(f, B, H24);
	assert_int_equal(clock_of(f), 0x235959);
	/* The divider has gone on: the next second begins when it would have. */
	fake_time_advance(699999999);
	assert_int_equal(clock_of(f), 0x235959);
	fake_time_advance(1);
	assert_int_equal(clock_of(f), 0x000000);
	assert_int_equal(date_of(f), 0x19990301);
	assert_int_equal(rd(f, WEEKDAY), 2);
	/* Without SET, byte by byte: an impossible date in between does not matter. */
	wr(f, DAY, 0x31);
	wr(f, MONTH, 0x12);
	assert_int_equal(date_of(f), 0x19991231);
	fake_time_advance(SECOND);
	assert_int_equal(date_of(f), 0x19991231);
	assert_int_equal(clock_of(f), 0x000001);
	/* 12-hour registers. */
	wr(f, B, SET);
	wr(f, HOURS, 0x92);
	wr(f, B, 0);
	wr(f, B, H24);
	fake_time_advance(SECOND);
	assert_int_equal(rd(f, HOURS), 0x12);
	/* And nonsense: some time, no harm. */
	for (unsigned reg = 0; reg <= YEAR; reg++)
		wr(f, reg, 0xff);
	wr(f, CENTURY, 0xff);
	fake_time_advance(5 * SECOND);
	clock_of(f);
	wr(f, B, BINARY | AIE);
	for (unsigned reg = 0; reg <= YEAR; reg++)
		wr(f, reg, 0);
	wr(f, CENTURY, 0);
	fake_time_advance(5 * SECOND);
	assert_int_equal(rd(f, SECONDS), 5);
}

static void test_divider(void **state)
{
	struct fake_vm *f = *state;

	/* Linux sets the time with the divider in reset: the first update is 500 ms after that. */
	fake_time_advance(900000000);
	wr(f, A, 0x70);
	fake_time_advance(10 * SECOND);
	assert_int_equal(clock_of(f), 0x235958);
	assert_int_equal(rd(f, A), 0x70);
	wr(f, A, 0x20);
	fake_time_advance(SECOND / 2 - 1);
	assert_int_equal(clock_of(f), 0x235958);
	fake_time_advance(1);
	assert_int_equal(clock_of(f), 0x235959);
	fake_time_advance(SECOND);
	assert_int_equal(clock_of(f), 0);
}

static void test_update_in_progress(void **state)
{
	struct fake_vm *f = *state;

	assert_int_equal(rd(f, A), 0x20);
	fake_time_advance(SECOND - 2228001);
	assert_int_equal(rd(f, A), 0x20);
	fake_time_advance(1);
	assert_int_equal(rd(f, A), UIP | 0x20);
	wr(f, A, UIP | 0x20); /* it cannot be written */
	wr(f, B, SET | H24);
	assert_int_equal(rd(f, A), 0x20);
	wr(f, B, H24);
	fake_time_advance(2227999);
	assert_int_equal(rd(f, A), UIP | 0x20);
	assert_int_equal(rd(f, SECONDS), 0x58);
	fake_time_advance(1);
	assert_int_equal(rd(f, A), 0x20);
	assert_int_equal(rd(f, SECONDS), 0x59);
}

static void test_update_interrupt(void **state)
{
	struct fake_vm *f = *state;

	/* The flag without the interrupt. */
	fake_time_advance(SECOND);
	assert_false(f->lines[IRQ_RTC]);
	assert_int_equal(rd(f, C), UF);
	assert_int_equal(rd(f, C), 0); /* reading clears */
	assert_int_equal(fake_timers_armed(), 0);
	wr(f, B, H24 | UIE);
	fake_time_advance(SECOND - 1);
	assert_false(f->lines[IRQ_RTC]);
	fake_time_advance(1);
	assert_true(f->lines[IRQ_RTC]);
	fake_time_advance(10 * SECOND);
	assert_int_equal(f->rises[IRQ_RTC], 1); /* until C is read */
	wr(f, C, 0);
	assert_true(f->lines[IRQ_RTC]);
	assert_int_equal(rd(f, C), IRQF | UF);
	assert_false(f->lines[IRQ_RTC]);
	fake_time_advance(SECOND);
	assert_int_equal(f->rises[IRQ_RTC], 2);
	wr(f, B, H24);
	assert_false(f->lines[IRQ_RTC]);
	assert_int_equal(rd(f, C), UF);
}

static void test_periodic_interrupt(void **state)
{
	struct fake_vm *f = *state;
	unsigned before;

	/* 1024 Hz: 976.5625 µs, and not one of 2048 lost. */
	wr(f, A, 0x26);
	wr(f, B, H24 | PIE);
	for (unsigned i = 1; i <= 2048; i++) {
		fake_time_advance(i % 2 ? 976563 : 976562);
		assert_int_equal(rd(f, C) & ~UF, IRQF | PF);
	}
	assert_int_equal(f->rises[IRQ_RTC], 2048);
	/* The rates: 2 Hz; 8192 Hz; 256 and 128 Hz under the numbers 1 and 2; none. */
	wr(f, A, 0x2f);
	before = f->rises[IRQ_RTC];
	for (unsigned i = 0; i < 80; i++) {
		fake_time_advance(SECOND / 20);
		rd(f, C);
	}
	assert_int_equal(f->rises[IRQ_RTC] - before, 8);
	wr(f, A, 0x21);
	before = f->rises[IRQ_RTC];
	for (unsigned i = 0; i < 4096; i++) {
		fake_time_advance(SECOND / 4096);
		rd(f, C);
	}
	assert_in_range(f->rises[IRQ_RTC] - before, 255, 256);
	wr(f, A, 0x20);
	rd(f, C);
	fake_time_advance(SECOND / 2);
	assert_int_equal(rd(f, C) & PF, 0);
	assert_int_equal(fake_timers_armed(), 0);
}

static void test_alarm(void **state)
{
	struct fake_vm *f = *state;

	/* At 00:00:03, five seconds on, and then a day later. */
	wr(f, HOURS_ALARM, 0);
	wr(f, MINUTES_ALARM, 0);
	wr(f, SECONDS_ALARM, 3);
	wr(f, B, H24 | AIE);
	fake_time_advance(5 * SECOND - 1);
	assert_false(f->lines[IRQ_RTC]);
	fake_time_advance(1);
	assert_true(f->lines[IRQ_RTC]);
	assert_int_equal(rd(f, C), IRQF | AF | UF);
	fake_time_advance(86400 * SECOND - 1);
	assert_int_equal(rd(f, C), UF);
	fake_time_advance(1);
	assert_int_equal(rd(f, C), IRQF | AF | UF);
	/* Every minute at 30; every second. */
	wr(f, HOURS_ALARM, 0xff);
	wr(f, MINUTES_ALARM, 0xc0);
	wr(f, SECONDS_ALARM, 0x30);
	fake_time_advance(27 * SECOND);
	assert_int_equal(rd(f, C), IRQF | AF | UF);
	fake_time_advance(59 * SECOND);
	assert_int_equal(rd(f, C), UF);
	fake_time_advance(SECOND);
	assert_int_equal(rd(f, C), IRQF | AF | UF);
	wr(f, SECONDS_ALARM, 0xff);
	fake_time_advance(SECOND);
	assert_int_equal(rd(f, C), IRQF | AF | UF);
	/* Never: no such second. The timer is not even set. */
	wr(f, SECONDS_ALARM, 0x7f);
	vrtc_class.fini(&f->vm);
	wr(f, B, H24 | AIE);
	assert_int_equal(fake_timers_armed(), 0);
	fake_time_advance(200000 * SECOND);
	assert_int_equal(rd(f, C), UF);
	/* 12-hour registers: 1 pm. It is 13 hours less 33 s from 00:01:32, two days on. */
	wr(f, B, SET | AIE);
	wr(f, HOURS, 0x12);
	wr(f, MINUTES, 0x59);
	wr(f, SECONDS, 0x59);
	wr(f, HOURS_ALARM, 0x81);
	wr(f, MINUTES_ALARM, 0);
	wr(f, SECONDS_ALARM, 0);
	wr(f, B, AIE);
	fake_time_advance(SECOND);
	assert_int_equal(rd(f, C), UF); /* 1 am */
	fake_time_advance(12 * 3600 * SECOND);
	assert_int_equal(rd(f, C), IRQF | AF | UF);
}

/* A time that is written while the alarm is on: it goes by the new time at once. */
static void test_alarm_of_new_time(void **state)
{
	struct fake_vm *f = *state;

	wr(f, HOURS_ALARM, 0x06);
	wr(f, MINUTES_ALARM, 0);
	wr(f, SECONDS_ALARM, 0);
	wr(f, B, H24 | AIE);
	wr(f, HOURS, 0x05);
	fake_time_advance(2 * SECOND - 1);
	assert_false(f->lines[IRQ_RTC]);
	fake_time_advance(1);
	assert_true(f->lines[IRQ_RTC]);
	assert_int_equal(clock_of(f), 0x060000);
}

/* The flag of an alarm that passed while nobody looked. */
static void test_alarm_late(void **state)
{
	struct fake_vm *f = *state;

	wr(f, HOURS_ALARM, 0x12);
	wr(f, MINUTES_ALARM, 0x34);
	wr(f, SECONDS_ALARM, 0x56);
	fake_time_advance((2 + 12 * 3600 + 34 * 60 + 55) * SECOND);
	assert_int_equal(rd(f, C), UF);
	fake_time_advance(SECOND);
	assert_int_equal(rd(f, C), AF | UF);
	fake_time_advance(30 * 86400 * SECOND);
	assert_int_equal(rd(f, C), AF | UF);
}

static void test_cmos(void **state)
{
	struct fake_vm *f = *state;

	wr(f, 0x40, 0x5a);
	wr(f, 0x7f, 0xa5);
	assert_int_equal(rd(f, 0x40), 0x5a);
	assert_int_equal(rd(f, 0x80 | 0x7f), 0xa5); /* bit 7 of the index is for NMIs */
	assert_int_equal(fake_inb(f, INDEX), 0xff);
	fake_out(f, INDEX, 2, 0x7740); /* index and data at once */
	assert_int_equal(rd(f, 0x40), 0x77);
	assert_int_equal(rd(f, 0x14), 0x02);
}

static unsigned word(struct fake_vm *f, unsigned at)
{
	return rd(f, at) | (unsigned)rd(f, at + 1) << 8;
}

static void test_memory(void **state)
{
	struct fake_vm *f = fake_vm_new();
	uint8_t *host = (uint8_t *)f; /* never touched */
	const struct gmem_slot slots[] = {
		{ .base = gpa(0), .size = 640 * KIB, .host = host },
		{ .base = gpa(MIB), .size = 511 * MIB, .host = host },
		{ .base = gpa(4 * GIB - MIB), .size = MIB, .host = host, .flags = GMEM_ROM },
		{ .base = gpa(4 * GIB), .size = 512 * GIB, .host = host },
	};
	unsigned sum = 0;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(slots); i++)
		assert_int_equal(gmem_add(&f->vm.mem, &slots[i]), 0);
	fake_vm_plug(f, &vrtc_class);
	assert_int_equal(word(f, 0x15), 640);
	assert_int_equal(word(f, 0x17), 65535);
	assert_int_equal(word(f, 0x30), 65535);
	assert_int_equal(word(f, 0x34), (512 - 16) * 16);
	assert_int_equal(word(f, 0x5b), 0);
	assert_int_equal(rd(f, 0x5d), 512 * 16384 >> 16);
	for (unsigned i = 0x10; i <= 0x2d; i++)
		sum += rd(f, i);
	assert_int_equal(rd(f, 0x2e) << 8 | rd(f, 0x2f), sum);
	fake_vm_free(f);

	f = fake_vm_new();
	f->vm.mem = (struct gmem){ 0 };
	assert_int_equal(
		gmem_add(&f->vm.mem, &(struct gmem_slot){ .size = 8 * MIB, .host = (uint8_t *)f }),
		0);
	fake_vm_plug(f, &vrtc_class);
	assert_int_equal(word(f, 0x17), 7 * 1024);
	assert_int_equal(word(f, 0x34), 0);
	fake_vm_free(f);
}

static void test_reset(void **state)
{
	struct fake_vm *f = *state;

	wr(f, B, H24 | BINARY | UIE | PIE);
	wr(f, 0x40, 0x5a);
	fake_time_advance(SECOND);
	assert_true(f->lines[IRQ_RTC]);
	lock_take(&f->vm.lock);
	vrtc_class.reset(&f->vm);
	lock_drop(&f->vm.lock);
	assert_false(f->lines[IRQ_RTC]);
	assert_int_equal(rd(f, B), H24 | BINARY);
	assert_int_equal(rd(f, 0x40), 0x5a); /* the battery */
	assert_int_equal(rd(f, SECONDS), 59);
}

/* Every third day or so from the year 0 to 9999, against the C library. */
static void test_calendar(void **state)
{
	struct calendar c;
	struct tm tm;

	(void)state;
	for (int64_t s = -62167219200; s <= CALENDAR_LAST; s += 86400 * 3 - 7919) {
		time_t t = (time_t)s;

		assert_non_null(gmtime_r(&t, &tm));
		calendar_split(s, &c);
		if (c.year != tm.tm_year + 1900 || c.month != (unsigned)tm.tm_mon + 1 ||
		    c.day != (unsigned)tm.tm_mday || c.hour != (unsigned)tm.tm_hour ||
		    c.minute != (unsigned)tm.tm_min || c.second != (unsigned)tm.tm_sec ||
		    c.weekday != (unsigned)tm.tm_wday || calendar_join(&c) != s)
			fail_msg("%lld s: %d-%u-%u", (long long)s, c.year, c.month, c.day);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_time),
		TEST(test_formats),
		TEST(test_set),
		TEST(test_divider),
		TEST(test_update_in_progress),
		TEST(test_update_interrupt),
		TEST(test_periodic_interrupt),
		TEST(test_alarm),
		TEST(test_alarm_of_new_time),
		TEST(test_alarm_late),
		TEST(test_cmos),
		cmocka_unit_test(test_memory),
		TEST(test_reset),
		cmocka_unit_test(test_calendar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

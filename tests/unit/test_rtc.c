/* SPDX-License-Identifier: MIT */
/* sources: tests/fake/log.c */
/*
 * The CMOS clock: every notation that it knows, and a clock that moves while it is read. The driver
 * is compiled into this file with a fake of the instructions that reach hardware.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "lib/types.h"

/* Instead of arch/x86_64/asm.h. */
#define ARCH_ASM_H

static uint8_t cmos[128], selected;
static uint64_t tsc;
static unsigned reads, change_at;

static inline void out8(uint16_t port, uint8_t value)
{
	assert_int_equal(port, 0x70);
	selected = value & 0x7f;
}

static void next_second(void)
{
	/* 23:59:59 on the last day of 1999 turns over: every register changes. */
	const uint8_t after[] = { 0, 0, 0, 0, 0, 0, 0, 1, 1, 0 };

	memcpy(cmos, after, sizeof(after));
	cmos[0x32] = 0x20;
}

static inline uint8_t in8(uint16_t port)
{
	assert_int_equal(port, 0x71);
	if (++reads == change_at)
		next_second();
	return cmos[selected];
}

static inline uint64_t rdtsc(void)
{
	return tsc += 1000;
}

#include "drivers/rtc.c"

struct tsc_scale tsc_host;

static int setup(void **state)
{
	const uint8_t before[] = { 0x59, 0, 0x59, 0, 0x23, 0, 0, 0x31, 0x12, 0x99 };

	(void)state;
	memset(cmos, 0, sizeof(cmos));
	memcpy(cmos, before, sizeof(before));
	cmos[RTC_STATUS_A] = 0x26;
	cmos[RTC_STATUS_B] = RTC_B_24H;
	cmos[0x32] = 0x19;
	reads = change_at = 0;
	tsc_host = (struct tsc_scale){ .hz = NS_PER_S, .to_tsc = { .whole = 1 } };
	return 0;
}

static uint8_t bcd(int v)
{
	return (uint8_t)(v / 10 << 4 | v % 10);
}

/* Every day and an hour of it from 1970 on, against the C library. */
static void test_dates(void **state)
{
	(void)state;
	for (uint64_t t = 0; t < 4000000000ull; t += 86400 + 3607) {
		time_t want = (time_t)t;
		struct tm tm;
		struct rtc_raw r = { .status_b = RTC_B_24H };
		int h12;
		uint64_t got = 0;

		gmtime_r(&want, &tm);
		r.second = bcd(tm.tm_sec);
		r.minute = bcd(tm.tm_min);
		r.hour = bcd(tm.tm_hour);
		r.day = bcd(tm.tm_mday);
		r.month = bcd(tm.tm_mon + 1);
		r.year = bcd(tm.tm_year % 100);
		r.century = bcd(19 + tm.tm_year / 100);
		assert_int_equal(rtc_decode(&r, &got), 0);
		assert_int_equal(got, t);
		/* Twelve hours: 12, 1 … 11, with the top bit for the afternoon. */
		h12 = tm.tm_hour % 12 ? tm.tm_hour % 12 : 12;
		r.hour = (uint8_t)(bcd(h12) | (tm.tm_hour >= 12 ? RTC_HOUR_PM : 0));
		r.status_b = 0;
		assert_int_equal(rtc_decode(&r, &got), 0);
		assert_int_equal(got, t);
		/* Binary, and no century. */
		r = (struct rtc_raw){ (uint8_t)tm.tm_sec,
				      (uint8_t)tm.tm_min,
				      (uint8_t)tm.tm_hour,
				      (uint8_t)tm.tm_mday,
				      (uint8_t)(tm.tm_mon + 1),
				      (uint8_t)(tm.tm_year % 100),
				      0,
				      RTC_B_24H | RTC_B_BINARY };
		if (tm.tm_year >= 170)
			continue;
		assert_int_equal(rtc_decode(&r, &got), 0);
		assert_int_equal(got, t);
	}
}

static void check_invalid(size_t offset, uint8_t value, uint8_t status_b)
{
	struct rtc_raw r = { 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x20, status_b };
	uint64_t got;

	assert_int_equal(rtc_decode(&r, &got), 0);
	((uint8_t *)&r)[offset] = value;
	assert_int_equal(rtc_decode(&r, &got), -EINVAL);
}

static void test_nonsense(void **state)
{
	struct rtc_raw leap = { 0, 0, 0, 0x29, 0x02, 0x23, 0x20, RTC_B_24H };
	uint64_t got;

	(void)state;
	check_invalid(offsetof(struct rtc_raw, second), 0x60, RTC_B_24H);
	check_invalid(offsetof(struct rtc_raw, second), 0x0a, RTC_B_24H);
	check_invalid(offsetof(struct rtc_raw, minute), 0xa0, RTC_B_24H);
	check_invalid(offsetof(struct rtc_raw, hour), 0x24, RTC_B_24H);
	check_invalid(offsetof(struct rtc_raw, hour), 0x13, 0);
	check_invalid(offsetof(struct rtc_raw, hour), 0x00, 0);
	check_invalid(offsetof(struct rtc_raw, hour), 0x80, 0);
	check_invalid(offsetof(struct rtc_raw, day), 0, RTC_B_24H);
	check_invalid(offsetof(struct rtc_raw, day), 0x32, RTC_B_24H);
	check_invalid(offsetof(struct rtc_raw, month), 0, RTC_B_24H);
	check_invalid(offsetof(struct rtc_raw, month), 0x13, RTC_B_24H);
	check_invalid(offsetof(struct rtc_raw, year), 0xff, RTC_B_24H);
	assert_int_equal(rtc_decode(&leap, &got), -EINVAL);
	leap.year = 0x24;
	assert_int_equal(rtc_decode(&leap, &got), 0);
}

/* The second changes at each moment of the reading: the result is before or after, never between.
 */
static void test_moving(void **state)
{
	uint64_t got;

	for (change_at = 1; change_at < 25;) {
		unsigned at = change_at;

		setup(state);
		change_at = at;
		assert_int_equal(rtc_read(0x32, &got), 0);
		assert_in_range(got, 946684799, 946684800);
		change_at = at + 1;
	}
}

static void test_updating(void **state)
{
	uint64_t got;

	(void)state;
	cmos[RTC_STATUS_A] |= RTC_A_UPDATING;
	assert_int_equal(rtc_read(0x32, &got), -EIO);
	assert_true(reads > 10);
	assert_true(tsc < 2 * TRY_NS + 100000);
}

static void test_absent(void **state)
{
	uint64_t got;

	(void)state;
	memset(cmos, 0xff, sizeof(cmos));
	assert_int_equal(rtc_read(0x32, &got), -ENODEV);
	assert_in_range(reads, 1, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test_setup(test_moving, setup),
		cmocka_unit_test_setup(test_updating, setup),
		cmocka_unit_test_setup(test_absent, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Reads the MC146818 and its kin. The clock moves while it is read: so all of it is read twice,
 * each time outside of its update, until both readings agree.
 */
#include "drivers/rtc.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/tsc.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

enum { CMOS_INDEX = 0x70, CMOS_DATA = 0x71, CMOS_NMI_OFF = 1 << 7, CMOS_NONE = 0xff };

/* MC146818 data sheet, "Address Map". */
enum rtc_reg {
	RTC_SECOND = 0x0,
	RTC_MINUTE = 0x2,
	RTC_HOUR = 0x4,
	RTC_DAY = 0x7,
	RTC_MONTH = 0x8,
	RTC_YEAR = 0x9,
	RTC_STATUS_A = 0xa,
	RTC_STATUS_B = 0xb,
	RTC_REGS_END = 0x80,
};

enum {
	RTC_A_UPDATING = 1 << 7,
	RTC_B_24H = 1 << 1,
	RTC_B_BINARY = 1 << 2,
	RTC_HOUR_PM = 1 << 7,
};

enum { TRY_NS = 20000000, CENTURY_PIVOT = 70 };

static uint8_t read(uint8_t reg)
{
	out8(CMOS_INDEX, reg | CMOS_NMI_OFF);
	return in8(CMOS_DATA);
}

/* False when the clock is being updated. */
static bool read_all(uint8_t century_reg, struct rtc_raw *raw)
{
	if (read(RTC_STATUS_A) & RTC_A_UPDATING)
		return false;
	raw->second = read(RTC_SECOND);
	raw->minute = read(RTC_MINUTE);
	raw->hour = read(RTC_HOUR);
	raw->day = read(RTC_DAY);
	raw->month = read(RTC_MONTH);
	raw->year = read(RTC_YEAR);
	raw->century = century_reg ? read(century_reg) : 0;
	raw->status_b = read(RTC_STATUS_B);
	return true;
}

/* -1 when v is no number in this notation. */
static int number(uint8_t v, bool binary)
{
	if (binary)
		return v;
	return (v & 0xf) > 9 || v >> 4 > 9 ? -1 : (v >> 4) * 10 + (v & 0xf);
}

static int hour_of(const struct rtc_raw *raw, bool binary)
{
	int hour;

	if (raw->status_b & RTC_B_24H)
		return number(raw->hour, binary);
	hour = number(raw->hour & (uint8_t)~RTC_HOUR_PM, binary);
	if (hour < 1 || hour > 12)
		return -1;
	/* 12 comes before 1, in both halves of the day. */
	return hour % 12 + (raw->hour & RTC_HOUR_PM ? 12 : 0);
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in(int year, int month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

static int year_of(const struct rtc_raw *raw, bool binary)
{
	int year = number(raw->year, binary), century = number(raw->century, binary);

	if (year < 0 || year > 99)
		return -1;
	/* A century that cannot be is a register that is used for something else. */
	if (century < 19 || century > 29)
		century = year < CENTURY_PIVOT ? 20 : 19;
	return century * 100 + year;
}

int rtc_decode(const struct rtc_raw *raw, uint64_t *epoch)
{
	bool binary = raw->status_b & RTC_B_BINARY;
	int second = number(raw->second, binary), minute = number(raw->minute, binary);
	int hour = hour_of(raw, binary), day = number(raw->day, binary);
	int month = number(raw->month, binary), year = year_of(raw, binary);
	uint64_t days = 0;

	if (second < 0 || second > 59 || minute < 0 || minute > 59 || hour < 0 || hour > 23 ||
	    month < 1 || month > 12 || year < 1970 || day < 1 || day > days_in(year, month))
		return -EINVAL;
	for (int y = 1970; y < year; y++)
		days += is_leap(y) ? 366 : 365;
	for (int m = 1; m < month; m++)
		days += (uint64_t)days_in(year, m);
	days += (uint64_t)day - 1;
	*epoch = ((days * 24 + (uint64_t)hour) * 60 + (uint64_t)minute) * 60 + (uint64_t)second;
	return 0;
}

int rtc_read(uint8_t century_reg, uint64_t *epoch)
{
	uint64_t start = rdtsc(), ticks = tsc_from_ns(&tsc_host, TRY_NS);
	struct rtc_raw first, second;

	if (century_reg >= RTC_REGS_END)
		century_reg = 0;
	if (read(RTC_STATUS_A) == CMOS_NONE && read(RTC_STATUS_B) == CMOS_NONE)
		return -ENODEV;
	do {
		if (!read_all(century_reg, &first) || !read_all(century_reg, &second) ||
		    memcmp(&first, &second, sizeof(first)))
			continue;
		out8(CMOS_INDEX, RTC_STATUS_A); /* NMIs back on */
		if (!rtc_decode(&first, epoch))
			return 0;
		log_warn("rtc: the clock holds no date: %02x-%02x-%02x %02x:%02x:%02x", first.year,
			 first.month, first.day, first.hour, first.minute, first.second);
		return -EIO;
	} while (rdtsc() - start < ticks);
	log_warn("rtc: the clock does not hold still");
	return -EIO;
}

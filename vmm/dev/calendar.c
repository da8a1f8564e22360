/* SPDX-License-Identifier: MIT */
/*
 * The Gregorian calendar. Years are counted from the first of March, so that the day that a leap
 * year has more is the last of its year, and months from there have a regular pattern.
 */
#include "vmm/dev/calendar.h"

enum {
	MINUTE = 60,
	HOUR = 60 * MINUTE,
	DAY = 24 * HOUR,
	WEEK_DAYS = 7,
	YEAR_DAYS = 365,
	YEARS_4_DAYS = 4 * YEAR_DAYS + 1,
	YEARS_100_DAYS = 25 * YEARS_4_DAYS - 1,
	YEARS_400_DAYS = 4 * YEARS_100_DAYS + 1,
	EPOCH_DAYS = 719468, /* from 1 March of the year 0 to 1 January 1970 */
	MONTHS = 12,
	MARCH = 3,
	MONTHS_5_DAYS = 153, /* of any five months from March or August on */
	EPOCH_WEEKDAY = 3,   /* 1 March of the year 0 was a Wednesday */
};

/* Days from 1 March to the first of the n-th month after it. */
static unsigned month_days(unsigned n)
{
	return (MONTHS_5_DAYS * n + 2) / 5;
}

void calendar_split(int64_t seconds, struct calendar *t)
{
	/* 400 × 400 years more, so that nothing is negative. */
	uint64_t from = (uint64_t)(seconds + ((int64_t)EPOCH_DAYS + 400ll * YEARS_400_DAYS) * DAY);
	uint64_t days = from / DAY;
	unsigned rest = (unsigned)(from % DAY);
	unsigned century, four, year, month;

	t->hour = rest / HOUR;
	t->minute = rest % HOUR / MINUTE;
	t->second = rest % MINUTE;
	t->weekday = (unsigned)((days + EPOCH_WEEKDAY) % WEEK_DAYS);

	t->year = (int)(days / YEARS_400_DAYS * 400) - 400 * 400;
	rest = (unsigned)(days % YEARS_400_DAYS);
	century = MIN(rest / YEARS_100_DAYS, 3u); /* the last century is one day longer */
	rest -= century * YEARS_100_DAYS;
	four = rest / YEARS_4_DAYS;
	rest %= YEARS_4_DAYS;
	year = MIN(rest / YEAR_DAYS, 3u);
	rest -= year * YEAR_DAYS;
	month = (5 * rest + 2) / MONTHS_5_DAYS;
	t->day = rest - month_days(month) + 1;
	t->year += (int)(century * 100 + four * 4 + year) + (month >= MONTHS - MARCH + 1);
	t->month = (month + MARCH - 1) % MONTHS + 1;
}

int64_t calendar_join(const struct calendar *t)
{
	unsigned months = t->month + MONTHS - MARCH; /* since March of the year before */
	int64_t year = (int64_t)t->year - 1 + months / MONTHS;
	int64_t days;

	/* Year -1, of which January and February of the year 0 are a part, counts as 399. */
	days = (year + 400) * YEAR_DAYS + (year + 400) / 4 - (year + 400) / 100 +
	       (year + 400) / 400;
	days += month_days(months % MONTHS) + (int64_t)t->day - 1;
	days -= YEARS_400_DAYS + EPOCH_DAYS;
	return days * DAY + (int64_t)t->hour * HOUR + (int64_t)t->minute * MINUTE + t->second;
}

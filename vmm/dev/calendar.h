/* SPDX-License-Identifier: MIT */
/*
 * Seconds since 1970 ↔ the Gregorian calendar, for years 0 … 25599 (what a clock's registers can
 * hold).
 */
#ifndef VMM_DEV_CALENDAR_H
#define VMM_DEV_CALENDAR_H

#include "lib/types.h"

struct calendar {
	unsigned second, minute, hour;
	unsigned weekday;    /* 0: Sunday; not looked at by calendar_join() */
	unsigned day, month; /* from 1 */
	int year;
};

/* The end of the year 9999. */
#define CALENDAR_LAST 253402300799ll

void calendar_split(int64_t seconds, struct calendar *t);
/* Days, hours and so on that are too many carry on into what comes next. */
int64_t calendar_join(const struct calendar *t);

#endif

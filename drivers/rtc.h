/* SPDX-License-Identifier: MIT */
/* The time of day, from the CMOS clock. */
#ifndef DRIVERS_RTC_H
#define DRIVERS_RTC_H

#include "lib/types.h"

/* The clock's registers as they are read. */
struct rtc_raw {
	uint8_t second, minute, hour, day, month, year;
	uint8_t century; /* 0: it has no register for it */
	uint8_t status_b;
};

/*
 * Seconds since 1970 as the clock has it, which is taken for UTC. century_reg: where the FADT says
 * that the century is, 0 for nowhere. 0, -ENODEV where there is no clock, -EIO where it does not
 * hold still or holds nonsense. After tsc_calibrate().
 */
must_check int rtc_read(uint8_t century_reg, uint64_t *epoch);

/* Pure: what the registers mean. -EINVAL when they are no date. */
must_check int rtc_decode(const struct rtc_raw *raw, uint64_t *epoch);

#endif

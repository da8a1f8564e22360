/* SPDX-License-Identifier: MIT */
/* The MC146818 real-time clock and the CMOS bytes behind it. */
#ifndef GUEST_CMOS_H
#define GUEST_CMOS_H

#include "cpu.h"

enum {
	RTC_SECONDS = 0,
	RTC_SECONDS_ALARM = 1,
	RTC_MINUTES = 2,
	RTC_MINUTES_ALARM = 3,
	RTC_HOURS = 4,
	RTC_HOURS_ALARM = 5,
	RTC_WEEKDAY = 6,
	RTC_DAY = 7,
	RTC_MONTH = 8,
	RTC_YEAR = 9,
	RTC_A = 0x0a,
	RTC_B = 0x0b,
	RTC_C = 0x0c,
	RTC_D = 0x0d,
	RTC_A_UIP = 0x80,
	RTC_A_32KHZ = 0x20,
	RTC_B_24H = 0x02,
	RTC_B_BINARY = 0x04,
	RTC_B_UIE = 0x10,
	RTC_B_AIE = 0x20,
	RTC_B_PIE = 0x40,
	RTC_B_SET = 0x80,
	RTC_C_UF = 0x10,
	RTC_C_AF = 0x20,
	RTC_C_PF = 0x40,
	RTC_C_IRQF = 0x80,
	RTC_D_VALID = 0x80,
	RTC_ANY = 0xc0, /* in an alarm byte: matches all */
	RTC_IRQ = 8,
};

static inline uint8_t cmos_read(uint8_t index)
{
	outb(CMOS_INDEX, index);
	return inb(CMOS_DATA);
}

static inline void cmos_write(uint8_t index, uint8_t v)
{
	outb(CMOS_INDEX, index);
	outb(CMOS_DATA, v);
}

#endif

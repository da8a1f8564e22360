// SPDX-License-Identifier: MIT
/* The real-time clock: it runs, and its alarm, periodic and update interrupts come. */
#include "lib/apic.h"
#include "lib/cmos.h"
#include "lib/pic.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { RATE_1024HZ = 6, CENTURY = 0x32, SCRATCH = 0x72 };

static volatile uint8_t causes;
static volatile uint32_t periodic, updates, alarms;

static void take(struct trap_frame *f)
{
	uint8_t c = cmos_read(RTC_C);

	(void)f;
	causes |= c;
	periodic += (c & RTC_C_PF) != 0;
	updates += (c & RTC_C_UF) != 0;
	alarms += (c & RTC_C_AF) != 0;
	pic_eoi(RTC_IRQ);
}

static unsigned from_bcd(uint8_t v)
{
	return (v >> 4) * 10u + (v & 15);
}

static uint8_t to_bcd(unsigned v)
{
	return (uint8_t)(v / 10 << 4 | v % 10);
}

/* A second's value that no update has torn. */
static uint8_t read_seconds(void)
{
	uint8_t a, b;

	do {
		while (cmos_read(RTC_A) & RTC_A_UIP)
			pause();
		a = cmos_read(RTC_SECONDS);
		b = cmos_read(RTC_SECONDS);
	} while (a != b);
	return a;
}

static void wait_next_second(void)
{
	uint8_t now = read_seconds();

	for (int i = 0; i < 500 && read_seconds() == now; i++)
		time_sleep_ms(4);
}

static void test_registers(void)
{
	uint8_t b = cmos_read(RTC_B);

	check_eq("the battery is good", RTC_D_VALID, cmos_read(RTC_D));
	check_eq("24-hour mode, as firmware leaves it", RTC_B_24H, b & (RTC_B_24H | RTC_B_BINARY));
	check_range("hours", 0, 23, from_bcd(cmos_read(RTC_HOURS)));
	check_range("minutes", 0, 59, from_bcd(cmos_read(RTC_MINUTES)));
	check_range("day", 1, 31, from_bcd(cmos_read(RTC_DAY)));
	check_range("month", 1, 12, from_bcd(cmos_read(RTC_MONTH)));
	check_range("weekday", 1, 7, cmos_read(RTC_WEEKDAY));
	check_range("century", 19, 21, from_bcd(cmos_read(CENTURY)));
	for (unsigned v = 0; v < 256; v += 85) {
		cmos_write(SCRATCH, (uint8_t)v);
		check_eq("a CMOS byte holds", v, cmos_read(SCRATCH));
	}
	cmos_write(SCRATCH, 0);
	outb(CMOS_INDEX, RTC_D | 0x80); /* NMI masked: the index is the same */
	check_eq("the index without the NMI bit", RTC_D_VALID, inb(CMOS_DATA));
	outb(CMOS_INDEX, RTC_D);
}

static void test_runs(void)
{
	unsigned from, to;
	uint64_t start;

	wait_next_second();
	from = from_bcd(read_seconds());
	start = rdtsc();
	wait_next_second();
	to = from_bcd(read_seconds());
	check_eq("the next second", (from + 1) % 60, to);
	check_range("milliseconds in a second", 980, 1020, (rdtsc() - start) / time_tsc_per_ms());
}

/* SET stops the clock; 23:59:59 on 28 February 2023 goes on to 1 March. */
static void test_set(void)
{
	uint8_t b = cmos_read(RTC_B), saved[10];

	for (uint8_t i = 0; i < 10; i++)
		saved[i] = cmos_read(i);
	cmos_write(RTC_B, b | RTC_B_SET);
	cmos_write(RTC_SECONDS, to_bcd(58));
	cmos_write(RTC_MINUTES, to_bcd(59));
	cmos_write(RTC_HOURS, to_bcd(23));
	cmos_write(RTC_DAY, to_bcd(28));
	cmos_write(RTC_MONTH, to_bcd(2));
	cmos_write(RTC_YEAR, to_bcd(23));
	cmos_write(RTC_WEEKDAY, 3);
	time_sleep_ms(1200);
	check_eq("the clock stands while SET is on", to_bcd(58), cmos_read(RTC_SECONDS));
	cmos_write(RTC_B, b);
	for (int i = 0; i < 900 && cmos_read(RTC_HOURS) != 0; i++)
		time_sleep_ms(4);
	test_tolerate(test_is_bare_bochs(), "Bochs carries no minutes into hours that were set");
	check_eq("hours after midnight", 0, cmos_read(RTC_HOURS));
	check_eq("minutes after midnight", 0, cmos_read(RTC_MINUTES));
	check_eq("day after midnight", to_bcd(1), cmos_read(RTC_DAY));
	check_eq("month after midnight", to_bcd(3), cmos_read(RTC_MONTH));
	check_eq("weekday after midnight", 4, cmos_read(RTC_WEEKDAY));
	test_tolerate_end();
	cmos_write(RTC_B, b | RTC_B_SET);
	for (uint8_t i = 0; i < 10; i++)
		cmos_write(i, saved[i]);
	cmos_write(RTC_B, b);
}

static void enable(uint8_t what)
{
	causes = 0;
	periodic = updates = alarms = 0;
	cmos_read(RTC_C);
	cmos_write(RTC_B, cmos_read(RTC_B) | what);
	irq_enable();
}

static void disable(uint8_t what)
{
	irq_disable();
	cmos_write(RTC_B, cmos_read(RTC_B) & (uint8_t)~what);
	cmos_read(RTC_C);
}

static void test_interrupts(void)
{
	pic_init();
	trap_set_handler(PIC_VECTOR + RTC_IRQ, take);
	pic_set_mask(RTC_IRQ, false);
	cmos_write(RTC_A, RTC_A_32KHZ | RATE_1024HZ);
	enable(RTC_B_PIE);
	time_wait_us(100000);
	disable(RTC_B_PIE);
	check_range("periodic interrupts in 100 ms at 1024 Hz", 98, 106, periodic);
	check_eq("register C says so", RTC_C_IRQF | RTC_C_PF, causes & (RTC_C_IRQF | RTC_C_PF));

	enable(RTC_B_UIE);
	time_sleep_ms(2300);
	disable(RTC_B_UIE);
	check_range("update interrupts in 2.3 s", 2, 3, updates);

	cmos_write(RTC_SECONDS_ALARM, to_bcd((from_bcd(read_seconds()) + 2) % 60));
	cmos_write(RTC_MINUTES_ALARM, RTC_ANY);
	cmos_write(RTC_HOURS_ALARM, RTC_ANY);
	enable(RTC_B_AIE);
	time_sleep_ms(3200);
	disable(RTC_B_AIE);
	check_eq("alarms in 3.2 s", 1, alarms);
	check_eq("register C is clear after it was read", 0, cmos_read(RTC_C) & RTC_C_IRQF);
}

void guest_main(void)
{
	apic_init_virtual_wire();
	time_tsc_per_ms();
	test_registers();
	test_runs();
	test_set();
	test_interrupts();
}

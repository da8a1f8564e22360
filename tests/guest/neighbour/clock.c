// SPDX-License-Identifier: MIT
/*
 * All clocks tell the same time, whenever this guest had the CPU. Between two readings others may
 * run, so that a reading is known to lie between two others, no more: the TSC's rate is not
 * measured once but narrowed down with every reading, until one does not fit.
 */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"
#include "neighbour.h"

enum { PIT_CH0_MODE2 = 0x34, PIT_LATCH_CH0 = 0x00, PIT_RANGE = 0x10000, PIT_SLACK = 64 };
enum { PM_PER_PIT = 3, PM_PER_MS = PMTIMER_HZ / 1000, RATE_SHIFT = 16, TRIES = 1000 };
/* For a rate this much time has to have passed. That of the emulators is not exact. */
enum { RATE_MS = 200, RATE_SLACK = 1000, APIC_MS = 20, SHORT = 1500 };

static struct {
	uint64_t tsc_before, tsc_after; /* the readings around the first one of the PM timer */
	uint64_t tsc_last, pm, longest;
	uint64_t slowest, fastest; /* TSC ticks in a PM timer's, << RATE_SHIFT: bounds */
	uint32_t pm_last, timer_period;
	uint16_t pit_first;
} clock;

/* The PM timer's ticks since the first reading; 24 bits wrap in 4.7 s. */
static uint64_t read_pm(void)
{
	uint32_t now = time_pm_read();

	clock.pm += time_pm_delta(clock.pm_last, now);
	clock.pm_last = now;
	return clock.pm;
}

/* It counts down from 0, which is 65536. */
static uint16_t read_pit(void)
{
	uint16_t low;

	outb(PIT_CMD, PIT_LATCH_CH0);
	low = inb(PIT_CH0);
	return (uint16_t) - (low | inb(PIT_CH0) << 8);
}

static uint64_t read_tsc(void)
{
	uint64_t now = rdtsc();

	check_true("the TSC goes forward", now >= clock.tsc_last);
	if (now - clock.tsc_last > clock.longest)
		clock.longest = now - clock.tsc_last;
	clock.tsc_last = now;
	return now;
}

void clock_pulse(void)
{
	(void)read_tsc();
}

uint64_t clock_longest_us(void)
{
	uint64_t pm = clock.slowest ? (clock.longest << RATE_SHIFT) / clock.slowest : 0;

	return pm * 1000 / PM_PER_MS;
}

/* With the PM timer in between, so that what passed meanwhile is known to be little. */
static uint32_t read_apic_near(uint64_t *pm)
{
	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t before = read_pm();
		uint32_t count = apic_read(LAPIC_TIMER_CURRENT);

		*pm = read_pm();
		if (*pm - before < SHORT)
			return count;
	}
	check_true("the local APIC's timer can be read within 0.4 ms", false);
	test_end();
}

/* Its counts in TIMER_MS. */
static uint32_t measure_apic(void)
{
	uint64_t from, to;
	uint32_t first, last;

	apic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	apic_write(LAPIC_TIMER_INIT, UINT32_MAX);
	first = read_apic_near(&from);
	while (read_pm() - from < APIC_MS * PM_PER_MS)
		;
	last = read_apic_near(&to);
	return (uint32_t)((uint64_t)(first - last) * TIMER_MS * PM_PER_MS / (to - from));
}

void clock_set(void)
{
	outb(PIT_CMD, PIT_CH0_MODE2);
	outb(PIT_CH0, 0);
	outb(PIT_CH0, 0);
	clock.pm_last = time_pm_read();
	clock.fastest = UINT64_MAX;
	clock.timer_period = measure_apic();
	apic_handle(TIMER_VECTOR);
	apic_write(LAPIC_LVT_TIMER, LVT_PERIODIC | TIMER_VECTOR);
	apic_write(LAPIC_TIMER_INIT, clock.timer_period);
	clock.tsc_last = clock.tsc_before = rdtsc();
	clock.pm = 0;
	clock.pm_last = time_pm_read();
	clock.pit_first = read_pit();
	clock.tsc_after = rdtsc();
}

static void check_tsc(uint64_t pm, uint64_t before, uint64_t after)
{
	uint64_t least = ((before - clock.tsc_after) << RATE_SHIFT) / pm;
	uint64_t most = ((after - clock.tsc_before) << RATE_SHIFT) / pm;

	if (least > clock.slowest)
		clock.slowest = least;
	if (most < clock.fastest)
		clock.fastest = most;
	if (clock.slowest > clock.fastest + clock.fastest / RATE_SLACK) {
		print("%lu PM timer ticks, %lu to %lu of the TSC\n", pm, before - clock.tsc_after,
		      after - clock.tsc_before);
		check_range("the TSC's rate by the PM timer (x 65536)", clock.slowest,
			    clock.fastest, pm);
	}
}

/* Both count the same time, one three times as fast, to the tick. */
static void check_pit(uint64_t pm_before, uint64_t pm_after, uint16_t pit)
{
	uint64_t room = (pm_after - pm_before) / PM_PER_PIT + 2 * PIT_SLACK;
	uint16_t counted = (uint16_t)(pit - clock.pit_first + PIT_SLACK);
	uint16_t ahead = (uint16_t)(counted - (uint16_t)(pm_before / PM_PER_PIT));

	if (room < PIT_RANGE)
		check_range("the PIT's ticks by the PM timer, less what they have to be", 0, room,
			    ahead);
}

uint64_t clock_check(void)
{
	uint64_t before = read_tsc(), pm = read_pm(), after = read_tsc(), pm_after;
	uint16_t pit = read_pit();

	pm_after = read_pm();
	if (pm > RATE_MS * PM_PER_MS)
		check_tsc(pm, before, after);
	check_pit(pm, pm_after, pit);
	return pm_after;
}

uint32_t clock_interrupts(void)
{
	return trap_count[TIMER_VECTOR];
}

uint64_t clock_interrupts_due(void)
{
	return clock.pm / (TIMER_MS * PM_PER_MS);
}

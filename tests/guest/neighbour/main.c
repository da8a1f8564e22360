// SPDX-License-Identifier: MIT
/*
 * A guest that minds its own business while others misbehave: it makes a state of everything that
 * it has, looks at it all the while, and fails at the first thing that it did not do itself.
 *
 * Its work is done in turns that all cost the same. The cheapest of them tells what a turn costs
 * to one who has the CPU, and so what part of the time it had the CPU, without asking anybody.
 *
 * Command line: "seconds=N" how long (2), "seed=N" for the patterns, "share=N" the percent of one
 * CPU that it has to have had at least, "longest=N" the milliseconds that it may have to wait for
 * the CPU at a time, "turn=N" the microseconds that the cheapest turn may cost: one that is
 * disturbed all the while would know of no cheaper one.
 */
#include "lib/apic.h"
#include "lib/cmdline.h"
#include "lib/cpu.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"
#include "neighbour.h"

enum {
	SECONDS = 2,
	SEED = 1,
	PAGES_MOST = 96,
	PAGES_LEAST = 4,
	FIRST_INTERRUPT = 32,
	VECTORS = 256,
	WARM_UP = 16,
	PAGES_TRIED = 64
};
enum { TICKS_LOST_PERCENT = 10, TICKS_SLACK = 3, PM_PER_MS = PMTIMER_HZ / 1000 };

static struct {
	unsigned pages;			       /* of each turn */
	uint64_t turns, began, last, cheapest; /* in PM timer's ticks, but the turns */
} work;

/* What others had: all that turns took above the cheapest. */
static unsigned share(void)
{
	uint64_t all = work.last - work.began;

	return all ? (unsigned)(100 * work.turns * work.cheapest / all) : 0;
}

static void refuse(struct trap_frame *f)
{
	check_eq("an interrupt that this guest did not ask for", VEC_NONE, f->vector);
	test_end();
}

static void set_all(uint64_t seed)
{
	apic_init();
	for (unsigned v = FIRST_INTERRUPT; v < VECTORS; v++)
		trap_set_handler((uint8_t)v, refuse);
	trap_set_handler(VEC_NMI, refuse);
	memory_set(seed);
	state_set(seed);
	clock_set();
	devices_set();
	irq_enable();
}

static void turn(void)
{
	uint64_t now;

	memory_check(work.pages);
	state_check(work.turns);
	devices_check(work.turns);
	now = clock_check();
	if (now - work.last < work.cheapest)
		work.cheapest = now - work.last;
	work.last = now;
	work.turns++;
}

/* Others may have the CPU for some turns, not for all of them. */
static uint64_t cheapest_page(void)
{
	uint64_t cheapest = UINT64_MAX, from = clock_check(), to;

	for (unsigned i = 0; i < PAGES_TRIED; i++, from = to) {
		memory_check(1);
		to = clock_check();
		cheapest = to - from < cheapest ? to - from : cheapest;
	}
	return cheapest + 1;
}

/* On a slow machine turns have to be short all the same: shorter than a turn at the CPU. */
static void choose_pages(void)
{
	uint64_t pages = PM_PER_MS / cheapest_page();

	work.pages = pages < PAGES_LEAST  ? PAGES_LEAST
		     : pages > PAGES_MOST ? PAGES_MOST
					  : (unsigned)pages;
}

static void report(void)
{
	print("%lu ms: %lu turns of %lu us, %u %% of the time; others had the CPU for %lu us at "
	      "most; %u ticks\n",
	      (work.last - work.began) / PM_PER_MS, work.turns, work.cheapest * 1000 / PM_PER_MS,
	      share(), clock_longest_us(), clock_interrupts());
}

/* Who has no CPU when several are due gets one for them. */
static void check_ticks(void)
{
	uint64_t due = clock_interrupts_due();
	uint64_t least = due * share() / 100 * (100 - TICKS_LOST_PERCENT) / 100;

	check_range("the timer's interrupts", least > TICKS_SLACK ? least - TICKS_SLACK : 0,
		    due + due / 100 + TICKS_SLACK, clock_interrupts());
}

static void check_all(void)
{
	unsigned longest = cmdline_number("longest=", 0);
	unsigned turn_us = cmdline_number("turn=", 0);

	check_ticks();
	check_range("percent of the time that it had the CPU", cmdline_number("share=", 0), 101,
		    share());
	if (longest)
		check_range("microseconds that it waited for the CPU", 0, longest * 1000,
			    clock_longest_us());
	if (turn_us)
		check_range("microseconds of the cheapest turn", 0, turn_us,
			    work.cheapest * 1000 / PM_PER_MS);
}

void guest_main(void)
{
	uint64_t end = cmdline_number("seconds=", SECONDS) * PMTIMER_HZ, told = 0;

	set_all(cmdline_number("seed=", SEED));
	print("%lu pages of memory\n", memory_pages());
	choose_pages();
	work.cheapest = UINT64_MAX;
	work.last = clock_check();
	for (unsigned i = 0; i < WARM_UP; i++)
		turn();
	work.turns = 0;
	work.began = work.last;
	while (work.last - work.began < end && !test_failures()) {
		turn();
		if (work.last - told < PMTIMER_HZ)
			continue;
		report();
		told = work.last = clock_check();
	}
	irq_disable();
	report();
	check_all();
}

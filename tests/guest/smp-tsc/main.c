// SPDX-License-Identifier: MIT
/* One time on all CPUs: nobody ever reads a TSC that is behind what another one read before. */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/smp.h"
#include "lib/test.h"
#include "lib/time.h"

/* SLOW: ticks between reading the TSC and writing it. */
enum { ROUNDS = 10000, TSC_ADJUST_BIT = 1 << 1, SLOW = 1 << 24 };
#define AHEAD (1ull << 50)

static volatile uint64_t last, backwards;
static volatile unsigned done;
static volatile uint64_t moved, adjust;

/* What was read last is in `last` before the next one reads. */
static void look(void)
{
	uint64_t before = __atomic_load_n(&last, __ATOMIC_SEQ_CST), now = rdtsc();

	if (now < before)
		__atomic_fetch_add(&backwards, 1, __ATOMIC_SEQ_CST);
	while (before < now && !__atomic_compare_exchange_n(&last, (uint64_t *)&before, now, false,
							    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

static void looker(unsigned cpu)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		look();
		smp_cpus[cpu].turns++;
		if (i % 16 == 0)
			pause();
	}
	__atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
}

static bool all_done(uint64_t n)
{
	look();
	return done == n;
}

/* Moves its own TSC, as far as no time makes it, and back. */
static void mover(unsigned cpu)
{
	(void)cpu;
	wrmsr(MSR_TSC_ADJUST, rdmsr(MSR_TSC_ADJUST) + AHEAD);
	moved = rdtsc();
	wrmsr(MSR_TSC, rdtsc() - AHEAD);
	adjust = rdmsr(MSR_TSC_ADJUST);
	wrmsr(MSR_TSC_ADJUST, 0);
	__atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
}

static bool can_move(void)
{
	return cpuid(0, 0).eax >= 7 && cpuid(7, 0).ebx & TSC_ADJUST_BIT;
}

void guest_main(void)
{
	apic_init();
	if (!check_true("there are several CPUs", smp_find() > 1))
		return;
	smp_start_all(looker);
	check_true("all are done", smp_wait(all_done, smp_n - 1));
	check_eq("readings behind another CPU's", 0, backwards);
	if (!can_move())
		return;
	done = 0;
	check_true("a CPU moves its TSC", smp_start(1, mover));
	check_true("and comes to its end", smp_wait(all_done, 1));
	check_true("its TSC moved", moved >= AHEAD);
	check_true("this one's did not", rdtsc() < AHEAD);
	check_range("a write to its TSC moves TSC_ADJUST by as much", 0, SLOW, -adjust);
	done = 0;
	smp_start_all(looker);
	check_true("all are done again", smp_wait(all_done, smp_n - 1));
	check_eq("readings behind another CPU's, with TSC_ADJUST as it was", 0, backwards);
	check_true("nobody is ahead", last < AHEAD);
}

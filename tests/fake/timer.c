/* SPDX-License-Identifier: MIT */
/* The fake clock: it counts TSC ticks, of which 5 are 2 ns, so that mixing the units shows. */
#include "tests/fake/timer.h"

enum { TSC_HALVES = 5, NS_HALVES = 2 };

static struct list armed = { &armed, &armed };
static uint64_t now;
static unsigned fired;

uint64_t time_tsc(void)
{
	return now;
}

uint64_t time_tsc_hz(void)
{
	return 2500000000ull;
}

uint64_t time_ns_to_tsc(uint64_t ns)
{
	return (uint64_t)(((unsigned __int128)ns * TSC_HALVES + NS_HALVES - 1) / NS_HALVES);
}

uint64_t time_tsc_to_ns(uint64_t tsc)
{
	return (uint64_t)((unsigned __int128)tsc * NS_HALVES / TSC_HALVES);
}

uint64_t time_ns(void)
{
	return time_tsc_to_ns(now);
}

void timer_init(struct timer *t, void (*fire)(void *arg), void *arg)
{
	*t = (struct timer){ .fire = fire, .arg = arg };
	list_init(&t->link);
}

void timer_cancel(struct timer *t)
{
	list_remove(&t->link);
	t->armed = false;
}

void timer_arm_tsc(struct timer *t, uint64_t when_tsc)
{
	struct list *at;

	timer_cancel(t);
	at = armed.next;
	while (at != &armed && container_of(at, struct timer, link)->when <= when_tsc)
		at = at->next;
	t->when = when_tsc;
	t->armed = true;
	list_insert_before(at, &t->link);
}

void timer_arm_ns(struct timer *t, uint64_t when_ns)
{
	timer_arm_tsc(t, time_ns_to_tsc(when_ns));
}

void fake_time_set(uint64_t ns)
{
	now = time_ns_to_tsc(ns);
}

void fake_time_advance(uint64_t ns)
{
	uint64_t end = time_ns_to_tsc(time_ns() + ns);

	while (!list_empty(&armed)) {
		struct timer *t = container_of(armed.next, struct timer, link);

		if (t->when > end)
			break;
		if (t->when > now)
			now = t->when;
		timer_cancel(t);
		fired++;
		t->fire(t->arg);
	}
	now = MAX(now, end);
}

unsigned fake_timers_armed(void)
{
	unsigned n = 0;

	list_for_each (at, &armed)
		n++;
	return n;
}

unsigned fake_timers_fired(void)
{
	return fired;
}

/* SPDX-License-Identifier: MIT */
/*
 * Per CPU a list of timers by time, and the LAPIC's one-shot timer set for the first. It is set
 * only when a sooner one comes; when the LAPIC fires for one that was cancelled, it is simply set
 * again.
 */
#include "core/timer.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/lapic.h"
#include "arch/x86_64/tsc.h"
#include "core/irq.h"
#include "lib/lock.h"

static struct {
	struct lock lock; /* every list; firing is done without it */
	uint64_t tsc_start, hz;
	struct tsc_scale scale;
	struct timer *firing[CPUS_MAX];
} clock;

uint64_t time_tsc(void)
{
	return rdtsc();
}

uint64_t time_tsc_hz(void)
{
	return clock.hz;
}

uint64_t time_tsc_to_ns(uint64_t tsc)
{
	return tsc_to_ns(&clock.scale, tsc - clock.tsc_start);
}

uint64_t time_ns_to_tsc(uint64_t ns)
{
	return clock.tsc_start + tsc_from_ns(&clock.scale, ns);
}

uint64_t time_ns(void)
{
	return clock.hz ? time_tsc_to_ns(rdtsc()) : 0;
}

static void program(struct cpu *c)
{
	struct timer *first;

	if (list_empty(&c->timers)) {
		c->timer_programmed = UINT64_MAX;
		return;
	}
	first = container_of(c->timers.next, struct timer, link);
	if (first->when >= c->timer_programmed)
		return;
	c->timer_programmed = first->when;
	lapic_timer_arm_tsc(first->when);
}

/* The LAPIC's timer has fired. */
static void tick(void *arg)
{
	struct cpu *c = this_cpu();

	(void)arg;
	lock_take(&clock.lock);
	c->timer_programmed = UINT64_MAX;
	while (!list_empty(&c->timers)) {
		struct timer *t = container_of(c->timers.next, struct timer, link);

		if (t->when > rdtsc())
			break;
		list_remove(&t->link);
		t->armed = false;
		clock.firing[c->id] = t;
		lock_drop(&clock.lock);
		t->fire(t->arg);
		lock_take(&clock.lock);
		clock.firing[c->id] = NULL;
	}
	program(c);
	lock_drop(&clock.lock);
}

void timer_init_cpu(struct cpu *c)
{
	list_init(&c->timers);
	c->timer_programmed = UINT64_MAX;
}

void timer_init_clock(uint64_t hz, uint64_t tsc_start)
{
	clock.scale = tsc_scale_make(hz);
	clock.tsc_start = tsc_start;
	clock.hz = hz;
	irq_vector_set(IRQ_VECTOR_TIMER, "timer", tick, NULL);
}

void timer_init(struct timer *t, void (*fire)(void *arg), void *arg)
{
	*t = (struct timer){ .fire = fire, .arg = arg };
	list_init(&t->link);
}

void timer_arm_tsc(struct timer *t, uint64_t when_tsc)
{
	struct cpu *c = this_cpu();
	struct list *at;

	lock_take(&clock.lock);
	if (t->armed)
		list_remove(&t->link);
	t->when = when_tsc;
	t->armed = true;
	t->cpu = c->id;
	/* From the end: most new timers are later than what is there. */
	at = c->timers.prev;
	while (at != &c->timers && container_of(at, struct timer, link)->when > when_tsc)
		at = at->prev;
	list_insert_before(at->next, &t->link);
	program(c);
	lock_drop(&clock.lock);
}

void timer_arm_ns(struct timer *t, uint64_t when_ns)
{
	timer_arm_tsc(t, time_ns_to_tsc(when_ns));
}

void timer_cancel(struct timer *t)
{
	lock_take(&clock.lock);
	if (t->armed) {
		list_remove(&t->link);
		t->armed = false;
	}
	lock_drop(&clock.lock);
	/*
	 * Its function may be running on another CPU at this moment; on this one it is our caller.
	 */
	while (t->cpu != this_cpu()->id &&
	       __atomic_load_n(&clock.firing[t->cpu], __ATOMIC_ACQUIRE) == t)
		__builtin_ia32_pause();
}

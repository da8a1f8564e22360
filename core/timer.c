/* SPDX-License-Identifier: MIT */
/*
 * Per CPU a list of timers by time, and the LAPIC's one-shot timer set for the first. It is set
 * only when a sooner one comes; when the LAPIC fires for one that was cancelled, it is simply set
 * again. A timer belongs to the CPU where it was armed last: that list's lock guards it.
 */
#include "core/timer.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/lapic.h"
#include "arch/x86_64/tsc.h"
#include "core/delay.h"
#include "core/irq.h"
#include "lib/lock.h"

/* Locks: (l) the lock; (a) atomic. */
struct timers {
	struct lock lock;
	struct list armed;    /* (l) soonest first */
	uint64_t programmed;  /* (l) what the LAPIC is set for */
	uint64_t set_at;      /* (l) when it was set for that */
	struct timer *firing; /* (a) whose function runs, without the lock */
} aligned(64);

static struct {
	uint64_t tsc_start, hz;
	struct tsc_scale scale;
	struct timers cpus[CPUS_MAX];
	unsigned count; /* (a) of cpus in use */
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

static void program(struct timers *q)
{
	struct timer *first;

	if (list_empty(&q->armed)) {
		q->programmed = UINT64_MAX;
		return;
	}
	first = container_of(q->armed.next, struct timer, link);
	if (first->when >= q->programmed)
		return;
	q->programmed = first->when;
	q->set_at = rdtsc();
	lapic_timer_arm_tsc(first->when);
}

/* The LAPIC fires in time: what is later than that is Plinth's doing. Caller holds the lock. */
static void measure(const struct timers *q)
{
	uint64_t due = MAX(q->programmed, q->set_at), now = rdtsc();

	if (q->programmed != UINT64_MAX && now > due)
		delay_note(this_cpu(), now - due);
}

/* The LAPIC's timer has fired. */
static void tick(void *arg)
{
	struct timers *q = &clock.cpus[this_cpu()->id];

	(void)arg;
	this_cpu()->timer_irqs++;
	lock_take(&q->lock);
	measure(q);
	q->programmed = UINT64_MAX;
	while (!list_empty(&q->armed)) {
		struct timer *t = container_of(q->armed.next, struct timer, link);

		if (t->when > rdtsc())
			break;
		list_remove(&t->link);
		t->armed = false;
		__atomic_store_n(&q->firing, t, __ATOMIC_RELAXED);
		lock_drop(&q->lock);
		t->fire(t->arg);
		/* Release: timer_cancel() elsewhere waits for all that the function has done. */
		__atomic_store_n(&q->firing, NULL, __ATOMIC_RELEASE);
		lock_take(&q->lock);
	}
	program(q);
	lock_drop(&q->lock);
}

void timer_init_cpu(struct cpu *c)
{
	struct timers *q = &clock.cpus[c->id];

	*q = (struct timers){ .programmed = UINT64_MAX };
	list_init(&q->armed);
	if (c->id >= clock.count)
		__atomic_store_n(&clock.count, c->id + 1, __ATOMIC_RELEASE);
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

/* The lock of the list that t is in, or was in last: it guards t. */
static struct timers *lock_list_of(struct timer *t)
{
	for (;;) {
		unsigned cpu = __atomic_load_n(&t->cpu, __ATOMIC_RELAXED);
		struct timers *q = &clock.cpus[cpu];

		lock_take(&q->lock);
		if (cpu == __atomic_load_n(&t->cpu, __ATOMIC_RELAXED))
			return q;
		lock_drop(&q->lock);
	}
}

/* Takes t out of whichever list it is in; from then on it belongs to cpu, whose lock is taken. */
static struct timers *take_over(struct timer *t, unsigned cpu)
{
	struct timers *own = &clock.cpus[cpu];

	for (;;) {
		struct timers *q = lock_list_of(t);

		if (t->armed)
			list_remove(&t->link);
		t->armed = false;
		if (q == own)
			return q;
		__atomic_store_n(&t->cpu, cpu, __ATOMIC_RELAXED);
		lock_drop(&q->lock);
	}
}

void timer_arm_tsc(struct timer *t, uint64_t when_tsc)
{
	struct timers *q = take_over(t, this_cpu()->id);
	struct list *at;

	t->when = when_tsc;
	t->armed = true;
	/* From the end: most new timers are later than what is there. */
	at = q->armed.prev;
	while (at != &q->armed && container_of(at, struct timer, link)->when > when_tsc)
		at = at->prev;
	list_insert_before(at->next, &t->link);
	program(q);
	lock_drop(&q->lock);
}

void timer_arm_ns(struct timer *t, uint64_t when_ns)
{
	timer_arm_tsc(t, time_ns_to_tsc(when_ns));
}

/*
 * Whether t's function is running on another CPU at this moment, be it that t has been armed
 * elsewhere since; on this one it is our caller.
 */
static bool fires_elsewhere(const struct timer *t)
{
	unsigned own = this_cpu()->id;

	/* Acquire: with the release in tick(). */
	for (unsigned i = 0; i < __atomic_load_n(&clock.count, __ATOMIC_ACQUIRE); i++)
		if (i != own && __atomic_load_n(&clock.cpus[i].firing, __ATOMIC_ACQUIRE) == t)
			return true;
	return false;
}

void timer_cancel(struct timer *t)
{
	bool fires;

	do {
		struct timers *q = lock_list_of(t);

		if (t->armed)
			list_remove(&t->link);
		t->armed = false;
		/* Under the lock, without which the function arms nothing: a periodic one does. */
		fires = fires_elsewhere(t);
		lock_drop(&q->lock);
		if (fires)
			__builtin_ia32_pause();
	} while (fires);
}

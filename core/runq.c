/* SPDX-License-Identifier: MIT */
/*
 * A CPU's queue of ready threads, ordered by virtual time, and how virtual time passes: a thread's
 * goes on by what it runs, divided by its weight. Whoever is furthest behind, on any CPU, is next.
 */
#include "core/runq.h"

struct sched sched;

static void publish(struct runq *q)
{
	bool waiting = !list_empty(&q->ready);

	if (waiting)
		hint_set(q->first, container_of(q->ready.next, struct thread, link)->share.vtime);
	hint_set(q->waiting, waiting);
}

/* Behind those of the same virtual time. */
static void sort_in(struct runq *q, struct thread *t)
{
	struct list *at = q->ready.prev;

	while (at != &q->ready &&
	       vtime_ahead(container_of(at, struct thread, link)->share.vtime, t->share.vtime) > 0)
		at = at->prev;
	list_insert_before(at->next, &t->link);
}

uint64_t runq_wait_clock(uint64_t now)
{
	uint64_t total;

	lock_take(&sched.wait_lock);
	total = sched.wait_total;
	if (sched.waiters && now > sched.wait_began)
		total += now - sched.wait_began;
	lock_drop(&sched.wait_lock);
	return total;
}

/* A thread begins or ends to wait for a CPU that is busy. */
static void count_waiter(struct thread *t, bool waits)
{
	uint64_t now;

	if (t->share.waits == waits)
		return;
	now = time_ns();
	t->share.waits = waits;
	lock_take(&sched.wait_lock);
	if (waits && !sched.waiters++)
		sched.wait_began = now;
	if (!waits && !--sched.waiters && now > sched.wait_began)
		sched.wait_total += now - sched.wait_began;
	lock_drop(&sched.wait_lock);
}

void runq_count_waiters(struct runq *q)
{
	list_for_each (at, &q->ready)
		count_waiter(container_of(at, struct thread, link), true);
}

void runq_insert(struct runq *q, struct thread *t)
{
	sort_in(q, t);
	count_waiter(t, q->run_weight);
	hint_set(t->queued, true);
	hint_set(q->weight, q->weight + t->share.weight);
	publish(q);
}

void runq_remove(struct runq *q, struct thread *t)
{
	list_remove(&t->link);
	count_waiter(t, false);
	hint_set(t->queued, false);
	if (q->favoured == t)
		q->favoured = NULL;
	hint_set(q->weight, q->weight - t->share.weight);
	publish(q);
}

/* The CPUs that t may run on, and the weight of all who want them. */
static unsigned count_cpus(uint64_t mask, uint64_t *weight)
{
	unsigned n = 0;

	*weight = 0;
	for (unsigned i = 0; i < sched.count; i++) {
		if (!(mask >> i & 1))
			continue;
		n++;
		*weight += hint_get(sched.q[i].weight);
	}
	return n;
}

/*
 * A weight that asks for more than one CPU counts as what just makes one: the line to which water
 * would rise. Those above it have a CPU each, all the time, and the others the rest.
 */
static uint64_t water_line(uint64_t mask, unsigned n, uint64_t weight)
{
	uint64_t line = weight / n;

	for (;;) {
		uint64_t rest = weight, next;
		unsigned left = n;

		for (unsigned i = 0; i < sched.count; i++) {
			uint64_t w = hint_get(sched.q[i].run_weight);

			if (!(mask >> i & 1) || w <= line)
				continue;
			rest -= MIN(w, rest);
			left--;
		}
		next = left ? rest / left : 0;
		if (!next || next >= line)
			return line;
		line = next;
	}
}

static unsigned divisor(const struct thread *t)
{
	uint64_t mask, weight;
	unsigned n;

	if (sched.count < 2)
		return t->share.weight;
	mask = t->share.pin & __atomic_load_n(&sched.online, __ATOMIC_RELAXED);
	n = count_cpus(mask, &weight);
	if (n < 2 || (uint64_t)t->share.weight * n <= weight)
		return t->share.weight;
	weight = water_line(mask, n, weight);
	return weight ? (unsigned)MIN(weight, t->share.weight) : t->share.weight;
}

uint64_t runq_slice(const struct thread *t)
{
	uint64_t mask = t->share.pin & __atomic_load_n(&sched.online, __ATOMIC_RELAXED), weight, ns;
	unsigned n = count_cpus(mask, &weight);

	weight = MAX(weight, t->share.weight);
	ns = (uint64_t)ROUND_NS * t->share.weight * MAX(n, 1u) / weight;
	return MAX(SLICE_MIN_NS, MIN(ns, SLICE_MAX_NS));
}

/* What t may be behind the others: a few slices. */
static uint64_t most_lag(const struct thread *t)
{
	return LAG_SLICES * vtime_of_ns(runq_slice(t), t->share.weight);
}

static void not_below(struct thread *t, uint64_t floor)
{
	if (vtime_ahead(floor, t->share.vtime) > 0)
		t->share.vtime = floor;
}

/* Not further than a few slices from where all are. */
static void not_ahead(struct thread *t, uint64_t all)
{
	uint64_t most;

	if (vtime_ahead(t->share.vtime, all) <= 0)
		return;
	most = most_lag(t);
	if (vtime_ahead(t->share.vtime, all + most) > 0)
		t->share.vtime = all + most;
}

static void not_behind(struct thread *t, uint64_t all)
{
	if (vtime_ahead(all, t->share.vtime) > 0)
		not_below(t, all - most_lag(t));
}

static void charge(struct runq *q, struct thread *t, uint64_t ns, uint64_t now)
{
	uint64_t clock = runq_wait_clock(now),
		 all = __atomic_load_n(&sched.vtime, __ATOMIC_RELAXED);
	unsigned by = divisor(t);

	t->share.lease_used += ns;
	/* Time in which nobody waited for a CPU is free. */
	t->share.vtime += vtime_of_ns(MIN(ns, clock - t->share.wait_clock), by);
	t->share.wait_clock = clock;
	/* Nobody wanted this CPU: what others have had elsewhere matters little. */
	if (!q->contested) {
		not_behind(t, all);
		not_ahead(t, all);
	}
	hint_set(q->run_divisor, by);
	hint_set(q->run_vtime, t->share.vtime);
	hint_set(q->run_since, now);
}

void runq_account(struct runq *q, struct thread *t, uint64_t now)
{
	/* Two CPUs' clocks may differ by a little. */
	uint64_t ns = now > t->share.since ? now - t->share.since : 0;

	t->share.since = now;
	switch (t->state) {
	case THREAD_RUNNING:
		t->share.times.running += ns;
		if (!is_idle_thread(t))
			charge(q, t, ns, now);
		break;
	case THREAD_READY:
		if (is_idle_thread(t))
			break;
		t->share.times.ready += ns;
		t->share.times.longest_wait = MAX(t->share.times.longest_wait, ns);
		break;
	case THREAD_BLOCKED: t->share.times.blocked += ns; break;
	case THREAD_DEAD: break;
	}
}

uint64_t runq_run_vtime(const struct runq *q, uint64_t now)
{
	uint64_t since = hint_get(q->run_since);
	unsigned by = hint_get(q->run_divisor);

	return hint_get(q->run_vtime) + vtime_of_ns(now > since ? now - since : 0, MAX(by, 1u));
}

void runq_join(struct thread *t, uint64_t slept_ns)
{
	uint64_t now = __atomic_load_n(&sched.vtime, __ATOMIC_RELAXED);
	uint64_t floor = now - vtime_of_ns(BONUS_NS, t->share.weight);

	/* After a long time the difference means nothing, and may have wrapped. */
	if (slept_ns > STARVED_NS)
		t->share.vtime = floor;
	not_below(t, floor);
	not_ahead(t, now);
}

void runq_lift_pinned(struct runq *q, struct thread *next, struct thread *from)
{
	uint64_t online = __atomic_load_n(&sched.online, __ATOMIC_RELAXED), most;
	int64_t lag =
		vtime_ahead(__atomic_load_n(&sched.vtime, __ATOMIC_RELAXED), next->share.vtime);
	struct list all;

	if (lag <= 0 || !(online & ~next->share.pin))
		return;
	most = most_lag(next);
	if (lag <= (int64_t)(2 * most))
		return;
	/* All by the same, so that they keep their places among each other. */
	next->share.vtime += (uint64_t)lag - most;
	if (from != next && from->state == THREAD_READY && (online & ~from->share.pin))
		from->share.vtime += (uint64_t)lag - most;
	list_init(&all);
	while (!list_empty(&q->ready)) {
		struct list *at = q->ready.next;

		list_remove(at);
		list_insert_before(&all, at);
	}
	while (!list_empty(&all)) {
		struct thread *t = container_of(all.next, struct thread, link);

		list_remove(&t->link);
		if (online & ~t->share.pin)
			t->share.vtime += (uint64_t)lag - most;
		sort_in(q, t);
	}
	publish(q);
}

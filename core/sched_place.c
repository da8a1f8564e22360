/* SPDX-License-Identifier: MIT */
/*
 * Which queue a thread goes into, which CPU hears of it, and all that is changed from outside while
 * threads run: wake-ups, weights, pins.
 */
#include "core/irq.h"
#include "core/runq.h"
#include "lib/errno.h"
#include "lib/string.h"

void sched_kick(struct cpu *c)
{
	hint_set(c->resched, true);
	if (c != this_cpu())
		irq_kick(c);
	else if (c->thread->hooks)
		c->thread->hooks->attend(c->thread->hooks_arg);
}

static bool is_idle(const struct runq *q)
{
	return !hint_get(q->run_weight) && !hint_get(q->waiting);
}

/* By how much of its own time t is behind the thread that runs there. */
static int64_t lead_over(const struct runq *q, const struct thread *t, uint64_t now)
{
	return vtime_ahead(runq_run_vtime(q, now), t->share.vtime);
}

/* Whose CPU t may take: the one that has had most, if that is more than a grain. */
static struct cpu *choose_busy(const struct thread *t, uint64_t mask, uint64_t now)
{
	int64_t most = (int64_t)vtime_of_ns(GRAIN_NS, t->share.weight);
	struct runq *lightest = NULL, *best = NULL;

	for (unsigned i = 0; i < sched.count; i++) {
		struct runq *q = &sched.q[i];

		if (!(mask >> i & 1))
			continue;
		if (!lightest || hint_get(q->weight) < hint_get(lightest->weight))
			lightest = q;
		if (lead_over(q, t, now) > most) {
			most = lead_over(q, t, now);
			best = q;
		}
	}
	/* One that has never run goes to the least loaded; others stay where their caches are. */
	if (!t->ran_on)
		return lightest->cpu;
	if (best)
		return best->cpu;
	return mask & cpu_bit(t->cpu) ? t->cpu : lightest->cpu;
}

/* Caller has t in his hands. */
static struct cpu *choose(const struct thread *t, uint64_t now)
{
	/* Acquire: no longer held means that the registers are in memory. */
	struct cpu *held = __atomic_load_n(&t->held, __ATOMIC_ACQUIRE);
	uint64_t mask = t->share.pin & __atomic_load_n(&sched.online, __ATOMIC_ACQUIRE);

	if (held)
		return held;
	if ((mask & cpu_bit(t->cpu)) && is_idle(runq_of(t->cpu)))
		return t->cpu;
	for (unsigned i = 1; i < sched.count; i++) {
		unsigned id = (t->cpu->id + i) % sched.count;

		if ((mask >> id & 1) && is_idle(&sched.q[id]))
			return sched.q[id].cpu;
	}
	return choose_busy(t, mask, now);
}

/* Whether the CPU has to decide anew because t waits there. Caller holds the lock. */
static bool is_news(struct runq *q, const struct thread *t, uint64_t now)
{
	/* Nobody has waited until now: the slice has no end yet. */
	if (!q->contested || !q->run_weight)
		return true;
	if (q->run_given)
		return t->held;
	return t->held || lead_over(q, t, now) > (int64_t)vtime_of_ns(GRAIN_NS, t->share.weight);
}

static void put_in(struct runq *q, struct thread *t, uint64_t now)
{
	bool news = is_news(q, t, now);

	runq_insert(q, t);
	/* Until now it ran alone, and is charged so. */
	if (q->run_weight && !q->contested)
		runq_account(q, q->cpu->thread, now);
	q->contested = true;
	if (news)
		sched_kick(q->cpu);
	/* Full barrier: with the one in sched_decide(). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->run_weight)
		sched_offer(q, now);
}

void sched_place(struct thread *t)
{
	uint64_t now = time_ns();

	for (;;) {
		struct cpu *c = choose(t, now);
		struct runq *q = runq_lock_of(t);

		/* The lock that guards t passes from one queue's to the other's. */
		if (q->cpu != c) {
			__atomic_store_n(&t->cpu, c, __ATOMIC_RELAXED);
			lock_drop(&q->lock);
			q = runq_of(c);
			lock_take(&q->lock);
		}
		if (cap_hold_back(t, now)) {
			lock_drop(&q->lock);
			return;
		}
		if (may_run_on(t, c) || t->held) {
			put_in(q, t, now);
			lock_drop(&q->lock);
			return;
		}
		lock_drop(&q->lock); /* its pin has changed just now */
	}
}

/* An idle CPU that t may run on, and that has not been told of another one already. */
static struct runq *find_idle(const struct thread *t)
{
	for (unsigned i = 0; i < sched.count; i++) {
		struct runq *q = &sched.q[i];

		if ((t->share.pin >> i & 1) && q->cpu && is_idle(q) && !hint_get(q->cpu->resched))
			return q;
	}
	return NULL;
}

/* The CPU, but q's, whose thread has had most more than t: a slice of t's at least. */
static struct runq *find_ahead(const struct runq *own, const struct thread *t, uint64_t now)
{
	int64_t most = (int64_t)vtime_of_ns(runq_slice(t), t->share.weight);
	struct runq *best = NULL;

	for (unsigned i = 0; i < sched.count; i++) {
		struct runq *q = &sched.q[i];

		if (q == own || hint_get(q->run_given) || !(t->share.pin >> i & 1) ||
		    !hint_get(q->run_weight) || lead_over(q, t, now) <= most)
			continue;
		most = lead_over(q, t, now);
		best = q;
	}
	return best;
}

void sched_offer(struct runq *q, uint64_t now)
{
	bool first = true;

	list_for_each (at, &q->ready) {
		struct thread *t = container_of(at, struct thread, link);
		struct runq *other;

		if (is_held_elsewhere(t, NULL))
			continue;
		other = find_idle(t);
		if (!other && first)
			other = find_ahead(q, t, now);
		first = false;
		if (!other)
			return;
		if (!hint_get(other->cpu->resched))
			sched_kick(other->cpu);
	}
}

void thread_wake(struct thread *t)
{
	struct runq *q = runq_lock_of(t);
	uint64_t now = time_ns(), slept = now - t->share.since;
	bool mine = false;

	if (t->state == THREAD_BLOCKED) {
		runq_account(q, t, now);
		runq_join(t, now > slept ? slept : 0);
		t->state = THREAD_READY;
		/* Is it still being switched away from? Then sched_finish() places it. */
		mine = !t->on_cpu;
	} else {
		t->wake_pending = true;
	}
	lock_drop(&q->lock);
	if (mine)
		sched_place(t);
}

int sched_set_weight(struct thread *t, unsigned weight)
{
	struct runq *q;

	if (weight < WEIGHT_MIN || weight > WEIGHT_MAX)
		return -EINVAL;
	q = runq_lock_of(t);
	if (t->share.weight == weight) {
		/* Nobody's turn changes. */
	} else if (t->state == THREAD_RUNNING) {
		runq_account(q, t, time_ns());
		hint_set(q->weight, q->weight - t->share.weight + weight);
		hint_set(q->run_weight, weight);
		t->share.weight = weight;
		sched_kick(q->cpu);
	} else if (t->queued) {
		runq_remove(q, t);
		t->share.weight = weight;
		runq_join(t, 0);
		runq_insert(q, t);
		sched_kick(q->cpu);
	} else {
		t->share.weight = weight;
	}
	lock_drop(&q->lock);
	return 0;
}

int sched_set_pin(struct thread *t, uint64_t pin)
{
	struct runq *q;
	bool mine;

	if (!(pin & __atomic_load_n(&sched.online, __ATOMIC_RELAXED)))
		return -EINVAL;
	q = runq_lock_of(t);
	if (t->share.pin == pin) {
		lock_drop(&q->lock);
		return 0;
	}
	t->share.pin = pin;
	mine = t->queued && !may_run_on(t, q->cpu) && !t->held;
	if (mine)
		runq_remove(q, t);
	else if (t->state == THREAD_RUNNING || t->queued)
		sched_kick(q->cpu);
	lock_drop(&q->lock);
	if (mine)
		sched_place(t);
	return 0;
}

void thread_times(struct thread *t, struct thread_times *times)
{
	struct runq *q = runq_lock_of(t);
	uint64_t now = time_ns();
	uint64_t ns = now > t->share.since ? now - t->share.since : 0;

	*times = t->share.times;
	if (t->state == THREAD_RUNNING)
		times->running += ns;
	else if (t->state == THREAD_READY)
		times->ready += ns;
	else if (t->state == THREAD_BLOCKED)
		times->blocked += ns;
	lock_drop(&q->lock);
}

void sched_look(struct cpu *c, struct sched_view *view)
{
	struct runq *q = runq_of(c);
	struct thread_times idle;

	thread_times(c->idle, &idle);
	*view = (struct sched_view){ .idle_ns = idle.running };
	/* Threads are switched under the lock, so the one that runs does not go meanwhile. */
	lock_take(&q->lock);
	str_copy(view->runs, c->thread->name, sizeof(view->runs));
	view->idle = c->thread == c->idle;
	list_for_each (at, &q->ready)
		view->ready++;
	lock_drop(&q->lock);
}

/* Both locks, in the order of the CPUs' numbers. False: t has moved. */
static bool lock_two(struct runq *a, struct runq *b, const struct thread *t)
{
	lock_take(a < b ? &a->lock : &b->lock);
	if (a != b)
		lock_take(a < b ? &b->lock : &a->lock);
	return __atomic_load_n(&t->cpu, __ATOMIC_RELAXED) == b->cpu;
}

bool sched_is_wanted(void)
{
	return hint_get(runq_of(this_cpu())->waiting);
}

bool sched_yield_to(struct thread *t)
{
	struct cpu *c = this_cpu();
	struct thread *self = c->thread;
	struct runq *q = runq_of(c);
	struct runq *other = runq_of(__atomic_load_n(&t->cpu, __ATOMIC_RELAXED));
	bool can;

	/* Most often it is running, or asleep: no lock then. */
	if (!hint_get(t->queued))
		return false;
	can = lock_two(q, other, t) && t->queued && may_run_on(t, c) && !is_held_elsewhere(t, c);

	if (can) {
		uint64_t own;

		runq_account(q, self, time_ns());
		own = self->share.vtime;
		runq_remove(other, t);
		__atomic_store_n(&t->cpu, c, __ATOMIC_RELAXED);
		/* They change places: to all others it is as if the caller had run. */
		if (vtime_ahead(t->share.vtime, own) > 0) {
			self->share.vtime = t->share.vtime;
			t->share.vtime = own;
		}
		runq_insert(q, t);
		q->favoured = t;
	}
	lock_drop(&other->lock);
	if (q != other)
		lock_drop(&q->lock);
	if (can)
		sched_yield();
	return can;
}

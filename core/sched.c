/* SPDX-License-Identifier: MIT */
/*
 * The decision: who runs next on this CPU. It is taken when a thread blocks or yields, when its
 * slice is over, and when somebody else asks for it by sched_kick(). There is no tick.
 */
#include "core/sched.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/trap.h"
#include "core/alloc.h"
#include "core/runq.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"

enum { STARVED_CHECK_NS = 100 * 1000 * 1000 };

static void slice_end(void *arg)
{
	struct cpu *c = arg;

	hint_set(c->resched, true);
}

void sched_init(struct cpu *c)
{
	struct thread *t = mem_alloc(sizeof(*t), MEM_THREAD);
	struct runq *q = runq_of(c);

	if (!t)
		panic("sched: no memory for CPU %u's idle thread", c->id);
	list_init(&t->link);
	str_copy(t->name, "idle", sizeof(t->name));
	t->state = THREAD_RUNNING;
	t->on_cpu = true;
	t->cpu = t->ran_on = c;
	t->share.pin = cpu_bit(c);
	t->share.since = time_ns();
	c->thread = c->idle = t;
	*q = (struct runq){ .cpu = c };
	list_init(&q->ready);
	timer_init(&q->slice, slice_end, c);
	if (c->id >= sched.count)
		hint_set(sched.count, c->id + 1);
	/* Release: who finds the CPU here finds its queue made. */
	__atomic_fetch_or(&sched.online, cpu_bit(c), __ATOMIC_RELEASE);
}

/* Has waited for longer than anybody should, whatever his weight. */
static struct thread *find_starved(struct runq *q, uint64_t now)
{
	if (now < q->starved_check)
		return NULL;
	q->starved_check = now + STARVED_CHECK_NS;
	list_for_each (at, &q->ready) {
		struct thread *t = container_of(at, struct thread, link);

		if (now > t->share.since + STARVED_NS && may_run_on(t, q->cpu))
			return t;
	}
	return NULL;
}

static struct thread *find_local(struct runq *q)
{
	if (q->favoured && may_run_on(q->favoured, q->cpu))
		return q->favoured;
	list_for_each (at, &q->ready) {
		struct thread *t = container_of(at, struct thread, link);

		if (may_run_on(t, q->cpu))
			return t;
	}
	return NULL;
}

/* The first in another queue that may come here, and is behind than by more than a little. */
static struct thread *find_in(struct runq *other, struct runq *q, const struct thread *than)
{
	list_for_each (at, &other->ready) {
		struct thread *t = container_of(at, struct thread, link);
		uint64_t lead = vtime_of_ns(runq_slice(t) / 2, t->share.weight);

		if (than && vtime_ahead(than->share.vtime, t->share.vtime) <= (int64_t)lead)
			return NULL;
		if (may_run_on(t, q->cpu) && !is_held_elsewhere(t, q->cpu))
			return t;
	}
	return NULL;
}

/* Takes a thread over from another CPU, if one there is further behind than `than`. */
static struct thread *pull_from(struct runq *other, struct runq *q, const struct thread *than)
{
	struct thread *t;

	/* Two CPUs may look at each other's queues: so nobody waits for the second lock. */
	if (!lock_try(&other->lock)) {
		if (!than)
			hint_set(q->cpu->resched, true);
		return NULL;
	}
	t = find_in(other, q, than);
	if (t) {
		runq_remove(other, t);
		__atomic_store_n(&t->cpu, q->cpu, __ATOMIC_RELAXED);
		runq_insert(q, t);
	}
	lock_drop(&other->lock);
	return t;
}

static struct thread *pull(struct runq *q, struct thread *than)
{
	for (unsigned i = 1; i < sched.count; i++) {
		struct runq *other = &sched.q[(q->cpu->id + i) % sched.count];
		struct thread *t;

		if (!hint_get(other->waiting))
			continue;
		if (than && vtime_ahead(than->share.vtime, hint_get(other->first)) <= 0)
			continue;
		t = pull_from(other, q, than);
		if (t)
			than = t;
	}
	return than;
}

/* from: who has run until now and would go on; he is in no list. */
static struct thread *find_next(struct runq *q, struct thread *from, bool pass, uint64_t now)
{
	struct thread *t = find_starved(q, now);

	if (t)
		return t;
	t = find_local(q);
	if (t && t == q->favoured)
		return t;
	if (from && !pass && (!t || vtime_ahead(from->share.vtime, t->share.vtime) <= 0))
		t = from;
	t = pull(q, t);
	return t ? t : from;
}

/* The first who may run: whose guest has used up its time is held back. */
static struct thread *pick(struct runq *q, struct thread *from, bool pass, uint64_t now)
{
	for (;;) {
		struct thread *t = find_next(q, from, pass, now);

		if (!t)
			return q->cpu->idle;
		if (cap_take(t, now)) {
			if (t != from)
				runq_remove(q, t);
			return t;
		}
		if (t == from) {
			from = NULL; /* sched_place() will hold it back */
			continue;
		}
		runq_remove(q, t);
		if (!cap_hold_back(t, now))
			runq_insert(q, t);
	}
}

/* The virtual time of all: where the least served of those who want this CPU stands. */
static void advance_vtime(const struct runq *q, const struct thread *next)
{
	uint64_t least = next->share.vtime;

	if (q->waiting && vtime_ahead(least, q->first) > 0)
		least = q->first;
	if (vtime_ahead(least, hint_get(sched.vtime)) > 0)
		hint_set(sched.vtime, least);
}

static void set_slice(struct runq *q, const struct thread *next, uint64_t now)
{
	uint64_t ns = UINT64_MAX;

	if (!is_idle_thread(next) && q->contested)
		ns = runq_slice(next);
	if (next->share.leased)
		ns = MIN(ns, next->share.leased);
	/* It is this CPU's alone: nobody else arms it, nor does it fire elsewhere. */
	if (ns != UINT64_MAX)
		timer_arm_ns(&q->slice, now + ns);
	else if (q->slice.armed)
		timer_cancel(&q->slice);
}

/* next's turn begins. */
static void begin(struct runq *q, struct thread *from, struct thread *next, uint64_t now)
{
	runq_account(q, next, now);
	next->state = THREAD_RUNNING;
	next->on_cpu = true;
	if (next != from) {
		next->share.times.runs++;
		next->share.times.migrations += next->ran_on && next->ran_on != q->cpu;
		next->ran_on = q->cpu;
		next->share.times.cpus |= cpu_bit(q->cpu);
	}
	if (!is_idle_thread(next)) {
		next->share.wait_clock = runq_wait_clock(now);
		runq_lift_pinned(q, next, from);
		advance_vtime(q, next);
	}
	/* Whoever has to leave the CPU for next will wait for it, too. */
	q->contested = q->waiting ||
		       (from != next && from->state == THREAD_READY && !is_idle_thread(from));
	/* Given the CPU though others are further behind: they do not take it back at once. */
	hint_set(q->run_given,
		 q->waiting ? vtime_ahead(next->share.vtime, q->first) > 0
			    : from != next && from->state == THREAD_READY &&
				      vtime_ahead(next->share.vtime, from->share.vtime) > 0);
	q->favoured = NULL;
	hint_set(q->weight, q->weight + next->share.weight);
	hint_set(q->run_weight, next->share.weight);
	hint_set(q->run_divisor, next->share.weight);
	hint_set(q->run_vtime, next->share.vtime);
	hint_set(q->run_since, now);
	hint_set(q->run_group, next->share.group);
	if (is_idle_thread(from) && !is_idle_thread(next))
		runq_count_waiters(q);
	set_slice(q, next, now);
}

/*
 * A thread whose registers are in this CPU waits here, and another one is chosen: they go out into
 * memory, so that it may run elsewhere. True: it has to, and is in the caller's hands.
 */
static bool settle_holder(struct runq *q, const struct thread *next)
{
	struct thread *h = q->holder;

	if (!h || h == next || !h->queued)
		return false;
	h->hooks->spill(h->hooks_arg);
	q->holder = NULL;
	/* Release: who sees it sees the registers in memory. */
	__atomic_store_n(&h->held, NULL, __ATOMIC_RELEASE);
	if (may_run_on(h, q->cpu))
		return false;
	runq_remove(q, h);
	return true;
}

struct thread *sched_decide(struct cpu *c, enum thread_state state, bool pass)
{
	struct thread *from = c->thread, *next, *holder;
	struct runq *q = runq_of(c);
	uint64_t now = time_ns();
	bool stays, moved;

	/*
	 * Full barrier: either we see who is put into another queue now, or he sees that we have
	 * been told of nobody since (find_idle()).
	 */
	__atomic_store_n(&c->resched, false, __ATOMIC_SEQ_CST);
	runq_account(q, from, now);
	cap_return(from);
	from->state = state;
	hint_set(q->weight, q->weight - from->share.weight);
	/*
	 * Full barrier: either we see who is put into another queue now, or he sees us idle
	 * (sched_place()).
	 */
	if (state != THREAD_READY)
		__atomic_store_n(&q->run_weight, 0, __ATOMIC_SEQ_CST);
	stays = state == THREAD_READY && !is_idle_thread(from) && may_run_on(from, c);
	next = pick(q, stays ? from : NULL, pass, now);
	begin(q, from, next, now);
	holder = q->holder;
	moved = settle_holder(q, next);
	sched_offer(q, now);
	c->thread = next;
	q->leaving = from;
	lock_drop(&q->lock);
	if (moved)
		sched_place(holder);
	return next;
}

bool sched_finish(struct cpu *c)
{
	struct runq *q = runq_of(c);
	struct thread *t = q->leaving;
	bool dead, ready;

	q->leaving = NULL;
	lock_take(&q->lock);
	t->on_cpu = false;
	dead = t->state == THREAD_DEAD;
	ready = t->state == THREAD_READY && !is_idle_thread(t);
	lock_drop(&q->lock);
	if (q->holder == t && (ready || dead)) {
		if (t->hooks)
			t->hooks->spill(t->hooks_arg);
		q->holder = NULL;
		__atomic_store_n(&t->held, NULL, __ATOMIC_RELEASE);
	}
	if (dead)
		cap_leave(t);
	if (ready)
		sched_place(t);
	return dead;
}

static void tell_nmis(struct cpu *c)
{
	uint64_t n = __atomic_load_n(&c->nmis, __ATOMIC_RELAXED);

	if (n == c->nmis_told)
		return;
	c->nmis_told = n;
	log_warn("cpu%u: an NMI that nobody asked for (%lu so far)", c->id, n);
}

/*
 * Plain HLT: MWAIT would save the interrupt of a kick, but one emulator refuses it with the
 * break-on-interrupt bit, without which the wait cannot begin with interrupts off.
 */
void sched_idle(void)
{
	for (;;) {
		irq_disable();
		tell_nmis(this_cpu());
		/* Whoever gives this CPU work sets it, and then kicks. */
		if (hint_get(this_cpu()->resched))
			sched_preempt();
		else
			irq_wait();
	}
}

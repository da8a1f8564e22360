/* SPDX-License-Identifier: MIT */
/*
 * A guest's cap: its time flows into a pool as fast as the cap allows, and its threads take leases
 * from it to run. When the pool is empty they are held back until a quantum, what flows in in ten
 * milliseconds, is there again. Who ran longer than his lease leaves a debt: so the long run is
 * exact.
 */
#include "core/alloc.h"
#include "core/runq.h"

enum { PERIOD_NS = 10 * 1000 * 1000, LEASE_MIN_NS = 500 * 1000 };

/* Locks: (g) the group's, below the run queues'; (a) atomic. */
struct sched_group {
	struct lock lock;
	unsigned refs;	   /* (a) its guest, and each of its threads */
	unsigned percent;  /* (g) 0: no cap */
	int64_t pool;	   /* (g) ns; negative: a debt */
	uint64_t filled;   /* (g) until when the pool has had its inflow */
	bool empty;	   /* (g) until the timer comes */
	struct list held;  /* (g) threads that wait for it */
	struct timer more; /* (g) */
};

static int64_t quantum(const struct sched_group *g)
{
	return MAX((int64_t)g->percent * PERIOD_NS / 100, (int64_t)LEASE_MIN_NS);
}

/* Caller holds the lock. What is not used is kept, but for two quanta at most. */
static void fill(struct sched_group *g, uint64_t now)
{
	/* In whole steps of 100 ns, each of `percent` ns: so that nothing is lost by rounding. */
	uint64_t steps = now > g->filled ? (now - g->filled) / 100 : 0;

	g->filled += steps * 100;
	g->pool = MIN(g->pool + (int64_t)(steps * g->percent), 2 * quantum(g));
}

static void release(struct sched_group *g, struct list *held)
{
	g->empty = false;
	list_init(held);
	while (!list_empty(&g->held)) {
		struct list *at = g->held.next;

		list_remove(at);
		list_insert_before(held, at);
	}
}

/* They come back as from a sleep, but for their accounts. */
static void place_all(struct list *held)
{
	while (!list_empty(held)) {
		struct thread *t = container_of(held->next, struct thread, link);
		struct runq *q = runq_lock_of(t);

		list_remove(&t->link);
		runq_account(q, t, time_ns());
		runq_join(t, 0);
		lock_drop(&q->lock);
		sched_place(t);
	}
}

static void more(void *arg)
{
	struct sched_group *g = arg;
	struct list held;

	lock_take(&g->lock);
	fill(g, time_ns());
	release(g, &held);
	lock_drop(&g->lock);
	place_all(&held);
}

struct sched_group *sched_group_create(void)
{
	struct sched_group *g = mem_alloc(sizeof(*g), MEM_THREAD);

	if (!g)
		return NULL;
	g->refs = 1;
	list_init(&g->held);
	timer_init(&g->more, more, g);
	return g;
}

void sched_group_put(struct sched_group *g)
{
	if (!g || __atomic_sub_fetch(&g->refs, 1, __ATOMIC_ACQ_REL))
		return;
	timer_cancel(&g->more);
	mem_free(g);
}

void sched_set_group(struct thread *t, struct sched_group *g)
{
	__atomic_fetch_add(&g->refs, 1, __ATOMIC_RELAXED);
	t->share.group = g;
}

void cap_leave(struct thread *t)
{
	sched_group_put(t->share.group);
	t->share.group = NULL;
}

void sched_group_set_cap(struct sched_group *g, unsigned percent)
{
	uint64_t now = time_ns();
	struct list held;

	lock_take(&g->lock);
	fill(g, now);
	g->filled = now;
	/* A pool that was never used is full. */
	g->pool = g->percent ? g->pool : INT64_MAX;
	hint_set(g->percent, percent);
	g->pool = MIN(g->pool, quantum(g));
	release(g, &held);
	lock_drop(&g->lock);
	place_all(&held);
	for (unsigned i = 0; i < sched.count; i++)
		if (hint_get(sched.q[i].run_group) == g)
			sched_kick(sched.q[i].cpu);
}

/* Caller holds the lock. */
static bool is_empty(struct sched_group *g, uint64_t now)
{
	uint64_t wait;

	if (g->empty)
		return true;
	fill(g, now);
	/* Enough for a lease, but for rounding: less would only make a debt. */
	if (g->pool >= LEASE_MIN_NS - 1000)
		return false;
	g->empty = true;
	wait = (uint64_t)(quantum(g) - g->pool) * 100 / g->percent;
	timer_arm_ns(&g->more, now + wait);
	return true;
}

bool cap_take(struct thread *t, uint64_t now)
{
	struct sched_group *g = t->share.group;
	unsigned threads;
	bool can;

	t->share.leased = t->share.lease_used = 0;
	if (!g || !hint_get(g->percent))
		return true;
	lock_take(&g->lock);
	can = !g->percent || !is_empty(g, now);
	if (can && g->percent) {
		threads = MAX(hint_get(g->refs), 2u) - 1;
		t->share.leased = (uint64_t)MAX(g->pool / (int64_t)threads, (int64_t)LEASE_MIN_NS);
		g->pool -= (int64_t)t->share.leased;
	}
	lock_drop(&g->lock);
	return can;
}

void cap_return(struct thread *t)
{
	struct sched_group *g = t->share.group;

	if (!t->share.leased)
		return;
	lock_take(&g->lock);
	g->pool += (int64_t)t->share.leased - (int64_t)t->share.lease_used;
	lock_drop(&g->lock);
	t->share.leased = 0;
}

bool cap_hold_back(struct thread *t, uint64_t now)
{
	struct sched_group *g = t->share.group;
	bool held;

	if (!g || !hint_get(g->percent))
		return false;
	lock_take(&g->lock);
	held = g->percent && is_empty(g, now);
	if (held)
		list_insert_before(&g->held, &t->link);
	lock_drop(&g->lock);
	return held;
}

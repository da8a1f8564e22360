/* SPDX-License-Identifier: MIT */
/*
 * Inside the scheduler (core/sched*.c, core/thread.c): the run queues.
 *
 * A thread that is READY is in one of four places: in a queue (t->queued), held back in its group's
 * list, on its way out of a CPU (t->on_cpu), or in the hands of whoever moves it. Each thing that
 * a thread goes through takes it from one of these places under the lock of t->cpu's queue, so that
 * nobody else has it.
 */
#ifndef CORE_RUNQ_H
#define CORE_RUNQ_H

#include "core/thread.h"

enum {
	SLICE_MIN_NS = 250 * 1000,
	SLICE_MAX_NS = 10 * 1000 * 1000,
	ROUND_NS = 50 * 1000 * 1000,	/* in which each thread that wants to has run */
	BONUS_NS = 3 * 1000 * 1000,	/* a sleeper is ahead of the others by at most this */
	GRAIN_NS = 200 * 1000,		/* a smaller lead takes no CPU away */
	LAG_SLICES = 16,		/* what a thread that others keep away is owed at most */
	STARVED_NS = 1000 * 1000 * 1000 /* whoever has waited so long is next */
};

/*
 * Locks: (q) the lock, (o) by its own CPU only, (h) hint: written under the lock, read by all.
 */
struct runq {
	struct lock lock;
	struct cpu *cpu;	 /* (c) */
	struct list ready;	 /* (q) by vtime */
	struct thread *holder;	 /* (o) whose registers the CPU has */
	struct thread *leaving;	 /* (o) the thread before, until its context is saved */
	struct timer slice;	 /* (o) */
	bool contested;		 /* (q) somebody has waited since the thread that runs was chosen */
	uint64_t starved_check;	 /* (q) */
	struct thread *favoured; /* (q) somebody yields to it: it is next */
	/* (h) */
	bool waiting;	      /* the list is not empty */
	uint64_t first;	      /* vtime of the first in the list */
	uint64_t weight;      /* of all in the list and of the one that runs */
	unsigned run_weight;  /* of the one that runs; 0: idle */
	unsigned run_divisor; /* its weight, or less where that is more than one CPU's worth */
	uint64_t run_vtime, run_since;
	bool run_given; /* it runs out of turn: let it have its slice */
	struct sched_group *run_group;
} aligned(64);

struct sched {
	struct runq q[CPUS_MAX];
	uint64_t online; /* (a) */
	unsigned count;	 /* (a) the highest CPU's number, plus 1 */
	uint64_t vtime;	 /* (a) the furthest that the least served have come, anywhere */
	/* (w) its own lock, below the queues': the time in which anybody waited for a busy CPU */
	struct lock wait_lock;
	unsigned waiters;
	uint64_t wait_began, wait_total;
};

extern struct sched sched;

#define hint_get(p)    __atomic_load_n(&(p), __ATOMIC_RELAXED)
#define hint_set(p, v) __atomic_store_n(&(p), v, __ATOMIC_RELAXED)

static inline struct runq *runq_of(const struct cpu *c)
{
	return &sched.q[c->id];
}

/* The lock that guards t. It stays t's as long as it is held. */
static inline struct runq *runq_lock_of(struct thread *t)
{
	for (;;) {
		struct cpu *c = __atomic_load_n(&t->cpu, __ATOMIC_RELAXED);
		struct runq *q = runq_of(c);

		lock_take(&q->lock);
		if (c == __atomic_load_n(&t->cpu, __ATOMIC_RELAXED))
			return q;
		lock_drop(&q->lock);
	}
}

/* Virtual times wrap. */
static inline int64_t vtime_ahead(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b);
}

static inline uint64_t vtime_of_ns(uint64_t ns, unsigned weight)
{
	return ns * 1000 / weight;
}

static inline bool is_idle_thread(const struct thread *t)
{
	return t->share.weight == 0;
}

static inline uint64_t cpu_bit(const struct cpu *c)
{
	return 1ull << c->id;
}

static inline bool may_run_on(const struct thread *t, const struct cpu *c)
{
	return t->share.pin & cpu_bit(c);
}

static inline bool is_held_elsewhere(const struct thread *t, const struct cpu *c)
{
	const struct cpu *held = __atomic_load_n(&t->held, __ATOMIC_ACQUIRE);

	return held && held != c;
}

/* core/runq.c. All: the caller holds q's lock. */
void runq_insert(struct runq *q, struct thread *t);
void runq_remove(struct runq *q, struct thread *t);
/* Brings t's times and vtime up to now. */
void runq_account(struct runq *q, struct thread *t, uint64_t now);
/* How long t may run while others wait. */
uint64_t runq_slice(const struct thread *t);
/* The time in which anybody had to wait, until now. */
uint64_t runq_wait_clock(uint64_t now);
/* The CPU is busy from now on. */
void runq_count_waiters(struct runq *q);
/* q's running thread's vtime, as far as can be seen from outside. */
uint64_t runq_run_vtime(const struct runq *q, uint64_t now);
/* A thread that begins to run, or to wait after a sleep, is not far behind, nor far ahead. */
void runq_join(struct thread *t, uint64_t slept_ns);
/* Threads that their pins keep away from the others' CPUs are not owed the difference. */
void runq_lift_pinned(struct runq *q, struct thread *next, struct thread *from);

/* core/sched.c. The caller is on c: its thread goes over to state; who runs next, c->thread. */
struct thread *sched_decide(struct cpu *c, enum thread_state state, bool pass);
/* After the switch, when the thread before has its context saved. True: it is dead; free it. */
bool sched_finish(struct cpu *c);

/* core/sched_place.c. A READY thread that the caller has in his hands goes into a queue. */
void sched_place(struct thread *t);
/* Has c decide again, soon. */
void sched_kick(struct cpu *c);
/* Who waits in q, and another CPU would do for: that one is told. */
void sched_offer(struct runq *q, uint64_t now);

/* core/sched_cap.c. Caller holds the lock of t's queue. */
/* Takes time to run from t's group: false when there is none. */
bool cap_take(struct thread *t, uint64_t now);
/* Gives back what t has not used. */
void cap_return(struct thread *t);
/* Keeps t, if its group has used up its time; its place is given back when there is some. */
bool cap_hold_back(struct thread *t, uint64_t now);
/* t is gone. */
void cap_leave(struct thread *t);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: threads share the CPUs by weight, within their guest's cap, on the CPUs they are
 * pinned to. docs/scheduler.md says how and why.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "core/timer.h"
#include "lib/list.h"
#include "lib/lock.h"

struct cpu;
struct thread;
struct sched_group;

enum { WEIGHT_MIN = 1, WEIGHT_DEFAULT = 100, WEIGHT_MAX = 10000 };
#define PIN_ALL UINT64_MAX

/* Nanoseconds, and counts. */
struct thread_times {
	uint64_t running, ready, blocked;
	uint64_t runs,
		migrations;    /* how often it was given a CPU; another one than the last time */
	uint64_t longest_wait; /* for a CPU, at a time */
	uint64_t cpus;	       /* bit n: it ran on CPU n */
};

/* What the scheduler knows of a thread: in struct thread, under its lock. */
struct sched_share {
	uint64_t vtime;	     /* what it has had, divided by its weight; it wraps */
	uint64_t since;	     /* when times was brought up to date, or its state changed */
	uint64_t wait_clock; /* at `since`: runq_wait_clock() */
	bool waits;	     /* it is counted there */
	uint64_t pin;	     /* bit n: may run on CPU n */
	unsigned weight;
	struct sched_group *group;   /* or NULL */
	uint64_t leased, lease_used; /* of the group's budget: 0 when it has no cap */
	struct thread_times times;
};

/* Turns the caller into c's idle thread and first runner; c takes part from now on. */
void sched_init(struct cpu *c);
_Noreturn void sched_idle(void);

/*
 * In work that takes long, by a thread that holds no lock: lets pending interrupts in, and gives
 * way if another's turn has come.
 */
void sched_breathe(void);
/* Lets others run, whoever's turn it is. */
void sched_yield(void);
/* For this_cpu()->resched: gives way if another's turn has come. */
void sched_preempt(void);
/*
 * Has t, of the same guest, run on this CPU instead of the caller, who takes t's place in the
 * order. False: t is not waiting for a CPU, or may not run here.
 */
bool sched_yield_to(struct thread *t);
/* Whether another thread waits for this CPU. */
bool sched_is_wanted(void);

/* At once, also for a thread that runs. -EINVAL: weight is out of range; pin has no CPU. */
must_check int sched_set_weight(struct thread *t, unsigned weight);
must_check int sched_set_pin(struct thread *t, uint64_t pin);
/* Before t is started: its guest. */
void sched_set_group(struct thread *t, struct sched_group *g);
/* Right also while t runs. */
void thread_times(struct thread *t, struct thread_times *times);

/* What a CPU does at a moment. */
struct sched_view {
	char runs[24];	  /* the name of the thread that runs */
	bool idle;	  /* it is the idle thread */
	unsigned ready;	  /* threads that wait in its queue */
	uint64_t idle_ns; /* for how long it has been idle, ever */
};
void sched_look(struct cpu *c, struct sched_view *view);

/*
 * The threads of a guest, which have one cap: percent of one CPU for all together, 0: none. NULL:
 * no memory. It lives until sched_group_put() and the last of its threads' end.
 */
struct sched_group *sched_group_create(void) must_check;
void sched_group_put(struct sched_group *g);
/* At once. */
void sched_group_set_cap(struct sched_group *g, unsigned percent);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Threads: non-preemptive inside Plinth. A thread gives way where it blocks, yields or asks
 * sched_preempt(). Who runs when and where is core/sched.h's business.
 */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include "arch/x86_64/cpu.h"
#include "core/sched.h"
#include "lib/list.h"
#include "lib/lock.h"

enum thread_state { THREAD_READY, THREAD_RUNNING, THREAD_BLOCKED, THREAD_DEAD };

/*
 * What a thread with registers of its own in a CPU (a vCPU's) lets the scheduler do. Both are
 * called on that CPU, with arg as thread_set_hooks() was given it, and take no lock.
 */
struct thread_hooks {
	/* Puts the registers out into memory: another CPU may be next. */
	void (*spill)(void *arg);
	/* The running thread is to look at this_cpu()->resched before it enters its guest again. */
	void (*attend)(void *arg);
};

/*
 * Locks: (q) the run queue of t->cpu, (o) by its own CPU only, (a) atomic, (c) constant once it
 * has been started.
 */
struct thread {
	uint64_t rsp;	  /* while it does not run */
	struct list link; /* (q) in a run queue; in its group's list when that is held back */
	enum thread_state state; /* (q) */
	bool queued;		 /* (q) it is in the run queue of its cpu */
	bool wake_pending;	 /* (q) woken before it blocked */
	bool on_cpu;		 /* (q) runs, or its registers are not saved yet */
	struct cpu *cpu;	 /* (q) where it runs, ran last, or waits */
	struct cpu *ran_on;	 /* (q) where it ran last */
	struct cpu *held; /* (a) the CPU that has its registers: it runs nowhere else until then */
	struct sched_share share;	  /* (q) */
	void *stack_top;		  /* (c) NULL: an idle thread */
	const struct thread_hooks *hooks; /* (o) */
	void *hooks_arg;		  /* (o) */
	void (*body)(void *arg);	  /* (c) */
	void *arg;			  /* (c) */
	char name[24];
};

/* A thread that thread_wake() starts, or NULL when there is no memory. Its end frees it. */
struct thread *thread_new(const char *name, void (*body)(void *arg), void *arg) must_check;
/* The same, started at once: it may have ended before this returns. */
struct thread *thread_create(const char *name, void (*body)(void *arg), void *arg) must_check;
_Noreturn void thread_exit(void);

/* How many there are, idle threads apart; and waits until there are no more than n, nor a trace. */
unsigned thread_count(void);
void thread_wait_count(unsigned n);

static inline struct thread *thread_self(void)
{
	return this_cpu()->thread;
}

/* Sleeps until thread_wake(), at once when one came since the last thread_block(). */
void thread_block(void);
/* From any context and CPU, interrupts too. */
void thread_wake(struct thread *t);

/* Of the thread that calls; NULL: none (again). */
void thread_set_hooks(const struct thread_hooks *hooks, void *arg);
/*
 * By the thread that calls: this CPU has its registers from now on, and those of the thread that
 * had it before are in memory. thread_unhold(): this CPU has
 * no thread's registers any more.
 */
void thread_hold(void);
void thread_unhold(void);
/*
 * Whether t was running on its CPU when the caller last took the lock under which threads are
 * switched, as thread_wake() does; since then it may have stopped, or begun, to run.
 */
static inline bool thread_is_running(const struct thread *t)
{
	return __atomic_load_n(&t->cpu->thread, __ATOMIC_RELAXED) == t;
}
/* How long t was ready and did not run, until it ran last. */
uint64_t thread_ready_ns(const struct thread *t);

/* Threads that wait for one event. */
struct wait_queue {
	struct lock lock;
	struct list waiters;
};

void wait_init(struct wait_queue *q);
/*
 * Sleeps until condition(arg) holds; it is looked at under the queue's lock, so no wake-up is lost.
 */
void wait_until(struct wait_queue *q, bool (*condition)(void *arg), void *arg);
void wait_wake_all(struct wait_queue *q);
/*
 * The same after change(arg), which makes conditions hold, all under the queue's lock: the last
 * that the caller does with q, which a waiter may free at once.
 */
void wait_post(struct wait_queue *q, void (*change)(void *arg), void *arg);

#endif

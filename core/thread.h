/* SPDX-License-Identifier: MIT */
/*
 * Threads and the scheduler: non-preemptive inside Plinth. A thread gives way where it blocks,
 * yields or asks sched_check(); idle CPUs halt.
 */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include "arch/x86_64/cpu.h"
#include "lib/list.h"
#include "lib/lock.h"

enum thread_state { THREAD_READY, THREAD_RUNNING, THREAD_BLOCKED, THREAD_DEAD };

struct thread {
	uint64_t rsp;	  /* while it does not run */
	struct list link; /* in a ready list or a wait queue */
	enum thread_state state;
	bool wake_pending; /* woken before it blocked */
	void *stack_top;
	struct cpu *cpu;      /* where it runs, or ran last */
	uint64_t ready_since; /* ns, while it is ready */
	uint64_t ready_ns;    /* how long it was, until it ran last */
	char name[24];
};

/* A ready thread on this CPU, or NULL when there is no memory. Its end frees it. */
struct thread *thread_create(const char *name, void (*body)(void *arg), void *arg) must_check;
_Noreturn void thread_exit(void);

static inline struct thread *thread_self(void)
{
	return this_cpu()->thread;
}

/* Sleeps until thread_wake(), at once when one came since the last thread_block(). */
void thread_block(void);
/* From any context, interrupts too. */
void thread_wake(struct thread *t);
/*
 * Whether t was running on its CPU when the caller last took the lock under which threads are
 * switched, as thread_wake() does; since then it may have stopped, or begun, to run.
 */
static inline bool thread_is_running(const struct thread *t)
{
	return __atomic_load_n(&t->cpu->thread, __ATOMIC_RELAXED) == t;
}
/* Lets other ready threads run. */
void sched_yield(void);
/* Whether another thread is ready on this CPU. */
static inline bool sched_is_wanted(void)
{
	return !list_empty(&this_cpu()->ready);
}
/* How long t was ready and did not run, until it ran last. */
uint64_t thread_ready_ns(const struct thread *t);
/* Turns the caller into c's idle thread and first runner. */
void sched_init(struct cpu *c);
_Noreturn void sched_idle(void);

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

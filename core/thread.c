/* SPDX-License-Identifier: MIT */
/*
 * What a thread is: a stack, a context on it, its making and its end, and waiting. The switch has
 * two halves: sched_decide() under the queue's lock, and sched_finish() on the next thread's
 * stack, when the context of the one before is saved. Only then may another CPU have it.
 */
#include "core/thread.h"
#include "arch/x86_64/trap.h"
#include "core/alloc.h"
#include "core/runq.h"
#include "core/space.h"
#include "lib/panic.h"
#include "lib/string.h"

/* entry.S */
void thread_switch(uint64_t *save_rsp, uint64_t load_rsp);
void thread_start(void);

/* Threads that have a stack, and who waits for some of them to lose it. */
static struct {
	struct wait_queue ended;
	unsigned count; /* atomic */
} threads = { .ended = { .waiters = { &threads.ended.waiters, &threads.ended.waiters } } };

static void forget(struct thread *t)
{
	stack_free(t->stack_top);
	mem_free(t);
	__atomic_fetch_sub(&threads.count, 1, __ATOMIC_RELEASE);
	wait_wake_all(&threads.ended);
}

/* On the stack of the thread that runs now. */
static void finish(void)
{
	struct cpu *c = this_cpu();
	struct thread *before = runq_of(c)->leaving;

	if (sched_finish(c))
		forget(before);
}

unsigned thread_count(void)
{
	return __atomic_load_n(&threads.count, __ATOMIC_ACQUIRE);
}

static bool are_few(void *arg)
{
	return thread_count() <= *(const unsigned *)arg;
}

void thread_wait_count(unsigned n)
{
	wait_until(&threads.ended, are_few, &n);
}

/* A thread's first steps. */
static void begin(void *arg)
{
	struct thread *t = arg;

	finish();
	t->body(t->arg);
}

struct thread *thread_new(const char *name, void (*body)(void *arg), void *arg)
{
	struct thread *t = mem_alloc(sizeof(*t), MEM_THREAD);
	uint64_t *sp;

	if (!t)
		return NULL;
	t->stack_top = stack_alloc();
	if (!t->stack_top) {
		mem_free(t);
		return NULL;
	}
	__atomic_fetch_add(&threads.count, 1, __ATOMIC_RELAXED);
	str_copy(t->name, name, sizeof(t->name));
	list_init(&t->link);
	t->body = body;
	t->arg = arg;
	/*
	 * What thread_switch() pops: r15 r14 r13 r12 rbx rbp, then thread_start's address, from the
	 * last slot: so that the body finds the stack aligned as the ABI has it.
	 */
	sp = (uint64_t *)t->stack_top - 1;
	*sp = (uint64_t)thread_start;
	*--sp = 0;
	*--sp = (uint64_t)begin;
	*--sp = (uint64_t)t;
	sp -= 3;
	t->rsp = (uint64_t)sp;
	t->cpu = this_cpu();
	t->state = THREAD_BLOCKED;
	t->share.weight = WEIGHT_DEFAULT;
	t->share.pin = PIN_ALL;
	t->share.since = time_ns();
	t->share.vtime = __atomic_load_n(&sched.vtime, __ATOMIC_RELAXED);
	return t;
}

struct thread *thread_create(const char *name, void (*body)(void *arg), void *arg)
{
	struct thread *t = thread_new(name, body, arg);

	if (t)
		thread_wake(t);
	return t;
}

/* Caller holds the lock of this CPU's queue, which is dropped. */
static void switch_away(struct cpu *c, enum thread_state state, bool pass)
{
	struct thread *from = c->thread, *to = sched_decide(c, state, pass);

	if (to == from)
		return;
	thread_switch(&from->rsp, to->rsp);
	finish();
}

void sched_yield(void)
{
	struct cpu *c = this_cpu();

	lock_take(&runq_of(c)->lock);
	switch_away(c, THREAD_READY, true);
}

void sched_breathe(void)
{
	irq_window();
	if (this_cpu()->resched)
		sched_preempt();
}

void sched_preempt(void)
{
	struct cpu *c = this_cpu();

	lock_take(&runq_of(c)->lock);
	switch_away(c, THREAD_READY, false);
}

void thread_block(void)
{
	struct cpu *c = this_cpu();
	struct thread *t = c->thread;

	lock_take(&runq_of(c)->lock);
	if (t->wake_pending) {
		t->wake_pending = false;
		lock_drop(&runq_of(c)->lock);
		return;
	}
	switch_away(c, THREAD_BLOCKED, false);
}

uint64_t thread_ready_ns(const struct thread *t)
{
	return __atomic_load_n(&t->share.times.ready, __ATOMIC_RELAXED);
}

void thread_exit(void)
{
	struct cpu *c = this_cpu();

	lock_take(&runq_of(c)->lock);
	switch_away(c, THREAD_DEAD, false);
	panic("sched: a dead thread runs");
}

void thread_set_hooks(const struct thread_hooks *hooks, void *arg)
{
	struct thread *t = thread_self();

	t->hooks = hooks;
	t->hooks_arg = arg;
}

void thread_hold(void)
{
	struct cpu *c = this_cpu();
	struct runq *q = runq_of(c);

	if (q->holder && q->holder != c->thread)
		/* Release: who sees it sees the registers in memory. */
		__atomic_store_n(&q->holder->held, NULL, __ATOMIC_RELEASE);
	q->holder = c->thread;
	__atomic_store_n(&c->thread->held, c, __ATOMIC_RELAXED);
}

void thread_unhold(void)
{
	struct cpu *c = this_cpu();
	struct runq *q = runq_of(c);

	/* Release: who sees it sees the registers in memory. */
	if (q->holder)
		__atomic_store_n(&q->holder->held, NULL, __ATOMIC_RELEASE);
	q->holder = NULL;
}

void wait_init(struct wait_queue *q)
{
	*q = (struct wait_queue){ 0 };
	list_init(&q->waiters);
}

struct waiter {
	struct list link;
	struct thread *thread;
};

void wait_until(struct wait_queue *q, bool (*condition)(void *arg), void *arg)
{
	struct waiter w = { .thread = thread_self() };

	list_init(&w.link);
	lock_take(&q->lock);
	while (!condition(arg)) {
		if (list_empty(&w.link))
			list_insert_before(&q->waiters, &w.link);
		lock_drop(&q->lock);
		thread_block();
		lock_take(&q->lock);
	}
	list_remove(&w.link);
	lock_drop(&q->lock);
}

static void nothing(void *arg)
{
	(void)arg;
}

void wait_wake_all(struct wait_queue *q)
{
	wait_post(q, nothing, NULL);
}

void wait_post(struct wait_queue *q, void (*change)(void *arg), void *arg)
{
	lock_take(&q->lock);
	change(arg);
	list_for_each (at, &q->waiters)
		thread_wake(container_of(at, struct waiter, link)->thread);
	lock_drop(&q->lock);
}

/* SPDX-License-Identifier: MIT */
/*
 * Each CPU has a list of ready threads and runs them in turn, a time slice each; the idle thread
 * runs when the list is empty. The list's lock is the scheduler's only one.
 */
#include "core/thread.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/trap.h"
#include "core/alloc.h"
#include "core/space.h"
#include "core/timer.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"

enum { SLICE_NS = 10 * 1000 * 1000 };

static struct {
	struct lock lock; /* states, ready lists, wake_pending */
	struct thread
		*dead[CPUS_MAX]; /* by CPU: its stack may be freed once another thread runs there */
	struct timer slice[CPUS_MAX];
} sched;

/* entry.S */
void thread_switch(uint64_t *save_rsp, uint64_t load_rsp);
void thread_start(void);

static void slice_end(void *arg)
{
	struct cpu *c = arg;

	c->resched = true;
}

void sched_init(struct cpu *c)
{
	struct thread *t = mem_alloc(sizeof(*t), MEM_THREAD);

	if (!t)
		panic("sched: no memory for CPU %u's idle thread", c->id);
	list_init(&c->ready);
	list_init(&t->link);
	str_copy(t->name, "idle", sizeof(t->name));
	t->state = THREAD_RUNNING;
	t->cpu = c;
	c->thread = c->idle = t;
	timer_init(&sched.slice[c->id], slice_end, c);
}

struct thread *thread_create(const char *name, void (*body)(void *arg), void *arg)
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
	str_copy(t->name, name, sizeof(t->name));
	list_init(&t->link);
	/*
	 * What thread_switch() pops: r15 r14 r13 r12 rbx rbp, then thread_start's address, from the
	 * last slot: so that the body finds the stack aligned as the ABI has it.
	 */
	sp = (uint64_t *)t->stack_top - 1;
	*sp = (uint64_t)thread_start;
	*--sp = 0;
	*--sp = (uint64_t)body;
	*--sp = (uint64_t)arg;
	sp -= 3;
	t->rsp = (uint64_t)sp;
	t->cpu = this_cpu();
	t->state = THREAD_BLOCKED;
	thread_wake(t);
	return t;
}

/* Frees the thread that has ended on this CPU, if any; the caller runs on another stack. */
static void bury(void)
{
	struct thread **dead = &sched.dead[this_cpu()->id], *t = *dead;

	if (!t)
		return;
	*dead = NULL;
	stack_free(t->stack_top);
	mem_free(t);
}

/* Picks the next thread and switches to it. Caller holds the lock, which is dropped. */
static void switch_away(struct cpu *c)
{
	struct thread *from = c->thread, *to = c->idle;

	if (!list_empty(&c->ready)) {
		to = container_of(c->ready.next, struct thread, link);
		list_remove(&to->link);
	}
	c->resched = false;
	/* A slice only matters when somebody waits for its end. */
	if (!list_empty(&c->ready))
		timer_arm_ns(&sched.slice[c->id], time_ns() + SLICE_NS);
	if (to->state == THREAD_READY && to != c->idle)
		to->ready_ns += time_ns() - to->ready_since;
	to->state = THREAD_RUNNING;
	c->thread = to;
	lock_drop(&sched.lock);
	if (to != from)
		thread_switch(&from->rsp, to->rsp);
	bury();
}

void sched_yield(void)
{
	struct cpu *c = this_cpu();

	lock_take(&sched.lock);
	if (c->thread != c->idle) {
		c->thread->state = THREAD_READY;
		c->thread->ready_since = time_ns();
		list_insert_before(&c->ready, &c->thread->link);
	}
	switch_away(c);
}

void thread_block(void)
{
	struct cpu *c = this_cpu();
	struct thread *t = c->thread;

	lock_take(&sched.lock);
	if (t->wake_pending) {
		t->wake_pending = false;
		lock_drop(&sched.lock);
		return;
	}
	t->state = THREAD_BLOCKED;
	switch_away(c);
}

void thread_wake(struct thread *t)
{
	lock_take(&sched.lock);
	if (t->state == THREAD_BLOCKED) {
		t->state = THREAD_READY;
		t->ready_since = time_ns();
		list_insert_before(&t->cpu->ready, &t->link);
		t->cpu->resched = true;
	} else {
		t->wake_pending = true;
	}
	lock_drop(&sched.lock);
}

uint64_t thread_ready_ns(const struct thread *t)
{
	return __atomic_load_n(&t->ready_ns, __ATOMIC_RELAXED);
}

void thread_exit(void)
{
	struct cpu *c = this_cpu();

	/* The one before us is still there if we have never come back from a switch. */
	bury();
	lock_take(&sched.lock);
	c->thread->state = THREAD_DEAD;
	sched.dead[c->id] = c->thread;
	switch_away(c);
	panic("sched: a dead thread runs");
}

static void tell_nmis(struct cpu *c)
{
	uint64_t n = __atomic_load_n(&c->nmis, __ATOMIC_RELAXED);

	if (n == c->nmis_told)
		return;
	c->nmis_told = n;
	log_warn("cpu%u: an NMI that nobody asked for (%lu so far)", c->id, n);
}

void sched_idle(void)
{
	for (;;) {
		irq_disable();
		tell_nmis(this_cpu());
		if (list_empty(&this_cpu()->ready))
			irq_wait();
		else
			sched_yield();
	}
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

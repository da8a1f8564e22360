/* SPDX-License-Identifier: MIT */
/* sources: core/thread.c core/sched.c core/sched_place.c core/sched_cap.c core/runq.c core/alloc.c arch/x86_64/entry.S lib/str.c tests/fake/pages.c tests/fake/timer.c tests/fake/cpu.c tests/fake/panic.c tests/fake/log.c */
/* libs: -no-pie -Wl,-z,noexecstack */
/*
 * Threads for real, with the machine's own switch, on stacks from the heap: the test is the idle
 * thread. Who runs when is written down, a letter a step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/trap.h"
#include "core/irq.h"
#include "core/runq.h"
#include "core/space.h"
#include "core/thread.h"
#include "tests/fake/cpu.h"
#include "tests/fake/pages.h"
#include "tests/fake/timer.h"

/* entry.S knows them. */
void trap_handle(struct trap_frame *f)
{
	(void)f;
	fail();
}

enum { STACK = 256 * 1024 };

static unsigned stacks;
static bool no_stacks;

void *stack_alloc(void)
{
	uint8_t *base = no_stacks ? NULL : aligned_alloc(16, STACK);

	if (!base)
		return NULL;
	stacks++;
	return base + STACK;
}

void stack_free(void *top)
{
	stacks--;
	free((uint8_t *)top - STACK);
}

/* There is only one CPU. */
void irq_kick(struct cpu *c)
{
	(void)c;
	fail();
}

static struct cpu cpu;
static char steps[200];

static void step(char c)
{
	size_t n = strlen(steps);

	assert_true(n + 1 < sizeof(steps));
	steps[n] = c;
}

static int setup(void **state)
{
	(void)state;
	if (!cpu.idle) {
		fake_cpu_use(&cpu);
		sched_init(&cpu);
	}
	memset(steps, 0, sizeof(steps));
	no_stacks = false;
	return 0;
}

/* As the idle loop does: until nobody is ready. */
static void run_all(void)
{
	while (runq_of(&cpu)->waiting)
		sched_yield();
	assert_ptr_equal(cpu.thread, cpu.idle);
}

static void three_steps(void *arg)
{
	const char *name = arg;

	for (unsigned i = 0; i < 3; i++) {
		assert_string_equal(thread_self()->name, name);
		assert_int_equal(thread_self()->state, THREAD_RUNNING);
		step(*name);
		sched_yield();
	}
}

static void one_step(void *arg)
{
	step(*(const char *)arg);
}

static void they_take_turns(void **state)
{
	(void)state;
	assert_non_null(thread_create("a", three_steps, "a"));
	assert_non_null(thread_create("b", three_steps, "b"));
	assert_non_null(thread_create("c", three_steps, "c"));
	/* None has run yet, and the CPU knows that it is to give way. */
	assert_string_equal(steps, "");
	assert_true(cpu.resched);
	run_all();
	assert_string_equal(steps, "abcabcabc");
	assert_int_equal(stacks, 0);
}

/* What a thread had goes back, also where several end one after the other. */
static void the_dead_are_buried(void **state)
{
	struct thread *idle = cpu.idle;

	(void)state;
	for (unsigned turn = 0; turn < 3; turn++) {
		for (unsigned i = 0; i < 20; i++)
			assert_non_null(thread_create("x", one_step, "x"));
		assert_int_equal(stacks, 20);
		run_all();
		assert_int_equal(strlen(steps), 20);
		memset(steps, 0, sizeof(steps));
		assert_int_equal(stacks, 0);
	}
	/* A page of small objects for the idle thread is all there is. */
	assert_int_equal(fake_pages_used(MEM_THREAD), 1);
	assert_ptr_equal(cpu.idle, idle);
}

static void no_memory(void **state)
{
	(void)state;
	no_stacks = true;
	for (unsigned i = 0; i < 100; i++)
		assert_null(thread_create("x", one_step, "x"));
	/* Each struct has been given back: they would be more than a page. */
	assert_int_equal(fake_pages_used(MEM_THREAD), 1);
	run_all();
	assert_string_equal(steps, "");
}

static void names_are_cut(void **state)
{
	struct thread *t = thread_create("a name that is longer than there is room", one_step, "x");

	(void)state;
	assert_non_null(t);
	assert_string_equal(t->name, "a name that is longer t");
	run_all();
}

static void block_twice(void *arg)
{
	(void)arg;
	step('1');
	thread_block();
	step('2');
	thread_block();
	step('3');
}

static void blocked_until_woken(void **state)
{
	struct thread *t = thread_create("t", block_twice, NULL);

	(void)state;
	run_all();
	assert_string_equal(steps, "1");
	assert_int_equal(t->state, THREAD_BLOCKED);
	run_all();
	assert_string_equal(steps, "1");
	cpu.resched = false;
	thread_wake(t);
	assert_int_equal(t->state, THREAD_READY);
	assert_true(cpu.resched);
	/* A second one while it is ready counts for the next block. */
	thread_wake(t);
	thread_wake(t);
	run_all();
	assert_string_equal(steps, "123");
	assert_int_equal(stacks, 0);
}

static void wake_self_then_block(void *arg)
{
	(void)arg;
	thread_wake(thread_self());
	thread_wake(thread_self());
	step('1');
	thread_block();
	/* Both were one. */
	step('2');
	thread_block();
	step('3');
}

static void a_wake_up_is_not_lost(void **state)
{
	struct thread *t = thread_create("t", wake_self_then_block, NULL);

	(void)state;
	run_all();
	assert_string_equal(steps, "12");
	assert_int_equal(t->state, THREAD_BLOCKED);
	thread_wake(t);
	run_all();
	assert_string_equal(steps, "123");
}

struct shared {
	struct wait_queue q;
	unsigned value, wanted, looked;
};

static bool is_reached(void *arg)
{
	struct shared *s = arg;

	assert_true(lock_held(&s->q.lock));
	s->looked++;
	return s->value >= s->wanted;
}

static void waiter(void *arg)
{
	struct shared *s = arg;

	step('w');
	wait_until(&s->q, is_reached, s);
	assert_false(lock_held(&s->q.lock));
	step('!');
}

static void waiting_for_a_condition(void **state)
{
	struct shared s = { .wanted = 2 };

	(void)state;
	wait_init(&s.q);
	for (unsigned i = 0; i < 3; i++)
		assert_non_null(thread_create("w", waiter, &s));
	run_all();
	assert_string_equal(steps, "www");
	assert_int_equal(s.looked, 3);
	/* Woken, but it does not hold yet: they sleep again, each once in the queue. */
	s.value = 1;
	wait_wake_all(&s.q);
	wait_wake_all(&s.q);
	run_all();
	assert_string_equal(steps, "www");
	s.value = 2;
	run_all();
	assert_string_equal(steps, "www");
	wait_wake_all(&s.q);
	run_all();
	assert_string_equal(steps, "www!!!");
	assert_true(list_empty(&s.q.waiters));
	/* What holds already is not waited for. */
	assert_non_null(thread_create("w", waiter, &s));
	run_all();
	assert_string_equal(steps, "www!!!w!");
	assert_int_equal(stacks, 0);
}

static void spin(void *arg)
{
	for (unsigned i = 0; i < 30; i++) {
		step(*(const char *)arg);
		fake_time_advance(1000000);
		if (cpu.resched)
			sched_yield();
	}
}

/* 10 ms each, when another waits; nobody is disturbed when alone. */
static void slices(void **state)
{
	(void)state;
	assert_non_null(thread_create("a", spin, "a"));
	assert_non_null(thread_create("b", spin, "b"));
	run_all();
	assert_string_equal(steps, "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbb");
	memset(steps, 0, sizeof(steps));
	/* The last slice's end has nobody to tell any more. */
	fake_time_advance(20000000);
	unsigned before = fake_timers_fired();

	assert_non_null(thread_create("a", spin, "a"));
	run_all();
	assert_int_equal(strlen(steps), 30);
	assert_int_equal(fake_timers_fired(), before);
}

static struct thread *measured;

static void look(void *arg)
{
	*(uint64_t *)arg = thread_ready_ns(measured);
}

/* What the others took while it could have run. */
static void ready_times(void **state)
{
	uint64_t a = 0, b = 0;

	(void)state;
	measured = thread_create("a", spin, "a");
	assert_non_null(measured);
	assert_non_null(thread_create("b", spin, "b"));
	fake_time_advance(500);
	/* It looks when a and b have had a slice each: that is no time that a waited for. */
	assert_non_null(thread_create("c", look, &a));
	run_all();
	assert_int_equal(a, 500);
	measured = thread_self();
	look(&b);
	assert_int_equal(b, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(they_take_turns, setup),
		cmocka_unit_test_setup(the_dead_are_buried, setup),
		cmocka_unit_test_setup(no_memory, setup),
		cmocka_unit_test_setup(names_are_cut, setup),
		cmocka_unit_test_setup(blocked_until_woken, setup),
		cmocka_unit_test_setup(a_wake_up_is_not_lost, setup),
		cmocka_unit_test_setup(waiting_for_a_condition, setup),
		cmocka_unit_test_setup(slices, setup),
		cmocka_unit_test_setup(ready_times, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: core/sched.c core/sched_place.c core/sched_cap.c core/runq.c core/alloc.c lib/str.c tests/fake/simulate.c tests/fake/pages.c tests/fake/timer.c tests/fake/cpu.c tests/fake/panic.c tests/fake/log.c */
/*
 * Beside the plain shares (test_sched.c): caps, pins, changes under way, sleepers, how long one
 * waits, the accounts, directed yields, and registers that are still in a CPU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/errno.h"
#include "tests/fake/cpu.h"
#include "tests/fake/pages.h"
#include "tests/fake/simulate.h"
#include "tests/fake/timer.h"

/* sched.c's idle loop is not run. */
void sched_preempt(void)
{
	fail();
}

static int teardown(void **state)
{
	(void)state;
	sim_end();
	return 0;
}

/* What s got of the time since the last sim_clear(), within 2 %. */
static void assert_got(const struct sim_thread *s, double share, uint64_t ns)
{
	double want = share * (double)ns, off = (double)s->got - want;

	if (off > want * 0.02 || off < -want * 0.02)
		fail_msg("thread %d: %.2f ms, %.2f would be right (%+.2f %%)",
			 (int)(s - sim.threads), (double)s->got / 1e6, want / 1e6,
			 off / want * 100);
}

static void settle(void)
{
	sim_run(300 * MS);
	sim_clear();
}

static void check_cap(unsigned percent, unsigned threads, unsigned others)
{
	struct sched_group *g = sched_group_create();
	/* It overruns its lease by some of the simulation's steps. */
	uint64_t got = 0, stall = (percent < 5 ? 50 * MS / percent : 10 * MS) + 40 * MS / percent;
	double want = percent / 100.0 * 10e9;

	assert_non_null(g);
	sched_group_set_cap(g, percent);
	for (unsigned i = 0; i < threads; i++)
		(void)sim_add(100, PIN_ALL, g);
	for (unsigned i = 0; i < others; i++)
		(void)sim_add(100, PIN_ALL, NULL);
	settle();
	sim_run(10 * SECOND);
	for (unsigned i = 0; i < threads; i++)
		got += sim.threads[i].got;
	if ((double)got > want * 1.02 || (double)got < want * 0.98)
		fail_msg("cap %u, %u threads, %u others: %.2f ms", percent, threads, others,
			 (double)got / 1e6);
	if (threads == 1 && !others && sim.threads[0].wait_most > stall)
		fail_msg("cap %u: a stall of %.2f ms", percent,
			 (double)sim.threads[0].wait_most / 1e6);
	/* All others share the rest, if there are enough of them to use it at any time. */
	for (unsigned i = threads; others >= sim.cpus && i < threads + others; i++)
		assert_got(&sim.threads[i], MIN(1.0, (sim.cpus - percent / 100.0) / others),
			   10 * SECOND);
	sim_end();
	for (unsigned i = 0; i < threads; i++)
		cap_leave(&sim.threads[i].t);
	sched_group_put(g);
}

static void caps(void **state)
{
	static const struct {
		unsigned cpus, percent, threads, others;
	} cases[] = { { 1, 10, 1, 0 }, { 1, 1, 1, 0 },	 { 1, 30, 1, 2 },  { 2, 50, 1, 1 },
		      { 2, 50, 4, 0 }, { 2, 150, 2, 0 }, { 4, 150, 4, 3 }, { 2, 100, 2, 2 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		sim_start(cases[i].cpus);
		check_cap(cases[i].percent, cases[i].threads, cases[i].others);
	}
}

/* Set, raised and taken away while its threads run or are held back. */
static void a_cap_changes_at_once(void **state)
{
	struct sched_group *g = sched_group_create();
	struct sim_thread *s;

	(void)state;
	assert_non_null(g);
	sim_start(1);
	s = sim_add(100, PIN_ALL, g);
	settle();
	sim_run(SECOND);
	assert_got(s, 1, SECOND);
	sched_group_set_cap(g, 20);
	sim_clear();
	sim_run(SECOND);
	assert_got(s, 0.2, SECOND);
	sched_group_set_cap(g, 60);
	sim_clear();
	sim_run(SECOND);
	assert_got(s, 0.6, SECOND);
	sched_group_set_cap(g, 0);
	sim_clear();
	sim_run(SECOND);
	assert_got(s, 1, SECOND);
	sim_end();
	cap_leave(&s->t);
	sched_group_put(g);
}

static void pinned_ones_stay(void **state)
{
	struct sim_thread *pinned[3], *free_ones[2];

	(void)state;
	sim_start(2);
	for (unsigned i = 0; i < 3; i++)
		pinned[i] = sim_add(100 << i, 1, NULL);
	for (unsigned i = 0; i < 2; i++)
		free_ones[i] = sim_add(300, PIN_ALL, NULL);
	settle();
	sim_run(10 * SECOND);
	/* 1300 on two CPUs: 650 each; the pinned ones ask for 700, and get CPU 0 for themselves. */
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pinned[i]->ran_on, 1);
		assert_got(pinned[i], (double)(100 << i) / 700, 10 * SECOND);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_got(free_ones[i], 0.5, 10 * SECOND);
	/* At once, also for one that runs; and there are no old debts. */
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(sched_set_pin(&pinned[i]->t, PIN_ALL), 0);
	sim_run(500 * MS);
	sim_clear();
	sim_run(10 * SECOND);
	for (unsigned i = 0; i < 3; i++)
		assert_got(pinned[i], (double)(100 << i) / 1300 * 2, 10 * SECOND);
	for (unsigned i = 0; i < 2; i++)
		assert_got(free_ones[i], 300.0 / 1300 * 2, 10 * SECOND);
	assert_int_equal(sched_set_pin(&pinned[0]->t, 4), -EINVAL);
}

static void a_pin_changes_at_once(void **state)
{
	struct sim_thread *s;

	(void)state;
	sim_start(4);
	s = sim_add(100, PIN_ALL, NULL);
	for (unsigned i = 0; i < 9; i++)
		(void)sim_add(100, PIN_ALL, NULL);
	srand(3);
	for (unsigned turn = 0; turn < 300; turn++) {
		uint64_t pin = 1 + (uint64_t)rand() % 15;

		sim_run((uint64_t)rand() % 20 * MS);
		assert_int_equal(sched_set_pin(&s->t, pin), 0);
		sim_clear();
		sim_run(60 * MS);
		/* One step, in which it is interrupted. */
		assert_int_equal(s->ran_on & ~pin, 0);
		assert_true(s->got > 0);
	}
}

static void a_weight_changes_at_once(void **state)
{
	struct sim_thread *a, *b;

	(void)state;
	sim_start(1);
	a = sim_add(100, PIN_ALL, NULL);
	b = sim_add(100, PIN_ALL, NULL);
	settle();
	for (unsigned turn = 0; turn < 4; turn++) {
		unsigned w = turn % 2 ? 100 : 300;

		assert_int_equal(sched_set_weight(&a->t, w), 0);
		sim_run(100 * MS);
		sim_clear();
		sim_run(4 * SECOND);
		assert_got(a, w / (w + 100.0), 4 * SECOND);
		assert_got(b, 100 / (w + 100.0), 4 * SECOND);
	}
	assert_int_equal(sched_set_weight(&a->t, 0), -EINVAL);
	assert_int_equal(sched_set_weight(&a->t, 10001), -EINVAL);
}

/* Equal weights: a round is 50 ms. With the least weight beside the greatest: a second. */
static void nobody_waits_for_long(void **state)
{
	struct sim_thread *least;

	(void)state;
	sim_start(2);
	for (unsigned i = 0; i < 64; i++)
		(void)sim_add(100, PIN_ALL, NULL);
	settle();
	sim_run(3 * SECOND);
	for (unsigned i = 0; i < 64; i++)
		assert_true(sim.threads[i].wait_most <= 60 * MS);
	sim_end();
	sim_start(2);
	least = sim_add(1, PIN_ALL, NULL);
	for (unsigned i = 0; i < 63; i++)
		(void)sim_add(10000, PIN_ALL, NULL);
	settle();
	sim_run(6 * SECOND);
	if (least->wait_most > 1300 * MS)
		fail_msg("a wait of %.2f ms", (double)least->wait_most / 1e6);
	assert_true(least->got >= 4 * SLICE_MIN_NS / 2);
}

/* Who wakes up goes first, and gains nothing by it. */
static void sleepers(void **state)
{
	struct sim_thread *light, *busy, *nap;

	(void)state;
	sim_start(2);
	for (unsigned i = 0; i < 62; i++)
		(void)sim_add(100, PIN_ALL, NULL);
	light = sim_add_sleeper(100, 125000, 20 * MS);
	settle();
	sim_run(5 * SECOND);
	assert_true(light->wakes > 200);
	assert_true(light->wake_wait_most <= 1 * MS);
	sim_end();

	sim_start(1);
	busy = sim_add(100, PIN_ALL, NULL);
	nap = sim_add_sleeper(100, 5 * MS, 125000);
	settle();
	sim_run(10 * SECOND);
	/* It wants nearly all, and gets its half. */
	assert_in_range(nap->got, 4800 * MS, 5100 * MS);
	assert_in_range(busy->got, 4900 * MS, 5200 * MS);
}

static void accounts(void **state)
{
	struct sim_thread *s[4];
	uint64_t start;

	(void)state;
	sim_start(2);
	start = time_ns();
	for (unsigned i = 0; i < 3; i++)
		s[i] = sim_add(100, PIN_ALL, NULL);
	s[3] = sim_add_sleeper(100, 1 * MS, 9 * MS);
	for (unsigned turn = 0; turn < 7; turn++) {
		sim_run(333 * MS);
		for (unsigned i = 0; i < 4; i++) {
			struct thread_times t;

			thread_times(&s[i]->t, &t);
			assert_int_equal(t.running + t.ready + t.blocked, time_ns() - start);
			assert_in_range(t.running, s[i]->got, s[i]->got + 1);
			assert_true(i == 3 ? t.blocked > 10 * t.ready : t.ready > 0 && !t.blocked);
			assert_true(t.runs > 0 && t.migrations < t.runs);
		}
	}
}

/* Nothing runs, nothing is due: no decisions, no timer. One alone is not disturbed either. */
static void quiet_when_idle(void **state)
{
	struct sim_thread *s;

	(void)state;
	sim_start(2);
	sim_run(SECOND);
	assert_int_equal(sim.decisions, 0);
	s = sim_add(100, PIN_ALL, NULL);
	sim_run(10 * MS);
	sim_clear();
	sim_run(SECOND);
	assert_int_equal(sim.decisions, 0);
	assert_int_equal(fake_timers_armed(), 0);
	assert_int_equal(s->got, SECOND);
	sim_leave(s, THREAD_BLOCKED);
	sim_run(SECOND);
	assert_int_equal(sim.decisions, 1);
}

static void directed_yields(void **state)
{
	struct sim_thread *s[6], *runs, *waits = NULL;

	(void)state;
	sim_start(1);
	for (unsigned i = 0; i < 6; i++)
		s[i] = sim_add(100, PIN_ALL, NULL);
	settle();
	for (unsigned turn = 0; turn < 2000; turn++) {
		sim_run(500000);
		runs = container_of(sim.cpu[0].thread, struct sim_thread, t);
		assert_false(sched_yield_to(&runs->t));
		waits = runs == s[turn % 5] ? s[5] : s[turn % 5];
		assert_true(sched_yield_to(&waits->t));
		assert_ptr_equal(sim.cpu[0].thread, &waits->t);
	}
	/* It is others' time that is given, not more: in the long run each has what is his. */
	sim_run(SECOND);
	sim_clear();
	sim_run(10 * SECOND);
	for (unsigned i = 0; i < 6; i++)
		assert_got(s[i], 1 / 6.0, 10 * SECOND);
}

static unsigned spills, attends;

static void spill(void *arg)
{
	struct sim_thread *s = arg;

	/* On the CPU that has them, and before anybody else can have the thread. */
	assert_ptr_equal(s->t.held, this_cpu());
	assert_ptr_equal(s->t.cpu, this_cpu());
	spills++;
}

static void attend(void *arg)
{
	assert_ptr_equal(this_cpu()->thread, &((struct sim_thread *)arg)->t);
	attends++;
}

/* As thread_hold() does for the one that runs there. */
static void hold(struct sim_thread *s)
{
	static const struct thread_hooks hooks = { .spill = spill, .attend = attend };

	assert_int_equal(s->t.state, THREAD_RUNNING);
	s->t.hooks = &hooks;
	s->t.hooks_arg = s;
	s->t.held = s->t.cpu;
	runq_of(s->t.cpu)->holder = &s->t;
}

static void registers_stay_until_needed(void **state)
{
	struct sim_thread *v, *other;
	struct cpu *c;

	(void)state;
	sim_start(2);
	spills = attends = 0;
	v = sim_add(100, PIN_ALL, NULL);
	sim_run(MS);
	hold(v);
	c = v->t.cpu;
	/* Halts and wakes, alone: for nothing. */
	for (unsigned i = 0; i < 5; i++) {
		sim_leave(v, THREAD_BLOCKED);
		sim_run(MS);
		fake_cpu_use(&sim.cpu[!c->id]);
		thread_wake(&v->t);
		sim_run(MS);
		assert_int_equal(v->t.state, THREAD_RUNNING);
		assert_ptr_equal(v->t.cpu, c);
	}
	assert_int_equal(spills, 0);
	/* Blocked, and its CPU taken by one that has more right to it: out, and to the other CPU.
	 */
	sim_leave(v, THREAD_BLOCKED);
	other = sim_add(10000, cpu_bit(c), NULL);
	sim_run(20 * MS);
	assert_ptr_equal(other->t.cpu, c);
	assert_int_equal(spills, 0);
	v->t.share.vtime = sched.vtime + vtime_of_ns(SECOND, 100);
	assert_int_equal(sched_set_pin(&v->t, PIN_ALL & ~cpu_bit(c)), 0);
	v->ran_on = 0;
	thread_wake(&v->t);
	sim_run(2 * MS);
	assert_int_equal(spills, 1);
	assert_null(v->t.held);
	assert_int_equal(v->t.state, THREAD_RUNNING);
	assert_int_equal(v->ran_on, cpu_bit(&sim.cpu[!c->id]));
}

/* Switched away from while ready: out at once, so that others may take it. */
static void registers_go_out_with_a_ready_thread(void **state)
{
	struct sim_thread *v;

	(void)state;
	sim_start(1);
	spills = attends = 0;
	v = sim_add(100, PIN_ALL, NULL);
	sim_run(MS);
	hold(v);
	(void)sim_add(100, PIN_ALL, NULL);
	/* Somebody waits now: it is told to look. */
	assert_int_equal(attends, 1);
	sim_run(50 * MS);
	assert_int_equal(spills, 1);
	assert_null(v->t.held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(caps),
		cmocka_unit_test(a_cap_changes_at_once),
		cmocka_unit_test_teardown(pinned_ones_stay, teardown),
		cmocka_unit_test_teardown(a_pin_changes_at_once, teardown),
		cmocka_unit_test_teardown(a_weight_changes_at_once, teardown),
		cmocka_unit_test_teardown(nobody_waits_for_long, teardown),
		cmocka_unit_test_teardown(sleepers, teardown),
		cmocka_unit_test_teardown(accounts, teardown),
		cmocka_unit_test_teardown(quiet_when_idle, teardown),
		cmocka_unit_test_teardown(directed_yields, teardown),
		cmocka_unit_test_teardown(registers_stay_until_needed, teardown),
		cmocka_unit_test_teardown(registers_go_out_with_a_ready_thread, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: core/sched.c core/sched_place.c core/sched_cap.c core/runq.c core/alloc.c lib/str.c tests/fake/simulate.c tests/fake/pages.c tests/fake/timer.c tests/fake/cpu.c tests/fake/panic.c tests/fake/log.c */
/*
 * The policy: the real scheduler on up to eight fake CPUs. What each thread should get is computed
 * here by itself, as water finds its level.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/fake/cpu.h"
#include "tests/fake/simulate.h"
#include "tests/fake/timer.h"

/* sched.c's idle loop is not run. */
void thread_set_hooks(const struct thread_hooks *hooks, void *arg);
void sched_preempt(void)
{
	fail();
}

/* Parts in a billion of one CPU, for threads that may run everywhere. */
static void fair_shares(unsigned n, const unsigned *weights, unsigned cpus, double *share)
{
	bool full[SIM_THREADS] = { false };

	for (;;) {
		double left = cpus, weight = 0;
		bool again = false;

		for (unsigned i = 0; i < n; i++) {
			left -= full[i];
			weight += full[i] ? 0 : weights[i];
		}
		for (unsigned i = 0; i < n; i++) {
			share[i] = full[i] ? 1 : left * weights[i] / weight;
			if (!full[i] && share[i] > 1)
				full[i] = again = true;
		}
		if (!again)
			return;
	}
}

/* Within 2 %, or a slice where that is more. */
static void assert_share(const struct sim_thread *s, double share, uint64_t ns)
{
	double want = share * (double)ns, off = (double)s->got - want;
	double allowed = MAX(want * 0.02, (double)SLICE_MIN_NS);

	if (off > allowed || off < -allowed)
		fail_msg("thread %d, weight %u: %.2f ms, %.2f would be right (%+.2f %%)",
			 (int)(s - sim.threads), s->t.share.weight, (double)s->got / 1e6,
			 want / 1e6, off / want * 100);
}

static void check_mix(unsigned cpus, unsigned n, const unsigned *weights)
{
	double share[SIM_THREADS];

	sim_start(cpus);
	for (unsigned i = 0; i < n; i++)
		(void)sim_add(weights[i], PIN_ALL, NULL);
	fair_shares(n, weights, cpus, share);
	sim_run(200 * MS);
	sim_clear();
	sim_run(10 * SECOND);
	for (unsigned i = 0; i < n; i++)
		assert_share(&sim.threads[i], share[i], 10 * SECOND);
	sim_end();
}

#define check(cpus, ...)                                     \
	do {                                                 \
		static const unsigned w[] = { __VA_ARGS__ }; \
		check_mix(cpus, ARRAY_SIZE(w), w);           \
	} while (0)

static void shares_by_weight(void **state)
{
	(void)state;
	check(1, 100, 100);
	check(1, 100, 200, 700);
	check(2, 100, 100, 100);
	check(2, 100, 200, 400);
	check(2, 100, 100, 100, 100, 100);
	check(4, 100, 100, 100, 100, 100, 100, 100);
	check(4, 10000, 5000, 100, 100, 50, 300, 1000);
	check(2, 10000, 100, 100, 100);
	check(3, 300, 200, 100, 100);
	check(2, 1, 1, 1);
	check(2, 10000, 10000, 10000);
	check(8, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1100);
}

static void no_more_than_cpus(void **state)
{
	(void)state;
	check(4, 1);
	check(2, 1, 10000);
	check(4, 100, 200, 300, 400);
}

static void sixty_four_on_two(void **state)
{
	unsigned w[64];

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		w[i] = 100;
	check_mix(2, 64, w);
	for (unsigned i = 0; i < 64; i++)
		w[i] = 50 + 50 * (i % 4);
	check_mix(2, 64, w);
}

static void random_mixes(void **state)
{
	(void)state;
	srand(7);
	for (unsigned turn = 0; turn < 12; turn++) {
		unsigned cpus = 1 + (unsigned)rand() % SIM_CPUS, n = 1 + (unsigned)rand() % 40,
			 w[40];

		for (unsigned i = 0; i < n; i++)
			w[i] = 50u << (unsigned)rand() % 5;

		check_mix(cpus, n, w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_by_weight),
		cmocka_unit_test(no_more_than_cpus),
		cmocka_unit_test(sixty_four_on_two),
		cmocka_unit_test(random_mixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

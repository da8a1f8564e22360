/* SPDX-License-Identifier: MIT */
/* sources: tests/fake/cpu.c tests/fake/panic.c tests/fake/log.c arch/x86_64/tsc.c arch/x86_64/features.c lib/string.c lib/str.c */
/*
 * Timers and their one hardware timer: fired in order of time, never early, cancelled for good; and
 * the LAPIC is set only where it has to be. TSC and LAPIC are the test's.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

/* The rest of asm.h is wanted, this one not. */
#define rdtsc host_rdtsc
#include "arch/x86_64/asm.h"
#undef rdtsc

static uint64_t tsc;

static uint64_t rdtsc(void)
{
	return __atomic_load_n(&tsc, __ATOMIC_SEQ_CST);
}

/* The name is libc's, too. */
#define clock plinth_clock
#include "core/timer.c"

static uint64_t delayed;

void delay_note(const struct cpu *c, uint64_t ticks)
{
	(void)c;
	delayed = ticks > delayed ? ticks : delayed;
}
#include "tests/fake/cpu.h"

static struct {
	struct cpu cpus[2];
	void (*tick)(void *arg);
	uint64_t armed; /* the LAPIC's deadline; 0: none */
	unsigned arms;	/* how often it was set */
} m;

void lapic_timer_arm_tsc(uint64_t deadline)
{
	m.armed = deadline;
	m.arms++;
}

void irq_vector_set(unsigned vector, const char *name, void (*handler)(void *arg), void *arg)
{
	(void)name;
	assert_int_equal(vector, IRQ_VECTOR_TIMER);
	assert_null(arg);
	m.tick = handler;
}

enum { TIMERS = 40, START = 1000 };
#define HZ 2500000000ull

static struct timer timers[TIMERS];
static unsigned order[1000], fired;

static void note(void *arg)
{
	struct timer *t = arg;

	assert_true(t->when <= tsc);
	assert_false(t->armed);
	assert_true(fired < ARRAY_SIZE(order));
	order[fired++] = (unsigned)(t - timers);
}

static int setup(void **state)
{
	(void)state;
	m = (typeof(m)){ 0 };
	for (unsigned i = 0; i < 2; i++) {
		m.cpus[i].id = i;
		timer_init_cpu(&m.cpus[i]);
	}
	fake_cpu_use(&m.cpus[0]);
	tsc = START;
	timer_init_clock(HZ, START);
	for (unsigned i = 0; i < TIMERS; i++)
		timer_init(&timers[i], note, &timers[i]);
	fired = 0;
	return 0;
}

/* Time passes; the LAPIC interrupts when its deadline is over. */
static void pass_until(uint64_t end)
{
	while (m.armed && m.armed <= end) {
		tsc = MAX(tsc, m.armed);
		m.armed = 0;
		m.tick(NULL);
	}
	tsc = end;
}

static void the_clock(void **state)
{
	(void)state;
	assert_int_equal(time_tsc_hz(), HZ);
	assert_int_equal(time_tsc(), START);
	assert_int_equal(time_ns(), 0);
	tsc = START + HZ;
	assert_in_range(time_ns(), NS_PER_S - 1, NS_PER_S);
	for (uint64_t ns = 1; ns < 1ull << 60; ns = ns * 3 + 1) {
		uint64_t at = time_ns_to_tsc(ns);

		assert_true(time_tsc_to_ns(at) >= ns);
		assert_true(time_tsc_to_ns(at) <= ns + 2);
	}
	clock.hz = 0;
	assert_int_equal(time_ns(), 0);
}

/* By how much the interrupt comes in late, and nothing where it was armed for the past. */
static void a_late_interrupt_is_told(void **state)
{
	(void)state;
	delayed = 0;
	timer_arm_tsc(&timers[0], START + 100);
	pass_until(START + 200);
	assert_int_equal(delayed, 0);
	timer_arm_tsc(&timers[0], START + 300);
	tsc = START + 350;
	m.tick(NULL);
	assert_int_equal(delayed, 50);
	timer_arm_tsc(&timers[0], START + 10);
	tsc = START + 360;
	m.tick(NULL);
	assert_int_equal(delayed, 50);
	/* Nothing was armed: it is nobody's. */
	tsc = START + 1000;
	m.tick(NULL);
	assert_int_equal(delayed, 50);
}

static void fired_in_order_of_time(void **state)
{
	static const unsigned at[] = { 500, 100, 300, 300, 200, 300, 700, 100, 50 };
	static const unsigned want[] = { 8, 1, 7, 4, 2, 3, 5, 0, 6 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		timer_arm_tsc(&timers[i], START + at[i]);
		assert_true(timers[i].armed);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
		pass_until(START + at[want[i]] - 1);
		/* None is early; of equal times the first to be armed is the first. */
		assert_true(!i || at[want[i]] == at[want[i - 1]] || fired == i);
		pass_until(START + at[want[i]]);
		assert_true(fired > i);
		assert_int_equal(order[i], want[i]);
	}
	assert_int_equal(fired, ARRAY_SIZE(want));
	assert_int_equal(m.armed, 0);
}

static void set_only_for_a_sooner_one(void **state)
{
	(void)state;
	timer_arm_tsc(&timers[0], START + 500);
	assert_int_equal(m.armed, START + 500);
	assert_int_equal(m.arms, 1);
	timer_arm_tsc(&timers[1], START + 600);
	timer_arm_tsc(&timers[2], START + 500);
	assert_int_equal(m.arms, 1);
	timer_arm_tsc(&timers[3], START + 499);
	assert_int_equal(m.arms, 2);
	assert_int_equal(m.armed, START + 499);
	/* Later again: the LAPIC comes too soon, and is set for the next then. */
	timer_arm_tsc(&timers[3], START + 800);
	timer_cancel(&timers[0]);
	timer_cancel(&timers[2]);
	assert_int_equal(m.arms, 2);
	pass_until(START + 599);
	assert_int_equal(fired, 0);
	assert_int_equal(m.arms, 3);
	assert_int_equal(m.armed, START + 600);
	pass_until(START + 1000);
	assert_int_equal(fired, 2);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 3);
	assert_int_equal(m.arms, 4);
}

static void cancelled_ones_stay_quiet(void **state)
{
	(void)state;
	timer_cancel(&timers[0]);
	timer_arm_tsc(&timers[0], START + 100);
	timer_cancel(&timers[0]);
	assert_false(timers[0].armed);
	timer_cancel(&timers[0]);
	pass_until(START + 200);
	assert_int_equal(fired, 0);
	/* Nothing is armed: the next one sets the LAPIC, also for a time later than the last. */
	timer_arm_tsc(&timers[0], START + 300);
	assert_int_equal(m.armed, START + 300);
	pass_until(START + 300);
	assert_int_equal(fired, 1);
}

static void past_times_fire_at_once(void **state)
{
	(void)state;
	tsc = START + 1000;
	timer_arm_tsc(&timers[1], START + 10);
	timer_arm_tsc(&timers[0], 0);
	assert_int_equal(m.armed, 0);
	m.tick(NULL);
	assert_int_equal(fired, 2);
	assert_int_equal(order[0], 0);
	timer_arm_ns(&timers[2], 100);
	assert_int_equal(timers[2].when, time_ns_to_tsc(100));
	pass_until(START + 1000);
	assert_int_equal(fired, 3);
}

static void again(void *arg)
{
	note(arg);
	if (fired < 5)
		timer_arm_tsc(arg, ((struct timer *)arg)->when + 100);
}

static void cancel_next(void *arg)
{
	note(arg);
	timer_cancel(&timers[1]);
	timer_cancel(arg); /* itself: no waiting, no harm */
	timer_arm_tsc(&timers[2], tsc);
}

static void fire_may_arm_and_cancel(void **state)
{
	(void)state;
	timer_init(&timers[0], again, &timers[0]);
	timer_arm_tsc(&timers[0], START + 100);
	pass_until(START + 499);
	assert_int_equal(fired, 4);
	assert_int_equal(m.armed, START + 500);
	pass_until(START + 10000);
	assert_int_equal(fired, 5);

	fired = 0;
	timer_init(&timers[0], cancel_next, &timers[0]);
	timer_arm_tsc(&timers[0], tsc + 10);
	timer_arm_tsc(&timers[1], tsc + 10);
	pass_until(tsc + 10);
	/* The one it armed for now came in the same interrupt. */
	assert_int_equal(fired, 2);
	assert_int_equal(order[0], 0);
	assert_int_equal(order[1], 2);
	assert_int_equal(m.armed, 0);
}

static void each_cpu_has_its_own(void **state)
{
	(void)state;
	timer_arm_tsc(&timers[0], START + 100);
	timer_arm_tsc(&timers[1], START + 200);
	fake_cpu_use(&m.cpus[1]);
	m.armed = 0;
	timer_arm_tsc(&timers[2], START + 150);
	assert_int_equal(m.armed, START + 150);
	/* Moves from CPU 0 to this one. */
	timer_arm_tsc(&timers[1], START + 120);
	assert_int_equal(timers[1].cpu, 1);
	tsc = START + 1000;
	m.tick(NULL);
	assert_int_equal(fired, 2);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 2);
	timer_cancel(&timers[0]);
	fake_cpu_use(&m.cpus[0]);
	m.tick(NULL);
	assert_int_equal(fired, 2);
}

static unsigned begun, done;

static void slow(void *arg)
{
	(void)arg;
	__atomic_store_n(&begun, 1, __ATOMIC_SEQ_CST);
	usleep(30000);
	__atomic_store_n(&done, 1, __ATOMIC_SEQ_CST);
}

static void *other_cpu(void *arg)
{
	fake_cpu_use(&m.cpus[1]);
	timer_arm_tsc(arg, tsc);
	m.tick(NULL);
	return NULL;
}

static void cancel_waits_for_another_cpu(void **state)
{
	pthread_t thread;

	(void)state;
	begun = done = 0;
	timer_init(&timers[0], slow, NULL);
	assert_int_equal(pthread_create(&thread, NULL, other_cpu, &timers[0]), 0);
	while (!__atomic_load_n(&begun, __ATOMIC_SEQ_CST))
		usleep(100);
	timer_cancel(&timers[0]);
	assert_int_equal(__atomic_load_n(&done, __ATOMIC_SEQ_CST), 1);
	pthread_join(thread, NULL);
}

static bool stay;
static unsigned rounds;

/* As a periodic timer's: at the end it arms itself again. */
static void slow_and_again(void *arg)
{
	__atomic_fetch_add(&rounds, 1, __ATOMIC_SEQ_CST);
	usleep(3000);
	timer_arm_tsc(arg, tsc);
}

static void *periodic_cpu(void *arg)
{
	fake_cpu_use(&m.cpus[1]);
	timer_arm_tsc(arg, tsc);
	while (__atomic_load_n(&stay, __ATOMIC_SEQ_CST))
		m.tick(NULL);
	return NULL;
}

static void cancel_ends_one_that_arms_itself(void **state)
{
	pthread_t thread;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		unsigned then;

		stay = true;
		rounds = 0;
		timer_init(&timers[0], slow_and_again, &timers[0]);
		assert_int_equal(pthread_create(&thread, NULL, periodic_cpu, &timers[0]), 0);
		while (!__atomic_load_n(&rounds, __ATOMIC_SEQ_CST))
			usleep(100);
		timer_cancel(&timers[0]);
		assert_false(__atomic_load_n(&timers[0].armed, __ATOMIC_SEQ_CST));
		then = __atomic_load_n(&rounds, __ATOMIC_SEQ_CST);
		usleep(5000);
		assert_int_equal(__atomic_load_n(&rounds, __ATOMIC_SEQ_CST), then);
		__atomic_store_n(&stay, false, __ATOMIC_SEQ_CST);
		pthread_join(thread, NULL);
	}
}

static unsigned next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(*seed >> 33);
}

static uint64_t last_fired;

static void note_random(void *arg)
{
	struct timer *t = arg;

	assert_true(t->when <= tsc && t->when >= last_fired);
	last_fired = t->when;
	fired++;
}

static void random_use(void **state)
{
	bool armed[TIMERS] = { false };
	uint64_t when[TIMERS] = { 0 }, seed = 11;
	unsigned expected = 0;

	(void)state;
	for (unsigned i = 0; i < TIMERS; i++)
		timer_init(&timers[i], note_random, &timers[i]);
	for (unsigned turn = 0; turn < 20000; turn++) {
		unsigned i = next_random(&seed) % TIMERS;

		switch (next_random(&seed) % 4) {
		case 0:
			timer_cancel(&timers[i]);
			armed[i] = false;
			break;
		case 1:
			last_fired = 0;
			pass_until(tsc + next_random(&seed) % 300);
			for (unsigned j = 0; j < TIMERS; j++) {
				bool is_over = armed[j] && when[j] <= tsc;

				expected += is_over;
				armed[j] &= !is_over;
				assert_int_equal(timers[j].armed, armed[j]);
			}
			assert_int_equal(fired, expected);
			break;
		default:
			when[i] = tsc + 1 + next_random(&seed) % 1000;
			timer_arm_tsc(&timers[i], when[i]);
			armed[i] = true;
			break;
		}
	}
	assert_true(fired > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_clock, setup),
		cmocka_unit_test_setup(a_late_interrupt_is_told, setup),
		cmocka_unit_test_setup(fired_in_order_of_time, setup),
		cmocka_unit_test_setup(set_only_for_a_sooner_one, setup),
		cmocka_unit_test_setup(cancelled_ones_stay_quiet, setup),
		cmocka_unit_test_setup(past_times_fire_at_once, setup),
		cmocka_unit_test_setup(fire_may_arm_and_cancel, setup),
		cmocka_unit_test_setup(each_cpu_has_its_own, setup),
		cmocka_unit_test_setup(cancel_waits_for_another_cpu, setup),
		cmocka_unit_test_setup(cancel_ends_one_that_arms_itself, setup),
		cmocka_unit_test_setup(random_use, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: vmm/dev/vlapic.c vmm/dev/vlapic_regs.c vmm/dev/vlapic_timer.c vmm/dev/vlapic_ipi.c tests/fake/vcpu.c tests/fake/timer.c tests/fake/panic.c */
/* The local APIC's timer: three modes, divisors, and what changes while it counts. */
#include "tests/unit/vlapic_guest.h"

static void timer_on(uint32_t mode)
{
	put(APIC_SVR, ON);
	put(APIC_DIVIDE, APIC_DIVIDE_BY_1);
	put(APIC_LVT_TIMER, mode | 0xec);
}

static bool timer_came(void)
{
	if (!vlapic_pending(v))
		return false;
	assert_int_equal(vlapic_acknowledge(v), 0xec);
	put(APIC_EOI, 0);
	return true;
}

static void one_shot(void **state)
{
	(void)state;
	timer_on(APIC_TIMER_ONE_SHOT);
	put(APIC_INITIAL_COUNT, 1000);
	assert_int_equal(get(APIC_CURRENT_COUNT), 1000);
	fake_time_advance(400);
	assert_int_equal(get(APIC_CURRENT_COUNT), 600);
	fake_time_advance(598);
	assert_false(timer_came());
	fake_time_advance(2);
	assert_true(timer_came());
	assert_int_equal(get(APIC_CURRENT_COUNT), 0);
	assert_int_equal(get(APIC_INITIAL_COUNT), 1000);
	assert_int_equal(v->lapic.timer_when, 0); /* it is the thread's again */
	fake_time_advance(10000);
	assert_false(timer_came());
	assert_int_equal(fake_timers_armed(), 0);
}

static void stands_still(void **state)
{
	(void)state;
	timer_on(APIC_TIMER_ONE_SHOT);
	put(APIC_INITIAL_COUNT, 1000);
	fake_time_advance(400);
	vlapic_timer_freeze(v);
	assert_int_equal(fake_timers_armed(), 0);
	fake_time_advance(100000);
	assert_false(timer_came());
	vlapic_timer_thaw(v);
	assert_int_equal(get(APIC_CURRENT_COUNT), 600);
	fake_time_advance(598);
	assert_false(timer_came());
	fake_time_advance(2);
	assert_true(timer_came());
	/* Nothing counts: nothing does after it. */
	vlapic_timer_freeze(v);
	vlapic_timer_thaw(v);
	assert_int_equal(fake_timers_armed(), 0);
	/* A reset in between stops it for good. */
	put(APIC_INITIAL_COUNT, 1000);
	vlapic_timer_freeze(v);
	vlapic_reset(v);
	vlapic_timer_thaw(v);
	assert_int_equal(fake_timers_armed(), 0);
}

static void a_period_stands_still(void **state)
{
	(void)state;
	timer_on(APIC_TIMER_PERIODIC);
	put(APIC_INITIAL_COUNT, 100000);
	fake_time_advance(100000 + 70000);
	assert_true(timer_came());
	vlapic_timer_freeze(v);
	fake_time_advance(1000000);
	vlapic_timer_thaw(v);
	assert_int_equal(get(APIC_CURRENT_COUNT), 30000);
	fake_time_advance(30000);
	assert_true(timer_came());
	fake_time_advance(100000);
	assert_true(timer_came());
}

/* The TSC stood still, too: the deadline is as far off as before. */
static void a_deadline_stands_still(void **state)
{
	(void)state;
	timer_on(APIC_TIMER_DEADLINE);
	msr_put(MSR_TSC_DEADLINE, vcpu_tsc(v) + 25000); /* 10 us of the fake TSC */
	fake_time_advance(4000);
	vlapic_timer_freeze(v);
	fake_time_advance(1000000);
	v->tsc_offset -= 2500000;
	vlapic_timer_thaw(v);
	fake_time_advance(5900);
	assert_false(timer_came());
	fake_time_advance(200);
	assert_true(timer_came());
}

static void count_0_stops(void **state)
{
	(void)state;
	timer_on(APIC_TIMER_ONE_SHOT);
	put(APIC_INITIAL_COUNT, 1000);
	put(APIC_INITIAL_COUNT, 0);
	assert_int_equal(fake_timers_armed(), 0);
	assert_int_equal(get(APIC_CURRENT_COUNT), 0);
	put(APIC_INITIAL_COUNT, 1000);
	fake_time_advance(500);
	put(APIC_INITIAL_COUNT, 2000); /* starts anew */
	fake_time_advance(1990);
	assert_false(timer_came());
	fake_time_advance(10);
	assert_true(timer_came());
}

static void divide_configurations(void **state)
{
	static const struct {
		uint8_t bits;
		unsigned by;
	} divide[] = { { 0x0, 2 },  { 0x1, 4 },	 { 0x2, 8 },   { 0x3, 16 },
		       { 0x8, 32 }, { 0x9, 64 }, { 0xa, 128 }, { 0xb, 1 } };

	(void)state;
	timer_on(APIC_TIMER_ONE_SHOT);
	for (unsigned i = 0; i < ARRAY_SIZE(divide); i++) {
		put(APIC_DIVIDE, divide[i].bits);
		put(APIC_INITIAL_COUNT, 1000);
		fake_time_advance(500 * divide[i].by);
		assert_int_equal(get(APIC_CURRENT_COUNT), 500);
		fake_time_advance(500 * divide[i].by - 2);
		assert_false(timer_came());
		fake_time_advance(2);
		assert_true(timer_came());
	}
	/* The greatest count at the greatest divisor. */
	put(APIC_DIVIDE, 0xa);
	put(APIC_INITIAL_COUNT, UINT32_MAX);
	fake_time_advance(128000);
	assert_int_equal(get(APIC_CURRENT_COUNT), UINT32_MAX - 1000);
}

static void divide_changes_while_counting(void **state)
{
	(void)state;
	timer_on(APIC_TIMER_ONE_SHOT);
	put(APIC_INITIAL_COUNT, 1000);
	fake_time_advance(500);
	put(APIC_DIVIDE, 0x0);
	assert_int_equal(get(APIC_CURRENT_COUNT), 500);
	fake_time_advance(998);
	assert_false(timer_came());
	fake_time_advance(2);
	assert_true(timer_came());
}

static void periodic(void **state)
{
	(void)state;
	timer_on(APIC_TIMER_PERIODIC);
	put(APIC_INITIAL_COUNT, 100000);
	for (unsigned i = 0; i < 10; i++) {
		fake_time_advance(99990);
		assert_false(timer_came());
		assert_int_equal(get(APIC_CURRENT_COUNT), 10);
		fake_time_advance(10);
		assert_true(timer_came());
		assert_int_equal(get(APIC_CURRENT_COUNT), 100000);
	}
	put(APIC_INITIAL_COUNT, 0);
	fake_time_advance(200000);
	assert_false(timer_came());
}

static void periods_that_were_missed_are_lost(void **state)
{
	unsigned fired;

	(void)state;
	timer_on(APIC_TIMER_PERIODIC);
	put(APIC_INITIAL_COUNT, 100000);
	/* The timer's interrupt has not been taken yet. */
	fake_time_set(time_ns() + 130000);
	assert_int_equal(get(APIC_CURRENT_COUNT), 70000);
	fake_time_set(time_ns() + 820000);
	assert_int_equal(get(APIC_CURRENT_COUNT), 50000);
	fired = fake_timers_fired();
	fake_time_advance(0);
	assert_int_equal(fake_timers_fired() - fired, 1);
	assert_true(timer_came());
	fake_time_advance(100000);
	assert_true(timer_came());
}

static unsigned fired_in(uint64_t ns)
{
	unsigned before = fake_timers_fired();

	fake_time_advance(ns);
	return fake_timers_fired() - before;
}

/* Whoever else runs is interrupted once; then the timer waits for its vCPU, and keeps its step. */
static void lapses_in_others_time(void **state)
{
	(void)state;
	timer_on(APIC_TIMER_PERIODIC);
	put(APIC_INITIAL_COUNT, 100000);
	fake_self = NULL;
	fake_vcpu_take_requests(v);
	assert_int_equal(fired_in(1030000), 1);
	assert_int_equal(fake_timers_armed(), 0);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_IRQ | REQUEST_TIMER);
	assert_int_equal(get(APIC_CURRENT_COUNT), 70000);
	assert_true(timer_came());
	fake_self = v;
	vlapic_timer_resume(v);
	assert_int_equal(get(APIC_CURRENT_COUNT), 70000);
	fake_time_advance(69990);
	assert_false(timer_came());
	fake_time_advance(10);
	assert_true(timer_came());
	/* Asked once too often, it goes on as it is. */
	vlapic_timer_resume(v);
	assert_int_equal(fired_in(300000), 3);
	assert_true(timer_came());
}

/* In HLT a vCPU looks at it when that ends: who is only woken, and sleeps on, is not asked. */
static void lapses_in_hlt(void **state)
{
	(void)state;
	timer_on(APIC_TIMER_PERIODIC);
	put(APIC_INITIAL_COUNT, 100000);
	fake_self = NULL;
	v->halted = true;
	fake_vcpu_take_requests(v);
	assert_int_equal(fired_in(1000000), 1);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_IRQ);
	assert_true(timer_came());
	assert_true(v->lapic.timer_lapsed);
	/* What stops or sets it anew is not undone later. */
	put(APIC_INITIAL_COUNT, 0);
	vlapic_timer_resume(v);
	assert_int_equal(fake_timers_armed(), 0);
	put(APIC_INITIAL_COUNT, 100000);
	assert_int_equal(fired_in(100000), 1);
	vlapic_timer_freeze(v);
	fake_time_advance(1000000);
	vlapic_timer_thaw(v);
	assert_false(v->lapic.timer_lapsed);
	assert_true(timer_came());
	assert_int_equal(fired_in(99990), 0);
	assert_int_equal(fired_in(10), 1);
}

/* The shortest period is what the host bears: a guest that asks for less cannot stop it. */
static void period_has_a_minimum(void **state)
{
	unsigned fired = fake_timers_fired();

	(void)state;
	timer_on(APIC_TIMER_PERIODIC);
	put(APIC_INITIAL_COUNT, 1);
	assert_in_range(get(APIC_CURRENT_COUNT), 0, 1);
	fake_time_advance(1000000);
	assert_in_range(fake_timers_fired() - fired, 1, 10);
	assert_true(timer_came());
}

static void masked_timer_counts(void **state)
{
	(void)state;
	timer_on(APIC_TIMER_PERIODIC | APIC_LVT_MASKED);
	put(APIC_INITIAL_COUNT, 100000);
	fake_time_advance(150000);
	assert_false(timer_came());
	assert_int_equal(get(APIC_CURRENT_COUNT), 50000);
	put(APIC_LVT_TIMER, APIC_TIMER_PERIODIC | 0xec);
	assert_int_equal(get(APIC_CURRENT_COUNT), 50000);
	fake_time_advance(50000);
	assert_true(timer_came());
}

static void timer_modes_change(void **state)
{
	(void)state;
	timer_on(APIC_TIMER_ONE_SHOT);
	put(APIC_INITIAL_COUNT, 100000);
	fake_time_advance(30000);
	put(APIC_LVT_TIMER, APIC_TIMER_PERIODIC | 0xec); /* goes on counting */
	assert_int_equal(get(APIC_CURRENT_COUNT), 70000);
	fake_time_advance(70000);
	assert_true(timer_came());
	fake_time_advance(100000);
	assert_true(timer_came());
	put(APIC_LVT_TIMER, APIC_TIMER_ONE_SHOT | 0xec);
	fake_time_advance(100000);
	assert_true(timer_came());
	fake_time_advance(100000);
	assert_false(timer_came());
	/* To and from the TSC deadline it stops. */
	put(APIC_INITIAL_COUNT, 100000);
	put(APIC_LVT_TIMER, APIC_TIMER_DEADLINE | 0xec);
	assert_int_equal(get(APIC_CURRENT_COUNT), 0);
	assert_int_equal(get(APIC_INITIAL_COUNT), 0);
	assert_int_equal(fake_timers_armed(), 0);
	msr_put(MSR_TSC_DEADLINE, vcpu_tsc(v) + 1000);
	assert_int_equal(fake_timers_armed(), 1);
	put(APIC_LVT_TIMER, APIC_TIMER_ONE_SHOT | 0xec);
	assert_int_equal(fake_timers_armed(), 0);
	assert_int_equal(msr_get(MSR_TSC_DEADLINE), 0);
}

static void tsc_deadline(void **state)
{
	uint64_t deadline;

	(void)state;
	v->tsc_offset = (uint64_t)-1000;
	timer_on(APIC_TIMER_DEADLINE);
	put(APIC_INITIAL_COUNT, 1000); /* no effect in this mode */
	assert_int_equal(fake_timers_armed(), 0);
	assert_int_equal(get(APIC_INITIAL_COUNT), 0);
	deadline = vcpu_tsc(v) + 25000; /* 10 us of the fake TSC */
	msr_put(MSR_TSC_DEADLINE, deadline);
	assert_int_equal(msr_get(MSR_TSC_DEADLINE), deadline);
	assert_int_equal(get(APIC_CURRENT_COUNT), 0);
	fake_time_advance(9998);
	assert_false(timer_came());
	fake_time_advance(2);
	assert_true(timer_came());
	assert_int_equal(msr_get(MSR_TSC_DEADLINE), 0);
	/* In the past: at once. */
	msr_put(MSR_TSC_DEADLINE, 1);
	assert_int_equal(msr_get(MSR_TSC_DEADLINE), 0);
	assert_true(timer_came());
	msr_put(MSR_TSC_DEADLINE, vcpu_tsc(v));
	assert_true(timer_came());
	/* 0 disarms. */
	msr_put(MSR_TSC_DEADLINE, vcpu_tsc(v) + 1000);
	msr_put(MSR_TSC_DEADLINE, 0);
	assert_int_equal(fake_timers_armed(), 0);
	/* Never, without a wrap-round. */
	msr_put(MSR_TSC_DEADLINE, UINT64_MAX);
	assert_int_equal(msr_get(MSR_TSC_DEADLINE), UINT64_MAX);
	fake_time_advance(1000000000);
	assert_false(timer_came());
	msr_put(MSR_TSC_DEADLINE, 0);
}

static void deadline_needs_its_mode(void **state)
{
	(void)state;
	timer_on(APIC_TIMER_ONE_SHOT);
	msr_put(MSR_TSC_DEADLINE, vcpu_tsc(v) + 1000);
	assert_int_equal(msr_get(MSR_TSC_DEADLINE), 0);
	assert_int_equal(fake_timers_armed(), 0);
}

static void deadline_follows_the_tsc(void **state)
{
	(void)state;
	timer_on(APIC_TIMER_DEADLINE);
	msr_put(MSR_TSC_DEADLINE, vcpu_tsc(v) + 25000);
	v->tsc_offset += 12500;
	vlapic_tsc_changed(v);
	fake_time_advance(4998);
	assert_false(timer_came());
	fake_time_advance(2);
	assert_true(timer_came());
	v->tsc_offset -= 100000;
	vlapic_tsc_changed(v); /* it has fired: nothing to follow */
	fake_time_advance(1000000);
	assert_false(timer_came());
}

static void timer_vector_is_illegal(void **state)
{
	(void)state;
	timer_on(APIC_TIMER_ONE_SHOT);
	put(APIC_LVT_TIMER, 0x0e);
	put(APIC_INITIAL_COUNT, 10);
	fake_time_advance(10);
	assert_false(vlapic_pending(v));
	put(APIC_ESR, 0);
	assert_int_equal(get(APIC_ESR), APIC_ESR_RECEIVE_VECTOR);
}

static void reset_stops_the_timer(void **state)
{
	(void)state;
	timer_on(APIC_TIMER_PERIODIC);
	put(APIC_INITIAL_COUNT, 100000);
	vlapic_reset(v);
	assert_int_equal(fake_timers_armed(), 0);
	assert_int_equal(get(APIC_CURRENT_COUNT), 0);
	timer_on(APIC_TIMER_DEADLINE);
	msr_put(MSR_TSC_DEADLINE, vcpu_tsc(v) + 1000);
	vlapic_reset_init(v);
	assert_int_equal(fake_timers_armed(), 0);
	assert_int_equal(msr_get(MSR_TSC_DEADLINE), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(one_shot),
		TEST(stands_still),
		TEST(a_period_stands_still),
		TEST(a_deadline_stands_still),
		TEST(count_0_stops),
		TEST(divide_configurations),
		TEST(divide_changes_while_counting),
		TEST(periodic),
		TEST(lapses_in_others_time),
		TEST(lapses_in_hlt),
		TEST(periods_that_were_missed_are_lost),
		TEST(period_has_a_minimum),
		TEST(masked_timer_counts),
		TEST(timer_modes_change),
		TEST(tsc_deadline),
		TEST(deadline_needs_its_mode),
		TEST(deadline_follows_the_tsc),
		TEST(timer_vector_is_illegal),
		TEST(reset_stops_the_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

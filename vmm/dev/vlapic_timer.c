/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's timer (SDM 3, "APIC Timer"). Its clock is 1 GHz, so that a count is nanoseconds
 * shifted by the divide configuration. Nothing counts: there is the time when the countdown ends,
 * from which the current count is worked out when the guest asks.
 *
 * timer_fire() runs in interrupt context, maybe on another CPU than the vCPU's thread. What both
 * write is the timer's while timer_when or tsc_deadline is not zero: the thread cancels it first,
 * or has seen that it lapsed.
 */
#include "vmm/dev/vlapic_regs.h"

enum {
	/*
	 * A guest's periodic timer costs the host an interrupt each: not more often than this, or
	 * the interrupts are all that a slow CPU has time for.
	 */
	PERIOD_MIN_NS = 100000,
	DIVIDE_LOW_BITS = 3, /* of the divide configuration: bits 1:0, and bit 3 above them */
	DIVIDE_HIGH_BIT = 4,
	SHIFT_BITS = 7,
};

/* Further away than this (well over a year) no deadline is armed for. */
#define DEADLINE_NEVER BIT(60)

static uint32_t timer_mode(const struct vcpu *v)
{
	return vlapic_get(v, APIC_LVT_TIMER) & APIC_LVT_TIMER_MODE;
}

static void timer_interrupt(struct vcpu *v)
{
	uint32_t lvt = vlapic_get(v, APIC_LVT_TIMER);

	if (!(lvt & APIC_LVT_MASKED))
		vlapic_take_fixed(v, lvt & APIC_LVT_VECTOR, false);
}

/*
 * It came in somebody else's time, who must not have to pay for more than this one: v arms the
 * timer when it runs. In HLT it does so when that ends, else it is asked to: it has cleared halted
 * before it looks at timer_lapsed, or finds the request.
 */
static void lapse(struct vcpu *v)
{
	__atomic_store_n(&v->lapic.timer_lapsed, true, __ATOMIC_SEQ_CST);
	timer_interrupt(v);
	if (!__atomic_load_n(&v->halted, __ATOMIC_SEQ_CST))
		vcpu_request(v, REQUEST_TIMER);
}

static __attribute__((noinline)) void fire_period(struct vcpu *v)
{
	struct vlapic *l = &v->lapic;
	uint64_t now = time_ns(), next = l->timer_when + l->timer_period;

	if (vcpu_self() != v) {
		lapse(v);
		return;
	}
	/* Periods that nobody had the time for are lost, as on a CPU that was busy. */
	if (next <= now)
		next = now + l->timer_period;
	__atomic_store_n(&l->timer_when, next, __ATOMIC_RELAXED);
	timer_arm_ns(&l->timer, next);
	timer_interrupt(v);
}

static void timer_fire(void *arg)
{
	struct vcpu *v = arg;
	struct vlapic *l = &v->lapic;

	if (l->timer_period) {
		fire_period(v);
		return;
	}
	/* One store: behind it, what there is may be the thread's next deadline already. */
	if (l->timer_when)
		__atomic_store_n(&l->timer_when, 0, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&l->tsc_deadline, 0, __ATOMIC_RELAXED);
	timer_interrupt(v);
}

/* The initial count as a period, when the mode is periodic; else 0. */
static uint64_t period_of(const struct vcpu *v, uint32_t mode)
{
	uint64_t ns = (uint64_t)vlapic_get(v, APIC_INITIAL_COUNT) << v->lapic.timer_shift;

	if (mode != APIC_TIMER_PERIODIC)
		return 0;
	return MAX(ns, (uint64_t)PERIOD_MIN_NS);
}

/* Takes the timer back from timer_fire(). */
static inline void timer_stop(struct vlapic *l)
{
	if (__atomic_load_n(&l->timer_when, __ATOMIC_RELAXED) |
	    __atomic_load_n(&l->tsc_deadline, __ATOMIC_RELAXED)) {
		timer_cancel(&l->timer);
		/* It does so only while timer_when is set. */
		__atomic_store_n(&l->timer_lapsed, false, __ATOMIC_RELAXED);
	}
	l->timer_when = 0;
	l->tsc_deadline = 0;
	l->timer_period = 0;
}

/* Lets the countdown end at when, and start again after each period unless that is 0. */
static void countdown_start(struct vcpu *v, uint64_t when, uint64_t period)
{
	struct vlapic *l = &v->lapic;

	timer_stop(l);
	l->timer_when = when;
	l->timer_period = period;
	timer_arm_ns(&l->timer, when);
}

/* How many ns the countdown has still to go. */
static uint64_t countdown_left(const struct vcpu *v)
{
	uint64_t when = __atomic_load_n(&v->lapic.timer_when, __ATOMIC_RELAXED);
	uint64_t now = time_ns();

	if (when == 0 || when > now)
		return when ? when - now : 0;
	/* A periodic one that is late, or has lapsed, counts all the same. */
	if (!v->lapic.timer_period)
		return 0;
	return v->lapic.timer_period - (now - when) % v->lapic.timer_period;
}

/* The timer is the thread's since it fired. */
void vlapic_timer_resume(struct vcpu *v)
{
	struct vlapic *l = &v->lapic;

	if (!__atomic_load_n(&l->timer_lapsed, __ATOMIC_ACQUIRE))
		return;
	__atomic_store_n(&l->timer_lapsed, false, __ATOMIC_RELAXED);
	l->timer_when = time_ns() + countdown_left(v);
	timer_arm_ns(&l->timer, l->timer_when);
}

void vlapic_timer_write_count(struct vcpu *v, uint32_t count)
{
	uint32_t mode = timer_mode(v);
	uint64_t ns = (uint64_t)count << v->lapic.timer_shift;
	uint64_t period;

	if (mode == APIC_TIMER_DEADLINE)
		return;
	vlapic_set(v, APIC_INITIAL_COUNT, count);
	if (count == 0) {
		timer_stop(&v->lapic);
		return;
	}
	period = period_of(v, mode);
	countdown_start(v, time_ns() + MAX(ns, period), period);
}

uint32_t vlapic_timer_read_count(const struct vcpu *v)
{
	uint64_t count = countdown_left(v) >> v->lapic.timer_shift;

	/* More than the initial count is left where the period is the least that a guest gets. */
	return MIN(count, vlapic_get(v, APIC_INITIAL_COUNT));
}

void vlapic_timer_write_divide(struct vcpu *v, uint32_t divide)
{
	unsigned power = (divide & DIVIDE_LOW_BITS) | ((divide >> 1) & DIVIDE_HIGH_BIT);
	uint32_t count = vlapic_timer_read_count(v);

	vlapic_set(v, APIC_DIVIDE, divide);
	v->lapic.timer_shift = (power + 1) & SHIFT_BITS;
	/* What is left of a count goes on at the new speed. */
	if (count)
		countdown_start(v, time_ns() + ((uint64_t)count << v->lapic.timer_shift),
				period_of(v, timer_mode(v)));
}

void vlapic_timer_write_lvt(struct vcpu *v, uint32_t lvt)
{
	uint32_t changed = vlapic_get(v, APIC_LVT_TIMER) ^ lvt;
	uint32_t mode = lvt & APIC_LVT_TIMER_MODE;

	vlapic_set(v, APIC_LVT_TIMER, lvt);
	if (!(changed & APIC_LVT_TIMER_MODE))
		return;
	if (changed & APIC_TIMER_DEADLINE) {
		vlapic_set(v, APIC_INITIAL_COUNT, 0);
		timer_stop(&v->lapic);
	} else if (vlapic_timer_read_count(v)) {
		countdown_start(v, time_ns() + countdown_left(v), period_of(v, mode));
	}
}

void vlapic_timer_write_deadline(struct vcpu *v, uint64_t deadline)
{
	struct vlapic *l = &v->lapic;
	uint64_t now;

	if (timer_mode(v) != APIC_TIMER_DEADLINE)
		return;
	timer_stop(l);
	if (deadline == 0)
		return;
	now = vcpu_tsc(v);
	if (deadline <= now) {
		timer_interrupt(v);
		return;
	}
	l->tsc_deadline = deadline;
	/* The host's clock is read after the guest's, so that the guest is never early. */
	if (deadline - now < DEADLINE_NEVER)
		timer_arm_tsc(&l->timer, time_tsc() + (deadline - now));
}

uint64_t vlapic_timer_read_deadline(const struct vcpu *v)
{
	return __atomic_load_n(&v->lapic.tsc_deadline, __ATOMIC_RELAXED);
}

void vlapic_tsc_changed(struct vcpu *v)
{
	uint64_t deadline = vlapic_timer_read_deadline(v);

	if (deadline)
		vlapic_timer_write_deadline(v, deadline);
}

void vlapic_timer_freeze(struct vcpu *v)
{
	struct vlapic *l = &v->lapic;

	timer_cancel(&l->timer);
	/* One that is due and has not fired fires soon after. */
	l->timer_left = l->timer_when ? MAX(countdown_left(v), 1) : 0;
}

void vlapic_timer_thaw(struct vcpu *v)
{
	struct vlapic *l = &v->lapic;

	/* What a reset has stopped meanwhile stays so. */
	if (l->timer_when)
		countdown_start(v, time_ns() + l->timer_left, l->timer_period);
	vlapic_tsc_changed(v);
}

void vlapic_timer_init(struct vcpu *v)
{
	timer_init(&v->lapic.timer, timer_fire, v);
}

void vlapic_timer_reset(struct vcpu *v)
{
	timer_stop(&v->lapic);
	v->lapic.timer_shift = 1;
}

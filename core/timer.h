/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers, a sorted list per physical CPU, and the clock that they go by.
 * tests/fake/timer.c fakes both.
 */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include "lib/list.h"
#include "lib/types.h"

/* (l) the lock of cpu's list, (c) constant. */
struct timer {
	struct list link;	 /* (l) */
	uint64_t when;		 /* (l) host TSC */
	bool armed;		 /* (l) */
	unsigned cpu;		 /* (l) where it was armed last */
	void (*fire)(void *arg); /* in interrupt context: short, no blocking, may arm again */
	void *arg;
};

/* Nanoseconds since Plinth's start, monotonic. */
uint64_t time_ns(void);
/* The host's TSC now. */
uint64_t time_tsc(void);
/* Host TSC frequency in Hz. */
uint64_t time_tsc_hz(void);
/* Conversions; to TSC rounds up, so that at the result time_ns() is >= ns. */
uint64_t time_ns_to_tsc(uint64_t ns);
uint64_t time_tsc_to_ns(uint64_t tsc);

void timer_init(struct timer *t, void (*fire)(void *arg), void *arg);
/* Arms, or moves, t on this CPU, wherever it was armed before. A time in the past fires at the next
 * chance. */
void timer_arm_ns(struct timer *t, uint64_t when_ns);
void timer_arm_tsc(struct timer *t, uint64_t when_tsc);
/* From any CPU. After it t does not fire, and is not firing on another CPU. */
void timer_cancel(struct timer *t);

/* At boot: the clock begins, at hz; then each CPU's list. */
struct cpu;
void timer_init_clock(uint64_t hz, uint64_t tsc_start);
void timer_init_cpu(struct cpu *c);

#endif

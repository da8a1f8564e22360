/* SPDX-License-Identifier: MIT */
/* The time stamp counter: how fast it runs, and the way between its ticks and nanoseconds. */
#ifndef ARCH_TSC_H
#define ARCH_TSC_H

#include "lib/ratio.h"
#include "lib/types.h"

#define NS_PER_S 1000000000ull

/* The factors for one frequency. */
struct tsc_scale {
	uint64_t hz;
	struct ratio to_ns, to_tsc;
};

/* hz ≥ 1 MHz. */
struct tsc_scale tsc_scale_make(uint64_t hz);

/* Nanoseconds that ticks last, rounded down. For every result below 2^63. */
static inline uint64_t tsc_to_ns(const struct tsc_scale *s, uint64_t ticks)
{
	return ratio_apply(&s->to_ns, ticks);
}

/* Ticks that last at least ns: tsc_to_ns(tsc_from_ns(ns)) >= ns, by less than three ticks' time. */
static inline uint64_t tsc_from_ns(const struct tsc_scale *s, uint64_t ns)
{
	return ratio_apply(&s->to_tsc, ns) + 1;
}

/* A counter of known frequency to measure the TSC against. */
struct tsc_reference {
	const char *name;
	uint64_t (*read)(const struct tsc_reference *r); /* counts up, in mask's bits */
	uint64_t mask;					 /* wraps not within 20 ms */
	uint64_t hz;
	uint64_t address; /* of the counter: what read() needs */
};

/*
 * Measures the TSC against r, or takes CPUID's word where r bears it out (r NULL: unconfirmed).
 * 0, or -ENODEV with the reason logged. Takes at most 50 ms.
 */
must_check int tsc_calibrate(const struct tsc_reference *r);

/* Of this machine; constant after tsc_calibrate(). */
extern struct tsc_scale tsc_host;

/* Spins. After tsc_calibrate(). */
void tsc_delay_ns(uint64_t ns);

/* Pure parts, for the tests. */

/* What n measurements say: their median. Sorts hz. 0 for n = 0. */
uint64_t tsc_median(uint64_t *hz, unsigned n);
/* From leaf 15h's EAX, EBX, ECX: the TSC's frequency, or 0 where they do not tell. */
uint64_t tsc_hz_of_crystal(uint32_t denominator, uint32_t numerator, uint32_t crystal_hz);
/* Whether a and b differ by at most one part in `parts`. */
bool tsc_hz_agree(uint64_t a, uint64_t b, uint64_t parts);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The ticks of an emulated oscillator, from the nanoseconds of the host's clock and back. Both ways
 * are one multiplication from the common origin, so that periods do not add up their rounding.
 */
#ifndef VMM_DEV_VCLOCK_H
#define VMM_DEV_VCLOCK_H

#include "lib/types.h"

enum { VCLOCK_NS_SHIFT = 48 };

#define VCLOCK_NS_PER_SECOND 1000000000ull

/* Fixed point: ticks a nanosecond, times 2^64 (rounded up: a second is never short of a tick) … */
#define VCLOCK_TICKS(hz) ((uint64_t)(((unsigned __int128)(hz) << 64) / VCLOCK_NS_PER_SECOND + 1))
/* … and nanoseconds a tick, times 2^48. */
#define VCLOCK_NS(hz) \
	((uint64_t)(((unsigned __int128)VCLOCK_NS_PER_SECOND << VCLOCK_NS_SHIFT) / (hz)))

struct vclock {
	uint64_t ticks_per_ns, ns_per_tick;
};

#define VCLOCK(hz) ((struct vclock){ VCLOCK_TICKS(hz), VCLOCK_NS(hz) })

/* Whole ticks in ns. */
static inline uint64_t vclock_ticks(const struct vclock *c, uint64_t ns)
{
	return (uint64_t)(((unsigned __int128)ns * c->ticks_per_ns) >> 64);
}

/* The first nanosecond at which vclock_ticks() is ticks; for ticks of less than ten years. */
static inline uint64_t vclock_ns(const struct vclock *c, uint64_t ticks)
{
	uint64_t ns = (uint64_t)(((unsigned __int128)ticks * c->ns_per_tick) >> VCLOCK_NS_SHIFT);
	unsigned __int128 have = (unsigned __int128)ns * c->ticks_per_ns;
	unsigned __int128 want = (unsigned __int128)ticks << 64;

	/* The two factors are not quite each other's inverse: the first one counts. */
	if (have < want)
		return ns + ((uint64_t)(want - have) + c->ticks_per_ns - 1) / c->ticks_per_ns;
	return ns - (uint64_t)(have - want) / c->ticks_per_ns;
}

#endif

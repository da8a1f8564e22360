/* SPDX-License-Identifier: MIT */
/*
 * Multiplying by a fraction without a division: a whole part and 64 binary places after the point.
 * Two multiplications and an addition, exact to one unit for every 64-bit operand.
 */
#ifndef LIB_RATIO_H
#define LIB_RATIO_H

#include "lib/types.h"

struct ratio {
	uint64_t whole;
	uint64_t fraction; /* in units of 2^-64 */
};

/* num / den, rounded down to 2^-64. den ≠ 0. */
static inline struct ratio ratio_make(uint64_t num, uint64_t den)
{
	struct ratio r = { .whole = num / den, .fraction = 0 };
	uint64_t rest = num % den;

	for (unsigned place = 0; place < 64; place++) {
		/* rest < den; its double may pass 64 bits, and then is surely larger than den. */
		bool carry = rest >> 63;

		rest <<= 1;
		r.fraction <<= 1;
		if (carry || rest >= den) {
			rest -= den;
			r.fraction |= 1;
		}
	}
	return r;
}

/* x · r, rounded down: the exact product of x and num / den, or one less. */
static inline uint64_t ratio_apply(const struct ratio *r, uint64_t x)
{
	return x * r->whole + (uint64_t)((unsigned __int128)x * r->fraction >> 64);
}

#endif

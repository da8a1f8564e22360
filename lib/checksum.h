/* SPDX-License-Identifier: MIT */
/* The byte sums of firmware tables. */
#ifndef LIB_CHECKSUM_H
#define LIB_CHECKSUM_H

#include "lib/types.h"

/* All bytes added up, modulo 256: 0 for a good table. */
static inline uint8_t checksum_sum(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + p[i]);
	return sum;
}

/* What a table's checksum byte, 0 until now, has to become. */
static inline uint8_t checksum_make(const void *data, size_t n)
{
	return (uint8_t)-checksum_sum(data, n);
}

#endif

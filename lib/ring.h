/* SPDX-License-Identifier: MIT */
/*
 * A ring of bytes for one writer and one reader under one lock. Positions run on for ever and are
 * cut to the size, a power of two, only where they index: so full and empty are not the same.
 */
#ifndef LIB_RING_H
#define LIB_RING_H

#include "lib/types.h"

struct ring {
	uint8_t *bytes;
	uint32_t size; /* a power of two */
	uint32_t head; /* written so far */
	uint32_t tail; /* read so far */
};

static inline void ring_init(struct ring *r, uint8_t *bytes, uint32_t size)
{
	*r = (struct ring){ .bytes = bytes, .size = size };
}

static inline uint32_t ring_used(const struct ring *r)
{
	return r->head - r->tail;
}

static inline uint32_t ring_room(const struct ring *r)
{
	return r->size - ring_used(r);
}

/* False, and nothing is done, when the ring is full. */
static inline bool ring_put(struct ring *r, uint8_t byte)
{
	if (ring_used(r) == r->size)
		return false;
	r->bytes[r->head++ & (r->size - 1)] = byte;
	return true;
}

/* False when the ring is empty. */
static inline bool ring_get(struct ring *r, uint8_t *byte)
{
	if (r->head == r->tail)
		return false;
	*byte = r->bytes[r->tail++ & (r->size - 1)];
	return true;
}

#endif

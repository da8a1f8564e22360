/* SPDX-License-Identifier: MIT */
/* What a PS/2 device, such as the keyboard, has to say and could not yet: its bytes, in order. */
#ifndef VMM_DEV_PS2_H
#define VMM_DEV_PS2_H

#include "lib/types.h"

enum { PS2_QUEUE = 16 };

struct ps2_queue {
	uint8_t bytes[PS2_QUEUE], first, count;
	uint8_t last; /* what was put in last, for "resend" */
};

static inline void ps2_clear(struct ps2_queue *q)
{
	q->first = q->count = 0;
}

/* A byte that the queue has no room for is lost. */
static inline void ps2_put(struct ps2_queue *q, uint8_t byte)
{
	if (q->count == PS2_QUEUE)
		return;
	q->bytes[(q->first + q->count++) % PS2_QUEUE] = byte;
	q->last = byte;
}

/* The first byte. The queue must not be empty. */
static inline uint8_t ps2_take(struct ps2_queue *q)
{
	uint8_t byte = q->bytes[q->first];

	q->first = (q->first + 1) % PS2_QUEUE;
	q->count--;
	return byte;
}

#endif

/* SPDX-License-Identifier: MIT */
/* The keyboard at the 8042's first port: it identifies itself and answers; nobody types on it. */
#ifndef VMM_DEV_VKEYBOARD_H
#define VMM_DEV_VKEYBOARD_H

#include "vmm/dev/ps2.h"

struct vkeyboard {
	struct ps2_queue queue; /* for the controller to take */
	uint8_t command;	/* the one that waits for a data byte; 0: none */
	uint8_t set, leds, rate;
	bool scanning;
};

/* As it is when its own test has passed, with nothing to say. */
void vkeyboard_reset(struct vkeyboard *k);
/* A byte of the controller's; the answer goes to the queue. */
void vkeyboard_write(struct vkeyboard *k, uint8_t byte);

#endif

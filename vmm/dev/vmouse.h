/* SPDX-License-Identifier: MIT */
/* The mouse at the 8042's second port: it identifies itself and answers; nobody moves it. */
#ifndef VMM_DEV_VMOUSE_H
#define VMM_DEV_VMOUSE_H

#include "vmm/dev/ps2.h"

struct vmouse {
	struct ps2_queue queue; /* for the controller to take */
	uint8_t command;	/* the one that waits for a data byte; 0: none */
	uint8_t resolution, rate;
	bool reporting, doubled, remote, wrap;
};

/* As it is when its own test has passed, with nothing to say. */
void vmouse_reset(struct vmouse *m);
/* A byte of the controller's; the answer goes to the queue. */
void vmouse_write(struct vmouse *m, uint8_t byte);

#endif

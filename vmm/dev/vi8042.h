/* SPDX-License-Identifier: MIT */
/* The 8042 keyboard controller with a keyboard and no mouse (60h, 64h), and port 92h. */
#ifndef VMM_DEV_VI8042_H
#define VMM_DEV_VI8042_H

#include "vmm/dev/device.h"

enum { VI8042_RAM = 32, VI8042_QUEUE = 16 };

struct vi8042 {
	/* the controller */
	uint8_t ram[VI8042_RAM]; /* byte 0 is the command byte */
	uint8_t status;
	uint8_t output_port;
	uint8_t data;  /* the output buffer, as it is read at 60h */
	uint8_t reply; /* of the controller's own, while the output buffer is full */
	bool has_reply;
	uint8_t command; /* the controller's command that waits for its data byte; 0: none */
	bool irq;	 /* the level of IRQ 1 */

	/* the keyboard */
	uint8_t key_command; /* its command that waits for a data byte; 0: none */
	uint8_t key_set, key_leds, key_rate;
	bool key_scanning;
	uint8_t key_last; /* what it sent last, for "resend" */
	uint8_t queue[VI8042_QUEUE], queue_first, queue_count;
};

extern const struct dev_class vi8042_class;

#endif

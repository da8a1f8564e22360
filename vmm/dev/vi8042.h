/* SPDX-License-Identifier: MIT */
/* The 8042 keyboard controller with a keyboard and no mouse (60h, 64h), and system control port A
 * (92h). */
#ifndef VMM_DEV_VI8042_H
#define VMM_DEV_VI8042_H

#include "vmm/dev/device.h"

enum { VI8042_QUEUE = 16 };

struct vi8042 {
	uint8_t ram[32]; /* byte 0 is the command byte */
	uint8_t status;
	uint8_t output;	 /* the output port: reset, A20 */
	uint8_t data;	 /* the output buffer, as it is read at 60h */
	uint8_t command; /* the controller's command that waits for its data byte; 0: none */
	bool irq;	 /* the level of IRQ 1 */

	uint8_t key_command; /* the keyboard's command that waits for its data byte; 0: none */
	bool key_scanning;
	uint8_t key_leds, key_rate, key_set;
	uint8_t key_last; /* what FEh (resend) sends again */
	uint8_t queue[VI8042_QUEUE], queue_first, queue_count;
};

extern const struct dev_class vi8042_class;

#endif

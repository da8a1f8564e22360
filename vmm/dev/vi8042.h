/* SPDX-License-Identifier: MIT */
/* The 8042 keyboard controller with a keyboard and a mouse (60h, 64h), and port 92h. */
#ifndef VMM_DEV_VI8042_H
#define VMM_DEV_VI8042_H

#include "vmm/dev/device.h"
#include "vmm/dev/vkeyboard.h"
#include "vmm/dev/vmouse.h"

enum { VI8042_RAM = 32 };

struct vi8042 {
	uint8_t ram[VI8042_RAM]; /* byte 0 is the command byte */
	uint8_t status;
	uint8_t output_port;
	uint8_t data;  /* the output buffer, as it is read at 60h */
	uint8_t reply; /* of the controller's own, while the output buffer is full */
	bool has_reply, reply_is_aux;
	uint8_t command;   /* the controller's command that waits for its data byte; 0: none */
	bool irq, aux_irq; /* the levels of IRQ 1 and IRQ 12 */
	struct vkeyboard keyboard;
	struct vmouse mouse;
};

extern const struct dev_class vi8042_class;

#endif

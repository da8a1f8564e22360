/* SPDX-License-Identifier: MIT */
/* Ports for those who debug: POST codes (80h), and, where the VM's config asks, E9h (text) and F4h
 * (exit). */
#ifndef VMM_DEV_VDEBUG_H
#define VMM_DEV_VDEBUG_H

#include "vmm/dev/device.h"

enum { VDEBUG_PAGES = 16 };

struct vdebug {
	uint8_t pages[VDEBUG_PAGES]; /* 80h … 8Fh: the DMA page registers, the first of which is the
					POST code */
};

extern const struct dev_class vdebug_class;

#endif

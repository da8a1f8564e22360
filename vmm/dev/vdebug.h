/* SPDX-License-Identifier: MIT */
/*
 * Ports for those who debug: POST codes (80h), and, where the VM's config asks, E9h (text) and F4h
 * (exit).
 */
#ifndef VMM_DEV_VDEBUG_H
#define VMM_DEV_VDEBUG_H

#include "vmm/dev/device.h"

struct vdebug {
	uint8_t post; /* the POST code: what port 80h was written with last */
};

extern const struct dev_class vdebug_class;

#endif

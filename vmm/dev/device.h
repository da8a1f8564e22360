/* SPDX-License-Identifier: MIT */
/* What a device of the guest's machine is to the rest: a row in devices.c's list. */
#ifndef VMM_DEVICE_H
#define VMM_DEVICE_H

#include "lib/types.h"

struct vm;

struct dev_class {
	const char *name;
	/* Claims ranges, sets the power-on state. 0 or a negative errno. */
	int (*init)(struct vm *vm);
	/* The machine's reset line. */
	void (*reset)(struct vm *vm);
	/* Stops timers; NULL where there is nothing to do. */
	void (*fini)(struct vm *vm);
};

/* THE list, in the order of creation; ends with NULL. devices.c */
extern const struct dev_class *const devices[];

/* Creates all, or none: a negative errno. */
must_check int devices_init(struct vm *vm);
void devices_reset(struct vm *vm);
void devices_fini(struct vm *vm);

#endif

/* SPDX-License-Identifier: MIT */
/* What a device of the guest's machine is to the rest: a row in devices.c's list. */
#ifndef VMM_DEVICE_H
#define VMM_DEVICE_H

#include "vmm/bus.h"

/* Ports that a device claims. A table of them ends with size 0. */
struct dev_ports {
	uint16_t base, size;
	const char *name;
	bus_access_fn *access; /* its dev is NULL: the device is found in struct vm */
};

struct dev_class {
	const char *name;
	/*
	 * Claimed before init(), given back after fini(); NULL: none, or the device claims itself.
	 */
	const struct dev_ports *ports;
	/*
	 * Claims what depends on the config, sets the power-on state. 0 or a negative errno. Caller
	 * holds vm->lock.
	 */
	int (*init)(struct vm *vm);
	/* The machine's reset line. Caller holds vm->lock. */
	void (*reset)(struct vm *vm);
	/* Stops timers, vm->lock not held; NULL where there is nothing to do. */
	void (*fini)(struct vm *vm);
	/*
	 * The guest's time stands still: timers stop, vm->lock not held; and it goes on, so many ns
	 * later, vm->lock held. NULL where time is nothing to the device.
	 */
	void (*freeze)(struct vm *vm);
	void (*thaw)(struct vm *vm, uint64_t ns);
};

/* THE list, in the order of creation; ends with NULL. devices.c */
extern const struct dev_class *const devices[];

/* Creates all, or none: a negative errno. vm->lock is not held. */
must_check int devices_init(struct vm *vm);
/* Caller holds vm->lock. */
void devices_reset(struct vm *vm);
/* vm->lock is not held. */
void devices_fini(struct vm *vm);
/* See dev_class. */
void devices_freeze(struct vm *vm);
void devices_thaw(struct vm *vm, uint64_t ns);

/* For a chip with eight data lines: does a wide access byte by byte, as a PC's bus bridge would. */
void device_split(struct vm *vm, void *dev, struct bus_access *a, bus_access_fn *byte_access);

#endif

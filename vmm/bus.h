/* SPDX-License-Identifier: MIT */
/* Ports or physical addresses → the device that claims them. Ranges are sorted; look-up takes no lock. */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include "lib/types.h"

struct vm;

/* One access, for ports and MMIO alike; the bus has already subtracted the range's base. */
struct bus_access {
	uint64_t offset;
	uint64_t value; /* of a read: all ones until the device says otherwise; of a write: cut to size */
	uint8_t size;	/* 1, 2, 4, 8 */
	bool write;
};

typedef void bus_access_fn(struct vm *vm, void *dev, struct bus_access *a);

struct bus_range {
	uint64_t base, size;
	const char *name; /* for diagnostics */
	bus_access_fn *access;
	void *dev;
	uint64_t accesses;
};

enum { BUS_RANGES = 48 };

struct bus {
	struct bus_range ranges[BUS_RANGES];
	unsigned count;
	unsigned last; /* the range that was hit last: looked at first */
	uint64_t unclaimed_reads, unclaimed_writes;
};

/* 0; -EINVAL: empty or wraps; -EEXIST: overlaps (logged, with both names); -ENOSPC. */
must_check int bus_register(struct bus *bus, uint64_t base, uint64_t size, const char *name,
			    bus_access_fn *access, void *dev);
void bus_unregister(struct bus *bus, uint64_t base);
/*
 * Does the access, or answers all ones and counts it as unclaimed. An access that begins in a range
 * and ends outside of it is split by bytes, as a PC's bus does. Returns whether a device answered.
 */
bool bus_access(struct vm *vm, struct bus *bus, uint64_t addr, struct bus_access *a);

#endif

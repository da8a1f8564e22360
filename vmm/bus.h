/* SPDX-License-Identifier: MIT */
/*
 * Ports or physical addresses → the device that claims them. Ranges are sorted; look-up takes no
 * lock.
 */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include "lib/types.h"

struct vm;

/* One access, for ports and MMIO alike; the bus has already subtracted the range's base. */
struct bus_access {
	uint64_t offset;
	uint64_t value; /* of a read: all ones until the device says otherwise; of a write: cut to
			   size */
	uint8_t size;	/* 1, 2, 4, 8 */
	bool write;
};

typedef void bus_access_fn(struct vm *vm, void *dev, struct bus_access *a);

struct bus_range {
	uint64_t base;
	uint64_t last;	       /* offset of its last byte: so that a range may be all of 2^64 */
	bus_access_fn *access; /* NULL: a gap between devices */
	void *dev;
	const char *name; /* for diagnostics; NULL: a gap */
	uint64_t accesses;
};

enum { BUS_DEVICES = 48, BUS_RANGES = 2 * BUS_DEVICES + 1 };

/* Zeroed, it is an empty bus. */
struct bus {
	struct bus_range ranges[BUS_RANGES]; /* sorted; with the gaps they cover everything */
	unsigned count;			     /* gaps included; 0: nothing was ever registered */
	unsigned hit;	       /* where in ranges, in bytes, the last access was: looked at first */
	uint64_t unclaimed[2]; /* reads, writes */
};

/* 0; -EINVAL: empty or wraps; -EEXIST: overlaps (logged, with both names); -ENOSPC. */
must_check int bus_register(struct bus *bus, uint64_t base, uint64_t size, const char *name,
			    bus_access_fn *access, void *dev);
/* Nothing happens where no device begins at base. */
void bus_unregister(struct bus *bus, uint64_t base);
/* The bits of an access of 1, 2, 4 and 8 bytes. */
extern const uint64_t bus_size_mask[];

static always_inline struct bus_range *bus_range_hit(struct bus *bus)
{
	return (struct bus_range *)((char *)bus->ranges + bus->hit);
}

/* One access that lies within r, its value and offset set. */
static always_inline bool bus_range_access(struct vm *vm, struct bus *bus, struct bus_range *r,
					   struct bus_access *a)
{
	if (!r->access) {
		bus->unclaimed[a->write]++;
		return false;
	}
	r->accesses++;
	r->access(vm, r->dev, a);
	a->value &= bus_size_mask[a->size];
	return true;
}

/* bus_access() anywhere but in the range of the last access. */
bool bus_access_other(struct vm *vm, struct bus *bus, uint64_t addr, struct bus_access *a);

/*
 * Does the access, or answers all ones and counts it as unclaimed. An access that begins in a range
 * and ends outside of it is split by bytes, as a PC's bus does. Returns whether a device answered.
 * In line, since every exit to a device comes by here.
 */
static always_inline bool bus_access(struct vm *vm, struct bus *bus, uint64_t addr,
				     struct bus_access *a)
{
	struct bus_range *r = bus_range_hit(bus);
	uint64_t offset = addr - r->base, mask = bus_size_mask[a->size];

	a->value = a->write ? a->value & mask : mask;
	/*
	 * On a bus that nothing was ever registered on, ranges[0] is all zero: it holds address 0.
	 */
	if (unlikely(offset > r->last || r->last - offset < a->size - 1u))
		return bus_access_other(vm, bus, addr, a);
	a->offset = offset;
	return bus_range_access(vm, bus, r, a);
}

#endif

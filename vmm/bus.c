/* SPDX-License-Identifier: MIT */
/*
 * The bus: which device claims an address. The ranges and the gaps between them partition the whole
 * address space, so that every access, claimed or not, is a hit in one sorted array, and a poll of
 * a port that nobody has costs no more than one of a device.
 */
#include "vmm/bus.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

static const struct bus_range everything = { .base = 0, .last = UINT64_MAX };

static uint64_t range_end(const struct bus_range *r)
{
	return r->base + r->last;
}

/* The index of the range or gap that addr is in. */
static unsigned range_find(const struct bus *bus, uint64_t addr)
{
	unsigned low = 0, high = bus->count - 1;

	while (low < high) {
		unsigned middle = (low + high + 1) / 2;

		if (bus->ranges[middle].base <= addr)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

static void range_insert(struct bus *bus, unsigned at, const struct bus_range *r)
{
	memmove(&bus->ranges[at + 1], &bus->ranges[at], (bus->count - at) * sizeof(*r));
	bus->ranges[at] = *r;
	bus->count++;
}

static void range_remove(struct bus *bus, unsigned at)
{
	bus->count--;
	memmove(&bus->ranges[at], &bus->ranges[at + 1], (bus->count - at) * sizeof(*bus->ranges));
}

static void bus_start(struct bus *bus)
{
	if (bus->count == 0) {
		bus->ranges[0] = everything;
		bus->count = 1;
	}
}

/* The first device in base … end, or NULL. */
static const struct bus_range *first_claim(const struct bus *bus, uint64_t base, uint64_t end)
{
	for (unsigned i = range_find(bus, base); i < bus->count; i++) {
		if (bus->ranges[i].base > end)
			return NULL;
		if (bus->ranges[i].access)
			return &bus->ranges[i];
	}
	return NULL;
}

int bus_register(struct bus *bus, uint64_t base, uint64_t size, const char *name,
		 bus_access_fn *access, void *dev)
{
	struct bus_range r = { .base = base, .last = size - 1, .access = access };
	const struct bus_range *other;
	uint64_t end = base + size - 1;
	struct bus_range gap;
	unsigned at;

	if (size == 0 || end < base || !access)
		return -EINVAL;
	bus_start(bus);
	other = first_claim(bus, base, end);
	if (other) {
		log_error("bus: %s at 0x%llx-0x%llx overlaps %s at 0x%llx-0x%llx", name,
			  (unsigned long long)base, (unsigned long long)end, other->name,
			  (unsigned long long)other->base, (unsigned long long)range_end(other));
		return -EEXIST;
	}
	/* A device makes at most two more of the ranges: itself, and the gap's second half. */
	if (bus->count + 2 > BUS_RANGES)
		return -ENOSPC;

	r.name = name;
	r.dev = dev;
	at = range_find(bus, base);
	gap = bus->ranges[at];
	bus->ranges[at] = r;
	if (end < range_end(&gap)) {
		struct bus_range after = { .base = end + 1, .last = range_end(&gap) - end - 1 };

		range_insert(bus, at + 1, &after);
	}
	if (base > gap.base) {
		struct bus_range before = { .base = gap.base, .last = base - gap.base - 1 };

		range_insert(bus, at, &before);
	}
	bus->hit = 0;
	return 0;
}

/* Makes one gap of the gaps at and at + 1. */
static void gaps_merge(struct bus *bus, unsigned at)
{
	bus->ranges[at].last = range_end(&bus->ranges[at + 1]) - bus->ranges[at].base;
	range_remove(bus, at + 1);
}

void bus_unregister(struct bus *bus, uint64_t base)
{
	struct bus_range *r;
	unsigned at;

	bus_start(bus);
	at = range_find(bus, base);
	r = &bus->ranges[at];
	if (r->base != base || !r->access)
		return;
	*r = (struct bus_range){ .base = r->base, .last = r->last };
	if (at + 1 < bus->count && !bus->ranges[at + 1].access)
		gaps_merge(bus, at);
	if (at > 0 && !bus->ranges[at - 1].access)
		gaps_merge(bus, at - 1);
	bus->hit = 0;
}

const uint64_t bus_size_mask[] = {
	[1] = UINT8_MAX, [2] = UINT16_MAX, [4] = UINT32_MAX, [8] = UINT64_MAX
};

/* Byte by byte, each to whom it belongs. */
static bool split_access(struct vm *vm, struct bus *bus, uint64_t addr, struct bus_access *a)
{
	uint64_t value = a->write ? a->value : 0;
	bool claimed = false;

	for (unsigned i = 0; i < a->size; i++) {
		struct bus_range *r = &bus->ranges[range_find(bus, addr + i)];
		struct bus_access byte = { .offset = addr + i - r->base, .size = 1 };

		byte.write = a->write;
		byte.value = a->write ? (value >> (8 * i)) & 0xff : 0xff;
		claimed |= bus_range_access(vm, bus, r, &byte);
		if (!a->write)
			value |= (byte.value & 0xff) << (8 * i);
	}
	a->value = value;
	return claimed;
}

bool bus_access_other(struct vm *vm, struct bus *bus, uint64_t addr, struct bus_access *a)
{
	struct bus_range *r;

	bus_start(bus);
	bus->hit = range_find(bus, addr) * sizeof(bus->ranges[0]);
	r = bus_range_hit(bus);
	a->offset = addr - r->base;
	if (r->last - a->offset < a->size - 1u)
		return split_access(vm, bus, addr, a);
	return bus_range_access(vm, bus, r, a);
}

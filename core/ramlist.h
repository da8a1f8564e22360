/* SPDX-License-Identifier: MIT */
/*
 * Which physical memory is free, from a boot map that may be wrong in every way: entries in any
 * order, overlapping, unaligned, too high. No hardware and no state: host tests drive it.
 */
#ifndef CORE_RAMLIST_H
#define CORE_RAMLIST_H

#include "boot/boot_info.h"

struct ramlist {
	const struct boot_region *regions; /* the boot map */
	unsigned region_count;
	const struct boot_region
		*taken; /* in use already, whatever the map says; size 0: nothing */
	unsigned taken_count;
	uint64_t end; /* memory from here on is left alone; 4 KiB-aligned */
};

/*
 * The lowest run of free pages at or after from: each of its pages is RAM to one entry of the map,
 * and no byte of it is anything else to another, or taken. Base and size are whole pages. Runs may
 * touch, never overlap; the next is found from the end of the last. False: there is none.
 */
bool ramlist_next(const struct ramlist *l, uint64_t from, struct boot_region *run);
/* The end of the highest RAM below l->end; what is taken counts too. */
uint64_t ramlist_end(const struct ramlist *l);

#endif

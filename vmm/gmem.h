/* SPDX-License-Identifier: MIT */
/*
 * A guest's physical memory: slots of host memory. All access of Plinth's to guest memory goes
 * through these functions, with the bounds checked here and nowhere else.
 */
#ifndef VMM_GMEM_H
#define VMM_GMEM_H

#include "lib/addr.h"

enum { GMEM_SLOTS = 16 };

enum gmem_flags { GMEM_ROM = 1 };

struct gmem_slot {
	gpa_t base;
	uint64_t size;
	uint8_t *host; /* the slot's bytes are contiguous in host virtual memory */
	unsigned flags;
	const char *name;
};

/*
 * Slots are sorted by base and do not overlap. main is a copy of the largest slot that is not ROM:
 * nearly every access falls there, so it is looked at first, in line.
 */
struct gmem {
	struct gmem_slot main;
	struct gmem_slot slots[GMEM_SLOTS];
	unsigned count;
};

/* -EINVAL: unaligned, empty, wraps or no host memory; -EEXIST: overlaps; -ENOSPC: too many. */
must_check int gmem_add(struct gmem *m, const struct gmem_slot *slot);
/* The slot that holds addr, or NULL. */
const struct gmem_slot *gmem_find(const struct gmem *m, gpa_t addr);
/* gmem_ptr() beyond the main slot. */
void *gmem_ptr_other(const struct gmem *m, gpa_t addr, uint64_t n, bool write);

/* Host pointer to n bytes at addr, all within one slot, or NULL. For writing, ROM gives NULL. */
static always_inline void *gmem_ptr(const struct gmem *m, gpa_t addr, uint64_t n, bool write)
{
	uint64_t offset = addr.raw - m->main.base.raw;

	if (likely(offset < m->main.size && n <= m->main.size - offset))
		return m->main.host + offset;
	return gmem_ptr_other(m, addr, n, write);
}

/* Host pointer to the 8 aligned bytes at addr, or NULL: slots are whole pages, so one look does. */
static always_inline const uint64_t *gmem_entry(const struct gmem *m, gpa_t addr)
{
	uint64_t offset = addr.raw - m->main.base.raw;

	if (likely(offset < m->main.size))
		return (const uint64_t *)(m->main.host + offset);
	return gmem_ptr_other(m, addr, sizeof(uint64_t), false);
}

/* 0, or -EFAULT when any byte is not memory (then nothing is copied). May cross adjacent slots. */
must_check int gmem_read(const struct gmem *m, gpa_t addr, void *buf, uint64_t n);
must_check int gmem_write(const struct gmem *m, gpa_t addr, const void *buf, uint64_t n);
must_check int gmem_zero(const struct gmem *m, gpa_t addr, uint64_t n);
/* Bytes of RAM (not ROM) in all slots. */
uint64_t gmem_size(const struct gmem *m);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A guest's physical memory. The one idea: every range is checked against the slots before a byte
 * moves, and the checks are written as offset < size and n <= size - offset, which cannot overflow.
 */
#include "vmm/gmem.h"

#include "lib/errno.h"
#include "lib/string.h"

/* Whether [base, base + size) of both meet; neither wraps, see gmem_add(). */
static bool slots_overlap(const struct gmem_slot *a, const struct gmem_slot *b)
{
	return a->base.raw < b->base.raw ? b->base.raw - a->base.raw < a->size
					 : a->base.raw - b->base.raw < b->size;
}

int gmem_add(struct gmem *m, const struct gmem_slot *slot)
{
	unsigned at = 0;

	if (!slot->size || !slot->host || !IS_ALIGNED(slot->base.raw | slot->size, PAGE_SIZE) ||
	    slot->base.raw + slot->size < slot->base.raw)
		return -EINVAL;
	for (unsigned i = 0; i < m->count; i++) {
		if (slots_overlap(&m->slots[i], slot))
			return -EEXIST;
		if (m->slots[i].base.raw < slot->base.raw)
			at = i + 1;
	}
	if (m->count == GMEM_SLOTS)
		return -ENOSPC;

	for (unsigned i = m->count; i > at; i--)
		m->slots[i] = m->slots[i - 1];
	m->slots[at] = *slot;
	m->count++;
	if (!(slot->flags & GMEM_ROM) && slot->size > m->main.size)
		m->main = *slot;
	return 0;
}

const struct gmem_slot *gmem_find(const struct gmem *m, gpa_t addr)
{
	for (unsigned i = 0; i < m->count; i++) {
		if (addr.raw - m->slots[i].base.raw < m->slots[i].size)
			return &m->slots[i];
	}
	return NULL;
}

void *gmem_ptr_other(const struct gmem *m, gpa_t addr, uint64_t n, bool write)
{
	const struct gmem_slot *s = gmem_find(m, addr);

	if (!s || (write && (s->flags & GMEM_ROM)))
		return NULL;

	uint64_t offset = addr.raw - s->base.raw;

	return n <= s->size - offset ? s->host + offset : NULL;
}

/* The host's pointer to addr, and in *part how many of n bytes lie in its slot; NULL: none. */
static uint8_t *part_find(const struct gmem *m, gpa_t addr, uint64_t n, bool write, uint64_t *part)
{
	const struct gmem_slot *s = gmem_find(m, addr);

	if (!s || (write && (s->flags & GMEM_ROM)))
		return NULL;

	uint64_t offset = addr.raw - s->base.raw;

	*part = MIN(n, s->size - offset);
	return s->host + offset;
}

/* Whether n bytes at addr are all memory, over as many adjacent slots as it takes. */
static bool range_is_memory(const struct gmem *m, gpa_t addr, uint64_t n, bool write)
{
	uint64_t part;

	for (; n; n -= part, addr.raw += part) {
		if (!part_find(m, addr, n, write, &part))
			return false;
	}
	return true;
}

int gmem_read(const struct gmem *m, gpa_t addr, void *buf, uint64_t n)
{
	uint8_t *to = buf;
	uint64_t part;

	if (!range_is_memory(m, addr, n, false))
		return -EFAULT;
	for (; n; n -= part, addr.raw += part, to += part) {
		const uint8_t *from = part_find(m, addr, n, false, &part);

		memcpy(to, from, part);
	}
	return 0;
}

int gmem_write(const struct gmem *m, gpa_t addr, const void *buf, uint64_t n)
{
	const uint8_t *from = buf;
	uint64_t part;

	if (!range_is_memory(m, addr, n, true))
		return -EFAULT;
	for (; n; n -= part, addr.raw += part, from += part) {
		uint8_t *to = part_find(m, addr, n, true, &part);

		memcpy(to, from, part);
	}
	return 0;
}

int gmem_zero(const struct gmem *m, gpa_t addr, uint64_t n)
{
	uint64_t part;

	if (!range_is_memory(m, addr, n, true))
		return -EFAULT;
	for (; n; n -= part, addr.raw += part) {
		uint8_t *to = part_find(m, addr, n, true, &part);

		memset(to, 0, part);
	}
	return 0;
}

uint64_t gmem_size(const struct gmem *m)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m->count; i++) {
		if (!(m->slots[i].flags & GMEM_ROM))
			sum += m->slots[i].size;
	}
	return sum;
}

/* SPDX-License-Identifier: MIT */
/* The guest's memory map, made from the slots of its memory, and places in it. See e820.h. */
#include "vmm/load/e820.h"

#include "lib/errno.h"

/* Appends [base, end); RAM that continues the last entry makes that one longer. */
static void map_append(struct e820 *map, uint64_t base, uint64_t end, enum e820_type type)
{
	struct e820_entry *last = map->count ? &map->entries[map->count - 1] : NULL;

	if (base >= end)
		return;
	if (last && last->type == type && last->base + last->size == base) {
		last->size += end - base;
		return;
	}
	if (map->count == E820_ENTRIES)
		return;
	map->entries[map->count++] =
		(struct e820_entry){ .base = base, .size = end - base, .type = type };
}

/* The part of each slot that lies in [low, high). */
static void ram_append(struct e820 *map, const struct gmem *mem, uint64_t low, uint64_t high)
{
	for (unsigned i = 0; i < mem->count; i++) {
		const struct gmem_slot *s = &mem->slots[i];
		uint64_t base = s->base.raw, end = base + s->size;

		if (!(s->flags & GMEM_ROM))
			map_append(map, MAX(base, low), MIN(end, high), E820_RAM);
	}
}

void e820_build(struct e820 *map, const struct gmem *mem)
{
	map->count = 0;
	ram_append(map, mem, 0, GUEST_EBDA);
	map_append(map, GUEST_EBDA, GUEST_LOW_END, E820_RESERVED);
	map_append(map, GUEST_ACPI, GUEST_SMBIOS_END, E820_RESERVED);
	ram_append(map, mem, GUEST_RAM, GUEST_PCI_HOLE);
	ram_append(map, mem, GUEST_PCI_HOLE_END, UINT64_MAX);
}

/* The RAM entry that holds base, or NULL. */
static const struct e820_entry *ram_find(const struct e820 *map, uint64_t base)
{
	for (unsigned i = 0; i < map->count; i++) {
		const struct e820_entry *e = &map->entries[i];

		if (e->type == E820_RAM && base >= e->base && base - e->base < e->size)
			return e;
	}
	return NULL;
}

bool e820_is_ram(const struct e820 *map, uint64_t base, uint64_t size)
{
	const struct e820_entry *e = ram_find(map, base);

	return e && size <= e->size - (base - e->base);
}

uint64_t e820_ram_end(const struct e820 *map, uint64_t base)
{
	const struct e820_entry *e = ram_find(map, base);

	return e ? e->base + e->size : base;
}

/* The part of an entry that is wanted: false where it is no RAM or too small. */
static bool entry_clip(const struct e820_entry *e, const struct e820_want *want, uint64_t *low,
		       uint64_t *high)
{
	if (e->type != E820_RAM)
		return false;
	*low = MAX(e->base, want->low);
	*high = MIN(e->base + e->size, want->high);
	return *low < *high && *high - *low >= want->size;
}

int e820_place_low(const struct e820 *map, const struct e820_want *want, uint64_t *base)
{
	uint64_t low, high, at;

	for (unsigned i = 0; i < map->count; i++) {
		if (!entry_clip(&map->entries[i], want, &low, &high))
			continue;
		at = ALIGN_UP(low, want->align);
		/* Below low: aligning went past the end of the address space. */
		if (at >= low && at <= high && high - at >= want->size) {
			*base = at;
			return 0;
		}
	}
	return -ENOSPC;
}

int e820_place_high(const struct e820 *map, const struct e820_want *want, uint64_t *base)
{
	uint64_t low, high, at;

	for (unsigned i = map->count; i-- > 0;) {
		if (!entry_clip(&map->entries[i], want, &low, &high))
			continue;
		at = ALIGN_DOWN(high - want->size, want->align);
		if (at >= low) {
			*base = at;
			return 0;
		}
	}
	return -ENOSPC;
}

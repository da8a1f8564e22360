/* SPDX-License-Identifier: MIT */
/*
 * The guest's physical address space, in one place, and the memory map that tells it to the guest.
 *
 *	0x00000000  RAM; the first page is the interrupt table and the BIOS data area
 *	0x0009fc00  EBDA (reserved)
 *	0x000a0000  the hole of the VGA: nothing
 *	0x000c0000  adapters' ROMs: all ones, no more than a PC without them has
 *	0x000e0000  ACPI tables (reserved), from 0x000f0000 on SMBIOS
 *	0x00100000  RAM up to 3 GiB or the end of memory
 *	0xc0000000  PCI windows, IOAPIC, LAPIC
 *	4 GiB       the rest of RAM
 */
#ifndef VMM_LOAD_E820_H
#define VMM_LOAD_E820_H

#include "lib/types.h"
#include "vmm/gmem.h"

#define GUEST_EBDA	   0x9fc00ul
#define GUEST_LOW_END	   0xa0000ul
#define GUEST_ROMS	   0xc0000ul
#define GUEST_ACPI	   0xe0000ul
#define GUEST_ACPI_END	   0xf0000ul
#define GUEST_SMBIOS	   0xf0000ul
#define GUEST_SMBIOS_END   0x100000ul
#define GUEST_RAM	   (1 * MIB)
#define GUEST_PCI_HOLE	   (3 * GIB)
#define GUEST_PCI_HOLE_END (4 * GIB)
#define GUEST_IOAPIC	   0xfec00000ul
#define GUEST_LAPIC	   0xfee00000ul

/* ACPI, "System Address Map Interfaces". */
enum e820_type { E820_RAM = 1, E820_RESERVED = 2 };

enum { E820_ENTRIES = 3 * GMEM_SLOTS + 2 };

/* An entry as the BIOS, Linux's zero page and multiboot lay it out. */
struct e820_entry {
	uint64_t base, size;
	uint32_t type;
} packed;

_Static_assert(sizeof(struct e820_entry) == 20, "the BIOS's layout");

struct e820 {
	struct e820_entry entries[E820_ENTRIES]; /* sorted, apart */
	unsigned count;
};

/* The map of a machine with these slots: RAM is where slots are, but for what is reserved above. */
void e820_build(struct e820 *map, const struct gmem *mem);
/* Whether [base, base + size) is RAM that the guest may use, all of it. */
bool e820_is_ram(const struct e820 *map, uint64_t base, uint64_t size);
/* The end of the RAM that base lies in; base where it is none. */
uint64_t e820_ram_end(const struct e820 *map, uint64_t base);

/* Where something of this size may lie. */
struct e820_want {
	uint64_t size;
	uint64_t align;	    /* a power of two */
	uint64_t low, high; /* within [low, high) */
};

/* The lowest, or highest, free place of a kind in RAM. 0, or -ENOSPC. */
must_check int e820_place_low(const struct e820 *map, const struct e820_want *want, uint64_t *base);
must_check int e820_place_high(const struct e820 *map, const struct e820_want *want,
			       uint64_t *base);

#endif

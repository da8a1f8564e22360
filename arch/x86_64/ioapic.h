/* SPDX-License-Identifier: MIT */
/*
 * The host's I/O APICs: from an interrupt line (a GSI, or an ISA bus's IRQ) to a vector on a CPU.
 */
#ifndef ARCH_IOAPIC_H
#define ARCH_IOAPIC_H

#include "lib/addr.h"

enum { IOAPICS_MAX = 16, IOAPIC_OVERRIDES_MAX = 32, ISA_IRQS = 16 };

struct ioapic_chip {
	hpa_t base;
	uint32_t gsi_base;
	uint8_t id;
};

/* An ISA interrupt that does not come in on the GSI of its own number, edge, active high. */
struct ioapic_override {
	uint32_t gsi;
	uint8_t irq;
	bool level, active_low;
};

/* What firmware says of the machine's interrupt wiring. */
struct ioapic_info {
	struct ioapic_chip chips[IOAPICS_MAX];
	unsigned chip_count;
	struct ioapic_override overrides[IOAPIC_OVERRIDES_MAX];
	unsigned override_count;
	bool has_8259; /* also the pair of PICs: they are to be silenced */
};

/* Masks every pin of every chip, and the PICs. 0, or -ENODEV with the reason logged. */
must_check int ioapic_init(const struct ioapic_info *info);

/*
 * Sends gsi to vector on the CPU apic_id; the pin stays masked. -ENOENT where no chip has that
 * GSI, -ERANGE where the CPU cannot be reached (IDs above 254 need interrupt remapping).
 */
must_check int ioapic_route(uint32_t gsi, uint8_t vector, uint32_t apic_id, bool level,
			    bool active_low);
/*
 * An ISA interrupt, with its override applied; *gsi (may be NULL) is what it is known by to the
 * rest.
 */
must_check int ioapic_isa(uint8_t irq, uint8_t vector, uint32_t apic_id, uint32_t *gsi);

/* Of a GSI that has been routed. */
void ioapic_mask(uint32_t gsi);
void ioapic_unmask(uint32_t gsi);

/* Pure: what irq's override says, or what the ISA bus's wiring is without one. */
struct ioapic_override ioapic_find_override(const struct ioapic_info *info, uint8_t irq);

#endif

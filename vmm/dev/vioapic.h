/* SPDX-License-Identifier: MIT */
/* The guest's I/O APIC: an 82093AA, 24 pins. */
#ifndef VMM_VIOAPIC_H
#define VMM_VIOAPIC_H

#include "arch/x86_64/apic.h"
#include "vmm/dev/device.h"

enum { VIOAPIC_PINS = 24 };

/* All under vm->lock. */
struct vioapic {
	uint64_t redir[VIOAPIC_PINS];
	uint32_t lines; /* bit n: pin n is asserted */
	uint8_t select;
	uint8_t id;
};

extern const struct dev_class vioapic_class;

/* Sets a pin's line, true: asserted, whatever the polarity. Caller holds vm->lock. */
void vioapic_line(struct vm *vm, unsigned pin, bool level);
/* A vCPU has ended a level-triggered vector. Takes vm->lock. */
void vioapic_eoi(struct vm *vm, uint8_t vector);

#endif

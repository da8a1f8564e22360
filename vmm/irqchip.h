/* SPDX-License-Identifier: MIT */
/* The way from a device's interrupt line to a vCPU: line → vPIC and vIOAPIC → vLAPIC → kick. */
#ifndef VMM_IRQCHIP_H
#define VMM_IRQCHIP_H

#include "lib/types.h"

struct vm;
struct vcpu;

/*
 * The ISA interrupts of a PC. ISA IRQ 0 arrives at IOAPIC pin 2 (the MADT says so), the others at
 * their own.
 */
enum isa_irq {
	IRQ_PIT = 0,
	IRQ_KEYBOARD = 1,
	IRQ_CASCADE = 2, /* no line of a device's: the second PIC is there */
	IRQ_COM2 = 3,
	IRQ_COM1 = 4,
	IRQ_RTC = 8,
	IRQ_SCI = 9,
	IRQ_MOUSE = 12,
};

/* Sets an ISA line's level. A pulse is true, then false. Caller holds vm->lock. */
void irqchip_line(struct vm *vm, unsigned isa_irq, bool level);

/* Both for v's own thread, without vm->lock. */

/* Whether v has an interrupt that its APIC (TPR included) or the PIC would deliver now. */
bool irqchip_pending(struct vcpu *v);
/* Takes that interrupt (INTA): its vector, the PIC's spurious one included; -1: there is none. */
int irqchip_take(struct vcpu *v);

#endif

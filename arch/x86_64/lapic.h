/* SPDX-License-Identifier: MIT */
/*
 * The host's local APIC, as x2APIC (by MSRs) where offered and else as xAPIC (in memory); and its
 * one-shot timer, set by TSC value whichever way the hardware counts.
 */
#ifndef ARCH_LAPIC_H
#define ARCH_LAPIC_H

#include "lib/addr.h"

/* A pin of the local APICs that firmware wired an NMI to. */
struct lapic_nmi {
	uint32_t uid; /* ACPI's number of the CPU */
	bool all;     /* every CPU: uid says nothing */
	uint8_t lint; /* 0 or 1 */
	bool level, active_low;
};

/* Vectors of the interrupts that the local APIC itself raises. */
struct lapic_vectors {
	uint8_t timer, error, spurious;
};

/*
 * On the first CPU: chooses the mode, switches the local APIC on, masks every source. base is
 * where ACPI says that xAPIC's page is. 0, or -ENODEV with the reason logged.
 */
must_check int lapic_init(hpa_t base, const struct lapic_vectors *vectors);
/* The same on a further CPU. */
must_check int lapic_init_cpu(void);
/* Opens the NMI pins of the CPU that calls, whose number in ACPI is uid. */
void lapic_enable_nmis(uint32_t uid, const struct lapic_nmi *nmis, unsigned n);

/* This CPU's. */
uint32_t lapic_id(void);
/* Whether x2APIC is on: IDs above 254 can be reached. */
bool lapic_is_x2apic(void);
void lapic_eoi(void);

/* A fixed interrupt to one CPU. What the caller wrote before is seen by the handler. */
void lapic_ipi(uint32_t apic_id, uint8_t vector);
void lapic_nmi_all_but_self(void);
/* INIT and the start-up IPI, which begins at page << 12. */
void lapic_ipi_init(uint32_t apic_id);
void lapic_ipi_startup(uint32_t apic_id, uint8_t page);

/* After tsc_calibrate(): the timer's rate; and the timer on, on the CPU that calls. */
must_check int lapic_timer_init(void);
void lapic_timer_init_cpu(void);
/*
 * One interrupt at this TSC value or soon after; at once when it has passed. A deadline that is
 * beyond the counter's reach gives an earlier interrupt. Replaces what was armed.
 */
void lapic_timer_arm_tsc(uint64_t deadline);
void lapic_timer_stop(void);

#endif

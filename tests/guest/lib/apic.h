/* SPDX-License-Identifier: MIT */
/* The local APIC in either mode, and the I/O APIC. */
#ifndef GUEST_APIC_H
#define GUEST_APIC_H

#include <stdbool.h>
#include <stdint.h>

/* Masks the PIC and all LVTs, sets TPR 0, and enables the APIC with spurious vector 0xFF. */
void apic_init(void);
/* For another CPU than the first: into the mode that the first is in, and enabled. */
void apic_init_cpu(void);
/* Enables the APIC and lets the PIC through LINT0, as firmware leaves a PC. */
void apic_init_virtual_wire(void);
bool apic_has_x2apic(void);
bool apic_has_tsc_deadline(void);
/* One way: back to xAPIC goes by apic_leave_x2apic(), through the disabled state. */
void apic_enter_x2apic(void);
void apic_leave_x2apic(void);
bool apic_in_x2apic(void);

/* By the register's MMIO offset in both modes. */
uint32_t apic_read(uint32_t reg);
void apic_write(uint32_t reg, uint32_t v);
void apic_eoi(void);
/* IRR, ISR or TMR bit of a vector. */
bool apic_bit(uint32_t bank, uint8_t vector);
void apic_send_self(uint8_t vector);
/* An ICR command to the own APIC by physical destination. */
void apic_send_icr(uint32_t low);
/* An ICR command to any; dest as the mode has it: 8 bits, or 32. */
void apic_send(uint32_t dest, uint32_t low);
/* Sets a handler that counts (trap_count) and does EOI. */
void apic_handle(uint8_t vector);

uint32_t ioapic_read(uint8_t reg);
void ioapic_write(uint8_t reg, uint32_t v);
unsigned ioapic_pins(void);
/* `low` is the entry's low half; the destination is the own APIC. */
void ioapic_set(unsigned pin, uint32_t low);

#endif

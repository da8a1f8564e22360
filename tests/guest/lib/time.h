/* SPDX-License-Identifier: MIT */
/* Time by the TSC, measured by the PIT's channel 2, and by the ACPI PM timer. */
#ifndef GUEST_TIME_H
#define GUEST_TIME_H

#include <stdint.h>

/* TSC ticks in a millisecond, by the PIT's channel 2: the least of three tries at first, then
 * known. */
uint64_t time_tsc_per_ms(void);
/* Takes the hypervisor's word for it, if there is one: for who has a CPU only now and then. */
void time_ask_hypervisor(void);
/* Waits by the TSC, so that waiting costs a hypervisor no exits. */
void time_wait_us(uint32_t us);
/* Sleeps by HLT and the local APIC's timer (vector 0xE0); interrupts are on meanwhile. */
void time_sleep_ms(uint32_t ms);
/* The PM timer's port from the FADT; 0: none. */
uint16_t time_pm_port(void);
/* Its 24 bits. */
uint32_t time_pm_read(void);
/* Ticks between two reads, through one wrap. */
uint32_t time_pm_delta(uint32_t from, uint32_t to);

#endif

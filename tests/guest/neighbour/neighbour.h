/* SPDX-License-Identifier: MIT */
/*
 * The parts of the guest that checks itself. Each has a *_set() that makes a state which nobody
 * else may change, and a *_check() that looks whether it is still so.
 */
#ifndef GUEST_NEIGHBOUR_H
#define GUEST_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

/* Another number for each n, the same for the same seed. */
static inline uint64_t pattern(uint64_t n)
{
	n += 0x9e3779b97f4a7c15ull;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ull;
	return n ^ n >> 29;
}

/* All RAM above the program and its stack, by pages, each in turn: checked, and filled anew. */
void memory_set(uint64_t seed);
/* So many pages. */
void memory_check(unsigned pages);
uint64_t memory_pages(void);

/* General registers, FPU, control registers, MSRs, debug registers, tables for paging, IDT, GDT. */
void state_set(uint64_t seed);
void state_check(uint64_t turn);

/* PIC, I/O APIC, local APIC, UART, CMOS, PCI. */
void devices_set(void);
void devices_check(uint64_t turn);

/*
 * TSC, PM timer, PIT and the local APIC's timer. One time for all of them: the PM timer's ticks,
 * of which there are PMTIMER_HZ a second.
 */
enum { TIMER_VECTOR = 0x60, TIMER_MS = 5 };
void clock_set(void);
/* To be called often: the longest time between two calls is how long others had the CPU. */
void clock_pulse(void);
/* Microseconds; 0 within the first fifth of a second. */
uint64_t clock_longest_us(void);
/* To be called once a second at least; returns the ticks since clock_set(). */
uint64_t clock_check(void);
/* How often the local APIC's timer has come, and how often it would, to one who is always there. */
uint32_t clock_interrupts(void);
uint64_t clock_interrupts_due(void);

/* registers.S: has these 15 in RAX … R15 (RSP left out) while it counts `turns` and makes an exit.
 */
void registers_hold(uint64_t *values, uint64_t turns);
void registers_load_ymm(const void *from);
void registers_store_ymm(void *to);

#endif

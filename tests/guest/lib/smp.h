/* SPDX-License-Identifier: MIT */
/*
 * The machine's other CPUs: found in the MADT, started by INIT and SIPI, each with stacks, a GDT
 * and a TSS of its own. CPU 0 is the one that boots; only it prints and checks.
 */
#ifndef GUEST_SMP_H
#define GUEST_SMP_H

#include <stdbool.h>
#include <stdint.h>

#include "trap.h"

enum { SMP_MAX = 64, SMP_STACK = 8192, SMP_VECTORS = 256 };

/* What a CPU started with: smp_entry.S stores it before anything else. */
struct smp_entry_state {
	uint32_t cr0, edx;
};

struct smp_cpu {
	uint32_t index, apic_id;
	volatile bool up;		      /* in its function */
	volatile uint64_t turns;	      /* its function's own use */
	volatile uint32_t count[SMP_VECTORS]; /* by smp_count_irqs() */
	struct smp_entry_state entry;
	struct trap_cpu trap;
	uint8_t stack[SMP_STACK] __attribute__((aligned(16)));
};

extern struct smp_cpu smp_cpus[SMP_MAX];
extern unsigned smp_n;

/* Reads the MADT; to be called first, on CPU 0, after apic_init(). Returns how many CPUs there are.
 */
unsigned smp_find(void);
/* The index of the CPU that calls. */
static inline unsigned smp_self(void)
{
	uint32_t index;

	asm volatile("movl %%gs:0, %0" : "=r"(index));
	return index;
}
/* Waits as long as an INIT takes. */
void smp_settle(void);
/* INIT; then, after 10 ms, what a SIPI needs is ready: smp_sipi() sends one. */
void smp_init(unsigned cpu);
void smp_sipi(unsigned cpu);
/* Starts it in fn(), and waits until it is there. False: it does not come. */
bool smp_start(unsigned cpu, void (*fn)(unsigned cpu));
/* All but CPU 0. A check fails for each that does not come. */
void smp_start_all(void (*fn)(unsigned cpu));
/* Waits until holds() does, for 20 s at most; false: in vain. */
bool smp_wait(bool (*holds)(uint64_t arg), uint64_t arg);
/* Has a vector counted by the CPU that takes it, with an EOI but for an NMI. */
void smp_count_irqs(uint8_t vector);
/* One line a CPU at a time. */
void smp_lock(void);
void smp_unlock(void);

/* smp_entry.S */
extern char smp_trampoline[], smp_trampoline_end[];
extern uint64_t smp_start_stack;
extern struct smp_entry_state smp_start_state;
void smp_c(void);

#endif

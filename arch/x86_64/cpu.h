/* SPDX-License-Identifier: MIT */
/*
 * A physical CPU: its descriptor tables and stacks, and what core/ keeps per CPU. Reached through
 * GS.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "lib/list.h"
#include "lib/types.h"

enum { CPUS_MAX = 64 };

/* The GDT: code and data at boot/start.S's selectors, then the TSS, which takes two entries. */
enum selector {
	SELECTOR_NULL = 0,
	SELECTOR_CODE = 0x08,
	SELECTOR_DATA = 0x10,
	SELECTOR_TSS = 0x18
};
enum { GDT_ENTRIES = 5 };

enum ist { IST_NONE, IST_NMI, IST_DF, IST_MC, ISTS };

/* SDM 3, "Task Management in 64-Bit Mode". */
struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7]; /* IST n is ist[n - 1] */
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map_base;
} packed;

_Static_assert(sizeof(struct tss) == 104, "the TSS is 104 bytes");

struct thread;
struct virt_vcpu;

struct cpu {
	struct cpu *self;
	unsigned id; /* 0, 1, …: ours */
	uint32_t apic_id;
	struct thread *thread; /* that runs now */
	struct thread *idle;
	bool resched; /* (atomic) the running thread is to give way at its next chance */
	uint64_t nmis,
		nmis_told; /* that nobody asked for: counted by the handler, told when idle */
	uint64_t irqs, timer_irqs; /* interrupts that came, and those of its timer; others read */
	uint64_t space_seen; /* atomic; core/space.c: what was unmapped until then is forgotten */
	struct virt_vcpu *loaded; /* whose registers this CPU holds */
	uint64_t gdt[GDT_ENTRIES];
	struct tss tss;
};

/* All CPUs that are up, by id. */
extern struct cpu *cpus[CPUS_MAX];
extern unsigned cpu_count;

/*
 * Read anew after each call: whatever may switch threads may come back on another CPU. (That the
 * memory operand is named, not used, tells the compiler so; between calls it may keep the value.)
 */
static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	__asm__("movq %%gs:0, %0" : "=r"(c) : "m"(cpus));
	return c;
}

/* Loads c's GDT, TSS and GS base on the CPU that calls. */
void cpu_load_tables(struct cpu *c);
/* Control-register features that every CPU has switched on: NX, WP, SMEP, SMAP, UMIP, PGE. */
void cpu_harden(void);

#endif

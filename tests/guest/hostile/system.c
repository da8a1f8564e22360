// SPDX-License-Identifier: MIT
/* Segment registers, descriptor tables and system registers with anything in them. */
#include "hostile.h"
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/trap.h"

enum { ACTS = 48, MSR_XSS = 0xda0, MSR_DEBUGCTL = 0x1d9, ENTRIES = 32 };

#define GDT_BYTES (8 * ENTRIES)
#define TABLE	  0x1000000ull /* descriptors at random; the first ones are this program's */
#define STACK	  0x1100000ull

static uint64_t argument;

/* QEMU's CPU takes a null selector, which a CPU refuses, and aborts at the next use of an IST. */
static void load_task(void)
{
	if (argument & 0xfffc)
		asm volatile("ltr %w0" ::"r"(argument));
}

static void load_segment(uint64_t which)
{
	switch (which) {
	case 0: asm volatile("mov %w0, %%ds" ::"r"(argument)); break;
	case 1: asm volatile("mov %w0, %%es" ::"r"(argument)); break;
	case 2: asm volatile("mov %w0, %%fs" ::"r"(argument)); break;
	case 3: asm volatile("mov %w0, %%gs" ::"r"(argument)); break;
	case 4: asm volatile("mov %w0, %%ss" ::"r"(argument)); break;
	case 5: asm volatile("lldt %w0" ::"r"(argument)); break;
	case 6: load_task(); break;
	case 7: asm volatile("lar %w0, %%eax" ::"r"(argument) : "rax", "cc"); break;
	case 8: asm volatile("verw %w0" ::"r"(argument) : "cc"); break;
	case 9: asm volatile("push %0; push $0x1000000; lretq" ::"r"(argument)); break;
	default: asm volatile("swapgs; wrfsbase %0; wrgsbase %0; swapgs" ::"r"(argument)); break;
	}
}

static void make_descriptors(void)
{
	uint64_t *table = (uint64_t *)TABLE;

	memcpy(table, start_gdt, SEL_BYTES);
	for (unsigned i = SEL_BYTES / 8; i < ENTRIES; i++) {
		table[i] = random_next();
		/* Mostly present, and often a segment that there is. */
		if (random_below(4))
			table[i] |= 1ull << 47;
		if (random_below(2))
			table[i] = (start_gdt[random_below(SEL_BYTES / 8)] ^
				    1ull << random_below(64)) |
				   1ull << 47;
	}
}

/* A selector of any of these, then the use of it by an exit and an interrupt. */
void round_segments(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) gdtr = { GDT_BYTES - 1, TABLE };

	for (unsigned i = 0; i < ACTS; i++) {
		if (i % 8 == 0)
			watchdog_start_hard();
		make_descriptors();
		watchdog_feed();
		asm volatile("lgdt %0" ::"m"(gdtr));
		write_cr4(read_cr4() | (random_below(2) ? CR4_FSGSBASE : 0));
		for (unsigned n = 0; n < 6; n++) {
			argument = random_below(4) ? random_below(GDT_BYTES) : random_value();
			trap_run(load_segment, random_below(11));
			cpuid(0, 0);
		}
		apic_send_icr(ICR_NMI | ICR_ASSERT);
		state_restore();
	}
	watchdog_start();
}

static void system_register(uint64_t which)
{
	switch (which) {
	case 0: wrmsr(MSR_XSS, argument); break;
	case 1: xsetbv(0, argument); break;
	case 2: xsetbv((uint32_t)argument, argument); break;
	case 3: write_cr8(argument); break;
	case 4: write_dr0(argument); break;
	case 5: write_dr1(argument); break;
	case 6: write_dr2(argument); break;
	case 7: write_dr3(argument); break;
	case 8: write_dr6(argument); break;
	case 9: write_dr7(argument); break;
	case 10: wrmsr(MSR_DEBUGCTL, argument); break;
	case 11: write_cr2(argument); break;
	case 12: wrmsr(MSR_EFER, argument); break;
	case 13: write_cr4(argument); break;
	case 14: wrmsr(MSR_TSC, argument); break;
	case 15: wrmsr(MSR_TSC_ADJUST, argument); break;
	case 16: wrmsr(MSR_SYSENTER_EIP, argument); break;
	case 17: wrmsr(MSR_LSTAR, argument); break;
	default: wrmsr(MSR_STAR, argument); break;
	}
}

static void use(uint64_t how)
{
	switch (how) {
	case 0: asm volatile("syscall"); break;
	case 1: asm volatile("sysenter"); break;
	case 2: asm volatile("mov %0, %%rsp; sysretq" ::"r"(STACK), "c"(argument)); break;
	case 3: asm volatile("sysexitq" ::"c"(STACK), "d"(argument)); break;
	case 4: asm volatile("int1"); break;
	case 5: asm volatile("xgetbv" ::"c"(0) : "rax", "rdx"); break;
	default: cpuid(0xd, 0); break;
	}
}

/* Breakpoints that are set hit the exits that come then; TSCs that jump, the watchdog's timers. */
void round_system_registers(void)
{
	static const uint64_t now[] = { 0, 3, 3, 0, 0, 0, 0, 0, DR6_FIXED, DR7_FIXED, 0, 0, 0xd01 };

	for (unsigned i = 0; i < ACTS; i++) {
		if (i % 8 == 0)
			watchdog_start_hard();
		watchdog_feed();
		write_cr4(read_cr4() | (random_below(4) ? CR4_OSXSAVE : 0));
		for (unsigned n = 0; n < 4; n++) {
			unsigned which = random_below(19);

			argument = random_change(which < sizeof(now) / sizeof(now[0]) ? now[which]
										      : 0);
			if (which == 13)
				argument = random_change(read_cr4());
			trap_run(system_register, which);
			trap_run(use, random_below(8));
		}
		state_restore();
		write_cr8(0);
	}
	watchdog_start();
}

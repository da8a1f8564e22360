// SPDX-License-Identifier: MIT
/*
 * A CPU moves its APIC's registers away and back, again and again, while
 * all others use theirs at the usual place. Where the hardware serves the registers, a page for
 * them is taken out of the tables that all CPUs share, and put back: each CPU has to see its own
 * registers at all times, and where it has none, nothing.
 */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/smp.h"
#include "lib/test.h"
#include "lib/time.h"

enum { ROUNDS = 100, LDR_MARK = 0x5a };
#define ELSEWHERE 0xfed80000ull
#define NOTHING	  0xffffffffu
#define BASE_BITS 0xfffff000ull

static volatile uint64_t wrong, seen_wrong;
static volatile bool stop;
static volatile unsigned stopped;

static void use_own(unsigned cpu)
{
	uint32_t id = smp_cpus[cpu].apic_id << 24, mark = (uint32_t)(LDR_MARK + cpu) << 24;

	mmio_write32(LAPIC_BASE + LAPIC_LDR, mark);
	while (!stop) {
		uint32_t got = mmio_read32(LAPIC_BASE + LAPIC_ID);
		uint32_t ldr = mmio_read32(LAPIC_BASE + LAPIC_LDR);

		if (got != id || ldr != mark) {
			seen_wrong = (uint64_t)got << 32 | ldr;
			wrong++;
		}
		smp_cpus[cpu].turns++;
		pause();
	}
	__atomic_fetch_add(&stopped, 1, __ATOMIC_SEQ_CST);
}

static uint64_t turns[SMP_MAX];

static bool others_turned(uint64_t unused)
{
	(void)unused;
	for (unsigned i = 1; i < smp_n; i++)
		if (smp_cpus[i].turns < turns[i] + 2)
			return false;
	return true;
}

/* Lets each of the others look, from the beginning of a turn to its end. */
static void let_look(void)
{
	for (unsigned i = 1; i < smp_n; i++)
		turns[i] = smp_cpus[i].turns;
	check_true("the others go on", smp_wait(others_turned, 0));
}

static void move(uint64_t base)
{
	wrmsr(MSR_APIC_BASE, (rdmsr(MSR_APIC_BASE) & ~BASE_BITS) | base);
}

static void one_round(unsigned n)
{
	move(ELSEWHERE);
	check_eq("the registers are where they were moved to", (uint64_t)LDR_MARK << 24,
		 mmio_read32(ELSEWHERE + LAPIC_LDR));
	check_eq("and gone from where they were", NOTHING, mmio_read32(LAPIC_BASE + LAPIC_LDR));
	if (n % 4 == 0)
		let_look();
	check_eq("still", NOTHING, mmio_read32(LAPIC_BASE + LAPIC_LDR));
	move(LAPIC_BASE);
	check_eq("they are back", (uint64_t)LDR_MARK << 24, mmio_read32(LAPIC_BASE + LAPIC_LDR));
	check_eq("and gone from there", NOTHING, mmio_read32(ELSEWHERE + LAPIC_LDR));
	if (n % 4 == 1)
		let_look();
}

static bool all_stopped(uint64_t unused)
{
	(void)unused;
	return stopped == smp_n - 1;
}

void guest_main(void)
{
	apic_init();
	if (!check_true("there are several CPUs", smp_find() > 1))
		return;
	/* Neither of the emulators moves them alone. */
	if (!test_has_hypervisor())
		return;
	mmio_write32(LAPIC_BASE + LAPIC_LDR, (uint32_t)LDR_MARK << 24);
	smp_start_all(use_own);
	for (unsigned n = 0; n < ROUNDS; n++)
		one_round(n);
	stop = true;
	check_true("all come to their end", smp_wait(all_stopped, 0));
	if (!check_eq("wrong readings of the others", 0, wrong))
		print("ID and LDR were 0x%lx\n", seen_wrong);
	apic_enter_x2apic();
	check_eq("none in memory for an x2APIC", NOTHING, mmio_read32(LAPIC_BASE + LAPIC_ID));
}

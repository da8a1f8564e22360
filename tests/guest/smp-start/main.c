// SPDX-License-Identifier: MIT
/* The start of the other CPUs: INIT and SIPI, what they keep and ignore, and who CPUID says they
 * are. */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/smp.h"
#include "lib/test.h"
#include "lib/time.h"

enum { LEAF_TOPOLOGY = 0xb, LEAF_CORE = 0x8000001e, FCW_ODD = 0x0260 };
enum { CR0_AFTER_INIT = 0x10, TURNS = 1000 };
#define STAR_ODD 0x0123456789abcdefull

static volatile uint32_t ids[SMP_MAX][3];
static volatile uint16_t fcw[SMP_MAX];
static volatile uint64_t star[SMP_MAX];

static void identify(unsigned cpu)
{
	ids[cpu][0] = apic_read(LAPIC_ID) >> 24;
	ids[cpu][1] = cpuid(1, 0).ebx >> 24;
	ids[cpu][2] = cpuid(0, 0).eax >= LEAF_TOPOLOGY ? cpuid(LEAF_TOPOLOGY, 0).edx : ids[cpu][1];
}

static uint16_t read_fcw(void)
{
	uint16_t word;

	asm volatile("fnstcw %0" : "=m"(word));
	return word;
}

static void spin(unsigned cpu)
{
	uint16_t word = FCW_ODD;

	fcw[cpu] = read_fcw();
	star[cpu] = rdmsr(MSR_STAR);
	identify(cpu);
	asm volatile("fldcw %0" ::"m"(word));
	wrmsr(MSR_STAR, STAR_ODD + cpu);
	for (;;) {
		smp_cpus[cpu].turns++;
		pause();
	}
}

static void halt(unsigned cpu)
{
	smp_cpus[cpu].turns++;
	for (;;)
		hlt_with_irq();
}

static bool has_turned(uint64_t cpu)
{
	return smp_cpus[cpu].turns > TURNS;
}

static bool all_have_turned(uint64_t unused)
{
	(void)unused;
	for (unsigned i = 1; i < smp_n; i++)
		if (!has_turned(i))
			return false;
	return true;
}

static void test_start(void)
{
	smp_start_all(spin);
	check_true("all run at once", smp_wait(all_have_turned, 0));
	for (unsigned i = 1; i < smp_n; i++) {
		check_eq("APIC ID register", smp_cpus[i].apic_id, ids[i][0]);
		check_eq("CPUID's APIC ID", smp_cpus[i].apic_id, ids[i][1]);
		check_eq("CPUID's x2APIC ID", smp_cpus[i].apic_id, ids[i][2]);
		check_eq("EDX after the start is the CPU's signature", cpuid(1, 0).eax,
			 smp_cpus[i].entry.edx);
	}
}

static void test_cpuid(void)
{
	struct cpuid_regs core = { 0 };

	check_true("CPUID.1 announces several CPUs", cpuid(1, 0).edx & 1u << 28);
	check_range("CPUID.1 counts them", smp_n, 64, cpuid(1, 0).ebx >> 16 & 0xff);
	if (cpuid(0, 0).eax >= LEAF_TOPOLOGY)
		core = cpuid(LEAF_TOPOLOGY, 1);
	if (core.ecx >> 8 & 0xff) {
		check_eq("one thread a core", 1, cpuid(LEAF_TOPOLOGY, 0).ebx);
		check_eq("no bits of the ID for threads", 0, cpuid(LEAF_TOPOLOGY, 0).eax & 0x1f);
		check_eq("all cores in one package", smp_n, core.ebx & 0xffff);
		check_true("the ID's bits suffice", 1u << (core.eax & 0x1f) >= smp_n);
	}
	if (cpuid(0x80000000, 0).eax >= LEAF_CORE && cpuid(0x80000001, 0).ecx & 1u << 22)
		check_eq("AMD's extended APIC ID", smp_cpus[0].apic_id, cpuid(LEAF_CORE, 0).eax);
	if (cpuid(0x80000000, 0).eax >= 0x80000008 && cpuid(0, 0).ecx == 0x444d4163)
		check_eq("AMD's count of cores", smp_n - 1, cpuid(0x80000008, 0).ecx & 0xff);
}

/* A SIPI for one that runs is nothing. */
static void test_late_sipi(void)
{
	uint64_t before;

	smp_sipi(1);
	apic_send(smp_cpus[1].apic_id, ICR_SIPI | ICR_ASSERT | 0x9f);
	before = smp_cpus[1].turns;
	smp_cpus[1].turns = 0;
	check_true("it runs on after another SIPI", smp_wait(has_turned, 1));
	check_true("and had run", before > TURNS);
}

static bool stands(uint64_t cpu)
{
	uint64_t before = smp_cpus[cpu].turns;

	time_wait_us(5000);
	return before == smp_cpus[cpu].turns;
}

/* On QEMU alone an INIT comes when the other CPU's thread looks for it. */
static void check_stopped(const char *what, unsigned cpu)
{
	check_true(what, smp_wait(stands, cpu));
}

static void test_init(void)
{
	bool bare = test_is_bare_tcg();

	smp_init(1);
	check_stopped("INIT stops it", 1);
	time_wait_us(1000);
	smp_init(1); /* again, while it waits */
	check_stopped("INIT while it waits for a SIPI is nothing", 1);
	smp_cpus[1].turns = 0;
	check_true("it starts again", smp_start(1, spin));
	check_true("and runs", smp_wait(has_turned, 1));
	test_tolerate(bare, "QEMU's INIT is a RESET");
	check_eq("INIT keeps the FPU", FCW_ODD, fcw[1]);
	check_eq("INIT keeps the MSRs", STAR_ODD + 1, star[1]);
	check_eq("INIT keeps CR0.CD and NW", CR0_AFTER_INIT, smp_cpus[1].entry.cr0);
	test_tolerate_end();
	check_true("INIT of one that halts", smp_start(1, halt));
	check_true("starts it", smp_start(1, spin));
}

/* These are none (SDM Vol. 3, "Valid Combinations"); QEMU alone does them. */
static void test_refused(void)
{
	if (!test_has_hypervisor())
		return;
	apic_send_icr(ICR_INIT | ICR_ASSERT | ICR_SELF);
	apic_send_icr(ICR_SIPI | ICR_ASSERT | ICR_SELF | 0x9f);
	smp_cpus[1].turns = 0;
	apic_send_icr(ICR_INIT | ICR_ASSERT | ICR_ALL);
	check_true("INIT to all with oneself is nothing", smp_wait(has_turned, 1));
}

static void test_others(void)
{
	apic_send_icr(ICR_INIT | ICR_ASSERT | ICR_LEVEL | ICR_OTHERS);
	apic_send_icr(ICR_INIT | ICR_LEVEL | ICR_OTHERS);
	smp_settle();
	for (unsigned i = 1; i < smp_n; i++) {
		check_stopped("INIT to all others stops each", i);
		smp_cpus[i].turns = 0;
	}
	smp_start_all(spin);
	check_true("and they start again", smp_wait(all_have_turned, 0));
}

void guest_main(void)
{
	apic_init();
	if (!check_true("there are several CPUs", smp_find() > 1))
		return;
	print("%u CPUs\n", smp_n);
	test_cpuid();
	test_start();
	test_late_sipi();
	test_init();
	test_refused();
	test_others();
}

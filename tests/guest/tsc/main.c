// SPDX-License-Identifier: MIT
/* The TSC: never back, at the PM timer's pace, across exits and sleep; TSC_ADJUST, RDTSCP, TSD. */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { TURNS = 2000 };

static void test_monotonic(void)
{
	uint64_t last = rdtsc(), now;
	unsigned back = 0;

	for (int i = 0; i < TURNS; i++) {
		if (i % 3 == 0)
			cpuid(0, 0);
		if (i % 3 == 1)
			inb(PORT_61);
		now = rdtsc();
		back += now <= last;
		last = now;
	}
	check_eq("times that the TSC did not move on", 0, back);
}

/* The rate over work, over exits and over sleep is one rate. */
static void test_rate(void)
{
	uint64_t start, by_work, by_sleep;
	uint32_t pm;

	pm = time_pm_read();
	start = rdtsc();
	time_wait_us(20000);
	by_work = rdtsc() - start;
	pm = time_pm_delta(pm, time_pm_read());
	by_work = by_work * PMTIMER_HZ / pm;
	pm = time_pm_read();
	start = rdtsc();
	time_sleep_ms(100);
	by_sleep = rdtsc() - start;
	pm = time_pm_delta(pm, time_pm_read());
	by_sleep = by_sleep * PMTIMER_HZ / pm;
	print("TSC %lu kHz at work, %lu kHz asleep\n", by_work / 1000, by_sleep / 1000);
	check_range("the TSC's rate asleep, by its rate at work (per mille)", 980, 1020,
		    by_sleep * 1000 / by_work);
}

static void test_adjust(void)
{
	uint64_t adjust, step = 1ull << 42, before;

	if (!(cpuid(7, 0).ebx & 2))
		return;
	adjust = rdmsr(MSR_TSC_ADJUST);
	before = rdtsc();
	wrmsr(MSR_TSC_ADJUST, adjust + step);
	check_range("the TSC after TSC_ADJUST was raised", before + step, before + step + step / 16,
		    rdtsc());
	check_eq("TSC_ADJUST", adjust + step, rdmsr(MSR_TSC_ADJUST));
	wrmsr(MSR_TSC_ADJUST, adjust);
	check_range("the TSC after TSC_ADJUST was put back", before, before + step / 16, rdtsc());
	before = rdtsc();
	wrmsr(MSR_TSC, before + step);
	check_range("TSC_ADJUST follows a write of the TSC", adjust + step - step / 16,
		    adjust + step + step / 16, rdmsr(MSR_TSC_ADJUST));
	wrmsr(MSR_TSC_ADJUST, adjust);
	check_range("the TSC is back", before, before + step / 16, rdtsc());
}

static void test_rdtscp(void)
{
	uint32_t lo, hi, aux;
	uint64_t before, after;

	if (!(cpuid(0x80000001, 0).edx & 1u << 27))
		return;
	wrmsr(MSR_TSC_AUX, 77);
	cpuid(0, 0);
	before = rdtsc();
	asm volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux)::"memory");
	after = rdtsc();
	check_eq("RDTSCP: TSC_AUX", 77, aux);
	check_range("RDTSCP lies between two RDTSC", before, after, (uint64_t)hi << 32 | lo);
}

/* CR4.TSD forbids RDTSC to ring 3. */
static void test_tsd(void)
{
	uint8_t *code = page_alloc();
	uint64_t va = PAGING_FREE_VA;

	code[0] = 0x0f; /* rdtsc */
	code[1] = 0x31;
	code[2] = 0x0f; /* ud2 */
	code[3] = 0x0b;
	page_map(va, (uint64_t)code, PTE_P | PTE_W | PTE_U);
	check_eq("ring 3: RDTSC", VEC_UD, trap_run_user(va, va + 0x800, RFLAGS_FIXED));
	write_cr4(read_cr4() | CR4_TSD);
	check_eq("ring 3: RDTSC with CR4.TSD", VEC_GP, trap_run_user(va, va + 0x800, RFLAGS_FIXED));
	write_cr4(read_cr4() & ~CR4_TSD);
}

void guest_main(void)
{
	apic_init();
	time_tsc_per_ms();
	test_monotonic();
	test_rate();
	test_adjust();
	test_rdtscp();
	test_tsd();
}

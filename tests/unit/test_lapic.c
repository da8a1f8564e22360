/* SPDX-License-Identifier: MIT */
/* sources: arch/x86_64/tsc.c arch/x86_64/features.c lib/str.c tests/fake/log.c */
/*
 * The host's local APIC: what is written to which register, in both modes, and that no deadline is
 * lost however near or far. The driver is compiled into this file with a fake of the instructions
 * that reach hardware; xAPIC's page is an array.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/apic.h"
#include "arch/x86_64/mmio.h"
#include "arch/x86_64/msr.h"

/* The rest of asm.h is wanted, these three not. */
#define rdmsr host_rdmsr
#define wrmsr host_wrmsr
#define rdtsc host_rdtsc
#include "arch/x86_64/asm.h"
#undef rdmsr
#undef wrmsr
#undef rdtsc

static uint8_t page[4096] aligned(4096);
static uint64_t tsc, apic_base, deadline, icr, x2apic[64];
static unsigned msr_writes;

static uint64_t rdmsr(uint32_t msr)
{
	if (msr == MSR_APIC_BASE)
		return apic_base;
	assert_in_range(msr, MSR_X2APIC_BASE, MSR_X2APIC_BASE + 63);
	return x2apic[msr - MSR_X2APIC_BASE];
}

static void wrmsr(uint32_t msr, uint64_t value)
{
	msr_writes++;
	if (msr == MSR_APIC_BASE) {
		/* From off straight to x2APIC is a #GP. */
		assert_true(apic_base & APIC_BASE_ENABLE || !(value & APIC_BASE_X2APIC));
		apic_base = value;
	} else if (msr == MSR_TSC_DEADLINE) {
		deadline = value;
	} else if (msr == MSR_X2APIC_BASE + APIC_ICR_LOW / 16) {
		icr = value;
	} else {
		assert_in_range(msr, MSR_X2APIC_BASE, MSR_X2APIC_BASE + 63);
		assert_int_equal(value >> 32, 0);
		x2apic[msr - MSR_X2APIC_BASE] = value;
	}
}

static uint64_t rdtsc(void)
{
	return tsc;
}

#include "arch/x86_64/lapic.c"

void *mmio_map(hpa_t addr, uint64_t size)
{
	assert_int_equal(addr.raw, 0xfee00000);
	assert_int_equal(size, 4096);
	return page;
}

static uint32_t reg(enum apic_reg r)
{
	return *(uint32_t *)(page + r);
}

static void set_reg(enum apic_reg r, uint32_t value)
{
	*(uint32_t *)(page + r) = value;
}

static const struct lapic_vectors test_vectors = { .timer = 0xf0, .error = 0xfe, .spurious = 0xff };

static int setup(void **state)
{
	(void)state;
	memset(&lapic, 0, sizeof(lapic));
	memset(page, 0, sizeof(page));
	memset(x2apic, 0, sizeof(x2apic));
	memset(&features, 0, sizeof(features));
	features.phys_bits = 40;
	apic_base = 0xfee00000 | APIC_BASE_ENABLE | APIC_BASE_BSP;
	deadline = icr = msr_writes = 0;
	tsc = 1000000;
	tsc_host = tsc_scale_make(2500000000);
	return 0;
}

static void test_init_xapic(void **state)
{
	(void)state;
	set_reg(APIC_ID, 5u << 24);
	set_reg(APIC_VERSION, 0x50014);
	set_reg(APIC_TPR, 0x20);
	assert_int_equal(lapic_init(hpa(0), &test_vectors), 0);
	assert_false(lapic_is_x2apic());
	assert_int_equal(lapic_id(), 5);
	assert_int_equal(reg(APIC_SVR), 0x1ff);
	assert_int_equal(reg(APIC_TPR), 0);
	assert_int_equal(reg(APIC_LVT_TIMER), 0x100f0);
	assert_int_equal(reg(APIC_LVT_LINT0), APIC_LVT_MASKED);
	assert_int_equal(reg(APIC_LVT_LINT1), APIC_LVT_MASKED);
	assert_int_equal(reg(APIC_LVT_PERF), APIC_LVT_MASKED);
	assert_int_equal(reg(APIC_LVT_THERMAL), APIC_LVT_MASKED);
	assert_int_equal(reg(APIC_LVT_ERROR), 0xfe);
	/* Entry 6 is not there: in x2APIC mode a write to it would be a #GP. */
	assert_int_equal(reg(APIC_LVT_CMCI), 0);
}

static void test_init_x2apic(void **state)
{
	(void)state;
	features.words[WORD_1_ECX] = CPUID_1_ECX_X2APIC;
	apic_base &= ~APIC_BASE_ENABLE;
	x2apic[APIC_ID / 16] = 0x12345;
	assert_int_equal(lapic_init(hpa(0xfee00000), &test_vectors), 0);
	assert_int_equal(apic_base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC),
			 APIC_BASE_ENABLE | APIC_BASE_X2APIC);
	assert_int_equal(lapic_id(), 0x12345);
	assert_int_equal(x2apic[APIC_SVR / 16], 0x1ff);
	assert_int_equal(reg(APIC_SVR), 0);
	lapic_ipi(0x100, 0x41);
	assert_int_equal(icr, 0x10000004041);
}

static void test_ipis(void **state)
{
	(void)state;
	assert_int_equal(lapic_init(hpa(0), &test_vectors), 0);
	lapic_ipi(3, 0x41);
	assert_int_equal(reg(APIC_ICR_HIGH), 3u << 24);
	assert_int_equal(reg(APIC_ICR_LOW), 0x4041);
	lapic_nmi_all_but_self();
	assert_int_equal(reg(APIC_ICR_LOW), 0xc4400);
	lapic_ipi_init(3);
	assert_int_equal(reg(APIC_ICR_LOW), 0x4500);
	lapic_ipi_startup(3, 8);
	assert_int_equal(reg(APIC_ICR_LOW), 0x4608);
}

static void test_nmi_pins(void **state)
{
	static const struct lapic_nmi nmis[] = {
		{ .uid = 7, .lint = 0, .active_low = true },
		{ .uid = 0xff, .all = true, .lint = 1 },
	};

	(void)state;
	assert_int_equal(lapic_init(hpa(0), &test_vectors), 0);
	lapic_enable_nmis(6, nmis, 2);
	assert_int_equal(reg(APIC_LVT_LINT0), APIC_LVT_MASKED);
	assert_int_equal(reg(APIC_LVT_LINT1), 0x400);
	lapic_enable_nmis(7, nmis, 2);
	assert_int_equal(reg(APIC_LVT_LINT0), 0x2400);
}

/* The timer at num / den of the TSC's rate. */
static void start_timer(uint64_t num, uint64_t den)
{
	assert_int_equal(lapic_init(hpa(0), &test_vectors), 0);
	lapic.ticks = ratio_make(num, den);
	lapic_timer_init_cpu();
	assert_int_equal(reg(APIC_LVT_TIMER), 0xf0);
	assert_int_equal(reg(APIC_DIVIDE), APIC_DIVIDE_BY_1);
}

static uint32_t arm(uint64_t when)
{
	set_reg(APIC_INITIAL_COUNT, 0);
	lapic_timer_arm_tsc(when);
	return reg(APIC_INITIAL_COUNT);
}

static void test_one_shot(void **state)
{
	static const struct {
		uint32_t num, den;
	} rates[] = { { 1, 1 }, { 1, 25 }, { 2, 5 }, { 3, 1 }, { 24, 3001 }, { 999999, 1000000 } };

	(void)state;
	for (unsigned r = 0; r < ARRAY_SIZE(rates); r++) {
		start_timer(rates[r].num, rates[r].den);
		/* What has passed, or is now, comes at once; 0 would never come. */
		assert_int_equal(arm(0), 1);
		assert_int_equal(arm(tsc - 1), 1);
		assert_int_equal(arm(tsc), 1);
		assert_in_range(arm(tsc + 1), 1, 1 + rates[r].num);
		for (unsigned bit = 1; bit < 64; bit++) {
			uint64_t ticks = BIT(bit) + bit;
			unsigned __int128 want =
				(unsigned __int128)ticks * rates[r].num / rates[r].den;
			uint32_t count = arm(tsc + ticks);

			/* Never before the deadline, unless it is beyond the counter's reach. */
			if (want >= UINT32_MAX)
				assert_int_equal(count, UINT32_MAX);
			else
				assert_in_range(count, (uint32_t)want, (uint32_t)want + 1);
		}
		assert_int_equal(arm(UINT64_MAX), UINT32_MAX);
	}
	lapic_timer_stop();
	assert_int_equal(reg(APIC_INITIAL_COUNT), 0);
}

static void test_deadline(void **state)
{
	(void)state;
	features.words[WORD_1_ECX] = CPUID_1_ECX_TSC_DEADLINE;
	assert_int_equal(lapic_init(hpa(0), &test_vectors), 0);
	assert_int_equal(lapic_timer_init(), 0);
	assert_int_equal(reg(APIC_LVT_TIMER), 0x400f0);
	lapic_timer_arm_tsc(123456789);
	assert_int_equal(deadline, 123456789);
	lapic_timer_arm_tsc(UINT64_MAX);
	assert_int_equal(deadline, UINT64_MAX);
	/* 0 would switch it off. */
	lapic_timer_arm_tsc(0);
	assert_int_equal(deadline, 1);
	lapic_timer_stop();
	assert_int_equal(deadline, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_init_xapic, setup),
		cmocka_unit_test_setup(test_init_x2apic, setup),
		cmocka_unit_test_setup(test_ipis, setup),
		cmocka_unit_test_setup(test_nmi_pins, setup),
		cmocka_unit_test_setup(test_one_shot, setup),
		cmocka_unit_test_setup(test_deadline, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

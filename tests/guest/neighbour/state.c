// SPDX-License-Identifier: MIT
/* The CPU's registers, and the tables that it works by. */
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/trap.h"
#include "neighbour.h"

enum { GPRS = 15, YMM_BYTES = 16 * 32, FXSAVE_BYTES = 512, TURNS = 500 };
enum { XSAVE_BIT = 26, AVX_BIT = 28, RDTSCP_BIT = 27, TABLE_PAGES = 6 };
enum { MXCSR_ROUND_UP = 0x5f80, FCW = 0x27f, XCR0_AVX_AND_BELOW = 7 };
/* Canonical, and without bits that any of these registers has not. */
#define ADDRESS_BITS 0x00007ffffffffff8ull

static const struct {
	uint32_t msr;
	uint64_t bits; /* that are set to anything; 0: it stays as it is */
} msrs[] = {
	{ MSR_STAR, ~0ull },
	{ MSR_LSTAR, ADDRESS_BITS },
	{ MSR_CSTAR, ADDRESS_BITS },
	{ MSR_SFMASK, 0xffff },
	{ MSR_KERNEL_GS_BASE, ADDRESS_BITS },
	{ MSR_FS_BASE, ADDRESS_BITS },
	{ MSR_GS_BASE, ADDRESS_BITS },
	{ MSR_SYSENTER_CS, 0xffff },
	{ MSR_SYSENTER_ESP, ADDRESS_BITS },
	{ MSR_SYSENTER_EIP, ADDRESS_BITS },
	{ MSR_EFER, 0 },
	{ MSR_PAT, 0 },
	{ MSR_APIC_BASE, 0 },
	{ MSR_MTRR_DEF_TYPE, 0 },
};

enum { MSRS = sizeof(msrs) / sizeof(msrs[0]), REGISTERS = 12 };

static struct {
	uint64_t seed, msrs[MSRS], registers[REGISTERS], tables;
	bool has_avx, has_tsc_aux;
} state;

static uint8_t ymm[YMM_BYTES] __attribute__((aligned(64)));
static uint8_t ymm_now[YMM_BYTES] __attribute__((aligned(64)));
static uint8_t fx[FXSAVE_BYTES] __attribute__((aligned(16)));
static uint8_t fx_now[FXSAVE_BYTES] __attribute__((aligned(16)));

struct table_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static uint64_t read_gdt(void)
{
	struct table_register r;

	asm volatile("sgdt %0" : "=m"(r));
	return r.base ^ (uint64_t)r.limit << 48;
}

static uint64_t read_idt(void)
{
	struct table_register r;

	asm volatile("sidt %0" : "=m"(r));
	return r.base ^ (uint64_t)r.limit << 48;
}

static void read_registers(uint64_t *r)
{
	r[0] = read_cr0();
	r[1] = read_cr3();
	r[2] = read_cr4();
	r[3] = read_cr8();
	r[4] = read_dr0();
	r[5] = read_dr1();
	r[6] = read_dr2();
	r[7] = read_dr3();
	r[8] = read_dr7();
	r[9] = state.has_avx ? xgetbv(0) : 0;
	r[10] = read_gdt();
	r[11] = read_idt();
}

/* What the CPU itself sets in the tables does not count. */
static uint64_t sum_tables(void)
{
	const uint64_t *entry = paging_pml4;
	uint64_t sum = 0;

	for (unsigned i = 0; i < TABLE_PAGES * PAGE_SIZE / 8; i++)
		sum = (sum << 1 | sum >> 63) ^ (entry[i] & ~(PTE_A | PTE_D));
	return sum;
}

static void set_fpu(uint64_t turn)
{
	uint32_t mxcsr = MXCSR_ROUND_UP;
	uint16_t fcw = FCW;
	uint64_t *words = (uint64_t *)ymm;

	for (unsigned i = 0; i < YMM_BYTES / 8; i++)
		words[i] = pattern(state.seed ^ turn << 8 ^ i);
	asm volatile("fninit; fldcw %0; fldpi; fldl2t; ldmxcsr %1" ::"m"(fcw), "m"(mxcsr));
	if (state.has_avx)
		registers_load_ymm(ymm);
	asm volatile("fxsave64 %0" : "=m"(fx));
}

static void check_fpu(void)
{
	asm volatile("fxsave64 %0" : "=m"(fx_now));
	check_true("x87 and SSE registers are kept", !memcmp(fx, fx_now, FXSAVE_BYTES));
	if (!state.has_avx)
		return;
	registers_store_ymm(ymm_now);
	check_true("AVX registers are kept", !memcmp(ymm, ymm_now, YMM_BYTES));
}

void state_set(uint64_t seed)
{
	uint32_t features = cpuid(1, 0).ecx;

	state.seed = seed;
	state.has_avx = (features & 1u << XSAVE_BIT) && (features & 1u << AVX_BIT);
	state.has_tsc_aux = cpuid(0x80000001, 0).edx & 1u << RDTSCP_BIT;
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | (state.has_avx ? CR4_OSXSAVE : 0));
	if (state.has_avx)
		xsetbv(0, XCR0_AVX_AND_BELOW);
	write_dr0(pattern(seed) & ADDRESS_BITS);
	write_dr1(pattern(seed + 1) & ADDRESS_BITS);
	write_dr2(pattern(seed + 2) & ADDRESS_BITS);
	write_dr3(pattern(seed + 3) & ADDRESS_BITS);
	for (unsigned i = 0; i < MSRS; i++) {
		if (msrs[i].bits)
			wrmsr(msrs[i].msr, pattern(seed + i) & msrs[i].bits);
		state.msrs[i] = rdmsr(msrs[i].msr);
	}
	if (state.has_tsc_aux)
		wrmsr(MSR_TSC_AUX, (uint32_t)seed);
	read_registers(state.registers);
	state.tables = sum_tables();
	set_fpu(0);
}

static void check_gprs(uint64_t turn)
{
	uint64_t values[GPRS], got[GPRS];

	for (unsigned i = 0; i < GPRS; i++)
		got[i] = values[i] = pattern(state.seed ^ turn << 8 ^ i);
	registers_hold(got, TURNS);
	check_true("general registers are kept", !memcmp(got, values, sizeof(got)));
}

static void check_rdtscp(void)
{
	uint32_t aux;

	asm volatile("rdtscp" : "=c"(aux)::"eax", "edx");
	check_eq("TSC_AUX is kept", (uint32_t)state.seed, aux);
}

void state_check(uint64_t turn)
{
	uint64_t now[REGISTERS];

	check_gprs(turn);
	check_fpu();
	set_fpu(turn);
	read_registers(now);
	for (unsigned i = 0; i < REGISTERS; i++)
		check_eq("CR0, 3, 4, 8, DR0, 1, 2, 3, 7, XCR0, GDT, IDT are kept",
			 state.registers[i], now[i]);
	if (!check_eq("an MSR is kept", state.msrs[turn % MSRS], rdmsr(msrs[turn % MSRS].msr)))
		print("  (MSR 0x%x)\n", msrs[turn % MSRS].msr);
	if (state.has_tsc_aux)
		check_rdtscp();
	check_eq("the page tables are kept, by their sum", state.tables, sum_tables());
}

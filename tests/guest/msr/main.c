// SPDX-License-Identifier: MIT
/* MSRs: the known ones hold what they are given, reserved bits and unknown ones give #GP. */
#include "lib/cpu.h"
#include "lib/test.h"
#include "lib/trap.h"

#define NOT_CANONICAL 0x8000000000000000ull
#define CANONICAL     0xffff812345678000ull
/* One memory type of each entry: WB WT UC- UC WB WP UC- WC. */
#define PAT_VALID 0x0105070406000407ull

struct pair {
	uint32_t msr;
	uint64_t value;
};

static void do_rdmsr(uint64_t msr)
{
	rdmsr((uint32_t)msr);
}

static void do_wrmsr(uint64_t pair)
{
	const struct pair *p = (const struct pair *)pair;

	wrmsr(p->msr, p->value);
}

static uint8_t try_write(uint32_t msr, uint64_t value)
{
	struct pair p = { msr, value };

	return trap_run(do_wrmsr, (uint64_t)&p);
}

static const struct {
	const char *name;
	uint32_t msr;
	uint64_t values[2];
} plain[] = {
	{ "SYSENTER_CS", MSR_SYSENTER_CS, { 0x10, 0 } },
	{ "SYSENTER_ESP", MSR_SYSENTER_ESP, { CANONICAL, 0x1000 } },
	{ "SYSENTER_EIP", MSR_SYSENTER_EIP, { CANONICAL, 0x2000 } },
	{ "PAT", MSR_PAT, { PAT_VALID, 0x0007040600070406 } },
	{ "STAR", MSR_STAR, { 0x1234567890abcdef, 0x0018000800000000 } },
	{ "LSTAR", MSR_LSTAR, { CANONICAL, 0x1000 } },
	{ "CSTAR", MSR_CSTAR, { CANONICAL, 0x1000 } },
	{ "SFMASK", MSR_SFMASK, { 0x47700, 0 } },
	{ "FS_BASE", MSR_FS_BASE, { CANONICAL, 0 } },
	{ "GS_BASE", MSR_GS_BASE, { CANONICAL, 0 } },
	{ "KERNEL_GS_BASE", MSR_KERNEL_GS_BASE, { CANONICAL, 0x7000 } },
	{ "MTRR_DEF_TYPE", MSR_MTRR_DEF_TYPE, { 0xc06, 0xc00 } },
};

static void test_plain(void)
{
	for (unsigned i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		uint64_t before = rdmsr(plain[i].msr);

		for (unsigned k = 0; k < 2; k++) {
			wrmsr(plain[i].msr, plain[i].values[k]);
			check_eq(plain[i].name, plain[i].values[k], rdmsr(plain[i].msr));
		}
		wrmsr(plain[i].msr, before);
	}
	test_tolerate(test_is_bare_bochs(), "Bochs has no MISC_ENABLE");
	if (cpuid(0, 0).ebx == 0x756e6547) /* "Genu": AMD has none */
		check_eq("MISC_ENABLE can be read", VEC_NONE, trap_run(do_rdmsr, MSR_MISC_ENABLE));
	test_tolerate_end();
	check_eq("MTRRCAP can be read", VEC_NONE, trap_run(do_rdmsr, MSR_MTRRCAP));
	check_range("MTRRCAP: variable ranges", 0, 32, rdmsr(MSR_MTRRCAP) & 0xff);
}

static void test_canonical(void)
{
	static const uint32_t msrs[] = { MSR_LSTAR, MSR_CSTAR, MSR_FS_BASE, MSR_GS_BASE,
					 MSR_KERNEL_GS_BASE };

	for (unsigned i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		check_known("an address that is not canonical", VEC_GP,
			    try_write(msrs[i], NOT_CANONICAL), VEC_NONE, "QEMU TCG");
	for (unsigned i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		wrmsr(msrs[i], 0);
}

static void test_reserved_bits(void)
{
	uint64_t efer = rdmsr(MSR_EFER), base = rdmsr(MSR_APIC_BASE), pat = rdmsr(MSR_PAT);

	test_tolerate(test_is_bare_tcg(), "TCG checks no reserved bits of MSRs");
	check_eq("EFER, a reserved bit", VEC_GP, try_write(MSR_EFER, efer | 1ull << 40));
	check_eq("EFER, bit 1", VEC_GP, try_write(MSR_EFER, efer | 2));
	check_eq("EFER.LME changed under paging", VEC_GP, try_write(MSR_EFER, efer & ~EFER_LME));
	test_tolerate_end();
	wrmsr(MSR_EFER, efer);
	check_eq("EFER.LMA cannot be cleared", efer,
		 (wrmsr(MSR_EFER, efer & ~EFER_LMA), rdmsr(MSR_EFER)));
	check_known("PAT with memory type 2", VEC_GP, try_write(MSR_PAT, 0x0007040600070402),
		    VEC_NONE, "QEMU TCG");
	wrmsr(MSR_PAT, pat);
	if (test_is_bare_tcg())
		return; /* it would move the APIC */
	check_eq("APIC_BASE, bit 9", VEC_GP, try_write(MSR_APIC_BASE, base | 1 << 9));
	check_eq("APIC_BASE, above the physical width", VEC_GP,
		 try_write(MSR_APIC_BASE, base | 1ull << 60));
	check_eq("APIC_BASE after both", base, rdmsr(MSR_APIC_BASE));
	check_eq("MTRR_DEF_TYPE with memory type 2", VEC_GP, try_write(MSR_MTRR_DEF_TYPE, 0xc02));
}

static void test_unknown(void)
{
	static const uint32_t msrs[] = { 0x12345678, 0xc0001fff, 0x1fff,
					 0x40000fff, 0xc0012345, 0xffffffff };

	test_tolerate(test_is_bare_tcg(), "TCG gives 0 for MSRs that it does not have");
	for (unsigned i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		if (!check_eq("an unknown MSR read", VEC_GP, trap_run(do_rdmsr, msrs[i])) ||
		    !check_eq("an unknown MSR written", VEC_GP, try_write(msrs[i], 0)))
			print("  (MSR %x)\n", msrs[i]);
		else
			check_eq("  its error code", 0, trap_last.frame.error);
	}
	check_eq("MTRRCAP is read-only", VEC_GP, try_write(MSR_MTRRCAP, 0));
	test_tolerate_end();
}

static void test_tsc(void)
{
	uint64_t before = rdtsc(), after;

	wrmsr(MSR_TSC, 1ull << 40);
	after = rdtsc();
	test_tolerate(test_is_bare_tcg(), "TCG's TSC cannot be written");
	check_range("TSC after it was written", 1ull << 40, (1ull << 40) + (1ull << 32), after);
	test_tolerate_end();
	wrmsr(MSR_TSC, before);
	if (!(cpuid(7, 0).ebx & 2))
		return;
	check_true("TSC_ADJUST has followed the writes of TSC",
		   rdmsr(MSR_TSC_ADJUST) < 1ull << 39 || (int64_t)rdmsr(MSR_TSC_ADJUST) < 0);
	before = rdmsr(MSR_TSC_ADJUST);
	wrmsr(MSR_TSC_ADJUST, before + (1ull << 41));
	check_eq("TSC_ADJUST reads back", before + (1ull << 41), rdmsr(MSR_TSC_ADJUST));
	after = rdtsc();
	check_range("TSC has moved with TSC_ADJUST", 1ull << 41, (1ull << 41) + (1ull << 40),
		    after);
	wrmsr(MSR_TSC_ADJUST, before);
}

static void test_tsc_aux(void)
{
	uint32_t aux;

	if (!(cpuid(0x80000001, 0).edx & 1u << 27))
		return;
	wrmsr(MSR_TSC_AUX, 0x1234);
	asm volatile("rdtscp" : "=c"(aux)::"eax", "edx", "memory");
	check_eq("RDTSCP gives TSC_AUX", 0x1234, aux);
	check_eq("TSC_AUX reads back", 0x1234, rdmsr(MSR_TSC_AUX));
}

void guest_main(void)
{
	test_plain();
	test_canonical();
	test_reserved_bits();
	test_unknown();
	test_tsc();
	test_tsc_aux();
}

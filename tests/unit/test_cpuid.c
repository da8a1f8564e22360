/* SPDX-License-Identifier: MIT */
/* sources: tests/fake/virt.c tests/fake/panic.c */
/*
 * What CPUID tells a guest: on hosts that have everything, nothing, or what a test gives them. The
 * host's CPUID, XCR0 and TSC rate are the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* The rest of asm.h is wanted, these two not. */
#define cpuid  host_cpuid
#define xgetbv host_xgetbv
#include "arch/x86_64/asm.h"
#undef cpuid
#undef xgetbv

static struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf);
static uint64_t xgetbv(uint32_t index);

#include "vmm/cpuid.c"
#include "tests/fake/virt.h"

struct features features;

static struct {
	struct vm vm;
	struct vcpu v;
	uint64_t tsc_hz, xcr0;
	bool apic_on;
	unsigned skips;
	/* What every feature word of the host's CPUID is, and where XSAVE keeps its parts. */
	uint32_t fill;
} m;

uint64_t time_tsc_hz(void)
{
	return m.tsc_hz;
}

bool vlapic_enabled(const struct vcpu *v)
{
	assert_ptr_equal(v, &m.v);
	return m.apic_on;
}

void exit_skip(struct vcpu *v)
{
	assert_ptr_equal(v, &m.v);
	m.skips++;
}

/* No page of code is remembered in these tests. */
void fetch_skip_opcode(struct vcpu *vcpu, uint16_t opcode, unsigned len)
{
	(void)opcode, (void)len;
	exit_skip(vcpu);
}

static uint64_t xgetbv(uint32_t index)
{
	assert_int_equal(index, 0);
	return m.xcr0;
}

/* The standard format's parts, as Intel's CPUs have them; 3 and 4 are MPX's. */
static const struct cpuid_regs parts[] = {
	[2] = { .eax = 256, .ebx = 576 },  [3] = { .eax = 64, .ebx = 960 },
	[4] = { .eax = 64, .ebx = 1024 },  [5] = { .eax = 64, .ebx = 1088 },
	[6] = { .eax = 512, .ebx = 1152 }, [7] = { .eax = 1024, .ebx = 1664 },
	[9] = { .eax = 8, .ebx = 2688 },
};

static struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs all = { m.fill, m.fill, m.fill, m.fill };

	switch (leaf) {
	case CPUID_VENDOR: return (struct cpuid_regs){ 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69 };
	case CPUID_XSAVE: return subleaf >= 2 && subleaf < ARRAY_SIZE(parts) ? parts[subleaf] : all;
	case CPUID_CACHE_PARAMETERS:
	case CPUID_EXT_CACHE:
		/* Level subleaf + 1, shared by 4 CPUs, 8 cores. */
		if (subleaf > 2)
			return (struct cpuid_regs){ 0 };
		return (struct cpuid_regs){ .eax = 1 | (subleaf + 1) << 5 | 3 << 14 | 7u << 26,
					    .ebx = 0x1c0003f };
	case CPUID_BRAND_1:
	case CPUID_BRAND_2:
	case CPUID_BRAND_3: return (struct cpuid_regs){ leaf, leaf + 1, leaf + 2, leaf + 3 };
	default: return all;
	}
}

static void make(enum cpu_vendor vendor, uint32_t fill)
{
	features = (struct features){ .vendor = vendor,
				      .max_basic = 0x1e,
				      .max_extended = 0x80000028,
				      .phys_bits = 39,
				      .xcr0 = 0x3ff };
	m.fill = fill;
	m.vm.config.cpus = 1;
	cpuid_init(&m.vm);
}

static int setup(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	m.tsc_hz = 2500000000;
	m.xcr0 = XCR0_X87;
	m.apic_on = true;
	m.v.vm = &m.vm;
	fake_virt_attach(&m.v.hw);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_virt_detach(&m.v.hw);
	return 0;
}

static struct cpuid_regs query(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r = { 0xdeadbeef, 0xdeadbeef, 0xdeadbeef, 0xdeadbeef };

	cpuid_query(&m.v, leaf, subleaf, &r);
	return r;
}

#define assert_zero(r) assert_true(!(r).eax && !(r).ebx && !(r).ecx && !(r).edx)

/* A host that has every bit there is: the guest sees those that are virtualised, by name. */
static void no_bit_outside_the_lists(void **state)
{
	const uint32_t never_1_ecx = CPUID_1_ECX_VMX | CPUID_1_ECX_SMX | CPUID_1_ECX_MONITOR |
				     CPUID_1_ECX_DTES64 | CPUID_1_ECX_PDCM | CPUID_1_ECX_EIST |
				     CPUID_1_ECX_TM2 | CPUID_1_ECX_DCA | CPUID_1_ECX_SDBG |
				     CPUID_1_ECX_XTPR | CPUID_1_ECX_DS_CPL | CPUID_1_ECX_CNXT_ID;
	const uint32_t never_1_edx = CPUID_1_EDX_DS | CPUID_1_EDX_ACPI | CPUID_1_EDX_TM |
				     CPUID_1_EDX_PBE | CPUID_1_EDX_HTT | CPUID_1_EDX_PSN;
	const uint32_t never_7_ebx = CPUID_7_0_EBX_SGX | CPUID_7_0_EBX_HLE | CPUID_7_0_EBX_RTM |
				     CPUID_7_0_EBX_MPX | CPUID_7_0_EBX_PT | CPUID_7_0_EBX_RDT_M |
				     CPUID_7_0_EBX_RDT_A;
	const uint32_t never_7_ecx = CPUID_7_0_ECX_PKU | CPUID_7_0_ECX_OSPKE |
				     CPUID_7_0_ECX_WAITPKG | CPUID_7_0_ECX_CET_SS |
				     CPUID_7_0_ECX_TME | CPUID_7_0_ECX_LA57 | CPUID_7_0_ECX_KL |
				     CPUID_7_0_ECX_BUS_LOCK_DETECT | CPUID_7_0_ECX_ENQCMD |
				     CPUID_7_0_ECX_SGX_LC | CPUID_7_0_ECX_PKS;
	const uint32_t only_7_edx =
		CPUID_7_0_EDX_FSRM | CPUID_7_0_EDX_MD_CLEAR | CPUID_7_0_EDX_SERIALIZE;
	const uint32_t never_ext_ecx =
		CPUID_80000001_ECX_SVM | CPUID_80000001_ECX_EXTAPIC | CPUID_80000001_ECX_OSVW |
		CPUID_80000001_ECX_IBS | CPUID_80000001_ECX_SKINIT | CPUID_80000001_ECX_WDT |
		CPUID_80000001_ECX_LWP | CPUID_80000001_ECX_PERFCTR_CORE |
		CPUID_80000001_ECX_PERFCTR_NB | CPUID_80000001_ECX_DBEXT |
		CPUID_80000001_ECX_PERFTSC | CPUID_80000001_ECX_PERFCTR_LLC |
		CPUID_80000001_ECX_MONITORX | CPUID_80000001_ECX_XOP | CPUID_80000001_ECX_FMA4 |
		CPUID_80000001_ECX_TBM | CPUID_80000001_ECX_TCE;

	(void)state;
	for (enum cpu_vendor vendor = CPU_INTEL; vendor <= CPU_OTHER; vendor++) {
		make(vendor, 0xffffffff);
		assert_int_equal(query(1, 0).ecx & never_1_ecx, 0);
		assert_int_equal(query(1, 0).edx & never_1_edx, 0);
		assert_int_equal(query(7, 0).eax, 0);
		assert_int_equal(query(7, 0).ebx & never_7_ebx, 0);
		assert_int_equal(query(7, 0).ecx & never_7_ecx, 0);
		assert_int_equal(query(7, 0).edx & ~only_7_edx, 0);
		assert_zero(query(7, 1));
		assert_zero(query(7, 2));
		assert_zero(query(5, 0));   /* MONITOR */
		assert_zero(query(0xa, 0)); /* performance counters */
		assert_int_equal(query(6, 0).eax, CPUID_6_EAX_ARAT);
		assert_int_equal(query(6, 0).ebx | query(6, 0).ecx | query(6, 0).edx, 0);
		assert_int_equal(
			query(0xd, 1).eax & ~(CPUID_D_1_EAX_XSAVEOPT | CPUID_D_1_EAX_XGETBV1), 0);
		assert_int_equal(query(0x80000001, 0).ecx & never_ext_ecx, 0);
		assert_int_equal(query(0x80000001, 0).edx & CPUID_80000001_EDX_FFXSR, 0);
		assert_int_equal(query(0x80000007, 0).edx, CPUID_80000007_EDX_INVARIANT_TSC);
		assert_int_equal(query(0x80000007, 0).eax | query(0x80000007, 0).ebx, 0);
		assert_int_equal(query(0x80000008, 0).eax, 0xffff);
		assert_int_equal(query(0x80000008, 0).ebx,
				 CPUID_80000008_EBX_CLZERO | CPUID_80000008_EBX_RSTRFPERRPTRS);
		assert_int_equal(query(0x80000008, 0).ecx | query(0x80000008, 0).edx, 0);
		assert_true(m.vm.cr4_allowed & CR4_FSGSBASE);
		assert_int_equal(
			m.vm.cr4_allowed & (CR4_VMXE | CR4_SMXE | CR4_LA57 | CR4_PKE | CR4_CET), 0);
	}
}

/* A host that has nothing: only what Plinth makes itself is there. */
static void nothing_is_made_up(void **state)
{
	(void)state;
	make(CPU_INTEL, 0);
	assert_int_equal(query(1, 0).ecx,
			 CPUID_1_ECX_X2APIC | CPUID_1_ECX_TSC_DEADLINE | CPUID_1_ECX_HYPERVISOR);
	assert_int_equal(query(1, 0).edx, CPUID_1_EDX_APIC | CPUID_1_EDX_MTRR);
	assert_int_equal(query(7, 0).ebx, CPUID_7_0_EBX_TSC_ADJUST);
	assert_int_equal(query(7, 0).ecx | query(7, 0).edx, 0);
	assert_int_equal(query(0x80000001, 0).ecx | query(0x80000001, 0).edx, 0);
	assert_int_equal(m.vm.cr4_allowed & (CR4_FSGSBASE | CR4_SMEP | CR4_SMAP | CR4_UMIP |
					     CR4_PCIDE | CR4_OSXSAVE),
			 0);
	assert_int_equal(m.vm.efer_allowed, EFER_SCE | EFER_LME | EFER_LMA);
}

static void masks_follow_features(void **state)
{
	static const struct {
		uint32_t *word;
		uint32_t feature;
		uint64_t cr4;
	} rules[] = {
		{ &m.vm.cpuid.basic[1].ecx, CPUID_1_ECX_PCID, CR4_PCIDE },
		{ &m.vm.cpuid.basic[1].ecx, CPUID_1_ECX_XSAVE, CR4_OSXSAVE },
		{ &m.vm.cpuid.features[0].ebx, CPUID_7_0_EBX_FSGSBASE, CR4_FSGSBASE },
		{ &m.vm.cpuid.features[0].ebx, CPUID_7_0_EBX_SMEP, CR4_SMEP },
		{ &m.vm.cpuid.features[0].ebx, CPUID_7_0_EBX_SMAP, CR4_SMAP },
		{ &m.vm.cpuid.features[0].ecx, CPUID_7_0_ECX_UMIP, CR4_UMIP },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
		uint64_t without;

		make(CPU_INTEL, 0);
		without = m.vm.cr4_allowed;
		assert_int_equal(*rules[i].word & rules[i].feature, 0);
		/* A host with this bit everywhere, and perhaps others: CR4 follows what is shown.
		 */
		make(CPU_INTEL, rules[i].feature);
		assert_true(*rules[i].word & rules[i].feature);
		assert_true(m.vm.cr4_allowed & rules[i].cr4);
		assert_false(without & rules[i].cr4);
	}
	make(CPU_AMD, CPUID_80000001_EDX_NX);
	assert_true(m.vm.efer_allowed & EFER_NXE);
	make(CPU_AMD, CPUID_80000001_EDX_SYSCALL);
	assert_false(m.vm.efer_allowed & EFER_NXE);
}

static void the_moving_bits(void **state)
{
	(void)state;
	make(CPU_INTEL, 0xffffffff);
	assert_false(query(1, 0).ecx & CPUID_1_ECX_OSXSAVE);
	virt->set(&m.v.hw, VREG_CR4, CR4_OSXSAVE);
	assert_true(query(1, 0).ecx & CPUID_1_ECX_OSXSAVE);
	virt->set(&m.v.hw, VREG_CR4, ~CR4_OSXSAVE);
	assert_false(query(1, 0).ecx & CPUID_1_ECX_OSXSAVE);
	assert_true(query(1, 0).edx & CPUID_1_EDX_APIC);
	m.apic_on = false;
	assert_false(query(1, 0).edx & CPUID_1_EDX_APIC);
	m.apic_on = true;
	m.v.id = 5;
	assert_int_equal(query(1, 0).ebx >> CPUID_1_EBX_APIC_ID_SHIFT, 5);
	assert_int_equal(query(1, 0).ebx >> CPUID_1_EBX_COUNT_SHIFT & 0xff, 1);
	assert_int_equal(query(1, 0).ebx >> 8 & 0xff, 0xff);
	assert_int_equal(query(1, 0).ebx & 0xff, 0);
	assert_int_equal(query(0xb, 0).edx, 5);
	assert_int_equal(query(0xb, 1).edx, 5);
}

/* One socket, one thread a core; the third level of cache is everybody's. */
static void topology(void **state)
{
	static const struct {
		unsigned count, bits;
	} sizes[] = { { 1, 0 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 5, 3 }, { 64, 6 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned count = sizes[i].count, bits = sizes[i].bits;

		make(CPU_INTEL, ~0u);
		features.max_basic = 0x20;
		m.vm.config.cpus = count;
		m.v.id = count - 1;
		cpuid_init(&m.vm);
		assert_int_equal(query(0, 0).eax, 0x1f);
		assert_int_equal(query(1, 0).ebx >> 16 & 0xff, count);
		assert_int_equal(!!(query(1, 0).edx & CPUID_1_EDX_HTT), count > 1);
		for (uint32_t leaf = 0xb; leaf <= 0x1f; leaf += 0x14) {
			assert_int_equal(query(leaf, 0).eax, 0);
			assert_int_equal(query(leaf, 0).ebx, 1);
			assert_int_equal(query(leaf, 0).ecx, 0x100);
			assert_int_equal(query(leaf, 1).eax, bits);
			assert_int_equal(query(leaf, 1).ebx, count);
			assert_int_equal(query(leaf, 1).ecx, 0x201);
			assert_int_equal(query(leaf, 2).ebx, 0);
			assert_int_equal(query(leaf, 2).ecx, 2);
			assert_int_equal(query(leaf, 1).edx, count - 1);
		}
		assert_int_equal(query(4, 0).eax >> 26, (1u << bits) - 1);
		assert_int_equal(query(4, 0).eax >> 14 & 0xfff, 0);
		assert_int_equal(query(4, 2).eax >> 14 & 0xfff, (1u << bits) - 1);
		assert_int_equal(query(4, 3).eax, 0);
		make(CPU_AMD, ~0u);
		m.vm.config.cpus = count;
		cpuid_init(&m.vm);
		assert_int_equal(query(0x80000008, 0).ecx, bits << 12 | (count - 1));
		assert_int_equal(query(0x8000001e, 0).eax, count - 1);
		assert_int_equal(query(0x8000001e, 0).ebx, count - 1);
		assert_int_equal(query(0x8000001e, 0).ecx, 0);
		assert_int_equal(query(0x8000001d, 0).eax >> 14, 0);
		assert_int_equal(query(0x8000001d, 2).eax >> 14, (1u << bits) - 1);
		assert_int_equal(query(0x8000001d, 9).eax, 0);
	}
}

static void beyond_the_last_leaf(void **state)
{
	(void)state;
	make(CPU_INTEL, 0x12345678);
	assert_int_equal(query(0, 0).eax, 0x16);
	/* Intel's answer is that of the highest basic leaf. */
	for (uint32_t leaf = 0x17; leaf; leaf = leaf < 0x30000000 ? leaf * 3 : 0)
		assert_int_equal(query(leaf, 0).eax, query(0x16, 0).eax);
	assert_int_equal(query(0x40000011, 0).eax, 2500);
	assert_int_equal(query(0x80000009, 0).eax, 2500);
	assert_int_equal(query(0xffffffff, 0).eax, 2500);
	assert_int_equal(query(0x80000000, 0).eax, 0x80000008);
	for (enum cpu_vendor vendor = CPU_AMD; vendor <= CPU_OTHER; vendor++) {
		make(vendor, 0x12345678);
		assert_int_equal(query(0, 0).eax, 0xd);
		assert_zero(query(0xe, 0));
		assert_zero(query(0x16, 0));
		assert_zero(query(0x17, 0));
		assert_zero(query(0x3fffffff, 0));
		assert_zero(query(0x40000011, 0));
		assert_zero(query(0x7fffffff, 0));
		assert_zero(query(0x80000022, 0));
		assert_zero(query(0xffffffff, 0));
	}
	make(CPU_AMD, 0);
	assert_int_equal(query(0x80000000, 0).eax, 0x80000021);
	/* Never more than the host has. */
	features.max_basic = 4;
	features.max_extended = 0x80000004;
	cpuid_init(&m.vm);
	assert_int_equal(query(0, 0).eax, 4);
	assert_zero(query(7, 0));
	assert_int_equal(query(0x80000000, 0).eax, 0x80000004);
	assert_zero(query(0x80000008, 0));
}

static void brand_caches_topology(void **state)
{
	(void)state;
	make(CPU_INTEL, 0);
	assert_int_equal(query(0x80000002, 0).ebx, 0x80000003);
	assert_int_equal(query(0, 0).ebx, 0x756e6547);
	for (uint32_t i = 0; i < 12; i++) {
		struct cpuid_regs c = query(4, i);

		/* As the host's, but nobody shares them. */
		assert_int_equal(c.eax, i < 3 ? 1 | (i + 1) << 5 : 0);
		assert_int_equal(c.ebx, i < 3 ? 0x1c0003f : 0);
	}
	assert_int_equal(query(0xb, 0).ebx, 1);
	assert_int_equal(query(0xb, 0).ecx, 1 << 8);
	assert_int_equal(query(0xb, 1).ecx, 2 << 8 | 1);
	assert_int_equal(query(0xb, 7).ecx, 7);
	assert_int_equal(query(0xb, 7).ebx, 0);
	make(CPU_AMD, 0);
	assert_zero(query(4, 0));
	assert_int_equal(query(0x8000001d, 2).eax, 1 | 3 << 5);
	assert_int_equal(query(0x8000001d, 3).eax, 0);
	assert_int_equal(query(0x8000001d, 8).eax, 0);
	assert_zero(query(0x8000000a, 0));
	assert_zero(query(0x8000001f, 0));
}

static void xsave_sizes(void **state)
{
	static const struct {
		uint64_t host, guest, shown;
		uint32_t now, all;
	} cases[] = {
		{ 0x3, 0x1, 0x3, 576, 576 },	   { 0x7, 0x3, 0x7, 576, 832 },
		{ 0x7, 0x7, 0x7, 832, 832 },	   { 0xff, 0x7, 0xe7, 832, 2688 },
		{ 0x2ff, 0xe7, 0xe7, 2688, 2688 }, { 0x3ff, 0x1, 0xe7, 576, 2688 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		make(CPU_INTEL, 0xffffffff);
		features.xcr0 = cases[i].host;
		m.xcr0 = cases[i].guest;
		cpuid_init(&m.vm);
		assert_int_equal(m.vm.cpuid.xcr0_allowed, cases[i].shown);
		assert_int_equal(query(0xd, 0).eax, cases[i].shown);
		assert_int_equal(query(0xd, 0).edx, 0);
		assert_int_equal(query(0xd, 0).ebx, cases[i].now);
		assert_int_equal(query(0xd, 0).ecx, cases[i].all);
		assert_int_equal(query(0xd, 1).ebx, cases[i].now);
		assert_int_equal(query(0xd, 1).ecx | query(0xd, 1).edx, 0);
		for (uint32_t part = 2; part < 70; part++) {
			bool is_shown = part < 64 && (cases[i].shown >> part & 1);

			assert_int_equal(query(0xd, part).eax, is_shown ? parts[part].eax : 0);
			assert_int_equal(query(0xd, part).ebx, is_shown ? parts[part].ebx : 0);
		}
		assert_int_equal(!!(query(1, 0).ecx & CPUID_1_ECX_AVX), !!(cases[i].shown & 4));
		assert_int_equal(!!(query(1, 0).ecx & CPUID_1_ECX_FMA), !!(cases[i].shown & 4));
		assert_int_equal(!!(query(7, 0).ebx & CPUID_7_0_EBX_AVX2), !!(cases[i].shown & 4));
		assert_int_equal(!!(query(7, 0).ecx & CPUID_7_0_ECX_VAES), !!(cases[i].shown & 4));
		assert_int_equal(!!(query(7, 0).ebx & CPUID_7_0_EBX_AVX512F),
				 cases[i].shown == 0xe7);
		assert_int_equal(!!(query(7, 0).ecx & CPUID_7_0_ECX_AVX512_VNNI),
				 cases[i].shown == 0xe7);
	}
	/* No XSAVE at all. */
	features.xcr0 = 0;
	cpuid_init(&m.vm);
	assert_zero(query(0xd, 0));
	assert_zero(query(0xd, 1));
	assert_false(query(1, 0).ecx & (CPUID_1_ECX_XSAVE | CPUID_1_ECX_AVX));
	assert_false(m.vm.cr4_allowed & CR4_OSXSAVE);
}

static void hypervisor_leaves(void **state)
{
	char name[13] = "";
	struct cpuid_regs r;

	(void)state;
	make(CPU_AMD, 0xffffffff);
	r = query(0x40000000, 0);
	memcpy(name, &r.ebx, 4);
	memcpy(name + 4, &r.ecx, 4);
	memcpy(name + 8, &r.edx, 4);
	assert_string_equal(name, "PlinthPlinth");
	assert_int_equal(r.eax, 0x40000010);
	assert_int_equal(query(0x40000010, 0).eax, 2500000);
	assert_zero(query(0x40000005, 0));
}

/* Where Linux looks next; nothing is promised that vmm/pv.h has not. */
static void kvms_leaves(void **state)
{
	char name[13] = "";
	struct cpuid_regs r;

	(void)state;
	for (unsigned vendor = CPU_INTEL; vendor <= CPU_AMD; vendor++) {
		make(vendor, 0xffffffff);
		r = query(0x40000100, 0);
		memcpy(name, &r.ebx, 4);
		memcpy(name + 4, &r.ecx, 4);
		memcpy(name + 8, &r.edx, 4);
		assert_memory_equal(name, "KVMKVMKVM\0\0\0", 12);
		assert_int_equal(r.eax, 0x40000101);
		r = query(0x40000101, 0);
		assert_int_equal(r.eax, 0x01000aeb);
		assert_int_equal(r.ebx | r.ecx | r.edx, 0);
		r = query(0x40000102, 0);
		assert_int_not_equal(r.eax, 0x01000aeb);
	}
}

/* What Linux makes of leaf 15h, in 32 bits (native_calibrate_tsc()). */
static uint32_t linux_khz(const struct cpuid_regs *r)
{
	uint64_t product = (uint64_t)(r->ecx / 1000) * r->ebx;

	assert_true(product <= UINT32_MAX);
	return (uint32_t)product / r->eax;
}

static void assert_frequency(uint64_t hz)
{
	struct cpuid_regs r;
	unsigned __int128 told;
	uint64_t wanted, error;

	m.tsc_hz = hz;
	make(CPU_INTEL, 0);
	r = query(0x15, 0);
	assert_true(r.eax && r.ebx && r.ecx && !r.edx);
	assert_in_range(linux_khz(&r), hz / 1000 - hz / 1000000000 - 1,
			hz / 1000 + hz / 1000000000 + 1);
	/* ecx * ebx / eax against hz, to a millionth: all times 10^6 * eax. */
	told = (unsigned __int128)r.ecx * r.ebx * 1000000;
	wanted = hz * r.eax;
	error = (uint64_t)(told > (unsigned __int128)wanted * 1000000
				   ? told - (unsigned __int128)wanted * 1000000
				   : (unsigned __int128)wanted * 1000000 - told);
	assert_true(error <= wanted);
	/* The APIC's clock is 1 GHz, to one part in 4000. */
	assert_in_range(r.ecx, 999750000, 1000250000);
	assert_int_equal(query(0x16, 0).eax, hz / 1000000);
}

static void frequencies(void **state)
{
	uint64_t seed = 5;

	(void)state;
	for (uint64_t mhz = 1; mhz <= 6000; mhz++)
		assert_frequency(mhz * 1000000);
	/* Those between, which no small fraction meets. */
	for (unsigned i = 0; i < 30000; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		assert_frequency(1000000 + (seed >> 16) % 5999000000);
	}
	assert_frequency(1000001);
	assert_frequency(999999999);
	assert_frequency(1000000001);
	assert_frequency(3000200000);
	assert_frequency(5999999999);
	make(CPU_AMD, 0);
	assert_zero(query(0x15, 0));
}

static void the_exit(void **state)
{
	(void)state;
	make(CPU_INTEL, 0);
	m.v.hw.gpr[RAX] = 0xffffffff00000000;
	m.v.hw.gpr[RBX] = m.v.hw.gpr[RDX] = ~0ull;
	m.v.hw.gpr[RCX] = ~0ull;
	exit_cpuid(&m.v);
	assert_int_equal(m.v.hw.gpr[RAX], 0x16);
	assert_int_equal(m.v.hw.gpr[RBX], 0x756e6547);
	assert_int_equal(m.v.hw.gpr[RCX], 0x6c65746e);
	assert_int_equal(m.v.hw.gpr[RDX], 0x49656e69);
	assert_int_equal(m.skips, 1);
	/* The subleaf is ECX. */
	m.v.hw.gpr[RAX] = 0xb;
	m.v.hw.gpr[RCX] = 0xffffffff00000001;
	exit_cpuid(&m.v);
	assert_int_equal(m.v.hw.gpr[RCX], 2 << 8 | 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_bit_outside_the_lists),
		TEST(nothing_is_made_up),
		TEST(masks_follow_features),
		TEST(the_moving_bits),
		TEST(topology),
		TEST(beyond_the_last_leaf),
		TEST(brand_caches_topology),
		TEST(xsave_sizes),
		TEST(hypervisor_leaves),
		TEST(kvms_leaves),
		TEST(frequencies),
		TEST(the_exit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

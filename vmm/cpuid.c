/* SPDX-License-Identifier: MIT */
/* The policy: one list of what passes, then a function a leaf. */
#include "vmm/cpuid.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/features.h"
#include "core/timer.h"
#include "vmm/recall.h"
#include "vmm/vm.h"

/*
 * Offered where the host has them: instructions, and what the nested tables and the MSR table
 * carry.
 */
#define PASS_1_ECX                                                                        \
	(CPUID_1_ECX_SSE3 | CPUID_1_ECX_PCLMULQDQ | CPUID_1_ECX_SSSE3 | CPUID_1_ECX_FMA | \
	 CPUID_1_ECX_CX16 | CPUID_1_ECX_PCID | CPUID_1_ECX_SSE41 | CPUID_1_ECX_SSE42 |    \
	 CPUID_1_ECX_MOVBE | CPUID_1_ECX_POPCNT | CPUID_1_ECX_AES | CPUID_1_ECX_XSAVE |   \
	 CPUID_1_ECX_AVX | CPUID_1_ECX_F16C | CPUID_1_ECX_RDRAND)
#define PASS_1_EDX                                                                                 \
	(CPUID_1_EDX_FPU | CPUID_1_EDX_VME | CPUID_1_EDX_DE | CPUID_1_EDX_PSE | CPUID_1_EDX_TSC |  \
	 CPUID_1_EDX_MSR | CPUID_1_EDX_PAE | CPUID_1_EDX_MCE | CPUID_1_EDX_CX8 | CPUID_1_EDX_SEP | \
	 CPUID_1_EDX_PGE | CPUID_1_EDX_MCA | CPUID_1_EDX_CMOV | CPUID_1_EDX_PAT |                  \
	 CPUID_1_EDX_PSE36 | CPUID_1_EDX_CLFSH | CPUID_1_EDX_MMX | CPUID_1_EDX_FXSR |              \
	 CPUID_1_EDX_SSE | CPUID_1_EDX_SSE2 | CPUID_1_EDX_SS)
#define PASS_7_0_EBX                                                               \
	(CPUID_7_0_EBX_FSGSBASE | CPUID_7_0_EBX_BMI1 | CPUID_7_0_EBX_AVX2 |        \
	 CPUID_7_0_EBX_FDP_EXCPTN_ONLY | CPUID_7_0_EBX_SMEP | CPUID_7_0_EBX_BMI2 | \
	 CPUID_7_0_EBX_ERMS | CPUID_7_0_EBX_INVPCID | CPUID_7_0_EBX_FCS_FDS_ZERO | \
	 CPUID_7_0_EBX_RDSEED | CPUID_7_0_EBX_ADX | CPUID_7_0_EBX_SMAP |           \
	 CPUID_7_0_EBX_CLFLUSHOPT | CPUID_7_0_EBX_CLWB | CPUID_7_0_EBX_SHA)
#define PASS_7_0_EBX_AVX512                                                           \
	(CPUID_7_0_EBX_AVX512F | CPUID_7_0_EBX_AVX512DQ | CPUID_7_0_EBX_AVX512_IFMA | \
	 CPUID_7_0_EBX_AVX512CD | CPUID_7_0_EBX_AVX512BW | CPUID_7_0_EBX_AVX512VL)
#define PASS_7_0_ECX                                                                               \
	(CPUID_7_0_ECX_UMIP | CPUID_7_0_ECX_GFNI | CPUID_7_0_ECX_VAES | CPUID_7_0_ECX_VPCLMULQDQ | \
	 CPUID_7_0_ECX_RDPID | CPUID_7_0_ECX_CLDEMOTE | CPUID_7_0_ECX_MOVDIRI |                    \
	 CPUID_7_0_ECX_MOVDIR64B)
#define PASS_7_0_ECX_AVX512                                                                   \
	(CPUID_7_0_ECX_AVX512_VBMI | CPUID_7_0_ECX_AVX512_VBMI2 | CPUID_7_0_ECX_AVX512_VNNI | \
	 CPUID_7_0_ECX_AVX512_BITALG | CPUID_7_0_ECX_AVX512_VPOPCNTDQ)
#define PASS_7_0_EDX (CPUID_7_0_EDX_FSRM | CPUID_7_0_EDX_MD_CLEAR | CPUID_7_0_EDX_SERIALIZE)
#define PASS_80000001_ECX                                                              \
	(CPUID_80000001_ECX_LAHF | CPUID_80000001_ECX_ABM | CPUID_80000001_ECX_SSE4A | \
	 CPUID_80000001_ECX_MISALIGNSSE | CPUID_80000001_ECX_PREFETCHW |               \
	 CPUID_80000001_ECX_ALTMOVCR8 | CPUID_80000001_ECX_TOPOEXT)
#define PASS_80000001_EDX                                                                     \
	(CPUID_80000001_EDX_REPEATED | CPUID_80000001_EDX_SYSCALL | CPUID_80000001_EDX_NX |   \
	 CPUID_80000001_EDX_MMXEXT | CPUID_80000001_EDX_PAGE1GB | CPUID_80000001_EDX_RDTSCP | \
	 CPUID_80000001_EDX_LM | CPUID_80000001_EDX_3DNOWEXT | CPUID_80000001_EDX_3DNOW)
#define PASS_80000008_EBX (CPUID_80000008_EBX_CLZERO | CPUID_80000008_EBX_RSTRFPERRPTRS)
#define PASS_80000021_EAX                                                               \
	(CPUID_80000021_EAX_NO_NESTED_DATA_BP | CPUID_80000021_EAX_LFENCE_SERIALIZING | \
	 CPUID_80000021_EAX_NULL_SEL_CLEARS | CPUID_80000021_EAX_FSRS | CPUID_80000021_EAX_FSRC)
/* Switched with the FPU's state, and offered as far as the host's XCR0 goes. */
#define PASS_XCR0 (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)

/* Offered whatever the host has: Plinth does these itself. */
#define OWN_1_ECX   (CPUID_1_ECX_X2APIC | CPUID_1_ECX_TSC_DEADLINE | CPUID_1_ECX_HYPERVISOR)
#define OWN_1_EDX   (CPUID_1_EDX_APIC | CPUID_1_EDX_MTRR)
#define OWN_7_0_EBX CPUID_7_0_EBX_TSC_ADJUST

enum {
	CACHE_TYPE = 0x1f, /* 0: no such cache */
	CACHE_LEVEL_SHIFT = 5,
	CACHE_LEVEL = 7,
	CACHE_SHARED_LEVEL = 3,
	CACHE_SHARING_SHIFT = 14,
	CACHE_SHARING = 0xfff,
	CACHE_CORES_SHIFT = 26,
	CACHE_CORES = 0x3f,
};
enum { LEVEL_SMT = 1, LEVEL_CORE = 2, LEVEL_SHIFT = 8 };
enum { SIZES_ID_BITS_SHIFT = 12 };
enum { XSAVE_LEGACY_AND_HEADER = 576 };
/* The parts that lie behind those. */
#define XCR0_EXTENDED (PASS_XCR0 & ~(uint64_t)(XCR0_X87 | XCR0_SSE))

static void init_features(struct vcpuid *c, unsigned count)
{
	struct cpuid_regs f = cpuid(CPUID_FEATURES, 0);
	const uint32_t clflush = 0xff00;

	f.ebx &= clflush; /* the APIC ID is each vCPU's own */
	f.ebx |= count << CPUID_1_EBX_COUNT_SHIFT;
	f.ecx = (f.ecx & PASS_1_ECX) | OWN_1_ECX;
	f.edx = (f.edx & PASS_1_EDX) | OWN_1_EDX | (count > 1 ? CPUID_1_EDX_HTT : 0);
	if (!(c->xcr0_allowed & XCR0_AVX))
		f.ecx &= ~(uint32_t)(CPUID_1_ECX_AVX | CPUID_1_ECX_FMA | CPUID_1_ECX_F16C);
	if (!c->xcr0_allowed)
		f.ecx &= ~(uint32_t)CPUID_1_ECX_XSAVE;
	c->basic[CPUID_FEATURES] = f;
}

static void init_extended_features(struct vcpuid *c)
{
	struct cpuid_regs f = cpuid(CPUID_EXTENDED_FEATURES, 0);
	bool avx512 = (c->xcr0_allowed & XCR0_AVX512) == XCR0_AVX512;

	c->features[0] = (struct cpuid_regs){
		.ebx = (f.ebx & (PASS_7_0_EBX | (avx512 ? PASS_7_0_EBX_AVX512 : 0))) | OWN_7_0_EBX,
		.ecx = f.ecx & (PASS_7_0_ECX | (avx512 ? PASS_7_0_ECX_AVX512 : 0)),
		.edx = f.edx & PASS_7_0_EDX,
	};
	if (!(c->xcr0_allowed & XCR0_AVX)) {
		c->features[0].ebx &= ~(uint32_t)CPUID_7_0_EBX_AVX2;
		c->features[0].ecx &= ~(uint32_t)(CPUID_7_0_ECX_VAES | CPUID_7_0_ECX_VPCLMULQDQ);
	}
}

/* XSAVE without its compacted and supervisor forms: Plinth does not virtualise IA32_XSS. */
static void init_xsave(struct vcpuid *c)
{
	uint32_t size = XSAVE_LEGACY_AND_HEADER;

	if (!c->xcr0_allowed)
		return;
	for (unsigned i = 2; i < VCPUID_SUBLEAVES; i++) {
		struct cpuid_regs part = cpuid(CPUID_XSAVE, i);

		if (!(c->xcr0_allowed & BIT(i)))
			continue;
		c->xsave[i] = part;
		size = MAX(size, part.ebx + part.eax);
	}
	c->xsave[0] = (struct cpuid_regs){ .eax = (uint32_t)c->xcr0_allowed, .ecx = size };
	c->xsave[1].eax =
		cpuid(CPUID_XSAVE, 1).eax & (CPUID_D_1_EAX_XSAVEOPT | CPUID_D_1_EAX_XGETBV1);
}

/* A leaf's word on who shares a cache: the third level all, the others nobody. */
static void cache_share(uint32_t *eax, uint32_t ids, bool tells_cores)
{
	const uint32_t shared = (uint32_t)CACHE_SHARING << CACHE_SHARING_SHIFT |
				(uint32_t)CACHE_CORES << CACHE_CORES_SHIFT;

	*eax &= ~shared;
	if (!(*eax & CACHE_TYPE))
		return;
	if ((*eax >> CACHE_LEVEL_SHIFT & CACHE_LEVEL) == CACHE_SHARED_LEVEL)
		*eax |= (ids - 1) << CACHE_SHARING_SHIFT;
	if (tells_cores)
		*eax |= (ids - 1) << CACHE_CORES_SHIFT;
}

/* The caches are the host's. */
static void init_caches(struct vcpuid *c)
{
	uint32_t ids = 1u << c->id_bits;

	for (unsigned i = 0; i < ARRAY_SIZE(c->cache); i++) {
		if (features.max_basic >= CPUID_CACHE_PARAMETERS && c->is_intel)
			c->cache[i] = cpuid(CPUID_CACHE_PARAMETERS, i);
		if (features.max_extended >= CPUID_EXT_CACHE && c->is_amd)
			c->amd_cache[i] = cpuid(CPUID_EXT_CACHE, i);
		cache_share(&c->cache[i].eax, ids, true);
		cache_share(&c->amd_cache[i].eax, ids, false);
	}
}

/*
 * A fraction near value / one whose terms are at most limit: the last convergent of its continued
 * fraction that fits. It is wrong by less than one part in limit.
 */
static void approximate(uint64_t value, uint64_t one, uint64_t limit, uint32_t *num, uint32_t *den)
{
	uint64_t n0 = 0, d0 = 1, n1 = 1, d1 = 0;

	while (one) {
		uint64_t whole = value / one, rest = value % one;
		uint64_t n2 = whole * n1 + n0, d2 = whole * d1 + d0;

		if (n2 > limit || d2 > limit)
			break;
		n0 = n1, d0 = d1, n1 = n2, d1 = d2;
		value = one;
		one = rest;
	}
	*num = (uint32_t)n1;
	*den = (uint32_t)d1;
}

/*
 * The true frequency as a ratio to a crystal of about 1 GHz, which is also the local APIC's clock.
 * Linux multiplies crystal kHz by the numerator in 32 bits: so the terms are small, and what the
 * ratio is wrong by the crystal takes. Clocks go by the TSC, which is then right to 1 ppm; the
 * APIC's timer is said to be at most 1/4000 off.
 */
static void init_frequency(struct vcpuid *c)
{
	const uint32_t crystal = 1000000000, mhz = 1000000, khz = 1000, limit = 4000;
	uint64_t hz = time_tsc_hz();
	struct cpuid_regs *tsc = &c->basic[CPUID_TSC];

	if (!c->is_intel)
		return;
	approximate(hz, crystal, limit, &tsc->ebx, &tsc->eax);
	tsc->ecx = (uint32_t)((hz * tsc->eax / tsc->ebx + khz / 2) / khz * khz);
	c->basic[CPUID_FREQUENCY] = (struct cpuid_regs){ .eax = (uint32_t)(hz / mhz),
							 .ebx = (uint32_t)(hz / mhz),
							 .ecx = 100 };
}

/* One socket, one thread a core: a core's number is its APIC ID. */
static void init_topology(struct vcpuid *c, unsigned count)
{
	c->topology[0] = (struct cpuid_regs){ .ebx = 1, .ecx = LEVEL_SMT << LEVEL_SHIFT };
	c->topology[1] = (struct cpuid_regs){ .eax = c->id_bits,
					      .ebx = count,
					      .ecx = LEVEL_CORE << LEVEL_SHIFT };
}

static void init_basic(struct vcpuid *c, unsigned count)
{
	uint32_t max = MIN(features.max_basic, (uint32_t)CPUID_XSAVE);

	c->basic_max = c->is_intel ? CPUID_FREQUENCY : max;
	if (c->is_intel && features.max_basic >= CPUID_TOPOLOGY_V2)
		c->basic_max = CPUID_TOPOLOGY_V2;
	c->basic[CPUID_VENDOR] = cpuid(CPUID_VENDOR, 0);
	c->basic[CPUID_VENDOR].eax = c->basic_max;
	if (c->is_intel)
		c->basic[CPUID_CACHE_DESCRIPTORS] = cpuid(CPUID_CACHE_DESCRIPTORS, 0);
	c->basic[CPUID_THERMAL_POWER].eax =
		CPUID_6_EAX_ARAT; /* the virtual APIC's timer never stops */
	init_features(c, count);
	if (features.max_basic >= CPUID_EXTENDED_FEATURES)
		init_extended_features(c);
	init_topology(c, count);
	init_xsave(c);
	init_caches(c);
	init_frequency(c);
}

static void init_extended(struct vcpuid *c, unsigned count)
{
	uint32_t base = CPUID_EXT_MAX;
	struct cpuid_regs *x = c->extended;
	uint32_t last = c->is_amd ? CPUID_EXT_FEATURES_2 : CPUID_EXT_SIZES;

	last = MIN(features.max_extended, last);
	c->extended_n = last - base + 1;
	for (uint32_t leaf = base; leaf <= last; leaf++)
		if (leaf <= CPUID_EXT_SIZES || leaf == CPUID_EXT_TLB_1G ||
		    leaf == CPUID_EXT_OPTIMIZATION || leaf == CPUID_EXT_FEATURES_2)
			x[leaf - base] = cpuid(leaf, 0);
	x[0].eax = last;
	x[1].ecx &= PASS_80000001_ECX;
	x[1].edx &= PASS_80000001_EDX;
	x[CPUID_EXT_POWER - base] = (struct cpuid_regs){ .edx = x[CPUID_EXT_POWER - base].edx &
								CPUID_80000007_EDX_INVARIANT_TSC };
	x[CPUID_EXT_SIZES - base].eax &= 0xffff;
	x[CPUID_EXT_SIZES - base].ebx &= PASS_80000008_EBX;
	x[CPUID_EXT_SIZES - base].edx = 0;
	x[CPUID_EXT_SIZES - base].ecx =
		c->is_amd ? c->id_bits << SIZES_ID_BITS_SHIFT | (count - 1) : 0;
	if (c->is_amd && count > 1)
		x[1].ecx |= CPUID_80000001_ECX_CMP_LEGACY;
	x[CPUID_EXT_FEATURES_2 - base] =
		(struct cpuid_regs){ .eax = x[CPUID_EXT_FEATURES_2 - base].eax &
					    PASS_80000021_EAX };
}

/* Leaf 10h is where VMware began to tell the frequencies, in kHz; other systems followed. */
static void init_hypervisor(struct vcpuid *c)
{
	enum { LEAF_FREQUENCIES = 0x10, INTERFACE_VERSION = 1, BUS_KHZ = 1000000 };

	/* "PlinthPlinth" */
	c->hypervisor[0] = (struct cpuid_regs){ .eax = CPUID_HYPERVISOR + LEAF_FREQUENCIES,
						.ebx = 0x6e696c50,
						.ecx = 0x6c506874,
						.edx = 0x68746e69 };
	c->hypervisor[1].eax = INTERFACE_VERSION;
	c->hypervisor[LEAF_FREQUENCIES].eax = (uint32_t)(time_tsc_hz() / 1000);
	c->hypervisor[LEAF_FREQUENCIES].ebx = BUS_KHZ;
}

/* What Linux knows without a driver: vmm/pv.h. Behind Plinth's own, where it looks as well. */
static void init_kvm(struct vcpuid *c)
{
	/* "KVMKVMKVM" */
	c->kvm[0] = (struct cpuid_regs){
		.eax = KVM_CPUID_FEATURES, .ebx = 0x4b4d564b, .ecx = 0x564b4d56, .edx = 0x4d
	};
	c->kvm[1].eax = KVM_FEATURE_CLOCKSOURCE | KVM_FEATURE_NOP_IO_DELAY |
			KVM_FEATURE_CLOCKSOURCE2 | KVM_FEATURE_STEAL_TIME | KVM_FEATURE_PV_EOI |
			KVM_FEATURE_PV_UNHALT | KVM_FEATURE_PV_TLB_FLUSH | KVM_FEATURE_PV_SEND_IPI |
			KVM_FEATURE_CLOCKSOURCE_STABLE_BIT;
}

/* The bits of CR4 and EFER that a guest may set: those of the features that it is offered. */
static void init_masks(struct vm *vm)
{
	const struct vcpuid *c = &vm->cpuid;
	const struct cpuid_regs *f1 = &c->basic[CPUID_FEATURES], *f7 = &c->features[0];

	vm->cr4_allowed = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE |
			  CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	vm->cr4_allowed |= f1->ecx & CPUID_1_ECX_PCID ? CR4_PCIDE : 0;
	vm->cr4_allowed |= f1->ecx & CPUID_1_ECX_XSAVE ? CR4_OSXSAVE : 0;
	vm->cr4_allowed |= f7->ebx & CPUID_7_0_EBX_FSGSBASE ? CR4_FSGSBASE : 0;
	vm->cr4_allowed |= f7->ebx & CPUID_7_0_EBX_SMEP ? CR4_SMEP : 0;
	vm->cr4_allowed |= f7->ebx & CPUID_7_0_EBX_SMAP ? CR4_SMAP : 0;
	vm->cr4_allowed |= f7->ecx & CPUID_7_0_ECX_UMIP ? CR4_UMIP : 0;
	vm->efer_allowed = EFER_SCE | EFER_LME | EFER_LMA;
	vm->efer_allowed |= c->extended[1].edx & CPUID_80000001_EDX_NX ? EFER_NXE : 0;
}

void cpuid_init(struct vm *vm)
{
	struct vcpuid *c = &vm->cpuid;
	unsigned count = vm->config.cpus; /* they are not made yet */

	*c = (struct vcpuid){ 0 };
	c->is_intel = features.vendor == CPU_INTEL;
	c->is_amd = features.vendor == CPU_AMD || features.vendor == CPU_HYGON;
	c->phys_bits = features.phys_bits;
	c->xcr0_allowed = features.xcr0 & PASS_XCR0;
	c->id_bits = count > 1 ? 32 - (unsigned)__builtin_clz(count - 1) : 0;
	init_basic(c, count);
	init_extended(c, count);
	init_hypervisor(c);
	init_kvm(c);
	init_masks(vm);
}

static const struct cpuid_regs none;

/* The size of XSAVE's area for what the guest has enabled now. */
static uint32_t xsave_size(const struct vcpuid *c, uint64_t xcr0)
{
	uint32_t size = XSAVE_LEGACY_AND_HEADER;

	for (xcr0 &= XCR0_EXTENDED; xcr0; xcr0 &= xcr0 - 1) {
		const struct cpuid_regs *part = &c->xsave[__builtin_ctzl(xcr0)];

		size = MAX(size, part->ebx + part->eax);
	}
	return size;
}

static const struct cpuid_regs *query_features(struct vcpu *v)
{
	struct cpuid_regs *own = &v->cpuid_own;

	*own = v->vm->cpuid.basic[CPUID_FEATURES];
	own->ebx |= v->id << CPUID_1_EBX_APIC_ID_SHIFT;
	if (virt->get(&v->hw, VREG_CR4) & CR4_OSXSAVE)
		own->ecx |= CPUID_1_ECX_OSXSAVE;
	if (!vlapic_enabled(v))
		own->edx &= ~(uint32_t)CPUID_1_EDX_APIC;
	return own;
}

static const struct cpuid_regs *query_xsave(struct vcpu *v, uint32_t subleaf)
{
	const struct vcpuid *c = &v->vm->cpuid;

	if (subleaf >= VCPUID_SUBLEAVES)
		return &none;
	if (!c->xcr0_allowed || subleaf > 1)
		return &c->xsave[subleaf];
	v->cpuid_own = c->xsave[subleaf];
	/* XCR0 is the guest's own while it is loaded. */
	v->cpuid_own.ebx = xsave_size(c, xgetbv(0));
	return &v->cpuid_own;
}

static const struct cpuid_regs *query_topology(struct vcpu *v, uint32_t subleaf)
{
	const struct vcpuid *c = &v->vm->cpuid;

	v->cpuid_own = subleaf < ARRAY_SIZE(c->topology) ? c->topology[subleaf] : none;
	v->cpuid_own.ecx |= (uint8_t)subleaf;
	v->cpuid_own.edx = v->id;
	return &v->cpuid_own;
}

/* AMD's: the extended APIC ID; the core, of one thread; one node. */
static const struct cpuid_regs *query_core(struct vcpu *v)
{
	if (!(v->vm->cpuid.extended[1].ecx & CPUID_80000001_ECX_TOPOEXT))
		return &none;
	v->cpuid_own = (struct cpuid_regs){ .eax = v->id, .ebx = v->id };
	return &v->cpuid_own;
}

/* The leaves that have subleaves, or parts that move. */
static const uint32_t moving = BIT(CPUID_FEATURES) | BIT(CPUID_CACHE_PARAMETERS) |
			       BIT(CPUID_EXTENDED_FEATURES) | BIT(CPUID_TOPOLOGY) |
			       BIT(CPUID_XSAVE) | BIT(CPUID_TOPOLOGY_V2);

/* The answer stands in a table, or in v->cpuid_own until the next one. */
static const struct cpuid_regs *query_moving(struct vcpu *v, uint32_t leaf, uint32_t subleaf)
{
	const struct vcpuid *c = &v->vm->cpuid;

	switch (leaf) {
	case CPUID_FEATURES: return query_features(v);
	case CPUID_CACHE_PARAMETERS:
		return subleaf < ARRAY_SIZE(c->cache) ? &c->cache[subleaf] : &none;
	case CPUID_EXTENDED_FEATURES:
		return subleaf < ARRAY_SIZE(c->features) ? &c->features[subleaf] : &none;
	case CPUID_EXT_TOPOLOGY: return query_core(v);
	case CPUID_TOPOLOGY:
	case CPUID_TOPOLOGY_V2: return query_topology(v, subleaf);
	default: return query_xsave(v, subleaf);
	}
}

/* Beyond the end, Intel's answer is that of the highest basic leaf, AMD's is zeros. */
static const struct cpuid_regs *beyond(const struct vcpuid *c)
{
	return c->is_intel ? &c->basic[c->basic_max] : &none;
}

static const struct cpuid_regs *amd_cache(const struct vcpuid *c, uint32_t subleaf)
{
	return subleaf < ARRAY_SIZE(c->amd_cache) ? &c->amd_cache[subleaf] : &none;
}

/* Where the answer stands in the table; NULL: parts of it move. */
static always_inline const struct cpuid_regs *find(const struct vcpuid *c, uint32_t leaf,
						   uint32_t subleaf)
{
	uint32_t extended = leaf - CPUID_EXT_MAX;

	/* First, since libc asks for these most. */
	if (extended < c->extended_n) {
		if (unlikely(leaf - CPUID_EXT_CACHE <= CPUID_EXT_TOPOLOGY - CPUID_EXT_CACHE))
			return leaf == CPUID_EXT_TOPOLOGY ? NULL : amd_cache(c, subleaf);
		return &c->extended[extended];
	}
	if (leaf <= c->basic_max)
		return likely(!(moving >> leaf & 1)) ? &c->basic[leaf] : NULL;
	if (leaf - CPUID_HYPERVISOR < VCPUID_HYPERVISOR)
		return &c->hypervisor[leaf - CPUID_HYPERVISOR];
	if (leaf - KVM_CPUID_SIGNATURE < KVM_CPUID_LEAVES)
		return &c->kvm[leaf - KVM_CPUID_SIGNATURE];
	return beyond(c);
}

void cpuid_query(struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out)
{
	const struct cpuid_regs *r = find(&v->vm->cpuid, leaf, subleaf);

	*out = r ? *r : *query_moving(v, leaf, subleaf);
}

static always_inline void answer(struct vcpu *v, const struct cpuid_regs *r)
{
	v->hw.gpr[RAX] = r->eax;
	v->hw.gpr[RBX] = r->ebx;
	v->hw.gpr[RCX] = r->ecx;
	v->hw.gpr[RDX] = r->edx;
	exit_skip_opcode(v, OPCODE_CPUID, 2);
}

/* Out of line: the plain way needs no stack. */
static __attribute__((noinline)) void exit_moving(struct vcpu *v)
{
	answer(v, query_moving(v, (uint32_t)v->hw.gpr[RAX], (uint32_t)v->hw.gpr[RCX]));
}

void exit_cpuid(struct vcpu *v)
{
	const struct cpuid_regs *r =
		find(&v->vm->cpuid, (uint32_t)v->hw.gpr[RAX], (uint32_t)v->hw.gpr[RCX]);

	if (likely(r))
		answer(v, r);
	else
		exit_moving(v);
}

/* SPDX-License-Identifier: MIT */
/*
 * Reads CPUID into struct features. A leaf above the highest that the CPU names answers with some
 * other leaf's numbers on Intel's CPUs: so no leaf is read before its range has been checked.
 */
#include "arch/x86_64/features.h"

#include "arch/x86_64/asm.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

struct features features;

static const struct {
	char name[13];
	enum cpu_vendor vendor;
} vendors[] = {
	{ "GenuineIntel", CPU_INTEL },
	{ "AuthenticAMD", CPU_AMD },
	{ "HygonGenuine", CPU_HYGON },
};

/* Without these Plinth does not run; all CPUs with VMX and EPT or SVM and NPT have them. */
static const struct {
	enum feature_word word;
	uint32_t mask;
	const char *name;
} needed[] = {
	{ WORD_1_EDX, CPUID_1_EDX_TSC, "a time stamp counter (TSC)" },
	{ WORD_1_EDX, CPUID_1_EDX_MSR, "model-specific registers (MSR)" },
	{ WORD_1_EDX, CPUID_1_EDX_APIC, "a local APIC: switch it on in the firmware's setup" },
	{ WORD_1_EDX, CPUID_1_EDX_PAT, "the page attribute table (PAT)" },
	{ WORD_1_EDX, CPUID_1_EDX_FXSR, "FXSAVE and FXRSTOR" },
	{ WORD_80000001_EDX, CPUID_80000001_EDX_LM, "64-bit mode" },
	{ WORD_80000001_EDX, CPUID_80000001_EDX_NX,
	  "no-execute pages (NX): switch \"execute disable\" on in the firmware's setup" },
};

/* What is worth a word in the log, since Plinth or a guest is slower or weaker without it. */
static const struct {
	enum feature_word word;
	uint32_t mask;
	const char *name;
} told[] = {
	{ WORD_1_ECX, CPUID_1_ECX_VMX, "VMX" },
	{ WORD_80000001_ECX, CPUID_80000001_ECX_SVM, "SVM" },
	{ WORD_1_ECX, CPUID_1_ECX_X2APIC, "x2APIC" },
	{ WORD_1_ECX, CPUID_1_ECX_TSC_DEADLINE, "TSC-deadline" },
	{ WORD_80000007_EDX, CPUID_80000007_EDX_INVARIANT_TSC, "invariant TSC" },
	{ WORD_80000001_EDX, CPUID_80000001_EDX_RDTSCP, "RDTSCP" },
	{ WORD_80000001_EDX, CPUID_80000001_EDX_PAGE1GB, "1-GiB pages" },
	{ WORD_1_ECX, CPUID_1_ECX_PCID, "PCID" },
	{ WORD_7_0_EBX, CPUID_7_0_EBX_SMEP, "SMEP" },
	{ WORD_7_0_EBX, CPUID_7_0_EBX_SMAP, "SMAP" },
	{ WORD_7_0_ECX, CPUID_7_0_ECX_UMIP, "UMIP" },
	{ WORD_1_ECX, CPUID_1_ECX_XSAVE, "XSAVE" },
	{ WORD_1_ECX, CPUID_1_ECX_AVX, "AVX" },
	{ WORD_7_0_EBX, CPUID_7_0_EBX_AVX512F, "AVX-512" },
};

void features_decode_signature(uint32_t eax, struct features *f)
{
	unsigned family = eax >> CPUID_1_EAX_FAMILY_SHIFT & CPUID_1_EAX_STEPPING;
	unsigned model = eax >> CPUID_1_EAX_MODEL_SHIFT & CPUID_1_EAX_STEPPING;

	if (family == CPUID_1_EAX_FAMILY_EXTENDED || family == CPUID_1_EAX_FAMILY_P6)
		model |= (eax >> CPUID_1_EAX_EXT_MODEL_SHIFT & CPUID_1_EAX_STEPPING) << 4;
	if (family == CPUID_1_EAX_FAMILY_EXTENDED)
		family += eax >> CPUID_1_EAX_EXT_FAMILY_SHIFT & CPUID_1_EAX_EXT_FAMILY;
	f->family = family;
	f->model = model;
	f->stepping = eax & CPUID_1_EAX_STEPPING;
}

/* The vendor's or hypervisor's name: three registers, the first letter in the lowest byte. */
static void read_name(char name[13], uint32_t a, uint32_t b, uint32_t c)
{
	memcpy(name, &a, sizeof(a));
	memcpy(name + 4, &b, sizeof(b));
	memcpy(name + 8, &c, sizeof(c));
	name[12] = 0;
	/* It goes to a console: nothing but what can be printed. */
	for (char *p = name; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

static void read_brand(struct features *f)
{
	char text[sizeof(f->brand)] = { 0 };
	size_t start = 0, end;

	for (uint32_t leaf = CPUID_BRAND_1; leaf <= CPUID_BRAND_3; leaf++) {
		struct cpuid_regs r = cpuid(leaf, 0);

		memcpy(text + (leaf - CPUID_BRAND_1) * sizeof(r), &r, sizeof(r));
	}
	for (end = strlen(text); end && text[end - 1] == ' '; end--)
		text[end - 1] = 0;
	while (text[start] == ' ')
		start++;
	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	str_copy(f->brand, text + start, sizeof(f->brand));
}

static void read_vendor(struct features *f)
{
	struct cpuid_regs r = cpuid(CPUID_VENDOR, 0);

	f->max_basic = r.eax;
	read_name(f->vendor_name, r.ebx, r.edx, r.ecx);
	f->vendor = CPU_OTHER;
	for (unsigned i = 0; i < ARRAY_SIZE(vendors); i++)
		if (!strcmp(f->vendor_name, vendors[i].name))
			f->vendor = vendors[i].vendor;
}

static void read_basic(struct features *f)
{
	struct cpuid_regs r = cpuid(CPUID_FEATURES, 0);

	features_decode_signature(r.eax, f);
	f->words[WORD_1_ECX] = r.ecx;
	f->words[WORD_1_EDX] = r.edx;
	if (f->max_basic >= CPUID_THERMAL_POWER)
		f->words[WORD_6_EAX] = cpuid(CPUID_THERMAL_POWER, 0).eax;
	if (f->max_basic >= CPUID_EXTENDED_FEATURES) {
		r = cpuid(CPUID_EXTENDED_FEATURES, 0);
		f->words[WORD_7_0_EBX] = r.ebx;
		f->words[WORD_7_0_ECX] = r.ecx;
		f->words[WORD_7_0_EDX] = r.edx;
		if (r.eax >= 1)
			f->words[WORD_7_1_EAX] = cpuid(CPUID_EXTENDED_FEATURES, 1).eax;
	}
	if (f->max_basic >= CPUID_XSAVE && f->words[WORD_1_ECX] & CPUID_1_ECX_XSAVE) {
		r = cpuid(CPUID_XSAVE, 0);
		f->xcr0 = (uint64_t)r.edx << 32 | r.eax;
		f->xsave_size = r.ecx;
		r = cpuid(CPUID_XSAVE, 1);
		f->words[WORD_D_1_EAX] = r.eax;
		if (r.eax & CPUID_D_1_EAX_XSAVES)
			f->xss = (uint64_t)r.edx << 32 | r.ecx;
	}
}

static void read_extended(struct features *f)
{
	struct cpuid_regs r = cpuid(CPUID_EXT_MAX, 0);

	/* 36 and 48: what 64-bit CPUs without leaf 80000008 have (SDM 3, "Paging"). */
	f->phys_bits = 36;
	f->linear_bits = 48;
	if ((r.eax & CPUID_RANGE_MASK) != CPUID_EXT_MAX)
		return;
	f->max_extended = r.eax;
	if (f->max_extended >= CPUID_EXT_FEATURES) {
		r = cpuid(CPUID_EXT_FEATURES, 0);
		f->words[WORD_80000001_ECX] = r.ecx;
		f->words[WORD_80000001_EDX] = r.edx;
	}
	if (f->max_extended >= CPUID_BRAND_3)
		read_brand(f);
	if (f->max_extended >= CPUID_EXT_POWER)
		f->words[WORD_80000007_EDX] = cpuid(CPUID_EXT_POWER, 0).edx;
	if (f->max_extended >= CPUID_EXT_SIZES) {
		r = cpuid(CPUID_EXT_SIZES, 0);
		f->phys_bits = r.eax & CPUID_80000008_EAX_PHYSICAL;
		f->linear_bits =
			r.eax >> CPUID_80000008_EAX_LINEAR_SHIFT & CPUID_80000008_EAX_PHYSICAL;
		f->words[WORD_80000008_EBX] = r.ebx;
	}
	if (f->max_extended >= CPUID_SVM && f->words[WORD_80000001_ECX] & CPUID_80000001_ECX_SVM) {
		r = cpuid(CPUID_SVM, 0);
		f->svm_revision = r.eax & CPUID_8000000A_EAX_REVISION;
		f->asids = r.ebx;
		f->words[WORD_8000000A_EDX] = r.edx;
	}
	if (f->max_extended >= CPUID_EXT_FEATURES_2)
		f->words[WORD_80000021_EAX] = cpuid(CPUID_EXT_FEATURES_2, 0).eax;
}

static void read_hypervisor(struct features *f)
{
	struct cpuid_regs r;

	f->under_hypervisor = f->words[WORD_1_ECX] & CPUID_1_ECX_HYPERVISOR;
	if (!f->under_hypervisor)
		return;
	r = cpuid(CPUID_HYPERVISOR, 0);
	if (r.eax >= CPUID_HYPERVISOR && r.eax <= CPUID_HYPERVISOR_LAST)
		read_name(f->hypervisor_name, r.ebx, r.ecx, r.edx);
}

/* Adds to a text that is cut at size, never beyond it. */
static void append(char *text, size_t size, const char *more)
{
	size_t at = strlen(text);

	str_copy(text + at, more, size - at);
}

static void tell(const struct features *f)
{
	char list[256] = "";

	log_info("cpu: %s (%s, family %u model %u stepping %u)", f->brand[0] ? f->brand : "no name",
		 f->vendor_name, f->family, f->model, f->stepping);
	for (unsigned i = 0; i < ARRAY_SIZE(told); i++) {
		if (!(f->words[told[i].word] & told[i].mask))
			continue;
		append(list, sizeof(list), list[0] ? ", " : "");
		append(list, sizeof(list), told[i].name);
	}
	log_info("cpu: %u-bit physical, %u-bit linear addresses; %s", f->phys_bits, f->linear_bits,
		 list);
	if (f->under_hypervisor)
		log_info("cpu: this machine is itself a virtual one%s%s",
			 f->hypervisor_name[0] ? ", of " : "", f->hypervisor_name);
}

int features_init(void)
{
	struct features *f = &features;

	read_vendor(f);
	read_basic(f);
	read_extended(f);
	read_hypervisor(f);
	tell(f);
	for (unsigned i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!(f->words[needed[i].word] & needed[i].mask)) {
			log_error("cpu: this CPU does not offer %s; Plinth cannot run on it",
				  needed[i].name);
			return -ENODEV;
		}
	}
	return 0;
}

// SPDX-License-Identifier: MIT
/* CPUID: the leaves agree with each other, and what is offered works when it is used. */
#include "lib/cpu.h"
#include "lib/test.h"
#include "lib/trap.h"

enum { EAX, EBX, ECX, EDX };
enum { HYPERVISOR_LEAF = 0x40000000, EXTENDED_LEAF = 0x80000000, XSAVE_LEAF = 0xd };
enum { LEGACY_SIZE = 576, OSXSAVE = 27, XSAVE = 26, X87_SSE = 3 };

static uint32_t max_basic, max_extended;

static bool has(uint32_t leaf, int reg, int bit)
{
	struct cpuid_regs r;
	uint32_t max = leaf >= EXTENDED_LEAF ? max_extended : max_basic;

	if (leaf > max)
		return false;
	r = cpuid(leaf, 0);
	return (reg == EAX ? r.eax : reg == EBX ? r.ebx : reg == ECX ? r.ecx : r.edx) & 1u << bit;
}

static bool is_text(const void *p, unsigned n)
{
	const uint8_t *s = p;

	for (unsigned i = 0; i < n; i++) {
		if (s[i] && (s[i] < 0x20 || s[i] > 0x7e))
			return false;
	}
	return true;
}

static void test_leaves(void)
{
	struct cpuid_regs r = cpuid(0, 0);
	uint32_t vendor[4] = { r.ebx, r.edx, r.ecx, 0 };
	char brand[49] = { 0 };

	max_basic = r.eax;
	max_extended = cpuid(EXTENDED_LEAF, 0).eax;
	check_true("the vendor is text", is_text(vendor, 12));
	print("vendor %s, leaves to %x and %x\n", (const char *)vendor, max_basic, max_extended);
	check_range("highest basic leaf", 1, 0xff, max_basic);
	check_range("highest extended leaf", 0x80000008u, 0x800000ffu, max_extended);
	for (uint32_t i = 0; i < 3; i++) {
		r = cpuid(EXTENDED_LEAF + 2 + i, 0);
		memcpy(brand + 16 * i, &r, 16);
	}
	check_true("the brand is text", is_text(brand, 48));
	r = cpuid(EXTENDED_LEAF + 8, 0);
	check_range("physical address bits", 36, 52, r.eax & 0xff);
	check_eq("linear address bits", 1, (r.eax >> 8 & 0xff) == 48 || (r.eax >> 8 & 0xff) == 57);
	check_true("FPU, TSC, MSR, PAE, APIC, PGE, CMOV, PAT, FXSR, SSE, SSE2",
		   (~cpuid(1, 0).edx & (1u << 0 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 9 | 1 << 13 |
					1 << 15 | 1 << 16 | 1 << 24 | 1 << 25 | 1 << 26)) == 0);
	check_true("long mode", has(EXTENDED_LEAF + 1, EDX, 29));
	check_eq("no-execute is offered just when it could be set", has(EXTENDED_LEAF + 1, EDX, 20),
		 (rdmsr(MSR_EFER) & EFER_NXE) != 0);
}

static void test_hypervisor(void)
{
	struct cpuid_regs r;
	char name[13] = { 0 };

	if (!has(1, ECX, 31)) {
		print("no hypervisor\n");
		return;
	}
	r = cpuid(HYPERVISOR_LEAF, 0);
	memcpy(name, &r.ebx, 12);
	check_true("the hypervisor's name is text", is_text(name, 12) && name[0]);
	check_range("highest hypervisor leaf", HYPERVISOR_LEAF, HYPERVISOR_LEAF + 0xffff, r.eax);
	print("hypervisor %s, leaves to %x\n", name, r.eax);
}

static void test_topology(void)
{
	uint32_t id = cpuid(1, 0).ebx >> 24;

	check_eq("boot CPU's APIC ID", 0, id);
	if (max_basic < 0xb || !cpuid(0xb, 0).ebx)
		return;
	check_eq("leaf Bh: x2APIC ID", id, cpuid(0xb, 0).edx);
	test_tolerate(test_is_bare_bochs(), "Bochs gives no levels with one CPU");
	check_eq("leaf Bh: first level is SMT", 1, cpuid(0xb, 0).ecx >> 8 & 0xff);
	check_eq("leaf Bh: second level is core", 2, cpuid(0xb, 1).ecx >> 8 & 0xff);
	test_tolerate_end();
	check_eq("leaf Bh: a level too far is invalid", 0, cpuid(0xb, 2).ecx >> 8 & 0xff);
}

/* What the standard format of XSAVE needs for the components in `mask`. */
static uint32_t xsave_size(uint64_t mask)
{
	uint32_t size = LEGACY_SIZE, end;

	for (uint32_t i = 2; i < 63; i++) {
		struct cpuid_regs r;

		if (!(mask & 1ull << i))
			continue;
		r = cpuid(XSAVE_LEAF, i);
		check_true("an XSAVE component has a size and a place",
			   r.eax && r.ebx >= LEGACY_SIZE);
		end = r.eax + r.ebx;
		size = end > size ? end : size;
	}
	return size;
}

static void test_xsave(void)
{
	uint64_t all;
	struct cpuid_regs r;

	check_true("OSXSAVE is off like CR4.OSXSAVE", !has(1, ECX, OSXSAVE));
	if (!has(1, ECX, XSAVE))
		return;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	check_true("OSXSAVE follows CR4.OSXSAVE", has(1, ECX, OSXSAVE));
	r = cpuid(XSAVE_LEAF, 0);
	all = (uint64_t)r.edx << 32 | r.eax;
	check_eq("XCR0 offers x87 and SSE", X87_SSE, all & X87_SSE);
	check_eq("size for all components", xsave_size(all), r.ecx);
	xsetbv(0, 1);
	check_eq("size with x87 alone", LEGACY_SIZE, cpuid(XSAVE_LEAF, 0).ebx);
	xsetbv(0, all);
	check_eq("XCR0 with all that is offered", all, xgetbv(0));
	check_eq("size with all components on", xsave_size(all), cpuid(XSAVE_LEAF, 0).ebx);
	for (uint32_t i = 2; i < 63; i++) {
		if (!(all & 1ull << i) && !((cpuid(XSAVE_LEAF, 1).ecx | 0ull) & 1ull << i))
			check_eq("a component that is not offered has no size", 0,
				 cpuid(XSAVE_LEAF, i).eax);
	}
	xsetbv(0, X87_SSE);
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
}

#define INSN(name, text)                                                                   \
	static void name(uint64_t at)                                                      \
	{                                                                                  \
		asm volatile(text ::"D"(at) : "rax", "rbx", "rcx", "rdx", "memory", "cc"); \
	}

INSN(insn_sse3, "addsubps %%xmm0, %%xmm1")
INSN(insn_ssse3, "pshufb %%xmm0, %%xmm1")
INSN(insn_cx16,
     "xor %%eax, %%eax; xor %%edx, %%edx; xor %%ebx, %%ebx; xor %%ecx, %%ecx; cmpxchg16b (%%rdi)")
INSN(insn_sse41, "pminsd %%xmm0, %%xmm1")
INSN(insn_sse42, "pcmpgtq %%xmm0, %%xmm1")
INSN(insn_movbe, "movbe (%%rdi), %%eax")
INSN(insn_popcnt, "popcnt %%eax, %%eax")
INSN(insn_aes, "aesenc %%xmm0, %%xmm1")
INSN(insn_pclmul, "pclmulqdq $0, %%xmm0, %%xmm1")
INSN(insn_rdrand, "rdrand %%rax")
INSN(insn_rdseed, "rdseed %%rax")
INSN(insn_bmi1, "andn %%rax, %%rcx, %%rdx")
INSN(insn_bmi2, "pdep %%rax, %%rcx, %%rdx")
INSN(insn_adx, "adcx %%rax, %%rdx")
INSN(insn_clflush, "clflush (%%rdi)")
INSN(insn_clflushopt, "clflushopt (%%rdi)")
INSN(insn_clwb, "clwb (%%rdi)")
INSN(insn_rdtscp, "rdtscp")
INSN(insn_lahf, "lahf")
INSN(insn_lzcnt, "lzcnt %%eax, %%eax")
INSN(insn_prefetchw, "prefetchw (%%rdi)")
INSN(insn_sse4a, "extrq $0, $0, %%xmm0")
INSN(insn_rdpid, "rdpid %%rax")
INSN(insn_monitor, "mov %%rdi, %%rax; xor %%ecx, %%ecx; xor %%edx, %%edx; monitor")

struct feature {
	const char *name;
	uint32_t leaf;
	int reg, bit;
	void (*insn)(uint64_t at);
};

static const struct feature features[] = {
	{ "SSE3", 1, ECX, 0, insn_sse3 },
	{ "PCLMULQDQ", 1, ECX, 1, insn_pclmul },
	{ "MONITOR", 1, ECX, 3, insn_monitor },
	{ "SSSE3", 1, ECX, 9, insn_ssse3 },
	{ "CMPXCHG16B", 1, ECX, 13, insn_cx16 },
	{ "SSE4.1", 1, ECX, 19, insn_sse41 },
	{ "SSE4.2", 1, ECX, 20, insn_sse42 },
	{ "MOVBE", 1, ECX, 22, insn_movbe },
	{ "POPCNT", 1, ECX, 23, insn_popcnt },
	{ "AESNI", 1, ECX, 25, insn_aes },
	{ "RDRAND", 1, ECX, 30, insn_rdrand },
	{ "CLFLUSH", 1, EDX, 19, insn_clflush },
	{ "BMI1", 7, EBX, 3, insn_bmi1 },
	{ "BMI2", 7, EBX, 8, insn_bmi2 },
	{ "RDSEED", 7, EBX, 18, insn_rdseed },
	{ "ADX", 7, EBX, 19, insn_adx },
	{ "CLFLUSHOPT", 7, EBX, 23, insn_clflushopt },
	{ "CLWB", 7, EBX, 24, insn_clwb },
	{ "RDPID", 7, ECX, 22, insn_rdpid },
	{ "LAHF", 0x80000001, ECX, 0, insn_lahf },
	{ "ABM", 0x80000001, ECX, 5, insn_lzcnt },
	{ "SSE4A", 0x80000001, ECX, 6, insn_sse4a },
	{ "PREFETCHW", 0x80000001, ECX, 8, insn_prefetchw },
	{ "RDTSCP", 0x80000001, EDX, 27, insn_rdtscp },
};

static void test_features(void)
{
	static uint64_t place[2] __attribute__((aligned(16)));

	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		const struct feature *f = &features[i];

		if (!has(f->leaf, f->reg, f->bit))
			continue;
		if (!check_eq("an instruction that CPUID offers", VEC_NONE,
			      trap_run(f->insn, (uint64_t)place)))
			print("  (%s)\n", f->name);
	}
	/* Where a hypervisor has an exit at hand, not offered must mean #UD. */
	if (!has(1, ECX, 3))
		check_known("MONITOR, not offered", VEC_UD, trap_run(insn_monitor, (uint64_t)place),
			    VEC_NONE, "QEMU TCG");
}

static void set_cr4(uint64_t bit)
{
	write_cr4(read_cr4() | bit);
}

static void set_efer(uint64_t bit)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | bit);
}

static const struct {
	const char *name;
	uint32_t leaf;
	int reg, bit;
	uint64_t cr4;
} cr4_features[] = {
	{ "CR4.VMXE", 1, ECX, 5, CR4_VMXE },	    { "CR4.PCIDE", 1, ECX, 17, CR4_PCIDE },
	{ "CR4.OSXSAVE", 1, ECX, 26, CR4_OSXSAVE }, { "CR4.FSGSBASE", 7, EBX, 0, CR4_FSGSBASE },
	{ "CR4.SMEP", 7, EBX, 7, CR4_SMEP },	    { "CR4.SMAP", 7, EBX, 20, CR4_SMAP },
	{ "CR4.UMIP", 7, ECX, 2, CR4_UMIP },
};

/* A control bit can be set just when its feature is offered. */
static void test_control_bits(void)
{
	uint64_t cr4 = read_cr4(), efer = rdmsr(MSR_EFER);
	uint8_t vector;

	for (unsigned i = 0; i < sizeof(cr4_features) / sizeof(cr4_features[0]); i++) {
		bool offered = has(cr4_features[i].leaf, cr4_features[i].reg, cr4_features[i].bit);

		/* A bit that TCG does not have is a #VMEXIT there, with no hypervisor to go to. */
		if (!offered && test_is_bare_tcg())
			continue;
		vector = trap_run(set_cr4, cr4_features[i].cr4);
		if (!check_eq("a CR4 bit that is offered can be set, one that is not gives #GP",
			      offered ? VEC_NONE : VEC_GP, vector))
			print("  (%s)\n", cr4_features[i].name);
		write_cr4(cr4);
	}
	vector = trap_run(set_efer, EFER_SVME);
	test_tolerate(test_is_bare_tcg(), "TCG drops bits that it does not have");
	check_eq("EFER.SVME", has(EXTENDED_LEAF + 1, ECX, 2) ? VEC_NONE : VEC_GP, vector);
	test_tolerate_end();
	wrmsr(MSR_EFER, efer);
}

void guest_main(void)
{
	test_leaves();
	test_hypervisor();
	test_topology();
	test_features();
	test_control_bits();
	test_xsave();
}

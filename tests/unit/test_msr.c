/* SPDX-License-Identifier: MIT */
/* sources: vmm/exit_msr.c tests/fake/virt.c tests/fake/log_record.c tests/fake/panic.c */
/*
 * A guest's MSRs: each row of the table read and written, with bits that it has not; and every
 * other number there is gives #GP, which is logged once each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "lib/errno.h"
#include "tests/fake/log_record.h"
#include "tests/fake/virt.h"
#include "vmm/recall.h"
#include "vmm/vm.h"

enum { PHYS_BITS = 39 };

static struct vm vm;
static struct vcpu v;
static unsigned faults, skips;
static uint64_t tsc, moved;

/* The local APIC's: what was asked of it, through which door. */
static struct {
	uint32_t msr;
	uint64_t value;
	int error;
	unsigned plain_reads, reads, writes;
} apic;

void vcpu_raise_gp(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &v);
	faults++;
}

void exit_skip(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &v);
	skips++;
}

/* No page of code is remembered in these tests. */
void fetch_skip_opcode(struct vcpu *vcpu, uint16_t opcode, unsigned len)
{
	(void)opcode, (void)len;
	exit_skip(vcpu);
}

uint64_t vcpu_tsc(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &v);
	return tsc;
}

void vcpu_move_tsc(struct vcpu *vcpu, uint64_t by)
{
	assert_ptr_equal(vcpu, &v);
	tsc += by;
	moved++;
}

/* The paravirtual MSRs. */
static struct {
	uint32_t msr;
	uint64_t value;
	int error;
} pv;

int pv_msr_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	assert_ptr_equal(vcpu, &v);
	pv.msr = msr;
	*value = pv.value;
	return pv.error;
}

int pv_msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	assert_ptr_equal(vcpu, &v);
	pv.msr = msr;
	pv.value = value;
	return pv.error;
}

int vlapic_msr_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	assert_ptr_equal(vcpu, &v);
	apic.msr = msr;
	apic.plain_reads++;
	*value = apic.value;
	return apic.error;
}

int vcpu_lapic_msr_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	assert_ptr_equal(vcpu, &v);
	apic.msr = msr;
	apic.reads++;
	*value = apic.value;
	return apic.error;
}

int vcpu_lapic_msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	assert_ptr_equal(vcpu, &v);
	apic.msr = msr;
	apic.value = value;
	apic.writes++;
	return apic.error;
}

static int setup(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(&v, 0, sizeof(v));
	memset(&apic, 0, sizeof(apic));
	memset(&pv, 0, sizeof(pv));
	faults = skips = 0;
	tsc = moved = 0;
	vm.cpuid.is_intel = true;
	vm.cpuid.phys_bits = PHYS_BITS;
	vm.efer_allowed = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	strcpy(vm.config.name, "linux");
	v.vm = &vm;
	fake_virt_attach(&v.hw);
	msr_reset(&v);
	fake_log_clear();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_virt_detach(&v.hw);
	return 0;
}

static void be_amd(void)
{
	vm.cpuid.is_intel = false;
	vm.cpuid.is_amd = true;
}

/* A RDMSR; whether it gave a value. Either it faults and changes nothing, or it is done. */
static bool rd(uint32_t msr, uint64_t *value)
{
	unsigned before = faults, done = skips;
	uint64_t untouched = 0x1122334455667788;

	v.hw.gpr[RCX] = 0xabcd000000000000 | msr; /* the upper half means nothing */
	v.hw.gpr[RAX] = v.hw.gpr[RDX] = untouched;
	exit_rdmsr(&v);
	assert_int_equal(faults - before + (skips - done), 1);
	if (faults != before) {
		assert_int_equal(v.hw.gpr[RAX], untouched);
		assert_int_equal(v.hw.gpr[RDX], untouched);
		return false;
	}
	assert_int_equal(v.hw.gpr[RAX] >> 32 | v.hw.gpr[RDX] >> 32, 0);
	*value = v.hw.gpr[RDX] << 32 | v.hw.gpr[RAX];
	return true;
}

static bool wr(uint32_t msr, uint64_t value)
{
	unsigned before = faults, done = skips;

	v.hw.gpr[RCX] = 0xabcd000000000000 | msr;
	v.hw.gpr[RAX] = 0x5555555500000000 | (uint32_t)value;
	v.hw.gpr[RDX] = 0x6666666600000000 | value >> 32;
	exit_wrmsr(&v);
	assert_int_equal(faults - before + (skips - done), 1);
	return faults == before;
}

#define assert_reads(msr, expected)                 \
	do {                                        \
		uint64_t value_;                    \
		assert_true(rd(msr, &value_));      \
		assert_int_equal(value_, expected); \
	} while (0)

#define assert_no_read(msr)                     \
	do {                                    \
		uint64_t value_;                \
		assert_false(rd(msr, &value_)); \
	} while (0)

/* Which MSRs exist at all, by who may do what; AMD has some more. */
static bool is_readable(uint32_t msr, bool amd)
{
	switch (msr) {
	case MSR_TSC:
	case MSR_PLATFORM_ID:
	case MSR_APIC_BASE:
	case MSR_FEATURE_CONTROL:
	case MSR_TSC_ADJUST:
	case MSR_BIOS_SIGN_ID:
	case MSR_MTRRCAP:
	case MSR_MCG_CAP:
	case MSR_MCG_STATUS:
	case MSR_MCG_CTL:
	case MSR_MISC_ENABLE:
	case MSR_DEBUGCTL:
	case MSR_MTRR_FIX64K_00000:
	case MSR_MTRR_FIX16K_80000:
	case MSR_MTRR_FIX16K_A0000:
	case MSR_MTRR_DEF_TYPE:
	case MSR_TSC_DEADLINE:
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_WALL_CLOCK_NEW:
	case MSR_KVM_SYSTEM_TIME_NEW:
	case MSR_KVM_STEAL_TIME:
	case MSR_KVM_PV_EOI_EN:
	case MSR_EFER: return true;
	case MSR_SYSCFG:
	case MSR_HWCR:
	case MSR_NB_CFG:
	case MSR_LS_CFG:
	case MSR_DE_CFG: return amd;
	default:
		return (msr >= 0x200 && msr < 0x210) || (msr >= 0x268 && msr <= 0x26f) ||
		       (msr >= 0x400 && msr < 0x428) || (msr >= 0x800 && msr <= 0x8ff);
	}
}

static void exactly_these_exist(void **state)
{
	uint64_t value;

	(void)state;
	for (unsigned amd = 0; amd < 2; amd++) {
		if (amd)
			be_amd();
		for (uint32_t msr = 0; msr < 0x3000; msr++)
			assert_int_equal(rd(msr, &value), is_readable(msr, amd));
		for (uint32_t msr = 0x4b564c00; msr < 0x4b564e00; msr++)
			assert_int_equal(rd(msr, &value), is_readable(msr, amd));
		for (uint32_t msr = 0xc0000000; msr < 0xc0003000; msr++)
			assert_int_equal(rd(msr, &value), is_readable(msr, amd));
		for (uint32_t msr = 0xc0010000; msr < 0xc0013000; msr++)
			assert_int_equal(rd(msr, &value), is_readable(msr, amd));
		assert_no_read(0xffffffff);
		assert_no_read(0x80000000);
	}
}

/* What cannot be written, whatever the value, and what has to be left alone by a fault. */
static void read_only_ones(void **state)
{
	static const uint32_t msrs[] = { MSR_PLATFORM_ID, MSR_FEATURE_CONTROL, MSR_MTRRCAP,
					 MSR_MCG_CAP };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
		uint64_t before;

		assert_true(rd(msrs[i], &before));
		assert_false(wr(msrs[i], before));
		assert_false(wr(msrs[i], 0));
		assert_reads(msrs[i], before);
	}
	assert_reads(MSR_FEATURE_CONTROL, FEATURE_CONTROL_LOCK);
	assert_reads(MSR_PLATFORM_ID, 0);
	assert_reads(MSR_MTRRCAP, VMSR_VARIABLE_MTRRS | 1 << 8 | 1 << 10);
	assert_reads(MSR_MCG_CAP, VMSR_MC_BANKS | 1 << 8);
	/* Write-only. */
	assert_no_read(MSR_BIOS_UPDT_TRIG);
	assert_true(wr(MSR_BIOS_UPDT_TRIG, 0x1234));
	/* The rows' own faults are no unknown MSRs: nothing is logged. */
	assert_string_equal(fake_log_text(), "");
}

static void unknown_ones_are_logged_once(void **state)
{
	(void)state;
	v.hw.rip = 0x1234;
	assert_no_read(0x999);
	assert_true(fake_log_has(LOG_DEBUG, "linux"));
	assert_true(fake_log_has(LOG_DEBUG, "0x999"));
	assert_true(fake_log_has(LOG_DEBUG, "0x1234"));
	assert_true(fake_log_has(LOG_DEBUG, "read"));
	fake_log_clear();
	for (unsigned i = 0; i < 3; i++) {
		assert_no_read(0x999);
		assert_false(wr(0x999, 0));
	}
	assert_string_equal(fake_log_text(), "");
	assert_false(wr(0x99a, 0));
	assert_true(fake_log_has(LOG_DEBUG, "wrote"));
	/* However many there are: the log stays short. */
	fake_log_clear();
	for (uint32_t msr = 0x10000; msr < 0x10000 + 1000; msr++)
		assert_no_read(msr);
	assert_int_equal(v.msr.logged_count, VMSR_LOGGED);
	fake_log_clear();
	assert_no_read(0x20000);
	assert_string_equal(fake_log_text(), "");
}

static void tsc_and_adjust(void **state)
{
	(void)state;
	tsc = 1000;
	assert_reads(MSR_TSC, 1000);
	assert_true(wr(MSR_TSC, 0x123456789abcdef0));
	assert_reads(MSR_TSC, 0x123456789abcdef0);
	assert_reads(MSR_TSC_ADJUST, 0x123456789abcdef0 - 1000);
	assert_true(wr(MSR_TSC_ADJUST, 0));
	assert_reads(MSR_TSC, 1000);
	assert_reads(MSR_TSC_ADJUST, 0);
	/* The same value again moves nothing: no flush of what depends on it. */
	moved = 0;
	assert_true(wr(MSR_TSC_ADJUST, 0));
	assert_int_equal(moved, 0);
	assert_true(wr(MSR_TSC_ADJUST, -500ull));
	assert_reads(MSR_TSC, 500);
	assert_int_equal(moved, 1);
}

static void efer(void **state)
{
	(void)state;
	virt->set(&v.hw, VREG_CR0, CR0_PE);
	assert_true(wr(MSR_EFER, EFER_SCE | EFER_LME | EFER_NXE));
	assert_reads(MSR_EFER, EFER_SCE | EFER_LME | EFER_NXE);
	/* LMA is the CPU's. */
	assert_true(wr(MSR_EFER, EFER_LME | EFER_LMA));
	assert_reads(MSR_EFER, EFER_LME);
	virt->set(&v.hw, VREG_CR0, CR0_PE | CR0_PG);
	assert_reads(MSR_EFER, EFER_LME | EFER_LMA);
	assert_true(wr(MSR_EFER, EFER_LME | EFER_NXE));
	assert_reads(MSR_EFER, EFER_LME | EFER_LMA | EFER_NXE);
	/* LME does not change while paging is on. */
	assert_false(wr(MSR_EFER, EFER_NXE));
	assert_reads(MSR_EFER, EFER_LME | EFER_LMA | EFER_NXE);
	virt->set(&v.hw, VREG_CR0, CR0_PE);
	virt->set(&v.hw, VREG_EFER, 0);
	virt->set(&v.hw, VREG_CR0, CR0_PE | CR0_PG);
	assert_false(wr(MSR_EFER, EFER_LME));
	assert_true(wr(MSR_EFER, EFER_SCE));
	/* Every bit that is not offered. */
	for (unsigned bit = 0; bit < 64; bit++)
		if (!(vm.efer_allowed >> bit & 1))
			assert_false(wr(MSR_EFER, 1ull << bit));
	vm.efer_allowed &= ~EFER_NXE;
	assert_false(wr(MSR_EFER, EFER_NXE));
	assert_reads(MSR_EFER, EFER_SCE);
}

static void misc_and_microcode(void **state)
{
	(void)state;
	assert_reads(MSR_MISC_ENABLE, MISC_ENABLE_FAST_STRINGS);
	assert_true(wr(MSR_MISC_ENABLE, ~0ull & ~MISC_ENABLE_FAST_STRINGS));
	assert_reads(MSR_MISC_ENABLE, 0);
	assert_true(wr(MSR_MISC_ENABLE, ~0ull));
	assert_reads(MSR_MISC_ENABLE, MISC_ENABLE_FAST_STRINGS);
	assert_reads(MSR_BIOS_SIGN_ID, 1ull << 32);
	assert_true(wr(MSR_BIOS_SIGN_ID, 0));
	be_amd();
	assert_reads(MSR_BIOS_SIGN_ID, 0x01000065);
	/* Neither LBR nor BTF records anything; other bits do not exist. */
	assert_reads(MSR_DEBUGCTL, 0);
	for (unsigned bit = 0; bit < 64; bit++)
		assert_int_equal(wr(MSR_DEBUGCTL, 1ull << bit), bit < 2);
	assert_reads(MSR_DEBUGCTL, 0);
}

static void mtrrs_after_reset(void **state)
{
	(void)state;
	assert_reads(MSR_MTRR_DEF_TYPE, 0xc06);
	assert_reads(MSR_MTRR_FIX64K_00000, 0x0606060606060606);
	assert_reads(MSR_MTRR_FIX16K_80000, 0x0606060606060606);
	assert_reads(MSR_MTRR_FIX16K_A0000, 0); /* the VGA's hole */
	for (uint32_t msr = MSR_MTRR_FIX4K_C0000; msr <= MSR_MTRR_FIX4K_F8000; msr++)
		assert_reads(msr, 0x0606060606060606);
	/* The last GiB below 4 GiB is uncached. */
	assert_reads(MSR_MTRR_PHYSBASE0, 0xc0000000);
	assert_reads(MSR_MTRR_PHYSMASK0, 0x7fc0000800);
	for (uint32_t msr = 0x202; msr < 0x210; msr++)
		assert_reads(msr, 0);
}

static void each_mtrr_is_its_own(void **state)
{
	static const uint32_t fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
					  0x26b, 0x26c, 0x26d, 0x26e, 0x26f };

	(void)state;
	for (uint32_t i = 0; i < 16; i++)
		assert_true(wr(0x200 + i, (uint64_t)i << 20 | (i & 1 ? 0x800 : 6)));
	for (uint32_t i = 0; i < ARRAY_SIZE(fixed); i++)
		assert_true(wr(fixed[i], 0x0606060606060600 | (i % 2 ? 5 : 4)));
	for (uint32_t i = 0; i < 16; i++)
		assert_reads(0x200 + i, (uint64_t)i << 20 | (i & 1 ? 0x800 : 6));
	for (uint32_t i = 0; i < ARRAY_SIZE(fixed); i++)
		assert_reads(fixed[i], 0x0606060606060600 | (i % 2 ? 5 : 4));
	assert_true(wr(MSR_MTRR_DEF_TYPE, 0x800));
	assert_reads(MSR_MTRR_DEF_TYPE, 0x800);
}

static bool is_type(unsigned type)
{
	return type == 0 || type == 1 || type == 4 || type == 5 || type == 6;
}

static void mtrrs_reserved_bits(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		assert_int_equal(wr(MSR_MTRR_DEF_TYPE, type), is_type(type));
		assert_int_equal(wr(MSR_MTRR_PHYSBASE0, type), is_type(type));
		for (unsigned place = 0; place < 64; place += 8)
			assert_int_equal(wr(MSR_MTRR_FIX4K_C0000, (uint64_t)type << place),
					 is_type(type));
	}
	for (unsigned bit = 8; bit < 64; bit++) {
		assert_int_equal(wr(MSR_MTRR_DEF_TYPE, 1ull << bit), bit == 10 || bit == 11);
		assert_int_equal(wr(MSR_MTRR_PHYSBASE0 + 2, 1ull << bit),
				 bit >= 12 && bit < PHYS_BITS);
		assert_int_equal(wr(MSR_MTRR_PHYSMASK0 + 2, 1ull << bit),
				 bit >= 11 && bit < PHYS_BITS);
	}
	for (unsigned bit = 0; bit < 8; bit++)
		assert_false(wr(MSR_MTRR_PHYSMASK0, 1ull << bit));
	/* What was refused has left no trace. */
	assert_reads(MSR_MTRR_PHYSMASK0, 0x7fc0000800);
}

static void machine_check_banks(void **state)
{
	(void)state;
	assert_reads(MSR_MCG_CTL, ~0ull);
	assert_true(wr(MSR_MCG_CTL, 0));
	assert_reads(MSR_MCG_CTL, 0);
	assert_true(wr(MSR_MCG_CTL, ~0ull));
	assert_false(wr(MSR_MCG_CTL, 1));
	assert_reads(MSR_MCG_CTL, ~0ull);
	assert_true(wr(MSR_MCG_STATUS, 7));
	assert_reads(MSR_MCG_STATUS, 7);
	for (uint32_t msr = MSR_MC0_CTL; msr < MSR_MC0_CTL + 4 * VMSR_MC_BANKS; msr++) {
		assert_reads(msr, 0);
		assert_true(wr(msr, 0));
		/* CTL takes anything; STATUS, ADDR and MISC only 0. */
		assert_int_equal(wr(msr, msr), msr % 4 == 0);
		assert_reads(msr, msr % 4 ? 0 : msr);
	}
}

static void the_apic(void **state)
{
	(void)state;
	apic.value = 0x1234567890;
	assert_reads(MSR_APIC_BASE, 0x1234567890);
	assert_reads(MSR_TSC_DEADLINE, 0x1234567890);
	assert_int_equal(apic.msr, MSR_TSC_DEADLINE);
	assert_int_equal(apic.plain_reads, 2);
	assert_int_equal(apic.reads, 0);
	/* TPR is among these: they are read with the hardware's copy pulled in. */
	assert_reads(0x808, 0x1234567890);
	assert_int_equal(apic.msr, 0x808);
	assert_int_equal(apic.reads, 1);
	assert_true(wr(0x8ff, 0xfedcba9876543210));
	assert_int_equal(apic.msr, 0x8ff);
	assert_int_equal(apic.value, 0xfedcba9876543210);
	assert_true(wr(MSR_APIC_BASE, 1));
	assert_true(wr(MSR_TSC_DEADLINE, 2));
	assert_int_equal(apic.value, 2);
	assert_int_equal(apic.writes, 3);
	apic.error = -EINVAL;
	assert_no_read(0x808);
	assert_no_read(MSR_APIC_BASE);
	assert_false(wr(0x808, 0));
	assert_false(wr(MSR_APIC_BASE, 0));
	assert_string_equal(fake_log_text(), "");
}

static void paravirtual_ones(void **state)
{
	static const uint32_t msrs[] = { MSR_KVM_WALL_CLOCK,	 MSR_KVM_SYSTEM_TIME,
					 MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW,
					 MSR_KVM_STEAL_TIME,	 MSR_KVM_PV_EOI_EN };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
		pv.error = 0;
		assert_true(wr(msrs[i], 0x123456789a0 + i));
		assert_int_equal(pv.msr, msrs[i]);
		assert_reads(msrs[i], 0x123456789a0 + i);
		/* What the interface refuses is a fault. */
		pv.error = -EINVAL;
		assert_false(wr(msrs[i], 2));
		assert_no_read(msrs[i]);
	}
}

static void amds_own(void **state)
{
	(void)state;
	assert_no_read(MSR_HWCR);
	assert_false(wr(MSR_HWCR, 0));
	be_amd();
	assert_reads(MSR_HWCR, 0);
	assert_true(wr(MSR_HWCR, ~0ull));
	assert_reads(MSR_HWCR, HWCR_KEPT);
	assert_true(wr(MSR_DE_CFG, 0));
	assert_reads(MSR_DE_CFG, DE_CFG_LFENCE_SERIALIZE);
	assert_true(wr(MSR_SYSCFG, ~0ull));
	assert_reads(MSR_SYSCFG, 0);
	assert_true(wr(MSR_NB_CFG, ~0ull));
	assert_reads(MSR_NB_CFG, 0);
	assert_true(wr(MSR_LS_CFG, ~0ull));
	assert_reads(MSR_LS_CFG, 0);
	/* SVM is not offered. */
	assert_no_read(MSR_VM_CR);
	assert_no_read(MSR_VM_HSAVE_PA);
}

/* A memory of the last search must not let one through that is not there. */
static void neighbours_one_after_the_other(void **state)
{
	uint64_t value, seed = 9;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		static const uint32_t near[] = {
			0,     0x10,  0x80,  0x170,	 0x1a0,	     0x1d0,	 0x200,
			0x250, 0x260, 0x2f0, 0x400,	 0x420,	     0x6e0,	 0x7f0,
			0x800, 0x8f0, 0x900, 0xc0000080, 0xc0010010, 0xc0010110, 0xc0011020
		};
		uint32_t msr;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		msr = near[(seed >> 40) % ARRAY_SIZE(near)] + (seed >> 33) % 16;
		assert_int_equal(rd(msr, &value), is_readable(msr, false));
	}
}

static bool is_passed(uint32_t msr)
{
	for (unsigned i = 0; i < fake_passes_n; i++) {
		assert_true(fake_passes[i].is_msr);
		assert_int_equal(fake_passes[i].pass, PASS_BOTH);
		if (fake_passes[i].number == msr)
			return true;
	}
	return false;
}

/* Only what the hardware switches between guest and host may pass. */
static void passed_ones(void **state)
{
	static const uint32_t all[] = { 0x174,	    0x175,	0x176,	    0x277,
					0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
					0xc0000100, 0xc0000101, 0xc0000102 };

	(void)state;
	fake_passes_n = 0;
	msr_pass(&vm);
	assert_int_equal(fake_passes_n, ARRAY_SIZE(all));
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		assert_true(is_passed(all[i]));
	fake_passes_n = 0;
	vm.cpuid.extended[1].edx = CPUID_80000001_EDX_RDTSCP;
	msr_pass(&vm);
	assert_int_equal(fake_passes_n, ARRAY_SIZE(all) + 1);
	assert_true(is_passed(MSR_TSC_AUX));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(exactly_these_exist),
		TEST(read_only_ones),
		TEST(unknown_ones_are_logged_once),
		TEST(tsc_and_adjust),
		TEST(efer),
		TEST(misc_and_microcode),
		TEST(mtrrs_after_reset),
		TEST(each_mtrr_is_its_own),
		TEST(mtrrs_reserved_bits),
		TEST(machine_check_banks),
		TEST(the_apic),
		TEST(paravirtual_ones),
		TEST(amds_own),
		TEST(neighbours_one_after_the_other),
		TEST(passed_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

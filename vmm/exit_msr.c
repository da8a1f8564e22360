/* SPDX-License-Identifier: MIT */
/*
 * RDMSR and WRMSR: a sorted table of ranges, each with its two functions; what is not in it gives
 * #GP and one line in the log. MSRs that the hardware switches itself do not come here
 * (msr_pass()).
 */
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "vmm/recall.h"
#include "vmm/msr.h"
#include "vmm/vm.h"

typedef int msr_read_fn(struct vcpu *v, uint32_t msr, uint64_t *value);
typedef int msr_write_fn(struct vcpu *v, uint32_t msr, uint64_t value);

struct msr_range {
	uint32_t first, last;
	msr_read_fn *read;   /* NULL: #GP */
	msr_write_fn *write; /* NULL: #GP */
};

static int read_zero(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	(void)v, (void)msr;
	*value = 0;
	return 0;
}

static int write_ignored(struct vcpu *v, uint32_t msr, uint64_t value)
{
	(void)v, (void)msr, (void)value;
	return 0;
}

/* Registers that the hardware has, reached through the seam where no bit of theirs is special. */
static int read_tsc(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	(void)msr;
	*value = vcpu_tsc(v);
	return 0;
}

/* A write to the TSC moves TSC_ADJUST by as much (SDM 3, "IA32_TSC_ADJUST MSR"). */
static int write_tsc(struct vcpu *v, uint32_t msr, uint64_t value)
{
	uint64_t by = value - vcpu_tsc(v);

	(void)msr;
	vcpu_move_tsc(v, by);
	v->msr.tsc_adjust += by;
	return 0;
}

static int read_tsc_adjust(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	(void)msr;
	*value = v->msr.tsc_adjust;
	return 0;
}

static int write_tsc_adjust(struct vcpu *v, uint32_t msr, uint64_t value)
{
	(void)msr;
	if (value != v->msr.tsc_adjust)
		vcpu_move_tsc(v, value - v->msr.tsc_adjust);
	v->msr.tsc_adjust = value;
	return 0;
}

static int read_efer(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	(void)msr;
	*value = virt->get(&v->hw, VREG_EFER);
	return 0;
}

/* LMA is the CPU's; LME may not change while paging is on (SDM 3, "IA-32e Mode Operation"). */
static int write_efer(struct vcpu *v, uint32_t msr, uint64_t value)
{
	uint64_t old = virt->get(&v->hw, VREG_EFER);

	(void)msr;
	if ((value & ~v->vm->efer_allowed) ||
	    (((old ^ value) & EFER_LME) && (virt->get(&v->hw, VREG_CR0) & CR0_PG)))
		return -EINVAL;
	virt->set(&v->hw, VREG_EFER, (value & ~EFER_LMA) | (old & EFER_LMA));
	return 0;
}

static int read_misc_enable(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	(void)msr;
	*value = v->msr.misc_enable;
	return 0;
}

/*
 * Fast strings, the CPUID limit, XD disable: remembered. What names features of others is
 * read-only.
 */
static int write_misc_enable(struct vcpu *v, uint32_t msr, uint64_t value)
{
	const uint64_t writable = MISC_ENABLE_FAST_STRINGS;

	(void)msr;
	v->msr.misc_enable = (v->msr.misc_enable & ~writable) | (value & writable);
	return 0;
}

static int write_debugctl(struct vcpu *v, uint32_t msr, uint64_t value)
{
	const uint64_t lbr_and_btf =
		3; /* no branch records are offered: switching them on finds none */

	(void)v, (void)msr;
	return value & ~lbr_and_btf ? -EINVAL : 0;
}

static int read_microcode(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	(void)msr;
	*value = v->vm->cpuid.is_intel ? 1ull << 32
				       : 0x01000065; /* the revisions that other hypervisors show */
	return 0;
}

enum { MTRRCAP_FIXED = 1 << 8, MTRRCAP_WC = 1 << 10 };

static int read_mtrrcap(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	(void)v, (void)msr;
	*value = VMSR_VARIABLE_MTRRS | MTRRCAP_FIXED | MTRRCAP_WC;
	return 0;
}

static bool is_memory_type(uint64_t type)
{
	return type <= 1 || (type >= 4 && type <= 6); /* UC, WC, WT, WP, WB */
}

/* The place of an MTRR among those remembered, or NULL. */
static uint64_t *mtrr_slot(struct vcpu *v, uint32_t msr)
{
	if (msr == MSR_MTRR_DEF_TYPE)
		return &v->msr.mtrr_def_type;
	if (msr >= MSR_MTRR_PHYSBASE0 && msr < MSR_MTRR_PHYSBASE0 + 2 * VMSR_VARIABLE_MTRRS)
		return &v->msr.mtrr_variable[msr - MSR_MTRR_PHYSBASE0];
	if (msr == MSR_MTRR_FIX64K_00000)
		return &v->msr.mtrr_fixed[0];
	if (msr == MSR_MTRR_FIX16K_80000 || msr == MSR_MTRR_FIX16K_A0000)
		return &v->msr.mtrr_fixed[1 + msr - MSR_MTRR_FIX16K_80000];
	return &v->msr.mtrr_fixed[3 + msr - MSR_MTRR_FIX4K_C0000];
}

static int read_mtrr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	*value = *mtrr_slot(v, msr);
	return 0;
}

static bool is_mtrr_valid(const struct vcpu *v, uint32_t msr, uint64_t value)
{
	const uint64_t def_type_defined = 0xcff, base_reserved = 0xf00, mask_reserved = 0x7ff;
	uint64_t above = ~(BIT(v->vm->cpuid.phys_bits) - 1);

	if (msr == MSR_MTRR_DEF_TYPE)
		return !(value & ~def_type_defined) && is_memory_type(value & 0xff);
	if (msr < MSR_MTRR_FIX64K_00000)
		return !(value & above) &&
		       (msr & 1 ? !(value & mask_reserved)
				: !(value & base_reserved) && is_memory_type(value & 0xff));
	for (unsigned i = 0; i < 8; i++)
		if (!is_memory_type(value >> i * 8 & 0xff))
			return false;
	return true;
}

static int write_mtrr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	if (!is_mtrr_valid(v, msr, value))
		return -EINVAL;
	*mtrr_slot(v, msr) = value;
	return 0;
}

static int read_mcg(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	const uint64_t ctl_present = 1 << 8;

	*value = msr == MSR_MCG_CAP	 ? VMSR_MC_BANKS | ctl_present
		 : msr == MSR_MCG_STATUS ? v->msr.mcg_status
					 : v->msr.mcg_ctl;
	return 0;
}

static int write_mcg(struct vcpu *v, uint32_t msr, uint64_t value)
{
	if (msr == MSR_MCG_CAP || (value && value != ~0ull && msr == MSR_MCG_CTL))
		return -EINVAL;
	*(msr == MSR_MCG_STATUS ? &v->msr.mcg_status : &v->msr.mcg_ctl) = value;
	return 0;
}

static int read_mc(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	*value = v->msr.mc[msr - MSR_MC0_CTL];
	return 0;
}

/* CTL takes anything; STATUS, ADDR and MISC only 0. */
static int write_mc(struct vcpu *v, uint32_t msr, uint64_t value)
{
	if (msr % 4 && value)
		return -EINVAL;
	v->msr.mc[msr - MSR_MC0_CTL] = value;
	return 0;
}

static int read_de_cfg(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	(void)v, (void)msr;
	*value = DE_CFG_LFENCE_SERIALIZE;
	return 0;
}

static int read_hwcr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	(void)msr;
	*value = v->msr.hwcr;
	return 0;
}

static int write_hwcr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	(void)msr;
	v->msr.hwcr = value & HWCR_KEPT;
	return 0;
}

/* Locked, with VMX off: what a PC shows whose firmware has switched it off. */
static int read_feature_control(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	(void)v, (void)msr;
	*value = FEATURE_CONTROL_LOCK;
	return 0;
}

/* Sorted. AMD's own stand at the end; a guest whose CPU is Intel's gets #GP for them. */
static const struct msr_range table[] = {
	{ MSR_TSC, MSR_TSC, read_tsc, write_tsc },
	{ MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, pv_msr_read, pv_msr_write },
	{ MSR_PLATFORM_ID, MSR_PLATFORM_ID, read_zero, NULL },
	{ MSR_APIC_BASE, MSR_APIC_BASE, vlapic_msr_read, vcpu_lapic_msr_write },
	{ MSR_FEATURE_CONTROL, MSR_FEATURE_CONTROL, read_feature_control, NULL },
	{ MSR_TSC_ADJUST, MSR_TSC_ADJUST, read_tsc_adjust, write_tsc_adjust },
	{ MSR_BIOS_UPDT_TRIG, MSR_BIOS_UPDT_TRIG, NULL, write_ignored },
	{ MSR_BIOS_SIGN_ID, MSR_BIOS_SIGN_ID, read_microcode, write_ignored },
	{ MSR_MTRRCAP, MSR_MTRRCAP, read_mtrrcap, NULL },
	{ MSR_MCG_CAP, MSR_MCG_CTL, read_mcg, write_mcg },
	{ MSR_MISC_ENABLE, MSR_MISC_ENABLE, read_misc_enable, write_misc_enable },
	{ MSR_DEBUGCTL, MSR_DEBUGCTL, read_zero, write_debugctl },
	{ MSR_MTRR_PHYSBASE0, MSR_MTRR_PHYSBASE0 + 2 * VMSR_VARIABLE_MTRRS - 1, read_mtrr,
	  write_mtrr },
	{ MSR_MTRR_FIX64K_00000, MSR_MTRR_FIX64K_00000, read_mtrr, write_mtrr },
	{ MSR_MTRR_FIX16K_80000, MSR_MTRR_FIX16K_A0000, read_mtrr, write_mtrr },
	{ MSR_MTRR_FIX4K_C0000, MSR_MTRR_FIX4K_F8000, read_mtrr, write_mtrr },
	{ MSR_MTRR_DEF_TYPE, MSR_MTRR_DEF_TYPE, read_mtrr, write_mtrr },
	{ MSR_MC0_CTL, MSR_MC0_CTL + 4 * VMSR_MC_BANKS - 1, read_mc, write_mc },
	{ MSR_TSC_DEADLINE, MSR_TSC_DEADLINE, vlapic_msr_read, vcpu_lapic_msr_write },
	{ MSR_X2APIC_BASE, MSR_X2APIC_LAST, vcpu_lapic_msr_read, vcpu_lapic_msr_write },
	{ MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW, pv_msr_read, pv_msr_write },
	{ MSR_KVM_STEAL_TIME, MSR_KVM_PV_EOI_EN, pv_msr_read, pv_msr_write },
	{ MSR_EFER, MSR_EFER, read_efer, write_efer },
	{ MSR_SYSCFG, MSR_SYSCFG, read_zero, write_ignored },
	{ MSR_HWCR, MSR_HWCR, read_hwcr, write_hwcr },
	{ MSR_NB_CFG, MSR_NB_CFG, read_zero, write_ignored },
	{ MSR_LS_CFG, MSR_LS_CFG, read_zero, write_ignored },
	{ MSR_DE_CFG, MSR_DE_CFG, read_de_cfg, write_ignored },
};

static const struct msr_range *search(const struct vcpu *v, uint32_t msr)
{
	unsigned low = 0, high = ARRAY_SIZE(table);

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (msr > table[mid].last)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == ARRAY_SIZE(table) || msr < table[low].first)
		return NULL;
	return msr >= MSR_SYSCFG && !v->vm->cpuid.is_amd ? NULL : &table[low];
}

/*
 * Guests use a few MSRs all the time: where the last search for one like it ended is looked at
 * first.
 */
static const struct msr_range *find(struct vcpu *v, uint32_t msr)
{
	const struct msr_range **hint = &v->msr.hints[(msr ^ msr >> 4) % VMSR_HINTS];

	if (unlikely(!*hint || msr - (*hint)->first > (*hint)->last - (*hint)->first))
		*hint = search(v, msr);
	return *hint;
}

static void log_unknown(struct vcpu *v, uint32_t msr, bool write)
{
	for (unsigned i = 0; i < v->msr.logged_count; i++)
		if (v->msr.logged[i] == msr)
			return;
	if (v->msr.logged_count == VMSR_LOGGED)
		return;
	v->msr.logged[v->msr.logged_count++] = msr;
	log_debug("msr: guest %s %s unknown MSR %#x at RIP %#lx: #GP", v->vm->config.name,
		  write ? "wrote" : "read", msr, (unsigned long)v->hw.rip);
}

void exit_rdmsr(struct vcpu *v)
{
	uint32_t msr = (uint32_t)v->hw.gpr[RCX];
	const struct msr_range *r = find(v, msr);
	uint64_t value;

	if (!r)
		log_unknown(v, msr, false);
	if (!r || !r->read || r->read(v, msr, &value)) {
		vcpu_raise_gp(v);
		return;
	}
	v->hw.gpr[RAX] = (uint32_t)value;
	v->hw.gpr[RDX] = value >> 32;
	exit_skip_opcode(v, OPCODE_RDMSR, 2);
}

void exit_wrmsr(struct vcpu *v)
{
	uint32_t msr = (uint32_t)v->hw.gpr[RCX];
	uint64_t value = v->hw.gpr[RDX] << 32 | (uint32_t)v->hw.gpr[RAX];
	const struct msr_range *r = find(v, msr);

	if (!r)
		log_unknown(v, msr, true);
	if (!r || !r->write || r->write(v, msr, value)) {
		vcpu_raise_gp(v);
		return;
	}
	exit_skip_opcode(v, OPCODE_WRMSR, 2);
}

/*
 * MTRRs as a PC's firmware leaves them: everything write-back but the VGA's hole and the PCI
 * window.
 */
void msr_reset(struct vcpu *v)
{
	const uint64_t write_back = 0x0606060606060606, uncached = 0, enabled = 0xc00, wb = 6;
	const uint64_t hole = 0xc0000000, valid = 1 << 11;
	struct vmsr *m = &v->msr;

	*m = (struct vmsr){ .mtrr_def_type = enabled | wb,
			    .misc_enable = MISC_ENABLE_FAST_STRINGS };
	for (unsigned i = 0; i < VMSR_FIXED_MTRRS; i++)
		m->mtrr_fixed[i] = i == 2 ? uncached : write_back;
	m->mtrr_variable[0] = hole;
	m->mtrr_variable[1] = (BIT(v->vm->cpuid.phys_bits) - GIB) | valid;
	m->mcg_ctl = ~0ull;
}

void msr_pass(struct vm *vm)
{
	static const uint32_t passed[] = {
		MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,   MSR_PAT,
		MSR_STAR,	 MSR_LSTAR,	   MSR_CSTAR,	       MSR_SFMASK,
		MSR_FS_BASE,	 MSR_GS_BASE,	   MSR_KERNEL_GS_BASE,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(passed); i++)
		virt->pass_msr(&vm->hw, passed[i], PASS_BOTH);
	if (vm->cpuid.extended[1].edx & CPUID_80000001_EDX_RDTSCP)
		virt->pass_msr(&vm->hw, MSR_TSC_AUX, PASS_BOTH);
}

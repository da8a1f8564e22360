/* SPDX-License-Identifier: MIT */
/*
 * Control registers: the checks that the CPU would have made (SDM 2, "MOV—Move to/from Control
 * Registers"), then the new value.
 */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/fixup.h"
#include "vmm/exit.h"
#include "vmm/irqchip.h"
#include "vmm/vm.h"

#define CR0_DEFINED                                                                                \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)

static bool is_cr0_valid(struct vcpu *v, uint64_t value)
{
	uint64_t efer = virt->get(&v->hw, VREG_EFER), cr4 = virt->get(&v->hw, VREG_CR4);
	uint64_t old = virt->get(&v->hw, VREG_CR0);
	struct segment cs;

	if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) ||
	    ((value & CR0_NW) && !(value & CR0_CD)))
		return false;
	virt->get_segment(&v->hw, VSEG_CS, &cs);
	if ((value & CR0_PG) && !(old & CR0_PG) && (efer & EFER_LME))
		return (cr4 & CR4_PAE) && !(cs.attr & SEG_L);
	if (!(value & CR0_PG) && (old & CR0_PG))
		return !(cr4 & CR4_PCIDE) && !((efer & EFER_LMA) && (cs.attr & SEG_L));
	return true;
}

static bool set_cr0(struct vcpu *v, uint64_t value)
{
	if (!is_cr0_valid(v, value))
		return false;
	virt->set(&v->hw, VREG_CR0, (value & CR0_DEFINED) | CR0_ET);
	return true;
}

static bool is_cr4_valid(struct vcpu *v, uint64_t value)
{
	uint64_t old = virt->get(&v->hw, VREG_CR4), efer = virt->get(&v->hw, VREG_EFER);

	if (value & ~v->vm->cr4_allowed)
		return false;
	if ((efer & EFER_LMA) && (!(value & CR4_PAE) || ((old ^ value) & CR4_LA57)))
		return false;
	if ((value & CR4_PCIDE) && !(old & CR4_PCIDE))
		return (efer & EFER_LMA) && !(virt->get(&v->hw, VREG_CR3) & CR3_PCID_MASK);
	return true;
}

static bool set_cr4(struct vcpu *v, uint64_t value)
{
	if (!is_cr4_valid(v, value))
		return false;
	virt->set(&v->hw, VREG_CR4, value);
	return true;
}

static bool set_cr(struct vcpu *v, unsigned cr, uint64_t value)
{
	switch (cr) {
	case 0: return set_cr0(v, value);
	case 3: virt->set(&v->hw, VREG_CR3, value & ~CR3_NOFLUSH); return true;
	case 4: return set_cr4(v, value);
	case 8:
		if (value >> 4)
			return false;
		vlapic_set_tpr(v, (uint8_t)value);
		virt->set(&v->hw, VREG_TPR, value);
		v->irq_wanted = irqchip_pending(v) || vlapic_tpr_threshold(v);
		vcpu_attend(v); /* the window may be another one now, or none */
		return true;
	default: return false;
	}
}

static uint64_t get_cr(struct vcpu *v, unsigned cr)
{
	switch (cr) {
	case 0: return virt->get(&v->hw, VREG_CR0);
	case 3: return virt->get(&v->hw, VREG_CR3);
	case 4: return virt->get(&v->hw, VREG_CR4);
	default: return virt->get(&v->hw, VREG_TPR);
	}
}

/* LMSW sets PE but never clears it; only the low four bits move. */
static uint64_t lmsw(struct vcpu *v, uint16_t source)
{
	const uint64_t mask = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
	uint64_t old = virt->get(&v->hw, VREG_CR0);

	return (old & ~mask) | (source & mask) | (old & CR0_PE);
}

/* Where the hardware does not tell the operands, the instruction's bytes do. */
static int complete(struct vcpu *v, struct exit_cr *cr)
{
	const struct insn *in;

	if (cr->known)
		return 0;
	in = fetch_insn(v);
	if (!in)
		return -1;
	if (in->op != INSN_MOV_CR) {
		vm_crash(v->vm, "%s at RIP %#lx exited as an access to CR%u", insn_op_name(in->op),
			 (unsigned long)v->hw.rip, cr->cr);
		return -1;
	}
	cr->op = in->dst.kind == OPERAND_CONTROL ? CR_WRITE : CR_READ;
	cr->gpr = cr->op == CR_WRITE ? in->src.reg : in->dst.reg;
	return 0;
}

void exit_cr(struct vcpu *v)
{
	struct exit_cr cr = v->hw.exit.cr;
	bool done = true;
	uint64_t value;

	if (complete(v, &cr))
		return;
	value = v->hw.gpr[cr.gpr];
	if (!vcpu_is_64bit(v))
		value = (uint32_t)value;
	switch (cr.op) {
	case CR_WRITE: done = set_cr(v, cr.cr, value); break;
	case CR_READ: v->hw.gpr[cr.gpr] = get_cr(v, cr.cr); break;
	case CR_CLTS: virt->set(&v->hw, VREG_CR0, virt->get(&v->hw, VREG_CR0) & ~CR0_TS); break;
	default: done = set_cr0(v, lmsw(v, cr.lmsw)); break;
	}
	if (done)
		exit_skip(v);
	else
		vcpu_raise_gp(v);
}

/* Debug registers are the guest's own while it runs: no exit was asked for. */
void exit_dr(struct vcpu *v)
{
	vm_crash(v->vm, "an access to DR%u at RIP %#lx exited, and nobody asked for it",
		 v->hw.exit.dr.dr, (unsigned long)v->hw.rip);
}

static bool is_xcr0_valid(uint64_t value, uint64_t allowed)
{
	if ((value & ~allowed) || !(value & XCR0_X87))
		return false;
	if ((value & XCR0_AVX) && !(value & XCR0_SSE))
		return false;
	if ((value & XCR0_AVX512) && ((value & XCR0_AVX512) != XCR0_AVX512 || !(value & XCR0_AVX)))
		return false;
	return true;
}

/* SDM 2, "XSETBV": #UD comes from the hardware when CR4.OSXSAVE is clear. */
void exit_xsetbv(struct vcpu *v)
{
	uint64_t value = v->hw.gpr[RDX] << 32 | (uint32_t)v->hw.gpr[RAX];

	if ((uint32_t)v->hw.gpr[RCX] || vcpu_cpl(v) ||
	    !is_xcr0_valid(value, v->vm->cpuid.xcr0_allowed) || xsetbv_safe(value)) {
		vcpu_raise_gp(v);
		return;
	}
	exit_skip(v);
}

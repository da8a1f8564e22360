/* SPDX-License-Identifier: MIT */
/*
 * Where a vCPU begins: RESET, INIT, the start-up IPI, and a loader's registers. The one idea: INIT
 * is a RESET that keeps some things, and all but the boot CPU wait for a SIPI after either.
 */
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/cr.h"
#include "vmm/load/load.h"
#include "vmm/vm.h"

/* What RESET and INIT have in common beside the registers. */
static void forget_events(struct vcpu *v)
{
	v->pending = (struct vm_event){ 0 };
	v->halted = v->nmi_pending = v->irq_wanted = false;
	v->waits_for_sipi = v->id != 0;
	pv_reset(v);
	v->hw.exit.shadow = 0;
	v->hw.gpr[RDX] = v->vm->cpuid.basic[CPUID_FEATURES].eax;
	virt->set(&v->hw, VREG_TSC_OFFSET, v->tsc_offset);
	vcpu_attend(v);
}

void vcpu_reset(struct vcpu *v)
{
	vcpu_unload(v);
	virt->vcpu_reset(&v->hw);
	/* All vCPUs' clocks begin equal, whatever the guest had made of them. */
	v->tsc_offset = v->vm->tsc_offset;
	fpu_reset(&v->fpu);
	vlapic_reset(v);
	virt->set(&v->hw, VREG_APIC_PAGE, v->lapic.mmio_page);
	msr_reset(v);
	forget_events(v);
}

/*
 * What INIT leaves as it was (SDM 3, "Processor State After Reset"): FPU, TSC, MTRRs, most MSRs,
 * the APIC's mode, and how CR0 has the caches.
 */
void vcpu_take_init(struct vcpu *v)
{
	static const uint8_t kept[] = { VREG_PAT,	   VREG_SYSENTER_CS, VREG_SYSENTER_ESP,
					VREG_SYSENTER_EIP, VREG_STAR,	     VREG_LSTAR,
					VREG_CSTAR,	   VREG_SFMASK,	     VREG_KERNEL_GS_BASE,
					VREG_TSC_AUX };
	uint64_t values[ARRAY_SIZE(kept)], caches;

	vcpu_unload(v);
	caches = virt->get(&v->hw, VREG_CR0) & (CR0_CD | CR0_NW);
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		values[i] = virt->get(&v->hw, kept[i]);
	virt->vcpu_reset(&v->hw);
	virt->set(&v->hw, VREG_CR0, CR0_ET | caches);
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		virt->set(&v->hw, kept[i], values[i]);
	vlapic_reset_init(v);
	forget_events(v);
}

void vcpu_take_sipi(struct vcpu *v, uint8_t vector)
{
	const unsigned page_shift = 12, paragraph_shift = 4, code = 0xb, limit = 0xffff;
	uint64_t base = (uint64_t)vector << page_shift;

	if (!v->waits_for_sipi)
		return;
	v->waits_for_sipi = false;
	v->hw.rip = 0;
	virt->set_segment(&v->hw, VSEG_CS,
			  &(struct segment){ .base = base,
					     .limit = limit,
					     .selector = (uint16_t)(base >> paragraph_shift),
					     .attr = SEG_P | SEG_S | code });
}

void vcpu_set_regs(struct vcpu *v, const struct load_regs *r)
{
	for (unsigned i = 0; i < GPRS; i++)
		v->hw.gpr[i] = r->gpr[i];
	v->hw.rip = r->rip;
	v->hw.rflags = r->rflags;
	for (enum vseg s = 0; s < VSEGS; s++)
		virt->set_segment(&v->hw, s, &r->segments[s]);
	virt->set(&v->hw, VREG_CR3, r->cr3);
	virt->set(&v->hw, VREG_CR4, r->cr4);
	virt->set(&v->hw, VREG_EFER, r->efer);
	virt->set(&v->hw, VREG_CR0, r->cr0);
}

/* SPDX-License-Identifier: MIT */
/* A vCPU's VMCB: made, reset, loaded, and its registers read and written. */
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/pages.h"
#include "arch/x86_64/ptab.h"
#include "arch/x86_64/virt/svm/svm.h"
#include "lib/errno.h"
#include "lib/string.h"

/* What exits: no CR but CR4 and CR8 when asked, no DR, no page fault, no INVLPG, no RDTSC. */
static void set_intercepts(struct vmcb_control *c)
{
	c->intercept_cr = INTERCEPT_CR_WRITE(4);
	c->intercept_1 = INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_SMI | INTERCEPT_INIT |
			 INTERCEPT_RDPMC | INTERCEPT_CPUID | INTERCEPT_RSM | INTERCEPT_INVD |
			 INTERCEPT_HLT | INTERCEPT_INVLPGA | INTERCEPT_IOIO | INTERCEPT_MSR |
			 INTERCEPT_TASK_SWITCH | INTERCEPT_FERR_FREEZE | INTERCEPT_SHUTDOWN;
	c->intercept_2 = INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD | INTERCEPT_VMSAVE |
			 INTERCEPT_STGI | INTERCEPT_CLGI | INTERCEPT_SKINIT | INTERCEPT_WBINVD |
			 INTERCEPT_MONITOR | INTERCEPT_MWAIT | INTERCEPT_XSETBV | INTERCEPT_RDPRU;
	c->intercept_3 = INTERCEPT_INVLPGB | INTERCEPT_MCOMMIT | INTERCEPT_TLBSYNC;
	/*
	 * #MC belongs to the host. #DB and #AC are handed back to the guest: a guest whose handler
	 * faults again would otherwise loop in microcode where no interrupt ends its turn.
	 */
	c->intercept_exceptions = 1u << VEC_MC | 1u << VEC_DB | 1u << VEC_AC;
}

/* So many PAUSEs, no further apart than so many ticks, are a loop that waits for another vCPU. */
enum { PAUSE_COUNT = 3000, PAUSE_TICKS = 128 };

/*
 * Who has but one CPU waits for nobody else's. Without the filter each PAUSE exits: who says PAUSE
 * has nothing better to do.
 */
static void set_pause(struct vmcb_control *c, unsigned vcpu_count)
{
	if (vcpu_count < 2)
		return;
	c->intercept_1 |= INTERCEPT_PAUSE;
	if (svm_features.pause_filter)
		c->pause_filter_count = PAUSE_COUNT;
	if (svm_features.pause_threshold)
		c->pause_filter_threshold = PAUSE_TICKS;
}

int svm_vcpu_init(struct virt_vcpu *v)
{
	struct svm_vcpu *s = page_alloc(ORDER_4K, MEM_VM);
	struct vmcb *b = page_alloc(ORDER_4K, MEM_VM);

	if (!s || !b) {
		page_free(s, ORDER_4K, MEM_VM);
		page_free(b, ORDER_4K, MEM_VM);
		return -ENOMEM;
	}
	s->vmcb = b;
	s->vmcb_pa = hpa_of(b);
	s->asid_cpu = CPUS_MAX;
	v->vendor = s;
	v->control = b;
	svm_vcpu_reset(v);
	return 0;
}

void svm_vcpu_fini(struct virt_vcpu *v)
{
	page_free(v->vendor, ORDER_4K, MEM_VM);
	page_free(v->control, ORDER_4K, MEM_VM);
	v->vendor = v->control = NULL;
}

/*
 * Attributes after reset: code and data are present and accessed; LDTR and TR are busy system
 * segments.
 */
enum {
	ATTR_CODE_RESET = SEG_P | SEG_S | 0xb,
	ATTR_DATA_RESET = SEG_P | SEG_S | 0x3,
	ATTR_LDT = SEG_P | 0x2,
	ATTR_TSS_BUSY = SEG_P | 0xb,
	LIMIT_RESET = 0xffff,
};

/* The next entry drops what the CPU has cached of this guest's translations. */
static void flush(struct vmcb *b)
{
	b->control.tlb_control = svm_features.flush_by_asid ? TLB_FLUSH_ASID : TLB_FLUSH_ALL;
}

static void reset_segments(struct virt_vcpu *v)
{
	struct segment data = { .limit = LIMIT_RESET, .attr = ATTR_DATA_RESET };
	struct segment code = { .base = 0xffff0000,
				.limit = LIMIT_RESET,
				.selector = 0xf000,
				.attr = ATTR_CODE_RESET };
	struct segment ldt = { .limit = LIMIT_RESET, .attr = ATTR_LDT };
	struct segment tss = { .limit = LIMIT_RESET, .attr = ATTR_TSS_BUSY };

	for (enum vseg seg = VSEG_ES; seg <= VSEG_GS; seg++)
		svm_set_segment(v, seg, seg == VSEG_CS ? &code : &data);
	svm_set_segment(v, VSEG_LDTR, &ldt);
	svm_set_segment(v, VSEG_TR, &tss);
	svm_set_segment(v, VSEG_GDTR, &data);
	svm_set_segment(v, VSEG_IDTR, &data);
}

void svm_vcpu_reset(struct virt_vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);
	struct vmcb *b = vmcb_of(v);
	uint32_t asid = b->control.asid;

	memset(b, 0, sizeof(*b));
	set_intercepts(&b->control);
	set_pause(&b->control, v->vm->vcpu_count);
	b->control.asid = asid;
	b->control.iopm_base = hpa_of(v->vm->io_map).raw;
	b->control.msrpm_base = hpa_of(v->vm->msr_map).raw;
	b->control.nested_cr3 = hpa_of(v->vm->nested->root).raw;
	b->control.v_intr = V_INTR_MASKING;
	b->control.np_enable = NP_ENABLE;
	b->save.efer = EFER_SVME;
	b->save.cr0 = CR0_CD | CR0_NW | CR0_ET;
	b->save.dr7 = DR7_INIT;
	b->save.dr6 = DR6_INIT;
	b->save.g_pat = PAT_RESET;
	reset_segments(v);
	memset(v->gpr, 0, sizeof(v->gpr));
	v->rip = 0xfff0;
	v->rflags = RFLAGS_FIXED;
	v->exit.shadow = 0;
	s->nmi_blocked = s->stepping = false;
	s->windows = WINDOW_NONE;
	memset(s->dr, 0, sizeof(s->dr));
	flush(b);
}

static bool has_tsc_aux(void)
{
	return feature(WORD_80000001_EDX, CPUID_80000001_EDX_RDTSCP);
}

/* DR0-DR3 and TSC_AUX stay the guest's while it is on this CPU: the host has no use for them. */
void svm_vcpu_load(struct virt_vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	svm_assign_asid(v);
	s->host_state = svm_host_state();
	s->vmcb->control.clean = 0;
	write_dr0(s->dr[0]);
	write_dr1(s->dr[1]);
	write_dr2(s->dr[2]);
	write_dr3(s->dr[3]);
	if (has_tsc_aux())
		wrmsr(MSR_TSC_AUX, s->tsc_aux);
	s->loaded = true;
}

void svm_vcpu_put(struct virt_vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	s->dr[0] = read_dr0();
	s->dr[1] = read_dr1();
	s->dr[2] = read_dr2();
	s->dr[3] = read_dr3();
	if (has_tsc_aux())
		s->tsc_aux = rdmsr(MSR_TSC_AUX);
	s->loaded = false;
}

/* Where a plain register lies in the save area, and which clean bit covers it. */
static uint64_t *slot(struct vmcb *b, enum vreg reg, uint32_t *clean)
{
	*clean = 0;
	switch (reg) {
	case VREG_CR0: *clean = CLEAN_CR; return &b->save.cr0;
	case VREG_CR2: *clean = CLEAN_CR2; return &b->save.cr2;
	case VREG_CR3: *clean = CLEAN_CR; return &b->save.cr3;
	case VREG_CR4: *clean = CLEAN_CR; return &b->save.cr4;
	case VREG_EFER: *clean = CLEAN_CR; return &b->save.efer;
	case VREG_DR7: *clean = CLEAN_DR; return &b->save.dr7;
	case VREG_DR6: *clean = CLEAN_DR; return &b->save.dr6;
	case VREG_PAT: *clean = CLEAN_NP; return &b->save.g_pat;
	case VREG_SYSENTER_CS: return &b->save.sysenter_cs;
	case VREG_SYSENTER_ESP: return &b->save.sysenter_esp;
	case VREG_SYSENTER_EIP: return &b->save.sysenter_eip;
	case VREG_STAR: return &b->save.star;
	case VREG_LSTAR: return &b->save.lstar;
	case VREG_CSTAR: return &b->save.cstar;
	case VREG_SFMASK: return &b->save.sfmask;
	case VREG_KERNEL_GS_BASE: return &b->save.kernel_gs_base;
	case VREG_DEBUGCTL: *clean = CLEAN_LBR; return &b->save.debugctl;
	case VREG_TSC_OFFSET: *clean = CLEAN_INTERCEPTS; return &b->control.tsc_offset;
	default: return NULL;
	}
}

static __attribute__((noinline)) uint64_t get_other(struct virt_vcpu *v, enum vreg reg)
{
	struct vmcb *b = vmcb_of(v);
	uint32_t clean;
	uint64_t *p;

	switch (reg) {
	case VREG_NMI_BLOCKED: return svm_of(v)->nmi_blocked;
	case VREG_TSC_AUX: return svm_of(v)->loaded ? rdmsr(MSR_TSC_AUX) : svm_of(v)->tsc_aux;
	case VREG_EFER: return b->save.efer & ~EFER_SVME; /* SVM's own bit is not the guest's */
	default: break;
	}
	p = slot(b, reg, &clean);
	return p ? *p : 0;
}

/* TPR is looked at before each interrupt. */
uint64_t svm_get(struct virt_vcpu *v, enum vreg reg)
{
	if (likely(reg == VREG_TPR))
		return vmcb_of(v)->control.v_intr & 0xf;
	return get_other(v, reg);
}

/* LMA follows LME and PG, as the hardware would have it. */
static void update_lma(struct vmcb *b)
{
	b->save.efer &= ~EFER_LMA;
	if ((b->save.efer & EFER_LME) && (b->save.cr0 & CR0_PG))
		b->save.efer |= EFER_LMA;
}

void svm_set(struct virt_vcpu *v, enum vreg reg, uint64_t value)
{
	struct vmcb *b = vmcb_of(v);
	uint32_t clean;
	uint64_t *p;

	switch (reg) {
	case VREG_TPR:
		b->control.v_intr = (b->control.v_intr & ~V_TPR_MASK) | value;
		b->control.clean &= ~(uint32_t)CLEAN_TPR;
		return;
	case VREG_NMI_BLOCKED: svm_of(v)->nmi_blocked = value; return;
	case VREG_NESTED_TLB: flush(b); return;
	case VREG_TSC_AUX:
		svm_of(v)->tsc_aux = value;
		if (svm_of(v)->loaded)
			wrmsr(MSR_TSC_AUX, value);
		return;
	default: break;
	}
	p = slot(b, reg, &clean);
	if (!p)
		return;
	*p = value;
	b->control.clean &= ~clean;
	if (reg == VREG_EFER)
		b->save.efer |= EFER_SVME;
	if (reg == VREG_EFER || reg == VREG_CR0)
		update_lma(b);
	/* A change of paging mode by us is not seen by the TLB. */
	if (reg == VREG_CR0 || reg == VREG_CR3 || reg == VREG_CR4 || reg == VREG_EFER)
		flush(b);
}

/* The VMCB packs the attributes: no gap between P and AVL. */
enum { PACKED_LOW = 0xff, PACKED_HIGH = 0xf00, PACKED_SHIFT = 4 };

static uint16_t unpack(uint16_t attr)
{
	return (uint16_t)((attr & PACKED_LOW) | (attr & PACKED_HIGH) << PACKED_SHIFT);
}

void svm_get_context(struct virt_vcpu *v, struct virt_context *c)
{
	const struct vmcb_save *s = &vmcb_of(v)->save;

	c->cr0 = (uint32_t)s->cr0;
	c->cr3 = s->cr3;
	c->cr4 = (uint32_t)s->cr4;
	c->efer = (uint32_t)(s->efer & ~EFER_SVME);
	c->cs_base = s->cs.base;
	c->cs_attr = unpack(s->cs.attr);
	c->cpl = s->cpl;
}

static struct vmcb_segment *segment_slot(struct vmcb *b, enum vseg seg)
{
	switch (seg) {
	case VSEG_ES: return &b->save.es;
	case VSEG_CS: return &b->save.cs;
	case VSEG_SS: return &b->save.ss;
	case VSEG_DS: return &b->save.ds;
	case VSEG_FS: return &b->save.fs;
	case VSEG_GS: return &b->save.gs;
	case VSEG_LDTR: return &b->save.ldtr;
	case VSEG_TR: return &b->save.tr;
	case VSEG_GDTR: return &b->save.gdtr;
	default: return &b->save.idtr;
	}
}

void svm_get_segment(struct virt_vcpu *v, enum vseg seg, struct segment *s)
{
	const struct vmcb_segment *from = segment_slot(vmcb_of(v), seg);

	s->base = from->base;
	s->limit = from->limit;
	s->selector = from->selector;
	s->attr = unpack(from->attr);
	/* DPL of SS is the CPL, which the VMCB keeps apart and the hardware trusts. */
	if (seg == VSEG_SS)
		s->attr = (uint16_t)((s->attr & ~(3 << SEG_DPL_SHIFT)) | vmcb_of(v)->save.cpl
										 << SEG_DPL_SHIFT);
}

void svm_set_segment(struct virt_vcpu *v, enum vseg seg, const struct segment *s)
{
	struct vmcb *b = vmcb_of(v);
	struct vmcb_segment *to = segment_slot(b, seg);

	to->base = s->base;
	to->limit = s->limit;
	to->selector = s->selector;
	to->attr = (uint16_t)((s->attr & PACKED_LOW) | (s->attr >> PACKED_SHIFT & PACKED_HIGH));
	if (seg == VSEG_SS)
		b->save.cpl = s->attr >> SEG_DPL_SHIFT & 3;
	b->control.clean &= ~(uint32_t)(CLEAN_SEG | CLEAN_DT);
}

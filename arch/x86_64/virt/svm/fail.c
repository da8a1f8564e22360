/* SPDX-License-Identifier: MIT */
/* Why VMRUN refused: the checks of APM 2, "Canonicalization and Consistency Checks", one by one. */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/virt/svm/svm.h"
#include "lib/log.h"

/* Bits of CR4 that no CPU defines yet, and those of EFER. */
#define CR4_UNDEFINED \
	(~(CR4_CET | CR4_PKS | (CR4_PKE * 2 - 1)) | 1ull << 15 | 1ull << 19 | CR4_VMXE | CR4_SMXE)
#define EFER_DEFINED \
	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME | EFER_LMSLE | EFER_FFXSR | EFER_TCE)

static const char *check_cr(const struct vmcb_save *s, uint64_t *value)
{
	*value = s->cr0;
	if (!(s->cr0 & CR0_CD) && (s->cr0 & CR0_NW))
		return "CR0: NW is set and CD is clear";
	if (s->cr0 >> 32)
		return "CR0: bits 63:32 must be 0";
	if ((s->cr0 & CR0_PG) && !(s->cr0 & CR0_PE))
		return "CR0: PG is set and PE is clear";
	*value = s->cr3;
	if (s->cr3 >> 52 & ~(CR3_NOFLUSH >> 52))
		return "CR3: reserved bits are set";
	*value = s->cr4;
	if (s->cr4 & CR4_UNDEFINED)
		return "CR4: reserved bits are set";
	*value = s->dr6;
	if (s->dr6 >> 32)
		return "DR6: bits 63:32 must be 0";
	*value = s->dr7;
	if (s->dr7 >> 32)
		return "DR7: bits 63:32 must be 0";
	return NULL;
}

static const char *check_mode(const struct vmcb_save *s, uint64_t *value)
{
	bool paging = s->cr0 & CR0_PG;

	*value = s->efer;
	if (!(s->efer & EFER_SVME))
		return "EFER: SVME is clear";
	if (s->efer & ~EFER_DEFINED)
		return "EFER: reserved bits are set";
	if ((s->efer & EFER_LME) && paging && !(s->cr4 & CR4_PAE))
		return "EFER: LME and CR0.PG are set and CR4.PAE is clear";
	if ((s->efer & EFER_LME) && paging && !(s->cr0 & CR0_PE))
		return "EFER: LME and CR0.PG are set and CR0.PE is clear";
	*value = s->cs.attr;
	if ((s->efer & EFER_LME) && paging && (s->cr4 & CR4_PAE) && (s->cs.attr & ATTR_PACKED_L) &&
	    (s->cs.attr & ATTR_PACKED_DB))
		return "CS: L and D are both set in long mode";
	return NULL;
}

static const char *check_control(const struct vmcb_control *c, uint64_t *value)
{
	unsigned type = (c->event_injection & EVENT_TYPE_MASK) >> EVENT_TYPE_SHIFT;

	*value = c->intercept_2;
	if (!(c->intercept_2 & INTERCEPT_VMRUN))
		return "the VMRUN intercept is clear";
	*value = c->asid;
	if (!c->asid || c->asid >= svm_features.asids)
		return "ASID: 0, or more than the CPU has";
	*value = c->event_injection;
	if ((c->event_injection & EVENT_VALID) &&
	    (type == 1 || type > SVM_EVENT_SOFT_INTR ||
	     (type == SVM_EVENT_EXCEPTION && (c->event_injection & EVENT_VECTOR) > 31)))
		return "EVENTINJ: no such type of event";
	return NULL;
}

void svm_explain_invalid(struct virt_vcpu *v)
{
	const struct vmcb *b = vmcb_of(v);
	uint64_t value = 0;
	const char *what = check_cr(&b->save, &value);

	if (!what)
		what = check_mode(&b->save, &value);
	if (!what)
		what = check_control(&b->control, &value);
	if (what)
		log_error("svm: VMRUN refused the guest's state: %s (%#lx)", what,
			  (unsigned long)value);
	else
		log_error("svm: VMRUN refused the guest's state, and no check that Plinth knows "
			  "finds why");
	svm_dump(v);
}

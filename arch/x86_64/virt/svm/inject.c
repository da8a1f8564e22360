/* SPDX-License-Identifier: MIT */
/*
 * Events into the guest, and windows: an exit at the moment when the guest could take one. Without
 * virtual NMIs the end of an NMI's blocking is found by its IRET, stepped over with TF.
 */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/virt/svm/svm.h"

static const uint8_t types[] = {
	[EVENT_INTERRUPT] = SVM_EVENT_INTR,	      [EVENT_NMI] = SVM_EVENT_NMI,
	[EVENT_EXCEPTION] = SVM_EVENT_EXCEPTION,      [EVENT_SOFT_INTERRUPT] = SVM_EVENT_SOFT_INTR,
	[EVENT_SOFT_EXCEPTION] = SVM_EVENT_EXCEPTION,
};

void svm_inject(struct virt_vcpu *v, const struct vm_event *e)
{
	struct vmcb_control *c = &vmcb_of(v)->control;

	if (e->type == EVENT_NONE) {
		c->event_injection = 0;
		return;
	}
	c->event_injection = e->vector | (uint64_t)types[e->type] << EVENT_TYPE_SHIFT | EVENT_VALID;
	if (e->has_error)
		c->event_injection |= EVENT_ERROR | (uint64_t)e->error << 32;
	if (e->type != EVENT_NMI)
		return;
	svm_of(v)->nmi_blocked = true;
	c->intercept_1 |= INTERCEPT_IRET;
	c->clean &= ~(uint32_t)CLEAN_INTERCEPTS;
}

/* A virtual interrupt that never arrives: its VINTR exit comes when it could. */
static void set_interrupt_window(struct vmcb_control *c, bool on)
{
	if (on) {
		c->v_intr |= V_IRQ | V_IGN_TPR | V_INTR_PRIO_MASK;
		c->intercept_1 |= INTERCEPT_VINTR;
	} else {
		c->v_intr &= ~(V_IRQ | V_IGN_TPR | V_INTR_PRIO_MASK);
		c->intercept_1 &= ~(uint32_t)INTERCEPT_VINTR;
	}
}

void svm_want_window(struct virt_vcpu *v, unsigned windows)
{
	struct svm_vcpu *s = svm_of(v);
	struct vmcb_control *c = &vmcb_of(v)->control;

	if (s->windows == windows)
		return;
	s->windows = windows;
	set_interrupt_window(c, windows & WINDOW_INTERRUPT);
	/*
	 * CR8 also while V_IRQ is set: QEMU's emulation aborts when a guest moves to CR8 then
	 * (tcg_handle_interrupt: assertion failed).
	 */
	if (windows & (WINDOW_INTERRUPT | WINDOW_TPR))
		c->intercept_cr |= INTERCEPT_CR_WRITE(8);
	else
		c->intercept_cr &= ~INTERCEPT_CR_WRITE(8);
	c->clean &= ~(uint32_t)(CLEAN_INTERCEPTS | CLEAN_TPR);
}

void svm_iret(struct virt_vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);
	struct vmcb_control *c = &vmcb_of(v)->control;

	c->intercept_1 &= ~(uint32_t)INTERCEPT_IRET;
	c->intercept_exceptions |= 1u << VEC_DB;
	c->clean &= ~(uint32_t)CLEAN_INTERCEPTS;
	/* A guest that steps itself over its IRET gets its own #DB, at the same place. */
	s->stepping = !(v->rflags & RFLAGS_TF);
	v->rflags |= RFLAGS_TF;
	if (!s->stepping)
		s->nmi_blocked = false;
}

bool svm_step_end(struct virt_vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	if (!s->stepping)
		return false;
	s->stepping = s->nmi_blocked = false;
	/* IRET has loaded the guest's own flags: TF is ours only if the frame did not hold it. */
	vmcb_of(v)->save.dr6 &= ~DR6_BS;
	return true;
}

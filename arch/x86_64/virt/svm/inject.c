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

enum { PRIORITY_SHIFT = 4 };

/*
 * A guest that can take an interrupt gets it as a virtual one, which comes before its first
 * instruction. EVENTINJ would do the same; but QEMU's emulation (7.2 to 10) leaves the vector
 * behind as an exception of its own, and delivers that too, IF or not, when its main loop wants the
 * CPU's attention soon after.
 */
static always_inline bool inject_virtual(struct virt_vcpu *v, uint8_t vector)
{
	struct vmcb_control *c = &vmcb_of(v)->control;

	if (!(v->rflags & RFLAGS_IF) || v->exit.shadow)
		return false;
	c->v_intr = (c->v_intr & ~(V_INTR_VECTOR_MASK | V_INTR_PRIO_MASK)) | V_IRQ | V_IGN_TPR |
		    (uint64_t)vector << V_INTR_VECTOR_SHIFT |
		    (uint64_t)(vector >> PRIORITY_SHIFT) << V_INTR_PRIO_SHIFT;
	c->clean &= ~(uint32_t)CLEAN_TPR;
	return true;
}

/* Whether one was injected that the guest has not taken. With a window V_IRQ is the window's. */
static bool is_waiting(struct virt_vcpu *v)
{
	return !(svm_of(v)->windows & WINDOW_INTERRUPT) && (vmcb_of(v)->control.v_intr & V_IRQ);
}

/* Takes it out again; its vector. */
static uint8_t withdraw(struct vmcb_control *c)
{
	c->v_intr &= ~(V_IRQ | V_IGN_TPR | V_INTR_PRIO_MASK);
	c->clean &= ~(uint32_t)CLEAN_TPR;
	return (uint8_t)(c->v_intr >> V_INTR_VECTOR_SHIFT);
}

void svm_take_back(struct virt_vcpu *v)
{
	struct vm_exit *x = &v->exit;
	uint8_t vector;

	if (!is_waiting(v))
		return;
	vector = withdraw(&vmcb_of(v)->control);
	if (x->kind & EXIT_DELIVERING)
		return;
	x->delivering = (struct vm_event){ .type = EVENT_INTERRUPT, .vector = vector };
	x->kind |= EXIT_DELIVERING;
}

/* The window's own virtual interrupt takes the place of the one that was injected. */
static __attribute__((noinline)) void make_event(struct vmcb_control *c)
{
	c->event_injection =
		withdraw(c) | (uint64_t)SVM_EVENT_INTR << EVENT_TYPE_SHIFT | EVENT_VALID;
}

/*
 * The interrupt window is a virtual interrupt that never arrives: its VINTR exit comes when it
 * could. CR8 also exits while V_IRQ is set: QEMU's emulation aborts when a guest moves to CR8 then
 * (tcg_handle_interrupt: assertion failed).
 */
static always_inline void set_windows(struct virt_vcpu *v, unsigned windows)
{
	struct vmcb_control *c = &vmcb_of(v)->control;
	unsigned old = svm_of(v)->windows;

	if (likely(old == windows))
		return;
	svm_of(v)->windows = windows;
	if (windows & ~old & WINDOW_INTERRUPT) {
		/* There was no window: it is an injected one's. */
		if (unlikely(c->v_intr & V_IRQ))
			make_event(c);
		c->v_intr |= V_IRQ | V_IGN_TPR | V_INTR_PRIO_MASK;
		c->intercept_1 |= INTERCEPT_VINTR;
	} else if (old & ~windows & WINDOW_INTERRUPT) {
		c->v_intr &= ~(V_IRQ | V_IGN_TPR | V_INTR_PRIO_MASK);
		c->intercept_1 &= ~(uint32_t)INTERCEPT_VINTR;
	}
	if (windows & (WINDOW_INTERRUPT | WINDOW_TPR))
		c->intercept_cr |= INTERCEPT_CR_WRITE(8);
	else
		c->intercept_cr &= ~INTERCEPT_CR_WRITE(8);
	c->clean &= ~(uint32_t)(CLEAN_INTERCEPTS | CLEAN_TPR);
}

void svm_want_window(struct virt_vcpu *v, unsigned windows)
{
	set_windows(v, windows);
}

static __attribute__((noinline)) void inject_event(struct virt_vcpu *v, const struct vm_event *e)
{
	struct vmcb_control *c = &vmcb_of(v)->control;

	if (e->type == EVENT_NONE) {
		c->event_injection = 0;
		if (is_waiting(v))
			(void)withdraw(c);
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

void svm_inject(struct virt_vcpu *v, const struct vm_event *e)
{
	if (likely(e->type == EVENT_INTERRUPT)) {
		/* Whether a window is wanted behind it is said anew before the entry. */
		set_windows(v, svm_of(v)->windows & ~(unsigned)WINDOW_INTERRUPT);
		if (inject_virtual(v, e->vector))
			return;
	}
	inject_event(v, e);
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

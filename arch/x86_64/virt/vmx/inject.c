/* SPDX-License-Identifier: MIT */
/*
 * Events into the guest: delivered by the CPU itself at the next entry (SDM 3, "Event Injection"),
 * and the windows in which they may be. The CPU takes the event back out of the VMCS at each exit,
 * and says at the exit when it could not finish delivering it.
 */
#include "arch/x86_64/virt/vmx/vmx.h"

#include "arch/x86_64/cr.h"

static const uint8_t intr_types[] = {
	[EVENT_INTERRUPT] = INTR_EXTERNAL,
	[EVENT_NMI] = INTR_NMI,
	[EVENT_EXCEPTION] = INTR_HARD_EXCEPTION,
	[EVENT_SOFT_INTERRUPT] = INTR_SOFT_INTERRUPT,
	[EVENT_SOFT_EXCEPTION] = INTR_SOFT_EXCEPTION,
};

static void nmi_prepare(void)
{
	uint32_t state = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);

	/* Of an NMI whose delivery exited: the CPU refuses to inject one while they are blocked. */
	if (state & BLOCKING_NMI)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, state & ~BLOCKING_NMI);
}

static uint32_t info_make(const struct vm_event *e)
{
	uint32_t type = intr_types[e->type];

	if (e->type == EVENT_SOFT_EXCEPTION && e->vector == VEC_DB)
		type = INTR_PRIVILEGED_EXCEPTION;
	return INTR_VALID | type << INTR_TYPE_SHIFT | e->vector;
}

void vmx_inject(struct virt_vcpu *v, const struct vm_event *e)
{
	uint32_t info = e->type == EVENT_NONE ? 0 : info_make(e);

	vmx_borrow(v);
	/* In real mode exceptions have no error code. */
	if (e->type == EVENT_EXCEPTION && e->has_error && (vmcs_read(VMCS_GUEST_CR0) & CR0_PE)) {
		info |= INTR_ERROR;
		vmcs_write(VMCS_ENTRY_INTR_ERROR, e->error);
	}
	if (e->type == EVENT_NMI)
		nmi_prepare();
	if (e->type == EVENT_SOFT_INTERRUPT || e->type == EVENT_SOFT_EXCEPTION)
		vmcs_write(VMCS_ENTRY_INSN_LENGTH, e->insn_len);
	vmcs_write(VMCS_ENTRY_INTR_INFO, info);
	vmx_return(v);
}

void vmx_want_window(struct virt_vcpu *v, unsigned windows)
{
	struct vmx_vcpu *x = vmx_vcpu(v);

	if (windows == x->windows)
		return;
	x->windows = windows;
	vmx_borrow(v);
	vmcs_write(VMCS_PROC_CONTROLS,
		   vmx_caps.proc | (windows & WINDOW_INTERRUPT ? PROC_INTERRUPT_WINDOW : 0) |
			   (windows & WINDOW_NMI ? PROC_NMI_WINDOW : 0));
	vmcs_write(VMCS_TPR_THRESHOLD, 0);
	vmx_return(v);
	x->todo &= ~TODO_TPR_THRESHOLD;
	if (windows & WINDOW_TPR)
		x->todo |= TODO_TPR_THRESHOLD;
}

void vmx_delivering(struct vm_event *e, uint32_t info)
{
	enum intr_type type = (info & INTR_TYPE_MASK) >> INTR_TYPE_SHIFT;

	*e = (struct vm_event){ .vector = info & INTR_VECTOR, .type = EVENT_EXCEPTION };
	if (type == INTR_EXTERNAL)
		e->type = EVENT_INTERRUPT;
	else if (type == INTR_NMI)
		e->type = EVENT_NMI;
	else if (type == INTR_SOFT_INTERRUPT)
		e->type = EVENT_SOFT_INTERRUPT;
	else if (type == INTR_SOFT_EXCEPTION || type == INTR_PRIVILEGED_EXCEPTION)
		e->type = EVENT_SOFT_EXCEPTION;
	if (e->type == EVENT_SOFT_INTERRUPT || e->type == EVENT_SOFT_EXCEPTION)
		e->insn_len = vmcs_read(VMCS_EXIT_INSN_LENGTH);
	if (info & INTR_ERROR) {
		e->has_error = true;
		e->error = vmcs_read(VMCS_IDT_VECTORING_ERROR);
	}
}

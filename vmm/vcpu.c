/* SPDX-License-Identifier: MIT */
/*
 * The loop of a vCPU's thread, and what is decided between two entries: what to deliver, which
 * window to ask for, whether to sleep.
 */
#include "vmm/vcpu.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "core/alloc.h"
#include "core/thread.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "vmm/exit.h"
#include "vmm/irqchip.h"
#include "vmm/load/load.h"
#include "vmm/vm.h"

struct vcpu *vcpu_create(struct vm *vm, unsigned id)
{
	struct vcpu *v = mem_alloc(sizeof(*v), MEM_VM);

	if (!v)
		return NULL;
	v->vm = vm;
	v->id = id;
	v->tsc_offset = vm->tsc_offset;
	v->hw.vm = &vm->hw;
	v->hw.apic_page = page_alloc(ORDER_4K, MEM_VM);
	if (!v->hw.apic_page)
		goto err_page;
	if (fpu_init(&v->fpu))
		goto err_fpu;
	if (virt->vcpu_init(&v->hw))
		goto err_virt;
	vlapic_init(v);
	vcpu_reset(v);
	return v;
err_virt:
	fpu_fini(&v->fpu);
err_fpu:
	page_free(v->hw.apic_page, ORDER_4K, MEM_VM);
err_page:
	mem_free(v);
	return NULL;
}

/* Whoever's registers this CPU holds goes out; then v's come in. */
static void switch_in(struct vcpu *v)
{
	struct cpu *c = this_cpu();

	if (c->loaded) {
		struct vcpu *other = container_of(c->loaded, struct vcpu, hw);

		virt->vcpu_put(&other->hw);
		fpu_save(&other->fpu);
	}
	c->loaded = &v->hw;
	fpu_load(&v->fpu);
	virt->vcpu_load(&v->hw);
}

static void switch_out(struct vcpu *v)
{
	struct cpu *c = this_cpu();

	if (c->loaded != &v->hw)
		return;
	virt->vcpu_put(&v->hw);
	fpu_save(&v->fpu);
	c->loaded = NULL;
}

void vcpu_destroy(struct vcpu *v)
{
	if (!v)
		return;
	switch_out(v);
	vlapic_fini(v);
	virt->vcpu_fini(&v->hw);
	fpu_fini(&v->fpu);
	page_free(v->hw.apic_page, ORDER_4K, MEM_VM);
	mem_free(v);
}

void vcpu_reset(struct vcpu *v)
{
	switch_out(v);
	virt->vcpu_reset(&v->hw);
	virt->set(&v->hw, VREG_TSC_OFFSET, v->tsc_offset);
	fpu_reset(&v->fpu);
	vlapic_reset(v);
	virt->set(&v->hw, VREG_APIC_PAGE, v->lapic.mmio_page);
	msr_reset(v);
	v->pending = (struct vm_event){ 0 };
	v->halted = v->nmi_pending = v->irq_wanted = false;
	v->hw.exit.shadow = 0;
	vcpu_attend(v);
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

void vcpu_request(struct vcpu *v, unsigned requests)
{
	__atomic_fetch_or(&v->requests, requests, __ATOMIC_RELEASE);
	if (v->thread && v->thread != thread_self())
		thread_wake(v->thread);
}

/*
 * CR8 moves the hardware's copy of TPR without an exit: the APIC's own follows before it matters.
 */
static void pull_tpr(struct vcpu *v)
{
	uint8_t cr8;

	if (virt->tpr_in_apic_page)
		return;
	cr8 = (uint8_t)virt->get(&v->hw, VREG_TPR);
	if (vlapic_tpr(v) >> 4 != cr8)
		vlapic_set_tpr(v, cr8);
}

static void push_tpr(struct vcpu *v)
{
	virt->set(&v->hw, VREG_TPR, vlapic_tpr(v) >> 4);
}

enum { X2APIC_TPR = MSR_X2APIC_BASE + APIC_TPR / APIC_REG_STRIDE };

/* Only reads show TPR's value; what a write lets through is judged in deliver(), after a pull. */
void vcpu_lapic_access(struct vcpu *v, struct bus_access *a)
{
	if (!a->write)
		pull_tpr(v);
	vlapic_access(v, a);
	if (a->write && a->offset == APIC_TPR)
		push_tpr(v);
}

int vcpu_lapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	pull_tpr(v);
	return vlapic_msr_read(v, msr, value);
}

int vcpu_lapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	int err = vlapic_msr_write(v, msr, value);

	if (msr == X2APIC_TPR && !err)
		push_tpr(v);
	if (msr == MSR_APIC_BASE && !err)
		virt->set(&v->hw, VREG_APIC_PAGE, v->lapic.mmio_page);
	return err;
}

/* Takes what others asked for. False: the loop is to be left. */
static bool take_requests(struct vcpu *v)
{
	unsigned r = __atomic_load_n(&v->requests, __ATOMIC_RELAXED);

	if (!r)
		return true;
	r = __atomic_exchange_n(&v->requests, 0, __ATOMIC_ACQUIRE);
	if (r & REQUEST_STOP)
		return false;
	/*
	 * An INIT of the boot CPU from outside is a reset of the machine, as on a PC (CF9, port
	 * 92h).
	 */
	if ((r & (REQUEST_RESET | REQUEST_INIT)) && vm_reset(v->vm))
		return false;
	if (r & REQUEST_NMI)
		v->nmi_pending = true;
	if (r & REQUEST_IRQ)
		v->irq_wanted = true;
	return true;
}

/*
 * Whether v could take an interrupt at the next entry, were one pending. The exit has told the
 * shadow; exit_skip() ends it.
 */
static bool is_open(const struct vcpu *v)
{
	return (v->hw.rflags & RFLAGS_IF) && !v->hw.exit.shadow;
}

/*
 * What the guest cannot take now is not judged now: the window's exit comes when it can. Behind an
 * interrupt of the local APIC only the PIC may have another: its own next one is of lower priority.
 */
static unsigned deliver_interrupt(struct vcpu *v, bool *injected)
{
	int vector;

	if (!v->irq_wanted)
		return WINDOW_NONE;
	if (*injected || !is_open(v))
		return WINDOW_INTERRUPT;
	pull_tpr(v);
	vector = irqchip_take(v);
	if (vector < 0) {
		v->irq_wanted = vlapic_tpr_threshold(v);
		return v->irq_wanted ? WINDOW_TPR : WINDOW_NONE;
	}
	virt->inject(&v->hw,
		     &(struct vm_event){ .type = EVENT_INTERRUPT, .vector = (uint8_t)vector });
	*injected = true;
	v->irq_wanted = vlapic_line(v, 0) && irqchip_pending(v);
	return v->irq_wanted ? WINDOW_INTERRUPT : WINDOW_NONE;
}

/* An NMI waits for the IRET of the one before, and for the end of a shadow. */
static unsigned deliver_nmi(struct vcpu *v, bool *injected)
{
	if (*injected || v->hw.exit.shadow || virt->get(&v->hw, VREG_NMI_BLOCKED)) {
		/* Not every backend can tell when a shadow ends: so each exit looks again. */
		vcpu_attend(v);
		return WINDOW_NMI;
	}
	virt->inject(&v->hw, &(struct vm_event){ .type = EVENT_NMI, .vector = VEC_NMI });
	v->nmi_pending = false;
	*injected = true;
	return WINDOW_NONE;
}

/*
 * One event an entry: what was pending or interrupted goes first, then an NMI, then an interrupt.
 * Whether there was one.
 */
static bool deliver(struct vcpu *v)
{
	bool injected = v->pending.type != EVENT_NONE;
	unsigned windows = WINDOW_NONE;

	if (injected) {
		virt->inject(&v->hw, &v->pending);
		v->pending.type = EVENT_NONE;
	}
	if (unlikely(v->nmi_pending))
		windows = deliver_nmi(v, &injected);
	windows |= deliver_interrupt(v, &injected);
	virt->want_window(&v->hw, windows);
	return injected;
}

/*
 * All that is not the plain way back into the guest. In HLT it sleeps until there is something to
 * deliver; its registers stay on the CPU, where nobody else may need it. False: leave the loop.
 */
static bool prepare(struct vcpu *v)
{
	for (;;) {
		if (!take_requests(v))
			return false;
		if (deliver(v) || !v->halted)
			break;
		while (!(__atomic_load_n(&v->requests, __ATOMIC_ACQUIRE) & ~REQUEST_LOOK))
			thread_block();
	}
	v->halted = false;
	if (this_cpu()->loaded != &v->hw)
		switch_in(v);
	return true;
}

void vcpu_yield(struct vcpu *v)
{
	sched_yield();
	vcpu_attend(v); /* another's registers may be on the CPU */
}

void vcpu_loop(void *vcpu)
{
	struct vcpu *v = vcpu;

	for (;;) {
		if (__atomic_load_n(&v->requests, __ATOMIC_RELAXED) && !prepare(v))
			break;
		virt->run(&v->hw);
		exit_handle(v);
	}
	switch_out(v);
	vm_ended(v->vm);
}

/* Exceptions during exceptions (SDM 3, "Interrupt 8—Double Fault Exception"). */
static bool is_contributory(uint8_t vector)
{
	return vector == VEC_DE || (vector >= VEC_TS && vector <= VEC_GP);
}

void vcpu_raise(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error)
{
	const struct vm_event *p = &v->pending;
	bool doubles = p->type == EVENT_EXCEPTION &&
		       ((is_contributory(p->vector) && is_contributory(vector)) ||
			(p->vector == VEC_PF && (is_contributory(vector) || vector == VEC_PF)));

	if (p->type == EVENT_EXCEPTION && p->vector == VEC_DF) {
		lock_take(&v->vm->lock);
		vm_request_end(v->vm, VM_RESET, "triple fault");
		lock_drop(&v->vm->lock);
		return;
	}
	/* An interrupt whose delivery faults is lost to the fault, as on the hardware. */
	v->pending = (struct vm_event){ .type = EVENT_EXCEPTION,
					.vector = doubles ? VEC_DF : vector,
					.has_error = doubles || has_error,
					.error = doubles ? 0 : error };
	vcpu_attend(v);
}

void vcpu_raise_gp(struct vcpu *v)
{
	vcpu_raise(v, VEC_GP, true, 0);
}

void vcpu_raise_ud(struct vcpu *v)
{
	vcpu_raise(v, VEC_UD, false, 0);
}

void vcpu_raise_pf(struct vcpu *v, const struct gwalk_fault *fault)
{
	virt->set(&v->hw, VREG_CR2, fault->address.raw);
	vcpu_raise(v, VEC_PF, true, fault->error);
}

void vcpu_raise_step(struct vcpu *v)
{
	virt->set(&v->hw, VREG_DR6, virt->get(&v->hw, VREG_DR6) | DR6_BS);
	vcpu_raise(v, VEC_DB, false, 0);
}

void vcpu_redeliver(struct vcpu *v, const struct vm_event *e)
{
	v->pending = *e;
	vcpu_attend(v);
}

uint64_t vcpu_tsc(struct vcpu *v)
{
	return rdtsc() + v->tsc_offset;
}

void vcpu_move_tsc(struct vcpu *v, uint64_t by)
{
	v->tsc_offset += by;
	virt->set(&v->hw, VREG_TSC_OFFSET, v->tsc_offset);
	vlapic_tsc_changed(v);
}

unsigned vcpu_cpl(struct vcpu *v)
{
	struct virt_context c;

	virt->get_context(&v->hw, &c);
	return c.cpl;
}

void vcpu_walk_mode(const struct vcpu *v, const struct virt_context *c, struct gwalk_mode *mode)
{
	mode->cr0 = c->cr0;
	mode->cr3 = c->cr3;
	mode->cr4 = c->cr4;
	mode->efer = c->efer;
	mode->rflags = v->hw.rflags;
	mode->cpl = (uint8_t)c->cpl;
	mode->maxphyaddr = (uint8_t)v->vm->cpuid.phys_bits;
	mode->has_1g = true;
}

enum insn_mode vcpu_insn_mode(const struct vcpu *v, const struct virt_context *c)
{
	if ((c->cs_attr & SEG_L) && (c->efer & EFER_LMA))
		return INSN_64;
	if (!(c->cr0 & CR0_PE) || (v->hw.rflags & RFLAGS_VM))
		return INSN_16;
	return c->cs_attr & SEG_DB ? INSN_32 : INSN_16;
}

bool vcpu_is_64bit(struct vcpu *v)
{
	struct virt_context c;

	virt->get_context(&v->hw, &c);
	return vcpu_insn_mode(v, &c) == INSN_64;
}

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
#include "core/irq.h"
#include "core/thread.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "vmm/exit.h"
#include "vmm/irqchip.h"
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
	fetch_init(&v->fetch);
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

/* Out of this CPU, into memory. On its way back into the guest v looks where it is. */
static void spill(void *vcpu)
{
	struct vcpu *v = vcpu;

	virt->vcpu_put(&v->hw);
	fpu_save(&v->fpu);
	this_cpu()->loaded = NULL;
	pv_leave(v);
	vcpu_attend(v);
}

static void attend(void *vcpu)
{
	vcpu_attend(vcpu);
}

static const struct thread_hooks hooks = { .spill = spill, .attend = attend };

/* No other threads have hooks. */
struct vcpu *vcpu_self(void)
{
	return thread_self()->hooks_arg;
}

/* Whoever's registers this CPU holds goes out; then v's come in. */
static void switch_in(struct vcpu *v)
{
	struct cpu *c = this_cpu();

	if (c->loaded)
		spill(container_of(c->loaded, struct vcpu, hw));
	c->loaded = &v->hw;
	thread_hold();
	fpu_load(&v->fpu);
	virt->vcpu_load(&v->hw);
}

void vcpu_breathe(struct vcpu *v)
{
	sched_breathe();
	if (this_cpu()->loaded != &v->hw)
		switch_in(v);
}

void vcpu_unload(struct vcpu *v)
{
	if (this_cpu()->loaded != &v->hw)
		return;
	spill(v);
	thread_unhold();
}

void vcpu_destroy(struct vcpu *v)
{
	if (!v)
		return;
	vcpu_unload(v);
	vlapic_fini(v);
	virt->vcpu_fini(&v->hw);
	fpu_fini(&v->fpu);
	page_free(v->hw.apic_page, ORDER_4K, MEM_VM);
	mem_free(v);
}

/* Adds requests; returns those that there were. */
static uint32_t requests_add(struct vcpu *v, uint32_t requests)
{
	const uint32_t sipi = REQUEST_SIPI | 0xffu << REQUEST_SIPI_VECTOR_SHIFT;
	uint32_t old, new;

	if (likely(!(requests & (REQUEST_INIT | REQUEST_SIPI))))
		return __atomic_fetch_or(&v->requests, requests, __ATOMIC_SEQ_CST);
	old = __atomic_load_n(&v->requests, __ATOMIC_RELAXED);
	do {
		new = requests &REQUEST_INIT ? old & ~sipi : old;
		new |= old &REQUEST_SIPI ? requests & ~sipi : requests;
	} while (!__atomic_compare_exchange_n(&v->requests, &old, new, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	return old;
}

/*
 * No request is missed. The thread looks at requests after the last time that it may have been
 * switched in, and then enters the guest with interrupts off all the while. thread_wake() takes the
 * lock under which threads are switched. So when it comes back, either the thread is seen on its
 * CPU; or it is switched in later, and sees what was added here. In the first case a kick follows:
 * if the thread is about to enter, the interrupt is pending then and the entry ends at once; if it
 * is in the guest, the guest's turn ends; if it is in Plinth, nothing is lost but the interrupt.
 *
 * Where others' requests are still there, whoever made the first has done all this, or is about to;
 * and where its own are, the thread is not in the guest: it leaves none there between the last look
 * and the entry. So most repetitions cost no interrupt.
 */
void vcpu_request(struct vcpu *v, unsigned requests)
{
	uint32_t old = requests_add(v, requests);
	struct thread *t = __atomic_load_n(&v->thread, __ATOMIC_ACQUIRE);

	if ((old & ~(uint32_t)REQUEST_LOOK) || !t || t == thread_self())
		return;
	thread_wake(t);
	if (thread_is_running(t))
		irq_kick(t->cpu);
}

bool vcpu_may_be_inside(const struct vcpu *v)
{
	const struct thread *t = __atomic_load_n(&v->thread, __ATOMIC_ACQUIRE);

	return t && t != thread_self() && thread_is_running(t) &&
	       !__atomic_load_n(&v->waits, __ATOMIC_ACQUIRE);
}

/*
 * CR8 moves the hardware's copy of TPR without an exit, and a guest's byte ends an interrupt: the
 * APIC's own state follows before it matters.
 */
static void pull_tpr(struct vcpu *v)
{
	uint8_t cr8;

	if (unlikely(v->pv.eoi_offered))
		pv_eoi_sync(v);
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
	if (msr == MSR_APIC_BASE && !err) {
		virt->set(&v->hw, VREG_APIC_PAGE, v->lapic.mmio_page);
		vm_flush_nested(v->vm, v);
	}
	return err;
}

/* The machine is to be reset: with all others. */
static void join_reset(struct vcpu *v)
{
	vcpu_unload(v);
	vm_join_reset(v);
	/* A request to pause may have been forgotten with the others. */
	if (vm_is_pausing(v->vm))
		__atomic_fetch_or(&v->requests, REQUEST_PAUSE, __ATOMIC_RELAXED);
}

/* An INIT of the boot CPU is a reset of the machine, as a PC's firmware would have it. */
static void reset_by_init(struct vm *vm)
{
	lock_take(&vm->lock);
	vm_request_end(vm, VM_RESET, "INIT");
	lock_drop(&vm->lock);
}

/* Those that fired in somebody else's time, and have not been armed since. */
static void resume_timers(struct vcpu *v)
{
	vlapic_timer_resume(v);
	vpit_resume(v->vm);
}

static __attribute__((noinline)) void take_rare(struct vcpu *v, uint32_t r)
{
	if (r & REQUEST_FLUSH)
		virt->set(&v->hw, VREG_NESTED_TLB, 0);
	if ((r & REQUEST_INIT) && v->id)
		vcpu_take_init(v);
	else if (r & REQUEST_INIT)
		reset_by_init(v->vm);
	if (r & REQUEST_UNHALT)
		v->pv.unhalted = true;
	if (r & REQUEST_PAUSE)
		vm_join_pause(v);
	if (r & REQUEST_SIPI)
		vcpu_take_sipi(v, (uint8_t)(r >> REQUEST_SIPI_VECTOR_SHIFT));
	if (r & (REQUEST_TIMER | REQUEST_SIPI))
		resume_timers(v);
}

/* Takes what others asked for. False: the loop is to be left. */
static bool take_requests(struct vcpu *v)
{
	const uint32_t rare = REQUEST_INIT | REQUEST_SIPI | REQUEST_FLUSH | REQUEST_UNHALT |
			      REQUEST_PAUSE | REQUEST_TIMER;
	uint32_t r;

	while (__atomic_load_n(&v->requests, __ATOMIC_RELAXED)) {
		r = __atomic_exchange_n(&v->requests, 0, __ATOMIC_ACQUIRE);
		if (r & REQUEST_STOP)
			return false;
		if (unlikely(r & REQUEST_RESET)) {
			join_reset(v);
			continue;
		}
		if (r & REQUEST_NMI)
			v->nmi_pending = true;
		if (r & REQUEST_IRQ)
			v->irq_wanted = true;
		if (likely(!(r & rare)))
			break;
		take_rare(v, r);
	}
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
	/*
	 * It may have asked for the look that follows. Left there, the request would be in the
	 * guest with v, and others' requests would send no kick (vcpu_request()). One of others
	 * that is taken off with it has its interrupt in IRR already.
	 */
	if (v->requests & REQUEST_IRQ)
		__atomic_fetch_and(&v->requests, ~(uint32_t)REQUEST_IRQ, __ATOMIC_SEQ_CST);
	vector = irqchip_take(v);
	if (vector < 0) {
		v->irq_wanted = vlapic_tpr_threshold(v);
		return v->irq_wanted ? WINDOW_TPR : WINDOW_NONE;
	}
	virt->inject(&v->hw,
		     &(struct vm_event){ .type = EVENT_INTERRUPT, .vector = (uint8_t)vector });
	*injected = true;
	if (v->pv.eoi_msr & KVM_MSR_ENABLED)
		pv_eoi_offer(v);
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

/* Its registers stay on the CPU, unless somebody needs it meanwhile: see spill(). */
static void sleep(struct vcpu *v)
{
	pv_leave(v);
	while (!(__atomic_load_n(&v->requests, __ATOMIC_ACQUIRE) & ~(uint32_t)REQUEST_LOOK))
		thread_block();
}

/* A kick ends one HLT. */
static void end_halt(struct vcpu *v)
{
	v->pv.unhalted = false;
	/* Full barrier: whose timer lapses sees this, or is seen to have lapsed. */
	__atomic_store_n(&v->halted, false, __ATOMIC_SEQ_CST);
	if (unlikely(__atomic_load_n(&v->lapic.timer_lapsed, __ATOMIC_ACQUIRE) ||
		     __atomic_load_n(&v->vm->vpit.lapsed, __ATOMIC_RELAXED)))
		resume_timers(v);
}

/*
 * All that is not the plain way back into the guest. In HLT it sleeps until there is something to
 * deliver. False: leave the loop.
 */
static bool prepare(struct vcpu *v)
{
	for (;;) {
		/* An exit of this vCPU's has woken a thread that goes before it. */
		if (unlikely(this_cpu()->resched))
			sched_preempt();
		if (!take_requests(v))
			return false;
		if (likely(!v->waits_for_sipi)) {
			if (this_cpu()->loaded != &v->hw)
				switch_in(v);
			if (deliver(v) || !v->halted || v->pv.unhalted)
				break;
		}
		sleep(v);
	}
	if (v->halted)
		end_halt(v);
	if (unlikely(v->pv.away))
		pv_return(v);
	return true;
}

void vcpu_loop(struct vcpu *v)
{
	vcpu_attend(v);
	thread_set_hooks(&hooks, v);
	for (;;) {
		if (__atomic_load_n(&v->requests, __ATOMIC_RELAXED) && !prepare(v))
			break;
		virt_run(&v->hw);
		exit_handle(v);
	}
	vcpu_unload(v);
	/* Who hears of the end may free v. */
	thread_set_hooks(NULL, NULL);
	vm_leave(v);
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
		vm_triple_fault(v);
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
	pv_clock_tsc_moved(v);
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

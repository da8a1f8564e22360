/* SPDX-License-Identifier: MIT */
/* sources: vmm/vcpu.c vmm/vcpu_reset.c core/alloc.c tests/fake/virt.c tests/fake/pages.c tests/fake/cpu.c tests/fake/log.c tests/fake/panic.c */
/*
 * What is decided between two entries: which event goes first, which window is asked for, when the
 * vCPU sleeps and what wakes it. The hardware, the interrupt controllers and the threads are fakes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "lib/errno.h"
#include "tests/fake/cpu.h"
#include "tests/fake/pages.h"
#include "tests/fake/virt.h"
#include "vmm/exit.h"
#include "vmm/irqchip.h"
#include "vmm/load/load.h"
#include "vmm/vm.h"

static struct cpu cpu;
static struct thread thread;
static struct vm vm;
static struct vcpu *v;
static struct fake_virt *hw;

/* The interrupt controllers: vectors that wait, the first one first, and what holds them back. */
static struct {
	uint8_t vectors[8];
	unsigned n;
	uint8_t tpr;	   /* all 8 bits */
	uint8_t threshold; /* what vlapic_tpr_threshold() says while all is held back */
	bool held;	   /* by TPR */
	bool line;	   /* the PIC's INTR */
	unsigned looks;	   /* how often anyone asked */
	uint64_t written;
	int error;
} chip;

static struct {
	unsigned blocks, wakes, yields, preempts, holds, resets, ends, tsc_changes;
	enum vm_end how;
	uint32_t during_reset;
	unsigned kicks, apic_inits, flushes;
	unsigned saves, loads;
	/* Called by thread_block() and by exit_handle(). */
	unsigned pauses;
	bool pausing;
	void (*sleep)(void);
	void (*handle)(void);
} seen;

bool irqchip_pending(struct vcpu *vcpu)
{
	(void)vcpu;
	chip.looks++;
	return chip.n && !chip.held;
}

int irqchip_take(struct vcpu *vcpu)
{
	uint8_t vector = chip.vectors[0];

	if (!irqchip_pending(vcpu))
		return -1;
	memmove(chip.vectors, chip.vectors + 1, --chip.n);
	return vector;
}

void fetch_init(struct fetch *f)
{
	(void)f;
}

void vlapic_init(struct vcpu *vcpu)
{
	vcpu->lapic.base_msr = 1;
}

void vlapic_fini(struct vcpu *vcpu)
{
	assert_int_equal(vcpu->lapic.base_msr, 1);
}

void vlapic_reset(struct vcpu *vcpu)
{
	vcpu->lapic.mmio_page = 0xfee00000;
}

uint8_t vlapic_tpr(const struct vcpu *vcpu)
{
	(void)vcpu;
	return chip.tpr;
}

void vlapic_set_tpr(struct vcpu *vcpu, uint8_t cr8)
{
	chip.tpr = (uint8_t)(cr8 << 4);
	if (chip.n)
		vcpu->requests |= REQUEST_IRQ;
}

uint8_t vlapic_tpr_threshold(const struct vcpu *vcpu)
{
	(void)vcpu;
	return chip.n && chip.held ? chip.threshold : 0;
}

bool vlapic_line(const struct vcpu *vcpu, unsigned pin)
{
	(void)vcpu;
	assert_int_equal(pin, 0);
	return chip.line;
}

void vlapic_access(struct vcpu *vcpu, struct bus_access *a)
{
	(void)vcpu;
	if (a->write)
		chip.tpr = (uint8_t)a->value;
	else
		a->value = chip.tpr;
}

int vlapic_msr_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	(void)vcpu, (void)msr;
	*value = chip.tpr;
	return chip.error;
}

int vlapic_msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	if (chip.error)
		return chip.error;
	if (msr == MSR_APIC_BASE)
		vcpu->lapic.mmio_page = value;
	else
		chip.tpr = (uint8_t)value;
	return 0;
}

static unsigned resumed;

void vlapic_timer_resume(struct vcpu *vcpu)
{
	assert_false(vcpu->halted);
	vcpu->lapic.timer_lapsed = false;
	resumed++;
}

void vpit_resume(struct vm *m)
{
	m->vpit.lapsed = false;
}

void vlapic_tsc_changed(struct vcpu *vcpu)
{
	(void)vcpu;
	seen.tsc_changes++;
}

/* The paravirtual interface: what was asked of it. */
static struct {
	unsigned leaves, returns, offers, syncs, moves;
} pv;

void pv_reset(struct vcpu *vcpu)
{
	vcpu->pv = (struct vpv){ 0 };
}

void pv_leave(struct vcpu *vcpu)
{
	pv.leaves += !vcpu->pv.away;
	vcpu->pv.away = true;
}

void pv_return(struct vcpu *vcpu)
{
	/* What it does needs the registers on the CPU. */
	assert_ptr_equal(cpu.loaded, &vcpu->hw);
	vcpu->pv.away = false;
	pv.returns++;
}

void pv_eoi_offer(struct vcpu *vcpu)
{
	vcpu->pv.eoi_offered = true;
	pv.offers++;
}

void pv_eoi_sync(struct vcpu *vcpu)
{
	vcpu->pv.eoi_offered = false;
	pv.syncs++;
	/* As an EOI behind which another interrupt waits. */
	if (chip.n)
		vcpu->requests |= REQUEST_IRQ;
}

void pv_clock_tsc_moved(struct vcpu *vcpu)
{
	/* The page is made from the new offset. */
	assert_int_equal(hw->regs[VREG_TSC_OFFSET], vcpu->tsc_offset);
	pv.moves++;
}

void msr_reset(struct vcpu *vcpu)
{
	vcpu->msr.hwcr = 0;
}

int fpu_init(struct fpu *f)
{
	f->area = page_alloc(ORDER_4K, MEM_VM);
	return f->area ? 0 : -ENOMEM;
}

void fpu_fini(struct fpu *f)
{
	page_free(f->area, ORDER_4K, MEM_VM);
}

void fpu_reset(struct fpu *f)
{
	f->xcr0 = XCR0_X87;
}

void fpu_load(struct fpu *f)
{
	assert_non_null(f->area);
	seen.loads++;
}

void fpu_save(struct fpu *f)
{
	assert_non_null(f->area);
	seen.saves++;
}

void thread_block(void)
{
	seen.blocks++;
	assert_non_null(seen.sleep);
	seen.sleep();
}

void thread_wake(struct thread *t)
{
	assert_ptr_equal(t, v->thread);
	seen.wakes++;
}

static void (*others_run)(void);

void sched_breathe(void)
{
	if (others_run)
		others_run();
}

void sched_yield(void)
{
	seen.yields++;
}

void sched_preempt(void)
{
	seen.preempts++;
	cpu.resched = false;
}

static const struct thread_hooks *hooks;

void thread_set_hooks(const struct thread_hooks *h, void *arg)
{
	assert_true(!h || arg == v);
	hooks = h;
}

/* A thread that runs, and that has registers, tells so; one that has left the loop has none. */
void thread_hold(void)
{
	assert_non_null(cpu.loaded);
	assert_non_null(hooks);
	seen.holds++;
}

void thread_unhold(void)
{
	assert_null(cpu.loaded);
}

/* The machine's reset, in which others may ask for the end. */
void vm_join_reset(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, v);
	assert_null(cpu.loaded);
	seen.resets++;
	vcpu->requests |= seen.during_reset;
}

void vm_join_pause(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, v);
	seen.pauses++;
}

bool vm_is_pausing(const struct vm *m)
{
	assert_ptr_equal(m, &vm);
	return seen.pausing;
}

void vm_leave(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, v);
	/* The CPU has let go of it by then. */
	assert_null(cpu.loaded);
	seen.ends++;
}

void vlapic_reset_init(struct vcpu *vcpu)
{
	(void)vcpu;
	seen.apic_inits++;
}

void vm_flush_nested(struct vm *m, struct vcpu *self)
{
	assert_ptr_equal(m, &vm);
	assert_ptr_equal(self, v);
	seen.flushes++;
}

void irq_kick(struct cpu *c)
{
	assert_ptr_not_equal(c, this_cpu());
	seen.kicks++;
}

struct cpu *cpus[CPUS_MAX];
unsigned cpu_count;

void vm_request_end(struct vm *m, enum vm_end how, const char *reason)
{
	assert_true(lock_held(&m->lock));
	seen.how = how;
	assert_string_equal(reason, "INIT");
	v->requests |= REQUEST_RESET;
}

void vm_triple_fault(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, v);
	seen.how = VM_RESET;
}

void exit_handle(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, v);
	if (seen.handle)
		seen.handle();
}

static int setup(void **state)
{
	(void)state;
	memset(&chip, 0, sizeof(chip));
	memset(&seen, 0, sizeof(seen));
	memset(&pv, 0, sizeof(pv));
	memset(&vm, 0, sizeof(vm));
	memset(&cpu, 0, sizeof(cpu));
	cpu.thread = &thread;
	thread.cpu = &cpu;
	fake_cpu_use(&cpu);
	vm.cpuid.phys_bits = 39;
	v = vcpu_create(&vm, 0);
	if (!v)
		return -1;
	vm.vcpus[0] = v;
	hw = fake_virt_of(&v->hw);
	v->thread = &thread;
	v->hw.rflags = RFLAGS_FIXED | RFLAGS_IF;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vcpu_destroy(v);
	assert_int_equal(fake_virt_vcpus, 0);
	assert_int_equal(fake_pages_used(MEM_VM), 0);
	return 0;
}

/* The guest's turns: each sees what was injected; the last one stops the VM. */
static unsigned turns_left;
static struct vm_event at_turn[16];
static unsigned windows_at_turn[16], turn;
static void (*during)(unsigned turn);

static void one_turn(struct virt_vcpu *x, void *arg)
{
	(void)arg;
	assert_ptr_equal(x, &v->hw);
	assert_true(turn < ARRAY_SIZE(at_turn));
	at_turn[turn] = hw->event;
	windows_at_turn[turn] = hw->windows;
	x->exit.kind = EXIT_HOST_IRQ;
	if (during)
		during(turn);
	turn++;
	if (!--turns_left)
		vcpu_request(v, REQUEST_STOP);
}

/* So many turns; during() may change the guest in each. */
static void run(unsigned turns, void (*each)(unsigned turn))
{
	memset(at_turn, 0, sizeof(at_turn));
	memset(windows_at_turn, 0, sizeof(windows_at_turn));
	turn = 0;
	turns_left = turns;
	during = each;
	hw->script = one_turn;
	vcpu_loop(v);
	assert_int_equal(turn, turns);
	assert_false(hw->loaded);
}

static void pend(uint8_t vector)
{
	chip.vectors[chip.n++] = vector;
}

#define assert_event(t, k, n)                           \
	do {                                            \
		assert_int_equal(at_turn[t].type, k);   \
		assert_int_equal(at_turn[t].vector, n); \
	} while (0)
#define assert_no_event(t) assert_int_equal(at_turn[t].type, EVENT_NONE)

static void made_and_undone(void **state)
{
	(void)state;
	assert_int_equal(hw->resets, 2); /* the backend's, and the CPU's own */
	assert_int_equal(hw->regs[VREG_APIC_PAGE], 0xfee00000);
	assert_ptr_equal(v->hw.vm, &vm.hw);
	assert_true(v->requests & REQUEST_LOOK);
	for (int n = 0; n < 3; n++) {
		unsigned before = fake_pages_used(MEM_VM);

		fake_pages_fail_after(n);
		/* The struct may find room in a page that there is already. */
		struct vcpu *other = vcpu_create(&vm, 0);

		fake_pages_fail_after(-1);
		assert_true(!other || n == 2);
		if (other)
			vcpu_destroy(other);
		assert_int_equal(fake_pages_used(MEM_VM), before);
	}
	unsigned before = fake_pages_used(MEM_VM);

	fake_virt_fail_after(0);
	assert_null(vcpu_create(&vm, 0));
	fake_virt_fail_after(-1);
	assert_int_equal(fake_pages_used(MEM_VM), before);
	vcpu_destroy(NULL);
}

static void nothing_to_do(void **state)
{
	(void)state;
	run(3, NULL);
	for (unsigned t = 0; t < 3; t++) {
		assert_no_event(t);
		assert_int_equal(windows_at_turn[t], WINDOW_NONE);
	}
	/* Once, after reset: the plain way back into the guest asks nothing. */
	assert_int_equal(hw->asked, 1);
	assert_int_equal(chip.looks, 0);
	assert_int_equal(hw->loads, 1);
	assert_int_equal(seen.loads, 1);
	assert_int_equal(seen.saves, 1);
	assert_int_equal(seen.ends, 1);
}

static void an_interrupt(void **state)
{
	(void)state;
	pend(0x30);
	vcpu_kick(v);
	run(2, NULL);
	assert_event(0, EVENT_INTERRUPT, 0x30);
	assert_no_event(1);
	assert_int_equal(windows_at_turn[0], WINDOW_NONE);
	/* The caller is the vCPU's own thread: nobody to wake. */
	assert_int_equal(seen.wakes, 0);
}

static void open_gate(unsigned t)
{
	if (t == 1) {
		/* STI: a shadow first. */
		v->hw.rflags |= RFLAGS_IF;
		v->hw.exit.shadow = SHADOW_STI;
		vcpu_attend(v);
	}
	if (t == 2) {
		v->hw.exit.shadow = 0;
		v->irq_wanted = true; /* what the window's exit does */
		vcpu_attend(v);
	}
}

static void closed_gates_ask_for_a_window(void **state)
{
	(void)state;
	v->hw.rflags &= ~RFLAGS_IF;
	pend(0x31);
	vcpu_kick(v);
	run(5, open_gate);
	assert_no_event(0);
	assert_int_equal(windows_at_turn[0], WINDOW_INTERRUPT);
	assert_no_event(2);
	assert_int_equal(windows_at_turn[2], WINDOW_INTERRUPT);
	assert_event(3, EVENT_INTERRUPT, 0x31);
	assert_int_equal(windows_at_turn[3], WINDOW_NONE);
	assert_no_event(4);
}

/* Judged when it can be taken, not before: another may have come meanwhile. */
static void not_judged_while_closed(void **state)
{
	(void)state;
	v->hw.rflags &= ~RFLAGS_IF;
	pend(0x31);
	vcpu_kick(v);
	run(2, NULL);
	assert_int_equal(chip.looks, 0);
}

static void spurious_kicks(void **state)
{
	(void)state;
	vcpu_kick(v);
	run(2, NULL);
	assert_no_event(0);
	assert_int_equal(windows_at_turn[0], WINDOW_NONE);
	assert_false(v->irq_wanted);
}

static void lower_tpr(unsigned t)
{
	if (t == 1) {
		hw->regs[VREG_TPR] = 2; /* the guest's move to CR8, without an exit */
		chip.held = false;
		v->irq_wanted = true; /* the exit that the window asked for */
		vcpu_attend(v);
	}
}

static void tpr_holds_back(void **state)
{
	(void)state;
	pend(0x51);
	chip.held = true;
	chip.threshold = 5;
	chip.tpr = 0x60;
	hw->regs[VREG_TPR] = 6;
	vcpu_kick(v);
	run(4, lower_tpr);
	assert_no_event(0);
	assert_int_equal(windows_at_turn[0], WINDOW_TPR);
	assert_event(2, EVENT_INTERRUPT, 0x51);
	assert_int_equal(windows_at_turn[2], WINDOW_NONE);
	/* The APIC's own TPR has followed the hardware's. */
	assert_int_equal(chip.tpr, 0x20);
}

/* Behind an interrupt of the APIC's only the PIC may have another. */
static void the_pic_behind_the_apic(void **state)
{
	(void)state;
	pend(0x40);
	pend(0x41);
	vcpu_kick(v);
	run(1, NULL);
	assert_event(0, EVENT_INTERRUPT, 0x40);
	assert_int_equal(windows_at_turn[0], WINDOW_NONE);
	chip.line = true;
	vcpu_kick(v);
	pend(0x42);
	run(1, NULL);
	assert_event(0, EVENT_INTERRUPT, 0x41);
	assert_int_equal(windows_at_turn[0], WINDOW_INTERRUPT);
	assert_true(v->irq_wanted);
}

/* What was pending goes first, then an NMI, then the interrupt; one an entry. */
static void end_nmi(unsigned t)
{
	hw->regs[VREG_NMI_BLOCKED] = t == 2;
	if (t == 1) {
		/* While one is handled, the next waits for its IRET. */
		hw->regs[VREG_NMI_BLOCKED] = 1;
		vcpu_request(v, REQUEST_NMI);
	} else {
		vcpu_attend(v);
	}
}

static void one_event_an_entry(void **state)
{
	(void)state;
	vcpu_raise(v, VEC_PF, true, 5);
	vcpu_request(v, REQUEST_NMI | REQUEST_IRQ);
	pend(0x30);
	run(5, end_nmi);
	assert_event(0, EVENT_EXCEPTION, VEC_PF);
	assert_true(at_turn[0].has_error);
	assert_int_equal(at_turn[0].error, 5);
	assert_int_equal(windows_at_turn[0], WINDOW_NMI | WINDOW_INTERRUPT);
	assert_event(1, EVENT_NMI, VEC_NMI);
	assert_int_equal(windows_at_turn[1], WINDOW_INTERRUPT);
	/* The second NMI waits, and the interrupt goes before it. */
	assert_event(2, EVENT_INTERRUPT, 0x30);
	assert_int_equal(windows_at_turn[2], WINDOW_NMI);
	assert_no_event(3);
	assert_int_equal(windows_at_turn[3], WINDOW_NMI);
	assert_event(4, EVENT_NMI, VEC_NMI);
	assert_int_equal(windows_at_turn[4], WINDOW_NONE);
	assert_false(v->nmi_pending);
}

static void shadow_once(unsigned t)
{
	if (t == 0) {
		v->hw.exit.shadow = SHADOW_MOV_SS;
		vcpu_request(v, REQUEST_NMI);
	} else {
		vcpu_attend(v);
	}
}

static void an_nmi_waits_for_a_shadow(void **state)
{
	(void)state;
	run(3, shadow_once);
	assert_no_event(1);
	assert_int_equal(windows_at_turn[1], WINDOW_NMI);
	assert_event(2, EVENT_NMI, VEC_NMI);
}

static void interrupted_deliveries_come_again(void **state)
{
	const struct vm_event e = { .type = EVENT_SOFT_INTERRUPT, .vector = 0x80, .insn_len = 2 };

	(void)state;
	vcpu_redeliver(v, &e);
	run(2, NULL);
	assert_event(0, EVENT_SOFT_INTERRUPT, 0x80);
	assert_int_equal(at_turn[0].insn_len, 2);
	assert_no_event(1);
}

/* HLT -------------------------------------------------------------------------------------------
 */

static unsigned naps;

static void wake_third_time(void)
{
	/* Woken for nothing first: it sleeps again. */
	if (++naps == 2)
		vcpu_kick(v);
	if (naps == 3) {
		pend(0x33);
		vcpu_kick(v);
	}
}

static void halt_first(unsigned t)
{
	if (t == 0)
		v->halted = true;
	vcpu_attend(v);
}

static void halted_until_an_interrupt(void **state)
{
	(void)state;
	naps = 0;
	seen.sleep = wake_third_time;
	run(3, halt_first);
	assert_int_equal(naps, 3);
	assert_event(1, EVENT_INTERRUPT, 0x33);
	assert_no_event(2);
	assert_false(v->halted);
	/* Its registers stayed on the CPU. */
	assert_int_equal(hw->loads, 1);
}

static void wake_deaf_twice(void)
{
	assert_int_equal(resumed, 0);
	v->lapic.timer_lapsed = v->vm->vpit.lapsed = true;
	vcpu_kick(v);
	if (++naps == 3)
		pend(0x33);
}

/* Timers that fire in its sleep are armed again when the HLT ends, not each time that it is woken.
 */
static void timers_lapse_in_hlt(void **state)
{
	(void)state;
	naps = resumed = 0;
	seen.sleep = wake_deaf_twice;
	run(3, halt_first);
	assert_int_equal(naps, 3);
	assert_int_equal(resumed, 1);
	assert_false(v->vm->vpit.lapsed);
}

static void lapse_once(unsigned t)
{
	if (t == 1) {
		v->lapic.timer_lapsed = true;
		vcpu_request(v, REQUEST_TIMER);
	}
	vcpu_attend(v);
}

/* Else before the next entry. */
static void timers_lapse_elsewhere(void **state)
{
	(void)state;
	resumed = 0;
	run(4, lapse_once);
	assert_int_equal(resumed, 1);
	assert_false(v->lapic.timer_lapsed);
}

static void take_its_place(void)
{
	assert_ptr_equal(cpu.loaded, &v->hw);
	hooks->spill(v);
}

/* In long work others may run, who take its registers off the CPU: then they come back. */
static void breathe(unsigned t)
{
	unsigned loads = hw->loads;

	if (t == 0) {
		vcpu_breathe(v);
		assert_int_equal(hw->loads, loads);
		others_run = take_its_place;
		vcpu_breathe(v);
		others_run = NULL;
		assert_int_equal(hw->loads, loads + 1);
	}
	assert_ptr_equal(cpu.loaded, &v->hw);
}

static void breathes_with_registers(void **state)
{
	(void)state;
	run(2, breathe);
}

static void wake_by_nmi(void)
{
	if (++naps == 1) {
		pend(0x33);
		vcpu_kick(v);
	} else {
		vcpu_request(v, REQUEST_NMI);
	}
}

static void halted_with_interrupts_off(void **state)
{
	(void)state;
	naps = 0;
	v->hw.rflags &= ~RFLAGS_IF;
	seen.sleep = wake_by_nmi;
	run(2, halt_first);
	/* The interrupt was no reason; the NMI was. */
	assert_int_equal(naps, 2);
	assert_event(1, EVENT_NMI, VEC_NMI);
	assert_int_equal(windows_at_turn[1], WINDOW_INTERRUPT);
}

static void stop(void)
{
	vcpu_request(v, REQUEST_STOP);
}

static void halted_and_stopped(void **state)
{
	(void)state;
	v->halted = true;
	seen.sleep = stop;
	run(0, NULL);
	assert_int_equal(seen.ends, 1);
	assert_int_equal(seen.blocks, 1);
	assert_int_equal(hw->runs, 0);
}

static void something_pending_is_no_sleep(void **state)
{
	(void)state;
	/* HLT with TF: the step's #DB goes first. */
	v->halted = true;
	vcpu_raise_step(v);
	run(1, NULL);
	assert_event(0, EVENT_EXCEPTION, VEC_DB);
	assert_false(at_turn[0].has_error);
	assert_int_equal(hw->regs[VREG_DR6] & DR6_BS, DR6_BS);
	assert_int_equal(seen.blocks, 0);
}

/* The paravirtual interface --------------------------------------------------------------------
 */

static void kick(void)
{
	vcpu_request(v, REQUEST_UNHALT);
}

/* A kick ends HLT with interrupts off; what is pending stays. */
static void kicked_out_of_hlt(void **state)
{
	(void)state;
	v->hw.rflags = RFLAGS_FIXED;
	v->halted = true;
	pend(0x30);
	vcpu_kick(v);
	seen.sleep = kick;
	run(1, NULL);
	assert_int_equal(seen.blocks, 1);
	assert_no_event(0);
	assert_int_equal(chip.n, 1);
	assert_false(v->pv.unhalted);
	assert_int_equal(pv.leaves, 2); /* and at the loop's end */
	assert_int_equal(pv.returns, 1);
}

static void halt_later(unsigned t)
{
	if (t == 1) {
		v->halted = true;
		vcpu_attend(v);
	}
}

/* One that comes too early is for the next HLT, and only for that. */
static void kicked_before_hlt(void **state)
{
	(void)state;
	vcpu_request(v, REQUEST_UNHALT);
	run(3, halt_later);
	assert_int_equal(seen.blocks, 0);
	assert_false(v->pv.unhalted);
	v->halted = true;
	vcpu_attend(v);
	seen.sleep = stop;
	run(0, NULL);
	assert_int_equal(seen.blocks, 1);
}

/* Whoever looks at the interrupts sees what the guest has ended by its byte. */
static void eois_without_exits(void **state)
{
	struct bus_access a = { .offset = APIC_TPR, .size = 4 };
	uint64_t value;

	(void)state;
	pend(0x30);
	vcpu_kick(v);
	run(1, NULL);
	assert_int_equal(pv.offers, 0); /* not registered */
	v->pv.eoi_msr = KVM_MSR_ENABLED;
	pend(0x30);
	vcpu_kick(v);
	run(1, NULL);
	assert_int_equal(pv.offers, 1);
	assert_int_equal(pv.syncs, 0);
	pend(0x31);
	vcpu_kick(v);
	run(1, NULL);
	assert_int_equal(pv.offers, 2);
	assert_int_equal(pv.syncs, 1);
	vcpu_lapic_access(v, &a);
	assert_int_equal(pv.syncs, 2);
	v->pv.eoi_offered = true;
	assert_int_equal(vcpu_lapic_msr_read(v, MSR_X2APIC_BASE + APIC_ISR / 16, &value), 0);
	assert_int_equal(pv.syncs, 3);
}

static struct cpu other_cpu;
static struct thread other_thread;

/* Another CPU asks for something while v is in the guest: it comes out. */
static void kick_from_another(unsigned t)
{
	unsigned before = seen.kicks;

	(void)t;
	assert_int_equal(v->requests & ~(uint32_t)REQUEST_LOOK, 0);
	other_cpu.thread = &other_thread;
	fake_cpu_use(&other_cpu);
	vcpu_kick(v);
	fake_cpu_use(&cpu);
	assert_int_equal(seen.kicks, before + 1);
}

/* What the entry itself has found out leaves no request behind that keeps kicks away. */
static void kicked_in_the_guest_after_an_eoi(void **state)
{
	(void)state;
	v->pv.eoi_msr = KVM_MSR_ENABLED;
	v->pv.eoi_offered = true;
	pend(0x31);
	vcpu_kick(v);
	run(2, kick_from_another);
	assert_event(0, EVENT_INTERRUPT, 0x31);
	/* The same with a TPR that has moved without an exit. */
	chip.tpr = 0x20;
	hw->regs[VREG_TPR] = 1;
	v->pv.eoi_msr = 0;
	v->pv.eoi_offered = false;
	pend(0x32);
	vcpu_kick(v);
	run(2, kick_from_another);
	assert_event(0, EVENT_INTERRUPT, 0x32);
	assert_int_equal(chip.tpr, 0x10);
}

/* Requests --------------------------------------------------------------------------------------
 */

static void resets_of_the_machine(void **state)
{
	(void)state;
	vcpu_request(v, REQUEST_RESET);
	run(1, NULL);
	assert_int_equal(seen.resets, 1);
	vcpu_request(v, REQUEST_INIT);
	run(1, NULL);
	assert_int_equal(seen.resets, 2);
	/* Stop goes before all. */
	vcpu_request(v, REQUEST_STOP | REQUEST_RESET);
	run(0, NULL);
	assert_int_equal(seen.resets, 2);
	/* What comes during the reset is looked at before the guest goes on. */
	seen.during_reset = REQUEST_STOP;
	vcpu_request(v, REQUEST_RESET);
	run(0, NULL);
	assert_int_equal(seen.resets, 3);
	assert_int_equal(seen.ends, 4);
}

static void pauses(void **state)
{
	(void)state;
	vcpu_request(v, REQUEST_PAUSE);
	run(1, NULL);
	assert_int_equal(seen.pauses, 1);
	/* Stop goes before it, and so does a reset, after which it is looked at anew. */
	vcpu_request(v, REQUEST_PAUSE | REQUEST_STOP);
	run(0, NULL);
	assert_int_equal(seen.pauses, 1);
	seen.pausing = true;
	vcpu_request(v, REQUEST_PAUSE | REQUEST_RESET);
	run(1, NULL);
	assert_int_equal(seen.resets, 1);
	assert_int_equal(seen.pauses, 2);
	seen.pausing = false;
	vcpu_request(v, REQUEST_RESET);
	run(1, NULL);
	assert_int_equal(seen.pauses, 2);
}

static void others_wake_it(void **state)
{
	struct thread other;

	(void)state;
	cpu.thread = &other;
	v->requests = 0;
	vcpu_request(v, REQUEST_NMI);
	assert_int_equal(seen.wakes, 1);
	/* It has been woken for the first one. */
	vcpu_request(v, REQUEST_IRQ);
	assert_int_equal(seen.wakes, 1);
	assert_int_equal(v->requests, REQUEST_NMI | REQUEST_IRQ);
	v->requests = REQUEST_LOOK; /* its own */
	vcpu_request(v, REQUEST_IRQ);
	assert_int_equal(seen.wakes, 2);
	v->requests = 0;
	v->thread = NULL; /* not started yet */
	vcpu_request(v, REQUEST_IRQ);
	assert_int_equal(seen.wakes, 2);
	assert_int_equal(v->requests, REQUEST_IRQ);
	v->thread = &thread;
}

/* On another CPU, where it may be in the guest. */
static void others_kick_it(void **state)
{
	struct cpu far = { .id = 1 };
	struct thread other;

	(void)state;
	cpu.thread = &other;
	far.thread = &thread;
	thread.cpu = &far;
	v->requests = 0;
	assert_true(vcpu_may_be_inside(v));
	vcpu_request(v, REQUEST_FLUSH);
	assert_int_equal(seen.kicks, 1);
	vcpu_request(v, REQUEST_IRQ);
	assert_int_equal(seen.kicks, 1);
	v->waits = true;
	assert_false(vcpu_may_be_inside(v));
	v->waits = false;
	far.thread = &other; /* switched away: it will look */
	assert_false(vcpu_may_be_inside(v));
	v->requests = 0;
	vcpu_request(v, REQUEST_IRQ);
	assert_int_equal(seen.wakes, 2);
	assert_int_equal(seen.kicks, 1);
	thread.cpu = &cpu;
}

static uint32_t sipi(uint8_t vector)
{
	return REQUEST_SIPI | (uint32_t)vector << REQUEST_SIPI_VECTOR_SHIFT;
}

static void init_takes_a_sipi_back(void **state)
{
	(void)state;
	v->requests = 0;
	vcpu_request_sipi(v, 0x9f);
	assert_int_equal(v->requests, sipi(0x9f));
	vcpu_request_sipi(v, 0x60);
	assert_int_equal(v->requests, sipi(0x9f));
	vcpu_request(v, REQUEST_INIT | REQUEST_NMI);
	assert_int_equal(v->requests, REQUEST_INIT | REQUEST_NMI);
	vcpu_request_sipi(v, 0x60);
	assert_int_equal(v->requests, REQUEST_INIT | REQUEST_NMI | sipi(0x60));
}

static void send_sipi(void)
{
	vcpu_request_sipi(v, 0x9f);
}

static void send_init_and_nmi(unsigned t)
{
	v->halted = t == 0;
	if (t == 0)
		vcpu_request(v, REQUEST_INIT | REQUEST_NMI | REQUEST_IRQ);
}

/* INIT stops all but the boot CPU, and keeps what the manual's table says. */
static void init_and_sipi(void **state)
{
	(void)state;
	v->id = 1;
	vm.cpuid.basic[1].eax = 0x306a9;
	hw->regs[VREG_STAR] = 0x1234;
	hw->regs[VREG_PAT] = 0x5678;
	hw->regs[VREG_CR3] = 0x9000;
	hw->regs[VREG_CR0] = CR0_PE | CR0_ET | CR0_NW;
	v->tsc_offset = 77;
	v->fpu.xcr0 = 7;
	seen.sleep = send_sipi;
	run(2, send_init_and_nmi);
	assert_int_equal(seen.apic_inits, 1);
	assert_int_equal(seen.blocks, 1);
	assert_int_equal(seen.resets, 0);
	assert_int_equal(hw->regs[VREG_STAR], 0x1234);
	assert_int_equal(hw->regs[VREG_PAT], 0x5678);
	assert_int_equal(hw->regs[VREG_CR3], 0);
	assert_int_equal(hw->regs[VREG_CR0], CR0_ET | CR0_NW);
	assert_int_equal(hw->regs[VREG_TSC_OFFSET], 77);
	assert_int_equal(v->fpu.xcr0, 7);
	assert_int_equal(v->hw.gpr[RDX], 0x306a9);
	assert_int_equal(v->hw.rip, 0);
	assert_int_equal(hw->segments[VSEG_CS].selector, 0x9f00);
	assert_int_equal(hw->segments[VSEG_CS].base, 0x9f000);
	assert_false(v->waits_for_sipi || v->halted);
	/* A second one is nothing. */
	vcpu_request_sipi(v, 0x60);
	v->hw.rip = 0x100;
	run(1, NULL);
	assert_int_equal(v->hw.rip, 0x100);
	v->id = 0;
}

/* After RESET too, and what they had made of their clocks is forgotten. */
static void reset_waits_for_sipi(void **state)
{
	(void)state;
	vm.tsc_offset = 1000;
	v->tsc_offset = 5;
	vcpu_reset(v);
	assert_false(v->waits_for_sipi);
	assert_int_equal(v->tsc_offset, 1000);
	assert_int_equal(hw->regs[VREG_TSC_OFFSET], 1000);
	v->id = 1;
	vcpu_reset(v);
	assert_true(v->waits_for_sipi);
	v->id = 0;
}

static void reset_forgets(void **state)
{
	(void)state;
	vcpu_raise_gp(v);
	v->halted = v->nmi_pending = v->irq_wanted = true;
	v->hw.exit.shadow = SHADOW_STI;
	v->lapic.mmio_page = VLAPIC_NO_MMIO;
	hw->regs[VREG_APIC_PAGE] = VLAPIC_NO_MMIO;
	v->requests = 0;
	vcpu_reset(v);
	assert_int_equal(v->pending.type, EVENT_NONE);
	assert_false(v->halted || v->nmi_pending || v->irq_wanted);
	assert_int_equal(v->hw.exit.shadow, 0);
	assert_int_equal(hw->regs[VREG_APIC_PAGE], 0xfee00000);
	assert_true(v->requests & REQUEST_LOOK);
	assert_int_equal(v->fpu.xcr0, XCR0_X87);
}

/* Another vCPU's registers go out before these come in. */
static void steal(unsigned t)
{
	if (t == 0)
		sched_yield();
}

static struct vcpu *other;

static void steal_the_cpu(void)
{
	if (turn != 1)
		return;
	hooks->spill(v);
	virt->vcpu_load(&other->hw);
	cpu.loaded = &other->hw;
}

static void two_share_a_cpu(void **state)
{
	(void)state;
	other = vcpu_create(&vm, 1);
	assert_non_null(other);
	seen.handle = steal_the_cpu;
	run(3, steal);
	assert_int_equal(seen.yields, 1);
	assert_int_equal(pv.leaves, 3); /* the other one's, too, and at the loop's end */
	assert_int_equal(pv.returns, 1);
	assert_int_equal(hw->loads, 2);
	assert_int_equal(fake_virt_of(&other->hw)->puts, 1);
	assert_false(fake_virt_of(&other->hw)->loaded);
	assert_null(cpu.loaded);
	vcpu_destroy(other);
}

/* The scheduler gives the CPU to another host's thread; a second CPU may be next. */
static void spill_once(void)
{
	if (turn != 2)
		return;
	assert_ptr_equal(cpu.loaded, &v->hw);
	hooks->spill(v);
	assert_null(cpu.loaded);
	assert_false(hw->loaded);
}

static void registers_are_spilled(void **state)
{
	(void)state;
	seen.handle = spill_once;
	run(4, NULL);
	/* They came back by themselves: the next entry looked. */
	assert_int_equal(hw->loads, 2);
	assert_int_equal(seen.holds, 2);
	assert_int_equal(seen.saves, 2);
	/* None is left to a thread that has ended its loop: its vCPU may be freed. */
	assert_null(hooks);
}

/* Its exit has woken a thread that goes before it: it gives way before it enters again. */
static void woken_once(void)
{
	if (turn != 2)
		return;
	cpu.resched = true;
	hooks->attend(v);
}

static void gives_way_before_the_entry(void **state)
{
	(void)state;
	seen.handle = woken_once;
	run(4, NULL);
	assert_int_equal(seen.preempts, 1);
	assert_int_equal(hw->loads, 1);
}

/* Exceptions during exceptions ------------------------------------------------------------------
 */

static void double_faults(void **state)
{
	static const uint8_t contributory[] = { VEC_DE, VEC_TS, VEC_NP, VEC_SS, VEC_GP };

	(void)state;
	for (unsigned first = 0; first < 32; first++) {
		for (unsigned second = 0; second < 32; second++) {
			bool first_counts = memchr(contributory, (int)first, 5);
			bool second_counts = memchr(contributory, (int)second, 5);
			bool doubles = (first_counts && second_counts) ||
				       (first == VEC_PF && (second_counts || second == VEC_PF));

			if (first == VEC_DF)
				continue;
			v->pending = (struct vm_event){ 0 };
			vcpu_raise(v, (uint8_t)first, true, 1);
			assert_int_equal(v->pending.vector, first);
			vcpu_raise(v, (uint8_t)second, false, 2);
			assert_int_equal(v->pending.vector, doubles ? VEC_DF : second);
			assert_int_equal(v->pending.has_error, doubles);
			assert_int_equal(v->pending.error, doubles ? 0 : 2);
			assert_int_equal(v->pending.type, EVENT_EXCEPTION);
		}
	}
	/* An interrupt is no exception, whatever its vector. */
	v->pending = (struct vm_event){ .type = EVENT_INTERRUPT, .vector = VEC_GP };
	vcpu_raise_gp(v);
	assert_int_equal(v->pending.vector, VEC_GP);
	assert_int_equal(v->pending.type, EVENT_EXCEPTION);
	assert_int_equal(seen.how, VM_RUNNING);
	/* The third fault is the machine's reset. */
	v->pending =
		(struct vm_event){ .type = EVENT_EXCEPTION, .vector = VEC_DF, .has_error = true };
	vcpu_raise_ud(v);
	assert_int_equal(seen.how, VM_RESET);
	assert_false(lock_held(&vm.lock));
	v->pending.type = EVENT_NONE;
}

static void raised_exceptions(void **state)
{
	const struct gwalk_fault fault = { .error = PF_W | PF_U, .address = gva(0xdead000) };

	(void)state;
	v->requests = 0;
	vcpu_raise_ud(v);
	assert_int_equal(v->pending.vector, VEC_UD);
	assert_false(v->pending.has_error);
	assert_true(v->requests & REQUEST_LOOK);
	v->pending.type = EVENT_NONE;
	vcpu_raise_gp(v);
	assert_int_equal(v->pending.vector, VEC_GP);
	assert_true(v->pending.has_error);
	assert_int_equal(v->pending.error, 0);
	v->pending.type = EVENT_NONE;
	vcpu_raise_pf(v, &fault);
	assert_int_equal(v->pending.vector, VEC_PF);
	assert_int_equal(v->pending.error, PF_W | PF_U);
	assert_int_equal(hw->regs[VREG_CR2], 0xdead000);
	v->pending.type = EVENT_NONE;
}

/* The APIC's TPR and the hardware's -------------------------------------------------------------
 */

static void tpr_in_step(void **state)
{
	struct bus_access a = { .offset = APIC_TPR, .size = 4 };
	uint64_t value;

	(void)state;
	/* Reading pulls; only the class counts. */
	chip.tpr = 0x35;
	hw->regs[VREG_TPR] = 3;
	vcpu_lapic_access(v, &a);
	assert_int_equal(a.value, 0x35);
	hw->regs[VREG_TPR] = 4;
	vcpu_lapic_access(v, &a);
	assert_int_equal(a.value, 0x40);
	hw->regs[VREG_TPR] = 7;
	assert_int_equal(vcpu_lapic_msr_read(v, 0x808, &value), 0);
	assert_int_equal(value, 0x70);
	/* Writing pushes. */
	a = (struct bus_access){ .offset = APIC_TPR, .size = 4, .write = true, .value = 0x92 };
	vcpu_lapic_access(v, &a);
	assert_int_equal(hw->regs[VREG_TPR], 9);
	assert_int_equal(vcpu_lapic_msr_write(v, 0x808, 0xa0), 0);
	assert_int_equal(hw->regs[VREG_TPR], 10);
	chip.error = -EINVAL;
	assert_int_equal(vcpu_lapic_msr_write(v, 0x808, 0xb0), -EINVAL);
	assert_int_equal(vcpu_lapic_msr_write(v, MSR_APIC_BASE, 0x1000), -EINVAL);
	assert_int_equal(seen.flushes, 0);
	assert_int_equal(hw->regs[VREG_TPR], 10);
	assert_int_equal(hw->regs[VREG_APIC_PAGE], 0xfee00000);
	/* The page moves where the guest moves it. */
	chip.error = 0;
	assert_int_equal(vcpu_lapic_msr_write(v, MSR_APIC_BASE, 0x1000), 0);
	assert_int_equal(seen.flushes, 1);
	assert_int_equal(hw->regs[VREG_APIC_PAGE], 0x1000);
}

static void the_tsc_moves(void **state)
{
	uint64_t before = vcpu_tsc(v);

	(void)state;
	vcpu_move_tsc(v, 1ull << 50);
	assert_true(vcpu_tsc(v) - before >= 1ull << 50);
	assert_true(vcpu_tsc(v) - before < (1ull << 50) + (1ull << 40));
	/* The hardware is to know it, and an armed deadline. */
	assert_int_equal(hw->regs[VREG_TSC_OFFSET], v->tsc_offset);
	assert_int_equal(seen.tsc_changes, 1);
	assert_int_equal(pv.moves, 1);
}

static void modes(void **state)
{
	struct virt_context c;
	struct gwalk_mode walk;

	(void)state;
	fake_virt_mode(&v->hw, FAKE_LONG, 3);
	hw->regs[VREG_CR3] = 0x5000;
	virt->get_context(&v->hw, &c);
	assert_int_equal(vcpu_insn_mode(v, &c), INSN_64);
	assert_true(vcpu_is_64bit(v));
	assert_int_equal(vcpu_cpl(v), 3);
	vcpu_walk_mode(v, &c, &walk);
	assert_int_equal(walk.cr3, 0x5000);
	assert_int_equal(walk.cpl, 3);
	assert_int_equal(walk.maxphyaddr, 39);
	assert_int_equal(walk.cr0, CR0_ET | CR0_PE | CR0_PG | CR0_WP);
	assert_int_equal(walk.efer, EFER_LME | EFER_LMA | EFER_NXE);
	assert_int_equal(walk.cr4, CR4_PAE);
	assert_int_equal(walk.rflags, v->hw.rflags);
	/* Compatibility mode, 32 and 16 bits. */
	hw->segments[VSEG_CS].attr = SEG_P | SEG_S | SEG_DB | 11;
	virt->get_context(&v->hw, &c);
	assert_int_equal(vcpu_insn_mode(v, &c), INSN_32);
	hw->segments[VSEG_CS].attr = SEG_P | SEG_S | 11;
	virt->get_context(&v->hw, &c);
	assert_int_equal(vcpu_insn_mode(v, &c), INSN_16);
	/* L means nothing outside of long mode; D nothing in real and virtual-8086 mode. */
	fake_virt_mode(&v->hw, FAKE_PROTECTED, 0);
	hw->segments[VSEG_CS].attr |= SEG_L;
	virt->get_context(&v->hw, &c);
	assert_int_equal(vcpu_insn_mode(v, &c), INSN_32);
	v->hw.rflags |= RFLAGS_VM;
	assert_int_equal(vcpu_insn_mode(v, &c), INSN_16);
	fake_virt_mode(&v->hw, FAKE_REAL, 0);
	hw->segments[VSEG_CS].attr |= SEG_DB;
	virt->get_context(&v->hw, &c);
	v->hw.rflags &= ~RFLAGS_VM;
	assert_int_equal(vcpu_insn_mode(v, &c), INSN_16);
}

static void a_loaders_registers(void **state)
{
	struct load_regs r = { .rip = 0x100000,
			       .rflags = 2,
			       .cr0 = CR0_PE | CR0_PG,
			       .cr3 = 0x9000,
			       .cr4 = CR4_PAE,
			       .efer = EFER_LME };

	(void)state;
	for (unsigned i = 0; i < GPRS; i++)
		r.gpr[i] = 100 + i;
	for (unsigned i = 0; i < VSEGS; i++)
		r.segments[i] = (struct segment){ .selector = (uint16_t)(8 * i), .limit = i };
	vcpu_set_regs(v, &r);
	assert_memory_equal(v->hw.gpr, r.gpr, sizeof(r.gpr));
	assert_int_equal(v->hw.rip, 0x100000);
	assert_int_equal(v->hw.rflags, 2);
	assert_memory_equal(hw->segments, r.segments, sizeof(r.segments));
	assert_int_equal(hw->regs[VREG_CR3], 0x9000);
	assert_int_equal(hw->regs[VREG_CR4], CR4_PAE);
	assert_int_equal(hw->regs[VREG_CR0], CR0_PE | CR0_PG);
	/* LMA came with PG. */
	assert_int_equal(hw->regs[VREG_EFER], EFER_LME | EFER_LMA);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(made_and_undone),
		TEST(nothing_to_do),
		TEST(an_interrupt),
		TEST(closed_gates_ask_for_a_window),
		TEST(not_judged_while_closed),
		TEST(spurious_kicks),
		TEST(tpr_holds_back),
		TEST(the_pic_behind_the_apic),
		TEST(one_event_an_entry),
		TEST(an_nmi_waits_for_a_shadow),
		TEST(interrupted_deliveries_come_again),
		TEST(halted_until_an_interrupt),
		TEST(timers_lapse_in_hlt),
		TEST(timers_lapse_elsewhere),
		TEST(breathes_with_registers),
		TEST(halted_with_interrupts_off),
		TEST(halted_and_stopped),
		TEST(something_pending_is_no_sleep),
		TEST(kicked_out_of_hlt),
		TEST(kicked_before_hlt),
		TEST(eois_without_exits),
		TEST(kicked_in_the_guest_after_an_eoi),
		TEST(resets_of_the_machine),
		TEST(pauses),
		TEST(others_wake_it),
		TEST(others_kick_it),
		TEST(init_takes_a_sipi_back),
		TEST(init_and_sipi),
		TEST(reset_waits_for_sipi),
		TEST(reset_forgets),
		TEST(two_share_a_cpu),
		TEST(registers_are_spilled),
		TEST(gives_way_before_the_entry),
		TEST(double_faults),
		TEST(raised_exceptions),
		TEST(tpr_in_step),
		TEST(the_tsc_moves),
		TEST(modes),
		TEST(a_loaders_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

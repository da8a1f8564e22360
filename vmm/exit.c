/* SPDX-License-Identifier: MIT */
/*
 * From the kind of exit to its handler: one table. Handlers of a few lines stand here, the others
 * in exit_*.c. All that nobody can handle leaves by one door, vm_crash().
 */
#include "vmm/recall.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/trap.h"
#include "lib/log.h"
#include "arch/x86_64/cpu.h"
#include "vmm/irqchip.h"
#include "vmm/vm.h"

static void exit_host_irq(struct vcpu *v)
{
	(void)v;
	irq_window();
	if (unlikely(this_cpu()->resched)) /* its slice is over */
		sched_preempt();
}

static void exit_hlt(struct vcpu *v)
{
	exit_skip_opcode(v, OPCODE_HLT, 1);
	v->halted = true;
	vcpu_attend(v);
}

/* It waits for another vCPU: if one is ready and has no CPU, that may well be the one. */
static void exit_pause(struct vcpu *v)
{
	const struct vm *vm = v->vm;

	exit_skip_opcode(v, OPCODE_PAUSE, 2);
	/* No vCPU's thread ends before all have left their loops. */
	for (unsigned i = 1; i < vm->vcpu_count; i++) {
		struct vcpu *other = vm->vcpus[(v->id + i) % vm->vcpu_count];
		struct thread *t = __atomic_load_n(&other->thread, __ATOMIC_ACQUIRE);

		if (t && sched_yield_to(t))
			return;
	}
	if (sched_is_wanted())
		sched_yield();
}

static void exit_exception(struct vcpu *v)
{
	const struct exit_exception *e = &v->hw.exit.exception;

	vcpu_raise(v, e->vector, e->has_error, e->error);
}

static void exit_window(struct vcpu *v)
{
	v->irq_wanted = true;
	vcpu_attend(v);
}

/* The guest's caches are the host's: written back, never thrown away, as INVD would. */
static void exit_cache(struct vcpu *v)
{
	wbinvd();
	exit_skip(v);
}

static void exit_rdtsc(struct vcpu *v)
{
	const struct insn *in = fetch_insn(v);
	uint64_t tsc;

	if (!in)
		return;
	tsc = vcpu_tsc(v);
	v->hw.gpr[RAX] = (uint32_t)tsc;
	v->hw.gpr[RDX] = tsc >> 32;
	if (in->op == INSN_RDTSCP)
		v->hw.gpr[RCX] = (uint32_t)virt->get(&v->hw, VREG_TSC_AUX);
	exit_skip(v);
}

/* No performance counters are offered. */
static void exit_rdpmc(struct vcpu *v)
{
	vcpu_raise_gp(v);
}

static void exit_ud(struct vcpu *v)
{
	vcpu_raise_ud(v);
}

static void exit_tpr(struct vcpu *v)
{
	v->irq_wanted = true;
	vcpu_attend(v);
}

static void exit_shutdown(struct vcpu *v)
{
	vm_triple_fault(v);
}

/*
 * A physical INIT is for the machine, not for this guest; who sent it will be heard of otherwise.
 */
static void exit_init(struct vcpu *v)
{
	log_warn("vm: %s: an INIT signal came to the CPU that it runs on; it is ignored",
		 v->vm->config.name);
}

static void exit_apic_write(struct vcpu *v)
{
	vlapic_written(v, v->hw.exit.apic_offset);
}

static void exit_eoi(struct vcpu *v)
{
	vm_crash(v->vm, "an EOI of the hardware's, vector %#x, that nobody asked for",
		 v->hw.exit.eoi_vector);
}

static void exit_fail(struct vcpu *v)
{
	vm_crash(v->vm, "the CPU refused to enter the guest at RIP %#lx (the lines above say why)",
		 (unsigned long)v->hw.rip);
}

static void exit_unknown(struct vcpu *v)
{
	const uint64_t *raw = v->hw.exit.raw;

	virt->dump(&v->hw);
	vm_crash(v->vm, "an exit that Plinth does not know: %#lx, %#lx, %#lx, %#lx at RIP %#lx",
		 (unsigned long)raw[0], (unsigned long)raw[1], (unsigned long)raw[2],
		 (unsigned long)raw[3], (unsigned long)v->hw.rip);
}

static void exit_delivering(struct vcpu *v);

static void (*const handlers[EXIT_DELIVERING + EXIT_KINDS])(struct vcpu *v) = {
	[EXIT_HOST_IRQ] = exit_host_irq,
	[EXIT_PIO] = exit_pio,
	[EXIT_MEM] = exit_mem,
	[EXIT_CPUID] = exit_cpuid,
	[EXIT_RDMSR] = exit_rdmsr,
	[EXIT_WRMSR] = exit_wrmsr,
	[EXIT_CR] = exit_cr,
	[EXIT_DR] = exit_dr,
	[EXIT_XSETBV] = exit_xsetbv,
	[EXIT_HLT] = exit_hlt,
	[EXIT_PAUSE] = exit_pause,
	[EXIT_HYPERCALL] = exit_hypercall,
	[EXIT_EXCEPTION] = exit_exception,
	[EXIT_WINDOW] = exit_window,
	[EXIT_CACHE] = exit_cache,
	[EXIT_RDTSC] = exit_rdtsc,
	[EXIT_RDPMC] = exit_rdpmc,
	[EXIT_UD] = exit_ud,
	[EXIT_TASK_SWITCH] = exit_task_switch,
	[EXIT_APIC_WRITE] = exit_apic_write,
	[EXIT_EOI] = exit_eoi,
	[EXIT_TPR] = exit_tpr,
	[EXIT_SHUTDOWN] = exit_shutdown,
	[EXIT_INIT] = exit_init,
	[EXIT_FAIL] = exit_fail,
	[EXIT_UNKNOWN] = exit_unknown,
	[EXIT_DELIVERING... EXIT_DELIVERING + EXIT_KINDS - 1] = exit_delivering,
};

/*
 * An exit in the middle of an event's delivery: it has not happened, and goes again. (A task switch
 * by a task gate delivers it itself.)
 */
static void exit_delivering(struct vcpu *v)
{
	struct vm_exit *x = &v->hw.exit;

	x->kind &= EXIT_DELIVERING - 1;
	v->counts[x->kind]++;
	if (x->kind != EXIT_TASK_SWITCH)
		vcpu_redeliver(v, &x->delivering);
	handlers[x->kind](v);
	x->delivering.type = EVENT_NONE;
}

/* Five instructions an exit, which a crash is worth: what led there is seldom in the registers. */
static always_inline void note(struct vcpu *v)
{
	struct dump_exits *last = &v->last;
	uint8_t at = last->next++;

	last->rip[at] = v->hw.rip;
	last->kind[at] = v->hw.exit.kind;
}

void exit_handle(struct vcpu *v)
{
	unsigned kind = v->hw.exit.kind;

	v->counts[kind]++;
	note(v);
	handlers[kind](v);
}

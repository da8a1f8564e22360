/* SPDX-License-Identifier: MIT */
/*
 * Into the guest and out again, and what the exit was in neutral words. This is the hottest code of
 * all: VMREAD and VMWRITE only where something changed, and one table for the exit reasons.
 */
#include "arch/x86_64/virt/vmx/vmx.h"

#include "arch/x86_64/cr.h"

static uint64_t qualification(void)
{
	return vmcs_read(VMCS_EXIT_QUALIFICATION);
}

/*
 * An IRET that faults has unblocked NMIs already; the guest will execute it again (SDM 3, "NMI
 * Unblocking Due to IRET").
 */
static void nmi_block_again(const struct virt_vcpu *v)
{
	if (v->exit.delivering.type == EVENT_NONE)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
			   vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) | BLOCKING_NMI);
}

/* NMIs and machine checks are the host's own: its handlers run as if they had come outside. */
static void exit_exception(struct virt_vcpu *v)
{
	struct exit_exception *e = &v->exit.exception;
	uint32_t info = vmcs_read(VMCS_EXIT_INTR_INFO);

	v->exit.kind = EXIT_HOST_IRQ;
	if ((info & INTR_TYPE_MASK) >> INTR_TYPE_SHIFT == INTR_NMI) {
		__asm__ volatile("int %0" : : "i"(VEC_NMI) : "memory");
		return;
	}
	if ((info & INTR_VECTOR) == VEC_MC) {
		__asm__ volatile("int %0" : : "i"(VEC_MC) : "memory");
		return;
	}
	v->exit.kind = EXIT_EXCEPTION;
	if (info & INTR_NMI_UNBLOCKED)
		nmi_block_again(v);
	*e = (struct exit_exception){ .vector = info & INTR_VECTOR,
				      .has_error = info & INTR_ERROR,
				      .address = qualification() };
	if (e->has_error)
		e->error = vmcs_read(VMCS_EXIT_INTR_ERROR);
}

static void exit_task(struct virt_vcpu *v)
{
	uint64_t q = qualification();

	v->exit.task = (struct exit_task){
		.selector = q,
		.source = q >> QUAL_TASK_SOURCE_SHIFT & 3,
		.has_error = v->exit.delivering.has_error,
		.error = v->exit.delivering.error,
	};
}

/* The types of access are numbered as enum cr_op is. */
static void exit_cr(struct virt_vcpu *v)
{
	uint64_t q = qualification();

	v->exit.cr = (struct exit_cr){
		.cr = q & QUAL_CR_NUMBER,
		.op = q >> QUAL_CR_TYPE_SHIFT & QUAL_CR_TYPE_MASK,
		.gpr = q >> QUAL_CR_GPR_SHIFT & QUAL_GPR_MASK,
		.known = true,
		.lmsw = q >> QUAL_CR_LMSW_SHIFT,
	};
}

static void exit_dr(struct virt_vcpu *v)
{
	uint64_t q = qualification();

	v->exit.dr = (struct exit_dr){
		.dr = q & QUAL_DR_NUMBER,
		.gpr = q >> QUAL_DR_GPR_SHIFT & QUAL_GPR_MASK,
		.write = !(q & QUAL_DR_READ),
		.known = true,
	};
}

static void exit_io(struct virt_vcpu *v)
{
	uint64_t q = qualification();

	v->exit.pio = (struct exit_pio){
		.port = q >> QUAL_IO_PORT_SHIFT,
		.size = (q & QUAL_IO_SIZE_MASK) + 1,
		.write = !(q & QUAL_IO_IN),
		.string = q & QUAL_IO_STRING,
		.rep = q & QUAL_IO_REP,
	};
}

static void exit_ept(struct virt_vcpu *v)
{
	uint64_t q = qualification();
	bool linear = q & QUAL_EPT_LINEAR_VALID;

	if (q & QUAL_NMI_UNBLOCKED)
		nmi_block_again(v);
	v->exit.mem = (struct exit_mem){
		.gpa = gpa(vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS)),
		.gva = gva(linear ? vmcs_read(VMCS_GUEST_LINEAR_ADDRESS) : 0),
		.gva_valid = linear,
		.read = q & QUAL_EPT_READ,
		.write = q & QUAL_EPT_WRITE,
		.fetch = q & QUAL_EPT_FETCH,
		.walk = linear && !(q & QUAL_EPT_NOT_WALK),
	};
}

static void exit_apic_write(struct virt_vcpu *v)
{
	v->exit.apic_offset = qualification() & QUAL_APIC_OFFSET;
}

static void exit_eoi(struct virt_vcpu *v)
{
	v->exit.eoi_vector = qualification();
}

enum form {
	UNLISTED,
	EVENT,
	INSTRUCTION, /* the exit is an instruction's, whose length the CPU tells */
};

struct reason {
	uint8_t form; /* enum form */
	uint8_t kind;
	void (*more)(struct virt_vcpu *v);
};

/* What is not listed here is not switched on, or the entry failed. */
static const struct reason reasons[REASONS] = {
	[REASON_EXCEPTION_NMI] = { EVENT, EXIT_EXCEPTION, exit_exception },
	[REASON_EXTERNAL_INTERRUPT] = { EVENT, EXIT_HOST_IRQ, NULL },
	[REASON_TRIPLE_FAULT] = { EVENT, EXIT_SHUTDOWN, NULL },
	[REASON_INIT] = { EVENT, EXIT_INIT, NULL },
	[REASON_INTERRUPT_WINDOW] = { EVENT, EXIT_WINDOW, NULL },
	[REASON_NMI_WINDOW] = { EVENT, EXIT_WINDOW, NULL },
	[REASON_TASK_SWITCH] = { INSTRUCTION, EXIT_TASK_SWITCH, exit_task },
	[REASON_CPUID] = { INSTRUCTION, EXIT_CPUID, NULL },
	[REASON_GETSEC] = { INSTRUCTION, EXIT_UD, NULL },
	[REASON_HLT] = { INSTRUCTION, EXIT_HLT, NULL },
	[REASON_INVD] = { INSTRUCTION, EXIT_CACHE, NULL },
	[REASON_RDPMC] = { INSTRUCTION, EXIT_RDPMC, NULL },
	[REASON_RDTSC] = { INSTRUCTION, EXIT_RDTSC, NULL },
	[REASON_RSM] = { INSTRUCTION, EXIT_UD, NULL },
	[REASON_VMCALL] = { INSTRUCTION, EXIT_HYPERCALL, NULL },
	[REASON_VMCLEAR... REASON_VMXON] = { INSTRUCTION, EXIT_UD, NULL },
	[REASON_CR_ACCESS] = { INSTRUCTION, EXIT_CR, exit_cr },
	[REASON_MOV_DR] = { INSTRUCTION, EXIT_DR, exit_dr },
	[REASON_IO] = { INSTRUCTION, EXIT_PIO, exit_io },
	[REASON_RDMSR] = { INSTRUCTION, EXIT_RDMSR, NULL },
	[REASON_WRMSR] = { INSTRUCTION, EXIT_WRMSR, NULL },
	[REASON_MWAIT] = { INSTRUCTION, EXIT_UD, NULL },
	[REASON_MONITOR] = { INSTRUCTION, EXIT_UD, NULL },
	[REASON_PAUSE] = { INSTRUCTION, EXIT_PAUSE, NULL },
	[REASON_TPR_BELOW] = { EVENT, EXIT_TPR, NULL },
	[REASON_EOI] = { EVENT, EXIT_EOI, exit_eoi },
	[REASON_EPT_VIOLATION] = { EVENT, EXIT_MEM, exit_ept },
	[REASON_INVEPT] = { INSTRUCTION, EXIT_UD, NULL },
	[REASON_RDTSCP] = { INSTRUCTION, EXIT_RDTSC, NULL },
	[REASON_PREEMPTION_TIMER] = { EVENT, EXIT_HOST_IRQ, NULL },
	[REASON_INVVPID] = { INSTRUCTION, EXIT_UD, NULL },
	[REASON_WBINVD] = { INSTRUCTION, EXIT_CACHE, NULL },
	[REASON_XSETBV] = { INSTRUCTION, EXIT_XSETBV, NULL },
	[REASON_APIC_WRITE] = { EVENT, EXIT_APIC_WRITE, exit_apic_write },
	[REASON_INVPCID] = { INSTRUCTION, EXIT_UD, NULL },
	[REASON_XSAVES] = { INSTRUCTION, EXIT_UD, NULL },
	[REASON_XRSTORS] = { INSTRUCTION, EXIT_UD, NULL },
};

static void exit_unusual(struct virt_vcpu *v, uint32_t reason)
{
	struct vm_exit *e = &v->exit;

	e->raw[0] = reason;
	e->raw[1] = qualification();
	e->raw[2] = vmcs_read(VMCS_EXIT_INTR_INFO);
	e->raw[3] = vmcs_read(VMCS_IDT_VECTORING_INFO);
	e->kind = EXIT_UNKNOWN;
	e->insn_len = 0;
	if ((reason & REASON_ENTRY_FAILED) || reason == REASON_EPT_MISCONFIG) {
		e->kind = EXIT_FAIL;
		vmx_fail_entry(v, reason);
	}
}

static void exit_translate(struct virt_vcpu *v)
{
	uint32_t vectoring = vmcs_read(VMCS_IDT_VECTORING_INFO);
	uint32_t number = vmcs_read(VMCS_EXIT_REASON);
	const struct reason *r = &reasons[number];

	if (unlikely(vectoring & INTR_VALID))
		vmx_delivering(&v->exit.delivering, vectoring);
	if (unlikely(number >= REASONS || r->form == UNLISTED)) {
		exit_unusual(v, number);
		return;
	}
	v->exit.kind = r->kind;
	v->exit.insn_len = r->form == INSTRUCTION ? vmcs_read(VMCS_EXIT_INSN_LENGTH) : 0;
	if (r->more)
		r->more(v);
}

/*
 * The CPU insists that a pending single step and RFLAGS.TF agree while interrupts are held back
 * (SDM 3, "Checks on Guest Non-Register State").
 */
static void pending_debug_fix(const struct virt_vcpu *v)
{
	uint64_t pending = vmcs_read(VMCS_GUEST_PENDING_DEBUG) & ~PENDING_BS;

	if (!(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & (BLOCKING_STI | BLOCKING_MOV_SS)))
		return;
	if ((v->rflags & RFLAGS_TF) && !(vmcs_read(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF))
		pending |= PENDING_BS;
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, pending);
}

/* What is seldom to be done before an entry. */
static void todo_do(struct virt_vcpu *v)
{
	struct vmx_vcpu *x = vmx_vcpu(v);
	uint64_t tpr;

	if (x->todo & TODO_FLUSH_LINEAR)
		vmcs_invvpid(INV_CONTEXT, &(struct inv_descriptor){ .context = x->vpid });
	if (x->todo & TODO_PENDING_DEBUG)
		pending_debug_fix(v);
	if (x->todo & TODO_THRESHOLD) {
		/* Above the TPR it would fail the entry. */
		tpr = vmx_get(v, VREG_TPR);
		vmcs_write(VMCS_TPR_THRESHOLD, MIN(x->threshold, tpr));
	}
	x->todo = x->threshold ? TODO_THRESHOLD : 0;
}

static void nested_flush(const struct virt_vcpu *v)
{
	struct vmx_vcpu *x = vmx_vcpu(v);

	x->generation = v->vm->generation;
	vmcs_invept(INV_CONTEXT, &(struct inv_descriptor){ .context = x->eptp });
}

static void rflags_write(struct virt_vcpu *v)
{
	struct vmx_vcpu *x = vmx_vcpu(v);

	v->rflags |= RFLAGS_FIXED;
	if ((v->rflags ^ x->rflags) & RFLAGS_TF)
		x->todo |= TODO_PENDING_DEBUG;
	vmcs_write(VMCS_GUEST_RFLAGS, v->rflags);
}

static void entry_prepare(struct virt_vcpu *v, struct vmx_vcpu *x)
{
	const struct virt_vm *vm = v->vm;

	if (v->rip != x->rip)
		vmcs_write(VMCS_GUEST_RIP, v->rip);
	if (unlikely(v->gpr[RSP] != x->rsp))
		vmcs_write(VMCS_GUEST_RSP, v->gpr[RSP]);
	if (unlikely(v->rflags != x->rflags))
		rflags_write(v);
	if (unlikely(x->generation != vm->generation))
		nested_flush(v);
	if (unlikely(x->tsc_offset != vm->tsc_offset)) {
		x->tsc_offset = vm->tsc_offset;
		vmcs_write(VMCS_TSC_OFFSET, x->tsc_offset);
	}
	if (unlikely(x->todo))
		todo_do(v);
}

void vmx_run(struct virt_vcpu *v)
{
	struct vmx_vcpu *x = vmx_vcpu(v);
	int failed;

	entry_prepare(v, x);
	failed = vmx_enter(v, x->launched);
	v->exits++;
	v->exit.delivering.type = EVENT_NONE;
	x->injecting = false;
	v->rip = x->rip = vmcs_read(VMCS_GUEST_RIP);
	v->gpr[RSP] = x->rsp = vmcs_read(VMCS_GUEST_RSP);
	v->rflags = x->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	v->exit.shadow = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & (BLOCKING_STI | BLOCKING_MOV_SS);
	if (unlikely(failed)) {
		v->exit.kind = EXIT_FAIL;
		vmx_fail_instruction(v);
		return;
	}
	x->launched = true;
	exit_translate(v);
}

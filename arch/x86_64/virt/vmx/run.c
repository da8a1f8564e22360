/* SPDX-License-Identifier: MIT */
/*
 * Into the guest and out again, and what the exit was in neutral words. This is the hottest code of
 * all: VMREAD and VMWRITE only where something changed, and one table for the exit reasons.
 */
#include "arch/x86_64/virt/vmx/vmx.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/trap.h"

static uint64_t qualification(void)
{
	return vmcs_read(VMCS_EXIT_QUALIFICATION);
}

/* For the exits that may come while an event is delivered: it has to be delivered again. */
static void delivering_take(struct virt_vcpu *v)
{
	uint32_t info = vmcs_read(VMCS_IDT_VECTORING_INFO);

	if (!(info & INTR_VALID))
		return;
	vmx_delivering(&v->exit.delivering, info);
	v->exit.kind |= EXIT_DELIVERING;
}

/*
 * An IRET that faults has unblocked NMIs already; the guest will execute it again (SDM 3, "NMI
 * Unblocking Due to IRET").
 */
static void nmi_block_again(const struct virt_vcpu *v)
{
	if (!(v->exit.kind & EXIT_DELIVERING))
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
			   vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) | BLOCKING_NMI);
}

/*
 * A #DB that exits has not been noted in the debug registers yet (SDM 3, "Architectural State
 * Before a VM Exit"): this is what the guest's handler has to find there.
 */
static void debug_note(struct virt_vcpu *v, uint64_t conditions)
{
	uint64_t dr6 = vmx_get(v, VREG_DR6) & ~DR6_BREAKPOINTS;

	vmx_set(v, VREG_DR6, dr6 | (conditions & (DR6_BREAKPOINTS | DR6_BD | DR6_BS)));
	vmcs_write(VMCS_GUEST_DR7, vmcs_read(VMCS_GUEST_DR7) & ~DR7_GD);
	/* A step over STI leaves its shadow, and no step pending any more. */
	vmx_vcpu(v)->todo |= TODO_PENDING_DEBUG;
}

/* NMIs and machine checks are the host's own: its handlers run as if they had come outside. */
static void exit_exception(struct virt_vcpu *v)
{
	struct exit_exception *e = &v->exit.exception;
	uint32_t info = vmcs_read(VMCS_EXIT_INTR_INFO);

	v->exit.kind = EXIT_HOST_IRQ;
	v->exit.insn_len = 0;
	delivering_take(v);
	if ((info & INTR_TYPE_MASK) >> INTR_TYPE_SHIFT == INTR_NMI) {
		__asm__ volatile("int %0" : : "i"(VEC_NMI) : "memory");
		return;
	}
	if ((info & INTR_VECTOR) == VEC_MC) {
		__asm__ volatile("int %0" : : "i"(VEC_MC) : "memory");
		return;
	}
	v->exit.kind = (v->exit.kind & EXIT_DELIVERING) | EXIT_EXCEPTION;
	if (info & INTR_NMI_UNBLOCKED)
		nmi_block_again(v);
	*e = (struct exit_exception){ .vector = info & INTR_VECTOR,
				      .has_error = info & INTR_ERROR,
				      .address = qualification() };
	if (e->has_error)
		e->error = vmcs_read(VMCS_EXIT_INTR_ERROR);
	if (e->vector == VEC_DB)
		debug_note(v, e->address);
}

static void exit_task(struct virt_vcpu *v)
{
	uint64_t q = qualification();

	delivering_take(v);
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

/* For fetch.c: the hardware gives no bytes of an instruction that touched a device. */
static void address_space_note(struct vm_exit *x)
{
	bool is_64bit = (vmcs_read(VMCS_GUEST_EFER) & EFER_LMA) &&
			(vmcs_read(VMCS_GUEST_CS_RIGHTS) & SEG_L);

	x->address_space = is_64bit ? vmcs_read(VMCS_GUEST_CR3) : ADDRESS_SPACE_UNKNOWN;
}

static void exit_ept(struct virt_vcpu *v)
{
	uint64_t q = qualification();

	if (q & QUAL_NMI_UNBLOCKED)
		nmi_block_again(v);
	/* A stack or a descriptor table that is not in memory: no instruction touches it. */
	delivering_take(v);
	v->exit.insn_len = 0;
	address_space_note(&v->exit);
	v->exit.mem = (struct exit_mem){
		.gpa = gpa(vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS)),
		.error = (q & QUAL_EPT_WRITE ? PF_W : 0) | (q & QUAL_EPT_FETCH ? PF_I : 0),
		.walk = (q & QUAL_EPT_LINEAR_VALID) && !(q & QUAL_EPT_NOT_WALK),
	};
}

/*
 * An access to the APIC's registers that the hardware does not serve: to Plinth it is a device's.
 */
static void exit_apic_access(struct virt_vcpu *v)
{
	uint64_t q = qualification();
	unsigned type = q >> QUAL_APIC_TYPE_SHIFT & QUAL_APIC_TYPE_MASK;

	v->exit.insn_len = 0;
	delivering_take(v);
	address_space_note(&v->exit);
	v->exit.mem = (struct exit_mem){
		.gpa = gpa(APIC_BASE_DEFAULT | (q & QUAL_APIC_OFFSET)),
		.error = type == APIC_ACCESS_WRITE   ? PF_W
			 : type == APIC_ACCESS_FETCH ? PF_I
						     : 0,
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

static void exit_unusual(struct virt_vcpu *v)
{
	struct vm_exit *e = &v->exit;
	uint32_t reason = vmcs_read(VMCS_EXIT_REASON);

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

struct reason {
	uint8_t kind;
	void (*more)(struct virt_vcpu *v);
};

/* Reasons that are not switched on, that no CPU has, or that are failures. */
#define UNUSUAL(first, last) [(first)...(last)] = { EXIT_UNKNOWN, exit_unusual }

static const struct reason reasons[REASONS] = {
	[REASON_EXCEPTION_NMI] = { EXIT_EXCEPTION, exit_exception },
	[REASON_EXTERNAL_INTERRUPT] = { EXIT_HOST_IRQ, NULL },
	[REASON_TRIPLE_FAULT] = { EXIT_SHUTDOWN, NULL },
	[REASON_INIT] = { EXIT_INIT, NULL },
	[REASON_INTERRUPT_WINDOW] = { EXIT_WINDOW, NULL },
	[REASON_NMI_WINDOW] = { EXIT_WINDOW, NULL },
	[REASON_TASK_SWITCH] = { EXIT_TASK_SWITCH, exit_task },
	[REASON_CPUID] = { EXIT_CPUID, NULL },
	[REASON_GETSEC] = { EXIT_UD, NULL },
	[REASON_HLT] = { EXIT_HLT, NULL },
	[REASON_INVD] = { EXIT_CACHE, NULL },
	[REASON_RDPMC] = { EXIT_RDPMC, NULL },
	[REASON_RDTSC] = { EXIT_RDTSC, NULL },
	[REASON_RSM] = { EXIT_UD, NULL },
	[REASON_VMCALL] = { EXIT_HYPERCALL, NULL },
	[REASON_VMCLEAR... REASON_VMXON] = { EXIT_UD, NULL },
	[REASON_CR_ACCESS] = { EXIT_CR, exit_cr },
	[REASON_MOV_DR] = { EXIT_DR, exit_dr },
	[REASON_IO] = { EXIT_PIO, exit_io },
	[REASON_RDMSR] = { EXIT_RDMSR, NULL },
	[REASON_WRMSR] = { EXIT_WRMSR, NULL },
	[REASON_MWAIT] = { EXIT_UD, NULL },
	[REASON_MONITOR] = { EXIT_UD, NULL },
	[REASON_PAUSE] = { EXIT_PAUSE, NULL },
	[REASON_TPR_BELOW] = { EXIT_TPR, NULL },
	[REASON_APIC_ACCESS] = { EXIT_MEM, exit_apic_access },
	[REASON_EOI] = { EXIT_EOI, exit_eoi },
	[REASON_EPT_VIOLATION] = { EXIT_MEM, exit_ept },
	[REASON_INVEPT] = { EXIT_UD, NULL },
	[REASON_RDTSCP] = { EXIT_RDTSC, NULL },
	[REASON_PREEMPTION_TIMER] = { EXIT_HOST_IRQ, NULL },
	[REASON_INVVPID] = { EXIT_UD, NULL },
	[REASON_WBINVD] = { EXIT_CACHE, NULL },
	[REASON_XSETBV] = { EXIT_XSETBV, NULL },
	[REASON_APIC_WRITE] = { EXIT_APIC_WRITE, exit_apic_write },
	[REASON_INVPCID] = { EXIT_UD, NULL },
	[REASON_XSAVES] = { EXIT_UD, NULL },
	[REASON_XRSTORS] = { EXIT_UD, NULL },
	UNUSUAL(REASON_SIPI, REASON_SMI),
	UNUSUAL(REASON_INVLPG, REASON_INVLPG),
	UNUSUAL(REASON_BAD_GUEST_STATE, REASON_MWAIT - 1),
	UNUSUAL(REASON_MONITOR_TRAP, REASON_MONITOR - 1),
	UNUSUAL(REASON_BAD_MACHINE_CHECK, REASON_TPR_BELOW - 1),
	UNUSUAL(REASON_GDTR_IDTR, REASON_LDTR_TR),
	UNUSUAL(REASON_EPT_MISCONFIG, REASON_EPT_MISCONFIG),
	UNUSUAL(REASON_RDRAND, REASON_RDRAND),
	UNUSUAL(REASON_VMFUNC, REASON_PML_FULL),
};

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

static void rflags_write(struct virt_vcpu *v, struct vmx_vcpu *x)
{
	v->rflags |= RFLAGS_FIXED;
	if ((v->rflags ^ x->rflags) & RFLAGS_TF)
		x->todo |= TODO_PENDING_DEBUG;
	vmcs_write(VMCS_GUEST_RFLAGS, v->rflags);
}

/* What is seldom to be done before an entry. */
static __attribute__((noinline)) void entry_changes(struct virt_vcpu *v, struct vmx_vcpu *x)
{
	uint32_t todo = x->todo;

	x->todo = todo & TODO_TPR_THRESHOLD;
	if (todo & TODO_LEAVE)
		x->todo |= TODO_STAY;
	if (todo & (TODO_LEAVE | TODO_STAY))
		vmcs_write(VMCS_PREEMPTION_TIMER,
			   todo & TODO_LEAVE ? 0 : vmx_caps.preemption_ticks);
	if (todo & TODO_FLUSH_NESTED)
		vmcs_invept(INV_CONTEXT, &(struct inv_descriptor){ .context = x->eptp });
	if (todo & TODO_FLUSH_LINEAR)
		vmcs_invvpid(INV_CONTEXT, &(struct inv_descriptor){ .context = x->vpid });
	if (todo & TODO_PENDING_DEBUG)
		pending_debug_fix(v);
	/* Any lowering exits. Above the TPR it would fail the entry: so it follows it. */
	if (todo & TODO_TPR_THRESHOLD)
		vmcs_write(VMCS_TPR_THRESHOLD, vmx_get(v, VREG_TPR));
}

/* The shadow ends with an instruction that Plinth has done for the guest. */
static void shadow_write(const struct virt_vcpu *v, struct vmx_vcpu *x)
{
	uint32_t state = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);

	state &= ~(BLOCKING_STI | BLOCKING_MOV_SS);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, state | v->exit.shadow);
	if (v->exit.shadow)
		x->todo |= TODO_PENDING_DEBUG;
}

static always_inline void entry_prepare(struct virt_vcpu *v, struct vmx_vcpu *x)
{
	vmcs_write(VMCS_GUEST_RIP, v->rip);
	if (unlikely(v->gpr[RSP] != x->rsp))
		vmcs_write(VMCS_GUEST_RSP, v->gpr[RSP]);
	if (unlikely(v->rflags != x->rflags))
		rflags_write(v, x);
	if (unlikely(v->exit.shadow != x->shadow))
		shadow_write(v, x);
	if (unlikely(x->todo))
		entry_changes(v, x);
}

/* Not 0: the instruction failed. entry.S tells what it does to the registers. */
static always_inline uint32_t enter(struct virt_vcpu **v, const char *entry)
{
	uint32_t failed;

	__asm__ volatile("call %P2"
			 : "+D"(*v), "=a"(failed)
			 : "i"(entry)
			 : "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13",
			   "r14", "r15", "cc", "memory");
	return failed;
}

/* A VMCS that is clear takes VMLAUNCH, and VMRESUME from then on. */
static __attribute__((noinline)) uint32_t enter_first(struct virt_vcpu *v)
{
	uint32_t failed = enter(&v, vmx_launch);

	vmx_vcpu(v)->launched = !failed;
	return failed;
}

static always_inline void exit_translate(struct virt_vcpu *v)
{
	uint32_t number = vmcs_read(VMCS_EXIT_REASON);
	const struct reason *r = &reasons[number];

	/* The upper half is set when the entry failed. */
	if (unlikely(number >= REASONS))
		r = &reasons[REASON_BAD_GUEST_STATE];
	v->exit.kind = r->kind;
	v->exit.insn_len = vmcs_read(VMCS_EXIT_INSN_LENGTH);
	if (r->more)
		r->more(v);
}

void vmx_run(struct virt_vcpu *v)
{
	struct vmx_vcpu *x = vmx_vcpu(v);
	uint32_t failed;

	entry_prepare(v, x);
	if (unlikely(!x->launched))
		failed = enter_first(v);
	else
		failed = enter(&v, vmx_resume);
	x = vmx_vcpu(v);
	v->exit.address_space = ADDRESS_SPACE_UNKNOWN;
	vmcs_read_to(VMCS_GUEST_RIP, &v->rip);
	v->gpr[RSP] = x->rsp = vmcs_read(VMCS_GUEST_RSP);
	v->rflags = x->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	x->shadow = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & (BLOCKING_STI | BLOCKING_MOV_SS);
	v->exit.shadow = x->shadow;
	if (unlikely(failed)) {
		v->exit.kind = EXIT_FAIL;
		vmx_fail_instruction(v);
		return;
	}
	exit_translate(v);
	/*
	 * With the guest's IF clear, Bochs 2.7 would not let the host's interrupts out at the next
	 * entry; the guest may poll with exits only. Elsewhere this spares the exit that they
	 * cause.
	 */
	if (!(v->rflags & RFLAGS_IF)) {
		irq_window();
		/* No exit tells of an interrupt that came in here: one is made. */
		if (unlikely(this_cpu()->resched) && vmx_caps.pin & PIN_PREEMPTION_TIMER)
			x->todo |= TODO_LEAVE;
	}
}

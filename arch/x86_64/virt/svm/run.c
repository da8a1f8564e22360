/* SPDX-License-Identifier: MIT */
/* Into the guest and back, and the exit code translated into struct vm_exit. It decides nothing. */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/trap.h"
#include "arch/x86_64/virt/svm/svm.h"
#include "lib/log.h"

/* Exits that carry nothing but themselves. 0, which is EXIT_HOST_IRQ, is no entry. */
static const uint8_t plain_exits[] = {
	[VMEXIT_INIT] = EXIT_INIT,	   [VMEXIT_VINTR] = EXIT_WINDOW,
	[VMEXIT_RDTSC] = EXIT_RDTSC,	   [VMEXIT_RDPMC] = EXIT_RDPMC,
	[VMEXIT_CPUID] = EXIT_CPUID,	   [VMEXIT_RSM] = EXIT_UD,
	[VMEXIT_INVD] = EXIT_CACHE,	   [VMEXIT_PAUSE] = EXIT_PAUSE,
	[VMEXIT_HLT] = EXIT_HLT,	   [VMEXIT_INVLPGA] = EXIT_UD,
	[VMEXIT_SHUTDOWN] = EXIT_SHUTDOWN, [VMEXIT_FERR_FREEZE] = EXIT_UNKNOWN,
	[VMEXIT_VMRUN] = EXIT_UD,	   [VMEXIT_VMMCALL] = EXIT_HYPERCALL,
	[VMEXIT_VMLOAD] = EXIT_UD,	   [VMEXIT_VMSAVE] = EXIT_UD,
	[VMEXIT_STGI] = EXIT_UD,	   [VMEXIT_CLGI] = EXIT_UD,
	[VMEXIT_SKINIT] = EXIT_UD,	   [VMEXIT_RDTSCP] = EXIT_RDTSC,
	[VMEXIT_ICEBP] = EXIT_UNKNOWN,	   [VMEXIT_WBINVD] = EXIT_CACHE,
	[VMEXIT_MONITOR] = EXIT_UD,	   [VMEXIT_MWAIT] = EXIT_UD,
	[VMEXIT_MWAIT_ARMED] = EXIT_UD,	   [VMEXIT_XSETBV] = EXIT_XSETBV,
	[VMEXIT_RDPRU] = EXIT_UD,
};

static const uint8_t event_types[] = {
	[SVM_EVENT_INTR] = EVENT_INTERRUPT,
	[SVM_EVENT_NMI] = EVENT_NMI,
	[SVM_EVENT_EXCEPTION] = EVENT_EXCEPTION,
	[SVM_EVENT_SOFT_INTR] = EVENT_SOFT_INTERRUPT,
};

static void translate_pio(struct vm_exit *x, uint64_t info, uint64_t next_rip, uint64_t rip)
{
	x->kind = EXIT_PIO;
	x->address_space = ADDRESS_SPACE_UNKNOWN; /* only string forms are fetched */
	x->insn_len = (uint8_t)(next_rip - rip);
	x->pio.port = (uint16_t)(info >> IOIO_PORT_SHIFT);
	x->pio.size = (uint8_t)((info & IOIO_SIZE_MASK) >> IOIO_SIZE_SHIFT);
	x->pio.write = !(info & IOIO_IN);
	x->pio.string = info & IOIO_STRING;
	x->pio.rep = info & IOIO_REP;
}

static void translate_npf(struct vm_exit *x, const struct vmcb_control *c)
{
	x->kind = EXIT_MEM;
	x->mem.gpa = gpa(c->exit_info_2);
	x->mem.error = (uint32_t)c->exit_info_1;
	x->mem.walk = c->exit_info_1 & NPF_GUEST_TABLE;
	x->mem.bytes_n = c->bytes_n <= sizeof(x->mem.bytes) ? c->bytes_n : 0;
	if (x->mem.bytes_n)
		__builtin_memcpy(x->mem.bytes, c->bytes, sizeof(x->mem.bytes));
}

static void translate_cr(struct vm_exit *x, const struct vmcb_control *c)
{
	x->kind = EXIT_CR;
	x->cr.op = c->exit_code >= VMEXIT_CR0_WRITE ? CR_WRITE : CR_READ;
	x->cr.cr = c->exit_code & 0xf;
	/* Without decode assists, or for CLTS and LMSW, the instruction's bytes tell the rest. */
	x->cr.known = svm_features.decode_assists && (c->exit_info_1 & CR_INFO_MOV);
	x->cr.gpr = c->exit_info_1 & CR_INFO_GPR;
}

static void translate_dr(struct vm_exit *x, const struct vmcb_control *c)
{
	x->kind = EXIT_DR;
	x->dr.dr = c->exit_code & 0xf;
	x->dr.write = c->exit_code >= VMEXIT_DR0_WRITE;
	x->dr.known = svm_features.decode_assists;
	x->dr.gpr = c->exit_info_1 & CR_INFO_GPR;
}

static void translate_exception(struct virt_vcpu *v, const struct vmcb_control *c)
{
	struct vm_exit *x = &v->exit;
	uint8_t vector = (uint8_t)(c->exit_code - VMEXIT_EXCP0);

	if (vector == VEC_MC) {
		/* The machine's own trouble: our handler sees what the banks say. */
		__asm__ volatile("int $18");
		x->kind = EXIT_HOST_IRQ;
		svm_take_back(v);
		return;
	}
	if (vector == VEC_DB && svm_step_end(v)) {
		x->kind = EXIT_WINDOW;
		return;
	}
	x->kind = EXIT_EXCEPTION;
	x->exception.vector = vector;
	x->exception.has_error = vector == VEC_AC || vector == VEC_PF || vector == VEC_GP;
	x->exception.error = (uint32_t)c->exit_info_1;
	x->exception.address = vector == VEC_PF ? c->exit_info_2 : 0;
}

static void translate_task(struct vm_exit *x, const struct vmcb_control *c)
{
	uint64_t info = c->exit_info_2;

	x->kind = EXIT_TASK_SWITCH;
	x->task.selector = (uint16_t)c->exit_info_1;
	x->task.source = info & TASK_INFO_IRET	? TASK_IRET
			 : info & TASK_INFO_JMP ? TASK_JMP
						: TASK_CALL;
	if (c->exit_int_info & EVENT_VALID)
		x->task.source = TASK_GATE;
	x->task.has_error = info & TASK_INFO_ERROR;
	x->task.error = (uint32_t)info;
}

static void translate_rare(struct virt_vcpu *v, const struct vmcb_control *c)
{
	struct vm_exit *x = &v->exit;
	uint64_t code = c->exit_code;

	if ((uint32_t)code == VMEXIT_INVALID_LOW) {
		x->kind = EXIT_FAIL;
		svm_explain_invalid(v);
	} else if (code < VMEXIT_DR0_READ) {
		translate_cr(x, c);
	} else if (code < VMEXIT_EXCP0) {
		translate_dr(x, c);
	} else if (code < VMEXIT_INTR) {
		translate_exception(v, c);
	} else if (code == VMEXIT_TASK_SWITCH) {
		translate_task(x, c);
	} else if (code == VMEXIT_NMI || code == VMEXIT_SMI) {
		x->kind = EXIT_HOST_IRQ;
		svm_take_back(v);
	} else if (code == VMEXIT_IRET) {
		svm_iret(v);
		x->kind = EXIT_HOST_IRQ; /* nothing that the shared code need know */
	} else if (code < ARRAY_SIZE(plain_exits) && plain_exits[code]) {
		x->kind = plain_exits[code];
	} else {
		x->kind = EXIT_UNKNOWN;
	}
}

static void keep_raw(struct vm_exit *x, const struct vmcb_control *c)
{
	x->raw[0] = c->exit_code;
	x->raw[1] = c->exit_info_1;
	x->raw[2] = c->exit_info_2;
	x->raw[3] = c->exit_int_info;
}

/*
 * An event whose delivery ended in this exit has not happened: it is to be injected again. INT n,
 * INT3 and INTO are not: RIP is still at the instruction, which runs again.
 */
static void keep_delivering(struct vm_exit *x, uint64_t info)
{
	unsigned type = (info & EVENT_TYPE_MASK) >> EVENT_TYPE_SHIFT, vector = info & EVENT_VECTOR;

	/* QEMU's word for a virtual interrupt whose delivery faulted. */
	if (type == SVM_EVENT_EXCEPTION && vector >= VECTOR_FIRST_IRQ)
		type = SVM_EVENT_INTR;
	if (type == SVM_EVENT_SOFT_INTR ||
	    (type == SVM_EVENT_EXCEPTION && (vector == VEC_BP || vector == VEC_OF)))
		return;
	x->delivering = (struct vm_event){
		.type = event_types[type],
		.vector = (uint8_t)vector,
		.has_error = info & EVENT_ERROR,
		.error = (uint32_t)(info >> 32),
	};
	x->kind |= EXIT_DELIVERING;
}

/* For fetch.c: without a next RIP nearly every exit needs its instruction. */
static always_inline void note_address_space(struct vm_exit *x, const struct vmcb_save *s)
{
	bool is_64bit = (s->efer & EFER_LMA) && (s->cs.attr & ATTR_PACKED_L);

	x->address_space = is_64bit ? s->cr3 : ADDRESS_SPACE_UNKNOWN;
}

static always_inline void translate(struct virt_vcpu *v, const struct vmcb *b)
{
	const struct vmcb_control *c = &b->control;
	struct vm_exit *x = &v->exit;

	x->shadow = c->interrupt_shadow & INTERRUPT_SHADOW;
	x->insn_len = svm_features.next_rip ? (uint8_t)(c->next_rip - b->save.rip) : 0;
	if (c->exit_code == VMEXIT_IOIO) {
		translate_pio(x, c->exit_info_1, c->exit_info_2, b->save.rip);
		return;
	}
	note_address_space(x, &b->save);
	/* Each start of a program that uses libc makes dozens of these. */
	if (c->exit_code == VMEXIT_CPUID) {
		x->kind = EXIT_CPUID;
		return;
	}
	switch (c->exit_code) {
	case VMEXIT_INTR:
		x->kind = EXIT_HOST_IRQ;
		svm_take_back(v);
		break;
	case VMEXIT_HLT: x->kind = EXIT_HLT; break;
	case VMEXIT_MSR: x->kind = c->exit_info_1 ? EXIT_WRMSR : EXIT_RDMSR; break;
	case VMEXIT_NPF: translate_npf(x, c); break;
	default: translate_rare(v, c); break;
	}
	if (x->kind == EXIT_UNKNOWN || x->kind == EXIT_FAIL)
		keep_raw(x, c);
}

/* The guest's turn. What is needed of the other registers the compiler saves, once. */
static always_inline void enter(struct virt_vcpu *v, const struct svm_vcpu *s)
{
	uint64_t *gpr = v->gpr, vmcb = s->vmcb_pa.raw, host = s->host_state.raw;

	__asm__ volatile("call svm_enter"
			 : "+D"(gpr), "+S"(vmcb), "+d"(host)
			 :
			 : "rax", "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
			   "r15", "cc", "memory");
}

/* The same, when an event was being delivered: out of line, since it is rare. */
static __attribute__((noinline)) void translate_delivering(struct virt_vcpu *v,
							   const struct vmcb *b)
{
	translate(v, b);
	keep_delivering(&v->exit, b->control.exit_int_info);
	svm_take_back(v);
}

void svm_run(struct virt_vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);
	struct vmcb *b = s->vmcb;

	b->save.rax = v->gpr[RAX];
	b->save.rsp = v->gpr[RSP];
	b->save.rip = v->rip;
	b->save.rflags = v->rflags;
	b->control.interrupt_shadow = v->exit.shadow;
	enter(v, s);
	b = vmcb_of(v);
	b->control.tlb_control = TLB_KEEP;
	b->control.clean = CLEAN_ALL;
	v->gpr[RAX] = b->save.rax;
	v->gpr[RSP] = b->save.rsp;
	v->rip = b->save.rip;
	v->rflags = b->save.rflags;
	if (unlikely(b->control.exit_int_info & EVENT_VALID))
		translate_delivering(v, b);
	else
		translate(v, b);
}

/* SPDX-License-Identifier: MIT */
/* A virtual CPU: a thread whose body is the loop deliver events → run → handle. */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include "arch/x86_64/asm.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/virt/virt.h"
#include "vmm/dev/vlapic.h"
#include "vmm/dump.h"
#include "vmm/fetch.h"
#include "vmm/gwalk.h"
#include "vmm/msr.h"

struct vm;
struct thread;

/* What others may ask of a vCPU: bits of vcpu.requests, set with vcpu_request() from anywhere. */
enum vcpu_request {
	REQUEST_IRQ = 1, /* look at the interrupt controllers */
	REQUEST_NMI = 2,
	REQUEST_RESET = 4, /* the machine is to be reset */
	REQUEST_STOP = 8,  /* leave the loop */
	REQUEST_LOOK = 16, /* its own: something is to be decided before the next entry */
	REQUEST_INIT = 32, /* an INIT came in; of the boot CPU it resets the machine */
	REQUEST_SIPI = 64, /* a start-up IPI came in: lapic.sipi_vector */
};

struct vcpu {
	struct virt_vcpu hw; /* first: registers and the exit, neutral */
	struct vm *vm;
	unsigned id; /* also the APIC ID */
	struct thread *thread;
	struct vlapic lapic;
	uint32_t requests;
	uint64_t tsc_offset; /* what the guest's TSC is ahead of the host's */
	bool halted;	     /* in HLT; a wake-up moves on */
	bool nmi_pending;    /* (v) */
	bool irq_wanted; /* (v) an interrupt may be pending: not judged, or not deliverable, yet */
	struct bus_access access; /* (v) the one that this exit makes */
	struct vm_event
		pending; /* an exception or re-injection to be delivered at the next entry */
	/* By kind; those with EXIT_DELIVERING are counted once more as what they are. */
	uint64_t counts[EXIT_DELIVERING + EXIT_KINDS];
	struct dump_exits last; /* (v) */
	struct vmsr msr;
	struct fpu fpu;
	struct fetch fetch;
};

/* A vCPU of vm's, after reset; its thread is not made yet. NULL: no memory. */
must_check struct vcpu *vcpu_create(struct vm *vm, unsigned id);
void vcpu_destroy(struct vcpu *v);
/* The CPU's RESET; then its registers as a loader wants them. */
void vcpu_reset(struct vcpu *v);
struct load_regs;
void vcpu_set_regs(struct vcpu *v, const struct load_regs *r);
/* The body of its thread: the loop, until the VM ends. */
void vcpu_loop(void *vcpu);

/* Sets request bits and makes the vCPU see them soon: wakes it from HLT, or interrupts its CPU. */
void vcpu_request(struct vcpu *v, unsigned requests);
/* By its own thread: the way back into the guest is not the plain one. */
static inline void vcpu_attend(struct vcpu *v)
{
	__atomic_fetch_or(&v->requests, REQUEST_LOOK, __ATOMIC_RELAXED);
}

static inline void vcpu_kick(struct vcpu *v)
{
	vcpu_request(v, REQUEST_IRQ);
}

/*
 * Has the guest take an exception at the next entry (SDM 3, "Interrupt and Exception Handling": #DF
 * rules apply).
 */
void vcpu_raise(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error);
void vcpu_raise_gp(struct vcpu *v);
void vcpu_raise_ud(struct vcpu *v);
void vcpu_raise_pf(struct vcpu *v, const struct gwalk_fault *fault);

/* By its own thread: lets other threads run. */
void vcpu_yield(struct vcpu *v);
/* The end of an instruction with TF set: #DB, with DR6.BS. */
void vcpu_raise_step(struct vcpu *v);
/* What was being delivered when the exit came is delivered at the next entry. */
void vcpu_redeliver(struct vcpu *v, const struct vm_event *e);
/* The local APIC by MMIO and MSR, kept in step with the hardware's copy of TPR. */
void vcpu_lapic_access(struct vcpu *v, struct bus_access *a);
must_check int vcpu_lapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
must_check int vcpu_lapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
/* Moves the guest's TSC by so many ticks. */
void vcpu_move_tsc(struct vcpu *v, uint64_t by);
/* The guest's TSC now. */
uint64_t vcpu_tsc(struct vcpu *v);
unsigned vcpu_cpl(struct vcpu *v);
bool vcpu_is_64bit(struct vcpu *v);
void vcpu_walk_mode(const struct vcpu *v, const struct virt_context *c, struct gwalk_mode *mode);
enum insn_mode vcpu_insn_mode(const struct vcpu *v, const struct virt_context *c);

#endif

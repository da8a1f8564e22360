/* SPDX-License-Identifier: MIT */
/* A virtual CPU: a thread whose body is the loop deliver events → run → handle. */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include "arch/x86_64/virt/virt.h"
#include "vmm/dev/vlapic.h"
#include "vmm/gwalk.h"
#include "vmm/insn/insn.h"

struct vm;
struct thread;

/* What others may ask of a vCPU: bits of vcpu.requests, set with vcpu_request() from anywhere. */
enum vcpu_request {
	REQUEST_IRQ = 1,   /* look at the interrupt controllers */
	REQUEST_NMI = 2,
	REQUEST_RESET = 4, /* the machine is to be reset */
	REQUEST_STOP = 8,  /* leave the loop */
	REQUEST_FLUSH = 16,
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
	bool halted;		 /* in HLT; a wake-up moves on */
	struct vm_event pending; /* an exception or re-injection to be delivered at the next entry */
	uint64_t counts[EXIT_KINDS];
	uint64_t msr_tsc_adjust, msr_misc_enable, msr_tsc_aux;
};

/* Sets request bits and makes the vCPU see them soon: wakes it from HLT, or interrupts its CPU. */
void vcpu_request(struct vcpu *v, unsigned requests);
static inline void vcpu_kick(struct vcpu *v)
{
	vcpu_request(v, REQUEST_IRQ);
}

/* Has the guest take an exception at the next entry (SDM 3, "Interrupt and Exception Handling": #DF rules apply). */
void vcpu_raise(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error);
void vcpu_raise_gp(struct vcpu *v);
void vcpu_raise_ud(struct vcpu *v);
void vcpu_raise_pf(struct vcpu *v, const struct gwalk_fault *fault);

/* The guest's TSC now. */
uint64_t vcpu_tsc(struct vcpu *v);
unsigned vcpu_cpl(struct vcpu *v);
void vcpu_walk_mode(struct vcpu *v, struct gwalk_mode *mode);
enum insn_mode vcpu_insn_mode(struct vcpu *v);

#endif

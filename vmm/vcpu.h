/* SPDX-License-Identifier: MIT */
/* A virtual CPU: a thread whose body is the loop deliver events → run → handle. */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include "arch/x86_64/asm.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/virt/virt.h"
#include "core/sched.h"
#include "vmm/dev/vlapic.h"
#include "vmm/dump.h"
#include "vmm/fetch.h"
#include "vmm/gwalk.h"
#include "vmm/msr.h"
#include "vmm/pv.h"
#include "vmm/top.h"

struct vm;
struct thread;

/* What others may ask of a vCPU: bits of vcpu.requests, set with vcpu_request() from anywhere. */
enum vcpu_request {
	REQUEST_IRQ = 1, /* look at the interrupt controllers */
	REQUEST_NMI = 2,
	REQUEST_RESET = 4,   /* the machine is to be reset */
	REQUEST_STOP = 8,    /* leave the loop */
	REQUEST_LOOK = 16,   /* its own: something is to be decided before the next entry */
	REQUEST_INIT = 32,   /* an INIT came in; of the boot CPU it resets the machine */
	REQUEST_SIPI = 64,   /* a start-up IPI came in; its vector is in the top bits */
	REQUEST_FLUSH = 128, /* the nested tables have lost mappings */
	/* a kick by hypercall: HLT ends, with interrupts off too */
	REQUEST_UNHALT = 256,
	REQUEST_PAUSE = 512,  /* stand still until vm_resume() */
	REQUEST_TIMER = 1024, /* arm timers that have lapsed */
	REQUEST_SIPI_VECTOR_SHIFT = 24,
};

/*
 * Locks: (v) its own thread only, and whoever resets the machine while that is parked; (a) atomic,
 * from anywhere; (c) constant; (D) vm->lock.
 */
struct vcpu {
	struct virt_vcpu hw; /* (v) first: registers and the exit, neutral */
	struct vm *vm;	     /* (c) */
	unsigned id;	     /* (c) also the APIC ID */
	/* (a) NULL before it runs, and, with (D), when nobody asks anything of it any more */
	struct thread *thread;
	struct vlapic lapic; /* has locks of its own */
	uint32_t requests;   /* (a) enum vcpu_request */
	bool waits;	     /* (a) in vm_flush_nested() */
	uint64_t tsc_offset; /* (v) what the guest's TSC is ahead of the host's */
	bool halted;	     /* (v) in HLT; a wake-up moves on. Others read it, too */
	bool waits_for_sipi; /* (v) after RESET and INIT, but for the boot CPU */
	bool nmi_pending;    /* (v) */
	bool irq_wanted; /* (v) an interrupt may be pending: not judged, or not deliverable, yet */
	struct bus_access access; /* (v) the one that this exit makes */
	struct vm_event
		pending; /* an exception or re-injection to be delivered at the next entry */
	/* By kind; those with EXIT_DELIVERING are counted once more as what they are. */
	uint64_t counts[EXIT_DELIVERING + EXIT_KINDS];
	struct dump_exits last; /* (v) */
	struct vmsr msr;
	struct vpv pv;			    /* (v) */
	struct top_look looks[REPLY_LINES]; /* (D) */
	struct fpu fpu;
	struct fetch fetch;
	struct cpuid_regs cpuid_own; /* (v) an answer that is in no table */
	struct thread_times times;   /* (v) of its thread, when that has ended */
};

/* A vCPU of vm's, after reset; its thread is not made yet. NULL: no memory. */
must_check struct vcpu *vcpu_create(struct vm *vm, unsigned id);
void vcpu_destroy(struct vcpu *v);
/* The CPU's RESET; then its registers as a loader wants them. vcpu_reset.c */
void vcpu_reset(struct vcpu *v);
struct load_regs;
void vcpu_set_regs(struct vcpu *v, const struct load_regs *r);
/* What an INIT does to another than the boot CPU, and a SIPI, which is ignored unless waited for.
 */
void vcpu_take_init(struct vcpu *v);
void vcpu_take_sipi(struct vcpu *v, uint8_t vector);
/* Takes its registers off the CPU that calls, if they are there. */
void vcpu_unload(struct vcpu *v);
/* In its thread's work that takes long: sched_breathe(), with its registers on the CPU after it. */
void vcpu_breathe(struct vcpu *v);
/* What its thread does, v->thread, which is set before the first look at requests: until the VM
 * ends. */
void vcpu_loop(struct vcpu *v);

/*
 * Sets request bits and makes the vCPU see them soon: wakes it from HLT, or has it leave the guest.
 * An INIT takes back a SIPI that came before it; of SIPIs, the first one counts.
 */
void vcpu_request(struct vcpu *v, unsigned requests);
static inline void vcpu_request_sipi(struct vcpu *v, uint8_t vector)
{
	vcpu_request(v, REQUEST_SIPI | (unsigned)vector << REQUEST_SIPI_VECTOR_SHIFT);
}
/* The vCPU whose thread runs on this CPU, be it in an interrupt; NULL: the thread is no vCPU's. */
struct vcpu *vcpu_self(void);
/* Whether v may be in the guest on another CPU than the caller's; asked after a vcpu_request(). */
bool vcpu_may_be_inside(const struct vcpu *v);
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

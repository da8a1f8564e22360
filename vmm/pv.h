/* SPDX-License-Identifier: MIT */
/*
 * The paravirtual clock and its kin, by KVM's interface, which Linux knows without a driver: the
 * clock, steal time, EOIs without an exit, kicks, IPIs and TLB flushes by hypercall.
 * docs/paravirtual.md tells what each is for.
 *
 * The one idea: a guest names addresses by MSRs; each use looks the address up in gmem anew, so
 * nothing that a guest names can be stale or out of its memory.
 */
#ifndef VMM_PV_H
#define VMM_PV_H

#include "lib/ratio.h"
#include "vmm/pv_abi.h"

struct vcpu;
struct vm;

/* A vCPU's part; the vCPU's own thread only, but where a function says otherwise. */
struct vpv {
	uint64_t time_msr, steal_msr, eoi_msr; /* as the guest wrote them */
	uint64_t stolen;		       /* of vcpu_stolen_ns(), what steal time has told */
	bool away;	  /* its thread gave way; what follows from that is to be done */
	bool eoi_offered; /* the vector in service may be ended by the guest's byte */
	bool unhalted;	  /* kicked: this HLT ends, or the next */
};

/* What a RESET and an INIT do: nothing is registered any more. */
void pv_reset(struct vcpu *v);

/* The MSRs of enum kvm_msr. 0, or -EINVAL: #GP. */
must_check int pv_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
must_check int pv_msr_write(struct vcpu *v, uint32_t msr, uint64_t value);

/* pv_clock.c */
/* The guest's TSC was moved: the clock goes on as before. */
void pv_clock_tsc_moved(struct vcpu *v);
/* Writes the time anew. */
void pv_clock_write(struct vcpu *v);
void pv_clock_write_wall(struct vm *vm, uint64_t addr);
/* The pure part: what a nanosecond is in ticks, as pvclock wants it. hz ≥ 1 MHz. */
void pv_clock_scale(uint64_t hz, uint32_t *mul, int8_t *shift);

/* pv_steal.c */
/* Nanoseconds that v's thread was ready and did not run, so far. */
uint64_t vcpu_stolen_ns(const struct vcpu *v);
must_check int pv_steal_register(struct vcpu *v, uint64_t value);
/* Around the time that v's thread gives way; after it, with v's registers on the CPU. */
void pv_leave(struct vcpu *v);
void pv_return(struct vcpu *v);

/* pv_eoi.c */
must_check int pv_eoi_register(struct vcpu *v, uint64_t value);
/* An interrupt is about to be injected: its EOI may need no exit. */
void pv_eoi_offer(struct vcpu *v);
/* Takes the offer back, and does the EOI if the guest used it: before anyone looks at ISR. */
void pv_eoi_sync(struct vcpu *v);

#endif

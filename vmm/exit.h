/* SPDX-License-Identifier: MIT */
/* What the files that handle exits share. Each handler leaves the vCPU ready to go on, or stops its VM. */
#ifndef VMM_EXIT_H
#define VMM_EXIT_H

#include "vmm/vcpu.h"

/* Handles v->hw.exit. */
void exit_handle(struct vcpu *v);

void exit_cpuid(struct vcpu *v);
void exit_rdmsr(struct vcpu *v);
void exit_wrmsr(struct vcpu *v);
void exit_pio(struct vcpu *v);
void exit_mem(struct vcpu *v);
void exit_cr(struct vcpu *v);
void exit_dr(struct vcpu *v);
void exit_xsetbv(struct vcpu *v);
void exit_task_switch(struct vcpu *v);

/*
 * Moves RIP past the instruction that exited, whose length the hardware gave or its bytes tell, and
 * does what the end of an instruction does: the interrupt shadow ends, TF traps.
 */
void exit_skip(struct vcpu *v);

/*
 * Fetches and decodes the instruction at RIP. 0; or -EFAULT: an exception is pending for the guest,
 * or the VM has been stopped, and the handler is to return.
 */
must_check int exit_decode(struct vcpu *v, struct insn *in);
/* Executes in against guest memory and the buses. */
void exit_execute(struct vcpu *v, const struct insn *in);

#endif

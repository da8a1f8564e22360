/* SPDX-License-Identifier: MIT */
/*
 * What the files that handle exits share. Each handler leaves the vCPU ready to go on, or stops its
 * VM.
 */
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
void exit_hypercall(struct vcpu *v);

/*
 * Moves RIP past the instruction that exited, whose length the hardware gave or its bytes tell, and
 * does what the end of an instruction does: the interrupt shadow ends, TF traps.
 */
void exit_skip(struct vcpu *v);

/* An access within one page to what is not memory. */
void exit_bus_access(struct vcpu *v, gpa_t at, struct bus_access *a);
/* Executes in against guest memory and the buses. */
void exit_execute(struct vcpu *v, const struct insn *in);

#endif

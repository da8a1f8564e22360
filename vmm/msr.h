/* SPDX-License-Identifier: MIT */
/* A guest's model-specific registers: one table says for each what reading and writing it do. */
#ifndef VMM_MSR_H
#define VMM_MSR_H

#include "lib/types.h"

struct vcpu;
struct vm;

enum {
	VMSR_VARIABLE_MTRRS = 8,
	VMSR_FIXED_MTRRS = 11,
	VMSR_MC_BANKS = 10,
	VMSR_LOGGED = 64,
	VMSR_HINTS = 16
};

struct msr_range;

/*
 * Those that are only remembered: they have no effect on a machine whose memory types Plinth sets.
 */
struct vmsr {
	uint64_t mtrr_def_type, mtrr_fixed[VMSR_FIXED_MTRRS],
		mtrr_variable[VMSR_VARIABLE_MTRRS * 2];
	uint64_t mcg_status, mcg_ctl, mc[VMSR_MC_BANKS * 4];
	uint64_t misc_enable, tsc_adjust, de_cfg, hwcr;
	const struct msr_range *hints[VMSR_HINTS]; /* exit_msr.c's; not state */
	/* MSRs that were unknown and have been logged. */
	uint32_t logged[VMSR_LOGGED];
	unsigned logged_count;
};

/* What firmware leaves in them. */
void msr_reset(struct vcpu *v);
/* Opens the MSRs that need no exit. */
void msr_pass(struct vm *vm);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * top: what the guests and the physical CPUs did between two looks. What a vCPU had done at the
 * last look stands in the vCPU itself: a new one begins at 0, and with one that goes it is gone.
 */
#ifndef VMM_TOP_H
#define VMM_TOP_H

#include "arch/x86_64/virt/virt.h"
#include "core/shell.h"

/* Between two looks: percent of one physical CPU, and exits in a second. */
struct top_rates {
	unsigned run, steal, wait;
	uint64_t exits;
};

/* At the last look; rates: between that and the one before. */
struct top_look {
	uint64_t run, steal, wait; /* ns */
	uint64_t counts[EXIT_KINDS];
	struct top_rates rates;
};

struct vcpu;

/* Brings v's look for this line up to date, and adds its exits in a second to kinds. vm->lock. */
void top_look(struct vcpu *v, unsigned line, uint64_t kinds[EXIT_KINDS]);

extern const struct shell_table top_commands;

#endif

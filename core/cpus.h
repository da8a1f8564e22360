/* SPDX-License-Identifier: MIT */
/* What the machine's processors do, and the command that says so. */
#ifndef CORE_CPUS_H
#define CORE_CPUS_H

#include "arch/x86_64/cpu.h"
#include "core/sched.h"
#include "core/shell.h"

/* What was read the last time. Each who looks has one of his own, at first zeroed. */
struct cpus_look {
	struct {
		uint64_t at, idle; /* ns */
	} cpus[CPUS_MAX];
};

/* How busy CPU n was since the look before, in percent (at first: since Plinth's start); and now.
 */
unsigned cpus_busy(struct cpus_look *look, unsigned n, struct sched_view *now);

extern const struct shell_table cpus_commands;

#endif

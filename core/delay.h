/* SPDX-License-Identifier: MIT */
/* How long a CPU's timer interrupt had to wait at most, and who ran then. */
#ifndef CORE_DELAY_H
#define CORE_DELAY_H

#include "lib/types.h"

struct cpu;

/* By core/timer.c, with interrupts off: on CPU c it came in so many ticks after its time. */
void delay_note(const struct cpu *c, uint64_t ticks);
/* What was before does not count: the boot is over. */
void delays_forget(void);
/* The worst of each CPU, into the log, and how many interrupts came to it. */
void delays_tell(void);

#endif

/* SPDX-License-Identifier: MIT */
/* A physical CPU for this_cpu() (tests/fake/cpu.c): GS is free in a program, so it is found there.
 */
#ifndef FAKE_CPU_H
#define FAKE_CPU_H

#include "arch/x86_64/cpu.h"

/* What this_cpu() gives from now on. */
void fake_cpu_use(struct cpu *c);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Instructions that may fault, and say so by a return value: MSRs that may not exist, VM entries.
 */
#ifndef ARCH_FIXUP_H
#define ARCH_FIXUP_H

#include "lib/types.h"

struct trap_frame;

/* If f's instruction has a fix-up, moves RIP there. */
bool fixup_apply(struct trap_frame *f);

/* 0, or -EIO when the CPU answered with #GP. */
int rdmsr_safe(uint32_t msr, uint64_t *value);
int xsetbv_safe(uint64_t value);

#endif

/* SPDX-License-Identifier: MIT */
/* All the processors: the first one starts the others, one after the other. */
#ifndef BOOT_SMP_H
#define BOOT_SMP_H

#include "arch/x86_64/cpu.h"
#include "boot/boot_info.h"

/* Stacks for NMI, #DF and #MC. 0, -ENOMEM (then c has none). */
must_check int smp_alloc_stacks(struct cpu *c);
/*
 * Starts every CPU that firmware has named, up to CPUS_MAX. One that does not come, or cannot run
 * guests, is named in the log and left out. After virt_init(), with threads and timers at work.
 */
void smp_start(const struct boot_info *info);

#endif

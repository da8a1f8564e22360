/* SPDX-License-Identifier: MIT */
/* What is said of a vCPU whose guest has crashed. */
#ifndef VMM_DUMP_H
#define VMM_DUMP_H

#include "lib/types.h"

struct vcpu;

/* How many of the last exits are kept: as many as next counts without a check; and printed. */
enum { DUMP_EXITS_KEPT = 256, DUMP_EXITS = 16 };

/* The exits that a vCPU has made last, the newest at next - 1. */
struct dump_exits {
	uint64_t rip[DUMP_EXITS_KEPT];
	uint8_t kind[DUMP_EXITS_KEPT]; /* as vm_exit.kind */
	uint8_t next;
};

/*
 * Logs its registers, its last exits, the bytes at RIP and who may have called whom; `when` says
 * what has happened to it. By its own thread, which holds no lock: others run meanwhile. Whatever
 * the guest's page tables say, nothing but the log comes of it.
 */
void dump_vcpu(struct vcpu *v, const char *when);

#endif

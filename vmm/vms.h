/* SPDX-License-Identifier: MIT */
/* All VMs that there are. Who looks at one holds it, so that it is not destroyed meanwhile. */
#ifndef VMM_VMS_H
#define VMM_VMS_H

#include "core/sched.h"
#include "core/shell.h"

struct vm;

/* 0; -EEXIST: there is one of that name. vms_remove() waits until nobody holds it. */
must_check int vms_add(struct vm *vm);
void vms_remove(struct vm *vm);

/* By name, held until vm_put(); NULL: there is none. */
struct vm *vm_find(const char *name);
/* For a walk over all: NULL begins it and ends it; each is held until the next call. */
struct vm *vm_next(struct vm *vm);
void vm_put(struct vm *vm);

/* The n-th VM's name, for completion. */
bool vms_complete(unsigned argument, unsigned n, char word[SHELL_CANDIDATE]);
/* As vm_find(); where there is none, r gets the error that says which there are. */
struct vm *vms_find_for(struct reply *r, const char *name);

/* One vCPU at a moment. */
struct vcpu_glimpse {
	bool is_there, halted, waits;
	unsigned cpu;
	uint64_t exits;
	struct thread_times times;
};
/* False: there is no such vCPU (any more). */
bool vms_glimpse(struct vm *vm, unsigned i, struct vcpu_glimpse *g);
const char *vms_glimpse_state(const struct vcpu_glimpse *g);

/* Logs why its vCPUs have left the guest, and how often. */
void vms_print_exits(struct vm *vm);

extern const struct shell_table vms_commands;

#endif

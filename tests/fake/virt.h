/* SPDX-License-Identifier: MIT */
/*
 * A backend without hardware (tests/fake/virt.c): registers are words that it keeps, and what the
 * shared code asks of it is written down. run() does what the test's script says.
 */
#ifndef FAKE_VIRT_H
#define FAKE_VIRT_H

#include "arch/x86_64/virt/virt.h"

enum { FAKE_PASSES = 64, FAKE_EVENTS = 64 };

struct fake_virt {
	uint64_t regs[VREGS];
	struct segment segments[VSEGS];
	/* inject(): the event of the next entry, and all that were asked for since the last clear
	 */
	struct vm_event event;
	struct vm_event events[FAKE_EVENTS];
	unsigned events_n;
	unsigned windows; /* of the last want_window() */
	unsigned asked;	  /* calls of want_window() */
	unsigned runs, resets, loads, puts, dumps, sets;
	bool loaded;
	/* What one turn of the guest does; it fills v->exit. */
	void (*script)(struct virt_vcpu *v, void *arg);
	void *arg;
};

/* What was passed to a VM's guest, in the order of the calls. */
struct fake_pass {
	uint32_t number;
	enum virt_pass pass;
	bool is_msr;
};

extern struct fake_pass fake_passes[FAKE_PASSES];
extern unsigned fake_passes_n;
/* VMs and vCPUs that were made and not yet undone. */
extern unsigned fake_virt_vms, fake_virt_vcpus;
/* Of the functions that may fail, so many more succeed; negative: all. */
void fake_virt_fail_after(int n);

/* Gives v a backend's half in the state after RESET; fake_virt_detach() frees it. */
struct fake_virt *fake_virt_attach(struct virt_vcpu *v);
void fake_virt_detach(struct virt_vcpu *v);

static inline struct fake_virt *fake_virt_of(struct virt_vcpu *v)
{
	return v->vendor;
}

/* The modes of a guest: paging is off but in the last, where CR3 is the test's. */
enum fake_mode { FAKE_REAL, FAKE_PROTECTED, FAKE_LONG };
void fake_virt_mode(struct virt_vcpu *v, enum fake_mode mode, unsigned cpl);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The instruction at which a guest exited. Two things are remembered: where a page of code is, with
 * the page-table entries that say so; and what 16 bytes decode to. The entries and the bytes are
 * compared each time, so that a guest that changes either is never seen wrong. That it may execute
 * there the CPU has just shown, so no rights are compared. A fifth of a walk and a decoding.
 */
#ifndef VMM_FETCH_H
#define VMM_FETCH_H

#include "arch/x86_64/virt/virt.h"
#include "vmm/insn/insn.h"

struct vcpu;

/* FETCH_BYTES: what a memo gives at once; an instruction has at most 15. */
enum { FETCH_PAGES = 16, FETCH_INSN_BITS = 6, FETCH_LEVELS = 4, FETCH_BYTES = 16 };

/*
 * A page of code, in 64-bit mode and 4-level paging, as its last place from which FETCH_BYTES lie
 * within it: so one subtraction tells whether RIP is in the page, and early enough.
 */
struct fetch_page {
	uint64_t last, cr3; /* cr3: or FETCH_EMPTY */
	const uint64_t
		*entry[FETCH_LEVELS]; /* a large page's entry stands for the levels below, too */
	uint64_t value[FETCH_LEVELS];
	uint64_t to_host; /* what makes a linear address in it a host's */
} aligned(128);		  /* a shift finds it */

/* No address space: CR3 has at most 52 bits. */
#define FETCH_EMPTY (UINT64_MAX - 1)

/* What these bytes mean in 64-bit mode. */
struct fetch_decoded {
	uint64_t low, high;
	struct insn in; /* length 0: an empty memo */
};

struct fetch {
	struct fetch_page pages[FETCH_PAGES];
	struct fetch_decoded decoded[1 << FETCH_INSN_BITS];
	struct insn in; /* where there is no memo */
};

/* Nothing is remembered. */
void fetch_init(struct fetch *f);

/*
 * Decodes the instruction at RIP; the result is valid until the next call, and v->hw.exit.insn_len
 * is set. NULL: an exception is pending for the guest, or its VM has been stopped.
 */
must_check const struct insn *fetch_insn(struct vcpu *v);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The instruction at which a guest exited. The last few are remembered, with the page-table entries
 * and the bytes that they were found by; all of these are compared before a memo is used, so that a
 * guest that changes either is never seen wrong. That the guest may execute there the CPU has just
 * shown, so no rights are compared. It costs a fifth of a walk and a decoding.
 */
#ifndef VMM_FETCH_H
#define VMM_FETCH_H

#include "arch/x86_64/virt/virt.h"
#include "vmm/insn/insn.h"

struct vcpu;

enum { FETCH_MEMO_BITS = 6, FETCH_LEVELS = 4 };

struct fetch_memo {
	uint64_t rip, cr3;
	const uint64_t *entry[FETCH_LEVELS]; /* a large page's entry stands for the levels below, too */
	uint64_t value[FETCH_LEVELS];
	const uint64_t *bytes; /* host virtual; NULL: an empty memo */
	uint64_t low, high;    /* 16 bytes from there, at least the instruction's */
	struct insn in;
};

struct fetch {
	struct fetch_memo memos[1 << FETCH_MEMO_BITS];
	struct insn in; /* where there is no memo */
};

/*
 * Decodes the instruction at RIP; the result is valid until the next call, and v->hw.exit.insn_len
 * is set. NULL: an exception is pending for the guest, or its VM has been stopped.
 */
must_check const struct insn *fetch_insn(struct vcpu *v);

#endif

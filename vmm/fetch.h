/* SPDX-License-Identifier: MIT */
/*
 * The instruction at which a guest exited. The last few are remembered, with the page-table entries
 * and the bytes that they were found by; all of these are compared before a memory is used, so that a
 * guest that changes either is never seen wrong. It costs a fourth of a walk and a decoding.
 */
#ifndef VMM_FETCH_H
#define VMM_FETCH_H

#include "arch/x86_64/virt/virt.h"
#include "vmm/insn/insn.h"

struct vcpu;

enum { FETCH_MEMOS = 16, FETCH_LEVELS = 4 };

struct fetch_memo {
	uint64_t rip;
	struct virt_context context;
	const uint64_t *entry[FETCH_LEVELS]; /* a large page's entry stands for the levels below, too */
	uint64_t value[FETCH_LEVELS];
	const uint64_t *bytes; /* host virtual; NULL: an empty memo */
	uint64_t low, high;    /* 16 bytes from there, at least the instruction's */
	struct insn in;
};

struct fetch {
	struct fetch_memo memos[FETCH_MEMOS];
	struct insn in; /* where there is no memo */
	enum insn_mode mode; /* of the last fetch_insn() */
	struct virt_context context; /* likewise */
};

/*
 * Decodes the instruction at RIP; the result is valid until the next call, and v->hw.exit.insn_len
 * is set. NULL: an exception is pending for the guest, or its VM has been stopped.
 */
must_check const struct insn *fetch_insn(struct vcpu *v);

#endif

/* SPDX-License-Identifier: MIT */
/* The way of most exits past their instruction, in line: it is in its page's memo (fetch.h). */
#ifndef VMM_RECALL_H
#define VMM_RECALL_H

#include "arch/x86_64/cr.h"
#include "vmm/exit.h"

/* Instructions that always exit, as they stand in memory (SDM 2). */
enum {
	OPCODE_CPUID = 0xa20f,
	OPCODE_RDMSR = 0x320f,
	OPCODE_WRMSR = 0x300f,
	OPCODE_HLT = 0xf4,
};

/* How many bytes a memo gives at once: an instruction has at most 15. */
enum { FETCH_BYTES = 16 };

static always_inline struct fetch_page *fetch_page_memo(struct vcpu *v)
{
	return &v->fetch.pages[v->hw.rip / PAGE_SIZE % FETCH_PAGES];
}

/*
 * The FETCH_BYTES bytes at RIP, by the memo of their page: NULL when it is of another page or
 * address space, when an entry that it was made from has changed, or when they cross the page's
 * end.
 */
static always_inline const uint8_t *fetch_recall(struct vcpu *v)
{
	const struct fetch_page *m = fetch_page_memo(v);
	uint64_t rip = v->hw.rip, offset = rip & PAGE_MASK;

	if (m->page != (rip | PAGE_MASK) || m->cr3 != v->hw.exit.address_space ||
	    offset > PAGE_SIZE - FETCH_BYTES || *m->entry[0] != m->value[0] ||
	    *m->entry[1] != m->value[1] || *m->entry[2] != m->value[2] ||
	    *m->entry[3] != m->value[3])
		return NULL;
	return m->host + offset;
}

/* exit_skip_opcode() where no memo has the page yet, or there is more to do. fetch.c */
void fetch_skip_opcode(struct vcpu *v, uint32_t opcode, unsigned len);

static always_inline bool fetch_is(const uint8_t *bytes, uint32_t opcode, unsigned len)
{
	uint32_t found;

	__builtin_memcpy(&found, bytes, sizeof(found));
	return (found ^ opcode) << (32 - 8 * len) == 0;
}

/*
 * exit_skip() for an exit that only one instruction makes: opcode, its len bytes without prefixes,
 * in memory's order from the low byte on. Where the hardware does not tell the length, seeing these
 * bytes is all the decoding there is. What a memo tells is in 64-bit mode: RIP does not wrap.
 */
static always_inline void exit_skip_opcode(struct vcpu *v, uint32_t opcode, unsigned len)
{
	const uint8_t *bytes = v->hw.exit.insn_len ? NULL : fetch_recall(v);

	if (unlikely(!bytes || !fetch_is(bytes, opcode, len) || (v->hw.rflags & RFLAGS_TF))) {
		fetch_skip_opcode(v, opcode, len);
		return;
	}
	v->hw.rip += len;
	v->hw.exit.shadow = 0;
}

#endif

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
	OPCODE_PAUSE = 0x90f3,
};

/* How many bytes a memo gives at once: an instruction has at most 15. */
enum { FETCH_BYTES = 16 };

static always_inline const struct fetch_page *fetch_memo(const struct vcpu *v)
{
	return &v->fetch.pages[v->hw.rip / PAGE_SIZE % FETCH_PAGES];
}

/*
 * Whether m, the memo of RIP's page, holds: not when it is of another page or address space, when
 * an entry that it was made from has changed, or when FETCH_BYTES from RIP on cross the page's end.
 */
static always_inline bool fetch_holds(const struct vcpu *v, const struct fetch_page *m)
{
	uint64_t rip = v->hw.rip;

	return m->page == (rip | PAGE_MASK) && m->cr3 == v->hw.exit.address_space &&
	       (rip & PAGE_MASK) <= PAGE_SIZE - FETCH_BYTES && *m->entry[0] == m->value[0] &&
	       *m->entry[1] == m->value[1] && *m->entry[2] == m->value[2] &&
	       *m->entry[3] == m->value[3];
}

/* exit_skip_opcode() where no memo has the page yet, or there is more to do. fetch.c */
void fetch_skip_opcode(struct vcpu *v, uint32_t opcode, unsigned len);

/* Whether the len bytes at p are opcode's. */
static always_inline bool fetch_is(const uint8_t *bytes, uint32_t opcode, unsigned len)
{
	uint32_t found;

	__builtin_memcpy(&found, bytes, sizeof(found));
	return (found ^ opcode) << (32 - 8 * len) == 0;
}

static always_inline bool fetch_recalls(const struct vcpu *v, uint32_t opcode, unsigned len)
{
	const struct fetch_page *m = fetch_memo(v);

	return fetch_holds(v, m) && fetch_is(m->host + (v->hw.rip & PAGE_MASK), opcode, len);
}

/*
 * exit_skip() for an exit that only one instruction makes: opcode, its len bytes without prefixes,
 * in memory's order from the low byte on. Where the hardware does not tell the length, seeing these
 * bytes is all the decoding there is. What a memo tells is in 64-bit mode: RIP does not wrap.
 */
static always_inline void exit_skip_opcode(struct vcpu *v, uint32_t opcode, unsigned len)
{
	uint64_t rip = v->hw.rip, known = v->hw.exit.insn_len, next = rip + (known ? known : len);
	bool plain = known ? (next ^ rip) >> 32 == 0 : fetch_recalls(v, opcode, len);

	if (unlikely(!plain || (v->hw.rflags & RFLAGS_TF))) {
		fetch_skip_opcode(v, opcode, len);
		return;
	}
	v->hw.rip = next;
	v->hw.exit.shadow = 0;
}

#endif

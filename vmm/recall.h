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
	return m->last - v->hw.rip <= PAGE_SIZE - FETCH_BYTES &&
	       m->cr3 == v->hw.exit.address_space && *m->entry[0] == m->value[0] &&
	       *m->entry[1] == m->value[1] && *m->entry[2] == m->value[2] &&
	       *m->entry[3] == m->value[3];
}

/* The bytes at RIP, by a memo that holds. */
static always_inline const uint8_t *fetch_bytes(const struct vcpu *v, const struct fetch_page *m)
{
	return (const uint8_t *)(m->to_host + v->hw.rip);
}

/* exit_skip_opcode() where no memo has the page yet, or there is more to do. fetch.c */
void fetch_skip_opcode(struct vcpu *v, uint16_t opcode, unsigned len);

/* Whether the len bytes at p, 1 or 2, are opcode's. */
static always_inline bool fetch_is(const uint8_t *p, uint16_t opcode, unsigned len)
{
	uint16_t found;

	if (len == 1)
		return *p == opcode;
	__builtin_memcpy(&found, p, sizeof(found));
	return found == opcode;
}

static always_inline bool fetch_recalls(const struct vcpu *v, uint16_t opcode, unsigned len)
{
	const struct fetch_page *m = fetch_memo(v);

	return fetch_holds(v, m) && fetch_is(fetch_bytes(v, m), opcode, len);
}

/*
 * exit_skip() for an exit that only one instruction makes: opcode, its 1 or 2 bytes without
 * prefixes, in memory's order from the low byte on. Where the hardware does not tell the length,
 * seeing these bytes is all the decoding there is. What a memo tells is in 64-bit mode: RIP does
 * not wrap.
 */
static always_inline void exit_skip_opcode(struct vcpu *v, uint16_t opcode, unsigned len)
{
	uint64_t rip = v->hw.rip, next;
	bool plain;

	if (likely(!v->hw.exit.insn_len)) {
		next = rip + len;
		plain = fetch_recalls(v, opcode, len);
	} else {
		next = rip + v->hw.exit.insn_len;
		plain = (next ^ rip) >> 32 == 0;
	}
	if (unlikely(!plain || (v->hw.rflags & RFLAGS_TF))) {
		fetch_skip_opcode(v, opcode, len);
		return;
	}
	v->hw.rip = next;
	v->hw.exit.shadow = 0;
}

#endif

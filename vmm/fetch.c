/* SPDX-License-Identifier: MIT */
/* Fetching by the guest's own page tables, decoding, and the memory of both. */
#include "vmm/fetch.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/pte.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vmm/vm.h"

enum { MEMO_BYTES = 16 };
#define PTE_ADDRESS 0x000ffffffffff000ul

static always_inline struct fetch_memo *memo_of(struct vcpu *v)
{
	const uint32_t golden = 0x9e3779b1; /* spreads neighbours: 2^32 over the golden ratio */

	return &v->fetch.memos[(uint32_t)v->hw.rip * golden >> (32 - FETCH_MEMO_BITS)];
}

/*
 * Whether the memo is of this RIP in this address space, in 64-bit mode, and nothing that it was
 * made from has changed.
 */
static always_inline bool holds(const struct fetch_memo *m, uint64_t rip, uint64_t cr3)
{
	return m->rip == rip && m->cr3 == cr3 && m->bytes && *m->entry[0] == m->value[0] &&
	       *m->entry[1] == m->value[1] && *m->entry[2] == m->value[2] &&
	       *m->entry[3] == m->value[3] && m->bytes[0] == m->low && m->bytes[1] == m->high;
}

/* The entries by which 4-level paging translates addr; false when one is not in memory. */
static bool note_entries(const struct vcpu *v, struct fetch_memo *m, uint64_t addr)
{
	uint64_t table = m->cr3;

	for (unsigned i = 0; i < FETCH_LEVELS; i++) {
		unsigned shift = 39 - 9 * i;
		uint64_t at = (table & PTE_ADDRESS) + (addr >> shift & 511) * sizeof(uint64_t);
		const uint64_t *entry = gmem_ptr(&v->vm->mem, gpa(at), sizeof(*entry), false);

		if (!entry)
			return false;
		m->entry[i] = entry;
		m->value[i] = table = *entry;
		if (i > 0 && i < FETCH_LEVELS - 1 && (table & PTE_PS)) {
			for (unsigned j = i + 1; j < FETCH_LEVELS; j++) {
				m->entry[j] = entry;
				m->value[j] = table;
			}
			break;
		}
	}
	return true;
}

/* Remembers in, if the mode is the one that pays (64-bit, four levels) and it does not leave its page. */
static void remember(struct vcpu *v, const struct insn *in, const struct gwalk_mode *walk)
{
	struct fetch_memo *m = memo_of(v);
	struct gwalk_fault fault;
	gpa_t at;

	m->bytes = NULL;
	if (v->hw.exit.address_space == ADDRESS_SPACE_UNKNOWN || (walk->cr4 & CR4_LA57) ||
	    (v->hw.rip & PAGE_MASK) > PAGE_SIZE - MEMO_BYTES)
		return;
	if (gwalk(&v->vm->mem, walk, gva(v->hw.rip), WALK_FETCH, &at, &fault))
		return;
	m->rip = v->hw.rip;
	m->cr3 = walk->cr3;
	m->in = *in;
	if (!note_entries(v, m, v->hw.rip))
		return;
	m->bytes = gmem_ptr(&v->vm->mem, at, MEMO_BYTES, false);
	if (!m->bytes)
		return;
	m->low = m->bytes[0];
	m->high = m->bytes[1];
}

/* What a fetch needs to know of the guest, gathered when there is no memo. */
struct fetching {
	struct gwalk_mode walk;
	enum insn_mode mode;
	uint64_t address; /* of the first byte, linear, cut to the mode's width */
};

static void gather(struct vcpu *v, struct fetching *g)
{
	struct virt_context c;

	virt->get_context(&v->hw, &c);
	vcpu_walk_mode(v, &c, &g->walk);
	g->mode = vcpu_insn_mode(v, &c);
	g->address = g->mode == INSN_64 ? v->hw.rip : (uint32_t)(c.cs_base + v->hw.rip);
}

/*
 * Bytes up to the end of the page first: what lies behind it is read only if the instruction goes
 * on there, as the CPU itself would.
 */
static int read_bytes(struct vcpu *v, const struct fetching *g, uint8_t *bytes, unsigned *n)
{
	struct gwalk_fault fault;
	uint64_t at = g->address + *n;
	unsigned want = (unsigned)MIN(INSN_MAX - *n, PAGE_SIZE - at % PAGE_SIZE);

	if (gwalk_read(&v->vm->mem, &g->walk, gva(at), bytes + *n, want, WALK_FETCH, &fault)) {
		if (fault.no_memory)
			vm_crash(v->vm, "no memory behind the instruction at %#lx", at);
		else
			vcpu_raise_pf(v, &fault);
		return -EFAULT;
	}
	*n += want;
	return 0;
}

static void explain(struct vcpu *v, int err, const uint8_t *bytes)
{
	if (err == -EINVAL)
		vcpu_raise_ud(v);
	else
		vm_crash(v->vm,
			 "an instruction that Plinth does not decode at RIP %#lx: %02x %02x %02x %02x %02x %02x %02x %02x",
			 v->hw.rip, bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5],
			 bytes[6], bytes[7]);
}

static __attribute__((noinline)) const struct insn *decode(struct vcpu *v)
{
	struct vm_exit *x = &v->hw.exit;
	struct insn *in = &v->fetch.in;
	uint8_t bytes[INSN_MAX + 1] = { 0 };
	struct fetching g;
	unsigned n = x->bytes_n;
	int err;

	gather(v, &g);
	memcpy(bytes, x->bytes, n);
	if (!n && read_bytes(v, &g, bytes, &n))
		return NULL;
	err = insn_decode(bytes, n, g.mode, in);
	if (err == -EAGAIN && n < INSN_MAX) {
		if (read_bytes(v, &g, bytes, &n))
			return NULL;
		err = insn_decode(bytes, n, g.mode, in);
	}
	if (err) {
		explain(v, err == -EAGAIN ? -EINVAL : err, bytes);
		return NULL;
	}
	remember(v, in, &g.walk);
	x->insn_len = in->len;
	return in;
}

const struct insn *fetch_insn(struct vcpu *v)
{
	const struct fetch_memo *m = memo_of(v);

	if (likely(holds(m, v->hw.rip, v->hw.exit.address_space))) {
		v->hw.exit.insn_len = m->in.len;
		return &m->in;
	}
	return decode(v);
}

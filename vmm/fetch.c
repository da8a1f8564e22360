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

static struct fetch_memo *memo_of(struct vcpu *v)
{
	return &v->fetch.memos[(v->hw.rip ^ v->hw.rip >> 5) % FETCH_MEMOS];
}

static always_inline bool is_same_context(const struct virt_context *a, const struct virt_context *b)
{
	enum { FROM_CR3 = offsetof(struct virt_context, cr3) };

	/* Three words; CS's base means nothing in 64-bit mode. */
	_Static_assert(sizeof(*a) - FROM_CR3 == 24, "no padding to compare");
	return !__builtin_memcmp(&a->cr3, &b->cr3, sizeof(*a) - FROM_CR3);
}

/* Whether the memo is of this RIP, and nothing that it was made from has changed. */
static always_inline bool holds(const struct fetch_memo *m, uint64_t rip, const struct virt_context *c)
{
	return m->rip == rip && m->bytes && is_same_context(&m->context, c) &&
	       *m->entry[0] == m->value[0] && *m->entry[1] == m->value[1] &&
	       *m->entry[2] == m->value[2] && *m->entry[3] == m->value[3] &&
	       m->bytes[0] == m->low && m->bytes[1] == m->high;
}

/* The entries by which 4-level paging translates addr; false when one is not in memory. */
static bool note_entries(const struct vcpu *v, struct fetch_memo *m, uint64_t addr)
{
	uint64_t table = m->context.cr3;

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
static void remember(struct vcpu *v, const struct insn *in)
{
	struct fetch_memo *m = memo_of(v);
	struct fetch *f = &v->fetch;
	struct gwalk_mode walk;
	struct gwalk_fault fault;
	gpa_t at;

	m->bytes = NULL;
	if (f->mode != INSN_64 || (f->context.cr4 & CR4_LA57) ||
	    (v->hw.rip & PAGE_MASK) > PAGE_SIZE - MEMO_BYTES)
		return;
	vcpu_walk_mode(v, &f->context, &walk);
	if (gwalk(&v->vm->mem, &walk, gva(v->hw.rip), WALK_FETCH, &at, &fault))
		return;
	m->rip = v->hw.rip;
	m->context = f->context;
	m->in = *in;
	if (!note_entries(v, m, v->hw.rip))
		return;
	m->bytes = gmem_ptr(&v->vm->mem, at, MEMO_BYTES, false);
	if (!m->bytes)
		return;
	m->low = m->bytes[0];
	m->high = m->bytes[1];
}

/* The linear address of RIP, cut to the mode's width. */
static gva_t address(const struct vcpu *v)
{
	if (v->fetch.mode == INSN_64)
		return gva(v->hw.rip);
	return gva((uint32_t)(v->fetch.context.cs_base + v->hw.rip));
}

/*
 * Bytes up to the end of the page first: what lies behind it is read only if the instruction goes
 * on there, as the CPU itself would.
 */
static int read_bytes(struct vcpu *v, unsigned have, uint8_t *bytes, unsigned *n)
{
	struct gwalk_mode walk;
	struct gwalk_fault fault;
	uint64_t at = address(v).raw + have;
	unsigned want = (unsigned)MIN(INSN_MAX - have, PAGE_SIZE - at % PAGE_SIZE);

	vcpu_walk_mode(v, &v->fetch.context, &walk);
	if (gwalk_read(&v->vm->mem, &walk, gva(at), bytes + have, want, WALK_FETCH, &fault)) {
		if (fault.no_memory)
			vm_crash(v->vm, "no memory behind the instruction at %#lx", at);
		else
			vcpu_raise_pf(v, &fault);
		return -EFAULT;
	}
	*n = have + want;
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
	struct fetch *f = &v->fetch;
	uint8_t bytes[INSN_MAX + 1] = { 0 };
	unsigned n = x->bytes_n;
	int err = n ? 0 : read_bytes(v, 0, bytes, &n);

	if (err)
		return NULL;
	if (x->bytes_n)
		memcpy(bytes, x->bytes, n);
	err = insn_decode(bytes, n, f->mode, &f->in);
	if (err == -EAGAIN && n < INSN_MAX) {
		if (read_bytes(v, n, bytes, &n))
			return NULL;
		err = insn_decode(bytes, n, f->mode, &f->in);
	}
	if (err) {
		explain(v, err == -EAGAIN ? -EINVAL : err, bytes);
		return NULL;
	}
	remember(v, &f->in);
	x->insn_len = f->in.len;
	return &f->in;
}

const struct insn *fetch_insn(struct vcpu *v)
{
	struct fetch *f = &v->fetch;
	const struct fetch_memo *m = memo_of(v);

	virt->get_context(&v->hw, &f->context);
	if (likely(holds(m, v->hw.rip, &f->context))) {
		f->mode = INSN_64;
		v->hw.exit.insn_len = m->in.len;
		return &m->in;
	}
	f->mode = vcpu_insn_mode(v, &f->context);
	return decode(v);
}

/* SPDX-License-Identifier: MIT */
/* Fetching by the guest's own page tables, decoding, and the memory of both. */
#include "vmm/recall.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/pte.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vmm/vm.h"

#define PTE_ADDRESS 0x000ffffffffff000ul

void fetch_init(struct fetch *f)
{
	for (unsigned i = 0; i < FETCH_PAGES; i++)
		f->pages[i].cr3 = FETCH_EMPTY;
	for (unsigned i = 0; i < ARRAY_SIZE(f->decoded); i++)
		f->decoded[i].in.len = 0;
}

static always_inline struct fetch_decoded *decoded_memo(struct vcpu *v)
{
	const uint32_t golden = 0x9e3779b1; /* spreads neighbours: 2^32 over the golden ratio */

	return &v->fetch.decoded[(uint32_t)v->hw.rip * golden >> (32 - FETCH_INSN_BITS)];
}

/*
 * The entries by which 4-level paging translates RIP, and what they make of it: UINT64_MAX when one
 * is not in memory or not present (it has been changed since the CPU used it).
 */
static always_inline uint64_t note_entries(const struct vcpu *v, struct fetch_page *m)
{
	uint64_t table = v->hw.exit.address_space, rip = v->hw.rip;

#pragma GCC unroll 4
	for (unsigned i = 0; i < FETCH_LEVELS; i++) {
		unsigned shift = 39 - 9 * i;
		uint64_t at = (table & PTE_ADDRESS) + (rip >> shift & 511) * sizeof(uint64_t);
		const uint64_t *entry = gmem_entry(&v->vm->mem, gpa(at));

		if (!entry)
			return UINT64_MAX;
		/* Once: another vCPU may change it. */
		table = __atomic_load_n(entry, __ATOMIC_RELAXED);
		if (!(table & PTE_P))
			return UINT64_MAX;
		m->entry[i] = entry;
		m->value[i] = table;
		if (i == 0 || i == FETCH_LEVELS - 1 || likely(!(table & PTE_PS)))
			continue;
		for (unsigned j = i + 1; j < FETCH_LEVELS; j++) {
			m->entry[j] = entry;
			m->value[j] = table;
		}
		return (table & PTE_ADDRESS & ~(BIT(shift) - 1)) | (rip & (BIT(shift) - 1));
	}
	return table & PTE_ADDRESS;
}

/*
 * Remembers where the page of RIP is; then the bytes there, or NULL. Only in the
 * mode that pays: 64-bit, four levels (no guest is let set CR4.LA57).
 */
static const uint8_t *learn(struct vcpu *v)
{
	struct fetch_page *m = &v->fetch.pages[v->hw.rip / PAGE_SIZE % FETCH_PAGES];
	const uint64_t last = PAGE_SIZE - FETCH_BYTES;
	uint64_t at, offset = v->hw.rip & PAGE_MASK;
	const uint8_t *host;

	m->cr3 = FETCH_EMPTY;
	if (v->hw.exit.address_space == ADDRESS_SPACE_UNKNOWN)
		return NULL;
	at = note_entries(v, m);
	if (at == UINT64_MAX)
		return NULL;
	host = gmem_ptr(&v->vm->mem, gpa(ALIGN_DOWN(at, PAGE_SIZE)), PAGE_SIZE, false);
	if (!host)
		return NULL;
	m->to_host = (uint64_t)host - (v->hw.rip - offset);
	m->last = v->hw.rip - offset + last;
	m->cr3 = v->hw.exit.address_space;
	return offset > last ? NULL : host + offset;
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t x;

	__builtin_memcpy(&x, p, sizeof(x));
	/* Read once, whatever the compiler would like: the guest may write meanwhile. */
	__asm__("" : "+r"(x));
	return x;
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
			 "an instruction that Plinth does not decode at RIP %#lx: %02x %02x %02x "
			 "%02x %02x %02x %02x %02x",
			 v->hw.rip, bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5],
			 bytes[6], bytes[7]);
}

/* How many bytes of the instruction the hardware gave. */
static unsigned bytes_given(const struct vm_exit *x)
{
	return x->kind == EXIT_MEM ? x->mem.bytes_n : 0;
}

/* Fetches as the CPU would, and decodes. */
static const struct insn *decode(struct vcpu *v)
{
	struct vm_exit *x = &v->hw.exit;
	struct insn *in = &v->fetch.in;
	uint8_t bytes[INSN_MAX + 1] = { 0 };
	struct fetching g;
	unsigned n = bytes_given(x);
	int err;

	gather(v, &g);
	memcpy(bytes, x->mem.bytes, n);
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
	x->insn_len = in->len;
	return in;
}

/*
 * Decodes 16 bytes of a remembered page, and remembers what they mean. They are read once: another
 * vCPU may be writing there, and what is decoded has to be what is remembered.
 */
static const struct insn *decode_recalled(struct vcpu *v, const uint8_t *page)
{
	struct fetch_decoded *m = decoded_memo(v);
	uint8_t bytes[FETCH_BYTES];

	m->low = load64(page);
	m->high = load64(page + 8);
	__builtin_memcpy(bytes, &m->low, sizeof(m->low));
	__builtin_memcpy(bytes + 8, &m->high, sizeof(m->high));
	if (insn_decode(bytes, INSN_MAX, INSN_64, &m->in)) {
		m->in.len = 0;
		return decode(v);
	}
	v->hw.exit.insn_len = m->in.len;
	return &m->in;
}

const struct insn *fetch_insn(struct vcpu *v)
{
	const struct fetch_decoded *m = decoded_memo(v);
	const struct fetch_page *page = fetch_memo(v);
	const uint8_t *bytes;

	if (likely(fetch_holds(v, page))) {
		bytes = fetch_bytes(v, page);
	} else {
		bytes = bytes_given(&v->hw.exit) ? NULL : learn(v);
		if (!bytes)
			return decode(v);
	}
	if (unlikely(m->low != load64(bytes) || m->high != load64(bytes + 8) || !m->in.len))
		return decode_recalled(v, bytes);
	v->hw.exit.insn_len = m->in.len;
	return &m->in;
}

void fetch_skip_opcode(struct vcpu *v, uint16_t opcode, unsigned len)
{
	const uint8_t *bytes = v->hw.exit.insn_len ? NULL : learn(v);

	if (bytes && fetch_is(bytes, opcode, len))
		v->hw.exit.insn_len = (uint8_t)len;
	exit_skip(v);
}

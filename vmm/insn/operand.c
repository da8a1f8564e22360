/* SPDX-License-Identifier: MIT */
/*
 * From an operand to a linear address. In 64-bit mode only FS and GS have a base and no segment has
 * a limit, but addresses are canonical; elsewhere the segment's descriptor is the judge (SDM 3,
 * "Limit Checking", "Type Checking").
 */
#include "vmm/insn/operand.h"

#include "lib/errno.h"

enum {
	LINEAR_BITS = 48,
	TYPE_CODE = 8,
	TYPE_EXPAND_DOWN = 4,
	TYPE_WRITABLE = 2,
	TYPE_READABLE = 2
};

uint64_t operand_offset(const struct insn *in, const struct insn_machine *m)
{
	uint64_t offset = (uint64_t)in->disp;

	if (likely(in->base != INSN_NO_REG))
		offset += m->gpr[in->base];
	if (in->index != INSN_NO_REG)
		offset += m->gpr[in->index] * in->scale;
	if (in->rip_relative)
		offset += *m->rip + in->len;
	return offset & alu_mask(in->addr_size);
}

static int raise_segment(struct insn_machine *m, enum vseg seg)
{
	m->raise(m->ctx, seg == VSEG_SS ? VEC_SS : VEC_GP, true, 0);
	return INSN_FAULT;
}

static always_inline bool is_canonical(uint64_t address)
{
	unsigned unused = 64 - LINEAR_BITS;

	return (uint64_t)((int64_t)(address << unused) >> unused) == address;
}

/*
 * Whether a segment allows the access. A code segment may be written in real mode, which 16-bit
 * protected mode is not told from here; the processor has checked the latter before its exit.
 */
static bool segment_allows(const struct insn_machine *m, const struct segment *s, uint32_t first,
			   uint32_t last, bool write)
{
	bool code = s->attr & TYPE_CODE;

	if (!(s->attr & SEG_P) || last < first)
		return false;
	if (write && (code ? m->mode != INSN_16 : !(s->attr & TYPE_WRITABLE)))
		return false;
	if (!write && code && !(s->attr & TYPE_READABLE))
		return false;
	if (!code && (s->attr & TYPE_EXPAND_DOWN))
		return first > s->limit && last <= (s->attr & SEG_DB ? UINT32_MAX : UINT16_MAX);
	return last <= s->limit;
}

int operand_linear(struct insn_machine *m, enum vseg seg, uint64_t offset, unsigned size,
		   bool write, gva_t *out)
{
	struct segment s;

	if (likely(m->mode == INSN_64)) {
		if (unlikely(seg >= VSEG_FS)) {
			m->segment(m->ctx, seg, &s);
			offset += s.base;
		}
		if (unlikely(!is_canonical(offset) || !is_canonical(offset + size - 1)))
			return raise_segment(m, seg);
		*out = gva(offset);
		return 0;
	}
	m->segment(m->ctx, seg, &s);
	if (!segment_allows(m, &s, offset, (uint32_t)offset + size - 1, write))
		return raise_segment(m, seg);
	*out = gva((uint32_t)(s.base + offset));
	return 0;
}

int operand_address(const struct insn *in, struct insn_machine *m, unsigned size, bool write,
		    gva_t *out)
{
	return operand_linear(m, in->seg, operand_offset(in, m), size, write, out);
}

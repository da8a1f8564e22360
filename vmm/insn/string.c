/* SPDX-License-Identifier: MIT */
/*
 * String instructions. Each iteration is complete in itself: when one faults, those before it stay
 * done, with rSI, rDI and rCX telling how far it came, as the processor has it (SDM 2, "REP").
 */
#include "vmm/insn/operand.h"

/* One from device to device takes 1,500 instructions: a call is 100,000 at most. */
enum { ITERATIONS_MAX = 64 };

/* rSI, rDI and rCX have the address's size; with four bytes the upper half is cleared. */
static void move_register(const struct insn *in, struct insn_machine *m, unsigned reg)
{
	uint64_t step = in->op_size;

	operand_gpr_write(m, reg, m->gpr[reg] + (*m->rflags & RFLAGS_DF ? -step : step),
			  in->addr_size);
}

static int source_address(const struct insn *in, struct insn_machine *m, gva_t *addr)
{
	return operand_linear(m, in->seg, m->gpr[RSI] & alu_mask(in->addr_size), in->op_size, false,
			      addr);
}

/* The one at rDI; no prefix overrides its segment. */
static int destination_address(const struct insn *in, struct insn_machine *m, bool write,
			       gva_t *addr)
{
	return operand_linear(m, VSEG_ES, m->gpr[RDI] & alu_mask(in->addr_size), in->op_size, write,
			      addr);
}

static int step_movs(const struct insn *in, struct insn_machine *m)
{
	uint64_t value = 0;
	gva_t from, to;
	int r = source_address(in, m, &from);

	if (r || (r = destination_address(in, m, true, &to)) ||
	    (r = m->mem(m->ctx, from, &value, in->op_size, false, false)) ||
	    (r = m->mem(m->ctx, to, &value, in->op_size, true, false)))
		return r;
	move_register(in, m, RSI);
	move_register(in, m, RDI);
	return 0;
}

static int step_stos(const struct insn *in, struct insn_machine *m)
{
	uint64_t value = operand_reg_read(m, &in->src);
	gva_t to;
	int r = destination_address(in, m, true, &to);

	if (r || (r = m->mem(m->ctx, to, &value, in->op_size, true, false)))
		return r;
	move_register(in, m, RDI);
	return 0;
}

static int step_lods(const struct insn *in, struct insn_machine *m)
{
	uint64_t value = 0;
	gva_t from;
	int r = source_address(in, m, &from);

	if (r || (r = m->mem(m->ctx, from, &value, in->op_size, false, false)))
		return r;
	operand_reg_write(m, &in->dst, value);
	move_register(in, m, RSI);
	return 0;
}

/* CMPS compares [rSI] with [rDI], SCAS the accumulator with [rDI]. */
static int step_compare(const struct insn *in, struct insn_machine *m)
{
	uint64_t a = 0, b = 0;
	gva_t from, to;
	int r = destination_address(in, m, false, &to);

	if (r)
		return r;
	if (in->op == INSN_SCAS)
		a = operand_reg_read(m, &in->dst);
	else if ((r = source_address(in, m, &from)) ||
		 (r = m->mem(m->ctx, from, &a, in->op_size, false, false)))
		return r;
	r = m->mem(m->ctx, to, &b, in->op_size, false, false);
	if (r)
		return r;
	alu_binary(INSN_CMP, a, b, in->op_size, m->rflags);
	if (in->op == INSN_CMPS)
		move_register(in, m, RSI);
	move_register(in, m, RDI);
	return 0;
}

/* Reading a port may not be undone, so the memory is checked before it. */
static int step_ins(const struct insn *in, struct insn_machine *m)
{
	uint32_t data = 0;
	uint64_t value;
	gva_t to;
	int r = destination_address(in, m, true, &to);

	if (r || (m->probe && (r = m->probe(m->ctx, to, in->op_size, true))) ||
	    (r = m->io(m->ctx, m->gpr[RDX], &data, in->op_size, false)))
		return r;
	value = data;
	r = m->mem(m->ctx, to, &value, in->op_size, true, false);
	if (r)
		return r;
	move_register(in, m, RDI);
	return 0;
}

static int step_outs(const struct insn *in, struct insn_machine *m)
{
	uint64_t value = 0;
	gva_t from;
	int r = source_address(in, m, &from);

	if (r || (r = m->mem(m->ctx, from, &value, in->op_size, false, false)))
		return r;

	uint32_t data = value;

	r = m->io(m->ctx, m->gpr[RDX], &data, in->op_size, true);
	if (r)
		return r;
	move_register(in, m, RSI);
	return 0;
}

static int step(const struct insn *in, struct insn_machine *m)
{
	switch (in->op) {
	case INSN_MOVS: return step_movs(in, m);
	case INSN_STOS: return step_stos(in, m);
	case INSN_LODS: return step_lods(in, m);
	case INSN_INS: return step_ins(in, m);
	case INSN_OUTS: return step_outs(in, m);
	default: return step_compare(in, m);
	}
}

/* REPE and REPNE of a comparison end with the first that differs, or is equal. */
static bool comparison_ends(const struct insn *in, const struct insn_machine *m)
{
	bool equal = *m->rflags & RFLAGS_ZF;

	if (in->op != INSN_CMPS && in->op != INSN_SCAS)
		return false;
	return in->prefixes & INSN_REP ? !equal : equal;
}

int string_exec(const struct insn *in, struct insn_machine *m)
{
	uint64_t mask = alu_mask(in->addr_size);

	if (!(in->prefixes & (INSN_REP | INSN_REPNE))) {
		int r = step(in, m);

		return r ? r : operand_retire(in, m);
	}
	for (unsigned i = 0; m->gpr[RCX] & mask; i++) {
		if (i == ITERATIONS_MAX)
			return INSN_AGAIN;

		int r = step(in, m);

		if (r)
			return r;
		operand_gpr_write(m, RCX, m->gpr[RCX] - 1, in->addr_size);
		if (comparison_ends(in, m))
			break;
	}
	return operand_retire(in, m);
}

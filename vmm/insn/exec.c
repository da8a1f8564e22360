/* SPDX-License-Identifier: MIT */
/*
 * Does what a decoded instruction does, against struct insn_machine. The one rule: whatever can
 * fault comes first, and registers, flags and RIP change only after the last memory access has
 * worked. So a fault leaves the instruction as if it had not begun.
 */
#include "vmm/insn/operand.h"

#include "lib/errno.h"

static always_inline int mem_read(struct insn_machine *m, gva_t addr, uint64_t *value,
				  unsigned size, bool locked)
{
	*value = 0;
	return m->mem(m->ctx, addr, value, size, false, locked);
}

static always_inline int mem_write(struct insn_machine *m, gva_t addr, uint64_t value,
				   unsigned size, bool locked)
{
	return m->mem(m->ctx, addr, &value, size, true, locked);
}

/* The source's value, wherever it is. */
static always_inline int source_read(const struct insn *in, struct insn_machine *m, uint64_t *value)
{
	gva_t addr;

	if (in->src.kind != OPERAND_MEM) {
		*value = operand_value(in, m, &in->src);
		return 0;
	}

	int r = operand_address(in, m, in->src.size, false, &addr);

	return r ? r : mem_read(m, addr, value, in->src.size, false);
}

static int exec_mov(const struct insn *in, struct insn_machine *m)
{
	uint64_t value;
	gva_t addr;
	int r = source_read(in, m, &value);

	if (unlikely(r))
		return r;
	if (in->dst.kind == OPERAND_MEM) {
		r = operand_address(in, m, in->dst.size, true, &addr);
		if (r || (r = mem_write(m, addr, value, in->dst.size, false)))
			return r;
	} else {
		operand_reg_write(m, &in->dst, value);
	}
	return operand_retire(in, m);
}

static uint64_t sign_extend(uint64_t value, unsigned size)
{
	unsigned unused = 64 - size * 8;

	return (uint64_t)((int64_t)(value << unused) >> unused);
}

static int exec_mov_extended(const struct insn *in, struct insn_machine *m)
{
	uint64_t value;
	int r = source_read(in, m, &value);

	if (r)
		return r;
	if (in->op == INSN_MOVSX)
		value = sign_extend(value, in->src.size);
	operand_reg_write(m, &in->dst, value);
	return operand_retire(in, m);
}

static int exec_movbe(const struct insn *in, struct insn_machine *m)
{
	uint64_t value;
	gva_t addr;
	int r = source_read(in, m, &value);

	if (r)
		return r;
	value = __builtin_bswap64(value) >> (64 - in->op_size * 8);
	if (in->dst.kind == OPERAND_MEM) {
		r = operand_address(in, m, in->dst.size, true, &addr);
		if (r || (r = mem_write(m, addr, value, in->dst.size, false)))
			return r;
	} else {
		operand_reg_write(m, &in->dst, value);
	}
	return operand_retire(in, m);
}

/*
 * A destination that is read, and perhaps written: a register, or memory whose address is checked.
 */
struct target {
	gva_t addr;
	bool is_mem, locked;
	uint64_t value;
};

static int target_read_at(const struct insn *in, struct insn_machine *m, uint64_t offset,
			  bool write, struct target *t)
{
	t->is_mem = true;
	t->locked = (in->prefixes & INSN_LOCK) || in->op == INSN_XCHG;

	int r = operand_linear(m, in->seg, offset, in->dst.size, write, &t->addr);

	return r ? r : mem_read(m, t->addr, &t->value, in->dst.size, t->locked);
}

static int target_read(const struct insn *in, struct insn_machine *m, bool write, struct target *t)
{
	if (in->dst.kind == OPERAND_MEM)
		return target_read_at(in, m, operand_offset(in, m), write, t);
	t->is_mem = t->locked = false;
	t->value = operand_reg_read(m, &in->dst);
	return 0;
}

static int target_write(const struct insn *in, struct insn_machine *m, const struct target *t,
			uint64_t value)
{
	if (t->is_mem)
		return mem_write(m, t->addr, value, in->dst.size, t->locked);
	operand_reg_write(m, &in->dst, value);
	return 0;
}

static int exec_binary(const struct insn *in, struct insn_machine *m)
{
	bool write = in->op != INSN_CMP && in->op != INSN_TEST;
	uint64_t b, flags = *m->rflags;
	struct target t;
	int r = target_read(in, m, write, &t);

	if (r || (r = source_read(in, m, &b)))
		return r;

	uint64_t result = alu_binary(in->op, t.value, b, in->op_size, &flags);

	if (write && (r = target_write(in, m, &t, result)))
		return r;
	*m->rflags = flags;
	return operand_retire(in, m);
}

static int exec_unary(const struct insn *in, struct insn_machine *m)
{
	uint64_t flags = *m->rflags;
	struct target t;
	int r = target_read(in, m, true, &t);

	if (r)
		return r;
	r = target_write(in, m, &t, alu_unary(in->op, t.value, in->op_size, &flags));
	if (r)
		return r;
	*m->rflags = flags;
	return operand_retire(in, m);
}

/* XCHG and XADD: the source register gets the old destination. */
static int exec_exchange(const struct insn *in, struct insn_machine *m)
{
	uint64_t flags = *m->rflags, source = operand_reg_read(m, &in->src), result = source;
	struct target t;
	int r = target_read(in, m, true, &t);

	if (r)
		return r;
	if (in->op == INSN_XADD)
		result = alu_binary(INSN_ADD, t.value, source, in->op_size, &flags);
	/*
	 * Memory before the register, for it can fault; a register after it, for it may be the
	 * same.
	 */
	if (t.is_mem && (r = target_write(in, m, &t, result)))
		return r;
	operand_reg_write(m, &in->src, t.value);
	if (!t.is_mem)
		operand_reg_write(m, &in->dst, result);
	*m->rflags = flags;
	return operand_retire(in, m);
}

static int exec_cmpxchg(const struct insn *in, struct insn_machine *m)
{
	struct insn_operand acc = { .kind = OPERAND_REG, .size = in->op_size, .reg = RAX };
	uint64_t flags = *m->rflags, source = operand_reg_read(m, &in->src);
	struct target t;
	int r = target_read(in, m, true, &t);

	if (r)
		return r;
	alu_binary(INSN_CMP, operand_reg_read(m, &acc), t.value, in->op_size, &flags);

	bool equal = flags & RFLAGS_ZF;

	/* The destination is written in either case (SDM 2, "CMPXCHG"); a register may stay. */
	if ((equal || t.is_mem) && (r = target_write(in, m, &t, equal ? source : t.value)))
		return r;
	if (!equal)
		operand_reg_write(m, &acc, t.value);
	*m->rflags = flags;
	return operand_retire(in, m);
}

/*
 * A bit offset in a register reaches beyond a memory operand, in both directions, by whole operands
 * (SDM 2, "BT"); an immediate one does not.
 */
static int exec_bit(const struct insn *in, struct insn_machine *m)
{
	unsigned bits = in->op_size * 8;
	bool far = in->dst.kind == OPERAND_MEM && in->src.kind == OPERAND_REG;
	int64_t bit = (int64_t)sign_extend(operand_value(in, m, &in->src), in->op_size);
	uint64_t offset = operand_offset(in, m), mask = BIT(bit & (bits - 1));
	struct target t;
	int r;

	if (in->dst.kind == OPERAND_MEM) {
		if (far)
			offset += (uint64_t)(bit >> __builtin_ctz(bits)) * in->op_size;
		r = target_read_at(in, m, offset & alu_mask(in->addr_size), in->op != INSN_BT, &t);
	} else {
		r = target_read(in, m, true, &t);
	}
	if (r)
		return r;

	uint64_t result = in->op == INSN_BTS   ? t.value | mask
			  : in->op == INSN_BTR ? t.value & ~mask
					       : t.value ^ mask;

	if (in->op != INSN_BT && (r = target_write(in, m, &t, result)))
		return r;
	*m->rflags = (*m->rflags & ~RFLAGS_CF) | (t.value & mask ? RFLAGS_CF : 0);
	return operand_retire(in, m);
}

/* How many bytes of RSP address the stack. */
static unsigned stack_width(struct insn_machine *m)
{
	struct segment ss;

	if (m->mode == INSN_64)
		return 8;
	m->segment(m->ctx, VSEG_SS, &ss);
	return ss.attr & SEG_DB ? 4 : 2;
}

static int exec_push(const struct insn *in, struct insn_machine *m)
{
	unsigned width = stack_width(m);
	uint64_t value, sp = (m->gpr[RSP] - in->op_size) & alu_mask(width);
	gva_t addr;
	int r = source_read(in, m, &value);

	if (r || (r = operand_linear(m, VSEG_SS, sp, in->op_size, true, &addr)) ||
	    (r = mem_write(m, addr, value, in->op_size, false)))
		return r;
	operand_gpr_write(m, RSP, sp, width);
	return operand_retire(in, m);
}

static int exec_pop(const struct insn *in, struct insn_machine *m)
{
	unsigned width = stack_width(m);
	uint64_t value, old = m->gpr[RSP], sp = old & alu_mask(width);
	gva_t addr;
	int r = operand_linear(m, VSEG_SS, sp, in->op_size, false, &addr);

	if (r || (r = mem_read(m, addr, &value, in->op_size, false)))
		return r;
	/* The destination's address is computed with the new RSP (SDM 2, "POP"). */
	operand_gpr_write(m, RSP, sp + in->op_size, width);
	if (in->dst.kind == OPERAND_MEM) {
		r = operand_address(in, m, in->op_size, true, &addr);
		if (!r)
			r = mem_write(m, addr, value, in->op_size, false);
		if (r) {
			m->gpr[RSP] = old;
			return r;
		}
	} else {
		operand_reg_write(m, &in->dst, value);
	}
	return operand_retire(in, m);
}

static int exec_in(const struct insn *in, struct insn_machine *m)
{
	uint32_t data = 0;
	int r = m->io(m->ctx, operand_value(in, m, &in->src), &data, in->op_size, false);

	if (r)
		return r;
	operand_reg_write(m, &in->dst, data);
	return operand_retire(in, m);
}

static int exec_out(const struct insn *in, struct insn_machine *m)
{
	uint32_t data = operand_reg_read(m, &in->src);
	int r = m->io(m->ctx, operand_value(in, m, &in->dst), &data, in->op_size, true);

	return r ? r : operand_retire(in, m);
}

static int exec_other(const struct insn *in, struct insn_machine *m)
{
	switch (in->op) {
	case INSN_MOVBE: return exec_movbe(in, m);
	case INSN_INC:
	case INSN_DEC:
	case INSN_NOT:
	case INSN_NEG: return exec_unary(in, m);
	case INSN_XCHG:
	case INSN_XADD: return exec_exchange(in, m);
	case INSN_CMPXCHG: return exec_cmpxchg(in, m);
	case INSN_BT:
	case INSN_BTS:
	case INSN_BTR:
	case INSN_BTC: return exec_bit(in, m);
	case INSN_PUSH: return exec_push(in, m);
	case INSN_POP: return exec_pop(in, m);
	case INSN_IN: return exec_in(in, m);
	case INSN_OUT: return exec_out(in, m);
	default: return -ENOTSUP;
	}
}

int insn_exec(const struct insn *in, struct insn_machine *m)
{
	switch (in->op) {
	case INSN_MOV: return exec_mov(in, m);
	case INSN_MOVZX:
	case INSN_MOVSX: return exec_mov_extended(in, m);
	case INSN_AND:
	case INSN_OR:
	case INSN_XOR:
	case INSN_ADD:
	case INSN_ADC:
	case INSN_SUB:
	case INSN_SBB:
	case INSN_CMP:
	case INSN_TEST: return exec_binary(in, m);
	case INSN_MOVS:
	case INSN_STOS:
	case INSN_LODS:
	case INSN_SCAS:
	case INSN_CMPS:
	case INSN_INS:
	case INSN_OUTS: return string_exec(in, m);
	default: return exec_other(in, m);
	}
}

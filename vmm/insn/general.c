/* SPDX-License-Identifier: MIT */
/*
 * Any instruction. The opcode's table entry names a form; prefixes, ModRM, displacement and
 * immediate are then taken in the order in which they stand in the instruction (SDM 2, "Instruction
 * Format").
 */
#include "vmm/insn/decode.h"

#include "lib/errno.h"

enum { DR_COUNT = 8 };

enum prefix_byte {
	PREFIX_ES = 0x26,
	PREFIX_CS = 0x2e,
	PREFIX_SS = 0x36,
	PREFIX_DS = 0x3e,
	PREFIX_FS = 0x64,
	PREFIX_GS = 0x65,
	PREFIX_OP_SIZE = 0x66,
	PREFIX_ADDR_SIZE = 0x67,
	PREFIX_LOCK = 0xf0,
	PREFIX_REPNE = 0xf2,
	PREFIX_REP = 0xf3,
};

static always_inline void take_prefix(struct decoding *s, struct insn *in, uint8_t byte)
{
	s->rex = 0; /* a REX that does not stand right before the opcode is ignored */
	switch (byte) {
	/* In 64-bit mode these four mean nothing, and do not undo an FS or GS before them. */
	case PREFIX_ES:
	case PREFIX_CS:
	case PREFIX_SS:
	case PREFIX_DS:
		if (s->mode != INSN_64)
			s->override = (byte >> REG_SHIFT) & 3;
		break;
	case PREFIX_FS: s->override = VSEG_FS; break;
	case PREFIX_GS: s->override = VSEG_GS; break;
	case PREFIX_OP_SIZE: s->op_size_prefix = true; break;
	case PREFIX_ADDR_SIZE: in->addr_size = s->mode == INSN_32 ? 2 : 4; break;
	case PREFIX_LOCK: in->prefixes |= INSN_LOCK; break;
	/* Of REP and REPNE the last counts. */
	case PREFIX_REPNE: in->prefixes = (in->prefixes & INSN_LOCK) | INSN_REPNE; break;
	case PREFIX_REP: in->prefixes = (in->prefixes & INSN_LOCK) | INSN_REP; break;
	}
	s->op_size = !s->op_size_prefix == (s->mode == INSN_16) ? 2 : 4;
}

/* Takes the prefixes and the first opcode byte. */
static always_inline int take_opcode(struct decoding *s, struct insn *in)
{
	for (;;) {
		if (unlikely(s->at == s->end))
			return -EAGAIN;

		uint8_t byte = *s->at++;

		if ((byte & REX_MASK) == REX && s->mode == INSN_64) {
			s->rex = byte;
			s->op_size = byte & REX_W ? 8 : s->op_size_prefix ? 2 : 4;
		} else if (likely(opcode_map[byte].form != FORM_PREFIX)) {
			s->opcode = byte;
			return 0;
		} else {
			take_prefix(s, in, byte);
		}
	}
}

/* Takes the ModRM byte, and what it changes of the entry. */
static always_inline int take_modrm(struct decoding *s, const struct insn *in,
				    const struct opcode **e, struct opcode *changed)
{
	if (unlikely(!have(s, 1)))
		return -EAGAIN;
	s->modrm = *s->at++;

	if ((*e)->flags & OP_GROUP)
		*e = &opcode_groups[(*e)->op][modrm_field(s)];
	if (likely((*e)->form < FORM_MOVSXD))
		return 0;
	*changed = **e;
	*e = changed;
	return form_resolve(s, in, changed);
}

static always_inline int take_displacement(struct decoding *s, struct insn *in, unsigned n)
{
	if (!n)
		return 0;
	if (unlikely(!have(s, n)))
		return -EAGAIN;
	in->disp = n == 1 ? (int8_t)*s->at : read_signed(s->at, n);
	s->at += n;
	return 0;
}

/* SDM 2, "16-Bit Addressing Forms with the ModR/M Byte". */
static int take_memory_16(struct decoding *s, struct insn *in)
{
	static const uint8_t bases[8] = { RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX };
	static const uint8_t indexes[4] = { RSI, RDI, RSI, RDI };
	unsigned mod = modrm_mod(s), rm = s->modrm & FIELD_MASK;

	if (mod == 0 && rm == RM_DISP_16) {
		set_segment(s, in, VSEG_DS);
		return take_displacement(s, in, 2);
	}
	in->base = bases[rm];
	if (rm < ARRAY_SIZE(indexes)) {
		in->index = indexes[rm];
		in->scale = 1;
	}
	set_segment(s, in, in->base == RBP ? VSEG_SS : VSEG_DS);
	return take_displacement(s, in, mod);
}

static always_inline int take_sib(struct decoding *s, struct insn *in)
{
	if (unlikely(!have(s, 1)))
		return -EAGAIN;

	uint8_t sib = *s->at++;
	unsigned index = ((sib >> REG_SHIFT) & FIELD_MASK) | (s->rex & REX_X) << 2;
	unsigned base = (sib & FIELD_MASK) | (s->rex & REX_B) << 3, mod = modrm_mod(s);

	if (index != SIB_NO_INDEX) {
		in->index = index;
		in->scale = 1 << (sib >> MOD_SHIFT);
	}
	if (mod == 0 && (sib & FIELD_MASK) == SIB_NO_BASE)
		return take_displacement(s, in, 4);
	in->base = base;
	if (base == RSP || base == RBP)
		set_segment(s, in, VSEG_SS);
	return take_displacement(s, in, mod == 2 ? 4 : mod);
}

static always_inline int take_memory(struct decoding *s, struct insn *in)
{
	unsigned mod = modrm_mod(s), rm = s->modrm & FIELD_MASK;

	set_segment(s, in, VSEG_DS);
	if (rm == RM_SIB)
		return take_sib(s, in);
	if (rm == RM_DISP) {
		if (mod == 0) {
			in->rip_relative = s->mode == INSN_64;
			return take_displacement(s, in, 4);
		}
		if (!(s->rex & REX_B))
			set_segment(s, in, VSEG_SS);
	}
	in->base = modrm_rm(s);
	return take_displacement(s, in, mod == 2 ? 4 : mod);
}

static always_inline void set_size(const struct decoding *s, struct insn *in, unsigned flags)
{
	in->op_size = s->op_size;
	if (flags & OP_BYTE)
		in->op_size = 1;
	else if ((flags & OP_D64) && s->mode == INSN_64 && s->op_size == 4)
		in->op_size = 8;
}

static always_inline unsigned immediate_size(const struct decoding *s, const struct insn *in,
					     unsigned imm)
{
	switch (imm) {
	case IMM_8: return 1;
	case IMM_Z: return MIN(in->op_size, 4);
	case IMM_V: return in->op_size;
	case IMM_16: return 2;
	case IMM_16_8: return 3;
	case IMM_FAR: return in->op_size == 2 ? 4 : 6;
	/* Intel ignores the operand-size prefix of a near branch in 64-bit mode. */
	case IMM_REL: return s->mode != INSN_64 && in->op_size == 2 ? 2 : 4;
	case IMM_ADDR: return in->addr_size;
	default: return 0;
	}
}

static always_inline int take_immediate(struct decoding *s, struct insn *in, unsigned imm)
{
	unsigned n = immediate_size(s, in, imm);

	if (unlikely(!have(s, n)))
		return -EAGAIN;
	if (imm == IMM_ADDR) {
		in->disp = read_signed(s->at, n);
		set_segment(s, in, VSEG_DS);
	} else if (imm != IMM_FAR && imm != IMM_16_8) {
		in->imm = (uint64_t)read_signed(s->at, n);
	}
	s->at += n;
	return 0;
}

static int set_control(const struct decoding *s, struct insn *in, unsigned form)
{
	/* CR0, CR2, CR3, CR4 and CR8. */
	const uint64_t control_registers = BIT(0) | BIT(2) | BIT(3) | BIT(4) | BIT(8);
	unsigned n = modrm_reg(s);

	if (in->op == INSN_MOV_CR ? !(control_registers & BIT(n)) : n >= DR_COUNT)
		return -EINVAL;
	in->op_size = s->mode == INSN_64 ? 8 : 4;

	struct insn_operand reg = operand(OPERAND_REG, in->op_size, modrm_rm(s));
	struct insn_operand control = operand(OPERAND_CONTROL, in->op_size, n);

	in->dst = form == FORM_R_CONTROL ? reg : control;
	in->src = form == FORM_R_CONTROL ? control : reg;
	return 0;
}

static always_inline int set_operands(const struct decoding *s, struct insn *in, unsigned form)
{
	unsigned size = in->op_size;

	switch (form) {
	case FORM_RM_R:
		in->dst = operand_rm(s, size);
		in->src = operand_reg(s, modrm_reg(s), size);
		return 0;
	case FORM_R_RM:
		in->dst = operand_reg(s, modrm_reg(s), size);
		in->src = operand_rm(s, size);
		return 0;
	case FORM_RM_I:
		in->dst = operand_rm(s, size);
		in->src = operand(OPERAND_IMM, size, INSN_NO_REG);
		return 0;
	case FORM_RM:
		if (in->op == INSN_PUSH)
			in->src = operand_rm(s, size);
		else
			in->dst = operand_rm(s, size);
		return 0;
	case FORM_R_RM8:
		in->dst = operand_reg(s, modrm_reg(s), size);
		in->src = operand_rm(s, 1);
		return 0;
	case FORM_R_RM16:
		in->dst = operand_reg(s, modrm_reg(s), size);
		in->src = operand_rm(s, 2);
		return 0;
	case FORM_MOVSXD:
		in->dst = operand_reg(s, modrm_reg(s), size);
		in->src = operand_rm(s, MIN(size, 4u));
		return 0;
	case FORM_R_CONTROL:
	case FORM_CONTROL_R: return set_control(s, in, form);
	default: return 0;
	}
}

/* The rules whose breach is #UD. */
static always_inline int check_entry(const struct decoding *s, const struct insn *in,
				     const struct opcode *e)
{
	bool has_rm = e->form >= FORM_MODRM, is_mem = has_rm && modrm_mod(s) != MOD_REG;

	if (e->form == FORM_INVALID || ((e->flags & OP_NO64) && s->mode == INSN_64) ||
	    ((e->flags & OP_MEM) && !is_mem) || ((e->flags & OP_REG) && is_mem) ||
	    (e->op == INSN_MOV && (e->flags & OP_FEW_SIZES) && has_mandatory_prefix(s, in)) ||
	    ((in->prefixes & INSN_LOCK) && !((e->flags & OP_LOCK) && is_mem)))
		return -EINVAL;
	return 0;
}

/* The operations that know fewer sizes than the prefixes can say. */
static always_inline void adjust_size(const struct decoding *s, struct insn *in)
{
	switch (in->op) {
	case INSN_IN:
	case INSN_OUT:
	case INSN_INS:
	case INSN_OUTS: in->op_size = MIN(in->op_size, 4); break;
	case INSN_MOV: in->op_size = MAX(in->op_size, 4); break; /* MOVNTI */
	case INSN_SMSW: in->op_size = modrm_mod(s) == MOD_REG ? in->op_size : 2; break;
	case INSN_LMSW: in->op_size = 2; break;
	}
}

/* The entries and prefixes that can be #UD, or change sizes. */
static always_inline bool is_unusual(const struct insn *in, const struct opcode *e)
{
	return in->prefixes || (e->flags & (OP_NO64 | OP_MEM | OP_REG | OP_FEW_SIZES));
}

static always_inline int decode_plain(struct decoding *s, struct insn *in, const struct opcode *e)
{
	if (unlikely(is_unusual(in, e) || e->form == FORM_INVALID)) {
		int r = check_entry(s, in, e);

		if (r)
			return r;
	}
	set_size(s, in, e->flags);
	in->op = e->op;
	if (e->form == FORM_NONE && e->imm == IMM_NONE)
		return 0;
	if (e->flags & OP_FEW_SIZES)
		adjust_size(s, in);
	if (e->imm != IMM_NONE) {
		int r = take_immediate(s, in, e->imm);

		if (r)
			return r;
	}
	form_set_operands(s, in, e->form);
	return 0;
}

static always_inline int decode_modrm(struct decoding *s, struct insn *in, const struct opcode *e)
{
	struct opcode changed;
	int r = take_modrm(s, in, &e, &changed);

	if (unlikely(r))
		return r;
	set_size(s, in, e->flags);
	in->op = e->op;
	if (unlikely(is_unusual(in, e) || e->form <= FORM_INVALID)) {
		r = check_entry(s, in, e);
		if (r)
			return r;
		if (e->flags & OP_FEW_SIZES)
			adjust_size(s, in);
	}
	if (likely(modrm_mod(s) != MOD_REG)) {
		r = in->addr_size == 2 ? take_memory_16(s, in) : take_memory(s, in);
		if (unlikely(r))
			return r;
	}
	if (e->imm != IMM_NONE) {
		r = take_immediate(s, in, e->imm);
		if (r)
			return r;
	}
	return set_operands(s, in, e->form);
}

static always_inline int decode(struct decoding *s, struct insn *in)
{
	int r = take_opcode(s, in);

	if (unlikely(r))
		return r;

	const struct opcode *e = &opcode_map[s->opcode];

	if (e->form == FORM_TWO_BYTE) {
		if (unlikely(!have(s, 1)))
			return -EAGAIN;
		s->opcode = *s->at++;
		e = &opcode_map_0f[s->opcode];
	}
	return e->form < FORM_MODRM ? decode_plain(s, in, e) : decode_modrm(s, in, e);
}

int general_decode(const uint8_t *bytes, unsigned n, enum insn_mode mode, struct insn *out)
{
	struct decoding s = {
		.at = bytes,
		.end = bytes + MIN(n, (unsigned)INSN_MAX),
		.mode = mode,
		.override = NO_OVERRIDE,
		.op_size = mode == INSN_16 ? 2 : 4,
	};
	int r = decode(&s, out);

	if (unlikely(r))
		return r == -EAGAIN && n >= INSN_MAX ? -EINVAL : r;
	out->len = s.at - bytes;
	return 0;
}

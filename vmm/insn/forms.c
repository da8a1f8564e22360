/* SPDX-License-Identifier: MIT */
/*
 * The forms that are out of the ordinary: those that a prefix, the mode or the ModRM byte make
 * another instruction, and those whose operands are implied.
 */
#include "vmm/insn/decode.h"

#include "lib/errno.h"

enum { REG_SMSW = 4, REG_LMSW = 6, REG_INVLPG = 7 };
enum { OPCODE_LOW_MASK = 7, MOVBE_LOAD = 0xf0, MOVBE_STORE = 0xf1 };

static struct opcode entry_0f01(const struct decoding *s, const struct insn *in)
{
	struct opcode e = { INSN_OTHER, FORM_RM, IMM_NONE, OP_FEW_SIZES };

	if (modrm_field(s) == REG_SMSW)
		e.op = INSN_SMSW;
	else if (modrm_field(s) == REG_LMSW)
		e.op = INSN_LMSW;
	else if (modrm_mod(s) != MOD_REG && modrm_field(s) == REG_INVLPG)
		e.op = INSN_INVLPG;
	if (e.op != INSN_OTHER || modrm_mod(s) != MOD_REG)
		return e;

	e.form = FORM_NONE;
	if (s->modrm == MODRM_VMMCALL)
		e.op = INSN_VMMCALL;
	else if (s->modrm == MODRM_RDTSCP)
		e.op = INSN_RDTSCP;
	else if (has_mandatory_prefix(s, in))
		return e; /* the others are "NP" in the manual */
	switch (s->modrm) {
	case MODRM_VMCALL: e.op = INSN_VMCALL; break;
	case MODRM_MONITOR: e.op = INSN_MONITOR; break;
	case MODRM_MWAIT: e.op = INSN_MWAIT; break;
	case MODRM_XSETBV: e.op = INSN_XSETBV; break;
	}
	return e;
}

/* 0F 38 and 0F 3A: what was taken for ModRM is the third opcode byte. */
static int take_three_byte(struct decoding *s, const struct insn *in, struct opcode *e)
{
	uint8_t opcode = s->modrm;
	bool map_38 = e->form == FORM_MAP_38;

	if (!have(s, 1))
		return -EAGAIN;
	s->modrm = *s->at++;
	e->form = FORM_RM;
	if (map_38 && (opcode == MOVBE_LOAD || opcode == MOVBE_STORE) &&
	    !(in->prefixes & (INSN_REP | INSN_REPNE))) {
		e->op = INSN_MOVBE;
		e->form = opcode == MOVBE_LOAD ? FORM_R_RM : FORM_RM_R;
		e->flags |= OP_MEM;
	}
	return 0;
}

/* The forms whose meaning depends on more than the opcode: gives them a plain one. */
int form_resolve(struct decoding *s, const struct insn *in, struct opcode *e)
{
	switch (e->form) {
	case FORM_MOVSXD:
		if (s->mode != INSN_64)
			e->op = INSN_OTHER;
		break;
	case FORM_R_CONTROL:
	case FORM_CONTROL_R:
		s->modrm |= MOD_REG << MOD_SHIFT; /* mod is ignored: there is no memory form */
		break;
	case FORM_VEX:
		if (s->mode == INSN_64 || modrm_mod(s) == MOD_REG)
			return -ENOTSUP;
		e->form = FORM_RM;
		break;
	case FORM_8F:
		if ((s->modrm & XOP_MAP_MASK) >= XOP_MAP_FIRST)
			return -ENOTSUP;
		e->form = modrm_field(s) ? FORM_INVALID : FORM_RM;
		break;
	case FORM_0F01: *e = entry_0f01(s, in); break;
	case FORM_0F78:
		if (s->op_size_prefix || (in->prefixes & INSN_REPNE))
			e->imm = IMM_16;
		e->form = FORM_RM;
		break;
	case FORM_MAP_38:
	case FORM_MAP_3A: return take_three_byte(s, in, e);
	}
	return 0;
}

static void set_string(const struct decoding *s, struct insn *in)
{
	struct insn_operand mem = operand(OPERAND_MEM, in->op_size, INSN_NO_REG);
	struct insn_operand acc = operand(OPERAND_REG, in->op_size, RAX);
	struct insn_operand port = operand(OPERAND_REG, 2, RDX);

	in->dst = in->src = mem;
	in->base = RSI;
	set_segment(s, in, VSEG_DS);
	switch (in->op) {
	case INSN_LODS: in->dst = acc; return;
	case INSN_OUTS: in->dst = port; return;
	case INSN_STOS: in->src = acc; break;
	case INSN_INS: in->src = port; break;
	case INSN_SCAS: in->dst = acc; break;
	default: return; /* MOVS, CMPS */
	}
	in->base = RDI;
	in->seg = VSEG_ES; /* no override of the destination */
}

static void set_nop(const struct decoding *s, struct insn *in)
{
	if (s->rex & REX_B)
		return; /* XCHG with R8 */
	in->op = in->prefixes & INSN_REP ? INSN_PAUSE : INSN_OTHER;
	in->dst = in->src = operand(OPERAND_NONE, 0, 0);
}

/* The forms without ModRM. */
void form_set_operands(const struct decoding *s, struct insn *in, unsigned form)
{
	unsigned low = (s->opcode & OPCODE_LOW_MASK) | (s->rex & REX_B) << 3;
	struct insn_operand acc = operand(OPERAND_REG, in->op_size, RAX);
	struct insn_operand imm = operand(OPERAND_IMM, in->op_size, INSN_NO_REG);
	struct insn_operand mem = operand(OPERAND_MEM, in->op_size, INSN_NO_REG);
	struct insn_operand dx = operand(OPERAND_REG, 2, RDX);

	switch (form) {
	case FORM_Z:
		if (in->op == INSN_PUSH)
			in->src = operand_reg(s, low, in->op_size);
		else
			in->dst = operand_reg(s, low, in->op_size);
		break;
	case FORM_Z_I: in->dst = operand_reg(s, low, in->op_size), in->src = imm; break;
	case FORM_A_Z:
	case FORM_NOP: in->dst = operand_reg(s, low, in->op_size), in->src = acc; break;
	case FORM_A_I: in->dst = acc, in->src = imm; break;
	case FORM_I: in->src = imm; break;
	case FORM_A_OFFSET: in->dst = acc, in->src = mem; break;
	case FORM_OFFSET_A: in->dst = mem, in->src = acc; break;
	case FORM_A_PORT: in->dst = acc, in->src = imm, in->imm &= UINT8_MAX; break;
	case FORM_PORT_A: in->dst = imm, in->src = acc, in->imm &= UINT8_MAX; break;
	case FORM_A_DX: in->dst = acc, in->src = dx; break;
	case FORM_DX_A: in->dst = dx, in->src = acc; break;
	case FORM_STRING: set_string(s, in); break;
	}
	if (form == FORM_NOP)
		set_nop(s, in);
}

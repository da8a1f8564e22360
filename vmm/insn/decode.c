/* SPDX-License-Identifier: MIT */
/*
 * Bytes → struct insn. Exits pay for this code, and nearly all of them bring a bare opcode or a MOV
 * between a register and plain memory: these take short ways here, all others general.c's.
 */
#include "vmm/insn/decode.h"

/* CPUID, RDMSR, HLT …: all of the instruction is its opcode, and nothing stands before it. */
static always_inline bool decode_bare(const struct opcode *e, unsigned len, enum insn_mode mode,
				      struct insn *out)
{
	if (e->form != FORM_NONE || e->imm != IMM_NONE || e->flags)
		return false;
	out->len = len;
	out->op = e->op;
	out->op_size = mode == INSN_16 ? 2 : 4;
	return true;
}

/* The two hypercalls, which are counted in instructions too. */
static always_inline bool decode_hypercall(const uint8_t *bytes, enum insn_mode mode,
					   struct insn *out)
{
	if (bytes[2] != MODRM_VMCALL && bytes[2] != MODRM_VMMCALL)
		return false;
	out->len = 3;
	out->op = bytes[2] == MODRM_VMCALL ? INSN_VMCALL : INSN_VMMCALL;
	out->op_size = mode == INSN_16 ? 2 : 4;
	return true;
}

/*
 * MOV and its kin between a register and [base + displacement], at most with a REX: what drivers
 * touch device memory with. The general way takes twice as long.
 */
static always_inline bool decode_simple(const uint8_t *bytes, unsigned rex, struct insn *out)
{
	struct decoding s = { .at = bytes + (rex != 0), .rex = rex };
	const struct opcode *e = &opcode_map[*s.at++];
	unsigned size = e->flags & OP_BYTE ? 1 : rex & REX_W ? 8 : 4;

	s.modrm = *s.at++;

	unsigned mod = modrm_mod(&s), rm = s.modrm & FIELD_MASK;

	if ((e->form != FORM_RM_R && e->form != FORM_R_RM) || mod == MOD_REG || rm == RM_SIB ||
	    rm == RM_DISP)
		return false;
	if (mod == 1)
		out->disp = (int8_t)*s.at++;
	else if (mod == 2)
		out->disp = read_signed(s.at, 4), s.at += 4;

	struct insn_operand reg = operand_reg(&s, modrm_reg(&s), size);
	struct insn_operand mem = operand(OPERAND_MEM, size, INSN_NO_REG);

	out->dst = e->form == FORM_RM_R ? mem : reg;
	out->src = e->form == FORM_RM_R ? reg : mem;
	out->base = modrm_rm(&s);
	out->seg = VSEG_DS;
	out->op = e->op;
	out->op_size = size;
	out->len = s.at - bytes;
	return true;
}

/* The cases that nearly all exits are. False: it is none of them, and *out is untouched. */
static always_inline bool decode_usual(const uint8_t *bytes, enum insn_mode mode, struct insn *out)
{
	const struct opcode *e = &opcode_map[bytes[0]];

	if ((bytes[0] & REX_MASK) == REX && mode == INSN_64)
		return decode_simple(bytes, bytes[0], out);
	switch (e->form) {
	case FORM_TWO_BYTE:
		e = &opcode_map_0f[bytes[1]];
		return e->form == FORM_0F01 ? decode_hypercall(bytes, mode, out)
					    : decode_bare(e, 2, mode, out);
	case FORM_NONE: return decode_bare(e, 1, mode, out);
	case FORM_RM_R:
	case FORM_R_RM: return mode != INSN_16 && decode_simple(bytes, 0, out);
	default: return false;
	}
}

int insn_decode(const uint8_t *bytes, unsigned n, enum insn_mode mode, struct insn *out)
{
	enum { USUAL_MAX = 7 }; /* REX, opcode, ModRM and displacement */

	*out = (struct insn){ .addr_size = mode, .base = INSN_NO_REG, .index = INSN_NO_REG };
	if (likely(n >= USUAL_MAX) && decode_usual(bytes, mode, out))
		return 0;
	return general_decode(bytes, n, mode, out);
}

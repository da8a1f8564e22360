/* SPDX-License-Identifier: MIT */
/* Where a decoding stands, and the small steps that the short and the general way share. */
#ifndef VMM_INSN_DECODE_H
#define VMM_INSN_DECODE_H

#include "vmm/insn/opcodes.h"

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8, REX = 0x40, REX_MASK = 0xf0 };
enum { NO_OVERRIDE = 0xff };

/* The parts of ModRM and SIB, and the values of theirs that mean something else than a register. */
enum {
	MOD_SHIFT = 6,
	REG_SHIFT = 3,
	FIELD_MASK = 7,
	MOD_REG = 3,
	RM_SIB = 4,
	RM_DISP = 5,	/* with mod 0 */
	RM_DISP_16 = 6, /* the same, of 16-bit addresses */
	SIB_NO_INDEX = 4,
	SIB_NO_BASE = 5,     /* with mod 0 */
	XOP_MAP_MASK = 0x1f, /* of the byte after 8F: a map number from 8 on makes it XOP */
	XOP_MAP_FIRST = 8,
};

/* The encodings of 0F 01 with mod 3 that Plinth acts on. */
enum {
	MODRM_VMCALL = 0xc1,
	MODRM_MONITOR = 0xc8,
	MODRM_MWAIT = 0xc9,
	MODRM_XSETBV = 0xd1,
	MODRM_VMMCALL = 0xd9,
	MODRM_RDTSCP = 0xf9,
};

struct decoding {
	const uint8_t *at, *end;
	enum insn_mode mode;
	unsigned rex; /* 0: none */
	unsigned override;
	unsigned op_size_prefix;
	unsigned op_size; /* as the prefixes have it */
	unsigned opcode, modrm;
};

static always_inline bool have(const struct decoding *s, unsigned n)
{
	return (uint64_t)(s->end - s->at) >= n;
}

static always_inline int64_t read_signed(const uint8_t *p, unsigned n)
{
	uint64_t value = 0;

	switch (n) {
	case 1: return (int8_t)*p;
	case 2: __builtin_memcpy(&value, p, 2); return (int16_t)value;
	case 4: __builtin_memcpy(&value, p, 4); return (int32_t)value;
	default: __builtin_memcpy(&value, p, 8); return (int64_t)value;
	}
}

static always_inline bool has_mandatory_prefix(const struct decoding *s, const struct insn *in)
{
	return s->op_size_prefix || (in->prefixes & (INSN_REP | INSN_REPNE));
}

static always_inline unsigned modrm_mod(const struct decoding *s)
{
	return s->modrm >> MOD_SHIFT;
}

static always_inline unsigned modrm_field(const struct decoding *s)
{
	return (s->modrm >> REG_SHIFT) & FIELD_MASK;
}

static always_inline unsigned modrm_reg(const struct decoding *s)
{
	return modrm_field(s) | (s->rex & REX_R) << 1;
}

static always_inline unsigned modrm_rm(const struct decoding *s)
{
	return (s->modrm & FIELD_MASK) | (s->rex & REX_B) << 3;
}

/* One word at a time: the compiler does not merge four stores of bytes. */
static always_inline struct insn_operand operand(unsigned kind, unsigned size, unsigned reg)
{
	uint32_t word = kind | size << 8 | reg << 16;
	struct insn_operand o;

	_Static_assert(sizeof(o) == sizeof(word) && offsetof(struct insn_operand, kind) == 0 &&
			       offsetof(struct insn_operand, size) == 1 &&
			       offsetof(struct insn_operand, reg) == 2,
		       "struct insn_operand is built as a word");
	__builtin_memcpy(&o, &word, sizeof(o));
	return o;
}

static always_inline struct insn_operand operand_reg(const struct decoding *s, unsigned reg,
						     unsigned size)
{
	/* Without REX, byte registers 4 to 7 are AH, CH, DH and BH. */
	if (unlikely(size == 1) && reg >= RSP && reg <= RDI && !s->rex)
		return (struct insn_operand){ OPERAND_REG, size, reg - RSP, true };
	return operand(OPERAND_REG, size, reg);
}

static always_inline struct insn_operand operand_rm(const struct decoding *s, unsigned size)
{
	if (likely(modrm_mod(s) != MOD_REG))
		return operand(OPERAND_MEM, size, INSN_NO_REG);
	return operand_reg(s, modrm_rm(s), size);
}

static always_inline void set_segment(const struct decoding *s, struct insn *in, enum vseg seg)
{
	in->seg = likely(s->override == NO_OVERRIDE) ? seg : s->override;
}

/*
 * Gives the forms whose meaning depends on more than the opcode a plain one. 0 or negative errno.
 */
int form_resolve(struct decoding *s, const struct insn *in, struct opcode *e);
/* The operands of all forms that have no ModRM. */
void form_set_operands(const struct decoding *s, struct insn *in, unsigned form);
/* insn_decode() for any instruction; *out is empty. */
int general_decode(const uint8_t *bytes, unsigned n, enum insn_mode mode, struct insn *out);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Bytes → struct insn. The opcode's table entry names a form; prefixes, ModRM, displacement and
 * immediate are then taken in the order in which they stand in the instruction (SDM 2, "Instruction
 * Format"). Exits pay for this code: the usual instruction has no prefix or one REX, and takes
 * straight paths. All that is rare stands in functions of its own.
 */
#include "vmm/insn/opcodes.h"

#include "lib/errno.h"

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8, REX = 0x40, REX_MASK = 0xf0 };

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

enum { REG_SMSW = 4, REG_LMSW = 6, REG_INVLPG = 7 };
enum { OPCODE_LOW_MASK = 7, MOVBE_LOAD = 0xf0, MOVBE_STORE = 0xf1, DR_COUNT = 8 };
enum { NO_OVERRIDE = 0xff };

struct state {
	const uint8_t *at, *end;
	enum insn_mode mode;
	unsigned rex; /* 0: none */
	unsigned override;
	unsigned op_size_prefix;
	unsigned op_size; /* as the prefixes have it */
	unsigned opcode, modrm;
};

static always_inline bool have(const struct state *s, unsigned n)
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

static always_inline void take_prefix(struct state *s, struct insn *in, uint8_t byte)
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
static always_inline int take_opcode(struct state *s, struct insn *in)
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

static always_inline bool has_mandatory_prefix(const struct state *s, const struct insn *in)
{
	return s->op_size_prefix || (in->prefixes & (INSN_REP | INSN_REPNE));
}

static always_inline unsigned modrm_mod(const struct state *s)
{
	return s->modrm >> MOD_SHIFT;
}

static always_inline unsigned modrm_field(const struct state *s)
{
	return (s->modrm >> REG_SHIFT) & FIELD_MASK;
}

static always_inline unsigned modrm_reg(const struct state *s)
{
	return modrm_field(s) | (s->rex & REX_R) << 1;
}

static always_inline unsigned modrm_rm(const struct state *s)
{
	return (s->modrm & FIELD_MASK) | (s->rex & REX_B) << 3;
}

static struct opcode entry_0f01(const struct state *s, const struct insn *in)
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
static int take_three_byte(struct state *s, const struct insn *in, struct opcode *e)
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
static always_inline int resolve_form(struct state *s, const struct insn *in, struct opcode *e)
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

/* Takes the ModRM byte, and what it changes of the entry. */
static always_inline int take_modrm(struct state *s, const struct insn *in, const struct opcode **e,
				    struct opcode *changed)
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
	return resolve_form(s, in, changed);
}

static always_inline int take_displacement(struct state *s, struct insn *in, unsigned n)
{
	if (!n)
		return 0;
	if (unlikely(!have(s, n)))
		return -EAGAIN;
	in->disp = n == 1 ? (int8_t)*s->at : read_signed(s->at, n);
	s->at += n;
	return 0;
}

static always_inline void set_segment(const struct state *s, struct insn *in, enum vseg seg)
{
	in->seg = likely(s->override == NO_OVERRIDE) ? seg : s->override;
}

/* SDM 2, "16-Bit Addressing Forms with the ModR/M Byte". */
static int take_memory_16(struct state *s, struct insn *in)
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

static always_inline int take_sib(struct state *s, struct insn *in)
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

static always_inline int take_memory(struct state *s, struct insn *in)
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

static always_inline void set_size(const struct state *s, struct insn *in, unsigned flags)
{
	in->op_size = s->op_size;
	if (flags & OP_BYTE)
		in->op_size = 1;
	else if ((flags & OP_D64) && s->mode == INSN_64 && s->op_size == 4)
		in->op_size = 8;
}

static always_inline unsigned immediate_size(const struct state *s, const struct insn *in,
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

static always_inline int take_immediate(struct state *s, struct insn *in, unsigned imm)
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

static always_inline struct insn_operand operand_reg(const struct state *s, unsigned reg,
						     unsigned size)
{
	/* Without REX, byte registers 4 to 7 are AH, CH, DH and BH. */
	if (unlikely(size == 1) && reg >= RSP && reg <= RDI && !s->rex)
		return (struct insn_operand){ OPERAND_REG, size, reg - RSP, true };
	return operand(OPERAND_REG, size, reg);
}

static always_inline struct insn_operand operand_rm(const struct state *s, unsigned size)
{
	if (likely(modrm_mod(s) != MOD_REG))
		return operand(OPERAND_MEM, size, INSN_NO_REG);
	return operand_reg(s, modrm_rm(s), size);
}

static void set_string(const struct state *s, struct insn *in)
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

static int set_control(const struct state *s, struct insn *in, unsigned form)
{
	static const uint16_t control_registers = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 8;
	unsigned n = modrm_reg(s);

	if (in->op == INSN_MOV_CR ? !(control_registers >> n & 1) : n >= DR_COUNT)
		return -EINVAL;
	in->op_size = s->mode == INSN_64 ? 8 : 4;

	struct insn_operand reg = operand(OPERAND_REG, in->op_size, modrm_rm(s));
	struct insn_operand control = operand(OPERAND_CONTROL, in->op_size, n);

	in->dst = form == FORM_R_CONTROL ? reg : control;
	in->src = form == FORM_R_CONTROL ? control : reg;
	return 0;
}

static void set_nop(const struct state *s, struct insn *in)
{
	if (s->rex & REX_B)
		return; /* XCHG with R8 */
	in->op = in->prefixes & INSN_REP ? INSN_PAUSE : INSN_OTHER;
	in->dst = in->src = operand(OPERAND_NONE, 0, 0);
}

/* The forms without ModRM. */
static void set_operands_plain(const struct state *s, struct insn *in, unsigned form)
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

static always_inline int set_operands(const struct state *s, struct insn *in, unsigned form)
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
static always_inline int check_entry(const struct state *s, const struct insn *in,
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
static always_inline void adjust_size(const struct state *s, struct insn *in)
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

static always_inline int decode_plain(struct state *s, struct insn *in, const struct opcode *e)
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
	set_operands_plain(s, in, e->form);
	return 0;
}

static always_inline int decode_modrm(struct state *s, struct insn *in, const struct opcode *e)
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

static always_inline int decode(struct state *s, struct insn *in)
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

static __attribute__((noinline)) int decode_general(const uint8_t *bytes, unsigned n,
						    enum insn_mode mode, struct insn *out)
{
	struct state s = {
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

/*
 * MOV and its kin between a register and [base + displacement], at most with a REX: what drivers
 * touch device memory with. The general way takes twice as long.
 */
static always_inline bool decode_simple(const uint8_t *bytes, unsigned rex, struct insn *out)
{
	struct state s = { .at = bytes + (rex != 0), .rex = rex };
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
	case FORM_TWO_BYTE: return decode_bare(&opcode_map_0f[bytes[1]], 2, mode, out);
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
	return decode_general(bytes, n, mode, out);
}

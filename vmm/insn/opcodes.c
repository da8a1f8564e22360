/* SPDX-License-Identifier: MIT */
/*
 * The opcode maps. SDM 2, appendix "Opcode Map"; APM 3, appendix "Opcode and Operand Encodings".
 * An opcode that Plinth does not act on is OTHER: its form only has to give the right length.
 */
#include "vmm/insn/opcodes.h"

/* clang-format off */
#define E(op, form, imm, flags) { INSN_##op, FORM_##form, IMM_##imm, flags }
#define G(group) { GROUP_##group, FORM_MODRM, IMM_NONE, OP_GROUP }

#define BAD          { INSN_OTHER, FORM_INVALID, IMM_NONE, 0 }
#define PREFIX       { INSN_OTHER, FORM_PREFIX, IMM_NONE, 0 }
#define NONE         E(OTHER, NONE, NONE, 0)
#define NONE_NO64    E(OTHER, NONE, NONE, OP_NO64)
#define OTHER_RM     E(OTHER, RM, NONE, 0)
#define OTHER_MEM    E(OTHER, RM, NONE, OP_MEM)
#define OTHER_RM_I8  E(OTHER, RM, 8, 0)

#define X2(...)  __VA_ARGS__, __VA_ARGS__
#define X4(...)  X2(__VA_ARGS__), X2(__VA_ARGS__)
#define X8(...)  X4(__VA_ARGS__), X4(__VA_ARGS__)
#define X16(...) X8(__VA_ARGS__), X8(__VA_ARGS__)

/* The six forms of ADD and its kin, from r/m8, r8 to rAX, imm. */
#define ALU(op, lock)                                                                              \
	E(op, RM_R, NONE, OP_BYTE | (lock)), E(op, RM_R, NONE, lock),                              \
	E(op, R_RM, NONE, OP_BYTE), E(op, R_RM, NONE, 0),                                          \
	E(op, A_I, Z, OP_BYTE), E(op, A_I, Z, 0)
/* Byte and full-size string forms. */
#define STRING(op, flags) E(op, STRING, NONE, OP_BYTE), E(op, STRING, NONE, flags)

const struct opcode opcode_map[256] = {
	/* 00 */ ALU(ADD, OP_LOCK), X2(NONE_NO64), ALU(OR, OP_LOCK),
	/* 0E */ NONE_NO64, E(OTHER, TWO_BYTE, NONE, 0),
	/* 10 */ ALU(ADC, OP_LOCK), X2(NONE_NO64), ALU(SBB, OP_LOCK), X2(NONE_NO64),
	/* 20 */ ALU(AND, OP_LOCK), PREFIX, NONE_NO64, ALU(SUB, OP_LOCK), PREFIX, NONE_NO64,
	/* 30 */ ALU(XOR, OP_LOCK), PREFIX, NONE_NO64, ALU(CMP, 0), PREFIX, NONE_NO64,
	/* 40: in 64-bit mode these are REX, and decode.c has taken them already */
	/* 40 */ X8(E(INC, Z, NONE, OP_NO64)), X8(E(DEC, Z, NONE, OP_NO64)),
	/* 50 */ X8(E(PUSH, Z, NONE, OP_D64)), X8(E(POP, Z, NONE, OP_D64)),
	/* 60 */ X2(NONE_NO64), E(OTHER, VEX, NONE, OP_MEM), E(MOVSX, MOVSXD, NONE, 0), X4(PREFIX),
	/* 68 */ E(PUSH, I, Z, OP_D64), E(OTHER, RM, Z, 0), E(PUSH, I, 8, OP_D64), OTHER_RM_I8,
	/* 6C */ STRING(INS, OP_FEW_SIZES), STRING(OUTS, OP_FEW_SIZES),
	/* 70 */ X16(E(OTHER, NONE, 8, 0)),
	/* 80 */ G(1_BYTE), G(1_FULL), G(1_ALIAS), G(1_IMM8),
	/* 84 */ E(TEST, RM_R, NONE, OP_BYTE), E(TEST, RM_R, NONE, 0),
	/* 86 */ E(XCHG, RM_R, NONE, OP_BYTE | OP_LOCK), E(XCHG, RM_R, NONE, OP_LOCK),
	/* 88 */ E(MOV, RM_R, NONE, OP_BYTE), E(MOV, RM_R, NONE, 0),
	/* 8A */ E(MOV, R_RM, NONE, OP_BYTE), E(MOV, R_RM, NONE, 0),
	/* 8C */ OTHER_RM, OTHER_MEM, OTHER_RM, E(POP, 8F, NONE, OP_D64),
	/* 90 */ E(XCHG, NOP, NONE, 0), X4(E(XCHG, A_Z, NONE, 0)), X2(E(XCHG, A_Z, NONE, 0)),
	/* 97 */ E(XCHG, A_Z, NONE, 0),
	/* 98 */ X2(NONE), E(OTHER, NONE, FAR, OP_NO64), X4(NONE), NONE,
	/* A0 */ E(MOV, A_OFFSET, ADDR, OP_BYTE), E(MOV, A_OFFSET, ADDR, 0),
	/* A2 */ E(MOV, OFFSET_A, ADDR, OP_BYTE), E(MOV, OFFSET_A, ADDR, 0),
	/* A4 */ STRING(MOVS, 0), STRING(CMPS, 0), E(TEST, A_I, Z, OP_BYTE), E(TEST, A_I, Z, 0),
	/* AA */ STRING(STOS, 0), STRING(LODS, 0), STRING(SCAS, 0),
	/* B0 */ X8(E(MOV, Z_I, V, OP_BYTE)), X8(E(MOV, Z_I, V, 0)),
	/* C0 */ X2(OTHER_RM_I8), E(OTHER, NONE, 16, 0), NONE, X2(E(OTHER, VEX, NONE, OP_MEM)),
	/* C6 */ G(11_BYTE), G(11_FULL),
	/* C8 */ E(OTHER, NONE, 16_8, 0), NONE, E(OTHER, NONE, 16, 0), NONE,
	/* CC */ NONE, E(OTHER, NONE, 8, 0), NONE_NO64, NONE,
	/* D0 */ X4(OTHER_RM), X2(E(OTHER, NONE, 8, OP_NO64)), NONE_NO64, NONE,
	/* D8 */ X8(OTHER_RM),
	/* E0 */ X4(E(OTHER, NONE, 8, 0)), E(IN, A_PORT, 8, OP_BYTE), E(IN, A_PORT, 8, OP_FEW_SIZES),
	/* E6 */ E(OUT, PORT_A, 8, OP_BYTE), E(OUT, PORT_A, 8, OP_FEW_SIZES),
	/* E8 */ X2(E(OTHER, NONE, REL, 0)), E(OTHER, NONE, FAR, OP_NO64), E(OTHER, NONE, 8, 0),
	/* EC */ E(IN, A_DX, NONE, OP_BYTE), E(IN, A_DX, NONE, OP_FEW_SIZES),
	/* EE */ E(OUT, DX_A, NONE, OP_BYTE), E(OUT, DX_A, NONE, OP_FEW_SIZES),
	/* F0 */ PREFIX, NONE, X2(PREFIX), E(HLT, NONE, NONE, 0), NONE,
	/* F6 */ G(3_BYTE), G(3_FULL),
	/* F8 */ X4(NONE), X2(NONE), G(4), G(5),
};

const struct opcode opcode_map_0f[256] = {
	/* 00 */ G(6), E(OTHER, 0F01, NONE, 0), X2(OTHER_RM),
	/* 04 */ BAD, NONE, E(CLTS, NONE, NONE, 0), NONE,
	/* 08 */ E(INVD, NONE, NONE, 0), E(WBINVD, NONE, NONE, 0), BAD, NONE,
	/* 0C */ BAD, OTHER_RM, NONE, OTHER_RM_I8,
	/* 10 */ X16(OTHER_RM),
	/* 20 */ E(MOV_CR, R_CONTROL, NONE, 0), E(MOV_DR, R_CONTROL, NONE, 0),
	/* 22 */ E(MOV_CR, CONTROL_R, NONE, 0), E(MOV_DR, CONTROL_R, NONE, 0), X4(BAD),
	/* 28 */ X8(OTHER_RM),
	/* 30 */ E(WRMSR, NONE, NONE, 0), E(RDTSC, NONE, NONE, 0), E(RDMSR, NONE, NONE, 0),
	/* 33 */ E(RDPMC, NONE, NONE, 0), X2(NONE), BAD, NONE,
	/* 38 */ E(OTHER, MAP_38, NONE, 0), BAD, E(OTHER, MAP_3A, 8, 0), BAD, X4(BAD),
	/* 40 */ X16(OTHER_RM),
	/* 50 */ X16(OTHER_RM),
	/* 60 */ X16(OTHER_RM),
	/* 70 */ X4(OTHER_RM_I8), X2(OTHER_RM), OTHER_RM, NONE,
	/* 78 */ E(OTHER, 0F78, NONE, 0), OTHER_RM, X2(BAD), X4(OTHER_RM),
	/* 80 */ X16(E(OTHER, NONE, REL, 0)),
	/* 90 */ X16(OTHER_RM),
	/* A0 */ X2(NONE), E(CPUID, NONE, NONE, 0), E(BT, RM_R, NONE, 0),
	/* A4 */ OTHER_RM_I8, OTHER_RM, X2(OTHER_RM),
	/* A8 */ X2(NONE), NONE, E(BTS, RM_R, NONE, OP_LOCK), OTHER_RM_I8, X2(OTHER_RM), OTHER_RM,
	/* B0 */ E(CMPXCHG, RM_R, NONE, OP_BYTE | OP_LOCK), E(CMPXCHG, RM_R, NONE, OP_LOCK),
	/* B2 */ OTHER_MEM, E(BTR, RM_R, NONE, OP_LOCK), X2(OTHER_MEM),
	/* B6 */ E(MOVZX, R_RM8, NONE, 0), E(MOVZX, R_RM16, NONE, 0),
	/* B8 */ X2(OTHER_RM), G(8), E(BTC, RM_R, NONE, OP_LOCK), X2(OTHER_RM),
	/* BE */ E(MOVSX, R_RM8, NONE, 0), E(MOVSX, R_RM16, NONE, 0),
	/* C0 */ E(XADD, RM_R, NONE, OP_BYTE | OP_LOCK), E(XADD, RM_R, NONE, OP_LOCK),
	/* C2 */ OTHER_RM_I8, E(MOV, RM_R, NONE, OP_MEM | OP_FEW_SIZES), X2(OTHER_RM_I8), OTHER_RM_I8,
	/* C7 */ G(9), X8(NONE),
	/* D0 */ X16(OTHER_RM),
	/* E0 */ X16(OTHER_RM),
	/* F0 */ X16(OTHER_RM),
};

/* ADD and its kin with an immediate. */
#define GROUP_ALU(imm, flags)                                                                      \
	E(ADD, RM_I, imm, OP_LOCK | (flags)), E(OR, RM_I, imm, OP_LOCK | (flags)),                 \
	E(ADC, RM_I, imm, OP_LOCK | (flags)), E(SBB, RM_I, imm, OP_LOCK | (flags)),                \
	E(AND, RM_I, imm, OP_LOCK | (flags)), E(SUB, RM_I, imm, OP_LOCK | (flags)),                \
	E(XOR, RM_I, imm, OP_LOCK | (flags)), E(CMP, RM_I, imm, flags)
#define GROUP_UNARY(flags)                                                                         \
	X2(E(TEST, RM_I, Z, flags)), E(NOT, RM, NONE, OP_LOCK | (flags)),                          \
	E(NEG, RM, NONE, OP_LOCK | (flags)), X4(E(OTHER, RM, NONE, flags))
/* /7 with a register: XABORT and XBEGIN, whose offset is as wide as a MOV's immediate. */
#define GROUP_MOV(flags)                                                                           \
	E(MOV, RM_I, Z, flags), X4(BAD), X2(BAD), E(OTHER, RM, Z, OP_REG | (flags))

const struct opcode opcode_groups[OPCODE_GROUPS][8] = {
	[GROUP_1_BYTE] = { GROUP_ALU(Z, OP_BYTE) },
	[GROUP_1_FULL] = { GROUP_ALU(Z, 0) },
	[GROUP_1_ALIAS] = { GROUP_ALU(Z, OP_BYTE | OP_NO64) },
	[GROUP_1_IMM8] = { GROUP_ALU(8, 0) },
	[GROUP_3_BYTE] = { GROUP_UNARY(OP_BYTE) },
	[GROUP_3_FULL] = { GROUP_UNARY(0) },
	[GROUP_4] = {
		E(INC, RM, NONE, OP_LOCK | OP_BYTE), E(DEC, RM, NONE, OP_LOCK | OP_BYTE),
		X4(BAD), X2(BAD),
	},
	[GROUP_5] = {
		E(INC, RM, NONE, OP_LOCK), E(DEC, RM, NONE, OP_LOCK), OTHER_RM, OTHER_MEM,
		OTHER_RM, OTHER_MEM, E(PUSH, RM, NONE, OP_D64), BAD,
	},
	[GROUP_6] = { X4(OTHER_RM), X2(OTHER_RM), X2(BAD) },
	[GROUP_8] = {
		X4(BAD), E(BT, RM_I, 8, 0), E(BTS, RM_I, 8, OP_LOCK),
		E(BTR, RM_I, 8, OP_LOCK), E(BTC, RM_I, 8, OP_LOCK),
	},
	[GROUP_9] = {
		BAD, E(OTHER, RM, NONE, OP_MEM | OP_LOCK), BAD, X2(OTHER_MEM), OTHER_MEM,
		X2(OTHER_RM),
	},
	[GROUP_11_BYTE] = { GROUP_MOV(OP_BYTE) },
	[GROUP_11_FULL] = { GROUP_MOV(0) },
};
/* clang-format on */

static const char *const names[INSN_OPS] = {
	[INSN_OTHER] = "other",	  [INSN_MOV] = "mov",	      [INSN_MOVZX] = "movzx",
	[INSN_MOVSX] = "movsx",	  [INSN_MOVBE] = "movbe",     [INSN_MOVS] = "movs",
	[INSN_STOS] = "stos",	  [INSN_LODS] = "lods",	      [INSN_SCAS] = "scas",
	[INSN_CMPS] = "cmps",	  [INSN_AND] = "and",	      [INSN_OR] = "or",
	[INSN_XOR] = "xor",	  [INSN_ADD] = "add",	      [INSN_ADC] = "adc",
	[INSN_SUB] = "sub",	  [INSN_SBB] = "sbb",	      [INSN_CMP] = "cmp",
	[INSN_TEST] = "test",	  [INSN_INC] = "inc",	      [INSN_DEC] = "dec",
	[INSN_NOT] = "not",	  [INSN_NEG] = "neg",	      [INSN_XCHG] = "xchg",
	[INSN_XADD] = "xadd",	  [INSN_CMPXCHG] = "cmpxchg", [INSN_BT] = "bt",
	[INSN_BTS] = "bts",	  [INSN_BTR] = "btr",	      [INSN_BTC] = "btc",
	[INSN_PUSH] = "push",	  [INSN_POP] = "pop",	      [INSN_INS] = "ins",
	[INSN_OUTS] = "outs",	  [INSN_IN] = "in",	      [INSN_OUT] = "out",
	[INSN_CPUID] = "cpuid",	  [INSN_HLT] = "hlt",	      [INSN_RDMSR] = "rdmsr",
	[INSN_WRMSR] = "wrmsr",	  [INSN_RDTSC] = "rdtsc",     [INSN_RDTSCP] = "rdtscp",
	[INSN_RDPMC] = "rdpmc",	  [INSN_MOV_CR] = "mov cr",   [INSN_MOV_DR] = "mov dr",
	[INSN_CLTS] = "clts",	  [INSN_LMSW] = "lmsw",	      [INSN_SMSW] = "smsw",
	[INSN_INVLPG] = "invlpg", [INSN_INVD] = "invd",	      [INSN_WBINVD] = "wbinvd",
	[INSN_XSETBV] = "xsetbv", [INSN_VMCALL] = "vmcall",   [INSN_VMMCALL] = "vmmcall",
	[INSN_PAUSE] = "pause",	  [INSN_MONITOR] = "monitor", [INSN_MWAIT] = "mwait",
};

const char *insn_op_name(enum insn_op op)
{
	return (unsigned)op < INSN_OPS ? names[op] : "?";
}

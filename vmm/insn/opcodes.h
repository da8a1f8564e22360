/* SPDX-License-Identifier: MIT */
/* The opcode maps as tables: what decode.c needs to know of each opcode, in four bytes. */
#ifndef VMM_INSN_OPCODES_H
#define VMM_INSN_OPCODES_H

#include "vmm/insn/insn.h"

/* Where the operands are. From FORM_MODRM on, a ModRM byte follows the opcode. */
enum opcode_form {
	FORM_NONE,
	FORM_INVALID, /* #UD */
	FORM_TWO_BYTE,
	FORM_PREFIX,
	FORM_Z, /* a register named by the opcode's low bits */
	FORM_Z_I,
	FORM_A_Z, /* rAX and that register */
	FORM_NOP, /* 90: XCHG with itself, PAUSE, or an XCHG with R8 */
	FORM_A_I,
	FORM_I,
	FORM_A_OFFSET, /* an address without ModRM */
	FORM_OFFSET_A,
	FORM_A_PORT, /* IN and OUT: the port is the immediate, or DX */
	FORM_PORT_A,
	FORM_A_DX,
	FORM_DX_A,
	FORM_STRING,

	FORM_MODRM,
	FORM_RM = FORM_MODRM,
	FORM_RM_R,
	FORM_R_RM,
	FORM_RM_I,
	FORM_R_RM8, /* MOVZX, MOVSX */
	FORM_R_RM16,
	FORM_MOVSXD, /* ARPL outside of 64-bit mode */
	FORM_R_CONTROL,
	FORM_CONTROL_R,
	FORM_VEX, /* LES, LDS, BOUND, or a VEX or EVEX prefix */
	FORM_8F,  /* POP, or an XOP prefix */
	FORM_0F01,
	FORM_0F78,   /* VMREAD, or an SSE4a form with two immediate bytes */
	FORM_MAP_38, /* a third opcode byte: the ModRM byte comes after it */
	FORM_MAP_3A,
};

enum opcode_imm {
	IMM_NONE,
	IMM_8,
	IMM_Z, /* as the operand, at most 4 bytes */
	IMM_V, /* as the operand, up to 8 */
	IMM_16,
	IMM_16_8, /* ENTER */
	IMM_FAR,  /* selector and offset */
	IMM_REL,  /* of a near branch */
	IMM_ADDR, /* as the address */
};

enum opcode_flag {
	OP_BYTE = 1,	    /* the operand has one byte whatever the prefixes say */
	OP_D64 = 2,	    /* 64 bits by default in 64-bit mode */
	OP_NO64 = 4,	    /* not there in 64-bit mode */
	OP_LOCK = 8,	    /* LOCK is allowed where the destination is memory */
	OP_MEM = 16,	    /* #UD with a register as r/m */
	OP_REG = 32,	    /* #UD with memory as r/m */
	OP_GROUP = 64,	    /* op is an enum opcode_group: the ModRM reg field chooses */
	OP_FEW_SIZES = 128, /* IN, OUT, INS, OUTS, MOVNTI, SMSW, LMSW */
};

struct opcode {
	uint8_t op;   /* enum insn_op, or enum opcode_group */
	uint8_t form; /* enum opcode_form */
	uint8_t imm;  /* enum opcode_imm */
	uint8_t flags;
};

enum opcode_group {
	GROUP_1_BYTE,  /* 80 */
	GROUP_1_FULL,  /* 81 */
	GROUP_1_ALIAS, /* 82 */
	GROUP_1_IMM8,  /* 83 */
	GROUP_3_BYTE,  /* F6 */
	GROUP_3_FULL,  /* F7 */
	GROUP_4,       /* FE */
	GROUP_5,       /* FF */
	GROUP_6,       /* 0F 00 */
	GROUP_8,       /* 0F BA */
	GROUP_9,       /* 0F C7 */
	GROUP_11_BYTE, /* C6 */
	GROUP_11_FULL, /* C7 */
	OPCODE_GROUPS
};

extern const struct opcode opcode_map[256];
extern const struct opcode opcode_map_0f[256];
extern const struct opcode opcode_groups[OPCODE_GROUPS][8];

#endif

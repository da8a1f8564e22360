/* SPDX-License-Identifier: MIT */
/*
 * Instructions that Plinth must understand itself: those that touch device memory, string I/O, and
 * the sensitive ones whose length or operands the hardware does not tell. insn_decode() is pure;
 * insn_exec() does the memory forms against callbacks.
 */
#ifndef VMM_INSN_H
#define VMM_INSN_H

#include "arch/x86_64/virt/virt.h"

enum { INSN_MAX = 15 };

/* clang-format off */
enum insn_op {
	INSN_OTHER, /* length known, operation none of these */
	INSN_MOV, INSN_MOVZX, INSN_MOVSX, INSN_MOVBE,
	INSN_MOVS, INSN_STOS, INSN_LODS, INSN_SCAS, INSN_CMPS,
	INSN_AND, INSN_OR, INSN_XOR, INSN_ADD, INSN_ADC, INSN_SUB, INSN_SBB, INSN_CMP, INSN_TEST,
	INSN_INC, INSN_DEC, INSN_NOT, INSN_NEG,
	INSN_XCHG, INSN_XADD, INSN_CMPXCHG, INSN_BT, INSN_BTS, INSN_BTR, INSN_BTC, INSN_PUSH, INSN_POP,
	INSN_INS, INSN_OUTS, INSN_IN, INSN_OUT,
	INSN_CPUID, INSN_HLT, INSN_RDMSR, INSN_WRMSR, INSN_RDTSC, INSN_RDTSCP, INSN_RDPMC,
	INSN_MOV_CR, INSN_MOV_DR, INSN_CLTS, INSN_LMSW, INSN_SMSW, INSN_INVLPG, INSN_INVD, INSN_WBINVD,
	INSN_XSETBV, INSN_VMCALL, INSN_VMMCALL, INSN_PAUSE, INSN_MONITOR, INSN_MWAIT,
	INSN_OPS
};
/* clang-format on */

enum insn_operand_kind {
	OPERAND_NONE,
	OPERAND_REG,
	OPERAND_MEM,
	OPERAND_IMM,
	OPERAND_CONTROL /* a CR or DR */
};

enum { INSN_REP = 1, INSN_REPNE = 2, INSN_LOCK = 4 };
enum { INSN_NO_REG = 0xff };

struct insn_operand {
	uint8_t kind; /* enum insn_operand_kind */
	uint8_t size; /* bytes */
	uint8_t reg;  /* OPERAND_REG: enum gpr; OPERAND_CONTROL: the number of the CR or DR */
	bool high;    /* AH, CH, DH, BH */
};

struct insn {
	uint8_t len;
	uint8_t op;	   /* enum insn_op */
	uint8_t prefixes;  /* INSN_REP … */
	uint8_t op_size;   /* 1, 2, 4, 8 */
	uint8_t addr_size; /* 2, 4, 8 */
	uint8_t seg;	   /* enum vseg of the memory operand, overrides applied */
	struct insn_operand dst, src;
	uint64_t imm; /* sign-extended */
	/*
	 * The memory operand: seg.base + base + index * scale + disp; rip_relative adds the next
	 * RIP. Of MOVS and CMPS it is the one at rSI; the other is at ES:rDI.
	 */
	uint8_t base, index, scale; /* enum gpr or INSN_NO_REG */
	bool rip_relative;
	int64_t disp;
};

enum insn_mode { INSN_16 = 2, INSN_32 = 4, INSN_64 = 8 };

/*
 * Decodes the instruction in bytes[0..n), n <= 15. 0; -EAGAIN: it is longer than n; -EINVAL: not an
 * instruction (#UD), or longer than 15 bytes (#GP); -ENOTSUP: one that this decoder does not know
 * (VEX, EVEX, XOP). An encoding that is INSN_OTHER has the right length where it exists; that it
 * exists is checked only by its opcode.
 */
must_check int insn_decode(const uint8_t *bytes, unsigned n, enum insn_mode mode, struct insn *out);

const char *insn_op_name(enum insn_op op);

/*
 * The machine that an instruction acts on. mem() is called for each memory operand with its linear
 * address (segment base and limit, canonical form and wrap-around already applied by the executor,
 * through segment()); it does translation, then memory or the bus. Returns 0, or INSN_FAULT after
 * it has set up an exception for the guest: the executor then leaves registers as they were.
 */
enum {
	INSN_DONE = 0,
	INSN_FAULT = 1,
	INSN_AGAIN = 2 /* a REP instruction that has more to do: RIP stays */
};

struct insn_machine {
	uint64_t *gpr; /* [GPRS] */
	uint64_t *rip, *rflags;
	enum insn_mode mode;
	void *ctx;
	int (*mem)(void *ctx, gva_t addr, void *data, unsigned size, bool write, bool locked);
	int (*io)(void *ctx, uint16_t port, uint32_t *data, unsigned size, bool write);
	void (*segment)(void *ctx, enum vseg seg, struct segment *s);
	/* Raises an exception that the executor found: #GP(0), #SS(0), #UD … */
	void (*raise)(void *ctx, uint8_t vector, bool has_error, uint32_t error);
	/*
	 * May be NULL. Checks an access that mem() is going to do, without doing it; 0 or
	 * INSN_FAULT as mem(). INS asks before it reads the port, so that a page fault loses no
	 * data.
	 */
	int (*probe)(void *ctx, gva_t addr, unsigned size, bool write);
};

/*
 * Executes in; moves RIP on when done. A read-modify-write reads once and writes once. REP runs at
 * most 64 iterations a call, so that interrupts are not held back long. INSN_DONE, INSN_FAULT,
 * INSN_AGAIN, or -ENOTSUP for INSN_OTHER and the sensitive ones (they are their own exits).
 */
must_check int insn_exec(const struct insn *in, struct insn_machine *m);

#endif

/* SPDX-License-Identifier: MIT */
/* Arithmetic with flags, as the processor does it. Pure. */
#ifndef VMM_INSN_ALU_H
#define VMM_INSN_ALU_H

#include "vmm/insn/insn.h"

enum { ALU_SIZES = 9 };

extern const uint64_t alu_masks[ALU_SIZES];

/* All ones in the low size bytes; size is 1, 2, 4 or 8. */
static inline uint64_t alu_mask(unsigned size)
{
	return alu_masks[size];
}

/*
 * The result of ADD, ADC, SUB, SBB, CMP, AND, OR, XOR or TEST on the low size bytes of a and b, cut
 * to size; *rflags gets the status flags. CMP and TEST return what SUB and AND would.
 */
uint64_t alu_binary(enum insn_op op, uint64_t a, uint64_t b, unsigned size, uint64_t *rflags);
/* The same for INC, DEC, NOT and NEG. */
uint64_t alu_unary(enum insn_op op, uint64_t a, unsigned size, uint64_t *rflags);

#endif

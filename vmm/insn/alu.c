/* SPDX-License-Identifier: MIT */
/*
 * Results and flags from the operands' bits alone: carries and borrows out of each bit are computed
 * side by side, so that one formula serves all operand sizes (SDM 1, "Status Flags"). Where the
 * manual leaves a flag undefined, it gets what processors give it.
 */
#include "vmm/insn/alu.h"

#include "arch/x86_64/cr.h"

enum { AUX_CARRY_BIT = 0x10 };

#define STATUS_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

const uint64_t alu_masks[ALU_SIZES] = {
	[1] = UINT8_MAX,
	[2] = UINT16_MAX,
	[4] = UINT32_MAX,
	[8] = UINT64_MAX,
};

/* PF, ZF and SF of a result that is cut to size. */
static uint64_t result_flags(uint64_t result, unsigned size)
{
	uint64_t flags = 0;

	if (!__builtin_parity((uint8_t)result))
		flags |= RFLAGS_PF;
	if (!result)
		flags |= RFLAGS_ZF;
	if (result >> (size * 8 - 1))
		flags |= RFLAGS_SF;
	return flags;
}

static uint64_t carry_flags(uint64_t carries, uint64_t overflows, uint64_t sums, unsigned size)
{
	unsigned top = size * 8 - 1;
	uint64_t flags = 0;

	if (carries >> top & 1)
		flags |= RFLAGS_CF;
	if (overflows >> top & 1)
		flags |= RFLAGS_OF;
	if (sums & AUX_CARRY_BIT)
		flags |= RFLAGS_AF;
	return flags;
}

static uint64_t add(uint64_t a, uint64_t b, uint64_t carry, unsigned size, uint64_t *flags)
{
	uint64_t r = (a + b + carry) & alu_mask(size);

	*flags = result_flags(r, size) |
		 carry_flags((a & b) | ((a | b) & ~r), (a ^ r) & (b ^ r), a ^ b ^ r, size);
	return r;
}

static uint64_t subtract(uint64_t a, uint64_t b, uint64_t borrow, unsigned size, uint64_t *flags)
{
	uint64_t r = (a - b - borrow) & alu_mask(size);

	*flags = result_flags(r, size) |
		 carry_flags((~a & b) | ((~a | b) & r), (a ^ b) & (a ^ r), a ^ b ^ r, size);
	return r;
}

uint64_t alu_binary(enum insn_op op, uint64_t a, uint64_t b, unsigned size, uint64_t *rflags)
{
	uint64_t carry = *rflags & RFLAGS_CF ? 1 : 0, flags = 0, r;

	a &= alu_mask(size);
	b &= alu_mask(size);
	switch (op) {
	case INSN_ADD: r = add(a, b, 0, size, &flags); break;
	case INSN_ADC: r = add(a, b, carry, size, &flags); break;
	case INSN_SUB:
	case INSN_CMP: r = subtract(a, b, 0, size, &flags); break;
	case INSN_SBB: r = subtract(a, b, carry, size, &flags); break;
	case INSN_OR: r = a | b, flags = result_flags(r, size); break;
	case INSN_XOR: r = a ^ b, flags = result_flags(r, size); break;
	default: r = a & b, flags = result_flags(r, size); break; /* AND, TEST */
	}
	*rflags = (*rflags & ~STATUS_FLAGS) | flags;
	return r;
}

uint64_t alu_unary(enum insn_op op, uint64_t a, unsigned size, uint64_t *rflags)
{
	uint64_t keep = ~STATUS_FLAGS, flags = 0, r;

	a &= alu_mask(size);
	switch (op) {
	case INSN_NOT: return ~a & alu_mask(size);
	case INSN_NEG: r = subtract(0, a, 0, size, &flags); break;
	/* INC and DEC leave CF alone. */
	case INSN_INC:
		r = add(a, 1, 0, size, &flags);
		keep |= RFLAGS_CF;
		break;
	default:
		r = subtract(a, 1, 0, size, &flags);
		keep |= RFLAGS_CF;
		break;
	}
	*rflags = (*rflags & keep) | (flags & ~keep);
	return r;
}

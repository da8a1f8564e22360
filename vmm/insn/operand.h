/* SPDX-License-Identifier: MIT */
/* Registers, addresses and memory operands: what exec.c and string.c share. */
#ifndef VMM_INSN_OPERAND_H
#define VMM_INSN_OPERAND_H

#include "arch/x86_64/cr.h"
#include "vmm/insn/alu.h"
#include "vmm/insn/insn.h"

/* The offset of in's memory operand within its segment. */
uint64_t operand_offset(const struct insn *in, const struct insn_machine *m);
/* Segment and canonical checks. 0 and *out, or INSN_FAULT with the exception raised. */
int operand_linear(struct insn_machine *m, enum vseg seg, uint64_t offset, unsigned size,
		   bool write, gva_t *out);
/* The linear address of in's memory operand, as operand_linear() does it. */
int operand_address(const struct insn *in, struct insn_machine *m, unsigned size, bool write,
		    gva_t *out);

static inline uint64_t operand_reg_read(const struct insn_machine *m, const struct insn_operand *o)
{
	uint64_t value = m->gpr[o->reg];

	return (o->high ? value >> 8 : value) & alu_mask(o->size);
}

/* Replaces the low size bytes; a write of four clears the upper half. */
static inline void operand_gpr_write(struct insn_machine *m, unsigned reg, uint64_t value,
				     unsigned size)
{
	uint64_t mask = alu_mask(size);

	if (size >= 4)
		m->gpr[reg] = value & mask;
	else
		m->gpr[reg] = (m->gpr[reg] & ~mask) | (value & mask);
}

static inline void operand_reg_write(struct insn_machine *m, const struct insn_operand *o,
				     uint64_t value)
{
	const uint64_t high_byte = (uint64_t)UINT8_MAX << 8;

	if (unlikely(o->high))
		m->gpr[o->reg] = (m->gpr[o->reg] & ~high_byte) | (value << 8 & high_byte);
	else
		operand_gpr_write(m, o->reg, value, o->size);
}

/* Registers and immediates; memory is the caller's. */
static inline uint64_t operand_value(const struct insn *in, const struct insn_machine *m,
				     const struct insn_operand *o)
{
	return o->kind == OPERAND_REG ? operand_reg_read(m, o) : in->imm & alu_mask(o->size);
}

/* The instruction is done: RIP moves on, and RF ends with it (SDM 3, "Resume Flag"). */
static inline int operand_retire(const struct insn *in, struct insn_machine *m)
{
	uint64_t next = *m->rip + in->len;

	*m->rip = m->mode == INSN_64 ? next : (uint32_t)next;
	*m->rflags &= ~RFLAGS_RF;
	return INSN_DONE;
}

int string_exec(const struct insn *in, struct insn_machine *m);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Offsets into C's structs that assembly needs; the build turns each OFFSET into a #define of
 * asm_offsets.h.
 */
#include "arch/x86_64/virt/virt.h"

#define OFFSET(name, value) __asm__ volatile("\n.ascii \"->" #name " %0\"" : : "i"(value))

void asm_offsets(void);
void asm_offsets(void)
{
	OFFSET(GPR_RAX, RAX * 8);
	OFFSET(GPR_RCX, RCX * 8);
	OFFSET(GPR_RDX, RDX * 8);
	OFFSET(GPR_RBX, RBX * 8);
	OFFSET(GPR_RSP, RSP * 8);
	OFFSET(GPR_RBP, RBP * 8);
	OFFSET(GPR_RSI, RSI * 8);
	OFFSET(GPR_RDI, RDI * 8);
	OFFSET(GPR_R8, R8 * 8);
	OFFSET(GPR_R9, R9 * 8);
	OFFSET(GPR_R10, R10 * 8);
	OFFSET(GPR_R11, R11 * 8);
	OFFSET(GPR_R12, R12 * 8);
	OFFSET(GPR_R13, R13 * 8);
	OFFSET(GPR_R14, R14 * 8);
	OFFSET(GPR_R15, R15 * 8);
	_Static_assert(offsetof(struct virt_vcpu, gpr) == 0, "gpr[] is first");
}

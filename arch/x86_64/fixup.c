/* SPDX-License-Identifier: MIT */
/*
 * Each guarded instruction puts its address and a landing place into .fixups; a fault there lands
 * softly.
 */
#include "arch/x86_64/fixup.h"
#include "arch/x86_64/trap.h"
#include "lib/errno.h"

struct fixup {
	uint64_t at, land;
};

extern const struct fixup fixups_begin[], fixups_end[];

/* "1:" is the instruction; a fault lands at "3:", after setting err. */
#define GUARDED(instruction)                     \
	"1:\t" instruction "\n"                  \
	"2:\n\t"                                 \
	".pushsection .text.fixup, \"ax\"\n"     \
	"3:\tmovl %[eio], %[err]\n\t"            \
	"jmp 2b\n\t"                             \
	".popsection\n\t"                        \
	".pushsection .rodata.fixups, \"a\"\n\t" \
	".quad 1b, 3b\n\t"                       \
	".popsection"

bool fixup_apply(struct trap_frame *f)
{
	for (const struct fixup *x = fixups_begin; x != fixups_end; x++) {
		if (x->at != f->rip)
			continue;
		f->rip = x->land;
		return true;
	}
	return false;
}

int rdmsr_safe(uint32_t msr, uint64_t *value)
{
	uint32_t lo = 0, hi = 0;
	int err = 0;

	__asm__ volatile(GUARDED("rdmsr")
			 : "+a"(lo), "+d"(hi), [err] "+r"(err)
			 : "c"(msr), [eio] "i"(-EIO));
	*value = (uint64_t)hi << 32 | lo;
	return err;
}

int xsetbv_safe(uint64_t value)
{
	int err = 0;

	__asm__ volatile(GUARDED("xsetbv")
			 : [err] "+r"(err)
			 : "c"(0), "a"((uint32_t)value),
			   "d"((uint32_t)(value >> 32)), [eio] "i"(-EIO));
	return err;
}

// SPDX-License-Identifier: MIT
/* A triple fault is a shutdown, which a PC answers with a reset: the guest has to start again. */
#include "lib/cpu.h"
#include "lib/reset.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { NAME = 'T', KINDS = 3 };

/* No IDT at all; an IDT whose #DF handler is absent; no stack. */
static void fault(unsigned kind)
{
	if (kind == 0)
		trap_load_idt(0, 0);
	if (kind == 1) {
		trap_break_gate(VEC_DF, SEL_CODE64, false);
		trap_break_gate(VEC_UD, 0, true);
		trap_break_gate(VEC_GP, 0, true);
	}
	if (kind == 2) {
		trap_break_gate(VEC_PF, SEL_CODE64, false);
		trap_break_gate(VEC_NP, SEL_CODE64, false);
		trap_break_gate(VEC_DF, SEL_CODE64, false);
		*(volatile uint8_t *)0x7000000000ull = 0;
	}
	asm volatile("ud2");
}

void guest_main(void)
{
	unsigned count = reset_count(NAME);

	print("boot %u\n", count);
	serial_drain();
	if (count < KINDS) {
		reset_note(NAME);
		fault(count);
	}
	reset_forget();
	check_eq("restarts", KINDS, count);
}

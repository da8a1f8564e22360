// SPDX-License-Identifier: MIT
/*
 * An interrupt that is pending waits one instruction behind STI, and a single step one behind MOV
 * SS, also where that instruction is one that a hypervisor has to emulate. (Of STI and MOV SS in a
 * row only the first is sure to hold back an interrupt, so that is not tested.)
 */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/test.h"
#include "lib/trap.h"

enum { VECTOR = 0x55 };

struct shadow_case {
	const char *name;
	void (*code)(void);
	const char *expected; /* where the interrupt is to be taken */
};

extern const struct shadow_case shadow_cases[];
extern char shadow_hlt_end[], shadow_step_nop_at[], shadow_step_cpuid_at[];
void shadow_step_nop(void);
void shadow_step_cpuid(void);
void shadow_hlt(void);
void shadow_sti_cli(void);

static uint64_t taken_at;

static void take(struct trap_frame *f)
{
	taken_at = f->rip;
	apic_eoi();
}

static void step(struct trap_frame *f)
{
	taken_at = f->rip;
	f->rflags &= ~RFLAGS_TF;
}

static void test_steps(void)
{
	trap_set_handler(VEC_DB, step);
	shadow_step_nop();
	check_eq("single step over MOV SS and NOP", (uint64_t)shadow_step_nop_at, taken_at);
	shadow_step_cpuid();
	check_eq("single step over MOV SS and CPUID", (uint64_t)shadow_step_cpuid_at, taken_at);
	trap_set_handler(VEC_DB, 0);
}

void guest_main(void)
{
	apic_init();
	trap_set_handler(VECTOR, take);
	for (const struct shadow_case *c = shadow_cases; c->code; c++) {
		for (int i = 0; i < 3; i++) {
			taken_at = 0;
			apic_send_self(VECTOR);
			c->code();
			check_eq(c->name, (uint64_t)c->expected, taken_at);
		}
	}
	taken_at = 0;
	apic_send_self(VECTOR);
	shadow_hlt();
	check_eq("STI; HLT wakes and returns behind the HLT", (uint64_t)shadow_hlt_end, taken_at);
	taken_at = 0;
	apic_send_self(VECTOR);
	shadow_sti_cli();
	check_eq("STI; CLI opens no window", 0, taken_at);
	check_true("and the interrupt is pending still", apic_bit(LAPIC_IRR, VECTOR));
	irq_enable();
	irq_disable();
	check_true("until it is let in", taken_at != 0);
	test_steps();
}

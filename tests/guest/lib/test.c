// SPDX-License-Identifier: MIT
/* The verdict: checks, the end of the machine, and what kind of machine this is. */
#include "cpu.h"
#include "test.h"
#include "trap.h"

enum { STATUS_PASS = 0x10, STATUS_FAIL = 0x11, BOCHS_PORT_E9 = 0xe9 };

static unsigned failures;

void start_c(void);

bool check_eq(const char *what, uint64_t expected, uint64_t got)
{
	if (expected == got)
		return true;
	failures++;
	print("FAIL: %s, expected 0x%lx, got 0x%lx\n", what, expected, got);
	return false;
}

bool check_true(const char *what, bool holds)
{
	if (!holds) {
		failures++;
		print("FAIL: %s, expected true, got false\n", what);
	}
	return holds;
}

bool check_range(const char *what, uint64_t low, uint64_t high, uint64_t got)
{
	if (got >= low && got <= high)
		return true;
	failures++;
	print("FAIL: %s, expected %lu to %lu, got %lu\n", what, low, high, got);
	return false;
}

bool check_known(const char *what, uint64_t expected, uint64_t got, uint64_t faulty,
		 const char *who)
{
	if (got == faulty && got != expected && test_is_emulated()) {
		print("note: %s, expected 0x%lx, got 0x%lx: a known fault of %s\n", what, expected,
		      got, who);
		return true;
	}
	return check_eq(what, expected, got);
}

static bool hypervisor_is(const char *name)
{
	struct cpuid_regs r;

	if (!(cpuid(1, 0).ecx & (1u << 31)))
		return false;
	r = cpuid(0x40000000, 0);
	return !memcmp(&r.ebx, name, 12);
}

bool test_is_bare_tcg(void)
{
	return hypervisor_is("TCGTCGTCGTCG");
}

bool test_has_hypervisor(void)
{
	return (cpuid(1, 0).ecx & (1u << 31)) && !test_is_bare_tcg();
}

/*
 * Bochs answers a read of port E9 with E9 itself, which no PC does. Below a hypervisor the
 * emulator cannot be told: as no known fault is in a hypervisor's gift, it gets the benefit.
 */
bool test_is_emulated(void)
{
	return test_is_bare_tcg() || test_has_hypervisor() || inb(BOCHS_PORT_E9) == BOCHS_PORT_E9;
}

bool test_counts_instructions(void)
{
	enum { TURNS = 1000 };
	uint64_t least = ~0ull, most = 0, start, ticks;

	for (int i = 0; i < 5; i++) {
		uint32_t n = TURNS;

		start = rdtsc();
		asm volatile("1: dec %0; jnz 1b" : "+r"(n)::"cc");
		ticks = rdtsc() - start;
		least = ticks < least ? ticks : least;
		most = ticks > most ? ticks : most;
	}
	return least >= 2 * TURNS && most <= 2 * TURNS + 20;
}

_Noreturn void test_end(void)
{
	static const char shutdown[] = "Shutdown";

	irq_disable();
	if (!failures)
		print("PASS\n");
	serial_drain();
	outb(PORT_EXIT, failures ? STATUS_FAIL : STATUS_PASS);
	/* Bochs has no such port: this word ends it. */
	for (const char *c = shutdown; *c; c++)
		outb(PORT_BOCHS_SHUTDOWN, (uint8_t)*c);
	for (;;)
		asm volatile("cli; hlt");
}

void start_c(void)
{
	serial_init();
	trap_init();
	guest_main();
	test_end();
}

// SPDX-License-Identifier: MIT
/* The verdict: checks, the end of the machine, and what kind of machine this is. */
#include "acpi.h"
#include "cpu.h"
#include "test.h"
#include "trap.h"

enum { STATUS_PASS = 0x10, STATUS_FAIL = 0x11 };

static unsigned failures;
static const char *tolerated;

void start_c(void);

static void tell(const char *what, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Counts a failure, or says why it is none. */
static void tell(const char *what, const char *fmt, ...)
{
	struct serial_state saved;
	bool claimed = serial_claim(&saved);
	va_list ap;

	if (!tolerated)
		failures++;
	print("%s: %s, ", tolerated ? "note" : "FAIL", what);
	va_start(ap, fmt);
	print_args(fmt, ap);
	va_end(ap);
	if (tolerated)
		print(" (known: %s)", tolerated);
	print("\n");
	if (claimed)
		serial_release(&saved);
}

unsigned test_failures(void)
{
	return failures;
}

bool check_eq(const char *what, uint64_t expected, uint64_t got)
{
	if (expected != got)
		tell(what, "expected 0x%lx, got 0x%lx", expected, got);
	return expected == got;
}

bool check_true(const char *what, bool holds)
{
	if (!holds)
		tell(what, "expected true, got false");
	return holds;
}

bool check_range(const char *what, uint64_t low, uint64_t high, uint64_t got)
{
	if (got < low || got > high)
		tell(what, "expected %lu to %lu, got %lu", low, high, got);
	return got >= low && got <= high;
}

void test_tolerate(bool when, const char *why)
{
	tolerated = when ? why : 0;
}

void test_tolerate_end(void)
{
	tolerated = 0;
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

bool test_is_bare_bochs(void)
{
	const struct acpi_fadt *fadt = acpi_fadt();

	/* QEMU's firmware has this OEM ID too, but TCG says by CPUID what it is. */
	return !(cpuid(1, 0).ecx & (1u << 31)) && fadt && !memcmp(fadt->h.oem_id, "BOCHS ", 6);
}

bool test_has_hypervisor(void)
{
	return (cpuid(1, 0).ecx & (1u << 31)) && !test_is_bare_tcg();
}

/* Below a hypervisor the emulator cannot be told, but what its CPU gets wrong shows through. */
bool test_is_emulated(void)
{
	return test_is_bare_tcg() || test_has_hypervisor() || test_is_bare_bochs();
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

/* SPDX-License-Identifier: MIT */
/*
 * How a test guest speaks: check_*() prints a FAIL line for what is wrong; guest_main() returns and
 * the library prints PASS when nothing failed, then ends the machine with the status.
 */
#ifndef GUEST_TEST_H
#define GUEST_TEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each guest's own. */
void guest_main(void);

/* The boot loader's structure (multiboot 1), as it came in EBX; 0 when the magic was wrong. */
extern uint32_t boot_multiboot_info;

void serial_init(void);
void serial_putc(char c);
/* Waits until the last bit has left the transmitter. */
void serial_drain(void);
/* For a print while a test has the port in loopback: out of it, if so, and back. */
struct serial_state {
	uint8_t mcr, ier;
};
bool serial_claim(struct serial_state *saved);
void serial_release(const struct serial_state *saved);

/* %c %s %d %u %x with l/ll/z, 0 and a width: enough for the tests. */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void print_args(const char *fmt, va_list ap);

/* Each returns whether the check held. */
bool check_eq(const char *what, uint64_t expected, uint64_t got);
bool check_true(const char *what, bool holds);
bool check_range(const char *what, uint64_t low, uint64_t high, uint64_t got);

/* How many checks have failed. */
unsigned test_failures(void);

/*
 * A check that a named emulator's CPU is known to get wrong in a known way: `faulty` is then let
 * through with a note, but only where an emulator is at work (see test_is_emulated).
 */
bool check_known(const char *what, uint64_t expected, uint64_t got, uint64_t faulty,
		 const char *who);

/*
 * From here on a check that fails is a note and no failure, where `when` holds: for a known fault
 * of a bare emulator's device, which `why` names. test_tolerate_end() ends it.
 */
void test_tolerate(bool when, const char *why);
void test_tolerate_end(void);

/* Whether QEMU TCG or Bochs is the machine, with or without a hypervisor between. */
bool test_is_emulated(void);
/* Whether some hypervisor (QEMU TCG's own leaf not counted) announces itself by CPUID. */
bool test_has_hypervisor(void);
/* Whether the machine is QEMU TCG itself, nothing between. */
bool test_is_bare_tcg(void);
/* The same for Bochs. */
bool test_is_bare_bochs(void);
/* Whether TSC ticks count instructions here, so that costs can be held to budgets. */
bool test_counts_instructions(void);

/* Prints PASS unless something failed, and ends the machine. */
_Noreturn void test_end(void);

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif

// SPDX-License-Identifier: MIT
/* The ways in which systems restart a PC: after each the guest starts again from its beginning. */
#include "lib/acpi.h"
#include "lib/cpu.h"
#include "lib/reset.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { NAME = 'R', CMD_PULSE_RESET = 0xfe, FAST_RESET = 1, CF9_HARD = 2, CF9_RESET = 4 };
enum { SPACE_IO = 1, SPACE_MEMORY = 0 };

static void by_i8042(void)
{
	while (inb(I8042_STATUS) & 2)
		pause();
	outb(I8042_CMD, CMD_PULSE_RESET);
}

static void by_port_92(void)
{
	outb(PORT_92, inb(PORT_92) & (uint8_t)~FAST_RESET);
	outb(PORT_92, inb(PORT_92) | FAST_RESET);
}

static void by_cf9(void)
{
	outb(PORT_CF9, CF9_HARD);
	outb(PORT_CF9, CF9_HARD | CF9_RESET);
}

static void by_acpi(void)
{
	const struct acpi_fadt *fadt = acpi_fadt();

	if (fadt->reset_reg.space == SPACE_IO)
		outb((uint16_t)fadt->reset_reg.address, fadt->reset_value);
	else if (fadt->reset_reg.space == SPACE_MEMORY)
		*(volatile uint8_t *)fadt->reset_reg.address = fadt->reset_value;
}

static void by_triple_fault(void)
{
	trap_load_idt(0, 0);
	asm volatile("int3");
}

static bool has_acpi(void)
{
	const struct acpi_fadt *fadt = acpi_fadt();

	return fadt && fadt->h.length >= sizeof(*fadt) && (fadt->flags & FADT_RESET_REG_SUP);
}

/* Bochs's firmware panics after a keyboard controller's reset, and it has no fast reset. */
static bool is_not_bochs(void)
{
	return !test_is_bare_bochs();
}

static bool always(void)
{
	return true;
}

static const struct {
	const char *name;
	void (*reset)(void);
	bool (*is_possible)(void);
} ways[] = {
	{ "keyboard controller", by_i8042, is_not_bochs },
	{ "port 92h", by_port_92, is_not_bochs },
	{ "port CF9h", by_cf9, always },
	{ "ACPI reset register", by_acpi, has_acpi },
	{ "triple fault", by_triple_fault, always },
};

void guest_main(void)
{
	enum { WAYS = sizeof(ways) / sizeof(ways[0]) };
	unsigned way = reset_count(NAME);

	for (; way < WAYS && !ways[way].is_possible(); way++) {
		print("%s: not on this machine\n", ways[way].name);
		reset_note(NAME);
	}
	if (way < WAYS) {
		print("%s\n", ways[way].name);
		serial_drain();
		reset_note(NAME);
		ways[way].reset();
		time_wait_us(50000);
		check_true("the machine restarts", false);
		print("  (%s)\n", ways[way].name);
	}
	reset_forget();
}

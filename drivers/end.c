/* SPDX-License-Identifier: MIT */
/*
 * Three ways out of a machine: ACPI's, and those by which QEMU and Bochs tell a test how it went.
 */
#include "drivers/end.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/features.h"
#include "core/shell.h"
#include "drivers/console.h"
#include "drivers/power.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

enum { BOCHS_SHUTDOWN_PORT = 0x8900, STATUS_FAILED = 0x7f };

static struct {
	enum { END_ACPI, END_BOCHS, END_DEBUG_EXIT } way;
	uint16_t port;
} end;

int end_configure(const char *how)
{
	uint64_t port;

	if (!strcmp(how, "acpi")) {
		end.way = END_ACPI;
	} else if (!strcmp(how, "bochs")) {
		end.way = END_BOCHS;
	} else if (!str_to_u64(how, &port) && port && port <= UINT16_MAX) {
		end.way = END_DEBUG_EXIT;
		end.port = (uint16_t)port;
	} else {
		return -EINVAL;
	}
	return 0;
}

static _Noreturn void halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void end_bochs(void)
{
	for (const char *c = "Shutdown"; *c; c++)
		out8(BOCHS_SHUTDOWN_PORT, (uint8_t)*c);
}

void end_machine(uint8_t status)
{
	console_flush();
	switch (end.way) {
	case END_BOCHS: end_bochs(); break;
	case END_DEBUG_EXIT: out32(end.port, status); break;
	default:
		if (power_off())
			log_error("the machine does not switch itself off: it is safe to do so by "
				  "hand");
		break;
	}
	console_flush();
	halt();
}

void end_failed(void)
{
	log_result("plinth: guest ended: not started, status %u", STATUS_FAILED);
	if (end.way != END_ACPI || features.under_hypervisor)
		end_machine(STATUS_FAILED);
	console_flush();
	halt();
}

static void switch_off(void)
{
	log_result("plinth: guest ended: switched off by the shell, status 0");
	end_machine(0);
}

static void restart(void)
{
	log_result("plinth: the machine is reset by the shell");
	console_flush();
	power_reset();
}

static void run_poweroff(struct reply *r, unsigned argc, char **argv)
{
	(void)argc;
	(void)argv;
	r->after = switch_off;
}

static void run_reboot(struct reply *r, unsigned argc, char **argv)
{
	(void)argc;
	(void)argv;
	r->after = restart;
}

static const struct shell_command commands[] = {
	{ .name = "poweroff",
	  .help = "Switches the machine off at once; guests are not asked",
	  .run = run_poweroff },
	{ .name = "reboot",
	  .help = "Resets the machine at once; guests are not asked",
	  .run = run_reboot },
};

const struct shell_table end_commands = { commands, ARRAY_SIZE(commands) };

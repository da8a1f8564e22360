/* SPDX-License-Identifier: MIT */
/* How the machine ends when Plinth has nothing left to do, or cannot go on. */
#ifndef DRIVERS_END_H
#define DRIVERS_END_H

#include "lib/types.h"

/*
 * From Plinth's command line, exit=…: "acpi" (power off; the default), "bochs" (Bochs's shutdown
 * port), or a port number (QEMU's isa-debug-exit, which gets the status). 0, or -EINVAL.
 */
must_check int end_configure(const char *how);

/* The last guest has ended; status is what an emulator is to tell whoever started it. */
_Noreturn void end_machine(uint8_t status);
/*
 * Plinth itself has failed or refused, and has said why. A virtual machine ends; a real one stays
 * on, so that the message can be read.
 */
_Noreturn void end_failed(void);

/* poweroff, reboot. */
struct shell_table;
extern const struct shell_table end_commands;

#endif

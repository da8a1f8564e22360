/* SPDX-License-Identifier: MIT */
/* What an operator has: the commands, the shell on the terminal, and the control line. */
#ifndef BOOT_COMMANDS_H
#define BOOT_COMMANDS_H

#include "boot/options.h"
#include "core/shell.h"

/* THE list of command tables. */
extern const struct shell_table *const commands[];

/* Starts the shell's thread: Ctrl-] on the terminal leads to it from then on. 0 or -ENOMEM. */
must_check int terminal_start(void);
/* Starts the thread of the control line that o names, where there is such a port. */
void control_start(const struct options *o);

#endif

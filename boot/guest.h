/* SPDX-License-Identifier: MIT */
/* The guests of the config: made, started, and what follows when the last one has ended. */
#ifndef BOOT_GUEST_H
#define BOOT_GUEST_H

#include "boot/boot_info.h"
#include "boot/options.h"
#include "core/shell.h"

/* Runs them. Comes back when the machine is to be switched off, with its status. */
uint8_t guests_run(const struct boot_info *info, const struct options *o);

/* create: a guest from the shell. */
extern const struct shell_table guest_commands;

#endif

/* SPDX-License-Identifier: MIT */
/* The commands that look at the machine's processors. */
#ifndef CORE_CPUS_H
#define CORE_CPUS_H

#include "core/shell.h"

extern const struct shell_table cpus_commands;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Plinth's own faults, on purpose: crash=KIND shows what each looks like, and that the protections
 * hold.
 */
#ifndef BOOT_CRASH_H
#define BOOT_CRASH_H

#include "lib/types.h"

/* Whether there is such a kind. */
bool crash_is_kind(const char *kind);
/* Does not come back. */
_Noreturn void crash(const char *kind);

#endif

/* SPDX-License-Identifier: MIT */
/* The guest that is run: the config's first that starts by itself. */
#ifndef BOOT_GUEST_H
#define BOOT_GUEST_H

#include "boot/boot_info.h"
#include "boot/options.h"

/* Runs it to its end and says how that was. The status for whoever started the machine. */
uint8_t guest_run(const struct boot_info *info, const struct options *o);

#endif

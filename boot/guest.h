/* SPDX-License-Identifier: MIT */
/*
 * The guest that a machine without a config runs: the first boot module is its kernel, the second
 * its initrd.
 */
#ifndef BOOT_GUEST_H
#define BOOT_GUEST_H

#include "boot/boot_info.h"
#include "boot/options.h"

/* Runs it to its end and says how that was. The status for whoever started the machine. */
uint8_t guest_run(const struct boot_info *info, const struct options *o);

#endif

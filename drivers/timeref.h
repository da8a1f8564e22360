/* SPDX-License-Identifier: MIT */
/*
 * The clocks of known frequency that a PC has: HPET, ACPI PM timer, PIT. The TSC is measured by
 * one.
 */
#ifndef DRIVERS_TIMEREF_H
#define DRIVERS_TIMEREF_H

#include "arch/x86_64/tsc.h"
#include "drivers/acpi.h"

/* The best that this machine has, running. Valid until the next call. */
const struct tsc_reference *timeref_find(const struct acpi_info *acpi);

#endif

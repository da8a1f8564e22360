/* SPDX-License-Identifier: MIT */
/* Switching the host off, and resetting it. */
#ifndef DRIVERS_POWER_H
#define DRIVERS_POWER_H

#include "drivers/acpi.h"

/* What to write into SLP_TYP of PM1a and PM1b for S5 ("soft off"). */
struct power_s5 {
	uint8_t type_a, type_b;
};

/* After acpi_init(), which need not have found anything. acpi stays in use. */
void power_init(const struct acpi_info *acpi);

/* Returns only when it fails: -ENODEV, firmware names no way; -EIO, it did not work. */
int power_off(void);
/*
 * ACPI's reset register, port CF9, the keyboard controller, a triple fault: the first that works.
 */
_Noreturn void power_reset(void);

/*
 * Pure: looks for the package \_S5 in n bytes of AML. 0, or -ENOENT. Nothing outside of the n bytes
 * is looked at, whatever they hold.
 */
must_check int power_find_s5(const uint8_t *aml, size_t n, struct power_s5 *s5);

#endif

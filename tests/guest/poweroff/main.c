// SPDX-License-Identifier: MIT
/*
 * Power-off as the ACPI tables describe it. It prints PASS and then switches the machine off: the
 * test has failed when a FAIL follows, or when the machine is still there.
 */
#include "lib/acpi.h"
#include "lib/test.h"
#include "lib/time.h"

void guest_main(void)
{
	const struct acpi_fadt *fadt = acpi_fadt();
	int type;

	if (!check_true("a sound FADT", fadt != 0))
		return;
	type = acpi_s5_type(fadt);
	if (!check_true("the DSDT's _S5", type >= 0))
		return;
	check_true("ACPI is on", acpi_turn_on(fadt));
	print("SLP_TYP %d to port %x\nPASS\n", type, fadt->pm1a_cnt);
	serial_drain();
	acpi_power_off(fadt, type);
	time_wait_us(100000);
	check_true("the machine goes off", false);
}

// SPDX-License-Identifier: MIT
/*
 * Power-off as the ACPI tables describe it. It prints PASS and then switches the machine off: the
 * test has failed when a FAIL follows, or when the machine is still there.
 */
#include "lib/acpi.h"
#include "lib/cpu.h"
#include "lib/test.h"
#include "lib/time.h"

enum { SLP_TYP_SHIFT = 10, SLP_EN = 1 << 13, PM1_SCI_EN = 1 };
enum { AML_PACKAGE = 0x12, AML_BYTE = 0x0a, AML_NAME = 0x08, AML_ROOT = '\\' };

/* The value of a small AML integer; -1 when it is none. */
static int read_integer(const uint8_t **at)
{
	const uint8_t *p = *at;

	if (p[0] == AML_BYTE) {
		*at += 2;
		return p[1];
	}
	*at += 1;
	return p[0] <= 1 ? p[0] : -1; /* ZeroOp, OneOp */
}

/* Name (_S5, Package () { SLP_TYPa, SLP_TYPb, … }); -1 when the DSDT has none. */
static int find_s5(const struct acpi_header *dsdt)
{
	const uint8_t *aml = (const uint8_t *)dsdt;

	for (uint32_t i = sizeof(*dsdt) + 1; i + 9 <= dsdt->length; i++) {
		const uint8_t *p = aml + i + 4;

		if (memcmp(aml + i, "_S5_", 4) || p[0] != AML_PACKAGE)
			continue;
		if (aml[i - 1] != AML_NAME && !(aml[i - 1] == AML_ROOT && aml[i - 2] == AML_NAME))
			continue;
		p += 2 + (p[1] >> 6); /* PkgLength */
		p += 1;		      /* NumElements */
		return read_integer(&p);
	}
	return -1;
}

static void turn_acpi_on(const struct acpi_fadt *fadt)
{
	uint16_t control = (uint16_t)fadt->pm1a_cnt;

	if ((inw(control) & PM1_SCI_EN) || !fadt->smi_cmd || !fadt->acpi_enable)
		return;
	outb((uint16_t)fadt->smi_cmd, fadt->acpi_enable);
	for (int i = 0; i < 100 && !(inw(control) & PM1_SCI_EN); i++)
		time_wait_us(1000);
	check_eq("ACPI is on", PM1_SCI_EN, inw(control) & PM1_SCI_EN);
}

void guest_main(void)
{
	const struct acpi_fadt *fadt = acpi_fadt();
	int type;

	if (!check_true("a sound FADT", fadt != 0))
		return;
	type = find_s5((const struct acpi_header *)(uint64_t)fadt->dsdt);
	if (!check_true("the DSDT's _S5", type >= 0))
		return;
	turn_acpi_on(fadt);
	print("SLP_TYP %d to port %x\nPASS\n", type, fadt->pm1a_cnt);
	serial_drain();
	outw((uint16_t)fadt->pm1a_cnt, (uint16_t)(type << SLP_TYP_SHIFT | SLP_EN));
	time_wait_us(100000);
	check_true("the machine goes off", false);
}

/* SPDX-License-Identifier: MIT */
/* The firmware tables of a guest's machine, in its memory where a PC's BIOS has them. */
#ifndef VMM_ACPI_ACPI_H
#define VMM_ACPI_ACPI_H

#include "vmm/load/e820.h"

struct vm;

/* Where the RSDP is: on a boundary where a guest that is not told finds it. */
#define ACPI_RSDP GUEST_ACPI

/*
 * Writes RSDP, RSDT, XSDT, FADT, FACS, MADT and DSDT for vm as it has been created. 0; -EFAULT: no
 * memory there; -ENOSPC: the tables do not fit (both logged).
 */
must_check int acpi_build(struct vm *vm);

/* Writes the SMBIOS 2 and 3 entry points and structures; errors as above. smbios.c */
must_check int smbios_build(struct vm *vm);

#endif

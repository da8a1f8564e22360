/* SPDX-License-Identifier: MIT */
/*
 * What a boot loader told, whichever it was. boot/ fills it; nothing later knows which loader ran.
 */
#ifndef BOOT_INFO_H
#define BOOT_INFO_H

#include "lib/addr.h"

enum { BOOT_REGIONS = 128, BOOT_MODULES = 32, BOOT_STRING = 2048, BOOT_NAME = 64 };

/* The types of an E820 entry (ACPI, "System Address Map Interfaces"). */
enum region_type {
	REGION_RAM = 1,
	REGION_RESERVED = 2,
	REGION_ACPI = 3,
	REGION_NVS = 4,
	REGION_BAD = 5
};

struct boot_region {
	uint64_t base, size;
	uint32_t type;
};

struct boot_module {
	hpa_t start;
	uint64_t size;
	char cmdline[BOOT_STRING]; /* the module's line in the boot loader's config, file name
				      removed */
	bool cmdline_cut;
	/*
	 * The last part of the line's first word, file name included where the loader gives it; for
	 * a config to name the module by. Empty: there is none, or it is too long.
	 */
	char name[BOOT_NAME];
};

struct boot_info {
	const char *loader_kind; /* "multiboot 1", "multiboot 2" */
	char loader[64];
	char cmdline[BOOT_STRING];
	struct boot_region regions[BOOT_REGIONS];
	unsigned region_count;
	struct boot_module modules[BOOT_MODULES];
	unsigned module_count;
	struct boot_region
		keep; /* of the loader's own: holds the RSDP's copy; never to be overwritten */
	bool efi;     /* the firmware is UEFI */
	hpa_t rsdp;   /* raw 0: the loader did not say, search for it */
};

#endif

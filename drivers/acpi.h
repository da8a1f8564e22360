/* SPDX-License-Identifier: MIT */
/*
 * What the firmware says of the host, in ACPI tables. Each is checked in length and checksum before
 * anything else in it is used, and what Plinth needs is copied into struct acpi_info.
 */
#ifndef DRIVERS_ACPI_H
#define DRIVERS_ACPI_H

#include "arch/x86_64/ioapic.h"
#include "arch/x86_64/lapic.h"
#include "lib/addr.h"

enum { ACPI_TABLES = 64, ACPI_CPUS = 256, ACPI_NMIS = 64, ACPI_SEGMENTS = 16 };

/* "Generic Address Structure", address spaces. */
enum acpi_space { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1 };

/* A register; address 0: there is none. */
struct acpi_gas {
	uint64_t address;
	uint8_t space; /* enum acpi_space */
	uint8_t width; /* in bits */
};

struct acpi_cpu {
	uint32_t apic_id, uid;
	bool enabled; /* false: it may be plugged in later */
};

struct acpi_segment {
	hpa_t base; /* of the configuration space of bus 0 */
	uint16_t segment;
	uint8_t first_bus, last_bus;
};

struct acpi_info {
	hpa_t rsdp;
	unsigned revision;

	/* MADT */
	bool has_madt;
	hpa_t lapic;
	struct acpi_cpu cpus[ACPI_CPUS];
	unsigned cpu_count;
	struct lapic_nmi nmis[ACPI_NMIS];
	unsigned nmi_count;
	struct ioapic_info ioapic;

	/* FADT */
	bool has_fadt;
	hpa_t dsdt;
	bool hw_reduced;
	uint16_t sci;
	uint16_t smi_command; /* port; 0: ACPI mode is always on */
	uint8_t acpi_enable;
	struct acpi_gas pm1a_control, pm1b_control;
	struct acpi_gas sleep_control; /* with hw_reduced */
	struct acpi_gas pm_timer;
	unsigned pm_timer_bits; /* 24 or 32 */
	struct acpi_gas reset;
	uint8_t reset_value;
	uint8_t century; /* the CMOS register that has it; 0: none */
	bool no_rtc, no_8042;

	hpa_t hpet; /* raw 0: none */
	uint8_t hpet_number;

	struct acpi_segment segments[ACPI_SEGMENTS];
	unsigned segment_count;
};

/* Constant after acpi_init(). */
extern struct acpi_info acpi_info;

/*
 * Gives n readable bytes at a physical address, or NULL when it is not memory that firmware uses.
 */
typedef const void *acpi_map_fn(uint64_t addr, uint64_t n);

/*
 * Finds the tables: from rsdp, or (raw 0, or wrong) by search below 1 MiB. 0, or -ENODEV with the
 * reason logged; then acpi_info says what every PC has. A bad table is left out, with one line in
 * the log.
 */
must_check int acpi_init(hpa_t rsdp, acpi_map_fn *map);

/* The index'th table with this signature (the DSDT too), whole and of correct checksum, or NULL. */
const void *acpi_table(const char sig[4], unsigned index);

/* Reads the known tables into info (acpi_parse.c). */
void acpi_parse(struct acpi_info *info);
/*
 * Where no table tells of the interrupts: the wiring that a PC has had since the first I/O APICs.
 */
void acpi_assume_pc(struct acpi_info *info);

#endif

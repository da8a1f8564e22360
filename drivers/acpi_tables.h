/* SPDX-License-Identifier: MIT */
/*
 * ACPI's tables as they lie in memory (ACPI Specification, "ACPI Software Programming Model"; HPET
 * Specification; PCI Firmware Specification, "MCFG"). Nothing in them is aligned.
 */
#ifndef DRIVERS_ACPI_TABLES_H
#define DRIVERS_ACPI_TABLES_H

#include "lib/types.h"

/* "Root System Description Pointer". Revision 0 ends before length. */
struct rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes */
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum; /* of length bytes */
	uint8_t reserved[3];
} packed;

enum { RSDP_SIZE_0 = 20, RSDP_REVISION_XSDT = 2, RSDP_ALIGN = 16 };
_Static_assert(sizeof(struct rsdp) == 36 && offsetof(struct rsdp, length) == RSDP_SIZE_0,
	       "the RSDP is 20 or 36 bytes");

/* "System Description Table Header". */
struct acpi_header {
	char signature[4];
	uint32_t length; /* header included */
	uint8_t revision;
	uint8_t checksum;
	char oem[6];
	char oem_table[8];
	uint32_t oem_revision;
	uint32_t creator, creator_revision;
} packed;

_Static_assert(sizeof(struct acpi_header) == 36, "a table's header is 36 bytes");

/* "Generic Address Structure". */
struct acpi_gas_raw {
	uint8_t space; /* enum acpi_space */
	uint8_t width, offset;
	uint8_t access;
	uint64_t address;
} packed;

_Static_assert(sizeof(struct acpi_gas_raw) == 12, "a generic address is 12 bytes");

/* "Fixed ACPI Description Table". Older ones are shorter. */
struct fadt {
	struct acpi_header header;
	uint32_t facs, dsdt;
	uint8_t reserved0;
	uint8_t profile;
	uint16_t sci;
	uint32_t smi_command;
	uint8_t acpi_enable, acpi_disable;
	uint8_t s4bios, pstate;
	uint32_t pm1a_event, pm1b_event;
	uint32_t pm1a_control, pm1b_control;
	uint32_t pm2_control;
	uint32_t pm_timer;
	uint32_t gpe0, gpe1;
	uint8_t pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length;
	uint8_t gpe0_length, gpe1_length, gpe1_base;
	uint8_t cstate;
	uint16_t c2_latency, c3_latency;
	uint16_t flush_size, flush_stride;
	uint8_t duty_offset, duty_width;
	uint8_t day_alarm, month_alarm, century;
	uint16_t boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct acpi_gas_raw reset;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor;
	uint64_t x_facs, x_dsdt;
	struct acpi_gas_raw x_pm1a_event, x_pm1b_event;
	struct acpi_gas_raw x_pm1a_control, x_pm1b_control;
	struct acpi_gas_raw x_pm2_control;
	struct acpi_gas_raw x_pm_timer;
	struct acpi_gas_raw x_gpe0, x_gpe1;
	struct acpi_gas_raw sleep_control, sleep_status;
	uint64_t hypervisor;
} packed;

_Static_assert(offsetof(struct fadt, flags) == 112, "FADT's flags are at 112");
_Static_assert(offsetof(struct fadt, x_dsdt) == 140, "FADT's X_DSDT is at 140");
_Static_assert(offsetof(struct fadt, sleep_control) == 244, "the sleep register is at 244");
_Static_assert(sizeof(struct fadt) == 276, "the FADT is 276 bytes");

enum { FADT_SIZE_1 = 116 }; /* of ACPI 1.0 */

enum fadt_flag {
	FADT_TMR_VAL_EXT = 1 << 8, /* the PM timer has 32 bits, not 24 */
	FADT_RESET_REG_SUP = 1 << 10,
	FADT_HW_REDUCED_ACPI = 1 << 20,
};

enum fadt_boot_arch {
	FADT_BOOT_8042 = 1 << 1,
	FADT_BOOT_NO_CMOS_RTC = 1 << 5,
};

/* "Multiple APIC Description Table": header, then entries. */
struct madt {
	struct acpi_header header;
	uint32_t lapic;
	uint32_t flags;
} packed;

_Static_assert(sizeof(struct madt) == 44, "the MADT's fixed part is 44 bytes");

enum { MADT_PCAT_COMPAT = 1 << 0 };

enum madt_type {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_NMI_SOURCE = 3,
	MADT_LAPIC_NMI = 4,
	MADT_LAPIC_ADDRESS = 5,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI = 10,
};

struct madt_entry {
	uint8_t type, length;
} packed;

struct madt_lapic {
	struct madt_entry entry;
	uint8_t uid, apic_id;
	uint32_t flags;
} packed;

struct madt_ioapic {
	struct madt_entry entry;
	uint8_t id, reserved;
	uint32_t address;
	uint32_t gsi_base;
} packed;

struct madt_override {
	struct madt_entry entry;
	uint8_t bus, irq;
	uint32_t gsi;
	uint16_t flags;
} packed;

struct madt_lapic_nmi {
	struct madt_entry entry;
	uint8_t uid;
	uint16_t flags;
	uint8_t lint;
} packed;

struct madt_lapic_address {
	struct madt_entry entry;
	uint16_t reserved;
	uint64_t address;
} packed;

struct madt_x2apic {
	struct madt_entry entry;
	uint16_t reserved;
	uint32_t apic_id;
	uint32_t flags;
	uint32_t uid;
} packed;

struct madt_x2apic_nmi {
	struct madt_entry entry;
	uint16_t flags;
	uint32_t uid;
	uint8_t lint;
	uint8_t reserved[3];
} packed;

_Static_assert(sizeof(struct madt_lapic) == 8 && sizeof(struct madt_ioapic) == 12 &&
		       sizeof(struct madt_override) == 10 && sizeof(struct madt_lapic_nmi) == 6 &&
		       sizeof(struct madt_lapic_address) == 12 &&
		       sizeof(struct madt_x2apic) == 16 && sizeof(struct madt_x2apic_nmi) == 12,
	       "the MADT's entries have the specification's sizes");

enum { MADT_CPU_ENABLED = 1 << 0, MADT_CPU_ONLINE_CAPABLE = 1 << 1 };
enum { MADT_UID_ALL = 0xff, MADT_LAPIC_ID_NONE = 0xff };
#define MADT_X2APIC_UID_ALL 0xffffffffu

/* MPS INTI flags of an interrupt. */
enum { INTI_POLARITY = 3, INTI_ACTIVE_LOW = 3, INTI_TRIGGER = 3 << 2, INTI_LEVEL = 3 << 2 };

struct hpet_table {
	struct acpi_header header;
	uint32_t block_id;
	struct acpi_gas_raw base;
	uint8_t number;
	uint16_t min_tick;
	uint8_t protection;
} packed;

_Static_assert(sizeof(struct hpet_table) == 56, "the HPET table is 56 bytes");

struct mcfg {
	struct acpi_header header;
	uint64_t reserved;
} packed;

struct mcfg_entry {
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint32_t reserved;
} packed;

_Static_assert(sizeof(struct mcfg) == 44 && sizeof(struct mcfg_entry) == 16, "MCFG's layout");

#endif

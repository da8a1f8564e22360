/* SPDX-License-Identifier: MIT */
/*
 * The guest's ACPI tables as they lie in memory (ACPI 6.3, chapter 5, "ACPI Software Programming
 * Model").
 */
#ifndef VMM_ACPI_TABLES_H
#define VMM_ACPI_TABLES_H

#include "lib/types.h"

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} packed;

/* "Generic Address Structure". */
enum acpi_space { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1 };
enum acpi_access { ACPI_ACCESS_BYTE = 1, ACPI_ACCESS_WORD = 2, ACPI_ACCESS_DWORD = 3 };

struct acpi_address {
	uint8_t space, bit_width, bit_offset, access;
	uint64_t address;
} packed;

/* "Root System Description Pointer". */
enum { RSDP_REVISION = 2, RSDP_V1_LENGTH = 20 };

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum; /* of the first RSDP_V1_LENGTH bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} packed;

/* Both list the FADT and the MADT: the FADT leads to FACS and DSDT. */
enum { ROOT_TABLES = 2, RSDT_REVISION = 1, XSDT_REVISION = 1 };

struct acpi_rsdt {
	struct acpi_header header;
	uint32_t tables[ROOT_TABLES];
} packed;

struct acpi_xsdt {
	struct acpi_header header;
	uint64_t tables[ROOT_TABLES];
} packed;

/* "Fixed ACPI Description Table". */
enum { FADT_REVISION = 6, FADT_MINOR = 3 };
enum { FADT_NO_C2 = 101, FADT_NO_C3 = 1001 }; /* latencies beyond which there is no such state */

enum fadt_boot_arch {
	FADT_LEGACY_DEVICES = 1 << 0,
	FADT_8042 = 1 << 1,
	FADT_NO_VGA = 1 << 2,
};

enum fadt_flags {
	FADT_WBINVD = 1 << 0,
	FADT_PROC_C1 = 1 << 2,
	FADT_NO_POWER_BUTTON = 1 << 4, /* as fixed hardware */
	FADT_NO_SLEEP_BUTTON = 1 << 5,
	FADT_NO_RTC_WAKE = 1 << 6,
	FADT_RESET_REG = 1 << 10,
};

enum { FADT_CENTURY = 0x32 /* the CMOS byte */ };

struct acpi_fadt {
	struct acpi_header header;
	uint32_t firmware_ctrl, dsdt;
	uint8_t reserved1, preferred_pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	uint32_t pm1a_evt_blk, pm1b_evt_blk, pm1a_cnt_blk, pm1b_cnt_blk, pm2_cnt_blk, pm_tmr_blk;
	uint32_t gpe0_blk, gpe1_blk;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_blk_len, gpe1_blk_len;
	uint8_t gpe1_base, cst_cnt;
	uint16_t p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alrm, mon_alrm, century;
	uint16_t iapc_boot_arch;
	uint8_t reserved2;
	uint32_t flags;
	struct acpi_address reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t fadt_minor_version;
	uint64_t x_firmware_ctrl, x_dsdt;
	struct acpi_address x_pm1a_evt_blk, x_pm1b_evt_blk, x_pm1a_cnt_blk, x_pm1b_cnt_blk;
	struct acpi_address x_pm2_cnt_blk, x_pm_tmr_blk, x_gpe0_blk, x_gpe1_blk;
	struct acpi_address sleep_control_reg, sleep_status_reg;
	uint64_t hypervisor_vendor_id;
} packed;

/* "Firmware ACPI Control Structure": no checksum, on a 64-byte boundary. */
enum { FACS_VERSION = 2, FACS_ALIGN = 64 };

struct acpi_facs {
	char signature[4];
	uint32_t length, hardware_signature, firmware_waking_vector, global_lock, flags;
	uint64_t x_firmware_waking_vector;
	uint8_t version;
	uint8_t reserved1[3];
	uint32_t ospm_flags;
	uint8_t reserved2[24];
} packed;

/* "Multiple APIC Description Table". */
enum { MADT_REVISION = 4, MADT_PCAT_COMPAT = 1 << 0 };

enum madt_type { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_NMI = 4 };

/* "MPS INTI flags"; 0: as the bus has it, for ISA edge-triggered and active high. */
enum madt_inti { MADT_ACTIVE_HIGH = 1 << 0, MADT_LEVEL = 3 << 2 };
enum { MADT_LAPIC_ENABLED = 1 << 0, MADT_ALL_PROCESSORS = 0xff };

struct acpi_madt {
	struct acpi_header header;
	uint32_t lapic_address, flags;
} packed;

struct madt_lapic {
	uint8_t type, length, processor_uid, apic_id;
	uint32_t flags;
} packed;

struct madt_ioapic {
	uint8_t type, length, ioapic_id, reserved;
	uint32_t address, gsi_base;
} packed;

struct madt_override {
	uint8_t type, length, bus, source;
	uint32_t gsi;
	uint16_t flags;
} packed;

struct madt_lapic_nmi {
	uint8_t type, length, processor_uid;
	uint16_t flags;
	uint8_t lint;
} packed;

_Static_assert(sizeof(struct acpi_header) == 36, "System Description Table Header");
_Static_assert(sizeof(struct acpi_rsdp) == 36, "Root System Description Pointer");
_Static_assert(offsetof(struct acpi_fadt, sci_int) == 46, "Fixed ACPI Description Table");
_Static_assert(offsetof(struct acpi_fadt, flags) == 112, "Fixed ACPI Description Table");
_Static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "Fixed ACPI Description Table");
_Static_assert(sizeof(struct acpi_fadt) == 276, "Fixed ACPI Description Table");
_Static_assert(sizeof(struct acpi_facs) == 64, "Firmware ACPI Control Structure");
_Static_assert(sizeof(struct acpi_madt) == 44, "Multiple APIC Description Table");
_Static_assert(sizeof(struct madt_lapic) == 8, "Processor Local APIC Structure");
_Static_assert(sizeof(struct madt_ioapic) == 12, "I/O APIC Structure");
_Static_assert(sizeof(struct madt_override) == 10, "Interrupt Source Override Structure");
_Static_assert(sizeof(struct madt_lapic_nmi) == 6, "Local APIC NMI Structure");

#endif

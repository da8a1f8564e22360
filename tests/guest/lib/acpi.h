/* SPDX-License-Identifier: MIT */
/* The firmware's ACPI tables, found as an operating system without UEFI finds them. */
#ifndef GUEST_ACPI_H
#define GUEST_ACPI_H

#include <stdbool.h>
#include <stdint.h>

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision, creator_id, creator_revision;
} __attribute__((packed));

/* Generic Address Structure */
struct acpi_address {
	uint8_t space, width, offset, access;
	uint64_t address;
} __attribute__((packed));

/* ACPI 6.4, "Fixed ACPI Description Table", up to the reset register's value. */
struct acpi_fadt {
	struct acpi_header h;
	uint32_t firmware_ctrl, dsdt;
	uint8_t reserved0, profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_len, gpe1_len, gpe1_base;
	uint8_t cst_cnt;
	uint16_t p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct acpi_address reset_reg;
	uint8_t reset_value;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_fadt) == 129, "ACPI 6.4, FADT: RESET_VALUE is at 128");

enum { FADT_RESET_REG_SUP = 1 << 10 };

/* Each gives 0 when there is none, or when a checksum is wrong. */
const struct acpi_header *acpi_find(const char *signature);
const struct acpi_fadt *acpi_fadt(void);
/* SLP_TYP of the DSDT's \_S5; -1: it has none. */
int acpi_s5_type(const struct acpi_fadt *fadt);
/* Into ACPI mode, where that takes asking; whether it is on. */
bool acpi_turn_on(const struct acpi_fadt *fadt);
void acpi_power_off(const struct acpi_fadt *fadt, int s5_type);
/* The sum of all bytes: 0 for a sound table. */
uint8_t acpi_sum(const void *table, uint32_t length);

#endif

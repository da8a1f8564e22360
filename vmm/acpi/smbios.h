/* SPDX-License-Identifier: MIT */
/* SMBIOS structures as they lie in memory (DMTF DSP0134, version 3.3, "Structure definitions"). */
#ifndef VMM_ACPI_SMBIOS_H
#define VMM_ACPI_SMBIOS_H

#include "lib/types.h"

enum { SMBIOS_MAJOR = 3, SMBIOS_MINOR = 3 };

/*
 * "SMBIOS 2.1 (32-bit) Entry Point". The second checksum is of the part from intermediate_anchor
 * on.
 */
struct smbios2_entry {
	char anchor[4];
	uint8_t checksum, length, major, minor;
	uint16_t max_structure;
	uint8_t revision, formatted[5];
	char intermediate_anchor[5];
	uint8_t intermediate_checksum;
	uint16_t table_length;
	uint32_t table_address;
	uint16_t structures;
	uint8_t bcd_revision;
} packed;

/* "SMBIOS 3.0 (64-bit) Entry Point". */
enum { SMBIOS3_REVISION = 1 };

struct smbios3_entry {
	char anchor[5];
	uint8_t checksum, length, major, minor, docrev, revision, reserved;
	uint32_t table_max_size;
	uint64_t table_address;
} packed;

enum smbios_type {
	SMBIOS_BIOS = 0,
	SMBIOS_SYSTEM = 1,
	SMBIOS_CHASSIS = 3,
	SMBIOS_PROCESSOR = 4,
	SMBIOS_MEMORY_ARRAY = 16,
	SMBIOS_MEMORY_DEVICE = 17,
	SMBIOS_MEMORY_MAPPED = 19,
	SMBIOS_BOOT = 32,
	SMBIOS_END = 127,
};

/* length is without the strings; fields named *_string count them from 1, 0: none. */
struct smbios_header {
	uint8_t type, length;
	uint16_t handle;
} packed;

enum {
	BIOS_CHARACTERISTICS_UNKNOWN = 1 << 3, /* "BIOS Characteristics are not supported" */
	BIOS_EXT1_ACPI = 1 << 0,
	BIOS_EXT2_VIRTUAL_MACHINE = 1 << 4,
};

struct smbios_bios {
	struct smbios_header header;
	uint8_t vendor_string, version_string;
	uint16_t start_segment;
	uint8_t date_string, rom_size;
	uint64_t characteristics;
	uint8_t extension1, extension2, major, minor, controller_major, controller_minor;
	uint16_t extended_rom_size;
} packed;

enum { WAKE_UP_POWER_SWITCH = 6 };

struct smbios_system {
	struct smbios_header header;
	uint8_t manufacturer_string, product_string, version_string, serial_string;
	uint8_t uuid[16];
	uint8_t wake_up, sku_string, family_string;
} packed;

enum { CHASSIS_OTHER = 1, STATE_SAFE = 3, SECURITY_NONE = 3 };

struct smbios_chassis {
	struct smbios_header header;
	uint8_t manufacturer_string, type, version_string, serial_string, asset_string;
	uint8_t boot_state, power_state, thermal_state, security;
	uint32_t oem;
	uint8_t height, power_cords, elements, element_length, sku_string;
} packed;

enum {
	PROCESSOR_CENTRAL = 3,
	PROCESSOR_FAMILY_OTHER = 1,
	PROCESSOR_UPGRADE_OTHER = 1,
	PROCESSOR_POPULATED_ENABLED = 0x41,
	PROCESSOR_64_BIT = 1 << 2,
	PROCESSOR_NO_CACHE = 0xffff,
};

struct smbios_processor {
	struct smbios_header header;
	uint8_t socket_string, type, family, manufacturer_string;
	uint64_t id;
	uint8_t version_string, voltage;
	uint16_t external_clock, max_speed, current_speed;
	uint8_t status, upgrade;
	uint16_t l1_handle, l2_handle, l3_handle;
	uint8_t serial_string, asset_string, part_string;
	uint8_t cores, cores_enabled, threads;
	uint16_t characteristics, family2, cores2, cores_enabled2, threads2;
} packed;

enum {
	ARRAY_MOTHERBOARD = 3,
	ARRAY_SYSTEM_MEMORY = 3,
	ECC_NONE = 3,
	NO_ERROR_INFORMATION = 0xfffe,
};

#define ARRAY_EXTENDED 0x80000000u /* "Maximum Capacity": look into the extended field */

struct smbios_memory_array {
	struct smbios_header header;
	uint8_t location, use, ecc;
	uint32_t capacity_kib;
	uint16_t error_handle, devices;
	uint64_t extended_capacity;
} packed;

enum {
	DEVICE_SIZE_EXTENDED = 0x7fff, /* from here on the extended field has the size, in MiB */
	FORM_FACTOR_DIMM = 9,
	MEMORY_TYPE_RAM = 7,
	MEMORY_DETAIL_OTHER = 1 << 1,
	WIDTH_UNKNOWN = 0xffff,
};

struct smbios_memory_device {
	struct smbios_header header;
	uint16_t array_handle, error_handle, total_width, data_width, size_mib;
	uint8_t form_factor, set, locator_string, bank_string, type;
	uint16_t detail, speed;
	uint8_t manufacturer_string, serial_string, asset_string, part_string, attributes;
	uint32_t extended_size_mib;
	uint16_t configured_speed, min_voltage, max_voltage, configured_voltage;
} packed;

#define MAPPED_EXTENDED 0xffffffffu /* both 32-bit fields: look into the extended ones */

struct smbios_memory_mapped {
	struct smbios_header header;
	uint32_t start_kib, end_kib; /* the last KiB, inclusive */
	uint16_t array_handle;
	uint8_t partition_width;
	uint64_t extended_start, extended_end; /* the last byte, inclusive */
} packed;

struct smbios_boot {
	struct smbios_header header;
	uint8_t reserved[6], status;
} packed;

_Static_assert(sizeof(struct smbios2_entry) == 0x1f, "5.2.1");
_Static_assert(sizeof(struct smbios3_entry) == 0x18, "5.2.2");
_Static_assert(sizeof(struct smbios_bios) == 0x1a, "7.1");
_Static_assert(sizeof(struct smbios_system) == 0x1b, "7.2");
_Static_assert(sizeof(struct smbios_chassis) == 0x16, "7.4");
_Static_assert(sizeof(struct smbios_processor) == 0x30, "7.5");
_Static_assert(sizeof(struct smbios_memory_array) == 0x17, "7.17");
_Static_assert(sizeof(struct smbios_memory_device) == 0x28, "7.18");
_Static_assert(sizeof(struct smbios_memory_mapped) == 0x1f, "7.20");
_Static_assert(sizeof(struct smbios_boot) == 0x0b, "7.33");

#endif

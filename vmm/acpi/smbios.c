/* SPDX-License-Identifier: MIT */
/*
 * SMBIOS says what machine the guest is on. A structure is its fixed part, then its strings one
 * behind the other, which the fixed part names by their number from 1 on.
 */
#include "vmm/acpi/smbios.h"

#include "lib/checksum.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/acpi/acpi.h"
#include "vmm/vm.h"

#define MANUFACTURER "Plinth"
#define PRODUCT	     "Virtual machine"
#define VERSION	     "0.1"
#define BIOS_DATE    "11/20/2026"

/* Offsets from GUEST_SMBIOS; guests search for the anchors at multiples of 16. */
enum { AT_ENTRY3 = 0, AT_ENTRY2 = 0x20, AT_TABLE = 0x40, AREA_SIZE = 0x10000 };

enum {
	HANDLE_ARRAY = 0x1000,
	HANDLE_OTHERS = 0x0100, /* counted from here: nothing refers to them */
};

/* The structures as they grow; host is the guest's memory from GUEST_SMBIOS on. */
struct table {
	uint8_t *host;
	uint32_t used, start; /* start: of the structure that is being made */
	uint16_t count, longest;
	uint16_t handle; /* of the next structure */
	bool full;
};

static void bytes_add(struct table *t, const void *from, uint32_t n)
{
	if (n > AREA_SIZE - t->used) {
		t->full = true;
		return;
	}
	memcpy(t->host + t->used, from, n);
	t->used += n;
}

/* The fixed part: *s without its header, which is made here. Strings are added behind it. */
static void structure_begin(struct table *t, void *s, enum smbios_type type, uint8_t n)
{
	struct smbios_header *h = s;

	*h = (struct smbios_header){ (uint8_t)type, n, t->handle++ };
	t->start = t->used;
	bytes_add(t, s, n);
}

/* Strings in the order of their numbers; a list without any has two terminators, too. */
static void structure_end(struct table *t, const char *const *strings, unsigned n)
{
	const char none[2] = { 0 };

	for (unsigned i = 0; i < n; i++)
		bytes_add(t, strings[i], (uint32_t)strlen(strings[i]) + 1);
	bytes_add(t, none, n ? 1 : 2);
	t->longest = (uint16_t)MAX((uint32_t)t->longest, t->used - t->start);
	t->count++;
}

static void bios_add(struct table *t)
{
	static const char *const strings[] = { MANUFACTURER, VERSION, BIOS_DATE };
	struct smbios_bios s = {
		.vendor_string = 1,
		.version_string = 2,
		.date_string = 3,
		.start_segment = GUEST_SMBIOS >> 4,
		.characteristics = BIOS_CHARACTERISTICS_UNKNOWN,
		.extension1 = BIOS_EXT1_ACPI,
		.extension2 = BIOS_EXT2_VIRTUAL_MACHINE,
		.minor = 1,
		.controller_major = UINT8_MAX, /* no embedded controller */
		.controller_minor = UINT8_MAX,
	};

	structure_begin(t, &s, SMBIOS_BIOS, sizeof(s));
	structure_end(t, strings, ARRAY_SIZE(strings));
}

/*
 * The machine's UUID: made from its name, so that it is the same at each start (RFC 9562, version
 * 8: "custom", with its version and variant bits in their places).
 */
static void uuid_make(uint8_t uuid[16], const char *name, size_t n)
{
	const uint64_t prime = 0x100000001b3, basis = 0xcbf29ce484222325; /* of FNV-1a */
	uint64_t hash = basis;

	for (unsigned half = 0; half < 2; half++) {
		for (size_t i = 0; i < n; i++)
			hash = (hash ^ (uint8_t)name[i]) * prime;
		hash = (hash ^ UINT8_MAX) * prime; /* ends the name, and tells the halves apart */
		memcpy(uuid + half * sizeof(hash), &hash, sizeof(hash));
	}
	/* SMBIOS stores the first three fields little-endian: the version is in byte 7. */
	uuid[7] = (uuid[7] & 0x0f) | 8 << 4;
	uuid[8] = (uuid[8] & 0x3f) | 2 << 6;
}

static void system_add(struct table *t, const struct vm *vm)
{
	char name[sizeof(vm->config.name) + 1] = "";
	size_t n = strnlen(vm->config.name, sizeof(vm->config.name));
	const char *const strings[] = { MANUFACTURER, PRODUCT, VERSION, name };
	struct smbios_system s = {
		.manufacturer_string = 1,
		.product_string = 2,
		.version_string = 3,
		.serial_string = n ? 4 : 0,
		.wake_up = WAKE_UP_POWER_SWITCH,
	};

	memcpy(name, vm->config.name, n);
	uuid_make(s.uuid, name, n);
	structure_begin(t, &s, SMBIOS_SYSTEM, sizeof(s));
	structure_end(t, strings, n ? 4 : 3);
}

static void chassis_add(struct table *t)
{
	static const char *const strings[] = { MANUFACTURER };
	struct smbios_chassis s = {
		.manufacturer_string = 1,
		.type = CHASSIS_OTHER,
		.boot_state = STATE_SAFE,
		.power_state = STATE_SAFE,
		.thermal_state = STATE_SAFE,
		.security = SECURITY_NONE,
	};

	structure_begin(t, &s, SMBIOS_CHASSIS, sizeof(s));
	structure_end(t, strings, ARRAY_SIZE(strings));
}

static void processor_add(struct table *t, const struct vm *vm)
{
	static const char *const strings[] = { "CPU 0", MANUFACTURER };
	uint16_t cores = (uint16_t)vm->vcpu_count;
	struct smbios_processor s = {
		.socket_string = 1,
		.type = PROCESSOR_CENTRAL,
		.family = PROCESSOR_FAMILY_OTHER,
		.manufacturer_string = 2,
		.status = PROCESSOR_POPULATED_ENABLED,
		.upgrade = PROCESSOR_UPGRADE_OTHER,
		.l1_handle = PROCESSOR_NO_CACHE,
		.l2_handle = PROCESSOR_NO_CACHE,
		.l3_handle = PROCESSOR_NO_CACHE,
		.cores = (uint8_t)MIN(cores, UINT8_MAX),
		.cores_enabled = (uint8_t)MIN(cores, UINT8_MAX),
		.threads = (uint8_t)MIN(cores, UINT8_MAX),
		.characteristics = PROCESSOR_64_BIT,
		.family2 = PROCESSOR_FAMILY_OTHER,
		.cores2 = cores,
		.cores_enabled2 = cores,
		.threads2 = cores,
	};

	structure_begin(t, &s, SMBIOS_PROCESSOR, sizeof(s));
	structure_end(t, strings, ARRAY_SIZE(strings));
}

static void memory_array_add(struct table *t, uint64_t memory)
{
	bool large = memory / KIB >= ARRAY_EXTENDED;
	struct smbios_memory_array s = {
		.location = ARRAY_MOTHERBOARD,
		.use = ARRAY_SYSTEM_MEMORY,
		.ecc = ECC_NONE,
		.capacity_kib = large ? ARRAY_EXTENDED : (uint32_t)(memory / KIB),
		.error_handle = NO_ERROR_INFORMATION,
		.devices = 1,
		.extended_capacity = large ? memory : 0,
	};

	t->handle = HANDLE_ARRAY;
	structure_begin(t, &s, SMBIOS_MEMORY_ARRAY, sizeof(s));
	structure_end(t, NULL, 0);
}

static void memory_device_add(struct table *t, uint64_t memory)
{
	static const char *const strings[] = { "DIMM 0", MANUFACTURER };
	uint64_t mib = memory / MIB;
	bool large = mib >= DEVICE_SIZE_EXTENDED;
	struct smbios_memory_device s = {
		.array_handle = HANDLE_ARRAY,
		.error_handle = NO_ERROR_INFORMATION,
		.total_width = WIDTH_UNKNOWN,
		.data_width = WIDTH_UNKNOWN,
		.size_mib = large ? DEVICE_SIZE_EXTENDED : (uint16_t)mib,
		.form_factor = FORM_FACTOR_DIMM,
		.locator_string = 1,
		.type = MEMORY_TYPE_RAM,
		.detail = MEMORY_DETAIL_OTHER,
		.manufacturer_string = 2,
		.extended_size_mib = large ? (uint32_t)mib : 0,
	};

	structure_begin(t, &s, SMBIOS_MEMORY_DEVICE, sizeof(s));
	structure_end(t, strings, ARRAY_SIZE(strings));
}

static void memory_mapped_add(struct table *t, uint64_t base, uint64_t size)
{
	uint64_t last = base + size - 1;
	bool large = last / KIB >= MAPPED_EXTENDED;
	struct smbios_memory_mapped s = {
		.start_kib = large ? MAPPED_EXTENDED : (uint32_t)(base / KIB),
		.end_kib = large ? MAPPED_EXTENDED : (uint32_t)(last / KIB),
		.array_handle = HANDLE_ARRAY,
		.partition_width = 1,
		.extended_start = large ? base : 0,
		.extended_end = large ? last : 0,
	};

	structure_begin(t, &s, SMBIOS_MEMORY_MAPPED, sizeof(s));
	structure_end(t, NULL, 0);
}

static void memory_add(struct table *t, const struct vm *vm)
{
	uint64_t memory = vm->config.memory;
	uint64_t low = MIN(memory, GUEST_PCI_HOLE);

	memory_array_add(t, memory);
	memory_device_add(t, memory);
	memory_mapped_add(t, 0, low);
	if (memory > low)
		memory_mapped_add(t, GUEST_PCI_HOLE_END, memory - low);
}

static void ends_add(struct table *t)
{
	struct smbios_boot boot = { .status = 0 };
	struct smbios_header end;

	structure_begin(t, &boot, SMBIOS_BOOT, sizeof(boot));
	structure_end(t, NULL, 0);
	structure_begin(t, &end, SMBIOS_END, sizeof(end));
	structure_end(t, NULL, 0);
}

static void entries_write(const struct table *t)
{
	struct smbios3_entry *e3 = (void *)(t->host + AT_ENTRY3);
	struct smbios2_entry *e2 = (void *)(t->host + AT_ENTRY2);
	const size_t tail = offsetof(struct smbios2_entry, intermediate_anchor);

	*e3 = (struct smbios3_entry){
		.anchor = { '_', 'S', 'M', '3', '_' },
		.length = sizeof(*e3),
		.major = SMBIOS_MAJOR,
		.minor = SMBIOS_MINOR,
		.revision = SMBIOS3_REVISION,
		.table_max_size = t->used - AT_TABLE,
		.table_address = GUEST_SMBIOS + AT_TABLE,
	};
	e3->checksum = checksum_make(e3, sizeof(*e3));
	*e2 = (struct smbios2_entry){
		.anchor = { '_', 'S', 'M', '_' },
		.length = sizeof(*e2),
		.major = SMBIOS_MAJOR,
		.minor = SMBIOS_MINOR,
		.max_structure = t->longest,
		.intermediate_anchor = { '_', 'D', 'M', 'I', '_' },
		.table_length = (uint16_t)(t->used - AT_TABLE),
		.table_address = GUEST_SMBIOS + AT_TABLE,
		.structures = t->count,
		.bcd_revision = SMBIOS_MAJOR << 4 | SMBIOS_MINOR,
	};
	e2->intermediate_checksum = checksum_make((uint8_t *)e2 + tail, sizeof(*e2) - tail);
	e2->checksum = checksum_make(e2, sizeof(*e2));
}

int smbios_build(struct vm *vm)
{
	struct table t = { .host = gmem_ptr(&vm->mem, gpa(GUEST_SMBIOS), AREA_SIZE, true),
			   .used = AT_TABLE,
			   .handle = HANDLE_OTHERS };

	if (!t.host) {
		log_error("smbios: the guest has no memory at 0x%lx for the tables", GUEST_SMBIOS);
		return -EFAULT;
	}
	memset(t.host, 0, AREA_SIZE);
	bios_add(&t);
	system_add(&t, vm);
	chassis_add(&t);
	processor_add(&t, vm);
	memory_add(&t, vm);
	ends_add(&t);
	if (t.full) {
		log_error("smbios: the structures need more than their %u bytes", AREA_SIZE);
		return -ENOSPC;
	}
	entries_write(&t);
	return 0;
}

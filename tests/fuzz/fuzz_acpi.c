/* SPDX-License-Identifier: MIT */
/* sources: drivers/acpi.c drivers/acpi_parse.c drivers/power.c lib/printf.c tests/fake/log.c */
/* runs: 200000 */
/*
 * Fuzzes the reading of the host's ACPI tables, and the search for S5 in their bytecode. The input
 * is memory from 0x1000 on with the RSDP at its start. To let mutations get past the checksums,
 * each piece of memory is made to add up before it is handed out.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/mmio.h"
#include "arch/x86_64/tsc.h"
#include "drivers/acpi.h"
#include "drivers/acpi_tables.h"
#include "drivers/power.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BASE = 0x1000, COPIES = 1024, CHECKSUM = offsetof(struct acpi_header, checksum) };

struct tsc_scale tsc_host;

static struct {
	const uint8_t *data;
	size_t size;
	void *copies[COPIES];
	unsigned count;
} input;

void *mmio_map(hpa_t addr, uint64_t size)
{
	(void)size;
	return addr.raw ? (void *)(uintptr_t)addr.raw : NULL;
}

static void fix_sum(uint8_t *p, uint64_t n, uint64_t sum_at)
{
	uint8_t sum = 0;

	for (uint64_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + p[i]);
	p[sum_at] = (uint8_t)(p[sum_at] - sum);
}

static const void *map(uint64_t addr, uint64_t n)
{
	uint8_t *copy;

	if (addr < BASE || addr - BASE > input.size || n > input.size - (addr - BASE) ||
	    input.count == COPIES)
		return NULL;
	copy = malloc(n ? n : 1);
	input.copies[input.count++] = copy;
	memcpy(copy, input.data + (addr - BASE), n);
	if (addr == BASE && n >= RSDP_SIZE_0) {
		memcpy(copy, "RSD PTR ", 8);
		fix_sum(copy, RSDP_SIZE_0, offsetof(struct rsdp, checksum));
		if (n >= sizeof(struct rsdp))
			fix_sum(copy, n, offsetof(struct rsdp, extended_checksum));
	} else if (n > CHECKSUM) {
		fix_sum(copy, n, CHECKSUM);
	}
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct power_s5 s5;
	uint8_t *exact = malloc(size ? size : 1);

	input.data = data;
	input.size = size;
	if (!acpi_init(hpa(BASE), map)) {
		power_init(&acpi_info);
		for (unsigned i = 0; i < ACPI_TABLES; i++)
			(void)acpi_table("SSDT", i);
	}
	memcpy(exact, data, size);
	if (!power_find_s5(exact, size, &s5) && (s5.type_a > 7 || s5.type_b > 7))
		abort();
	free(exact);
	while (input.count)
		free(input.copies[--input.count]);
	return 0;
}

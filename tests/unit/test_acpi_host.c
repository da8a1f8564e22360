/* SPDX-License-Identifier: MIT */
/* sources: drivers/acpi.c drivers/acpi_parse.c lib/printf.c */
/*
 * The host's ACPI tables, right and wrong in every way. Memory is an array that stands for the
 * first megabyte; each piece that is asked for is handed out as a copy on the heap of exactly that
 * size, so that a single byte read beyond what was asked for is caught.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "drivers/acpi.h"
#include "drivers/acpi_tables.h"
#include "lib/errno.h"
#include "lib/log.h"

enum {
	MEMORY = 0x100000,
	RSDP = 0xf1230,
	XSDT = 0x80000,
	RSDT = 0x80400,
	MADT = 0x81000,
	FADT = 0x82000,
	HPET = 0x83000,
	MCFG = 0x84000,
	DSDT = 0x85000,
	EBDA = 0x9fc00,
	COPIES = 4096,
};

static uint8_t memory[MEMORY];
static uint64_t memory_end;
static void *copies[COPIES];
static unsigned copy_count, warnings;
static char last_warning[512];

void log_write(enum log_level level, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (level > LOG_WARN)
		return;
	warnings++;
	strcpy(last_warning, line);
}

static const void *map(uint64_t addr, uint64_t n)
{
	void *copy;

	if (addr > memory_end || n > memory_end - addr)
		return NULL;
	assert_true(copy_count < COPIES);
	copy = malloc(n);
	memcpy(copy, memory + addr, n);
	copies[copy_count++] = copy;
	return copy;
}

static void forget(void)
{
	while (copy_count)
		free(copies[--copy_count]);
	warnings = 0;
	last_warning[0] = 0;
}

static int init(uint64_t rsdp)
{
	forget();
	return acpi_init(hpa(rsdp), map);
}

static void fix_sum(uint64_t addr, size_t n, size_t sum_at)
{
	uint8_t sum = 0;

	memory[addr + sum_at] = 0;
	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + memory[addr + i]);
	memory[addr + sum_at] = (uint8_t)-sum;
}

/* Says that the table at addr has this length, with a checksum that agrees. */
static void set_length(uint64_t addr, uint32_t length)
{
	struct acpi_header *h = (struct acpi_header *)(memory + addr);

	h->length = length;
	if (length >= offsetof(struct acpi_header, checksum) + 1 && length <= MEMORY - addr)
		fix_sum(addr, length, offsetof(struct acpi_header, checksum));
}

static void put_table(uint64_t addr, const char *sig, const void *body, size_t n)
{
	struct acpi_header *h = (struct acpi_header *)(memory + addr);

	memset(h, 0, sizeof(*h));
	memcpy(h->signature, sig, 4);
	h->revision = 3;
	memcpy(memory + addr + sizeof(*h), body, n);
	set_length(addr, (uint32_t)(sizeof(*h) + n));
}

static void put_rsdp(uint64_t addr, uint8_t revision)
{
	struct rsdp p = { .signature = { 'R', 'S', 'D', ' ', 'P', 'T', 'R', ' ' },
			  .revision = revision,
			  .rsdt = RSDT };

	if (revision >= 2) {
		p.length = sizeof(p);
		p.xsdt = XSDT;
	}
	memcpy(memory + addr, &p, revision >= 2 ? sizeof(p) : RSDP_SIZE_0);
	fix_sum(addr, RSDP_SIZE_0, offsetof(struct rsdp, checksum));
	if (revision >= 2)
		fix_sum(addr, sizeof(p), offsetof(struct rsdp, extended_checksum));
}

/* lapic base, flags, then: 2 CPUs (one twice, one that is off, one pluggable), 2 I/O APICs, … */
/* clang-format off */
static const uint8_t madt_body[] = {
	0x00, 0x00, 0xe0, 0xfe, 1, 0, 0, 0,
	MADT_LAPIC, 8, 0, 0, 1, 0, 0, 0,
	MADT_LAPIC, 8, 1, 1, 1, 0, 0, 0,
	MADT_LAPIC, 8, 2, 2, 0, 0, 0, 0,
	MADT_LAPIC, 8, 3, 3, 2, 0, 0, 0,
	MADT_IOAPIC, 12, 7, 0, 0x00, 0x00, 0xc0, 0xfe, 0, 0, 0, 0,
	MADT_IOAPIC, 12, 8, 0, 0x00, 0x10, 0xc0, 0xfe, 24, 0, 0, 0,
	MADT_OVERRIDE, 10, 0, 0, 2, 0, 0, 0, 0, 0,
	MADT_OVERRIDE, 10, 0, 9, 9, 0, 0, 0, 0x0f, 0,
	MADT_LAPIC_NMI, 6, 0xff, 0, 0, 1,
	MADT_X2APIC, 16, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,
	MADT_X2APIC, 16, 0, 0, 0x2c, 1, 0, 0, 1, 0, 0, 0, 0x2c, 1, 0, 0,
	MADT_X2APIC_NMI, 12, 3, 0, 0x2c, 1, 0, 0, 0, 0, 0, 0,
	MADT_LAPIC_ADDRESS, 12, 0, 0, 0x00, 0x00, 0xe0, 0xfe, 1, 0, 0, 0,
	0x80, 4, 1, 2, /* a type that nobody knows */
};
/* clang-format on */

static void put_fadt(void)
{
	struct fadt f = {
		.dsdt = DSDT,
		.sci = 9,
		.smi_command = 0xb2,
		.acpi_enable = 0xf1,
		.pm1a_control = 0x604,
		.pm_timer = 0x608,
		.pm1_control_length = 2,
		.pm_timer_length = 4,
		.century = 0x32,
		.boot_arch = FADT_BOOT_8042,
		.flags = FADT_RESET_REG_SUP | FADT_TMR_VAL_EXT,
		.reset = { .space = ACPI_SPACE_IO, .width = 8, .address = 0xcf9 },
		.reset_value = 6,
		.x_pm_timer = { .space = ACPI_SPACE_IO, .width = 32, .address = 0x708 },
		/* PCI configuration space: not for us, so the old field counts. */
		.x_pm1a_control = { .space = 2, .width = 16, .address = 0x704 },
	};

	put_table(FADT, "FACP", (uint8_t *)&f + sizeof(f.header), sizeof(f) - sizeof(f.header));
}

static void put_hpet(void)
{
	struct hpet_table h = { .base = { .space = ACPI_SPACE_MEMORY, .address = 0xfed00000 },
				.number = 3 };

	put_table(HPET, "HPET", (uint8_t *)&h + sizeof(h.header), sizeof(h) - sizeof(h.header));
}

static void put_mcfg(void)
{
	struct {
		uint64_t reserved;
		struct mcfg_entry e[3];
	} body = { 0,
		   { { .base = 0xb0000000, .last_bus = 255 },
		     { .base = 0xc0000000, .segment = 1, .first_bus = 9, .last_bus = 8 },
		     { .base = 0xd0000000, .segment = 2, .first_bus = 4, .last_bus = 8 } } };

	put_table(MCFG, "MCFG", &body, sizeof(body));
}

static int setup(void **state)
{
	static const uint64_t wide[] = { MADT, 0, FADT, HPET, MCFG };
	static const uint32_t narrow[] = { MADT, FADT, HPET, MCFG };

	(void)state;
	memset(memory, 0, sizeof(memory));
	memory_end = MEMORY;
	put_rsdp(RSDP, 2);
	put_table(XSDT, "XSDT", wide, sizeof(wide));
	put_table(RSDT, "RSDT", narrow, sizeof(narrow));
	put_table(MADT, "APIC", madt_body, sizeof(madt_body));
	put_fadt();
	put_hpet();
	put_mcfg();
	put_table(DSDT, "DSDT", "\x10\x05_SB_\x00", 7);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	forget();
	return 0;
}

static void check_all(void)
{
	const struct acpi_info *a = &acpi_info;

	assert_int_equal(a->cpu_count, 4);
	assert_int_equal(a->cpus[1].apic_id, 1);
	assert_true(a->cpus[1].enabled);
	assert_int_equal(a->cpus[2].apic_id, 3);
	assert_false(a->cpus[2].enabled);
	assert_int_equal(a->cpus[3].apic_id, 0x12c);
	assert_int_equal(a->cpus[3].uid, 0x12c);
	assert_int_equal(a->lapic.raw, 0x1fee00000);
	assert_true(a->ioapic.has_8259);
	assert_int_equal(a->ioapic.chip_count, 2);
	assert_int_equal(a->ioapic.chips[1].base.raw, 0xfec01000);
	assert_int_equal(a->ioapic.chips[1].gsi_base, 24);
	assert_int_equal(a->ioapic.chips[0].id, 7);
	assert_int_equal(a->ioapic.override_count, 2);
	assert_int_equal(a->ioapic.overrides[0].gsi, 2);
	assert_false(a->ioapic.overrides[0].level || a->ioapic.overrides[0].active_low);
	assert_true(a->ioapic.overrides[1].level && a->ioapic.overrides[1].active_low);
	assert_int_equal(a->nmi_count, 2);
	assert_true(a->nmis[0].all && a->nmis[0].lint == 1);
	assert_true(!a->nmis[1].all && a->nmis[1].uid == 0x12c && a->nmis[1].active_low);

	assert_int_equal(a->sci, 9);
	assert_int_equal(a->smi_command, 0xb2);
	assert_int_equal(a->acpi_enable, 0xf1);
	assert_int_equal(a->pm1a_control.address, 0x604);
	assert_int_equal(a->pm1a_control.width, 16);
	assert_int_equal(a->pm1b_control.address, 0);
	assert_int_equal(a->pm_timer.address, 0x708);
	assert_int_equal(a->pm_timer_bits, 32);
	assert_int_equal(a->reset.address, 0xcf9);
	assert_int_equal(a->reset_value, 6);
	assert_int_equal(a->century, 0x32);
	assert_false(a->no_8042 || a->no_rtc || a->hw_reduced);

	assert_int_equal(a->hpet.raw, 0xfed00000);
	assert_int_equal(a->hpet_number, 3);
	assert_int_equal(a->segment_count, 2);
	assert_int_equal(a->segments[0].last_bus, 255);
	assert_int_equal(a->segments[1].segment, 2);
	assert_non_null(acpi_table("DSDT", 0));
	assert_null(acpi_table("DSDT", 1));
	assert_null(acpi_table("SSDT", 0));
}

static void test_revision_2(void **state)
{
	(void)state;
	assert_int_equal(init(RSDP), 0);
	check_all();
	assert_int_equal(acpi_info.revision, 2);
	/* The one segment with its buses in the wrong order. */
	assert_int_equal(warnings, 1);
	assert_non_null(strstr(last_warning, "MCFG"));
}

static void test_revision_0(void **state)
{
	(void)state;
	put_rsdp(RSDP, 0);
	/* At the very end of memory: nothing beyond its 20 bytes may be looked at. */
	memory_end = RSDP + RSDP_SIZE_0;
	assert_int_equal(init(RSDP), 0);
	check_all();
	assert_int_equal(acpi_info.revision, 0);
}

static void test_search(void **state)
{
	(void)state;
	assert_int_equal(init(0), 0);
	assert_int_equal(acpi_info.rsdp.raw, RSDP);
	/* In the EBDA, which comes first. */
	memory[0x40e] = EBDA >> 4 & 0xff;
	memory[0x40f] = EBDA >> 12;
	put_rsdp(EBDA + 0x3e0, 0);
	assert_int_equal(init(0), 0);
	assert_int_equal(acpi_info.rsdp.raw, EBDA + 0x3e0);
	/* A checksum that is wrong is passed over. */
	memory[EBDA + 0x3e0 + 9]++;
	assert_int_equal(init(0), 0);
	assert_int_equal(acpi_info.rsdp.raw, RSDP);
	/* Only every 16 bytes. */
	memory[RSDP] = 0;
	put_rsdp(0xe0008, 0);
	assert_int_equal(init(0), -ENODEV);
	put_rsdp(0xffff0 - 16, 0);
	assert_int_equal(init(0), 0);
}

static void test_wrong_hint(void **state)
{
	(void)state;
	assert_int_equal(init(0x1000), 0);
	assert_int_equal(acpi_info.rsdp.raw, RSDP);
	assert_int_equal(init(UINT64_MAX - 3), 0);
	assert_int_equal(acpi_info.rsdp.raw, RSDP);
}

static uint32_t ioapic_irq0(void)
{
	assert_int_equal(acpi_info.ioapic.override_count, 1);
	assert_int_equal(acpi_info.ioapic.overrides[0].irq, 0);
	return acpi_info.ioapic.overrides[0].gsi;
}

static void test_no_rsdp(void **state)
{
	(void)state;
	memory[RSDP]++;
	assert_int_equal(init(0), -ENODEV);
	assert_null(acpi_table("APIC", 0));
	assert_int_equal(acpi_info.cpu_count, 0);
	assert_int_equal(acpi_info.ioapic.chips[0].base.raw, 0xfec00000);
	assert_int_equal(ioapic_irq0(), 2);
	memory_end = 0;
	assert_int_equal(init(0), -ENODEV);
}

static void test_extended_checksum(void **state)
{
	(void)state;
	memory[RSDP + offsetof(struct rsdp, reserved)]++;
	assert_int_equal(init(RSDP), 0);
	check_all(); /* by way of the RSDT */
	for (uint32_t length = 0; length < 64; length++) {
		((struct rsdp *)(memory + RSDP))->length = length;
		assert_int_equal(init(RSDP), 0);
		check_all();
	}
	((struct rsdp *)(memory + RSDP))->length = UINT32_MAX;
	assert_int_equal(init(RSDP), 0);
	check_all();
}

static void test_bad_xsdt(void **state)
{
	(void)state;
	memory[XSDT + 40]++;
	assert_int_equal(init(RSDP), 0);
	assert_non_null(strstr(last_warning, "MCFG"));
	assert_int_equal(warnings, 2);
	check_all();
	memory[RSDT + 36]++;
	assert_int_equal(init(RSDP), -ENODEV);
	assert_int_equal(acpi_info.rsdp.raw, 0);
}

/* A root table of every length: no entry is read that it does not have. */
static void test_root_lengths(void **state)
{
	(void)state;
	for (uint32_t length = 0; length <= 36 + 5 * 8; length++) {
		memory_end = MEMORY;
		set_length(XSDT, length);
		assert_int_equal(init(RSDP), 0);
		/* Below a header's length the RSDT is used. */
		assert_int_equal(acpi_info.has_madt, length < 36 || length >= 44);
		assert_int_equal(acpi_info.has_fadt, length < 36 || length >= 60);
		assert_int_equal(acpi_info.segment_count, length < 36 || length >= 76 ? 2 : 0);
	}
}

/* Each table, of every length up to its own: what remains is used, nothing beyond is read. */
static void test_table_lengths(void **state)
{
	static const uint64_t tables[] = { MADT, FADT, HPET, MCFG, DSDT };

	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++) {
		uint32_t full = ((struct acpi_header *)(memory + tables[i]))->length;

		for (uint32_t length = 0; length < full; length++) {
			setup(state);
			set_length(tables[i], length);
			assert_int_equal(init(RSDP), 0);
			assert_non_null(acpi_table(tables[i] == MADT ? "FACP" : "APIC", 0));
			if (length < sizeof(struct acpi_header)) {
				assert_int_equal(warnings, tables[i] == MCFG   ? 1
							   : tables[i] == MADT ? 3
							   : tables[i] == FADT ? 3
									       : 2);
			}
		}
		setup(state);
	}
}

/* What a FADT of ACPI 1.0 has, and what came later. */
static void test_short_fadt(void **state)
{
	(void)state;
	set_length(FADT, FADT_SIZE_1);
	assert_int_equal(init(RSDP), 0);
	assert_int_equal(acpi_info.pm_timer.address, 0x608);
	assert_int_equal(acpi_info.reset.address, 0);
	assert_non_null(acpi_table("DSDT", 0));
	set_length(FADT, FADT_SIZE_1 - 1);
	assert_int_equal(init(RSDP), 0);
	assert_false(acpi_info.has_fadt);
}

/* Memory that ends within a table: at every byte of it. */
static void test_beyond_memory(void **state)
{
	static const uint64_t tables[] = { XSDT, MADT, FADT, HPET, MCFG, DSDT };

	(void)state;
	put_rsdp(0x500, 2);
	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct acpi_header *h = (struct acpi_header *)(memory + tables[i]);

		for (uint32_t cut = 0; cut < h->length; cut++) {
			memory_end = tables[i] + cut;
			/* The RSDT lies behind the XSDT. */
			assert_int_equal(init(0x500), i ? 0 : -ENODEV);
			assert_null(acpi_table(h->signature, 0));
			assert_true(i < 2 || acpi_info.has_madt);
		}
	}
}

static void test_address_overflow(void **state)
{
	static const uint64_t wide[] = { UINT64_MAX, UINT64_MAX - 35, 1ull << 63, MADT };

	(void)state;
	put_table(XSDT, "XSDT", wide, sizeof(wide));
	assert_int_equal(init(RSDP), 0);
	assert_true(acpi_info.has_madt);
}

/* One byte wrong in each byte of each table: that table is left out and named. */
static void test_checksums(void **state)
{
	static const struct {
		uint64_t addr;
		const char *sig;
	} tables[] = { { MADT, "APIC" }, { FADT, "FACP" }, { HPET, "HPET" }, { DSDT, "DSDT" } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++) {
		uint32_t full = ((struct acpi_header *)(memory + tables[i].addr))->length;

		/* From behind the length on: that one has a test of its own. */
		for (uint32_t at = 8; at < full; at++) {
			memory[tables[i].addr + at] ^= 0x10;
			assert_int_equal(init(RSDP), 0);
			assert_null(acpi_table(tables[i].sig, 0));
			memory[tables[i].addr + at] ^= 0x10;
		}
	}
	memory[DSDT + 36]++;
	assert_int_equal(init(RSDP), 0);
	assert_non_null(strstr(last_warning, "\"DSDT\" at 0x85000"));
}

/* Entries of length 0 and 1 would go on for ever, longer ones beyond the table. */
static void test_madt_entry_lengths(void **state)
{
	(void)state;
	for (unsigned at = 8; at < sizeof(madt_body); at += madt_body[at + 1]) {
		for (unsigned length = 0; length < 256; length++) {
			uint8_t body[sizeof(madt_body)];

			memcpy(body, madt_body, sizeof(body));
			body[at + 1] = (uint8_t)length;
			put_table(MADT, "APIC", body, sizeof(body));
			assert_int_equal(init(RSDP), 0);
			assert_true(acpi_info.has_madt);
			if (length < 2)
				assert_int_equal(warnings, 2);
		}
	}
}

static void test_too_many(void **state)
{
	uint8_t body[8 + 300 * 16 + 40 * 10 + 20 * 12 + 70 * 6] = { 0 };
	uint64_t wide[100];
	uint8_t *p = body + 8;

	(void)state;
	for (unsigned i = 0; i < 300; i++, p += 16)
		memcpy(p, (uint8_t[]){ MADT_X2APIC, 16, 0, 0, i & 0xff, i >> 8, 0, 0, 1 }, 9);
	for (unsigned i = 0; i < 40; i++, p += 10)
		memcpy(p, (uint8_t[]){ MADT_OVERRIDE, 10, 0, i & 15, i }, 5);
	for (unsigned i = 0; i < 20; i++, p += 12)
		memcpy(p, (uint8_t[]){ MADT_IOAPIC, 12, 0, 0, 0, i, 0xc0, 0xfe }, 8);
	for (unsigned i = 0; i < 70; i++, p += 6)
		memcpy(p, (uint8_t[]){ MADT_LAPIC_NMI, 6, i, 0, 0, 1 }, 6);
	put_table(MADT, "APIC", body, sizeof(body));
	assert_int_equal(init(RSDP), 0);
	assert_int_equal(acpi_info.cpu_count, ACPI_CPUS);
	assert_int_equal(acpi_info.ioapic.chip_count, IOAPICS_MAX);
	assert_int_equal(acpi_info.ioapic.override_count, IOAPIC_OVERRIDES_MAX);
	assert_int_equal(acpi_info.nmi_count, ACPI_NMIS);
	for (unsigned i = 0; i < ARRAY_SIZE(wide); i++)
		wide[i] = HPET;
	put_table(XSDT, "XSDT", wide, sizeof(wide));
	assert_int_equal(init(RSDP), 0);
	assert_non_null(acpi_table("HPET", ACPI_TABLES - 1));
	assert_null(acpi_table("HPET", ACPI_TABLES));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_revision_2, setup, teardown),
		cmocka_unit_test_setup_teardown(test_revision_0, setup, teardown),
		cmocka_unit_test_setup_teardown(test_search, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_hint, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_rsdp, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extended_checksum, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_xsdt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_root_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_table_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_short_fadt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beyond_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_address_overflow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_checksums, setup, teardown),
		cmocka_unit_test_setup_teardown(test_madt_entry_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

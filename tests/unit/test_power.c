/* SPDX-License-Identifier: MIT */
/* sources: tests/fake/log.c */
/*
 * Power off and reset: the search for S5 in AML, and what is written to which port. The driver is
 * compiled into this file with a fake of the instructions that reach hardware.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/types.h"

/* Instead of arch/x86_64/asm.h. */
#define ARCH_ASM_H

static char trace[512];
static uint16_t pm1[2];
static bool smi_works;
static uint64_t tsc;

static void note(const char *what, uint16_t port, unsigned value)
{
	size_t at = strlen(trace);

	snprintf(trace + at, sizeof(trace) - at, "%s%x=%x ", what, port, value);
}

static inline uint8_t in8(uint16_t port)
{
	(void)port;
	return 0;
}

static inline uint16_t in16(uint16_t port)
{
	return pm1[port == 0x608];
}

static inline void out8(uint16_t port, uint8_t value)
{
	note("b", port, value);
	if (port == 0xb2 && smi_works)
		pm1[0] |= 1;
}

static inline void out16(uint16_t port, uint16_t value)
{
	note("w", port, value);
	pm1[port == 0x608] = value;
}

static inline uint64_t rdtsc(void)
{
	return tsc += 100000;
}

static inline void irq_disable(void)
{
}

#include "drivers/power.c"

struct tsc_scale tsc_host;

static struct {
	struct acpi_header header;
	uint8_t aml[16];
} dsdt, ssdt[2];

static uint8_t registers[16];

void *mmio_map(hpa_t addr, uint64_t size)
{
	(void)size;
	return registers + addr.raw;
}

static unsigned ssdts;

const void *acpi_table(const char sig[4], unsigned index)
{
	if (!memcmp(sig, "DSDT", 4))
		return index || !dsdt.header.length ? NULL : &dsdt;
	if (!memcmp(sig, "SSDT", 4))
		return index < ssdts ? &ssdt[index] : NULL;
	return NULL;
}

/* Searches a copy on the heap of exactly n bytes. -1, or both types as 0xab. */
static int find(const void *aml, size_t n)
{
	struct power_s5 s5 = { 0xee, 0xee };
	uint8_t *copy = malloc(n ? n : 1);
	int err;

	memcpy(copy, aml, n);
	err = power_find_s5(copy, n, &s5);
	free(copy);
	return err ? -1 : s5.type_a << 4 | s5.type_b;
}

#define FIND(s) find(s, sizeof(s) - 1)

static void test_forms(void **state)
{
	(void)state;
	/* As iasl writes it: bytes, ZeroOp and OneOp. */
	assert_int_equal(FIND("\x08_S5_\x12\x08\x04\x0a\x05\x0a\x06\x00\x00"), 0x56);
	assert_int_equal(FIND("\x08_S5_\x12\x06\x04\x00\x00\x00\x00"), 0x00);
	assert_int_equal(FIND("\x08_S5_\x12\x06\x04\x01\x00\x00\x00"), 0x10);
	/* With the root prefix; with a longer length; wider constants; one element. */
	assert_int_equal(FIND("\x08\\_S5_\x12\x06\x02\x0a\x07\x0a\x07"), 0x77);
	assert_int_equal(FIND("\x08_S5_\x12\x46\x00\x02\x0a\x03\x01"), 0x31);
	assert_int_equal(FIND("\x08_S5_\x12\x0a\x02\x0b\x05\x00\x0c\x06\x00\x00\x00"), 0x56);
	assert_int_equal(FIND("\x08_S5_\x12\x08\x02\x0b\x05\x00\x0b\x06\x00"), 0x56);
	assert_int_equal(FIND("\x08_S5_\x12\x0b\x02\x0e\x04\0\0\0\0\0\0\0"), 0x44);
	assert_int_equal(FIND("\x08_S5_\x12\x04\x01\x0a\x05"), 0x55);
}

static void test_wrong_forms(void **state)
{
	(void)state;
	assert_int_equal(FIND(""), -1);
	assert_int_equal(FIND("_S5_"), -1);
	assert_int_equal(FIND("_S5_\x12\x06\x04\x0a\x05\x0a\x05"), -1);
	/* Not a name's definition. */
	assert_int_equal(FIND("\x14_S5_\x12\x06\x04\x0a\x05\x0a\x05"), -1);
	assert_int_equal(FIND("\\_S5_\x12\x06\x04\x0a\x05\x0a\x05"), -1);
	/* Not a package; empty; longer than what is there; shorter than its own length. */
	assert_int_equal(FIND("\x08_S5_\x11\x06\x04\x0a\x05\x0a\x05"), -1);
	assert_int_equal(FIND("\x08_S5_\x12\x06\x00\x0a\x05\x0a\x05"), -1);
	assert_int_equal(FIND("\x08_S5_\x12\x08\x04\x0a\x05\x0a\x05"), -1);
	assert_int_equal(FIND("\x08_S5_\x12\x00\x04\x0a\x05\x0a\x05"), -1);
	assert_int_equal(FIND("\x08_S5_\x12\xc0\x00\x00"), -1);
	/* Values that SLP_TYP cannot hold. */
	assert_int_equal(FIND("\x08_S5_\x12\x06\x04\x0a\x08\x0a\x05\x00"), -1);
	assert_int_equal(FIND("\x08_S5_\x12\x05\x01\x0b\x05\x01"), -1);
	assert_int_equal(FIND("\x08_S5_\x12\x03\x01\xff"), -1);
	/* A wrong one does not hide the right one behind it. */
	assert_int_equal(FIND("\x08_S5_\x08_S5_\x12\x06\x02\x0a\x03\x0a\x04\x00"), 0x34);
	assert_int_equal(
		FIND("\x08_S4_\x12\x06\x02\x0a\x06\x0a\x06\x00\x08_S5_\x12\x04\x01\x0a\x05"), 0x55);
}

/* Every beginning of a right table: found as soon as its package is whole, and never before. */
static void test_truncated(void **state)
{
	static const char aml[] = "\x10\x05\\\x00\x08\\_S5_\x12\x47\x00\x02\x0a\x05\x0a\x06";
	size_t n = sizeof(aml) - 1;

	(void)state;
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(find(aml, cut), -1);
	assert_int_equal(find(aml, n), 0x56);
}

static void put_aml(void *table, const char *aml, size_t n)
{
	struct acpi_header *h = table;

	h->length = (uint32_t)(sizeof(*h) + n);
	memcpy(h + 1, aml, n);
}

#define PUT(table, s) put_aml(table, s, sizeof(s) - 1)
#define S5_56	      "\x08_S5_\x12\x06\x02\x0a\x05\x0a\x06"

static int setup(void **state)
{
	(void)state;
	memset(&power, 0, sizeof(power));
	memset(&dsdt, 0, sizeof(dsdt));
	memset(ssdt, 0, sizeof(ssdt));
	memset(registers, 0, sizeof(registers));
	ssdts = 0;
	trace[0] = 0;
	pm1[0] = 1;
	pm1[1] = 0;
	smi_works = true;
	return 0;
}

static const struct acpi_info pc = {
	.pm1a_control = { 0x604, ACPI_SPACE_IO, 16 },
	.smi_command = 0xb2,
	.acpi_enable = 0xf1,
	.reset = { 0xcf9, ACPI_SPACE_IO, 8 },
	.reset_value = 6,
};

static void test_off(void **state)
{
	(void)state;
	PUT(&dsdt, S5_56);
	power_init(&pc);
	pm1[0] = 0x1c01; /* another type was in it */
	assert_int_equal(power_off(), -EIO);
	assert_string_equal(trace, "w604=1401 w604=3401 ");
}

static void test_off_enables_acpi(void **state)
{
	(void)state;
	PUT(&dsdt, S5_56);
	power_init(&pc);
	pm1[0] = 0;
	assert_int_equal(power_off(), -EIO);
	assert_string_equal(trace, "bb2=f1 w604=1401 w604=3401 ");
	/* Where the firmware does not answer it is tried all the same. */
	trace[0] = 0;
	pm1[0] = 0;
	smi_works = false;
	assert_int_equal(power_off(), -EIO);
	assert_string_equal(trace, "bb2=f1 w604=1400 w604=3400 ");
}

static void test_off_both_blocks(void **state)
{
	struct acpi_info both = pc;

	(void)state;
	both.pm1b_control = (struct acpi_gas){ 0x608, ACPI_SPACE_IO, 16 };
	ssdts = 2;
	PUT(&dsdt, "\x08_S4_");
	PUT(&ssdt[0], "");
	PUT(&ssdt[1], S5_56);
	power_init(&both);
	assert_int_equal(power_off(), -EIO);
	assert_string_equal(trace, "w604=1401 w608=1800 w604=3401 w608=3800 ");
}

static void test_off_in_memory(void **state)
{
	struct acpi_info a = { .pm1a_control = { 4, ACPI_SPACE_MEMORY, 16 } };

	(void)state;
	PUT(&dsdt, S5_56);
	power_init(&a);
	assert_int_equal(power_off(), -EIO);
	assert_string_equal(trace, "");
	assert_int_equal(registers[4] | registers[5] << 8, 0x3400);
}

static void test_off_hw_reduced(void **state)
{
	struct acpi_info a = { .hw_reduced = true, .sleep_control = { 0x604, ACPI_SPACE_IO, 8 } };

	(void)state;
	PUT(&dsdt, S5_56);
	power_init(&a);
	assert_int_equal(power_off(), -EIO);
	assert_string_equal(trace, "b604=34 ");
}

static void test_off_impossible(void **state)
{
	struct acpi_info none = { 0 };

	(void)state;
	assert_int_equal(power_off(), -ENODEV);
	power_init(&pc);
	assert_int_equal(power_off(), -ENODEV);
	PUT(&dsdt, S5_56);
	power_init(&none);
	assert_int_equal(power_off(), -ENODEV);
	assert_string_equal(trace, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_wrong_forms),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test_setup(test_off, setup),
		cmocka_unit_test_setup(test_off_enables_acpi, setup),
		cmocka_unit_test_setup(test_off_both_blocks, setup),
		cmocka_unit_test_setup(test_off_in_memory, setup),
		cmocka_unit_test_setup(test_off_hw_reduced, setup),
		cmocka_unit_test_setup(test_off_impossible, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

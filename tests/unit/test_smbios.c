/* SPDX-License-Identifier: MIT */
/* sources: vmm/acpi/smbios.c vmm/gmem.c tests/fake/guest.c tests/fake/log_record.c */
/*
 * The guest's SMBIOS as dmidecode reads it: from a file that is the first MiB of the guest, by
 * searching it for each of the two entry points as it would search a PC's memory.
 */
#define _GNU_SOURCE /* strcasestr() */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/checksum.h"
#include "lib/errno.h"
#include "tests/fake/guest.h"
#include "tests/fake/log_record.h"
#include "vmm/acpi/acpi.h"
#include "vmm/acpi/smbios.h"

enum { OUTPUT = 32768, FIRST_MIB = 0x100000 };

/* What dmidecode prints of the guest's first MiB. */
static void dmidecode(struct vm *vm, char output[OUTPUT])
{
	char path[] = "/tmp/plinth-smbios-XXXXXX", command[256];
	int fd = mkstemp(path);
	FILE *pipe;
	size_t n;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, fake_guest_at(vm, 0, FIRST_MIB), FIRST_MIB), FIRST_MIB);
	close(fd);
	snprintf(command, sizeof(command),
		 "PATH=$PATH:/usr/sbin:/sbin dmidecode --no-sysfs -d %s 2>&1", path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	n = fread(output, 1, OUTPUT - 1, pipe);
	output[n] = '\0';
	assert_int_equal(pclose(pipe), 0);
	unlink(path);
}

static void expect(const char *output, const char *text)
{
	if (!strstr(output, text))
		fail_msg("no \"%s\" in:\n%s", text, output);
}

static void check_machine(const char *output)
{
	static const char *const texts[] = {
		"\tVendor: Plinth\n",
		"\t\tSystem is a virtual machine\n",
		"\tManufacturer: Plinth\n\tProduct Name: Virtual machine\n\tVersion: 0.1\n",
		"\tSerial Number: web-1\n",
		"\tType: Other\n",
		"\tSocket Designation: CPU 0\n",
		"\tType: Central Processor\n",
		"\tStatus: Populated, Enabled\n",
		"\tCore Count: 1\n",
		"\tMaximum Capacity: 256 MB\n",
		"\tSize: 256 MB\n",
		"\tStarting Address: 0x00000000000\n\tEnding Address: 0x0000FFFFFFF\n",
		"\tStatus: No errors detected\n",
		"End Of Table\n",
	};
	static const char *const wrong[] = { "BAD INDEX", "OUT OF SPEC", "broken",  "TRUNCATED",
					     "Wrong",	  "Invalid",	 "mismatch" };

	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++)
		expect(output, texts[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_null(strcasestr(output, wrong[i]));
}

static void test_both_entries(void **state)
{
	struct vm *vm = fake_guest_new(256 * MIB);
	char output[OUTPUT];

	(void)state;
	strcpy(vm->config.name, "web-1");
	memset(fake_guest_at(vm, GUEST_SMBIOS, 0x10000), 0xcc, 0x10000);
	assert_int_equal(smbios_build(vm), 0);
	dmidecode(vm, output);
	expect(output, "SMBIOS 3.3.0 present.\n");
	expect(output, "Table at 0x000F0040.\n");
	check_machine(output);
	/* Nothing is left of what was there before. */
	assert_int_equal(*(uint8_t *)fake_guest_at(vm, GUEST_SMBIOS_END - 1, 1), 0);

	/* Without the newer entry point the older one is found. */
	memset(fake_guest_at(vm, GUEST_SMBIOS, 16), 0, 16);
	dmidecode(vm, output);
	expect(output, "SMBIOS 3.3 present.\n9 structures occupying ");
	check_machine(output);
	fake_guest_free(vm);
}

static void test_checksums(void **state)
{
	struct vm *vm = fake_guest_new(256 * MIB);
	const uint8_t *at = fake_guest_at(vm, GUEST_SMBIOS, 64);

	(void)state;
	assert_int_equal(smbios_build(vm), 0);
	assert_memory_equal(at, "_SM3_", 5);
	assert_int_equal(checksum_sum(at, 24), 0);
	assert_memory_equal(at + 32, "_SM_", 4);
	assert_int_equal(checksum_sum(at + 32, 31), 0);
	assert_memory_equal(at + 48, "_DMI_", 5);
	assert_int_equal(checksum_sum(at + 48, 15), 0);
	fake_guest_free(vm);
}

/* Sizes that the old fields have no room for, and memory above the PCI hole. */
static void test_large_memory(void **state)
{
	struct vm *vm = fake_guest_new(4 * GIB);
	char output[OUTPUT];

	(void)state;
	vm->config.memory = 5 * 1024 * GIB;
	assert_int_equal(smbios_build(vm), 0);
	dmidecode(vm, output);
	expect(output, "\tMaximum Capacity: 5 TB\n");
	expect(output, "\tSize: 5 TB\n");
	expect(output, "\tEnding Address: 0x000BFFFFFFF\n\tRange Size: 3 GB\n");
	expect(output, "\tStarting Address: 0x0000000100000000k\n\tEnding Address: "
		       "0x000005003FFFFFFFk\n");
	fake_guest_free(vm);
}

static const uint8_t *uuid(struct vm *vm)
{
	const uint8_t *base = fake_guest_at(vm, GUEST_SMBIOS, 0x1000);

	assert_int_equal(smbios_build(vm), 0);
	/* Type 1, its handle 0x101. */
	for (unsigned i = 0x40; i < 0x1000; i++) {
		if (memcmp(base + i, "\x01\x1b\x01\x01", 4) == 0)
			return base + i + 8;
	}
	fail();
	return NULL;
}

/* The same for the same name, another for another. */
static void test_uuid(void **state)
{
	struct vm *vm = fake_guest_new(16 * MIB);
	uint8_t first[16];

	(void)state;
	strcpy(vm->config.name, "a");
	memcpy(first, uuid(vm), 16);
	assert_memory_equal(uuid(vm), first, 16);
	assert_int_equal(first[7] >> 4, 8);
	assert_int_equal(first[8] >> 6, 2);
	strcpy(vm->config.name, "b");
	assert_memory_not_equal(uuid(vm), first, 16);
	/* A name that fills its buffer has no terminator. */
	memset(vm->config.name, 'n', sizeof(vm->config.name));
	assert_memory_not_equal(uuid(vm), first, 16);
	fake_guest_free(vm);
}

static void test_no_memory(void **state)
{
	struct vm *vm = fake_guest_new(0x80000);

	(void)state;
	fake_log_clear();
	assert_int_equal(smbios_build(vm), -EFAULT);
	assert_true(fake_log_has(LOG_ERROR, "no memory at 0xf0000"));
	fake_guest_free(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_entries), cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_large_memory), cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

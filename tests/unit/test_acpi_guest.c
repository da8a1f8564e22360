/* SPDX-License-Identifier: MIT */
/* sources: vmm/acpi/acpi.c vmm/gmem.c tests/fake/guest.c tests/fake/log_record.c */
/*
 * The guest's ACPI tables: found, followed and summed as a kernel does it, then disassembled by
 * ACPICA's iasl, which knows every field of every table and must find no fault.
 */
#define _GNU_SOURCE /* memmem() */
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
#include "vmm/acpi/tables.h"
#include "vmm/irqchip.h"

static struct vm *guest_new(void)
{
	struct vm *vm = fake_guest_new(64 * MIB);

	/* What a guest of before has left must not show. */
	memset(fake_guest_at(vm, GUEST_ACPI, 0x10000), 0xcc, 0x10000);
	assert_int_equal(acpi_build(vm), 0);
	return vm;
}

static const struct acpi_rsdp *rsdp(struct vm *vm)
{
	return fake_guest_at(vm, ACPI_RSDP, sizeof(struct acpi_rsdp));
}

/* The table at this address, after checking what every table has. */
static const void *table(struct vm *vm, uint64_t at, const char *signature)
{
	const struct acpi_header *h = fake_guest_at(vm, at, sizeof(*h));

	assert_true(at >= GUEST_ACPI && at + h->length <= GUEST_ACPI_END);
	assert_memory_equal(h->signature, signature, 4);
	assert_int_equal(checksum_sum(h, h->length), 0);
	assert_memory_equal(h->oem_id, "PLINTH", 6);
	return h;
}

static const struct acpi_fadt *fadt(struct vm *vm)
{
	const struct acpi_xsdt *x = table(vm, rsdp(vm)->xsdt, "XSDT");

	return table(vm, x->tables[0], "FACP");
}

static const struct acpi_madt *madt(struct vm *vm)
{
	const struct acpi_xsdt *x = table(vm, rsdp(vm)->xsdt, "XSDT");

	return table(vm, x->tables[1], "APIC");
}

static void test_roots(void **state)
{
	struct vm *vm = guest_new();
	const struct acpi_rsdp *r = rsdp(vm);
	const struct acpi_rsdt *rsdt;
	const struct acpi_xsdt *xsdt;

	(void)state;
	assert_int_equal(ACPI_RSDP % 16, 0);
	assert_memory_equal(r->signature, "RSD PTR ", 8);
	assert_int_equal(r->revision, 2);
	assert_int_equal(r->length, 36);
	assert_int_equal(checksum_sum(r, 20), 0);
	assert_int_equal(checksum_sum(r, 36), 0);
	rsdt = table(vm, r->rsdt, "RSDT");
	xsdt = table(vm, r->xsdt, "XSDT");
	assert_int_equal(rsdt->header.length, 36 + 2 * 4);
	assert_int_equal(xsdt->header.length, 36 + 2 * 8);
	for (unsigned i = 0; i < 2; i++)
		assert_true(rsdt->tables[i] == xsdt->tables[i]);
	fake_guest_free(vm);
}

static void test_fadt(void **state)
{
	struct vm *vm = guest_new();
	const struct acpi_fadt *f = fadt(vm);
	const struct acpi_facs *facs;

	(void)state;
	assert_int_equal(f->sci_int, 9);
	assert_int_equal(f->smi_cmd, 0);
	assert_int_equal(f->pm1a_evt_blk, 0x600);
	assert_int_equal(f->pm1a_cnt_blk, 0x604);
	assert_int_equal(f->pm_tmr_blk, 0x608);
	assert_true(f->x_pm1a_evt_blk.address == 0x600 && f->x_pm1a_evt_blk.bit_width == 32);
	assert_true(f->x_pm1a_cnt_blk.address == 0x604 && f->x_pm1a_cnt_blk.bit_width == 16);
	assert_true(f->x_pm_tmr_blk.address == 0x608 && f->x_pm_tmr_blk.bit_width == 32);
	assert_true(f->reset_reg.address == 0xcf9 && f->reset_reg.space == 1);
	assert_int_equal(f->reset_value, 6);
	assert_int_equal(f->flags & 1 << 10, 1 << 10);
	assert_true(f->dsdt == f->x_dsdt);
	facs = fake_guest_at(vm, f->firmware_ctrl, sizeof(*facs));
	assert_int_equal(f->firmware_ctrl % 64, 0);
	assert_memory_equal(facs->signature, "FACS", 4);
	assert_int_equal(facs->length, 64);
	fake_guest_free(vm);
}

/* Each entry as bytes, in the order and form of the specification. */
static void test_madt(void **state)
{
	static const uint8_t want[] = {
		0, 8,  0,    0, 1, 0, 0,    0,			/* LAPIC */
		1, 12, 3,    0, 0, 0, 0xc0, 0xfe, 0,   0, 0, 0, /* IOAPIC */
		2, 10, 0,    0, 2, 0, 0,    0,	  0,   0,	/* IRQ 0 on pin 2 */
		2, 10, 0,    9, 9, 0, 0,    0,	  0xd, 0,	/* the SCI: level, high */
		4, 6,  0xff, 0, 0, 1,				/* NMI on LINT1 */
	};
	struct vm *vm = fake_guest_new(64 * MIB);
	const struct acpi_madt *m;

	(void)state;
	vm->vioapic.id = 3;
	assert_int_equal(acpi_build(vm), 0);
	m = madt(vm);
	assert_true(m->lapic_address == 0xfee00000);
	assert_int_equal(m->flags, 1);
	assert_int_equal(m->header.length, sizeof(*m) + sizeof(want));
	assert_memory_equal(m + 1, want, sizeof(want));
	fake_guest_free(vm);
}

/* The DSDT, which is written by hand, has the numbers that the devices have. */
static void test_dsdt(void **state)
{
	const uint8_t s5[] = { '_', 'S', '5', '_', 0x12, 6, 4 };
	struct vm *vm = guest_new();
	const struct acpi_header *d = table(vm, fadt(vm)->dsdt, "DSDT");
	const uint8_t *found = memmem(d, d->length, s5, sizeof(s5));

	(void)state;
	assert_non_null(found);
	/* Zero and One are opcodes of their own: 0 and 1; other bytes have a prefix. */
	assert_int_equal(VPM_SLP_TYP_S5, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(found[sizeof(s5) + i], 0);

	/* An I/O port descriptor: 47h, 16-bit decoding, minimum, maximum, alignment, length. */
	static const uint8_t ports[][8] = {
		{ 0x47, 1, VUART_COM1 & 0xff, VUART_COM1 >> 8, VUART_COM1 & 0xff, VUART_COM1 >> 8,
		  1, 8 },
		{ 0x47, 1, VUART_COM2 & 0xff, VUART_COM2 >> 8, VUART_COM2 & 0xff, VUART_COM2 >> 8,
		  1, 8 },
		{ 0x47, 1, VPM_PM1_EVENT & 0xff, VPM_PM1_EVENT >> 8, VPM_PM1_EVENT & 0xff,
		  VPM_PM1_EVENT >> 8, 1, VPM_PM_TIMER + 4 - VPM_PM1_EVENT },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(ports); i++)
		assert_non_null(memmem(d, d->length, ports[i], sizeof(ports[i])));

	/* An EISA ID: 0Ch, three letters in five bits each, four digits. Linux takes a keyboard
	 * controller whose mouse is not here for one with that port switched off. */
	static const uint8_t mouse_id[] = { 0x0c, 0x41, 0xd0, 0x0f, 0x13 };
	/* An interrupt descriptor without flags: 22h, a mask; and the end tag behind it. */
	static const uint8_t mouse_irq[] = { 0x22, (1 << IRQ_MOUSE) & 0xff, (1 << IRQ_MOUSE) >> 8,
					     0x79 };

	found = memmem(d, d->length, mouse_id, sizeof(mouse_id));
	assert_non_null(found);
	assert_non_null(memmem(found, 32, mouse_irq, sizeof(mouse_irq)));
	fake_guest_free(vm);
}

static void test_no_memory(void **state)
{
	struct vm *vm = fake_guest_new(0x80000);

	(void)state;
	fake_log_clear();
	assert_int_equal(acpi_build(vm), -EFAULT);
	assert_true(fake_log_has(LOG_ERROR, "no memory at 0xe0000"));
	fake_guest_free(vm);

	vm = fake_guest_new(64 * MIB);
	vm->vcpu_count = 10000;
	assert_int_equal(acpi_build(vm), -ENOSPC);
	assert_true(fake_log_has(LOG_ERROR, "the tables for 10000 CPUs need more"));
	fake_guest_free(vm);
}

static void file_write(const char *folder, const char *name, const void *data, size_t n)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.dat", folder, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static int shell(const char *format, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	return system(command);
}

/* Each table apart, then the DSDT compiled again from what iasl made of it. */
static void test_iasl(void **state)
{
	struct vm *vm = guest_new();
	char folder[] = "/tmp/plinth-acpi-XXXXXX";
	const struct acpi_fadt *f = fadt(vm);
	const struct {
		const char *name;
		const struct acpi_header *h;
	} tables[] = {
		{ "rsdt", table(vm, rsdp(vm)->rsdt, "RSDT") },
		{ "xsdt", table(vm, rsdp(vm)->xsdt, "XSDT") },
		{ "facp", &f->header },
		{ "apic", &madt(vm)->header },
		{ "dsdt", table(vm, f->dsdt, "DSDT") },
		{ "facs", fake_guest_at(vm, f->firmware_ctrl, sizeof(struct acpi_facs)) },
	};

	(void)state;
	assert_non_null(mkdtemp(folder));
	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++) {
		const char *name = tables[i].name;

		file_write(folder, name, tables[i].h, tables[i].h->length);
		assert_int_equal(shell("cd %s && iasl -d %s.dat >%s.log 2>&1", folder, name, name),
				 0);
		assert_int_equal(shell("test -s %s/%s.dsl", folder, name), 0);
		assert_int_not_equal(
			shell("grep -iE 'error|warning|invalid|unknown|mismatch|incorrect|should "
			      "be' "
			      "%s/%s.log %s/%s.dsl",
			      folder, name, folder, name),
			0);
	}
	assert_int_equal(shell("cd %s && iasl -we dsdt.dsl >dsdt.log 2>&1 && "
			       "grep -q '0 Errors, 0 Warnings' dsdt.log",
			       folder),
			 0);
	assert_int_equal(
		shell("cd %s && iasl -we facp.dsl >facp.log 2>&1 && cmp -i 36 facp.aml facp.dat",
		      folder),
		0);
	shell("rm -r %s", folder);
	fake_guest_free(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roots), cmocka_unit_test(test_fadt),
		cmocka_unit_test(test_madt),  cmocka_unit_test(test_dsdt),
		cmocka_unit_test(test_iasl),  cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

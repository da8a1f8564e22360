// SPDX-License-Identifier: MIT
/* PCI configuration by ports CF8 and CFC, and the ACPI PM timer and tables that name it. */
#include "lib/acpi.h"
#include "lib/cpu.h"
#include "lib/test.h"
#include "lib/time.h"

enum { SLOTS = 32, ABSENT_SLOT = 30, ID = 0, CLASS = 8 };
enum { CLASS_HOST_BRIDGE = 0x0600, SCI_ENABLED = 1 };
#define CONFIG_ENABLE 0x80000000u
#define NO_DEVICE     0xffffffffu

static uint32_t address(unsigned slot, unsigned function, unsigned reg)
{
	return CONFIG_ENABLE | slot << 11 | function << 8 | (reg & 0xfc);
}

static uint32_t config_read(unsigned slot, unsigned reg)
{
	outl(PCI_ADDRESS, address(slot, 0, reg));
	return inl(PCI_DATA);
}

static void test_config(void)
{
	uint32_t id = config_read(0, ID);
	unsigned found = 0;

	check_eq("CF8 reads back", address(0, 0, ID), inl(PCI_ADDRESS));
	check_true("device 0 is there", id != NO_DEVICE && id != 0);
	check_eq("device 0 is the host bridge", CLASS_HOST_BRIDGE, config_read(0, CLASS) >> 16);
	outl(PCI_ADDRESS, address(0, 0, ID));
	check_eq("low word", id & 0xffff, inw(PCI_DATA));
	check_eq("high word", id >> 16, inw(PCI_DATA + 2));
	check_eq("second byte", id >> 8 & 0xff, inb(PCI_DATA + 1));
	check_eq("fourth byte", id >> 24, inb(PCI_DATA + 3));
	outl(PCI_DATA, 0);
	check_eq("the ID cannot be written", id, config_read(0, ID));
	check_eq("a slot without a device", NO_DEVICE, config_read(ABSENT_SLOT, ID));
	outl(PCI_ADDRESS, address(0, 0, ID) | 5 << 16);
	check_eq("a bus that is not there", NO_DEVICE, inl(PCI_DATA));
	outl(PCI_ADDRESS, 0);
	test_tolerate(test_is_bare_bochs(), "Bochs goes on without the enable bit");
	check_eq("CFC without the enable bit", NO_DEVICE, inl(PCI_DATA));
	test_tolerate_end();
	for (unsigned slot = 0; slot < SLOTS; slot++)
		found += config_read(slot, ID) != NO_DEVICE;
	print("%u PCI devices on bus 0\n", found);
	check_range("PCI devices", 1, SLOTS - 1, found);
}

static void test_pm_timer(void)
{
	uint32_t from, to, most = 0;
	uint64_t start;

	if (!check_true("the FADT names a PM timer", time_pm_port() != 0))
		return;
	from = time_pm_read();
	time_wait_us(20000);
	to = time_pm_read();
	check_range("PM timer ticks in 20 ms", PMTIMER_HZ / 50 * 97 / 100,
		    PMTIMER_HZ / 50 * 103 / 100, time_pm_delta(from, to));
	for (int i = 0; i < 1000; i++) {
		from = time_pm_read();
		to = time_pm_delta(from, time_pm_read());
		most = to > most ? to : most;
	}
	check_range("it never goes back", 0, PMTIMER_HZ / 20, most);
	start = rdtsc();
	from = time_pm_read();
	while (time_pm_read() == from && rdtsc() - start < time_tsc_per_ms())
		pause();
	check_true("it moves within a millisecond", time_pm_read() != from);
}

static void test_tables(void)
{
	const struct acpi_fadt *fadt = acpi_fadt();
	const struct acpi_header *dsdt;

	if (!check_true("a sound FADT", fadt != 0))
		return;
	dsdt = (const struct acpi_header *)(uint64_t)fadt->dsdt;
	check_true("a DSDT", !memcmp(dsdt->signature, "DSDT", 4));
	check_eq("the DSDT's sum", 0, acpi_sum(dsdt, dsdt->length));
	check_true("a MADT", acpi_find("APIC") != 0);
	check_true("PM1a event and control blocks", fadt->pm1a_evt && fadt->pm1a_cnt);
	if (!fadt->smi_cmd)
		check_eq("ACPI is on where no SMI command turns it on", SCI_ENABLED,
			 inw((uint16_t)fadt->pm1a_cnt) & SCI_ENABLED);
}

void guest_main(void)
{
	time_tsc_per_ms(); /* it takes its time at first */
	test_config();
	test_pm_timer();
	test_tables();
}

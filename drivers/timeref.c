/* SPDX-License-Identifier: MIT */
/*
 * Clocks to measure the TSC by, the best first: the HPET ticks at 10 MHz or more and is read in one
 * access, the PM timer ticks at 3.6 MHz, the PIT at 1.2 MHz and takes three accesses to read.
 */
#include "drivers/timeref.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/mmio.h"
#include "lib/log.h"

/* HPET Specification, "Memory Map". */
enum {
	HPET_PERIOD = 0x004, /* the capabilities' high half: femtoseconds a tick */
	HPET_CONFIG = 0x010,
	HPET_COUNTER = 0x0f0,
	HPET_SIZE = 0x400,
	HPET_CONFIG_ENABLE = 1 << 0,
	HPET_PERIOD_MAX = 100000000,
	HPET_PERIOD_MIN = 100000, /* 10 GHz: anything faster is a misreading */
};

#define FS_PER_S 1000000000000000ull

enum { PM_TIMER_HZ = 3579545, PM_TIMER_SIZE = 4 };

/* 8254 data sheet; channel 2's gate is bit 0 of port 61h, the speaker bit 1. */
enum {
	PIT_HZ = 1193182,
	PIT_CHANNEL2 = 0x42,
	PIT_COMMAND = 0x43,
	PIT_SETUP = 0xb4, /* channel 2, low then high byte, mode 2, binary */
	PIT_LATCH = 0x80, /* channel 2's count, for the next two reads */
	PIT_MASK = 0xffff,
	PORT_61 = 0x61,
	PORT_61_GATE = 1 << 0,
	PORT_61_SPEAKER = 1 << 1,
};

static struct tsc_reference found;

static uint64_t read_memory(const struct tsc_reference *r)
{
	return mmio_read32((const volatile void *)r->address) & r->mask;
}

static uint64_t read_port(const struct tsc_reference *r)
{
	return in32((uint16_t)r->address) & r->mask;
}

static uint64_t read_pit(const struct tsc_reference *r)
{
	uint64_t count;

	out8(PIT_COMMAND, PIT_LATCH);
	count = in8(PIT_CHANNEL2);
	count |= (uint64_t)in8(PIT_CHANNEL2) << 8;
	return -count & r->mask; /* it counts down */
}

static bool find_hpet(hpa_t base)
{
	uint8_t *regs;
	uint32_t period;

	if (!base.raw)
		return false;
	regs = mmio_map(base, HPET_SIZE);
	if (!regs)
		return false;
	period = mmio_read32(regs + HPET_PERIOD);
	if (period < HPET_PERIOD_MIN || period > HPET_PERIOD_MAX) {
		log_warn("hpet: a period of %u fs is impossible: it is not used", period);
		return false;
	}
	mmio_write32(regs + HPET_CONFIG, mmio_read32(regs + HPET_CONFIG) | HPET_CONFIG_ENABLE);
	found = (struct tsc_reference){
		.name = "HPET",
		.read = read_memory,
		.mask = UINT32_MAX,
		.hz = FS_PER_S / period,
		.address = (uint64_t)(regs + HPET_COUNTER),
	};
	return true;
}

static bool find_pm_timer(const struct acpi_gas *gas, unsigned bits)
{
	found = (struct tsc_reference){
		.name = "ACPI PM timer",
		.mask = BIT(bits) - 1,
		.hz = PM_TIMER_HZ,
	};
	if (!gas->address)
		return false;
	if (gas->space == ACPI_SPACE_IO) {
		found.read = read_port;
		found.address = gas->address;
		return true;
	}
	found.read = read_memory;
	found.address = (uint64_t)mmio_map(hpa(gas->address), PM_TIMER_SIZE);
	return found.address;
}

static void start_pit(void)
{
	out8(PORT_61, (in8(PORT_61) & (uint8_t)~PORT_61_SPEAKER) | PORT_61_GATE);
	out8(PIT_COMMAND, PIT_SETUP);
	out8(PIT_CHANNEL2, 0); /* a count of 0 is 65536 */
	out8(PIT_CHANNEL2, 0);
	found = (struct tsc_reference){
		.name = "PIT",
		.read = read_pit,
		.mask = PIT_MASK,
		.hz = PIT_HZ,
	};
}

const struct tsc_reference *timeref_find(const struct acpi_info *acpi)
{
	if (!find_hpet(acpi->hpet) && !find_pm_timer(&acpi->pm_timer, acpi->pm_timer_bits))
		start_pit();
	return &found;
}

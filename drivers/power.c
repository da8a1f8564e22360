/* SPDX-License-Identifier: MIT */
/*
 * Power off and reset. ACPI tells the numbers for S5 in a package of its bytecode, Name (\_S5,
 * Package () { a, b, … }); Plinth has no interpreter and looks for that form, which is the only one
 * that firmware uses, since the numbers must be constants.
 */
#include "drivers/power.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/mmio.h"
#include "arch/x86_64/tsc.h"
#include "drivers/acpi_tables.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

/* ACPI Specification, "ACPI Machine Language Specification". */
enum aml {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_QWORD = 0x0e,
	AML_PACKAGE = 0x12,
	AML_ROOT = '\\',
	AML_LENGTH_FOLLOWING = 6, /* a package length's first byte: how many follow, bits 7:6 */
	AML_LENGTH_ONLY = 0x3f,	  /* its value, when none does */
	AML_LENGTH_LOW = 0x0f,	  /* and else its low bits */
};

/* "PM1 Control Registers". */
enum {
	PM1_SCI_EN = 1 << 0,
	PM1_SLP_TYP_SHIFT = 10,
	PM1_SLP_TYP = 7 << PM1_SLP_TYP_SHIFT,
	PM1_SLP_EN = 1 << 13,
};

/* "Sleep Control and Status Registers", of hardware-reduced machines. */
enum { SLEEP_TYPE_SHIFT = 2, SLEEP_ENABLE = 1 << 5 };

enum { S5_TYPE_MAX = 7 };

/* The reset control register of PC chipsets, and the keyboard controller's reset line. */
enum {
	CF9_PORT = 0xcf9,
	CF9_HARD = 0x02,
	CF9_NOW = 0x06,
	KBC_PORT = 0x64,
	KBC_INPUT_FULL = 1 << 1,
	KBC_PULSE_RESET = 0xfe,
	KBC_READS = 10000,
};

#define MS 1000000ull

/* A register that is ready to use; no port and no pointer: there is none. */
struct reg {
	uint16_t port;
	uint8_t *memory;
};

static struct {
	const struct acpi_info *acpi;
	bool has_s5;
	struct power_s5 s5;
	struct reg pm1a, pm1b, sleep, reset;
} power;

/* A constant of a package; moves *at past it. False when it is none, or too large for SLP_TYP. */
static bool read_constant(const uint8_t *aml, size_t end, size_t *at, uint8_t *value)
{
	size_t bytes = 0, first = *at + 1;

	if (*at >= end)
		return false;
	switch (aml[*at]) {
	case AML_ZERO:
	case AML_ONE:
		*value = aml[*at];
		*at = first;
		return true;
	case AML_BYTE: bytes = 1; break;
	case AML_WORD: bytes = 2; break;
	case AML_DWORD: bytes = 4; break;
	case AML_QWORD: bytes = 8; break;
	}
	if (!bytes || bytes > end - first || aml[first] > S5_TYPE_MAX)
		return false;
	for (size_t i = 1; i < bytes; i++)
		if (aml[first + i])
			return false;
	*value = aml[first];
	*at = first + bytes;
	return true;
}

/* The end of the package whose length begins at *at; moves *at past the length. 0: it is wrong. */
static size_t read_package_end(const uint8_t *aml, size_t n, size_t *at)
{
	size_t start = *at, following, length;

	if (start >= n)
		return 0;
	following = aml[start] >> AML_LENGTH_FOLLOWING;
	if (following > n - start - 1)
		return 0;
	length = aml[start] & (following ? AML_LENGTH_LOW : AML_LENGTH_ONLY);
	for (size_t i = 0; i < following; i++)
		length |= (size_t)aml[start + 1 + i] << (4 + 8 * i);
	*at = start + 1 + following;
	return length >= 1 + following && length <= n - start ? start + length : 0;
}

/* What follows the name: a package of one or more constants. */
static bool read_s5(const uint8_t *aml, size_t n, size_t at, struct power_s5 *s5)
{
	size_t end;
	uint8_t elements;

	if (at >= n || aml[at++] != AML_PACKAGE)
		return false;
	end = read_package_end(aml, n, &at);
	if (at >= end)
		return false;
	elements = aml[at++];
	if (!elements || !read_constant(aml, end, &at, &s5->type_a))
		return false;
	if (elements == 1 || !read_constant(aml, end, &at, &s5->type_b))
		s5->type_b = s5->type_a;
	return true;
}

int power_find_s5(const uint8_t *aml, size_t n, struct power_s5 *s5)
{
	static const char name[] = { '_', 'S', '5', '_' };

	for (size_t at = 1; n >= sizeof(name) && at <= n - sizeof(name); at++) {
		if (memcmp(aml + at, name, sizeof(name)))
			continue;
		if (aml[at - 1] != AML_NAME &&
		    !(at >= 2 && aml[at - 1] == AML_ROOT && aml[at - 2] == AML_NAME))
			continue;
		if (read_s5(aml, n, at + sizeof(name), s5))
			return 0;
	}
	return -ENOENT;
}

static bool search_table(const struct acpi_header *h)
{
	const uint8_t *bytes = (const uint8_t *)h;

	return !power_find_s5(bytes + sizeof(*h), h->length - sizeof(*h), &power.s5);
}

static bool find_s5(void)
{
	const struct acpi_header *h = acpi_table("DSDT", 0);

	if (h && search_table(h))
		return true;
	for (unsigned i = 0; (h = acpi_table("SSDT", i)); i++)
		if (search_table(h))
			return true;
	return false;
}

static struct reg prepare(const struct acpi_gas *gas)
{
	struct reg r = { 0 };

	if (!gas->address)
		return r;
	if (gas->space == ACPI_SPACE_IO)
		r.port = (uint16_t)gas->address;
	else
		r.memory = mmio_map(hpa(gas->address), sizeof(uint32_t));
	return r;
}

static bool is_there(const struct reg *r)
{
	return r->port || r->memory;
}

static uint16_t read16(const struct reg *r)
{
	if (r->port)
		return in16(r->port);
	return *(volatile uint16_t *)r->memory;
}

static void write16(const struct reg *r, uint16_t value)
{
	if (r->port)
		out16(r->port, value);
	else
		*(volatile uint16_t *)r->memory = value;
}

static void write8(const struct reg *r, uint8_t value)
{
	if (r->port)
		out8(r->port, value);
	else
		*(volatile uint8_t *)r->memory = value;
}

void power_init(const struct acpi_info *acpi)
{
	power.acpi = acpi;
	power.pm1a = prepare(&acpi->pm1a_control);
	power.pm1b = prepare(&acpi->pm1b_control);
	power.sleep = prepare(&acpi->sleep_control);
	power.reset = prepare(&acpi->reset);
	power.has_s5 = find_s5();
	if (!power.has_s5 || !(is_there(&power.pm1a) || is_there(&power.sleep)))
		log_warn("power: firmware names no way to switch the machine off (no %s)",
			 power.has_s5 ? "PM1 register" : "\\_S5 package");
}

/* A short wait that also works before the TSC's rate is known, if only roughly. */
static void wait_ms(unsigned ms)
{
	uint64_t ticks = (tsc_host.hz ? tsc_host.hz : NS_PER_S) / 1000 * ms, start = rdtsc();

	while (rdtsc() - start < ticks)
		__builtin_ia32_pause();
}

/* Until then the firmware, not the operating system, has the PM1 registers. */
static void enter_acpi_mode(void)
{
	if (!power.acpi->smi_command || !power.acpi->acpi_enable ||
	    read16(&power.pm1a) & PM1_SCI_EN)
		return;
	out8(power.acpi->smi_command, power.acpi->acpi_enable);
	for (unsigned ms = 0; ms < 300 && !(read16(&power.pm1a) & PM1_SCI_EN); ms++)
		wait_ms(1);
}

/* First the type alone, then with the enable bit: some chipsets latch the type only so. */
static void write_pm1(const struct reg *r, uint8_t type, bool enable)
{
	uint16_t value = read16(r) & (uint16_t) ~(PM1_SLP_TYP | PM1_SLP_EN);

	write16(r, (uint16_t)(value | type << PM1_SLP_TYP_SHIFT | (enable ? PM1_SLP_EN : 0)));
}

int power_off(void)
{
	if (!power.has_s5)
		return -ENODEV;
	if (is_there(&power.sleep)) {
		write8(&power.sleep, (uint8_t)(power.s5.type_a << SLEEP_TYPE_SHIFT | SLEEP_ENABLE));
	} else if (is_there(&power.pm1a)) {
		enter_acpi_mode();
		write_pm1(&power.pm1a, power.s5.type_a, false);
		if (is_there(&power.pm1b))
			write_pm1(&power.pm1b, power.s5.type_b, false);
		write_pm1(&power.pm1a, power.s5.type_a, true);
		if (is_there(&power.pm1b))
			write_pm1(&power.pm1b, power.s5.type_b, true);
	} else {
		return -ENODEV;
	}
	wait_ms(2000);
	return -EIO;
}

static void reset_by_keyboard_controller(void)
{
	if (power.acpi && power.acpi->no_8042)
		return;
	for (unsigned i = 0; i < KBC_READS && in8(KBC_PORT) & KBC_INPUT_FULL; i++)
		__builtin_ia32_pause();
	out8(KBC_PORT, KBC_PULSE_RESET);
	wait_ms(50);
}

void power_reset(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} packed no_idt = { 0, 0 };

	irq_disable();
	if (is_there(&power.reset)) {
		write8(&power.reset, power.acpi->reset_value);
		wait_ms(50);
	}
	out8(CF9_PORT, CF9_HARD);
	wait_ms(1);
	out8(CF9_PORT, CF9_NOW);
	wait_ms(50);
	reset_by_keyboard_controller();
	/* Without an IDT any exception is a triple fault, and that is a reset. */
	__asm__ volatile("lidt %0; ud2" : : "m"(no_idt));
	__builtin_unreachable();
}

/* SPDX-License-Identifier: MIT */
/* sources: tests/fake/log.c */
/*
 * The host's I/O APICs: which entry of which chip a GSI is, and what is written to it. The driver
 * is compiled into this file with two fake chips in place of device memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/addr.h"

/* Instead of arch/x86_64/mmio.h and asm.h. */
#define ARCH_MMIO_H
#define ARCH_ASM_H

enum { CHIPS = 2, REGISTERS = 64 };

static struct {
	uint8_t window[0x44];
	uint32_t selected;
	uint32_t regs[REGISTERS];
	bool absent;
} chips[CHIPS];

static uint8_t pic_bytes[64];
static unsigned pic_count;

static void *mmio_map(hpa_t addr, uint64_t size)
{
	assert_int_equal(size, 0x44);
	if (addr.raw < 0xfec00000 || addr.raw > 0xfec01000)
		return NULL;
	return chips[addr.raw == 0xfec01000].window;
}

static unsigned chip_of(const volatile void *p, unsigned *offset)
{
	unsigned c = (const uint8_t *)p >= chips[1].window;

	*offset = (unsigned)((const uint8_t *)p - chips[c].window);
	return c;
}

static uint32_t mmio_read32(const volatile void *p)
{
	unsigned offset, c = chip_of(p, &offset);

	assert_int_equal(offset, 0x10);
	assert_true(chips[c].selected < REGISTERS);
	return chips[c].absent ? UINT32_MAX : chips[c].regs[chips[c].selected];
}

static void mmio_write32(volatile void *p, uint32_t value)
{
	unsigned offset, c = chip_of(p, &offset);

	if (offset == 0) {
		chips[c].selected = value;
		return;
	}
	assert_int_equal(offset, 0x10);
	assert_true(chips[c].selected < REGISTERS);
	/* The destination may change only while the pin is masked. */
	if (chips[c].selected >= 0x10 && chips[c].selected & 1)
		assert_true(chips[c].regs[chips[c].selected - 1] & 1 << 16);
	chips[c].regs[chips[c].selected] = value;
}

static inline void out8(uint16_t port, uint8_t value)
{
	if (port == 0x80)
		return;
	assert_true(pic_count < sizeof(pic_bytes));
	pic_bytes[pic_count++] = (uint8_t)port;
	pic_bytes[pic_count++] = value;
}

#include "arch/x86_64/ioapic.c"

static struct ioapic_info info;

static int setup(void **state)
{
	(void)state;
	memset(&ioapic, 0, sizeof(ioapic));
	memset(chips, 0, sizeof(chips));
	pic_count = 0;
	chips[0].regs[IOAPIC_VER] = 0x170011;
	chips[1].regs[IOAPIC_VER] = 0x070020;
	info = (struct ioapic_info){
		.chips = { { .base = hpa(0xfec00000) },
			   { .base = hpa(0xfec01000), .gsi_base = 24 } },
		.chip_count = 2,
		.overrides = { { .irq = 0, .gsi = 2 },
			       { .irq = 9, .gsi = 25, .level = true, .active_low = true } },
		.override_count = 2,
	};
	return 0;
}

static uint32_t low(unsigned chip, unsigned pin)
{
	return chips[chip].regs[0x10 + 2 * pin];
}

static uint32_t high(unsigned chip, unsigned pin)
{
	return chips[chip].regs[0x11 + 2 * pin];
}

static void test_init(void **state)
{
	(void)state;
	assert_int_equal(ioapic_init(&info), 0);
	for (unsigned pin = 0; pin < 24; pin++)
		assert_int_equal(low(0, pin), 0x10000);
	for (unsigned pin = 0; pin < 8; pin++)
		assert_int_equal(low(1, pin), 0x10000);
	/* Nothing behind the last pin is touched, and no PIC where ACPI knows none. */
	assert_int_equal(low(1, 8), 0);
	assert_int_equal(pic_count, 0);
}

static void test_init_pics(void **state)
{
	static const uint8_t want[] = {
		0x21, 0xff, 0xa1, 0xff, 0x20, 0x11, 0x21, 0x20, 0x21, 0x04, 0x21, 0x01,
		0xa0, 0x11, 0xa1, 0x28, 0xa1, 0x02, 0xa1, 0x01, 0x21, 0xff, 0xa1, 0xff,
	};

	(void)state;
	info.has_8259 = true;
	assert_int_equal(ioapic_init(&info), 0);
	assert_int_equal(pic_count, sizeof(want));
	assert_memory_equal(pic_bytes, want, sizeof(want));
}

static void test_absent(void **state)
{
	(void)state;
	chips[0].absent = true;
	info.chips[1].base = hpa(0xdead000);
	assert_int_equal(ioapic_init(&info), -ENODEV);
	setup(state);
	chips[0].absent = true;
	assert_int_equal(ioapic_init(&info), 0);
	assert_int_equal(ioapic_route(0, 0x31, 0, false, false), -ENOENT);
	assert_int_equal(ioapic_route(24, 0x31, 0, false, false), 0);
}

static void test_route(void **state)
{
	(void)state;
	assert_int_equal(ioapic_init(&info), 0);
	assert_int_equal(ioapic_route(23, 0x31, 5, false, false), 0);
	assert_int_equal(low(0, 23), 0x10031);
	assert_int_equal(high(0, 23), 5u << 24);
	assert_int_equal(ioapic_route(31, 0x42, 254, true, true), 0);
	assert_int_equal(low(1, 7), 0x1a042);
	assert_int_equal(high(1, 7), 254u << 24);
	assert_int_equal(ioapic_route(32, 0x42, 0, true, true), -ENOENT);
	assert_int_equal(ioapic_route(UINT32_MAX, 0x42, 0, true, true), -ENOENT);
	assert_int_equal(ioapic_route(31, 0x42, 255, true, true), -ERANGE);
	/* A route over an open pin masks it first: the fake checks that. */
	ioapic_unmask(31);
	assert_int_equal(low(1, 7), 0xa042);
	assert_int_equal(ioapic_route(31, 0x43, 1, false, true), 0);
	assert_int_equal(low(1, 7), 0x12043);
	ioapic_unmask(31);
	ioapic_mask(31);
	assert_int_equal(low(1, 7), 0x12043);
	ioapic_unmask(32); /* nobody's: nothing happens */
}

static void test_isa(void **state)
{
	uint32_t gsi;

	(void)state;
	assert_int_equal(ioapic_init(&info), 0);
	assert_int_equal(ioapic_isa(4, 0x50, 1, &gsi), 0);
	assert_int_equal(gsi, 4);
	assert_int_equal(low(0, 4), 0x10050);
	assert_int_equal(ioapic_isa(0, 0x51, 1, &gsi), 0);
	assert_int_equal(gsi, 2);
	assert_int_equal(low(0, 2), 0x10051);
	assert_int_equal(ioapic_isa(9, 0x52, 1, NULL), 0);
	assert_int_equal(low(1, 1), 0x1a052);
	info.overrides[1].gsi = 99;
	assert_int_equal(ioapic_isa(9, 0x52, 1, &gsi), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_init, setup),
		cmocka_unit_test_setup(test_init_pics, setup),
		cmocka_unit_test_setup(test_absent, setup),
		cmocka_unit_test_setup(test_route, setup),
		cmocka_unit_test_setup(test_isa, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

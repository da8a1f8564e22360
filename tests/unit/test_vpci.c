/* SPDX-License-Identifier: MIT */
/* sources: vmm/dev/vpci.c vmm/dev/vpm.c vmm/bus.c tests/fake/vm.c tests/fake/timer.c tests/fake/irqchip.c tests/fake/log.c tests/fake/panic.c */
/* PCI's configuration mechanism 1, and the reset register that lies under its address register. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fake/vm.h"

enum { ADDRESS = 0xcf8, DATA = 0xcfc };

static int setup(void **state)
{
	struct fake_vm *f = fake_vm_new();

	fake_vm_plug(f, &vpm_class);
	fake_vm_plug(f, &vpci_class);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fake_vm_free(*state);
	return 0;
}

static uint32_t config(struct fake_vm *f, unsigned bus, unsigned device, unsigned function,
		       unsigned reg, unsigned size)
{
	fake_out(f, ADDRESS, 4, 1u << 31 | bus << 16 | device << 11 | function << 8 | (reg & 0xfc));
	return fake_in(f, (uint16_t)(DATA + (reg & 3)), size);
}

static void test_probe(void **state)
{
	struct fake_vm *f = *state;

	/* As Linux does: a byte to CFB is no write to the address register. */
	fake_outb(f, 0xcfb, 0x01);
	assert_int_equal(fake_in(f, ADDRESS, 4), 0);
	fake_out(f, ADDRESS, 4, 0x80000000);
	assert_int_equal(fake_in(f, ADDRESS, 4), 0x80000000);
	fake_out(f, ADDRESS, 2, 0x1234);
	assert_int_equal(fake_in(f, ADDRESS, 4), 0x80000000);
	assert_int_equal(fake_in(f, ADDRESS, 2), 0xffff);
	assert_int_equal(fake_inb(f, ADDRESS), 0xff);
	fake_out(f, ADDRESS, 4, 0xffffffff); /* reserved bits */
	assert_int_equal(fake_in(f, ADDRESS, 4), 0x80fffffc);
}

static void test_host_bridge(void **state)
{
	struct fake_vm *f = *state;

	assert_int_equal(config(f, 0, 0, 0, 0, 4), 0x12378086);
	assert_int_equal(config(f, 0, 0, 0, 2, 2), 0x1237);
	assert_int_equal(config(f, 0, 0, 0, 8, 4), 0x06000002);
	assert_int_equal(config(f, 0, 0, 0, 0x0a, 2), 0x0600);
	assert_int_equal(config(f, 0, 0, 0, 0x0b, 1), 0x06);
	assert_int_equal(config(f, 0, 0, 0, 0x0e, 1), 0);
	assert_int_equal(config(f, 0, 0, 0, 4, 4), 0x02800006);
	for (unsigned reg = 0x10; reg < 256; reg += 4)
		assert_int_equal(config(f, 0, 0, 0, reg, 4), 0);
}

static void test_absent(void **state)
{
	struct fake_vm *f = *state;

	for (unsigned device = 1; device < 32; device++)
		assert_int_equal(config(f, 0, device, 0, 0, 4), 0xffffffff);
	for (unsigned function = 1; function < 8; function++)
		assert_int_equal(config(f, 0, 0, function, 0, 2), 0xffff);
	for (unsigned bus = 1; bus < 256; bus++)
		assert_int_equal(config(f, bus, 0, 0, 0, 1), 0xff);
	fake_out(f, ADDRESS, 4, 0); /* not enabled */
	assert_int_equal(fake_in(f, DATA, 4), 0xffffffff);
	fake_out(f, DATA, 4, 0x12345678); /* and a write to nobody does nothing */
	assert_int_equal(config(f, 0, 0, 0, 0, 4), 0x12378086);
}

static void test_write_masks(void **state)
{
	struct fake_vm *f = *state;

	config(f, 0, 0, 0, 0, 4);
	fake_out(f, DATA, 4, 0xffffffff);
	assert_int_equal(fake_in(f, DATA, 4), 0x12378086);
	config(f, 0, 0, 0, 4, 4);
	fake_out(f, DATA, 4, 0xffffffff);
	assert_int_equal(fake_in(f, DATA, 4), 0x02800106);
	fake_outb(f, DATA + 1, 0);
	assert_int_equal(fake_in(f, DATA, 4), 0x02800006);
	config(f, 0, 0, 0, 0x0c, 4);
	fake_outb(f, DATA + 1, 0xff);
	assert_int_equal(fake_in(f, DATA, 4), 0xf800);
}

/* The last bytes, an access that leaves the range at its end, and a function that is plugged in. */
static void test_edges(void **state)
{
	struct fake_vm *f = *state;
	struct vpci_function *last = &f->vm.vpci.functions[VPCI_FUNCTIONS - 1];

	last->present = true;
	memset(last->config + 0xfc, 0x5a, 4);
	memset(last->writable + 0xfc, 0x0f, 4);
	assert_int_equal(config(f, 0, 31, 0, 0xfc, 4), 0x5a5a5a5a);
	assert_int_equal(fake_in(f, DATA + 3, 4), 0xffffff5a);
	fake_out(f, DATA + 2, 4, 0xffffffff);
	assert_int_equal(fake_in(f, DATA, 4), 0x5f5f5a5a);
	assert_int_equal(fake_in(f, DATA + 1, 2), 0x5f5a);
}

static void test_reset_register(void **state)
{
	struct fake_vm *f = *state;

	fake_outb(f, VPM_RESET, 0x02);
	assert_int_equal(fake_inb(f, VPM_RESET), 0x02);
	assert_int_equal(f->ends, 0);
	fake_out(f, ADDRESS, 4, 0x80000600); /* a dword over it is an address */
	assert_int_equal(f->ends, 0);
	fake_out(f, VPM_RESET, 2, 0x0606); /* it is one byte */
	assert_int_equal(f->ends, 0);
	fake_outb(f, VPM_RESET, 0x06);
	assert_int_equal(f->ends, 1);
	assert_int_equal(f->vm.end, VM_RESET);
	assert_int_equal(fake_in(f, ADDRESS, 4), 0x80000600);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_probe),	TEST(test_host_bridge), TEST(test_absent),
		TEST(test_write_masks), TEST(test_edges),	TEST(test_reset_register),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

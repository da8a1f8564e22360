/* SPDX-License-Identifier: MIT */
/* sources: vmm/dev/devices.c vmm/dev/device.c vmm/dev/vpic.c vmm/dev/vpit.c vmm/dev/vrtc.c vmm/dev/calendar.c vmm/dev/vuart.c vmm/dev/vi8042.c vmm/dev/vkeyboard.c vmm/dev/vmouse.c vmm/dev/vpm.c vmm/dev/vpci.c vmm/dev/vdebug.c vmm/dev/vioapic.c vmm/bus.c vmm/gmem.c tests/fake/vm.c tests/fake/timer.c tests/fake/irqchip.c tests/fake/log.c tests/fake/panic.c */
/* The list of devices: all or none, wherever the making of them fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/errno.h"
#include "tests/fake/timer.h"
#include "tests/fake/vm.h"

/* The I/O APIC's way out, which no test here takes. */
unsigned vlapic_deliver(struct vm *vm, const struct apic_message *m)
{
	(void)vm;
	(void)m;
	return 0;
}

static void other_access(struct vm *vm, void *dev, struct bus_access *a)
{
	(void)vm;
	(void)dev;
	a->value = 0x42;
}

/* Ports that somebody answers, of all 65536. */
static unsigned claimed(struct fake_vm *f)
{
	unsigned n = 0;

	for (unsigned port = 0; port <= UINT16_MAX; port++) {
		struct bus_access a = { .size = 1 };

		lock_take(&f->vm.lock);
		n += bus_access(&f->vm, &f->vm.pio, port, &a);
		lock_drop(&f->vm.lock);
	}
	return n;
}

static void test_ports(void **state)
{
	struct fake_vm *f = fake_vm_new();

	(void)state;
	assert_int_equal(devices_init(&f->vm), 0);
	assert_false(lock_held(&f->vm.lock));
	/* PIC 6, PIT 4 + 1, RTC 2, UARTs 16, 8042 3, PM 10, PCI 8, POST 1. */
	assert_int_equal(claimed(f), 51);
	/* What old probes look for and a PC without it has not: all ones. */
	assert_int_equal(fake_inb(f, 0x1f7), 0xff);
	assert_int_equal(fake_inb(f, 0x3f4), 0xff);
	assert_int_equal(fake_in(f, 0x2e8, 4), 0xffffffff);
	devices_fini(&f->vm);
	assert_int_equal(claimed(f), 0);
	assert_int_equal(fake_timers_armed(), 0);
	/* And once more in the same place. */
	assert_int_equal(devices_init(&f->vm), 0);
	devices_fini(&f->vm);
	fake_vm_free(f);
}

/* Something in the way of each port in turn: nothing is left behind. */
static void test_ladder(void **state)
{
	static const uint16_t ports[] = { 0x20,	 0xa1,	0x4d1, 0x43, 0x61, 0x71,
					  0x3ff, 0x2f8, 0x60,  0x64, 0x92, 0x602,
					  0x605, 0x608, 0xcff, 0x80, 0xe9, 0xf6 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
		struct fake_vm *f = fake_vm_new();

		f->vm.config.debug_ports = true;
		assert_int_equal(bus_register(&f->vm.pio, ports[i], 1, "other", other_access, NULL),
				 0);
		assert_int_equal(devices_init(&f->vm), -EEXIST);
		assert_int_equal(claimed(f), 1);
		assert_int_equal(fake_inb(f, ports[i]), 0x42);
		assert_int_equal(fake_timers_armed(), 0);
		assert_false(lock_held(&f->vm.lock));
		fake_vm_free(f);
	}
}

static void test_reset(void **state)
{
	struct fake_vm *f = fake_vm_new();

	(void)state;
	assert_int_equal(devices_init(&f->vm), 0);
	fake_outb(f, 0x3ff, 0x5a);
	fake_outb(f, 0x21, 0x00);
	fake_outb(f, 0x80, 0x33);
	fake_out(f, 0xcf8, 4, 0x80000000);
	fake_outb(f, 0x64, 0xad);
	lock_take(&f->vm.lock);
	devices_reset(&f->vm);
	lock_drop(&f->vm.lock);
	assert_int_equal(fake_inb(f, 0x3ff), 0);
	assert_int_equal(fake_inb(f, 0x21), 0xff);
	assert_int_equal(fake_inb(f, 0x80), 0);
	assert_int_equal(fake_in(f, 0xcf8, 4), 0);
	fake_outb(f, 0x64, 0x20);
	assert_int_equal(fake_inb(f, 0x60), 0x65);
	devices_fini(&f->vm);
	fake_vm_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_ladder),
		cmocka_unit_test(test_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: vmm/dev/vdebug.c vmm/bus.c tests/fake/vm.c tests/fake/timer.c tests/fake/irqchip.c tests/fake/log.c tests/fake/panic.c */
/* The ports for debugging: there only where the config asks for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/errno.h"
#include "tests/fake/vm.h"

static struct fake_vm *plug(bool debug_ports)
{
	struct fake_vm *f = fake_vm_new();

	f->vm.config.debug_ports = debug_ports;
	fake_vm_plug(f, &vdebug_class);
	return f;
}

static void test_post_port(void **state)
{
	struct fake_vm *f = plug(false);

	(void)state;
	fake_outb(f, 0x80, 0x5a);
	assert_int_equal(fake_inb(f, 0x80), 0x5a);
	fake_out(f, 0x80, 2, 0x2211);
	assert_int_equal(fake_in(f, 0x80, 2), 0xff11);
	/* Linux takes all ones at 87h for a machine without ISA DMA. */
	for (uint16_t port = 0x81; port <= 0x8f; port++)
		assert_int_equal(fake_inb(f, port), 0xff);
	vdebug_class.reset(&f->vm);
	assert_int_equal(fake_inb(f, 0x80), 0);
	fake_vm_free(f);
}

static void test_not_asked_for(void **state)
{
	struct fake_vm *f = plug(false);

	(void)state;
	assert_int_equal(fake_inb(f, 0xe9), 0xff);
	fake_outb(f, 0xe9, 'x');
	fake_outb(f, 0xf4, 1);
	assert_int_equal(f->console_count[0], 0);
	assert_int_equal(f->ends, 0);
	assert_int_equal(f->vm.pio.unclaimed[1], 2);
	vdebug_class.fini(&f->vm);
	fake_vm_free(f);
}

static void test_console(void **state)
{
	struct fake_vm *f = plug(true);

	(void)state;
	assert_int_equal(fake_inb(f, 0xe9), 0xe9);
	fake_outb(f, 0xe9, 'o');
	fake_outb(f, 0xe9, 'k');
	assert_int_equal(f->console_count[0], 2);
	assert_memory_equal(f->console[0], "ok", 2);
	fake_vm_free(f);
}

static void test_exit(void **state)
{
	static const unsigned sizes[] = { 1, 2, 4 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct fake_vm *f = plug(true);

		assert_int_equal(fake_in(f, 0xf4, sizes[i]), 0);
		assert_int_equal(f->ends, 0);
		fake_out(f, 0xf4, sizes[i], 0x87654321);
		assert_int_equal(f->ends, 1);
		assert_int_equal(f->vm.end, VM_EXIT_PORT);
		assert_int_equal(f->vm.exit_status,
				 0x87654321 & (0xffffffffu >> (32 - 8 * sizes[i])));
		fake_vm_free(f);
	}
}

/* What is in the way of one port leaves none behind. */
static void test_conflict(void **state)
{
	struct fake_vm *f = fake_vm_new();

	(void)state;
	f->vm.config.debug_ports = true;
	assert_int_equal(
		bus_register(&f->vm.pio, 0xf7, 1, "other", vdebug_class.ports[0].access, NULL), 0);
	lock_take(&f->vm.lock);
	assert_int_equal(vdebug_class.init(&f->vm), -EEXIST);
	lock_drop(&f->vm.lock);
	assert_int_equal(fake_inb(f, 0xe9), 0xff);
	fake_vm_free(f);
}

static void test_fini(void **state)
{
	struct fake_vm *f = plug(true);

	(void)state;
	vdebug_class.fini(&f->vm);
	assert_int_equal(fake_inb(f, 0xe9), 0xff);
	assert_int_equal(fake_inb(f, 0xf4), 0xff);
	fake_vm_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_post_port), cmocka_unit_test(test_not_asked_for),
		cmocka_unit_test(test_console),	  cmocka_unit_test(test_exit),
		cmocka_unit_test(test_conflict),  cmocka_unit_test(test_fini),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

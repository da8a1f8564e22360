/* SPDX-License-Identifier: MIT */
/* sources: vmm/dev/vi8042.c vmm/dev/vkeyboard.c vmm/dev/vmouse.c vmm/bus.c tests/fake/vm.c tests/fake/timer.c tests/fake/irqchip.c tests/fake/log.c tests/fake/panic.c */
/* The keyboard controller: what drivers ask it, its keyboard and its mouse, A20, and four ways to
 * the reset line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/fake/vm.h"

enum { DATA = 0x60, COMMAND = 0x64, PORT_A = 0x92 };
enum { OBF = 1, SYS = 4, CMD = 8, UNLOCKED = 0x10, AUX = 0x20 };
enum { NOTHING = -1 };

static int setup(void **state)
{
	struct fake_vm *f = fake_vm_new();

	fake_vm_plug(f, &vi8042_class);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fake_vm_free(*state);
	return 0;
}

/* A byte from the output buffer, or NOTHING. */
static int get(struct fake_vm *f)
{
	if (!(fake_inb(f, COMMAND) & OBF))
		return NOTHING;
	return fake_inb(f, DATA);
}

static int ask(struct fake_vm *f, uint8_t command)
{
	fake_outb(f, COMMAND, command);
	return get(f);
}

static void command(struct fake_vm *f, uint8_t command, uint8_t data)
{
	fake_outb(f, COMMAND, command);
	fake_outb(f, DATA, data);
}

static int key(struct fake_vm *f, uint8_t byte)
{
	fake_outb(f, DATA, byte);
	return get(f);
}

static void test_controller(void **state)
{
	struct fake_vm *f = *state;

	assert_int_equal(fake_inb(f, COMMAND), SYS | UNLOCKED);
	assert_int_equal(ask(f, 0xaa), 0x55);
	assert_int_equal(ask(f, 0xab), 0x00);
	assert_int_equal(ask(f, 0x20), 0x65);
	command(f, 0x60, 0x43);
	assert_int_equal(fake_inb(f, COMMAND), UNLOCKED); /* SYS is bit 2 of the command byte */
	assert_int_equal(ask(f, 0x20), 0x43);
	command(f, 0x7f, 0x99); /* the rest of the RAM */
	assert_int_equal(ask(f, 0x3f), 0x99);
	assert_int_equal(ask(f, 0x20), 0x43);
	assert_int_equal(ask(f, 0xad), NOTHING);
	assert_int_equal(ask(f, 0x20), 0x53);
	assert_int_equal(ask(f, 0xae), NOTHING);
	assert_int_equal(ask(f, 0x20), 0x43);
	assert_int_equal(ask(f, 0xa7), NOTHING);
	assert_int_equal(ask(f, 0x20), 0x63);
	assert_int_equal(ask(f, 0xa8), NOTHING);
	assert_int_equal(ask(f, 0x20), 0x43);
	assert_int_equal(ask(f, 0xc0), 0x80);
	assert_int_equal(ask(f, 0xe0), 0);
	assert_int_equal(ask(f, 0xa4), 0xf1);
	assert_int_equal(ask(f, 0x00), NOTHING);
	assert_int_equal(fake_inb(f, COMMAND) & CMD, CMD);
	fake_outb(f, DATA, 0xee);
	assert_int_equal(fake_inb(f, COMMAND) & CMD, 0);
	assert_int_equal(f->ends, 0);
}

/* Linux looks for the mouse's port by D3, A9, A7 and A8, and for a multiplexer of four by D3. */
static void test_second_port(void **state)
{
	static const uint8_t loops[] = { 0x5a, 0xf0, 0x56, 0xa4 };
	struct fake_vm *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(loops); i++) {
		command(f, 0xd3, loops[i]);
		assert_int_equal(fake_inb(f, COMMAND) & (OBF | AUX), OBF | AUX);
		assert_int_equal(get(f), loops[i]);
		assert_int_equal(fake_inb(f, COMMAND) & (OBF | AUX), 0);
	}
	assert_int_equal(ask(f, 0xa9), 0x00);
	command(f, 0xd2, 0x1c);
	assert_int_equal(fake_inb(f, COMMAND) & (OBF | AUX), OBF);
	assert_int_equal(get(f), 0x1c);
}

/* A byte for the mouse: its first answer. All that it says has the mouse's mark. */
static int mouse(struct fake_vm *f, uint8_t byte)
{
	command(f, 0xd4, byte);
	if (fake_inb(f, COMMAND) & OBF)
		assert_int_equal(fake_inb(f, COMMAND) & AUX, AUX);
	return get(f);
}

static void status_expect(struct fake_vm *f, uint8_t status, uint8_t resolution, uint8_t rate)
{
	assert_int_equal(mouse(f, 0xe9), 0xfa);
	assert_int_equal(get(f), status);
	assert_int_equal(get(f), resolution);
	assert_int_equal(get(f), rate);
	assert_int_equal(get(f), NOTHING);
}

static void test_mouse(void **state)
{
	struct fake_vm *f = *state;

	assert_int_equal(mouse(f, 0xff), 0xfa);
	assert_int_equal(get(f), 0xaa);
	assert_int_equal(get(f), 0x00);
	assert_int_equal(get(f), NOTHING);
	assert_int_equal(mouse(f, 0xf2), 0xfa);
	assert_int_equal(get(f), 0x00);
	assert_int_equal(get(f), NOTHING);
	status_expect(f, 0, 2, 100);
	assert_int_equal(mouse(f, 0xe7), 0xfa);
	assert_int_equal(mouse(f, 0xf4), 0xfa);
	assert_int_equal(mouse(f, 0xf0), 0xfa);
	status_expect(f, 0x70, 2, 100);
	assert_int_equal(mouse(f, 0xe6), 0xfa);
	status_expect(f, 0x60, 2, 100);
	assert_int_equal(mouse(f, 0xea), 0xfa);
	status_expect(f, 0x20, 2, 100);
	assert_int_equal(mouse(f, 0xf5), 0xfa);
	status_expect(f, 0, 2, 100);
	assert_int_equal(mouse(f, 0xeb), 0xfa); /* a report: no button, no movement */
	assert_int_equal(get(f), 0x08);
	assert_int_equal(get(f), 0);
	assert_int_equal(get(f), 0);
	assert_int_equal(mouse(f, 0xe1), 0xfe); /* a TrackPoint would know that */
	assert_int_equal(get(f), NOTHING);
}

static void test_mouse_values(void **state)
{
	static const uint8_t rates[] = { 200, 10, 20, 40, 60, 80, 100 };
	struct fake_vm *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
		assert_int_equal(mouse(f, 0xf3), 0xfa);
		assert_int_equal(mouse(f, rates[i]), 0xfa);
		status_expect(f, 0, 2, rates[i]);
	}
	for (uint8_t i = 0; i < 4; i++) {
		assert_int_equal(mouse(f, 0xe8), 0xfa);
		assert_int_equal(mouse(f, i), 0xfa);
		status_expect(f, 0, i, 100);
	}
	assert_int_equal(mouse(f, 0xf3), 0xfa);
	assert_int_equal(mouse(f, 101), 0xfe);
	assert_int_equal(mouse(f, 0xe8), 0xfa);
	assert_int_equal(mouse(f, 4), 0xfe);
	assert_int_equal(mouse(f, 4), 0xfe); /* now a command that there is not */
	status_expect(f, 0, 3, 100);
	/* A command takes the place of the byte that another one waits for. */
	assert_int_equal(mouse(f, 0xe8), 0xfa);
	assert_int_equal(mouse(f, 0xf4), 0xfa);
	assert_int_equal(mouse(f, 1), 0xfe);
	assert_int_equal(mouse(f, 0xf6), 0xfa);
	status_expect(f, 0, 2, 100);
	/* Three sample rates in a row would wake a wheel: there is none. */
	for (unsigned i = 0; i < 3; i++) {
		static const uint8_t knock[] = { 200, 100, 80 };

		assert_int_equal(mouse(f, 0xf3), 0xfa);
		assert_int_equal(mouse(f, knock[i]), 0xfa);
	}
	assert_int_equal(mouse(f, 0xf2), 0xfa);
	assert_int_equal(get(f), 0x00);
	assert_int_equal(mouse(f, 0xfe), 0x00); /* resend */
}

static void test_mouse_wrap(void **state)
{
	struct fake_vm *f = *state;

	assert_int_equal(mouse(f, 0xee), 0xfa);
	for (unsigned byte = 0; byte < 0xff; byte++)
		if (byte != 0xec)
			assert_int_equal(mouse(f, (uint8_t)byte), byte);
	assert_int_equal(mouse(f, 0xec), 0xfa);
	assert_int_equal(mouse(f, 0x33), 0xfe);
	assert_int_equal(mouse(f, 0xee), 0xfa);
	assert_int_equal(mouse(f, 0xff), 0xfa);
	assert_int_equal(get(f), 0xaa);
	assert_int_equal(get(f), 0x00);
	status_expect(f, 0, 2, 100);
}

static void test_mouse_interrupt(void **state)
{
	struct fake_vm *f = *state;

	assert_int_equal(mouse(f, 0xf4), 0xfa); /* firmware has it off */
	assert_int_equal(f->rises[IRQ_MOUSE], 0);
	command(f, 0x60, 0x47);
	command(f, 0xd3, 0xa5);
	assert_true(f->lines[IRQ_MOUSE]);
	assert_false(f->lines[IRQ_KEYBOARD]);
	assert_int_equal(get(f), 0xa5);
	assert_false(f->lines[IRQ_MOUSE]);
	command(f, 0xd4, 0xf2);
	assert_int_equal(f->rises[IRQ_MOUSE], 2);
	assert_int_equal(fake_inb(f, DATA), 0xfa);
	assert_int_equal(f->rises[IRQ_MOUSE], 3); /* each byte is an edge */
	assert_int_equal(f->rises[IRQ_KEYBOARD], 0);
	command(f, 0x60, 0x45); /* switched off with a byte waiting */
	assert_false(f->lines[IRQ_MOUSE]);
	command(f, 0x60, 0x47);
	assert_true(f->lines[IRQ_MOUSE]);
	fake_outb(f, COMMAND, 0xd0); /* its line is a pin of the output port */
	assert_int_equal(fake_inb(f, DATA), 0x00);
	assert_int_equal(get(f) & 0x30, 0x20);
	command(f, 0xd4, 0xf4);
	assert_true(f->lines[IRQ_MOUSE]);
	lock_take(&f->vm.lock);
	vi8042_class.reset(&f->vm);
	lock_drop(&f->vm.lock);
	assert_false(f->lines[IRQ_MOUSE]);
	assert_int_equal(fake_inb(f, COMMAND), SYS | UNLOCKED);
	status_expect(f, 0, 2, 100);
}

static void test_mouse_off(void **state)
{
	struct fake_vm *f = *state;

	command(f, 0xd4, 0xff);
	assert_int_equal(ask(f, 0x20), 0xfa); /* what was there before */
	assert_int_equal(get(f), 0x45);	      /* the byte for the mouse switched it on */
	fake_outb(f, COMMAND, 0xa7);	      /* 0xaa was taken already */
	assert_int_equal(get(f), 0xaa);
	assert_int_equal(get(f), NOTHING);
	assert_int_equal(ask(f, 0x20), 0x65);
	fake_outb(f, COMMAND, 0xa8);
	assert_int_equal(get(f), 0x00);
	assert_int_equal(get(f), NOTHING);
}

/* The keyboard goes before the mouse, and neither loses anything to the other. */
static void test_both(void **state)
{
	static const struct {
		uint8_t byte;
		bool aux;
	} want[] = { { 0xfa, true }, { 0xfa, false }, { 0xab, false }, { 0x41, false },
		     { 0x00, true }, { 0xfa, true },  { 0x00, true } };
	struct fake_vm *f = *state;

	command(f, 0xd4, 0xf2);
	fake_outb(f, DATA, 0xf2);
	command(f, 0xd4, 0xf2);
	for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
		assert_int_equal(!!(fake_inb(f, COMMAND) & AUX), want[i].aux);
		assert_int_equal(get(f), want[i].byte);
	}
	assert_int_equal(get(f), NOTHING);
	for (unsigned i = 0; i < 1000; i++)
		command(f, 0xd4, 0xe9);
	for (unsigned i = 0; i < PS2_QUEUE + 1; i++)
		assert_int_not_equal(get(f), NOTHING);
	assert_int_equal(get(f), NOTHING);
}

static void test_identify(void **state)
{
	struct fake_vm *f = *state;

	/* Translated, as firmware leaves it: the second byte is that of set 1. */
	assert_int_equal(key(f, 0xf2), 0xfa);
	assert_int_equal(get(f), 0xab);
	assert_int_equal(get(f), 0x41);
	assert_int_equal(get(f), NOTHING);
	command(f, 0x60, 0x25);
	assert_int_equal(key(f, 0xf2), 0xfa);
	assert_int_equal(get(f), 0xab);
	assert_int_equal(get(f), 0x83);
	assert_int_equal(get(f), NOTHING);
}

static void test_keyboard(void **state)
{
	struct fake_vm *f = *state;

	command(f, 0x60, 0x25);
	assert_int_equal(key(f, 0xff), 0xfa);
	assert_int_equal(get(f), 0xaa);
	assert_int_equal(key(f, 0xee), 0xee);
	assert_int_equal(key(f, 0xed), 0xfa);
	assert_int_equal(key(f, 0x07), 0xfa);
	assert_int_equal(f->vm.vi8042.keyboard.leds, 7);
	assert_int_equal(key(f, 0xf3), 0xfa);
	assert_int_equal(key(f, 0x20), 0xfa);
	assert_int_equal(f->vm.vi8042.keyboard.rate, 0x20);
	assert_int_equal(key(f, 0xf4), 0xfa);
	assert_true(f->vm.vi8042.keyboard.scanning);
	assert_int_equal(key(f, 0xf5), 0xfa);
	assert_false(f->vm.vi8042.keyboard.scanning);
	assert_int_equal(f->vm.vi8042.keyboard.rate, 0x2b);
	assert_int_equal(key(f, 0xf6), 0xfa);
	assert_int_equal(key(f, 0xfa), 0xfa);
	assert_int_equal(key(f, 0xfc), 0xfa);
	assert_int_equal(key(f, 0x1c), 0xfa);
	assert_int_equal(key(f, 0x55), 0xfe); /* no command */
	assert_int_equal(key(f, 0xee), 0xee);
	assert_int_equal(key(f, 0xfe), 0xee); /* resend */
	/* A command takes the place of the byte that another one waits for. */
	assert_int_equal(key(f, 0xed), 0xfa);
	assert_int_equal(key(f, 0xf4), 0xfa);
	assert_int_equal(key(f, 0x01), 0xfe);
	assert_int_equal(f->vm.vi8042.keyboard.leds, 7);
}

static void test_scan_code_set(void **state)
{
	struct fake_vm *f = *state;

	command(f, 0x60, 0x25);
	for (uint8_t set = 1; set <= 3; set++) {
		assert_int_equal(key(f, 0xf0), 0xfa);
		assert_int_equal(key(f, set), 0xfa);
		assert_int_equal(key(f, 0xf0), 0xfa);
		assert_int_equal(key(f, 0), 0xfa);
		assert_int_equal(get(f), set);
	}
	assert_int_equal(key(f, 0xf0), 0xfa);
	assert_int_equal(key(f, 4), 0xfe);
	command(f, 0x60, 0x65);
	assert_int_equal(key(f, 0xf6), 0xfa);
	assert_int_equal(key(f, 0xf0), 0xfa);
	assert_int_equal(key(f, 0), 0xfa);
	assert_int_equal(get(f), 0x41); /* set 2, translated */
}

static void test_interrupt(void **state)
{
	struct fake_vm *f = *state;

	fake_outb(f, DATA, 0xf2);
	assert_true(f->lines[IRQ_KEYBOARD]);
	assert_int_equal(f->rises[IRQ_KEYBOARD], 1);
	fake_inb(f, DATA);
	assert_int_equal(f->rises[IRQ_KEYBOARD], 2); /* each byte is an edge */
	fake_inb(f, DATA);
	fake_inb(f, DATA);
	assert_false(f->lines[IRQ_KEYBOARD]);
	assert_int_equal(f->rises[IRQ_KEYBOARD], 3);
	command(f, 0x60, 0x64); /* switched off */
	fake_outb(f, DATA, 0xee);
	assert_false(f->lines[IRQ_KEYBOARD]);
	command(f, 0x60, 0x65); /* and on, with a byte waiting */
	assert_true(f->lines[IRQ_KEYBOARD]);
	assert_int_equal(get(f), 0xee);
	assert_int_equal(fake_inb(f, DATA), 0xee); /* an empty buffer: the last byte */
}

static void test_keyboard_off(void **state)
{
	struct fake_vm *f = *state;

	fake_outb(f, DATA, 0xf2);
	assert_int_equal(get(f), 0xfa);
	fake_outb(f, COMMAND, 0xad); /* its clock is off: what it has to say waits */
	assert_int_equal(get(f), 0xab);
	assert_int_equal(get(f), NOTHING);
	/* The controller's own answers come all the same. */
	assert_int_equal(ask(f, 0xaa), 0x55);
	fake_outb(f, COMMAND, 0xae);
	assert_int_equal(get(f), 0x41);
	/* A byte for the keyboard switches it on. */
	fake_outb(f, COMMAND, 0xad);
	assert_int_equal(key(f, 0xee), 0xee);
	assert_int_equal(ask(f, 0x20), 0x65);
}

/* An answer of the controller's waits for the buffer, and comes before the keyboard's next byte. */
static void test_order(void **state)
{
	struct fake_vm *f = *state;

	fake_outb(f, DATA, 0xf2);
	fake_outb(f, COMMAND, 0x20);
	assert_int_equal(get(f), 0xfa);
	assert_int_equal(get(f), 0x65);
	assert_int_equal(get(f), 0xab);
	assert_int_equal(get(f), 0x41);
}

static void test_overflow(void **state)
{
	struct fake_vm *f = *state;
	unsigned n = 0;

	for (unsigned i = 0; i < 1000; i++)
		fake_outb(f, DATA, 0xee);
	while (get(f) == 0xee)
		n++;
	assert_int_equal(n, PS2_QUEUE + 1);
	assert_int_equal(key(f, 0xf4), 0xfa);
}

static void test_a20(void **state)
{
	struct fake_vm *f = *state;

	assert_int_equal(fake_inb(f, PORT_A), 2);
	assert_int_equal(ask(f, 0xd0) & 3, 3);
	command(f, 0xd1, 0xdd);
	assert_int_equal(fake_inb(f, PORT_A), 0);
	fake_outb(f, PORT_A, 2);
	assert_int_equal(ask(f, 0xd0) & 3, 3);
	fake_outb(f, COMMAND, 0xdd);
	assert_int_equal(fake_inb(f, PORT_A), 0);
	fake_outb(f, COMMAND, 0xdf);
	assert_int_equal(fake_inb(f, PORT_A), 2);
	fake_outb(f, PORT_A, 0);
	assert_int_equal(ask(f, 0xd0) & 3, 1);
	assert_int_equal(f->ends, 0);
}

static void test_reset_line(void **state)
{
	struct fake_vm *f = *state;

	fake_outb(f, COMMAND, 0xff); /* pulses nothing */
	fake_outb(f, COMMAND, 0xf1); /* A20 and more, but not the reset line */
	assert_int_equal(f->ends, 0);
	fake_outb(f, COMMAND, 0xfe);
	assert_int_equal(f->ends, 1);
	assert_int_equal(f->vm.end, VM_RESET);
	fake_outb(f, COMMAND, 0xf0);
	assert_int_equal(f->ends, 2);
	command(f, 0xd1, 0xfe);
	assert_int_equal(f->ends, 3);
	fake_outb(f, PORT_A, 3);
	assert_int_equal(f->ends, 4);
	assert_int_equal(fake_inb(f, PORT_A), 2);
}

static void test_reset(void **state)
{
	struct fake_vm *f = *state;

	fake_outb(f, DATA, 0xf2);
	fake_outb(f, COMMAND, 0x60);
	lock_take(&f->vm.lock);
	vi8042_class.reset(&f->vm);
	lock_drop(&f->vm.lock);
	assert_false(f->lines[IRQ_KEYBOARD]);
	assert_int_equal(fake_inb(f, COMMAND), SYS | UNLOCKED);
	assert_int_equal(key(f, 0xee), 0xee); /* for the keyboard: no command waits for it */
	assert_int_equal(ask(f, 0x20), 0x65);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_controller),	  TEST(test_second_port), TEST(test_mouse),
		TEST(test_mouse_values),  TEST(test_mouse_wrap),  TEST(test_mouse_interrupt),
		TEST(test_mouse_off),	  TEST(test_both),	  TEST(test_identify),
		TEST(test_keyboard),	  TEST(test_interrupt),	  TEST(test_keyboard_off),
		TEST(test_scan_code_set), TEST(test_order),	  TEST(test_overflow),
		TEST(test_a20),		  TEST(test_reset_line),  TEST(test_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

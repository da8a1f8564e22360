/* SPDX-License-Identifier: MIT */
/* sources: vmm/dev/vuart.c vmm/dev/device.c vmm/bus.c tests/fake/vm.c tests/fake/timer.c tests/fake/irqchip.c tests/fake/log.c tests/fake/panic.c */
/* The serial ports: each register of the 16550A, its interrupts' rules, and nothing typed is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fake/timer.h"
#include "tests/fake/vm.h"

enum { COM = VUART_COM1, DATA = 0, IER, IIR, LCR, MCR, LSR, MSR, SCR };
enum { LSR_DR = 1, LSR_OE = 2, LSR_EMPTY = 0x60 };
enum { OUT2 = 8, LOOP = 0x10 };

static int setup(void **state)
{
	struct fake_vm *f = fake_vm_new();

	fake_vm_plug(f, &vuart_class);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fake_vm *f = *state;

	vuart_class.fini(&f->vm);
	assert_int_equal(fake_timers_armed(), 0);
	fake_vm_free(f);
	return 0;
}

static uint8_t rd(struct fake_vm *f, unsigned reg)
{
	return fake_inb(f, (uint16_t)(COM + reg));
}

static void wr(struct fake_vm *f, unsigned reg, unsigned value)
{
	fake_outb(f, (uint16_t)(COM + reg), (uint8_t)value);
}

static unsigned type(struct fake_vm *f, const char *text, size_t n)
{
	unsigned taken;

	lock_take(&f->vm.lock);
	taken = vuart_receive(&f->vm, 0, (const uint8_t *)text, (unsigned)n);
	lock_drop(&f->vm.lock);
	return taken;
}

static void divisor(struct fake_vm *f, unsigned value)
{
	uint8_t lcr = rd(f, LCR);

	wr(f, LCR, lcr | 0x80);
	wr(f, DATA, value);
	wr(f, IER, value >> 8);
	wr(f, LCR, lcr);
}

static void test_registers(void **state)
{
	struct fake_vm *f = *state;

	for (unsigned i = 0; i < 256; i++) {
		wr(f, SCR, i);
		assert_int_equal(rd(f, SCR), i);
		wr(f, IER, i);
		assert_int_equal(rd(f, IER), i & 0x0f);
		wr(f, LCR, i & 0x7f);
		assert_int_equal(rd(f, LCR), i & 0x7f);
		wr(f, MCR, i & ~LOOP);
		assert_int_equal(rd(f, MCR), i & 0x0f);
	}
	wr(f, MCR, 0);
	wr(f, IER, 5);
	divisor(f, 0x1234);
	assert_int_equal(rd(f, IER), 5);
	wr(f, LCR, 0x83);
	assert_int_equal(rd(f, DATA), 0x34);
	assert_int_equal(rd(f, IER), 0x12);
	assert_int_equal(f->console_count[0], 0);
	assert_int_equal(rd(f, LSR), LSR_EMPTY);
}

static void test_transmit(void **state)
{
	struct fake_vm *f = *state;

	for (const char *c = "plinth"; *c; c++) {
		assert_int_equal(rd(f, LSR) & LSR_EMPTY, LSR_EMPTY);
		wr(f, DATA, (uint8_t)*c);
	}
	fake_outb(f, VUART_COM2, '2');
	fake_out(f, COM, 2, 0x0100 | '!'); /* both bytes of a word: IER too */
	assert_int_equal(rd(f, IER), 1);
	assert_int_equal(f->console_count[0], 7);
	assert_memory_equal(f->console[0], "plinth!", 7);
	assert_int_equal(f->console_count[1], 1);
	assert_int_equal(f->console[1][0], '2');
}

static void test_receive(void **state)
{
	struct fake_vm *f = *state;

	assert_int_equal(rd(f, LSR), LSR_EMPTY);
	assert_int_equal(type(f, "ab", 2), 2);
	assert_int_equal(rd(f, LSR), LSR_EMPTY | LSR_DR);
	assert_int_equal(rd(f, DATA), 'a');
	assert_int_equal(rd(f, LSR), LSR_EMPTY | LSR_DR);
	assert_int_equal(rd(f, DATA), 'b');
	assert_int_equal(rd(f, LSR), LSR_EMPTY);
	lock_take(&f->vm.lock);
	assert_int_equal(vuart_receive(&f->vm, 2, (const uint8_t *)"x", 1), 0);
	assert_int_equal(vuart_receive(&f->vm, 1, (const uint8_t *)"y", 1), 1);
	lock_drop(&f->vm.lock);
	assert_int_equal(rd(f, LSR), LSR_EMPTY);
	assert_int_equal(fake_inb(f, VUART_COM2), 'y');
}

/* More than FIFO and ring hold is refused, the rest arrives in order. */
static void test_paste(void **state)
{
	struct fake_vm *f = *state;
	static char text[6000];
	unsigned taken, got = 0;

	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7 + i / 256);
	wr(f, IIR, 1);
	taken = type(f, text, sizeof(text));
	assert_int_equal(taken, VUART_FIFO + VUART_RING);
	/* It is told of what is given up, once, and by an interrupt where it wants one. */
	wr(f, MCR, OUT2);
	wr(f, IER, 4);
	assert_false(f->lines[IRQ_COM1]);
	lock_take(&f->vm.lock);
	vuart_overrun(&f->vm, 0);
	lock_drop(&f->vm.lock);
	assert_true(f->lines[IRQ_COM1]);
	assert_int_equal(rd(f, LSR), LSR_EMPTY | LSR_DR | LSR_OE);
	wr(f, IER, 0);
	while (got < sizeof(text)) {
		assert_int_equal(rd(f, LSR), LSR_EMPTY | LSR_DR);
		assert_int_equal(rd(f, DATA), (uint8_t)text[got]);
		got++;
		if (got % 1000 == 0)
			taken += type(f, text + taken, sizeof(text) - taken);
	}
	assert_int_equal(taken, sizeof(text));
	assert_int_equal(rd(f, LSR), LSR_EMPTY);
}

static void test_receive_interrupt(void **state)
{
	struct fake_vm *f = *state;

	wr(f, MCR, OUT2);
	wr(f, IER, 1);
	assert_int_equal(rd(f, IIR), 1);
	type(f, "abc", 3);
	assert_true(f->lines[IRQ_COM1]);
	assert_int_equal(rd(f, IIR), 4);
	/* One interrupt a byte for a handler that reads one byte only: each makes an edge. */
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(f->rises[IRQ_COM1], i);
		assert_int_equal(rd(f, DATA), 'a' + i - 1);
	}
	assert_false(f->lines[IRQ_COM1]);
	assert_int_equal(rd(f, IIR), 1);
	/* OUT2 is the switch between the chip and the bus. */
	type(f, "d", 1);
	assert_true(f->lines[IRQ_COM1]);
	wr(f, MCR, 0);
	assert_false(f->lines[IRQ_COM1]);
	assert_int_equal(rd(f, IIR), 4);
	wr(f, MCR, OUT2);
	assert_true(f->lines[IRQ_COM1]);
	wr(f, IER, 0);
	assert_false(f->lines[IRQ_COM1]);
	assert_false(f->lines[IRQ_COM2]);
}

static void test_triggers(void **state)
{
	struct fake_vm *f = *state;
	static const unsigned levels[] = { 1, 4, 8, 14 };

	wr(f, MCR, OUT2);
	wr(f, IER, 1);
	for (unsigned i = 0; i < 4; i++) {
		wr(f, IIR, i << 6 | 3);
		assert_int_equal(rd(f, IIR), 0xc1);
		for (unsigned n = 1; n < levels[i]; n++) {
			type(f, "x", 1);
			assert_int_equal(rd(f, IIR), 0xc1);
		}
		type(f, "x", 1);
		assert_int_equal(rd(f, IIR), 0xc4);
		rd(f, DATA);
		assert_int_equal(rd(f, IIR), 0xc1);
	}
	wr(f, IIR, 0); /* off: the FIFO is emptied, IIR shows it */
	assert_int_equal(rd(f, IIR), 1);
	assert_int_equal(rd(f, LSR), LSR_EMPTY);
}

static void test_character_timeout(void **state)
{
	struct fake_vm *f = *state;

	unsigned before;

	wr(f, LCR, 3); /* 8N1: 10 bits */
	divisor(f, 1); /* 115200 baud: 4 characters are 347 µs */
	wr(f, MCR, OUT2);
	wr(f, IIR, 0x81);
	wr(f, IER, 1);
	type(f, "ab", 2);
	fake_time_advance(340000);
	assert_false(f->lines[IRQ_COM1]);
	type(f, "c", 1); /* begins anew */
	fake_time_advance(340000);
	assert_int_equal(rd(f, IIR), 0xc1);
	fake_time_advance(8000);
	assert_true(f->lines[IRQ_COM1]);
	assert_int_equal(rd(f, IIR), 0xcc);
	rd(f, DATA);
	assert_int_equal(rd(f, IIR), 0xc1);
	fake_time_advance(348000);
	assert_int_equal(rd(f, IIR), 0xcc);
	rd(f, DATA);
	rd(f, DATA);
	assert_int_equal(rd(f, IIR), 0xc1);
	fake_time_advance(1000000000);
	assert_int_equal(rd(f, IIR), 0xc1);
	/* A byte that came while the interrupt was off. */
	wr(f, IER, 0);
	type(f, "z", 1);
	fake_time_advance(1000000);
	assert_int_equal(rd(f, IIR), 0xc1);
	wr(f, IER, 1);
	fake_time_advance(348000);
	assert_int_equal(rd(f, IIR), 0xcc);
	/* With more behind the FIFO, the line falls before the next bytes raise it again. */
	rd(f, DATA);
	type(f, "0123456789abcdefghijklmnopqrstuv", 32);
	for (unsigned i = 0; i < 15; i++)
		rd(f, DATA);
	fake_time_advance(348000);
	assert_int_equal(rd(f, IIR), 0xcc);
	before = f->rises[IRQ_COM1];
	rd(f, DATA);
	assert_int_equal(f->rises[IRQ_COM1], before + 1);
	assert_int_equal(rd(f, IIR), 0xc4);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(rd(f, DATA), "ghijklmnopqrstuv"[i]);
	/* Slower lines wait longer: 300 baud, 11 bits. */
	wr(f, LCR, 0x07);
	divisor(f, 384);
	type(f, "q", 1);
	fake_time_advance(146000000);
	assert_int_equal(rd(f, IIR), 0xc1);
	fake_time_advance(1000000);
	assert_int_equal(rd(f, IIR), 0xcc);
}

static void test_transmit_interrupt(void **state)
{
	struct fake_vm *f = *state;

	wr(f, MCR, OUT2);
	wr(f, IER, 2); /* the transmitter is empty: at once */
	assert_true(f->lines[IRQ_COM1]);
	assert_int_equal(rd(f, IIR), 2);
	assert_false(f->lines[IRQ_COM1]); /* reading IIR takes it */
	assert_int_equal(rd(f, IIR), 1);
	wr(f, DATA, 'x');
	assert_int_equal(f->rises[IRQ_COM1], 2);
	/* A handler that writes without looking at IIR gets an edge for each byte. */
	wr(f, DATA, 'y');
	assert_int_equal(f->rises[IRQ_COM1], 3);
	assert_int_equal(rd(f, IIR), 2);
	/* Switched on again: again, which Linux tests for. */
	wr(f, IER, 0);
	wr(f, IER, 2);
	assert_int_equal(rd(f, IIR), 2);
	wr(f, IER, 2);
	assert_int_equal(rd(f, IIR), 1);
}

static void test_priorities(void **state)
{
	struct fake_vm *f = *state;

	/* In loopback mode, where overruns and modem changes can be made. */
	wr(f, MCR, LOOP);
	wr(f, IER, 0x0f);
	wr(f, DATA, 'a');
	wr(f, DATA, 'b'); /* overrun: the old byte is lost */
	wr(f, MCR, LOOP | 1);
	assert_int_equal(rd(f, IIR), 6);
	assert_int_equal(rd(f, IIR), 6); /* reading IIR does not take it */
	assert_int_equal(rd(f, LSR), LSR_EMPTY | LSR_DR | LSR_OE);
	assert_int_equal(rd(f, LSR), LSR_EMPTY | LSR_DR);
	assert_int_equal(rd(f, IIR), 4);
	assert_int_equal(rd(f, DATA), 'b');
	assert_int_equal(rd(f, IIR), 2);
	assert_int_equal(rd(f, IIR), 0);
	rd(f, MSR);
	assert_int_equal(rd(f, IIR), 1);
	assert_int_equal(f->rises[IRQ_COM1], 0); /* OUT2 is inactive in loopback mode */
	assert_int_equal(f->console_count[0], 0);
}

static void test_loopback_modem(void **state)
{
	struct fake_vm *f = *state;

	assert_int_equal(rd(f, MSR), 0xb0);
	wr(f, MCR, LOOP | 0x0a); /* Linux's probe: RTS and OUT2 are CTS and DCD */
	assert_int_equal(rd(f, MSR) & 0xf0, 0x90);
	assert_int_equal(rd(f, MSR), 0x90);
	wr(f, MCR, LOOP | 0x0f);
	assert_int_equal(rd(f, MSR), 0xf2); /* DSR changed; RI's rise does not count */
	wr(f, MCR, LOOP | 0x08);
	assert_int_equal(rd(f, MSR), 0x87); /* RI's fall does */
	wr(f, MCR, 0);
	assert_int_equal(rd(f, MSR), 0xb3);
	assert_int_equal(rd(f, MSR), 0xb0);
}

static void test_loopback_fifo(void **state)
{
	struct fake_vm *f = *state;

	wr(f, IIR, 1);
	wr(f, MCR, LOOP);
	type(f, "kept", 4); /* the line is cut off, and what comes meanwhile waits */
	assert_int_equal(rd(f, LSR), LSR_EMPTY);
	for (unsigned i = 0; i < VUART_FIFO + 1; i++)
		wr(f, DATA, 'A' + i);
	assert_int_equal(rd(f, LSR), LSR_EMPTY | LSR_DR | LSR_OE);
	for (unsigned i = 0; i < VUART_FIFO; i++)
		assert_int_equal(rd(f, DATA), 'A' + i); /* the new byte was lost */
	assert_int_equal(rd(f, LSR), LSR_EMPTY);
	/* A break is a zero with errors of its own. */
	wr(f, DATA, 'x');
	wr(f, LCR, 0x43);
	assert_int_equal(rd(f, LSR), LSR_EMPTY | LSR_DR | 0x80);
	assert_int_equal(rd(f, DATA), 'x');
	assert_int_equal(rd(f, LSR), LSR_EMPTY | LSR_DR | 0x80 | 0x18);
	assert_int_equal(rd(f, LSR), LSR_EMPTY | LSR_DR);
	assert_int_equal(rd(f, DATA), 0);
	wr(f, MCR, 0);
	assert_int_equal(rd(f, DATA), 'k');
	wr(f, IIR, 3); /* clears the FIFO */
	assert_int_equal(rd(f, LSR), LSR_EMPTY);
}

static void test_reset(void **state)
{
	struct fake_vm *f = *state;

	wr(f, MCR, OUT2);
	wr(f, IER, 3);
	assert_true(f->lines[IRQ_COM1]);
	lock_take(&f->vm.lock);
	vuart_class.reset(&f->vm);
	lock_drop(&f->vm.lock);
	assert_false(f->lines[IRQ_COM1]);
	assert_int_equal(rd(f, IER), 0);
	assert_int_equal(rd(f, MCR), 0);
	assert_int_equal(rd(f, IIR), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* A console that is behind: the byte is taken, and the transmitter is not empty until it says so.
 */
static void test_behind(void **state)
{
	struct fake_vm *f = *state;

	wr(f, MCR, OUT2);
	wr(f, IER, 2);
	rd(f, IIR);
	f->console_behind = true;
	wr(f, DATA, 'a');
	wr(f, DATA, 'b'); /* a FIFO's worth follows a look at LSR */
	assert_memory_equal(f->console[0], "ab", 2);
	assert_int_equal(rd(f, LSR) & LSR_EMPTY, 0);
	assert_int_equal(rd(f, IIR) & 0xf, 1);
	assert_false(f->lines[4]);
	/* To switch the interrupt off and on does not empty it. */
	wr(f, IER, 0);
	wr(f, IER, 2);
	assert_false(f->lines[4]);
	f->console_behind = false;
	lock_take(&f->vm.lock);
	vuart_transmit_ready(&f->vm, 0);
	lock_drop(&f->vm.lock);
	assert_true(f->lines[4]);
	assert_int_equal(rd(f, LSR) & LSR_EMPTY, LSR_EMPTY);
	assert_int_equal(rd(f, IIR) & 0xf, 2);
	assert_false(f->lines[4]);
	/* Said once more it is nothing new. */
	lock_take(&f->vm.lock);
	vuart_transmit_ready(&f->vm, 0);
	lock_drop(&f->vm.lock);
	assert_false(f->lines[4]);
	/* A reset empties it. */
	f->console_behind = true;
	wr(f, DATA, 'c');
	lock_take(&f->vm.lock);
	vuart_class.reset(&f->vm);
	lock_drop(&f->vm.lock);
	assert_int_equal(rd(f, LSR) & LSR_EMPTY, LSR_EMPTY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_registers),
		TEST(test_transmit),
		TEST(test_receive),
		TEST(test_paste),
		TEST(test_receive_interrupt),
		TEST(test_triggers),
		TEST(test_character_timeout),
		TEST(test_transmit_interrupt),
		TEST(test_priorities),
		TEST(test_loopback_modem),
		TEST(test_loopback_fifo),
		TEST(test_reset),
		cmocka_unit_test_setup_teardown(test_behind, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: drivers/console.c lib/str.c tests/fake/timer.c */
/*
 * The serial port's driver, against a 16550A that drops what its FIFO has no room for. The driver
 * is compiled into this file with a fake of the port instructions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/log.h"
#include "drivers/ns16550.h"
#include "lib/types.h"
#include "tests/fake/timer.h"

/* Instead of arch/x86_64/asm.h. */
#define ARCH_ASM_H

enum { PORT = 0x3f8, SENT = 65536, GSI = 4, VECTOR = 0x77 };

static struct {
	bool absent, no_fifo, broken_fifo, no_loopback, stuck;
	uint8_t ier, lcr, mcr, scr, fcr, dll, dlm;
	unsigned fifo; /* bytes in the transmitter */
	bool thre_cause;
	unsigned speed; /* LSR reads that a byte takes on the line; 0: the test moves it */
	unsigned clock;
	uint8_t sent[SENT];
	unsigned sent_count, lost, lsr_reads, accesses, thre_enables;
	const uint8_t *in;
	unsigned in_count;
	uint8_t in_error;
	bool routed, unmasked;
} chip;

static unsigned fifo_depth(void)
{
	return chip.fcr & UART_FCR_ENABLE && !chip.no_fifo && !chip.broken_fifo ? 16 : 1;
}

/* The line sends n bytes of the FIFO. */
static void chip_send(unsigned n)
{
	if (chip.stuck)
		return;
	while (n-- && chip.fifo)
		if (!--chip.fifo)
			chip.thre_cause = true;
}

static uint8_t chip_lsr(void)
{
	uint8_t lsr = chip.fifo ? 0 : UART_LSR_THRE | UART_LSR_TEMT;

	if (chip.in_count)
		lsr |= UART_LSR_DR | chip.in_error;
	return lsr;
}

static uint8_t chip_iir(void)
{
	uint8_t fifo = fifo_depth() > 1 ? UART_IIR_FIFO : chip.broken_fifo ? 1 << 7 : 0;

	if (chip.ier & UART_IER_RX && chip.in_count)
		return UART_IIR_RX | fifo;
	if (chip.ier & UART_IER_THRE && chip.thre_cause) {
		chip.thre_cause = false;
		return UART_IIR_THRE | fifo;
	}
	return UART_IIR_NONE | fifo;
}

static bool chip_line(void)
{
	return chip.mcr & UART_MCR_OUT2 && ((chip.ier & UART_IER_RX && chip.in_count) ||
					    (chip.ier & UART_IER_THRE && chip.thre_cause));
}

static inline uint8_t in8(uint16_t port)
{
	assert_in_range(port, PORT, PORT + 7);
	chip.accesses++;
	if (chip.absent)
		return 0xff;
	switch (port - PORT) {
	case UART_RBR:
		assert_true(chip.in_count);
		chip.in_count--;
		return *chip.in++;
	case UART_IIR: return chip_iir();
	case UART_LSR:
		chip.lsr_reads++;
		if (chip.speed && ++chip.clock % chip.speed == 0)
			chip_send(1);
		return chip_lsr();
	case UART_MSR:
		if (chip.mcr & UART_MCR_LOOP && !chip.no_loopback)
			return (uint8_t)((chip.mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) |
					 (chip.mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
					 (chip.mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
					 (chip.mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0));
		return UART_MSR_CTS | UART_MSR_DSR;
	case UART_SCR: return chip.scr;
	}
	fail();
	return 0;
}

static void chip_put(uint8_t value)
{
	if (chip.fifo == fifo_depth()) {
		chip.lost++;
		return;
	}
	chip.fifo++;
	chip.thre_cause = false;
	assert_true(chip.sent_count < SENT);
	chip.sent[chip.sent_count++] = value;
}

static void chip_set_ier(uint8_t value)
{
	if (value & ~chip.ier & UART_IER_THRE) {
		chip.thre_enables++;
		if (!chip.fifo)
			chip.thre_cause = true;
	}
	chip.ier = value;
}

static inline void out8(uint16_t port, uint8_t value)
{
	bool dlab = chip.lcr & UART_LCR_DLAB;

	assert_in_range(port, PORT, PORT + 7);
	chip.accesses++;
	switch (port - PORT) {
	case UART_THR: dlab ? (void)(chip.dll = value) : chip_put(value); break;
	case UART_IER: dlab ? (void)(chip.dlm = value) : chip_set_ier(value); break;
	case UART_FCR: chip.fcr = value; break;
	case UART_LCR: chip.lcr = value; break;
	case UART_MCR: chip.mcr = value; break;
	case UART_SCR: chip.scr = value; break;
	default: fail();
	}
}

#include "drivers/uart.c"

static struct uart u;
static char logged[256];
static unsigned console_count;

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vsnprintf(logged, sizeof(logged), fmt, ap);
	va_end(ap);
}

int log_add_console(const struct log_console *c)
{
	(void)c;
	console_count++;
	return 0;
}

int irq_vector_alloc(const char *name, void (*handler)(void *arg), void *arg)
{
	assert_string_equal(name, "com1");
	assert_ptr_equal(handler, interrupt);
	assert_ptr_equal(arg, &u);
	return VECTOR;
}

uint32_t lapic_id(void)
{
	return 3;
}

int ioapic_isa(uint8_t irq, uint8_t vector, uint32_t apic_id, uint32_t *gsi)
{
	assert_int_equal(irq, 4);
	assert_int_equal(vector, VECTOR);
	assert_int_equal(apic_id, 3);
	*gsi = GSI;
	chip.routed = true;
	return 0;
}

void ioapic_unmask(uint32_t gsi)
{
	assert_int_equal(gsi, GSI);
	chip.unmasked = true;
}

/* Runs the handler as often as the line asks for it. */
static unsigned interrupts(void)
{
	unsigned n = 0;

	for (; chip_line(); n++) {
		assert_true(n < 100);
		interrupt(&u);
	}
	return n;
}

static unsigned readies;

static void count_ready(void *arg)
{
	(void)arg;
	readies++;
}

static int setup(void **state)
{
	struct uart_config config;

	(void)state;
	memset(&chip, 0, sizeof(chip));
	fake_time_set(0);
	assert_int_equal(uart_parse("com1,115200", &config), 0);
	assert_int_equal(uart_init(&u, &config), 0);
	logged[0] = 0;
	u.user = (struct uart_user){ .receive = receive_typed, .ready = count_ready };
	readies = 0;
	return 0;
}

/* The same, with interrupts that have been seen to work. */
static int setup_irq(void **state)
{
	setup(state);
	uart_enable_irq(&u);
	assert_true(chip.routed && chip.unmasked);
	assert_int_equal(interrupts(), 1);
	assert_true(u.irq_works);
	assert_int_equal(chip.ier, UART_IER_RX);
	chip.thre_enables = 0;
	return 0;
}

static void discard(void *arg, uint8_t byte)
{
	(void)arg;
	(void)byte;
}

static int teardown(void **state)
{
	(void)state;
	timer_cancel(&u.poll);
	console_set_input(discard, NULL);
	console_set_input(NULL, NULL);
	return 0;
}

static uint8_t pattern(unsigned i)
{
	return (uint8_t)(i * 7 + (i >> 8));
}

static void check_sent(unsigned n)
{
	assert_int_equal(chip.lost, 0);
	assert_int_equal(chip.sent_count, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(chip.sent[i], pattern(i));
}

static void test_parse(void **state)
{
	struct uart_config c;
	static const char *const wrong[] = {
		"",
		",",
		"com5",
		"com",
		"com1,",
		"com1,0",
		"com1,-1",
		"com1,7",
		"com1,115201",
		"com1,230400",
		"com1,9600n8",
		"com1;9600",
		"0",
		"0x10000",
		"0xfff9",
		"com1,1,2",
		"COM1 ",
		"averyveryverylongname",
		"com1,0x1c200000000",
	};

	(void)state;
	assert_int_equal(uart_parse("com1", &c), 0);
	assert_int_equal(c.port, 0x3f8);
	assert_int_equal(c.irq, 4);
	assert_int_equal(c.baud, 115200);
	assert_int_equal(uart_parse("com2,9600", &c), 0);
	assert_int_equal(c.port, 0x2f8);
	assert_int_equal(c.irq, 3);
	assert_int_equal(c.baud, 9600);
	assert_int_equal(uart_parse("0xe010,57600", &c), 0);
	assert_int_equal(c.port, 0xe010);
	assert_int_equal(c.irq, 0);
	assert_int_equal(c.baud, 57600);
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(uart_parse(wrong[i], &c), -EINVAL);
}

static void test_ring(void **state)
{
	uint8_t bytes[4], byte;
	struct ring r;

	(void)state;
	ring_init(&r, bytes, 4);
	/* Positions pass 2^32. */
	r.head = r.tail = UINT32_MAX - 5;
	for (unsigned round = 0; round < 20; round++) {
		assert_false(ring_get(&r, &byte));
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(ring_room(&r), 4 - i);
			assert_true(ring_put(&r, pattern(round + i)));
		}
		assert_false(ring_put(&r, 0));
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(ring_used(&r), 4 - i);
			assert_true(ring_get(&r, &byte));
			assert_int_equal(byte, pattern(round + i));
		}
		ring_put(&r, 1);
		ring_get(&r, &byte);
	}
}

static void test_probe(void **state)
{
	struct uart_config c;

	(void)state;
	assert_int_equal(u.fifo, 16);
	assert_int_equal(chip.lcr, UART_LCR_8BITS);
	assert_int_equal(chip.dll | chip.dlm << 8, 1);
	assert_int_equal(chip.mcr, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	assert_int_equal(uart_parse("com1,300", &c), 0);
	assert_int_equal(uart_init(&u, &c), 0);
	assert_int_equal(chip.dll | chip.dlm << 8, 384);
	chip.no_loopback = true;
	assert_int_equal(uart_init(&u, &c), -ENODEV);
	assert_int_equal(chip.mcr & UART_MCR_LOOP, 0);
	memset(&chip, 0, sizeof(chip));
	chip.absent = true;
	assert_int_equal(uart_init(&u, &c), -ENODEV);
	assert_true(chip.accesses < 10);
	memset(&chip, 0, sizeof(chip));
	chip.no_fifo = true;
	assert_int_equal(uart_init(&u, &c), 0);
	assert_int_equal(u.fifo, 1);
	memset(&chip, 0, sizeof(chip));
	chip.broken_fifo = true;
	assert_int_equal(uart_init(&u, &c), 0);
	assert_int_equal(u.fifo, 1);
	assert_int_equal(chip.fcr, 0);
}

static void test_polled(void **state)
{
	(void)state;
	chip.speed = 5;
	for (unsigned i = 0; i < 5000; i++)
		uart_putc(&u, pattern(i));
	check_sent(5000);
	assert_int_equal(chip.ier, 0);
}

static void test_polled_without_fifo(void **state)
{
	(void)state;
	chip.no_fifo = true;
	chip.speed = 3;
	assert_int_equal(uart_init(&u, &known[0]), 0);
	for (unsigned i = 0; i < 100; i++)
		uart_putc(&u, pattern(i));
	check_sent(100);
}

/* 16 bytes at a time with pauses: one look at LSR for each 16, no interrupt asked for. */
static void test_light_output(void **state)
{
	unsigned before;

	(void)state;
	before = chip.accesses;
	for (unsigned i = 0; i < 160; i++) {
		uart_putc(&u, pattern(i));
		if (i % 16 == 15)
			chip_send(16);
	}
	check_sent(160);
	assert_int_equal(chip.accesses - before,
			 160 + 9); /* the proof of the interrupt has seen the first 16 */
	assert_int_equal(chip.thre_enables, 0);
	assert_int_equal(chip.ier, UART_IER_RX);
}

/* More than the FIFO takes: the ring, and one interrupt for each 16 bytes. */
static void test_burst(void **state)
{
	uint8_t bytes[1000];
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	uart_write(&u, bytes, sizeof(bytes));
	assert_int_equal(chip.sent_count, 16);
	assert_int_equal(chip.ier, UART_IER_RX | UART_IER_THRE);
	while (chip.fifo) {
		assert_int_equal(interrupts(), 0);
		chip_send(16);
		n += interrupts();
	}
	check_sent(1000);
	assert_in_range(n, 61, 63);
	assert_int_equal(chip.ier, UART_IER_RX);
	assert_int_equal(chip.thre_enables, 1);
	/* And light output again without interrupts. */
	for (unsigned i = 1000; i < 1008; i++)
		uart_putc(&u, pattern(i));
	check_sent(1008);
	assert_int_equal(chip.thre_enables, 1);
}

/* The ring is full: the writer goes at the line's speed, in order, and nothing is lost. */
static void test_ring_full(void **state)
{
	(void)state;
	chip.speed = 4;
	for (unsigned i = 0; i < 40000; i++)
		uart_putc(&u, pattern(i));
	uart_flush(&u);
	check_sent(40000);
	assert_int_equal(chip.fifo, 0);
}

static void test_write_some(void **state)
{
	static uint8_t bytes[UART_RING];
	size_t n;

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	n = uart_write_some(&u, bytes, sizeof(bytes));
	assert_int_equal(n, UART_SOME + 16);
	assert_int_equal(uart_write_some(&u, bytes + n, sizeof(bytes) - n), 0);
	/* It is told of room, once. */
	assert_int_equal(readies, 0);
	chip_send(16);
	interrupts();
	assert_int_equal(readies, 1);
	assert_int_equal(uart_write_some(&u, bytes + n, 10), 10);
	chip_send(16);
	interrupts();
	assert_int_equal(readies, 1);
	n += 10;
	assert_int_equal(uart_write_some(&u, bytes + n, sizeof(bytes) - n), 22);
	/* What was full and is empty, with the interrupt still to come, takes a FIFO's worth. */
	chip_send(16);
	n += 22;
	assert_int_equal(uart_write_some(&u, bytes + n, sizeof(bytes) - n), 16);
	n += 16;
	/* Others' words find room beyond, without waiting. */
	uart_write(&u, bytes + n, 5000);
	n += 5000;
	assert_int_equal(uart_write_some(&u, bytes + n, 1), 0);
	while (chip.sent_count < n) {
		chip_send(16);
		interrupts();
	}
	assert_int_equal(readies, 2);
	check_sent((unsigned)n);
}

/* All that a writer has goes out at the line's pace, by nothing but the calls of ready(). */
static const uint8_t *flood_bytes;
static size_t flood_left;

static void flood(void *arg)
{
	size_t n = uart_write_some(arg, flood_bytes, flood_left);

	flood_bytes += n;
	flood_left -= n;
}

static void drive_flood(bool irq)
{
	static uint8_t bytes[8000];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	flood_bytes = bytes;
	flood_left = sizeof(bytes);
	u.user.ready = flood;
	u.user.arg = &u;
	flood(&u);
	for (unsigned turns = 0; chip.sent_count < sizeof(bytes); turns++) {
		assert_true(turns < 2 * sizeof(bytes));
		chip_send(1);
		if (irq)
			interrupts();
		else
			fake_time_advance(POLL_WANTED_NS / 11);
	}
	check_sent(sizeof(bytes));
}

static void test_flood(void **state)
{
	(void)state;
	drive_flood(true);
}

static void test_flood_polled(void **state)
{
	(void)state;
	timer_arm_ns(&u.poll, time_ns() + POLL_NS);
	drive_flood(false);
}

static void test_write_some_polled(void **state)
{
	uint8_t bytes[40];

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	assert_int_equal(uart_write_some(&u, bytes, 40), 16);
	assert_int_equal(uart_write_some(&u, bytes + 16, 24), 0);
	chip_send(15);
	assert_int_equal(uart_write_some(&u, bytes + 16, 24), 0);
	chip_send(1);
	assert_int_equal(uart_write_some(&u, bytes + 16, 24), 16);
	check_sent(32);
}

/* A transmitter that stops costs one long wait; then it is passed over until it moves again. */
static void test_stalled(void **state)
{
	unsigned reads;

	(void)state;
	chip.stuck = true;
	for (unsigned i = 0; i < 17; i++)
		uart_putc(&u, pattern(i));
	assert_int_equal(chip.lsr_reads, STALL_READS + 2 + 1);
	reads = chip.lsr_reads;
	for (unsigned i = 0; i < 1000; i++)
		uart_putc(&u, 'x');
	assert_true(chip.lsr_reads - reads <= 2000);
	uart_flush(&u);
	assert_true(chip.lsr_reads - reads <= 2001);
	chip.stuck = false;
	chip_send(16);
	for (unsigned i = 16; i < 32; i++)
		uart_putc(&u, pattern(i));
	check_sent(32);
	assert_false(u.stalled);
}

/* What the ring holds goes first, even where the lock is held for ever. */
static void test_panic(void **state)
{
	uint8_t bytes[600];

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	uart_write(&u, bytes, 500);
	chip.speed = 3;
	lock_take(&u.lock);
	uart_panic_write(&u, bytes + 500, 100);
	uart_flush(&u);
	assert_int_equal(chip.fifo, 0);
	check_sent(600);
}

static uint8_t typed[1024];
static unsigned typed_count;

static void input(void *arg, uint8_t byte)
{
	assert_ptr_equal(arg, typed);
	typed[typed_count++] = byte;
	uart_putc(&u, byte); /* an echo: no lock is held */
}

static void test_input(void **state)
{
	uint8_t bytes[300];

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	typed_count = 0;
	/* Before anybody listens: kept. */
	chip.in = bytes;
	chip.in_count = 100;
	assert_int_equal(interrupts(), 1);
	chip.speed = 1;
	console_set_input(input, typed);
	assert_int_equal(typed_count, 100);
	chip.in_count = 200;
	assert_int_equal(interrupts(), 1);
	assert_int_equal(typed_count, 300);
	assert_memory_equal(typed, bytes, 300);
	uart_flush(&u);
	check_sent(300);
	/* Framing errors are no input. */
	chip.in = bytes;
	chip.in_count = 3;
	chip.in_error = UART_LSR_FE;
	interrupts();
	assert_int_equal(chip.in_count, 0);
	assert_int_equal(typed_count, 300);
}

/* More than one round's worth: the handler comes to an end, and the line is raised anew. */
static void test_endless_input(void **state)
{
	static uint8_t bytes[RX_BATCH * IRQ_ROUNDS + 50];

	(void)state;
	console_set_input(NULL, NULL);
	chip.in = bytes;
	chip.in_count = sizeof(bytes);
	interrupt(&u);
	assert_int_equal(chip.in_count, 50);
	assert_true(chip_line());
	assert_int_equal(u.ier, chip.ier);
}

/* Without an IRQ that works, output is polled, input comes by timer, and the log says so once. */
static void test_no_irq(void **state)
{
	static const uint8_t bytes[] = "hello";

	(void)state;
	typed_count = 0;
	chip.speed = 2;
	uart_enable_irq(&u);
	console_set_input(input, typed);
	for (unsigned i = 0; i < 100; i++)
		uart_putc(&u, pattern(i));
	check_sent(100);
	chip.in = bytes;
	chip.in_count = 5;
	fake_time_advance(POLL_NS);
	assert_int_equal(typed_count, 5);
	assert_string_equal(logged, "");
	fake_time_advance(2000000000);
	assert_non_null(strstr(logged, "com1 gives no interrupt"));
	/* It comes late: from then on there is no timer. */
	interrupt(&u);
	assert_true(u.irq_works);
	fake_time_advance(2 * POLL_NS);
	assert_int_equal(fake_timers_armed(), 0);
}

/* Output between the switching on and the first chance to interrupt does not swallow the proof. */
static void test_late_irq(void **state)
{
	(void)state;
	chip.speed = 2;
	uart_enable_irq(&u);
	for (unsigned i = 0; i < 100; i++)
		uart_putc(&u, pattern(i));
	assert_false(u.irq_works);
	chip_send(16);
	assert_true(interrupts() > 0);
	assert_true(u.irq_works);
	assert_int_equal(chip.ier, UART_IER_RX);
	check_sent(100);
}

static void test_console(void **state)
{
	(void)state;
	console_count = 0;
	assert_int_equal(uart_console_init("com9"), -EINVAL);
	chip.absent = true;
	assert_int_equal(uart_console_init("com1"), -ENODEV);
	assert_int_equal(console_count, 0);
	chip.absent = false;
	assert_int_equal(uart_console_init("com1"), 0);
	assert_int_equal(console_count, 1);
	chip.speed = 1;
	for (unsigned i = 0; i < 50; i++) {
		uint8_t byte = pattern(i);

		if (i % 2)
			console_write(&byte, 1);
		else
			while (!console_write_some(&byte,
						   1)) /* the chip sends as its LSR is read */
				;
	}
	console_flush();
	check_sent(50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_ring),
		cmocka_unit_test_setup_teardown(test_probe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_polled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_polled_without_fifo, setup, teardown),
		cmocka_unit_test_setup_teardown(test_light_output, setup_irq, teardown),
		cmocka_unit_test_setup_teardown(test_burst, setup_irq, teardown),
		cmocka_unit_test_setup_teardown(test_ring_full, setup_irq, teardown),
		cmocka_unit_test_setup_teardown(test_write_some, setup_irq, teardown),
		cmocka_unit_test_setup_teardown(test_write_some_polled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood, setup_irq, teardown),
		cmocka_unit_test_setup_teardown(test_flood_polled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stalled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_panic, setup_irq, teardown),
		cmocka_unit_test_setup_teardown(test_input, setup_irq, teardown),
		cmocka_unit_test_setup_teardown(test_endless_input, setup_irq, teardown),
		cmocka_unit_test_setup_teardown(test_no_irq, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_irq, setup, teardown),
		cmocka_unit_test_setup_teardown(test_console, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

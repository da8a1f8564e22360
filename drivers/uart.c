/* SPDX-License-Identifier: MIT */
/*
 * The 16550A and its kin. The idea: when the transmitter reports "empty" its FIFO takes a known
 * number of bytes, so that many go out without another look at the port. Only what comes faster
 * than the line waits in the ring, and only while it does the transmitter may interrupt.
 * Whether interrupts arrive at all is seen, not believed: until the first, the driver polls.
 */
#include "drivers/uart.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/ioapic.h"
#include "arch/x86_64/lapic.h"
#include "core/irq.h"
#include "drivers/ns16550.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

enum {
	/* How often LSR is read before the transmitter counts as stalled: a second or so. */
	STALL_READS = 1000000,
	SCRATCH_PATTERN = 0x5a,
	IRQ_ROUNDS = 64, /* causes handled in one interrupt */
	RX_BATCH = 64,	 /* bytes taken in before they are handed on */
	POLL_NS = 10000000,
	POLL_WANTED_NS = 1000000, /* while somebody waits for room: 11 bytes at 115200 baud */
	POLLS_TOLD = 50,	  /* after half a second without an interrupt the log gets a line */
	PORT_MAX = 0xfff8,
};

static const struct uart_config known[] = {
	{ "com1", 0x3f8, 4, UART_BASE_BAUD },
	{ "com2", 0x2f8, 3, UART_BASE_BAUD },
	{ "com3", 0x3e8, 4, UART_BASE_BAUD },
	{ "com4", 0x2e8, 3, UART_BASE_BAUD },
};

static struct {
	struct uart ports[CONSOLES];
	unsigned count;
} consoles;

static uint8_t read(const struct uart *u, enum uart_reg reg)
{
	return in8((uint16_t)(u->config.port + reg));
}

static void write(const struct uart *u, enum uart_reg reg, uint8_t value)
{
	out8((uint16_t)(u->config.port + reg), value);
}

int uart_parse(const char *spec, struct uart_config *config)
{
	char name[16];
	const char *comma = strchr(spec, ',');
	size_t n = comma ? (size_t)(comma - spec) : strlen(spec);
	uint64_t port, baud = UART_BASE_BAUD;
	bool found = false;

	if (!n || n >= sizeof(name))
		return -EINVAL;
	str_copy(name, spec, n + 1);
	for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
		if (!strcmp(name, known[i].name)) {
			*config = known[i];
			found = true;
		}
	}
	if (!found) {
		if (str_to_u64(name, &port) || !port || port > PORT_MAX)
			return -EINVAL;
		*config = (struct uart_config){ .name = "uart", .port = (uint16_t)port };
	}
	if (comma && str_to_u64(comma + 1, &baud))
		return -EINVAL;
	if (!baud || baud > UART_BASE_BAUD || UART_BASE_BAUD % baud ||
	    UART_BASE_BAUD / baud > UINT16_MAX)
		return -EINVAL;
	config->baud = (uint32_t)baud;
	return 0;
}

/* True when all of bits are set, at last; false, and the port stalled, when that takes too long. */
static bool wait_lsr(struct uart *u, uint8_t bits)
{
	unsigned reads = u->stalled ? 1 : STALL_READS;

	do {
		if ((read(u, UART_LSR) & bits) == bits) {
			u->stalled = false;
			return true;
		}
		__builtin_ia32_pause();
	} while (--reads);
	u->stalled = true;
	return false;
}

static void set_ier(struct uart *u, uint8_t ier)
{
	if (u->ier == ier)
		return;
	u->ier = ier;
	write(u, UART_IER, ier);
}

/* The transmitter is empty: fills it from the ring, and asks for an interrupt if bytes remain. */
static void refill(struct uart *u)
{
	uint8_t byte;

	u->stalled = false;
	u->room = u->fifo;
	while (u->room && ring_get(&u->tx, &byte)) {
		write(u, UART_THR, byte);
		u->room--;
	}
	if (ring_used(&u->tx))
		set_ier(u, u->ier | UART_IER_THRE);
	else if (u->irq_works) /* else the first interrupt is still awaited */
		set_ier(u, u->ier & (uint8_t)~UART_IER_THRE);
}

/* The FIFO's room is used up, as far as is known. */
static void put_slow(struct uart *u, uint8_t byte)
{
	bool empty = !ring_used(&u->tx) && read(u, UART_LSR) & UART_LSR_THRE;

	if (!empty && u->irq_works && ring_put(&u->tx, byte)) {
		set_ier(u, u->ier | UART_IER_THRE);
		return;
	}
	/* Polled, or the ring is full: the port's own speed is the limit. */
	if (!empty && !wait_lsr(u, UART_LSR_THRE))
		return;
	refill(u);
	if (u->room) {
		u->room--;
		write(u, UART_THR, byte);
	} else {
		(void)ring_put(&u->tx, byte); /* refill() has just made room in it */
	}
}

/* Caller holds the lock. */
static inline void put(struct uart *u, uint8_t byte)
{
	if (unlikely(!u->room)) {
		put_slow(u, byte);
		return;
	}
	u->room--;
	write(u, UART_THR, byte);
}

void uart_putc(struct uart *u, uint8_t byte)
{
	lock_take(&u->lock);
	put(u, byte);
	lock_drop(&u->lock);
}

void uart_write(struct uart *u, const void *bytes, size_t n)
{
	const uint8_t *b = bytes;

	lock_take(&u->lock);
	while (n--)
		put(u, *b++);
	lock_drop(&u->lock);
}

/* Whether put() of one byte waits for nothing, and leaves most of the ring to those who wait. */
static bool has_room(struct uart *u)
{
	if (u->room || (u->irq_works && ring_used(&u->tx) < UART_SOME))
		return true;
	if (!(read(u, UART_LSR) & UART_LSR_THRE))
		return false;
	refill(u);
	return u->room || ring_used(&u->tx) < UART_SOME;
}

size_t uart_write_some(struct uart *u, const void *bytes, size_t n)
{
	const uint8_t *b = bytes;
	size_t done = 0;

	lock_take(&u->lock);
	for (; done < n && has_room(u); done++)
		put(u, b[done]);
	u->wanted |= done < n;
	lock_drop(&u->lock);
	return done;
}

/* Calls whom uart_write_some() has sent away, once there is room. Without the lock. */
static void tell_ready(struct uart *u)
{
	bool tell = false;

	lock_take(&u->lock);
	if (u->wanted && has_room(u)) {
		u->wanted = false;
		tell = true;
	}
	lock_drop(&u->lock);
	if (tell && u->user.ready)
		u->user.ready(u->user.arg);
}

static void give(struct uart *u, const uint8_t *bytes, unsigned n)
{
	for (unsigned i = 0; u->user.receive && i < n; i++)
		u->user.receive(u->user.arg, bytes[i]);
}

/* Without the lock, or with it held. False when the port has stalled. */
static bool drain(struct uart *u)
{
	while (ring_used(&u->tx)) {
		if (!wait_lsr(u, UART_LSR_THRE))
			return false;
		refill(u);
	}
	return true;
}

void uart_panic_write(struct uart *u, const void *bytes, size_t n)
{
	const uint8_t *b = bytes;

	u->irq_works = false;
	u->panicking = true;
	if (!drain(u))
		return;
	while (n--)
		put(u, *b++);
}

void uart_flush(struct uart *u)
{
	/* A panic may have come while the lock was held, and nobody is left to drop it. */
	if (!u->panicking)
		lock_take(&u->lock);
	if (drain(u))
		(void)wait_lsr(u, UART_LSR_THRE | UART_LSR_TEMT);
	if (!u->panicking)
		lock_drop(&u->lock);
}

/* Takes what has come in, up to size bytes; what came with an error in it is dropped. */
static unsigned receive(struct uart *u, uint8_t *bytes, unsigned size)
{
	unsigned n = 0;

	for (unsigned i = 0; i < size; i++) {
		uint8_t lsr = read(u, UART_LSR), byte;

		if (!(lsr & UART_LSR_DR))
			break;
		byte = read(u, UART_RBR);
		if (!(lsr & (UART_LSR_PE | UART_LSR_FE | UART_LSR_BI)))
			bytes[n++] = byte;
	}
	return n;
}

/* One cause's worth of work; false when no cause is left. The bytes are handed on without lock. */
static bool handle_cause(struct uart *u)
{
	uint8_t bytes[RX_BATCH], iir;
	unsigned n;

	lock_take(&u->lock);
	iir = read(u, UART_IIR);
	if (iir & UART_IIR_NONE) {
		lock_drop(&u->lock);
		return false;
	}
	n = receive(u, bytes, sizeof(bytes));
	if (u->ier & UART_IER_THRE && read(u, UART_LSR) & UART_LSR_THRE)
		refill(u);
	if ((iir & UART_IIR_ID) == UART_IIR_MODEM)
		(void)read(u, UART_MSR);
	lock_drop(&u->lock);
	give(u, bytes, n);
	return true;
}

static void interrupt(void *arg)
{
	struct uart *u = arg;

	u->interrupts++;
	u->irq_works = true;
	for (unsigned i = 0; handle_cause(u); i++) {
		if (i < IRQ_ROUNDS - 1)
			continue;
		/* More to do, and the line has no new edge to say so: make one. */
		lock_take(&u->lock);
		write(u, UART_IER, 0);
		write(u, UART_IER, u->ier);
		lock_drop(&u->lock);
		break;
	}
	tell_ready(u);
}

/* Input, and who waits for room, as long as no interrupt has shown that they work. */
static void poll_input(void *arg)
{
	struct uart *u = arg;
	uint8_t bytes[RX_BATCH];
	unsigned n;

	tell_ready(u);
	if (u->irq_works)
		return;
	lock_take(&u->lock);
	n = receive(u, bytes, sizeof(bytes));
	lock_drop(&u->lock);
	give(u, bytes, n);
	if (++u->polls == POLLS_TOLD)
		log_warn("uart: %s gives no interrupt: it is polled, which makes it slow",
			 u->config.name);
	timer_arm_ns(&u->poll, time_ns() + (u->wanted ? POLL_WANTED_NS : POLL_NS));
}

/* A port answers and keeps a byte. */
static bool keeps_scratch(const struct uart *u)
{
	for (uint8_t pattern = SCRATCH_PATTERN, i = 0; i < 2; pattern = (uint8_t)~pattern, i++) {
		write(u, UART_SCR, pattern);
		if (read(u, UART_SCR) != pattern)
			return false;
	}
	return true;
}

/* In loop-back its modem lines follow its outputs: RTS comes back as CTS, OUT2 as DCD. */
static bool loops_back(const struct uart *u)
{
	uint8_t lines;

	write(u, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS | UART_MCR_OUT2);
	lines = read(u, UART_MSR) & UART_MSR_LINES;
	write(u, UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	return lines == (UART_MSR_CTS | UART_MSR_DCD);
}

/* Speed, frame, FIFO. Returns the FIFO's depth. */
static unsigned set_up(const struct uart *u)
{
	uint16_t divisor = (uint16_t)(UART_BASE_BAUD / u->config.baud);
	uint8_t fcr = UART_FCR_ENABLE | UART_FCR_CLEAR_RX | UART_FCR_CLEAR_TX | UART_FCR_TRIGGER_8;
	uint8_t iir;

	write(u, UART_IER, 0);
	write(u, UART_LCR, UART_LCR_DLAB | UART_LCR_8BITS);
	write(u, UART_DLL, (uint8_t)divisor);
	write(u, UART_DLM, (uint8_t)(divisor >> 8));
	write(u, UART_FCR, fcr | UART_FCR_FIFO64);
	write(u, UART_LCR, UART_LCR_8BITS);
	iir = read(u, UART_IIR);
	if ((iir & UART_IIR_FIFO) != UART_IIR_FIFO) {
		write(u, UART_FCR, 0); /* none, or one that loses bytes */
		return 1;
	}
	return iir & UART_IIR_FIFO64 ? UART_FIFO64_DEPTH : UART_FIFO_DEPTH;
}

int uart_init(struct uart *u, const struct uart_config *config)
{
	*u = (struct uart){ .config = *config };
	ring_init(&u->tx, u->tx_bytes, UART_RING);
	timer_init(&u->poll, poll_input, u);
	if (!keeps_scratch(u))
		return -ENODEV;
	/* What the firmware or the boot loader has sent last is to arrive whole. */
	(void)wait_lsr(u, UART_LSR_THRE | UART_LSR_TEMT);
	u->stalled = false;
	if (!loops_back(u))
		return -ENODEV;
	u->fifo = set_up(u);
	log_info("uart: %s at port %#x, %u baud, %u-byte FIFO", config->name, config->port,
		 config->baud, u->fifo);
	return 0;
}

void uart_enable_irq(struct uart *u)
{
	int vector;
	uint32_t gsi;

	timer_arm_ns(&u->poll, time_ns() + POLL_NS);
	if (!u->config.irq)
		return;
	vector = irq_vector_alloc(u->config.name, interrupt, u);
	if (vector < 0 || ioapic_isa(u->config.irq, (uint8_t)vector, lapic_id(), &gsi)) {
		log_warn("uart: %s: IRQ %u cannot be routed: it is polled", u->config.name,
			 u->config.irq);
		return;
	}
	ioapic_unmask(gsi);
	lock_take(&u->lock);
	/* The empty transmitter interrupts at once: the proof that interrupts arrive. */
	set_ier(u, UART_IER_RX | UART_IER_THRE);
	lock_drop(&u->lock);
}

static size_t op_write_some(void *device, const void *bytes, size_t n)
{
	return uart_write_some(device, bytes, n);
}

static void op_write(void *device, const void *bytes, size_t n)
{
	uart_write(device, bytes, n);
}

static void op_panic_write(void *device, const void *bytes, size_t n)
{
	uart_panic_write(device, bytes, n);
}

static void op_flush(void *device)
{
	uart_flush(device);
}

static const struct console_ops ops = {
	.write_some = op_write_some,
	.write = op_write,
	.panic_write = op_panic_write,
	.flush = op_flush,
};

static void receive_typed(void *arg, uint8_t byte)
{
	(void)arg;
	console_receive(byte);
}

static void tell_console(void *arg)
{
	(void)arg;
	console_ready();
}

int uart_console_init(const char *spec)
{
	struct uart *u = &consoles.ports[consoles.count];
	struct uart_config config;
	struct console console = { .ops = &ops, .device = u };
	int err = uart_parse(spec, &config);

	if (err)
		return err;
	if (consoles.count == CONSOLES)
		return -ENOSPC;
	for (unsigned i = 0; i < consoles.count; i++) {
		if (consoles.ports[i].config.port == config.port)
			return -EEXIST;
		/* COM1 and COM3 share an interrupt, COM2 and COM4 too: the first one has it. */
		if (consoles.ports[i].config.irq == config.irq)
			config.irq = 0;
	}
	err = uart_init(u, &config);
	if (err)
		return err;
	u->user = (struct uart_user){ .receive = receive_typed, .ready = tell_console };
	console.name = u->config.name;
	err = console_add(&console);
	if (!err)
		consoles.count++;
	return err;
}

const struct uart_config *uart_console_config(unsigned i)
{
	return i < consoles.count ? &consoles.ports[i].config : NULL;
}

void uart_console_enable_irq(void)
{
	for (unsigned i = 0; i < consoles.count; i++)
		uart_enable_irq(&consoles.ports[i]);
}

/* SPDX-License-Identifier: MIT */
/*
 * The control line's thread: it takes requests from a serial port, answers them, and between two of
 * them sends what the console that a program has attached says. It sleeps while the port is full.
 */
#include "boot/commands.h"
#include "core/control.h"
#include "core/thread.h"
#include "drivers/uart.h"
#include "lib/log.h"
#include "lib/ring.h"
#include "lib/string.h"
#include "vmm/vconsole.h"

enum { RECEIVED = 8192, PIECE = 512, NAME = 32 };

/* Under wake.lock: received, look; under writable.lock: room. The rest is the thread's own. */
static struct {
	struct uart uart;
	struct control control;
	struct wait_queue wake, writable;
	struct ring received;
	uint8_t received_bytes[RECEIVED];
	bool look; /* the console may have something, or be gone */
	bool room; /* the port has called */
	bool attached;
	char name[NAME]; /* whose console is attached */
} line;

static void receive(void *arg, uint8_t byte)
{
	(void)arg;
	lock_take(&line.wake.lock);
	(void)ring_put(&line.received, byte);
	lock_drop(&line.wake.lock);
	wait_wake_all(&line.wake);
}

static void set(struct wait_queue *q, bool *flag)
{
	lock_take(&q->lock);
	*flag = true;
	lock_drop(&q->lock);
	wait_wake_all(q);
}

static void ready(void *arg)
{
	(void)arg;
	set(&line.writable, &line.room);
}

/* A console has bytes for us. Its lock is held. */
static void wake(void *arg)
{
	(void)arg;
	set(&line.wake, &line.look);
}

static bool has_room(void *arg)
{
	(void)arg;
	return line.room;
}

static void write(void *ctx, const char *bytes, size_t n)
{
	while (n) {
		size_t done;

		/* Before the try: the call may come at once after it. */
		lock_take(&line.writable.lock);
		line.room = false;
		lock_drop(&line.writable.lock);
		done = uart_write_some(&line.uart, bytes, n);
		bytes += done;
		n -= done;
		if (n)
			wait_until(&line.writable, has_room, ctx);
	}
}

static void flush(void *ctx)
{
	(void)ctx;
	uart_flush(&line.uart);
}

static bool has_work(void *arg)
{
	(void)arg;
	return line.look || ring_used(&line.received);
}

/* One piece of the console that is attached; true: there may be more. */
static bool send_console(void)
{
	uint8_t bytes[PIECE];
	size_t n = vconsole_control_read(bytes, sizeof(bytes), line.name, sizeof(line.name));
	bool attached = vconsole_control_attached();

	if (n)
		control_console(&line.control, line.name, bytes, n);
	else if (line.attached && !attached)
		control_detached(&line.control, line.name);
	line.attached = attached;
	return n != 0;
}

static void work(void)
{
	uint8_t byte;
	bool typed, look;

	lock_take(&line.wake.lock);
	look = line.look;
	line.look = false;
	typed = ring_get(&line.received, &byte);
	lock_drop(&line.wake.lock);
	if (typed)
		control_feed(&line.control, byte);
	/* One piece in turn with one byte of a request: neither keeps the other waiting. */
	if (look && send_console())
		set(&line.wake, &line.look);
}

static void body(void *arg)
{
	control_hello(&line.control);
	for (;;) {
		wait_until(&line.wake, has_work, arg);
		work();
	}
}

/* The port that is asked for; false: there is none, and if it was asked for by name that is said.
 */
static bool open_port(const char *spec)
{
	const struct uart_config *console;
	struct uart_config config;

	if (uart_parse(*spec ? spec : "com2", &config)) {
		log_warn("control: \"control=%s\" names no serial port: com1 to com4 or a port "
			 "number would be right",
			 spec);
		return false;
	}
	for (unsigned i = 0; (console = uart_console_config(i)); i++) {
		if (console->port == config.port) {
			if (*spec)
				log_warn("control: %s is a console already", config.name);
			return false;
		}
		/* COM1 and COM3 share an interrupt, COM2 and COM4 too: it stays the console's. */
		if (console->irq == config.irq)
			config.irq = 0;
	}
	if (uart_init(&line.uart, &config)) {
		if (*spec)
			log_warn("control: there is no serial port %s", config.name);
		return false;
	}
	return true;
}

void control_start(const struct options *o)
{
	if (!strcmp(o->control, "none") || !open_port(o->control))
		return;
	line.control = (struct control){
		.tables = commands, .write = write, .flush = flush, .line_id = LINE_CONTROL
	};
	wait_init(&line.wake);
	wait_init(&line.writable);
	ring_init(&line.received, line.received_bytes, RECEIVED);
	line.uart.user = (struct uart_user){ .receive = receive, .ready = ready };
	vconsole_set_control(wake, NULL);
	if (!thread_create("control", body, NULL)) {
		log_warn("control: no memory for its thread");
		return;
	}
	uart_enable_irq(&line.uart);
	log_info("control: %s takes commands", line.uart.config.name);
}

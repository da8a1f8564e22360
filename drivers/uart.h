/* SPDX-License-Identifier: MIT */
/* The host's serial ports. Output is cheap and without interrupts as long as the FIFO has room. */
#ifndef DRIVERS_UART_H
#define DRIVERS_UART_H

#include "core/timer.h"
#include "drivers/console.h"
#include "lib/lock.h"
#include "lib/ring.h"

/* uart_write_some() takes no byte while so many wait: what is said after them is not to be late. */
enum { UART_RING = 16384, UART_SOME = 1024 };

/* Who uses the port; both are called in interrupt context, without a lock. */
struct uart_user {
	void (*receive)(void *arg, uint8_t byte);
	/* There is room again, after uart_write_some() has taken less than it was given. */
	void (*ready)(void *arg);
	void *arg;
};

struct uart_config {
	char name[8]; /* "com1", or "uart" for one given by its port */
	uint16_t port;
	uint8_t irq; /* ISA; 0: none */
	uint32_t baud;
};

/* All but config, user and fifo is under the lock; panic_write takes none. */
struct uart {
	struct uart_config config;
	struct uart_user user; /* set after uart_init(), before uart_enable_irq() */
	struct lock lock;
	uint32_t room; /* bytes that the FIFO takes for sure; only while the ring is empty */
	uint32_t fifo; /* its depth */
	uint8_t ier;
	bool irq_works; /* an interrupt has come: the ring may be used */
	bool stalled;	/* the transmitter has not moved for long: what does not fit is dropped */
	bool wanted;	/* uart_write_some() came short: the user is to be told */
	bool panicking; /* the lock is no longer taken */
	struct ring tx;
	uint8_t tx_bytes[UART_RING];
	struct timer poll; /* for input, while no interrupt has come */
	unsigned polls;
	uint64_t interrupts;
};

/*
 * "com1" to "com4" or a port number ("0x3f8"), then maybe a comma and the speed: "com1,115200".
 * 0, or -EINVAL.
 */
must_check int uart_parse(const char *spec, struct uart_config *config);

/* Finds and sets up the port; polled from here on. -ENODEV where none is there. */
must_check int uart_init(struct uart *u, const struct uart_config *config);
/* Input and the ring by interrupt, once irq.c, the I/O APIC and timers work. */
void uart_enable_irq(struct uart *u);

void uart_putc(struct uart *u, uint8_t byte);
void uart_write(struct uart *u, const void *bytes, size_t n);
/* As many as fit without waiting; returns how many. If not all, user.ready() is called later. */
size_t uart_write_some(struct uart *u, const void *bytes, size_t n);
/* Whatever runs or does not: no lock, no interrupt, what the ring holds goes first. */
void uart_panic_write(struct uart *u, const void *bytes, size_t n);
/* Returns when the last bit is on the wire, or the port has stalled. */
void uart_flush(struct uart *u);

/*
 * The port as a console: sets it up by spec and adds it. 0; -EINVAL: spec is wrong; -ENODEV: there
 * is no such port; -EEXIST: it is one already; -ENOSPC.
 */
must_check int uart_console_init(const char *spec);
/* Which port that is; NULL: none. */
const struct uart_config *uart_console_config(unsigned i);
/* uart_enable_irq() for that port. */
void uart_console_enable_irq(void);

#endif

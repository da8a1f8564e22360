/* SPDX-License-Identifier: MIT */
/*
 * The class interface of what a person types and reads at: serial ports, and later a screen with a
 * keyboard. Output goes to every console, input comes from any of them.
 */
#ifndef DRIVERS_CONSOLE_H
#define DRIVERS_CONSOLE_H

#include "lib/types.h"

struct console_ops {
	/*
	 * As many of the n bytes as fit without waiting for the device; returns how many. If not
	 * all, the driver calls console_ready() once there is room.
	 */
	size_t (*write_some)(void *device, const void *bytes, size_t n);
	/* All of them, waiting for the device where it must, but never for ever. */
	void (*write)(void *device, const void *bytes, size_t n);
	/* The same in a machine of unknown state: takes no lock, needs no interrupt. */
	void (*panic_write)(void *device, const void *bytes, size_t n);
	/* Returns when all is on the wire, or the device has stopped moving. */
	void (*flush)(void *device);
};

struct console {
	const char *name;
	const struct console_ops *ops;
	void *device;
};

enum { CONSOLES = 4 };

/* The log writes to it too, from its first line on. -ENOSPC. */
must_check int console_add(const struct console *c);

/* To every console, as it is: no line ending is changed. */
void console_write(const void *bytes, size_t n);
void console_flush(void);
/*
 * The same without waiting: the first console takes as many as fit, the others get what it took.
 * Returns how many; all of them where there is no console. If not all, who set console_set_ready()
 * is called, in interrupt context, when there is room.
 */
size_t console_write_some(const void *bytes, size_t n);
void console_set_ready(void (*ready)(void));
/*
 * typed() says, each time a line of the log comes, how many columns of the screen's last line are
 * taken by what is typed there, and has that drawn again afterwards. It is called in any context,
 * with the log's lock.
 */
void console_set_typed(unsigned (*typed)(void));

/*
 * Who gets what is typed; called in interrupt context, so it is to be short. One at a time: a new
 * one replaces the old, and at once gets what was typed while there was none.
 */
void console_set_input(void (*input)(void *arg, uint8_t byte), void *arg);
/* From the drivers: a byte has come in; there is room again. */
void console_receive(uint8_t byte);
void console_ready(void);

#endif

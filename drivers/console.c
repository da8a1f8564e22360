/* SPDX-License-Identifier: MIT */
/* The list of consoles: writing to all of them, and where their input goes. */
#include "drivers/console.h"

#include "core/log.h"
#include "lib/errno.h"
#include "lib/ring.h"
#include "lib/string.h"

enum { TYPED_AHEAD = 256, COLUMNS = 80 };

static struct {
	struct console consoles[CONSOLES];
	unsigned count;
	void (*input)(void *arg, uint8_t byte);
	void *input_arg;
	void (*ready)(void);
	unsigned (*typed)(void);
	struct ring ahead; /* typed while nobody listened; what is too much is dropped */
	uint8_t ahead_bytes[TYPED_AHEAD];
} list = { .ahead = { .bytes = list.ahead_bytes, .size = TYPED_AHEAD } };

static void log_to(void *ctx, const char *text, size_t n)
{
	const struct console *c = ctx;
	unsigned columns = list.typed ? list.typed() : 0;
	char blank[COLUMNS + 2];

	/* A line that is being typed makes room. */
	if (columns) {
		columns = MIN(columns, (unsigned)COLUMNS);
		memset(blank, ' ', sizeof(blank));
		blank[0] = blank[columns + 1] = '\r';
		c->ops->write(c->device, blank, columns + 2);
	}
	c->ops->write(c->device, text, n);
}

static void log_in_panic(void *ctx, const char *text, size_t n)
{
	const struct console *c = ctx;

	c->ops->panic_write(c->device, text, n);
}

int console_add(const struct console *c)
{
	struct console *mine = &list.consoles[list.count];
	struct log_console sink = {
		.name = c->name,
		.write = log_to,
		.panic_write = log_in_panic,
		.ctx = mine,
	};
	int err;

	if (list.count == CONSOLES)
		return -ENOSPC;
	*mine = *c;
	err = log_add_console(&sink);
	if (err)
		return err;
	list.count++;
	return 0;
}

void console_write(const void *bytes, size_t n)
{
	for (unsigned i = 0; i < list.count; i++)
		list.consoles[i].ops->write(list.consoles[i].device, bytes, n);
}

size_t console_write_some(const void *bytes, size_t n)
{
	const struct console *c = list.consoles;

	if (!list.count)
		return n;
	n = c->ops->write_some(c->device, bytes, n);
	for (unsigned i = 1; n && i < list.count; i++)
		list.consoles[i].ops->write(list.consoles[i].device, bytes, n);
	return n;
}

void console_set_ready(void (*ready)(void))
{
	list.ready = ready;
}

void console_set_typed(unsigned (*typed)(void))
{
	list.typed = typed;
}

void console_ready(void)
{
	if (list.ready)
		list.ready();
}

void console_flush(void)
{
	for (unsigned i = 0; i < list.count; i++)
		list.consoles[i].ops->flush(list.consoles[i].device);
}

void console_set_input(void (*input)(void *arg, uint8_t byte), void *arg)
{
	uint8_t byte;

	/* Interrupts are off, so console_receive() does not come in between. */
	list.input = input;
	list.input_arg = arg;
	while (input && ring_get(&list.ahead, &byte))
		input(arg, byte);
}

void console_receive(uint8_t byte)
{
	if (list.input)
		list.input(list.input_arg, byte);
	else
		(void)ring_put(&list.ahead, byte);
}

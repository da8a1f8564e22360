/* SPDX-License-Identifier: MIT */
/*
 * The control protocol: bytes of a line in, one JSON object a line out (docs/protocol.md). It knows
 * no port; boot/control.c connects it with one.
 */
#ifndef CORE_CONTROL_H
#define CORE_CONTROL_H

#include "core/shell.h"

enum { CONTROL_PROTOCOL = 1, CONTROL_LINE = 4096 };

struct control {
	const struct shell_table *const *tables;
	void (*write)(void *ctx, const char *bytes, size_t n);
	void (*flush)(void *ctx); /* before a command's last act, such as to power off */
	void *ctx;
	unsigned line_id; /* reply.line of its commands */
	char line[CONTROL_LINE];
	unsigned used;
	bool overlong; /* the line's rest is passed over */
};

/* A byte that came in; at a line's end the command runs and is answered. */
void control_feed(struct control *c, uint8_t byte);
/* The line that tells a listener what speaks here. */
void control_hello(struct control *c);
/* What a guest has written, as it is: a character for each byte. */
void control_console(struct control *c, const char *name, const uint8_t *bytes, size_t n);
/* The guest whose console was attached is gone. */
void control_detached(struct control *c, const char *name);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A request of the control protocol (docs/protocol.md): one JSON object, which names a command and
 * its arguments. Any bytes may come in; what is wrong is told, with its place.
 */
#ifndef CORE_REQUEST_H
#define CORE_REQUEST_H

#include "core/shell.h"

enum { REQUEST_ID = 64, REQUEST_DEPTH = 8 };

struct request {
	enum { REQUEST_ID_NONE, REQUEST_ID_NUMBER, REQUEST_ID_STRING } id_kind;
	char id[REQUEST_ID];
	char *argv[SHELL_WORDS]; /* the command, then its arguments, in the line's own bytes */
	unsigned argc;
	const char *error; /* a sentence; NULL: none */
	unsigned error_at; /* the byte, from 0 */
};

/* Reads n bytes, and writes into them. 0, or -EINVAL with q->error; q->id is what there was of it.
 */
must_check int request_parse(char *line, size_t n, struct request *q);

#endif

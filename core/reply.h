/* SPDX-License-Identifier: MIT */
/*
 * What a command answers: lines, fields and tables, or an error. It is written once, and rendered
 * as text for a person or as JSON for a program while it is filled, so that no length is too much.
 */
#ifndef CORE_REPLY_H
#define CORE_REPLY_H

#include <stdarg.h>

#include "lib/types.h"

enum { REPLY_BUFFER = 256, REPLY_TEXT = 768, REPLY_COLUMNS = 16 };
/* Lines that ask, each by a thread of its own. */
enum { REPLY_LINES = 2 };

/* width: at least so many characters in text; negative: the values stand at the right. */
struct reply_column {
	const char *name;
	int width;
};

enum reply_kind { REPLY_STRING, REPLY_NUMBER, REPLY_SIZE, REPLY_BOOL, REPLY_NONE };

struct reply_value {
	enum reply_kind kind;
	const char *text;
	uint64_t number;
};

struct reply;

/* A renderer. Whatever a command does, calls come as: (line* | field | table (row cell*)*)*, end.
 */
struct reply_format {
	void (*line)(struct reply *r, const char *text);
	void (*field)(struct reply *r, const char *name, const struct reply_value *v);
	void (*table)(struct reply *r, const char *name);
	void (*row)(struct reply *r);
	void (*cell)(struct reply *r, const struct reply_value *v);
	void (*row_end)(struct reply *r);
	void (*table_end)(struct reply *r);
	void (*error)(struct reply *r, const char *code, const char *message);
	void (*end)(struct reply *r);
};

extern const struct reply_format reply_format_text, reply_format_json;

struct reply {
	/* The asker's: where the bytes go, how a line of text ends, and which line asks. */
	void (*write)(void *ctx, const char *bytes, size_t n);
	void *ctx;
	const char *newline;
	unsigned line;
	/* A command's: what is to be done once the whole reply has been sent, such as to power off.
	 */
	void (*after)(void);
	bool failed;

	/* reply*.c's own. */
	const struct reply_format *format;
	const struct reply_column *columns; /* of the table that is open; NULL: none */
	unsigned column_count, cell;
	bool in_row, in_lines, opened;
	unsigned parts, rows, line_groups, lines;
	char buffer[REPLY_BUFFER];
	unsigned used;
};

void reply_init(struct reply *r, const struct reply_format *format,
		void (*write)(void *ctx, const char *bytes, size_t n), void *ctx);
/* Closes what is open and hands on the last bytes. True: there was no error. */
bool reply_end(struct reply *r);

/* A line of text. */
void reply_line(struct reply *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * A named value; in a table's row the next column's, and name is NULL. A size is in bytes: a person
 * reads it in KiB, MiB or GiB.
 */
void reply_text(struct reply *r, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void reply_number(struct reply *r, const char *name, uint64_t value);
void reply_size(struct reply *r, const char *name, uint64_t bytes);
void reply_bool(struct reply *r, const char *name, bool value);
/* A table; each reply_row() ends the one before, reply_table_end() the last. */
void reply_table(struct reply *r, const char *name, const struct reply_column *columns,
		 unsigned count);
void reply_row(struct reply *r);
void reply_table_end(struct reply *r);
/* The command has failed: a code for programs, a sentence that says what would be right. */
void reply_error(struct reply *r, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* For renderers: bytes as they are. */
void reply_put(struct reply *r, const char *bytes, size_t n);
void reply_puts(struct reply *r, const char *s);
/* A JSON string with its quotes: escaped, and what is not UTF-8 replaced by U+FFFD. */
void reply_put_json(struct reply *r, const char *s, size_t n);
void reply_flush(struct reply *r);

#endif

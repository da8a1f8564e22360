/* SPDX-License-Identifier: MIT */
/*
 * The builder: keeps the calls in an order that both renderers can write at once, and gathers their
 * bytes. What a command forgets (a row's last cells, a table's end) is put right here.
 */
#include "core/reply.h"

#include "lib/printf.h"
#include "lib/string.h"

void reply_init(struct reply *r, const struct reply_format *format,
		void (*write)(void *ctx, const char *bytes, size_t n), void *ctx)
{
	*r = (struct reply){ .format = format, .write = write, .ctx = ctx, .newline = "\r\n" };
}

void reply_flush(struct reply *r)
{
	unsigned n = r->used;

	r->used = 0;
	if (n)
		r->write(r->ctx, r->buffer, n);
}

void reply_put(struct reply *r, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (r->used == REPLY_BUFFER)
			reply_flush(r);
		r->buffer[r->used++] = bytes[i];
	}
}

void reply_puts(struct reply *r, const char *s)
{
	reply_put(r, s, strlen(s));
}

static void end_row(struct reply *r)
{
	static const struct reply_value none = { .kind = REPLY_NONE };

	if (!r->in_row)
		return;
	for (; r->cell < r->column_count; r->cell++)
		r->format->cell(r, &none);
	r->format->row_end(r);
	r->in_row = false;
	r->rows++;
}

void reply_table_end(struct reply *r)
{
	if (!r->columns)
		return;
	end_row(r);
	r->format->table_end(r);
	r->columns = NULL;
	r->parts++;
}

/* A program gets lines as one array: what follows it ends it. */
static void end_lines(struct reply *r)
{
	if (!r->in_lines)
		return;
	r->format->line(r, NULL);
	r->in_lines = false;
	r->parts++;
}

/* After an error nothing more is said. */
static bool is_shut(const struct reply *r)
{
	return r->failed;
}

void reply_line(struct reply *r, const char *fmt, ...)
{
	char text[REPLY_TEXT];
	va_list ap;

	if (is_shut(r))
		return;
	va_start(ap, fmt);
	fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	reply_table_end(r);
	if (!r->in_lines) {
		r->line_groups++;
		r->lines = 0;
	}
	r->in_lines = true;
	r->format->line(r, text);
	r->lines++;
}

static void put_value(struct reply *r, const char *name, const struct reply_value *v)
{
	if (is_shut(r))
		return;
	if (r->in_row) {
		if (r->cell < r->column_count) {
			r->format->cell(r, v);
			r->cell++;
		}
		return;
	}
	reply_table_end(r);
	end_lines(r);
	r->format->field(r, name ? name : "value", v);
	r->parts++;
}

void reply_text(struct reply *r, const char *name, const char *fmt, ...)
{
	char text[REPLY_TEXT];
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_value(r, name, &(struct reply_value){ .kind = REPLY_STRING, .text = text });
}

void reply_number(struct reply *r, const char *name, uint64_t value)
{
	put_value(r, name, &(struct reply_value){ .kind = REPLY_NUMBER, .number = value });
}

void reply_size(struct reply *r, const char *name, uint64_t bytes)
{
	put_value(r, name, &(struct reply_value){ .kind = REPLY_SIZE, .number = bytes });
}

void reply_bool(struct reply *r, const char *name, bool value)
{
	put_value(r, name, &(struct reply_value){ .kind = REPLY_BOOL, .number = value });
}

void reply_table(struct reply *r, const char *name, const struct reply_column *columns,
		 unsigned count)
{
	if (is_shut(r))
		return;
	reply_table_end(r);
	end_lines(r);
	r->columns = columns;
	r->column_count = count;
	r->rows = 0;
	r->format->table(r, name);
}

void reply_row(struct reply *r)
{
	if (is_shut(r) || !r->columns)
		return;
	end_row(r);
	r->in_row = true;
	r->cell = 0;
	r->format->row(r);
}

void reply_error(struct reply *r, const char *code, const char *fmt, ...)
{
	char text[REPLY_TEXT];
	va_list ap;

	if (is_shut(r))
		return;
	va_start(ap, fmt);
	fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	reply_table_end(r);
	end_lines(r);
	r->format->error(r, code, text);
	r->failed = true;
}

bool reply_end(struct reply *r)
{
	reply_table_end(r);
	end_lines(r);
	r->format->end(r);
	reply_flush(r);
	return !r->failed;
}

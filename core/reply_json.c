/* SPDX-License-Identifier: MIT */
/*
 * A reply for a program: the members "result", "error" and "ok" of an object whose braces the
 * caller writes. "ok" comes last, since only at the end it is known. Whatever the strings hold, the
 * bytes are valid JSON in valid UTF-8.
 */
#include "core/reply.h"

#include "lib/printf.h"
#include "lib/string.h"

enum { NUMBER_TEXT = 24, ESCAPE_TEXT = 8, FIRST_PRINTABLE = 0x20, DELETE = 0x7f };

/* How many bytes the UTF-8 character at s has; 0: they are none (RFC 3629, "Syntax"). */
static size_t utf8_length(const uint8_t *s, size_t n)
{
	uint8_t first = s[0], low = 0x80, high = 0xbf;
	size_t length = first < 0x80   ? 1
			: first < 0xc2 ? 0
			: first < 0xe0 ? 2
			: first < 0xf0 ? 3
			: first < 0xf5 ? 4
				       : 0;

	if (length > n)
		return 0;
	low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : low; /* no longer than needed */
	high = first == 0xed   ? 0x9f
	       : first == 0xf4 ? 0x8f
			       : high; /* no surrogate; the last plane */
	for (size_t i = 1; i < length; i++) {
		if (s[i] < low || s[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return length;
}

/* The escape of a character that has to have one, or NULL. */
static const char *escape(uint8_t c, char room[ESCAPE_TEXT])
{
	switch (c) {
	case '"': return "\\\"";
	case '\\': return "\\\\";
	case '\n': return "\\n";
	case '\r': return "\\r";
	case '\t': return "\\t";
	}
	if (c >= FIRST_PRINTABLE && c != DELETE)
		return NULL;
	fmt_print(room, ESCAPE_TEXT, "\\u%04x", c);
	return room;
}

void reply_put_json(struct reply *r, const char *s, size_t n)
{
	reply_puts(r, "\"");
	while (n) {
		size_t length = utf8_length((const uint8_t *)s, n);
		char room[ESCAPE_TEXT];
		const char *escaped = escape((uint8_t)*s, room);

		if (!length)
			reply_puts(r, "\\ufffd");
		else if (escaped)
			reply_puts(r, escaped);
		else
			reply_put(r, s, length);
		s += MAX(length, 1);
		n -= MAX(length, 1);
	}
	reply_puts(r, "\"");
}

static void put_string(struct reply *r, const char *s)
{
	reply_put_json(r, s, strlen(s));
}

/* The result's object begins with its first member. */
static void member(struct reply *r, const char *name)
{
	reply_puts(r, r->opened ? "," : "\"result\":{");
	r->opened = true;
	put_string(r, name);
	reply_puts(r, ":");
}

static void put_value(struct reply *r, const struct reply_value *v)
{
	char number[NUMBER_TEXT];

	switch (v->kind) {
	case REPLY_STRING: put_string(r, v->text); break;
	case REPLY_NUMBER:
	case REPLY_SIZE:
		fmt_print(number, sizeof(number), "%lu", v->number);
		reply_puts(r, number);
		break;
	case REPLY_BOOL: reply_puts(r, v->number ? "true" : "false"); break;
	case REPLY_NONE: reply_puts(r, "null"); break;
	}
}

static void json_line(struct reply *r, const char *text)
{
	char name[NUMBER_TEXT] = "lines";

	if (!text) {
		reply_puts(r, "]");
		return;
	}
	if (r->lines) {
		reply_puts(r, ",");
	} else {
		if (r->line_groups > 1)
			fmt_print(name, sizeof(name), "lines%u", r->line_groups);
		member(r, name);
		reply_puts(r, "[");
	}
	put_string(r, text);
}

static void json_field(struct reply *r, const char *name, const struct reply_value *v)
{
	member(r, name);
	put_value(r, v);
}

static void json_table(struct reply *r, const char *name)
{
	member(r, name);
	reply_puts(r, "[");
}

static void json_row(struct reply *r)
{
	reply_puts(r, r->rows ? ",{" : "{");
}

static void json_cell(struct reply *r, const struct reply_value *v)
{
	if (r->cell)
		reply_puts(r, ",");
	put_string(r, r->columns[r->cell].name);
	reply_puts(r, ":");
	put_value(r, v);
}

static void json_row_end(struct reply *r)
{
	reply_puts(r, "}");
}

static void json_table_end(struct reply *r)
{
	reply_puts(r, "]");
}

static void json_error(struct reply *r, const char *code, const char *message)
{
	reply_puts(r, r->opened ? "},\"error\":{\"code\":" : "\"error\":{\"code\":");
	put_string(r, code);
	reply_puts(r, ",\"message\":");
	put_string(r, message);
	reply_puts(r, "}");
}

static void json_end(struct reply *r)
{
	if (r->failed)
		reply_puts(r, ",\"ok\":false");
	else
		reply_puts(r, r->opened ? "},\"ok\":true" : "\"result\":{},\"ok\":true");
}

const struct reply_format reply_format_json = {
	.line = json_line,
	.field = json_field,
	.table = json_table,
	.row = json_row,
	.cell = json_cell,
	.row_end = json_row_end,
	.table_end = json_table_end,
	.error = json_error,
	.end = json_end,
};

/* SPDX-License-Identifier: MIT */
/*
 * A reply for a person: fields one below the other, tables in columns. A column is as wide as its
 * definition says, so that a row can be written before the next one is known.
 */
#include "core/reply.h"

#include "lib/printf.h"
#include "lib/string.h"

enum { FIELD_WIDTH = 16, VALUE_TEXT = 32, DELETE = 0x7f };

/* What a guest's name or a log line bears must not move the cursor. */
static void put_safe(struct reply *r, const char *s)
{
	for (; *s; s++) {
		char c = (uint8_t)*s < ' ' && *s != '\t' ? '.' : *s;

		reply_put(r, c == DELETE ? "." : &c, 1);
	}
}

static void put_spaces(struct reply *r, int n)
{
	while (n-- > 0)
		reply_put(r, " ", 1);
}

/* Characters, where the bytes are UTF-8. */
static int text_width(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += ((uint8_t)*s & 0xc0) != 0x80;
	return n;
}

static void size_text(char *text, uint64_t bytes)
{
	static const struct {
		uint64_t unit;
		const char *name;
	} units[] = { { GIB, "GiB" }, { MIB, "MiB" }, { KIB, "KiB" } };

	for (unsigned i = 0; i < ARRAY_SIZE(units); i++) {
		uint64_t tenths = bytes % units[i].unit * 10 / units[i].unit;

		if (bytes < units[i].unit)
			continue;
		if (tenths)
			fmt_print(text, VALUE_TEXT, "%lu.%lu %s", bytes / units[i].unit, tenths,
				  units[i].name);
		else
			fmt_print(text, VALUE_TEXT, "%lu %s", bytes / units[i].unit, units[i].name);
		return;
	}
	fmt_print(text, VALUE_TEXT, "%lu", bytes);
}

/* The value's text: its own, or one made in room. */
static const char *value_text(const struct reply_value *v, char room[VALUE_TEXT])
{
	switch (v->kind) {
	case REPLY_STRING: return v->text;
	case REPLY_NUMBER: fmt_print(room, VALUE_TEXT, "%lu", v->number); return room;
	case REPLY_SIZE: size_text(room, v->number); return room;
	case REPLY_BOOL: return v->number ? "yes" : "no";
	case REPLY_NONE: break;
	}
	return "-";
}

static void text_line(struct reply *r, const char *text)
{
	if (!text)
		return;
	put_safe(r, text);
	reply_puts(r, r->newline);
}

static void text_field(struct reply *r, const char *name, const struct reply_value *v)
{
	char room[VALUE_TEXT];

	put_safe(r, name);
	put_spaces(r, MAX(1, FIELD_WIDTH - text_width(name)));
	put_safe(r, value_text(v, room));
	reply_puts(r, r->newline);
}

/* In its column; nothing follows the last, so it needs no spaces at its end. */
static void put_column(struct reply *r, unsigned index, const char *text)
{
	int width = r->columns[index].width, gap = MAX(width, -width) - text_width(text);

	if (index)
		reply_puts(r, "  ");
	if (width < 0)
		put_spaces(r, gap);
	put_safe(r, text);
	if (width > 0 && index + 1 < r->column_count)
		put_spaces(r, gap);
}

static void text_table(struct reply *r, const char *name)
{
	(void)name;
	if (r->parts)
		reply_puts(r, r->newline);
	for (unsigned i = 0; i < r->column_count; i++)
		put_column(r, i, r->columns[i].name);
	reply_puts(r, r->newline);
}

static void text_row(struct reply *r)
{
	(void)r;
}

static void text_cell(struct reply *r, const struct reply_value *v)
{
	char room[VALUE_TEXT];

	put_column(r, r->cell, value_text(v, room));
}

static void text_row_end(struct reply *r)
{
	reply_puts(r, r->newline);
}

static void text_table_end(struct reply *r)
{
	if (!r->rows)
		text_line(r, "(none)");
}

static void text_error(struct reply *r, const char *code, const char *message)
{
	(void)code;
	reply_puts(r, "error: ");
	text_line(r, message);
}

static void text_end(struct reply *r)
{
	(void)r;
}

const struct reply_format reply_format_text = {
	.line = text_line,
	.field = text_field,
	.table = text_table,
	.row = text_row,
	.cell = text_cell,
	.row_end = text_row_end,
	.table_end = text_table_end,
	.error = text_error,
	.end = text_end,
};

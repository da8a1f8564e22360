/* SPDX-License-Identifier: MIT */
/* The reader's eye: one character after the other, lines counted, and what errors say of them. */
#include <stdarg.h>

#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/utf8.h"
#include "vmm/config/toml_scan.h"

enum { DELETE = 0x7f, ASCII_END = 0x80 };

int scan_fail(struct toml *t, const struct toml_place *place, const char *fmt, ...)
{
	va_list ap;

	t->error_place = *place;
	va_start(ap, fmt);
	fmt_vprint(t->error, sizeof(t->error), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int32_t scan_peek(const struct toml *t)
{
	uint32_t c;

	if (t->now.at >= t->size)
		return SCAN_END;
	return utf8_get(t->text + t->now.at, t->size - t->now.at, &c) ? (int32_t)c : SCAN_NOT_UTF8;
}

void scan_step(struct toml *t)
{
	uint32_t c;
	unsigned n;

	if (t->now.at >= t->size)
		return;
	n = utf8_get(t->text + t->now.at, t->size - t->now.at, &c);
	t->now.at += n ? n : 1;
	if (n && c == '\n') {
		t->now.line++;
		t->now.line_at = t->now.at;
	}
}

void scan_spaces(struct toml *t)
{
	while (scan_peek(t) == ' ' || scan_peek(t) == '\t')
		scan_step(t);
}

/* A newline is LF or CR LF. */
bool scan_is_newline(const struct toml *t)
{
	const char *s = t->text + t->now.at;
	uint32_t left = t->size - t->now.at;

	return (left > 0 && s[0] == '\n') || (left > 1 && s[0] == '\r' && s[1] == '\n');
}

bool scan_newline(struct toml *t)
{
	if (!scan_is_newline(t))
		return false;
	if (scan_peek(t) == '\r')
		scan_step(t);
	scan_step(t);
	return true;
}

int scan_expected(struct toml *t, const char *what)
{
	int32_t c = scan_peek(t);
	char shown[UTF8_MAX];

	if (c == SCAN_END)
		return scan_fail(t, &t->now, "expected %s, found the end of the file", what);
	if (scan_is_newline(t))
		return scan_fail(t, &t->now, "expected %s, found the end of the line", what);
	if (c == SCAN_NOT_UTF8)
		return scan_fail(t, &t->now,
				 "expected %s, found the byte 0x%02x, which is not UTF-8", what,
				 (uint8_t)t->text[t->now.at]);
	if (c < ' ' || (c >= DELETE && c < ASCII_END + ' '))
		return scan_fail(t, &t->now, "expected %s, found the control character U+%04X",
				 what, (unsigned)c);
	return scan_fail(t, &t->now, "expected %s, found '%.*s'", what,
			 (int)utf8_put((uint32_t)c, shown), shown);
}

int scan_comment(struct toml *t)
{
	int32_t c = scan_peek(t);

	if (c != '#')
		return 0;
	for (; c != SCAN_END && !scan_is_newline(t); c = scan_peek(t)) {
		if (c == SCAN_NOT_UTF8 || (c < ' ' && c != '\t') || c == DELETE)
			return scan_expected(t, "the text of a comment");
		scan_step(t);
	}
	return 0;
}

unsigned toml_column(const struct toml *t, const struct toml_place *place)
{
	unsigned column = 1;
	uint32_t at = place->line_at, c;

	while (at < place->at) {
		unsigned n = utf8_get(t->text + at, t->size - at, &c);

		at += n ? n : 1;
		column++;
	}
	return column;
}

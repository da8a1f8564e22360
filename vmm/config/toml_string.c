/* SPDX-License-Identifier: MIT */
/*
 * Strings: basic and literal, on one line and on several. Each is gone through twice: once when it
 * is read, where all that may be wrong with it is found, and again when its text is wanted.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "lib/utf8.h"
#include "vmm/config/toml_scan.h"

/* In front of a closing delimiter of three, up to two more quotes are text. */
enum { TRIPLE = 3, QUOTES_MAX = 5, SHORT_ESCAPE = 4, LONG_ESCAPE = 8, DELETE = 0x7f };

/* Goes over the characters that a token stands for. */
struct chars {
	const struct toml *t;
	uint32_t at, end;
	bool basic, lines;
};

static bool is_triple(const struct toml *t, uint32_t at)
{
	const char *s = t->text + at;

	return t->size - at >= TRIPLE && s[1] == s[0] && s[2] == s[0];
}

static unsigned hex_value(int32_t c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

/* What a letter behind a backslash stands for; 0: nothing. */
static uint32_t escape_value(int32_t c)
{
	static const char letters[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
	const char *found = c > 0 && c < DELETE ? strchr(letters, c) : NULL;

	return found ? (uint8_t)values[found - letters] : 0;
}

static int scan_code_point(struct toml *t, const struct toml_place *from, unsigned digits)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < digits; i++) {
		unsigned v = hex_value(scan_peek(t));

		if (v > 15)
			return scan_expected(t, digits == SHORT_ESCAPE
							? "four hexadecimal digits after \\u"
							: "eight hexadecimal digits after \\U");
		value = value << 4 | v;
		scan_step(t);
	}
	if (!utf8_is_char(value))
		return scan_fail(t, from,
				 "U+%04X is no character: up to U+D7FF, and from U+E000 "
				 "to U+10FFFF, there are some",
				 value);
	return 0;
}

/* Behind a backslash at the end of a line: the newline and all space up to the next word. */
static int scan_continuation(struct toml *t, const struct toml_place *from)
{
	scan_spaces(t);
	if (!scan_newline(t))
		return scan_fail(t, from,
				 "a backslash before a space: at the end of a line it joins "
				 "the next one to it, and \\\\ stands for itself");
	do
		scan_spaces(t);
	while (scan_newline(t));
	return 0;
}

static int scan_escape(struct toml *t, bool lines)
{
	struct toml_place from = t->now;
	int32_t c;

	scan_step(t);
	c = scan_peek(t);
	if (lines && (c == ' ' || c == '\t' || scan_is_newline(t)))
		return scan_continuation(t, &from);
	if (c != 'u' && c != 'U' && !escape_value(c))
		return scan_expected(t, "one of b t n f r \" \\ u U after the backslash (in '…' a "
					"backslash stands for itself)");
	scan_step(t);
	if (c == 'u')
		return scan_code_point(t, &from, SHORT_ESCAPE);
	return c == 'U' ? scan_code_point(t, &from, LONG_ESCAPE) : 0;
}

/* Past the quotes that come; true: the string ends with them. */
static bool scan_close(struct toml *t, int32_t quote, bool lines)
{
	unsigned n = 0;

	if (!lines) {
		scan_step(t);
		return true;
	}
	for (; n < QUOTES_MAX && scan_peek(t) == quote; n++)
		scan_step(t);
	return n >= TRIPLE;
}

static int scan_char(struct toml *t, bool basic, bool lines)
{
	int32_t c = scan_peek(t);

	if (basic && c == '\\')
		return scan_escape(t, lines);
	if (lines && scan_newline(t))
		return 0;
	if (c == SCAN_NOT_UTF8 || (c < ' ' && c != '\t') || c == DELETE)
		return scan_expected(t, "the text of a string");
	scan_step(t);
	return 0;
}

int scan_string(struct toml *t, bool for_key)
{
	struct toml_place from = t->now;
	int32_t quote = scan_peek(t), c;
	bool lines = is_triple(t, t->now.at), basic = quote == '"';
	int err = 0;

	if (lines && for_key)
		return scan_fail(t, &from,
				 "a key cannot be a string of several lines: one quote "
				 "at each end is enough");
	for (int i = 0; i < (lines ? TRIPLE : 1); i++)
		scan_step(t);
	while (!err) {
		c = scan_peek(t);
		if (c == SCAN_END || (!lines && scan_is_newline(t)))
			return scan_fail(t, &from,
					 "this string is not closed: expected %s before "
					 "the end of the %s",
					 lines ? (basic ? "\"\"\"" : "'''") : (basic ? "\"" : "'"),
					 c == SCAN_END ? "file" : "line");
		if (c != quote)
			err = scan_char(t, basic, lines);
		else if (scan_close(t, quote, lines))
			break;
	}
	return err;
}

/* What follows was checked by scan_string(). */

static struct chars chars_of(const struct toml *t, const struct toml_token *token)
{
	struct chars s = { .t = t, .at = token->place.at, .end = token->end };
	char first = s.at < s.end ? t->text[s.at] : '\0';
	unsigned quotes;

	if (first != '"' && first != '\'')
		return s;
	s.basic = first == '"';
	s.lines = s.end - s.at >= 2 * TRIPLE && is_triple(t, s.at);
	quotes = s.lines ? TRIPLE : 1;
	s.at += quotes;
	s.end -= quotes;
	/* The newline right behind the opening quotes is not text. */
	if (s.lines && s.at < s.end && t->text[s.at] == '\r')
		s.at++;
	if (s.lines && s.at < s.end && t->text[s.at] == '\n')
		s.at++;
	return s;
}

static uint32_t decode_escape(struct chars *s)
{
	char kind = s->t->text[s->at++];
	uint32_t value = 0;

	if (kind != 'u' && kind != 'U')
		return escape_value(kind);
	for (int i = 0; i < (kind == 'u' ? SHORT_ESCAPE : LONG_ESCAPE); i++)
		value = value << 4 | hex_value(s->t->text[s->at++]);
	return value;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* False: there is none more. */
static bool chars_next(struct chars *s, uint32_t *c)
{
	const char *text = s->t->text;

	while (s->at < s->end) {
		if (s->basic && text[s->at] == '\\') {
			s->at++;
			if (!is_space(text[s->at])) {
				*c = decode_escape(s);
				return true;
			}
			while (s->at < s->end && is_space(text[s->at]))
				s->at++;
			continue;
		}
		/* A newline in a string is LF, whichever editor wrote it. */
		if (text[s->at] == '\r')
			s->at++;
		s->at += utf8_get(text + s->at, s->end - s->at, c);
		return true;
	}
	return false;
}

size_t toml_text(const struct toml *t, const struct toml_token *token, char *out, size_t size)
{
	struct chars s = chars_of(t, token);
	char bytes[UTF8_MAX];
	size_t n = 0, used = 0;
	uint32_t c;

	while (chars_next(&s, &c)) {
		unsigned length = utf8_put(c, bytes);

		/* Once one does not fit, none behind it is written either. */
		if (used == n && n + length < size) {
			memcpy(out + used, bytes, length);
			used += length;
		}
		n += length;
	}
	out[used] = '\0';
	return n;
}

void toml_show(const struct toml *t, const struct toml_token *token, char out[TOML_SHOWN])
{
	static const char dots[] = "...";
	struct chars s = chars_of(t, token);
	size_t used = 0;
	uint32_t c;

	while (chars_next(&s, &c)) {
		if (used + UTF8_MAX + sizeof(dots) > TOML_SHOWN) {
			memcpy(out + used, dots, sizeof(dots) - 1);
			used += sizeof(dots) - 1;
			break;
		}
		/* Neither the control characters of ASCII nor those from U+0080 on. */
		if (c < ' ' || (c >= DELETE && c < 0xa0))
			c = '?';
		used += utf8_put(c, out + used);
	}
	out[used] = '\0';
}

bool toml_is(const struct toml *t, const struct toml_token *token, const char *text)
{
	struct chars s = chars_of(t, token);
	size_t left = strlen(text);
	uint32_t c, want;

	while (chars_next(&s, &c)) {
		unsigned n = left ? utf8_get(text, left, &want) : 0;

		if (!n || want != c)
			return false;
		text += n;
		left -= n;
	}
	return !left;
}

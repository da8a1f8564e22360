/* SPDX-License-Identifier: MIT */
/*
 * A recursive parser of JSON (RFC 8259) that allocates nothing: strings are unescaped where they
 * stand, which never makes them longer, and depth is bounded.
 */
#include "core/request.h"

#include "lib/errno.h"
#include "lib/string.h"

enum { HEX_DIGITS = 4, SURROGATE = 0xd800, SURROGATE_LOW = 0xdc00, SURROGATES_END = 0xe000 };

struct parser {
	char *at, *end;
	const char *start;
	struct request *q;
	unsigned depth;
	char *command;
};

static int skip_value(struct parser *p);

static int fail(struct parser *p, const char *why)
{
	if (!p->q->error) {
		p->q->error = why;
		p->q->error_at = (unsigned)(p->at - p->start);
	}
	return -EINVAL;
}

static void skip_space(struct parser *p)
{
	while (p->at < p->end &&
	       (*p->at == ' ' || *p->at == '\t' || *p->at == '\r' || *p->at == '\n'))
		p->at++;
}

static bool is_next(const struct parser *p, char c)
{
	return p->at < p->end && *p->at == c;
}

static bool take(struct parser *p, char c)
{
	skip_space(p);
	if (!is_next(p, c))
		return false;
	p->at++;
	return true;
}

static bool is_digit(const struct parser *p)
{
	return p->at < p->end && *p->at >= '0' && *p->at <= '9';
}

/* The four digits of \uXXXX; negative: they are none. */
static int32_t take_hex(struct parser *p)
{
	int32_t value = 0;

	for (unsigned i = 0; i < HEX_DIGITS; i++, p->at++) {
		char c = p->at < p->end ? *p->at : '\0', lower = c | ('a' - 'A');

		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if (lower >= 'a' && lower <= 'f')
			value = value << 4 | (lower - 'a' + 10);
		else
			return fail(p, "\\u needs four hexadecimal digits");
	}
	return value;
}

static char *put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (char)(0xe0 | c >> 12);
		} else {
			*to++ = (char)(0xf0 | c >> 18);
			*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (c & 0x3f));
	return to;
}

/* Behind "\u": a character, maybe of two surrogates. NULL where it is none. */
static char *take_unicode(struct parser *p, char *to)
{
	int32_t c = take_hex(p), low;

	if (c < 0)
		return NULL;
	if (c >= SURROGATE && c < SURROGATES_END) {
		if (c >= SURROGATE_LOW || p->end - p->at < 2 || p->at[0] != '\\' ||
		    p->at[1] != 'u') {
			fail(p, "half of a surrogate pair is no character");
			return NULL;
		}
		p->at += 2;
		low = take_hex(p);
		if (low < SURROGATE_LOW || low >= SURROGATES_END) {
			fail(p, "half of a surrogate pair is no character");
			return NULL;
		}
		c = 0x10000 + ((c - SURROGATE) << 10) + (low - SURROGATE_LOW);
	}
	if (!c) {
		fail(p, "a string may not hold a zero byte");
		return NULL;
	}
	return put_utf8(to, (uint32_t)c);
}

/* Behind a backslash. */
static char *take_escape(struct parser *p, char *to)
{
	static const char from[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	char c = p->at < p->end ? *p->at : '\0';
	const char *found = c ? strchr(from, c) : NULL;

	if (c == 'u') {
		p->at++;
		return take_unicode(p, to);
	}
	if (!found) {
		fail(p, "no such escape in a string");
		return NULL;
	}
	p->at++;
	*to++ = means[found - from];
	return to;
}

/* A string, unescaped in place and ended by a zero byte; NULL: it is none. */
static char *take_string(struct parser *p)
{
	char *text, *to;

	if (!take(p, '"')) {
		fail(p, "a string is missing here");
		return NULL;
	}
	text = to = p->at;
	while (p->at < p->end && *p->at != '"') {
		if ((uint8_t)*p->at < ' ') {
			fail(p, "a control character in a string has to be escaped");
			return NULL;
		}
		if (*p->at != '\\') {
			*to++ = *p->at++;
			continue;
		}
		p->at++;
		to = take_escape(p, to);
		if (!to)
			return NULL;
	}
	if (!take(p, '"')) {
		fail(p, "a string is not closed");
		return NULL;
	}
	*to = '\0';
	return text;
}

static int skip_digits(struct parser *p)
{
	if (!is_digit(p))
		return fail(p, "this is no number");
	while (is_digit(p))
		p->at++;
	return 0;
}

static int skip_number(struct parser *p)
{
	if (is_next(p, '-'))
		p->at++;
	if (is_next(p, '0'))
		p->at++;
	else if (skip_digits(p))
		return -EINVAL;
	if (is_next(p, '.')) {
		p->at++;
		if (skip_digits(p))
			return -EINVAL;
	}
	if (is_next(p, 'e') || is_next(p, 'E')) {
		p->at++;
		if (is_next(p, '+') || is_next(p, '-'))
			p->at++;
		return skip_digits(p);
	}
	return 0;
}

/* An object's or array's members, of which `one` takes each. */
static int take_members(struct parser *p, char close, int (*one)(struct parser *p))
{
	if (++p->depth > REQUEST_DEPTH)
		return fail(p, "this is nested too deeply");
	if (!take(p, close)) {
		do {
			if (one(p))
				return -EINVAL;
		} while (take(p, ','));
		if (!take(p, close))
			return fail(p, close == ']' ? "\",\" or \"]\" is missing here"
						    : "\",\" or \"}\" is missing here");
	}
	p->depth--;
	return 0;
}

static int skip_member(struct parser *p)
{
	if (!take_string(p))
		return -EINVAL;
	if (!take(p, ':'))
		return fail(p, "\":\" is missing here");
	return skip_value(p);
}

static int skip_word(struct parser *p, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n))
		return fail(p, "a value is missing here");
	p->at += n;
	return 0;
}

static int skip_value(struct parser *p)
{
	skip_space(p);
	switch (p->at < p->end ? *p->at : '\0') {
	case '"': return take_string(p) ? 0 : -EINVAL;
	case '{': p->at++; return take_members(p, '}', skip_member);
	case '[': p->at++; return take_members(p, ']', skip_value);
	case 't': return skip_word(p, "true");
	case 'f': return skip_word(p, "false");
	case 'n': return skip_word(p, "null");
	case '-': return skip_number(p);
	}
	if (is_digit(p))
		return skip_number(p);
	return fail(p, "a value is missing here");
}

static int take_id(struct parser *p)
{
	struct request *q = p->q;
	const char *from;
	size_t n;

	skip_space(p);
	if (is_next(p, 'n'))
		return skip_word(p, "null");
	if (is_next(p, '"')) {
		from = take_string(p);
		if (!from)
			return -EINVAL;
		n = strlen(from);
		q->id_kind = REQUEST_ID_STRING;
	} else {
		from = p->at;
		if (skip_number(p))
			return -EINVAL;
		n = (size_t)(p->at - from);
		q->id_kind = REQUEST_ID_NUMBER;
	}
	if (n >= REQUEST_ID) {
		q->id_kind = REQUEST_ID_NONE;
		return fail(p, "\"id\" has more than 63 bytes");
	}
	memcpy(q->id, from, n);
	q->id[n] = '\0';
	return 0;
}

static int take_argument(struct parser *p)
{
	char *text = take_string(p);

	if (!text)
		return -EINVAL;
	if (p->q->argc == SHELL_WORDS)
		return fail(p, "these are too many arguments: at most 63");
	p->q->argv[p->q->argc++] = text;
	return 0;
}

static int take_member(struct parser *p)
{
	char *name = take_string(p);

	if (!name)
		return -EINVAL;
	if (!take(p, ':'))
		return fail(p, "\":\" is missing here");
	if (!strcmp(name, "id"))
		return take_id(p);
	if (!strcmp(name, "cmd")) {
		p->command = take_string(p);
		return p->command ? 0 : -EINVAL;
	}
	if (strcmp(name, "args"))
		return skip_value(p);
	p->q->argc = 1;
	if (!take(p, '['))
		return fail(p, "\"args\" has to be an array of strings");
	return take_members(p, ']', take_argument);
}

int request_parse(char *line, size_t n, struct request *q)
{
	struct parser p = { .at = line, .end = line + n, .start = line, .q = q };

	*q = (struct request){ .argc = 1 };
	if (!take(&p, '{'))
		return fail(&p, "a request is an object, and begins with \"{\"");
	if (take_members(&p, '}', take_member))
		return -EINVAL;
	skip_space(&p);
	if (p.at < p.end)
		return fail(&p, "behind the object there is something else");
	if (!p.command)
		return fail(&p, "the request has no \"cmd\"");
	q->argv[0] = p.command;
	return 0;
}

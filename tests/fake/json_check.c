/* SPDX-License-Identifier: MIT */
/* A recursive recogniser; the depth of what Plinth writes is small. */
#include "tests/fake/json_check.h"

#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *at, *end;
};

static bool value(struct cursor *c);

static bool take(struct cursor *c, const char *s)
{
	size_t n = strlen(s);

	if ((size_t)(c->end - c->at) < n || memcmp(c->at, s, n))
		return false;
	c->at += n;
	return true;
}

static bool peek(const struct cursor *c, uint8_t low, uint8_t high)
{
	return c->at < c->end && *c->at >= low && *c->at <= high;
}

static bool hex4(struct cursor *c)
{
	for (unsigned i = 0; i < 4; i++, c->at++)
		if (!peek(c, '0', '9') && !peek(c, 'a', 'f') && !peek(c, 'A', 'F'))
			return false;
	return true;
}

static bool escape(struct cursor *c)
{
	if (c->at == c->end)
		return false;
	if (*c->at == 'u') {
		c->at++;
		return hex4(c);
	}
	return strchr("\"\\/bfnrt", *c->at++) != NULL;
}

static bool utf8(struct cursor *c)
{
	uint32_t code = *c->at++, more = 0, least = 0;

	if (code < 0x80)
		return code >= 0x20;
	if (code >= 0xc0 && code < 0xe0)
		more = 1, least = 0x80, code &= 0x1f;
	else if (code >= 0xe0 && code < 0xf0)
		more = 2, least = 0x800, code &= 0x0f;
	else if (code >= 0xf0 && code < 0xf8)
		more = 3, least = 0x10000, code &= 0x07;
	else
		return false;
	while (more--) {
		if (!peek(c, 0x80, 0xbf))
			return false;
		code = code << 6 | (*c->at++ & 0x3f);
	}
	return code >= least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static bool string(struct cursor *c)
{
	if (!take(c, "\""))
		return false;
	while (c->at < c->end && *c->at != '"') {
		if (take(c, "\\") ? !escape(c) : !utf8(c))
			return false;
	}
	return take(c, "\"");
}

static bool digits(struct cursor *c)
{
	const uint8_t *from = c->at;

	while (peek(c, '0', '9'))
		c->at++;
	return c->at > from;
}

static bool number(struct cursor *c)
{
	take(c, "-");
	if (!take(c, "0") && !digits(c))
		return false;
	if (take(c, ".") && !digits(c))
		return false;
	if (take(c, "e") || take(c, "E")) {
		if (!take(c, "+"))
			take(c, "-");
		return digits(c);
	}
	return true;
}

static bool members(struct cursor *c, bool names, const char *close)
{
	if (take(c, close))
		return true;
	do {
		if (names && !(string(c) && take(c, ":")))
			return false;
		if (!value(c))
			return false;
	} while (take(c, ","));
	return take(c, close);
}

static bool value(struct cursor *c)
{
	if (take(c, "{"))
		return members(c, true, "}");
	if (take(c, "["))
		return members(c, false, "]");
	if (peek(c, '"', '"'))
		return string(c);
	return take(c, "true") || take(c, "false") || take(c, "null") || number(c);
}

bool json_is_valid(const char *text, size_t n)
{
	struct cursor c = { (const uint8_t *)text, (const uint8_t *)text + n };

	return value(&c) && c.at == c.end;
}

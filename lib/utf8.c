/* SPDX-License-Identifier: MIT */
/* UTF-8, both ways. The first byte tells the length; the least value of a length tells overlong. */
#include "lib/utf8.h"

enum {
	TAIL_BITS = 6,
	TAIL_MASK = 0x3f,
	TAIL_MARK = 0x80, /* 10xxxxxx */
	ASCII_END = 0x80,
	CHAR_END = 0x110000,
	SURROGATES = 0xd800,
	SURROGATES_END = 0xe000,
};

/* By length: the first byte's mark, and the least character that needs so many bytes. */
static const struct {
	uint8_t mark, mask;
	uint32_t least;
} lengths[UTF8_MAX + 1] = {
	[2] = { 0xc0, 0xe0, 0x80 }, [3] = { 0xe0, 0xf0, 0x800 }, [4] = { 0xf0, 0xf8, 0x10000 }
};

bool utf8_is_char(uint32_t c)
{
	return c < CHAR_END && (c < SURROGATES || c >= SURROGATES_END);
}

unsigned utf8_get(const char *s, size_t n, uint32_t *c)
{
	uint8_t first = (uint8_t)s[0];
	unsigned length = 2;

	*c = first;
	if (first < ASCII_END)
		return 1;
	while (length <= UTF8_MAX && (first & lengths[length].mask) != lengths[length].mark)
		length++;
	if (length > UTF8_MAX || length > n)
		return 0;
	*c = first & (uint8_t)~lengths[length].mask;
	for (unsigned i = 1; i < length; i++) {
		if (((uint8_t)s[i] & (uint8_t)~TAIL_MASK) != TAIL_MARK)
			return 0;
		*c = *c << TAIL_BITS | ((uint8_t)s[i] & TAIL_MASK);
	}
	return *c >= lengths[length].least && utf8_is_char(*c) ? length : 0;
}

unsigned utf8_put(uint32_t c, char out[UTF8_MAX])
{
	unsigned length = 1;

	if (c < ASCII_END) {
		out[0] = (char)c;
		return 1;
	}
	while (length < UTF8_MAX && c >= lengths[length + 1].least)
		length++;
	for (unsigned i = length; i-- > 1; c >>= TAIL_BITS)
		out[i] = (char)(TAIL_MARK | (c & TAIL_MASK));
	out[0] = (char)(lengths[length].mark | c);
	return length;
}

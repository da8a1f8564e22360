/* SPDX-License-Identifier: MIT */
/*
 * The part of lib/string.h that ISO C does not have: host tests link this file, and libc for the
 * rest.
 */
#include "lib/errno.h"
#include "lib/string.h"

size_t str_copy(char *dst, const char *src, size_t size)
{
	size_t n = strlen(src);

	if (size) {
		size_t fits = MIN(n, size - 1);

		memcpy(dst, src, fits);
		dst[fits] = '\0';
	}
	return n;
}

/* The value of a digit in either case, or 16 for what is none. */
static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

/* The multiplier for the rest of a number's text, or 0 where that is no suffix. */
static uint64_t suffix_value(const char *s)
{
	if (!*s)
		return 1;
	if (s[1])
		return 0;
	switch (*s) {
	case 'k':
	case 'K': return KIB;
	case 'm':
	case 'M': return MIB;
	case 'g':
	case 'G': return GIB;
	}
	return 0;
}

int str_to_u64(const char *s, uint64_t *value)
{
	unsigned base = 10;
	uint64_t v = 0, multiplier;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	if (digit_value(*s) >= base)
		return -EINVAL;
	for (; digit_value(*s) < base; s++) {
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, digit_value(*s), &v))
			return -ERANGE;
	}
	multiplier = suffix_value(s);
	if (!multiplier)
		return -EINVAL;
	if (__builtin_mul_overflow(v, multiplier, &v))
		return -ERANGE;
	*value = v;
	return 0;
}

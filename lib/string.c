/* SPDX-License-Identifier: MIT */
/*
 * The ISO C functions on bytes that the compiler calls by itself, too. Large blocks go by REP MOVSQ
 * and STOSQ, small ones by few, overlapping 8-byte accesses: a tail is read before anything is
 * written, so that all of them also serve memmove().
 */
#include "lib/string.h"

/* GCC would turn the loops below into calls of the very functions that they make up. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

enum {
	WORD = 8,
	BULK = 128, /* from here on starting REP is paid back */
};

struct word8 {
	uint64_t v;
} packed __attribute__((may_alias));

struct word4 {
	uint32_t v;
} packed __attribute__((may_alias));

struct word2 {
	uint16_t v;
} packed __attribute__((may_alias));

static always_inline uint64_t load8(const uint8_t *p)
{
	return ((const struct word8 *)p)->v;
}

static always_inline void store8(uint8_t *p, uint64_t v)
{
	((struct word8 *)p)->v = v;
}

static always_inline uint32_t load4(const uint8_t *p)
{
	return ((const struct word4 *)p)->v;
}

static always_inline void store4(uint8_t *p, uint32_t v)
{
	((struct word4 *)p)->v = v;
}

/* Below 8 bytes: everything is loaded before the first store, so that any overlap is fine. */
static void copy_small(uint8_t *d, const uint8_t *s, size_t n)
{
	if (n >= 4) {
		uint32_t head = load4(s), tail = load4(s + n - 4);

		store4(d, head);
		store4(d + n - 4, tail);
	} else if (n >= 2) {
		uint16_t head = ((const struct word2 *)s)->v;
		uint8_t tail = s[n - 1];

		((struct word2 *)d)->v = head;
		d[n - 1] = tail;
	} else if (n) {
		*d = *s;
	}
}

/* Right also where the blocks overlap and dst is the lower. */
void *memcpy(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;
	uint64_t tail;

	if (n < WORD) {
		copy_small(d, s, n);
		return dst;
	}
	tail = load8(s + n - WORD);
	if (n >= BULK) {
		uint8_t *to = d;
		size_t words = n / WORD;

		__asm__ volatile("rep movsq" : "+D"(to), "+S"(s), "+c"(words) : : "memory");
	} else {
		for (size_t i = 0; i + WORD < n; i += WORD)
			store8(d + i, load8(s + i));
	}
	store8(d + n - WORD, tail);
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;
	uint64_t head;

	/* Unsigned: also true for a dst below src. */
	if ((uintptr_t)d - (uintptr_t)s >= n)
		return memcpy(dst, src, n);
	if (n < WORD) {
		copy_small(d, s, n);
		return dst;
	}
	/* Downwards by words and not by REP with DF set, which no CPU does fast. */
	head = load8(s);
	for (size_t i = n; i > WORD; i -= WORD)
		store8(d + i - WORD, load8(s + i - WORD));
	store8(d, head);
	return dst;
}

void *memset(void *dst, int byte, size_t n)
{
	uint8_t *d = dst;
	uint64_t pattern = (uint8_t)byte * 0x0101010101010101ull;

	if (n < WORD) {
		for (size_t i = 0; i < n; i++)
			d[i] = (uint8_t)byte;
		return dst;
	}
	if (n >= BULK) {
		uint8_t *to = d;
		size_t words = n / WORD;

		__asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
	} else {
		for (size_t i = 0; i + WORD < n; i += WORD)
			store8(d + i, pattern);
	}
	store8(d + n - WORD, pattern);
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;
	size_t i = 0;

	while (i + WORD <= n && load8(x + i) == load8(y + i))
		i += WORD;
	for (; i < n; i++) {
		if (x[i] != y[i])
			return x[i] - y[i];
	}
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (a[i] != b[i] || !a[i])
			return (unsigned char)a[i] - (unsigned char)b[i];
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

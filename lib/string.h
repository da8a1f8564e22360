/* SPDX-License-Identifier: MIT */
/*
 * The part of <string.h> that Plinth uses; the same contracts as ISO C, unless a comment says
 * otherwise.
 */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include "lib/types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

/*
 * Copies at most size - 1 bytes and always terminates; returns strlen(src), so >= size means cut.
 */
size_t str_copy(char *dst, const char *src, size_t size);

/* Decimal, or hexadecimal after 0x; K/M/G suffixes multiply. 0, or -EINVAL, -ERANGE. */
must_check int str_to_u64(const char *s, uint64_t *value);

#endif

/* SPDX-License-Identifier: MIT */
/* UTF-8 as RFC 3629 has it: the shortest form only, no surrogates, nothing above U+10FFFF. */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include "lib/types.h"

enum { UTF8_MAX = 4 };

/* How many bytes the character at s has (n > 0 bytes are there), and which it is; 0: no UTF-8. */
unsigned utf8_get(const char *s, size_t n, uint32_t *c);
/* Writes c, which is a character, and returns how many bytes it took. */
unsigned utf8_put(uint32_t c, char out[UTF8_MAX]);
/* Whether the number is a character's: neither a surrogate nor too large. */
bool utf8_is_char(uint32_t c);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Formatted output into a buffer: %d %i %u %x %X %o %c %s %p %% with flags 0 - # + space, width,
 * precision (both *), hh h l ll z.
 */
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H

#include <stdarg.h>

#include "lib/types.h"

/*
 * Both write at most size bytes, terminator included, and return the length that it would have had.
 */
int fmt_vprint(char *buf, size_t size, const char *fmt, va_list ap);
int fmt_print(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif

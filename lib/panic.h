/* SPDX-License-Identifier: MIT */
/*
 * For Plinth's own faults only: no input of a guest, file or device may reach these. core/panic.c;
 * tests/fake/panic.c.
 */
#ifndef LIB_PANIC_H
#define LIB_PANIC_H

_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define assert(condition)                                                                     \
	do {                                                                                  \
		if (__builtin_expect(!(condition), 0))                                        \
			panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition); \
	} while (0)

#endif

/* SPDX-License-Identifier: MIT */
/* Where log lines go: a ring that keeps the newest, and every console. lib/log.h has the calls. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "lib/log.h"
#include "lib/types.h"

/* A console as the log sees it: a driver's object, and its write function in its two tempers. */
struct log_console {
	const char *name;
	void (*write)(void *ctx, const char *text, size_t n);
	/* With the machine in an unknown state: no interrupts, no locks, bounded waiting. */
	void (*panic_write)(void *ctx, const char *text, size_t n);
	void *ctx;
};

/* The console gets what the ring holds so far, then all that comes. At most 4; -ENOSPC. */
must_check int log_add_console(const struct log_console *console);
/* Lines above this level are kept in the ring only. */
void log_set_level(enum log_level level);
/* From here on panic_write is used: nothing else runs any more. */
void log_enter_panic(void);

/* log: the lines that the ring holds. */
struct shell_table;
extern const struct shell_table log_commands;

#endif

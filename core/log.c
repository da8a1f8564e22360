/* SPDX-License-Identifier: MIT */
/* One line a fact, with the seconds since the start before it. */
#include "core/log.h"
#include "core/shell.h"
#include "core/timer.h"
#include "lib/errno.h"
#include "lib/lock.h"
#include "lib/printf.h"
#include "lib/string.h"

enum { LOG_RING = 32 * 1024, LOG_LINE = 512, LOG_CONSOLES = 4 };

static struct {
	struct lock lock;
	char ring[LOG_RING];
	uint64_t written; /* bytes ever; the ring holds the last LOG_RING of them */
	struct log_console consoles[LOG_CONSOLES];
	unsigned console_count;
	enum log_level level;
	bool panic;
} log_state = { .level = LOG_INFO };

static void ring_put(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		log_state.ring[log_state.written++ % LOG_RING] = text[i];
}

static void consoles_put(const char *text, size_t n)
{
	for (unsigned i = 0; i < log_state.console_count; i++) {
		const struct log_console *c = &log_state.consoles[i];

		if (log_state.panic)
			c->panic_write(c->ctx, text, n);
		else
			c->write(c->ctx, text, n);
	}
}

void log_write(enum log_level level, const char *fmt, ...)
{
	static const char *const marks[] = { "", "error: ", "warning: ", "", "" };
	uint64_t us = time_ns() / 1000;
	char line[LOG_LINE];
	int n = fmt_print(line, sizeof(line), "[%5u.%06u] %s", (unsigned)(us / 1000000),
			  (unsigned)(us % 1000000), marks[level]);
	va_list ap;

	va_start(ap, fmt);
	n += fmt_vprint(line + n, sizeof(line) - (size_t)n - 2, fmt, ap);
	va_end(ap);
	n = MIN(n, LOG_LINE - 3);
	line[n++] = '\r';
	line[n++] = '\n';
	/* In a panic another CPU may have been stopped while it held the lock. */
	if (!log_state.panic)
		lock_take(&log_state.lock);
	ring_put(line, (size_t)n);
	if (level <= log_state.level)
		consoles_put(line, (size_t)n);
	if (!log_state.panic)
		lock_drop(&log_state.lock);
}

int log_add_console(const struct log_console *console)
{
	uint64_t from = log_state.written > LOG_RING ? log_state.written - LOG_RING : 0;

	if (log_state.console_count == LOG_CONSOLES)
		return -ENOSPC;
	lock_take(&log_state.lock);
	for (uint64_t at = from; at < log_state.written; at++)
		console->write(console->ctx, &log_state.ring[at % LOG_RING], 1);
	log_state.consoles[log_state.console_count++] = *console;
	lock_drop(&log_state.lock);
	return 0;
}

void log_set_level(enum log_level level)
{
	log_state.level = level;
}

void log_enter_panic(void)
{
	log_state.panic = true;
}

/*
 * The line that begins at *at, or at the oldest byte that is left, without its end; *at moves on to
 * the next. False: there is none.
 */
static bool line_read(uint64_t *at, char *line, size_t size)
{
	size_t n = 0;
	bool found;

	lock_take(&log_state.lock);
	if (log_state.written > LOG_RING && *at < log_state.written - LOG_RING)
		*at = log_state.written - LOG_RING;
	found = *at < log_state.written;
	while (*at < log_state.written) {
		char c = log_state.ring[(*at)++ % LOG_RING];

		if (c == '\n')
			break;
		if (c != '\r' && n + 1 < size)
			line[n++] = c;
	}
	lock_drop(&log_state.lock);
	line[n] = '\0';
	return found;
}

/* Where the last n lines begin. */
static uint64_t last_lines(uint64_t n)
{
	uint64_t at, oldest;

	lock_take(&log_state.lock);
	at = log_state.written;
	oldest = at > LOG_RING ? at - LOG_RING : 0;
	/* The newest line's own end does not count. */
	for (n++; at > oldest && n; at--)
		n -= log_state.ring[(at - 1) % LOG_RING] == '\n';
	/* Stopped by the end of the line before: behind that end. */
	at += n ? 0 : 1;
	lock_drop(&log_state.lock);
	return at;
}

static void run_log(struct reply *r, unsigned argc, char **argv)
{
	uint64_t n = UINT64_MAX - 1, at;
	char line[LOG_LINE];

	if (argc > 1 && (str_to_u64(argv[1], &n) || !n || n > LOG_RING)) {
		reply_error(r, "bad-arguments", "\"%s\" is no number of lines: \"log 20\" is right",
			    argv[1]);
		return;
	}
	at = last_lines(n);
	while (line_read(&at, line, sizeof(line)))
		reply_line(r, "%s", line);
}

static const struct shell_command commands[] = {
	{ .name = "log",
	  .arguments = "[N]",
	  .help = "Shows Plinth's log, or its last N lines",
	  .run = run_log },
};

const struct shell_table log_commands = { commands, ARRAY_SIZE(commands) };

/* SPDX-License-Identifier: MIT */
/* The log of a host test that checks messages: each line is kept, with its level in front. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/fake/log_record.h"

static char text[64 * 1024];
static size_t used;

void fake_log_clear(void)
{
	used = 0;
	text[0] = '\0';
}

const char *fake_log_text(void)
{
	return text;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (used + strlen(line) + 4 > sizeof(text))
		fake_log_clear();
	n = snprintf(text + used, sizeof(text) - used, "%d %s\n", (int)level, line);
	used += (size_t)n;
}

bool fake_log_has(enum log_level level, const char *what)
{
	for (const char *line = text; *line;) {
		const char *end = strchr(line, '\n');
		const char *found = strstr(line, what);

		if (line[0] == '0' + (int)level && found && found < end)
			return true;
		line = end + 1;
	}
	return false;
}

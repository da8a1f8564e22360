/* SPDX-License-Identifier: MIT */
/* The commands that look into consoles: attach, detach, type. */
#include "lib/errno.h"
#include "lib/string.h"
#include "vmm/vconsole.h"

static bool complete(unsigned argument, unsigned n, char word[SHELL_CANDIDATE])
{
	return argument == 0 && vconsole_name(n, word, SHELL_CANDIDATE);
}

static bool complete_or_all(unsigned argument, unsigned n, char word[SHELL_CANDIDATE])
{
	if (argument == 0 && n == 0) {
		str_copy(word, "*", SHELL_CANDIDATE);
		return true;
	}
	return complete(argument, n - 1, word);
}

static void say_missing(struct reply *r, const char *name)
{
	reply_error(r, "not-found",
		    "there is no guest \"%.40s\"; \"vms\" lists those that there are", name);
}

/* The line that asks is the one that is attached. */
static void run_attach(struct reply *r, unsigned argc, char **argv)
{
	enum vconsole_line line = r->line;
	struct vconsole *c;

	(void)argc;
	if (!strcmp(argv[1], "*") && line == LINE_TERMINAL) {
		vconsole_attach_all();
		return;
	}
	c = vconsole_find(argv[1]);
	if (!c) {
		say_missing(r, argv[1]);
		return;
	}
	vconsole_rewind(line, c);
	vconsole_attach(line, c, false);
	vconsole_release(c);
}

static void run_detach(struct reply *r, unsigned argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (r->line == LINE_TERMINAL)
		reply_error(r, "bad-arguments", "Ctrl-] leaves a guest's console");
	else
		vconsole_attach(r->line, NULL, true);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 'a' - 'A';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One escape behind its backslash: its value, and in used its length; or -EINVAL. */
static int escape(const char *s, unsigned *used)
{
	*used = 1;
	switch (*s) {
	case 'n': return '\n';
	case 'r': return '\r';
	case 't': return '\t';
	case 'e': return '\x1b';
	case '\\': return '\\';
	case 'x': break;
	default: return -EINVAL;
	}
	*used = 3;
	if (hex_digit(s[1]) < 0 || hex_digit(s[2]) < 0)
		return -EINVAL;
	return hex_digit(s[1]) << 4 | hex_digit(s[2]);
}

/* In place; the length, or -EINVAL. */
static int unescape(char *text)
{
	char *to = text;
	unsigned used;

	for (char *s = text; *s; s++) {
		int c = (uint8_t)*s;

		if (c == '\\') {
			c = escape(s + 1, &used);
			if (c < 0)
				return c;
			s += used;
		}
		*to++ = (char)c;
	}
	return (int)(to - text);
}

static void run_type(struct reply *r, unsigned argc, char **argv)
{
	int n = unescape(argv[2]);

	(void)argc;
	if (n < 0)
		reply_error(r, "bad-arguments",
			    "an escape is \\r, \\n, \\t, \\e, \\\\ or \\x and two hexadecimal "
			    "digits, as in \\x1d for Ctrl-]");
	else if (!vconsole_type(argv[1], (const uint8_t *)argv[2], (size_t)n))
		say_missing(r, argv[1]);
}

static const struct shell_command commands[] = {
	{ .name = "attach",
	  .arguments = "NAME",
	  .help = "Goes to a guest's console, \"*\": all guests' output by lines; Ctrl-] comes "
		  "back",
	  .run = run_attach,
	  .complete = complete_or_all },
	{ .name = "detach",
	  .help = "On the control line: ends what attach began",
	  .run = run_detach },
	{ .name = "type",
	  .arguments = "NAME TEXT",
	  .help = "Types a text into a guest's console, with escapes such as \\r and \\x1d",
	  .run = run_type,
	  .complete = complete },
};

const struct shell_table vconsole_commands = { commands, ARRAY_SIZE(commands) };

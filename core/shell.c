/* SPDX-License-Identifier: MIT */
/*
 * Dispatch: a line into words, the word's command, and the number of its arguments. What is wrong
 * is answered with what would be right.
 */
#include "core/shell.h"

#include "lib/errno.h"
#include "lib/string.h"

enum { NAME_MAX = 24, NEAR = 2 };

static const struct shell_command builtin[] = {
	{ .name = "help", .arguments = "[COMMAND]", .help = "Lists the commands, or explains one" },
	{ .name = "watch",
	  .arguments = "COMMAND…",
	  .help = "Repeats a command every two seconds, until a key is pressed" },
};

const struct shell_command *shell_nth(const struct shell_table *const *tables, unsigned n)
{
	if (n < ARRAY_SIZE(builtin))
		return &builtin[n];
	n -= ARRAY_SIZE(builtin);
	for (; *tables; tables++) {
		if (n < (*tables)->count)
			return &(*tables)->commands[n];
		n -= (*tables)->count;
	}
	return NULL;
}

const struct shell_command *shell_find(const struct shell_table *const *tables, const char *name)
{
	const struct shell_command *c;

	for (unsigned i = 0; (c = shell_nth(tables, i)); i++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

/* How many letters have to be changed, added or dropped (Levenshtein). */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NAME_MAX + 1], n = (unsigned)strlen(b);

	if (n > NAME_MAX || strlen(a) > NAME_MAX)
		return NAME_MAX;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = i + 1;
		for (unsigned j = 1; j <= n; j++) {
			unsigned change = diagonal + (a[i] != b[j - 1]);

			diagonal = row[j];
			row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[n];
}

/* The command that was meant, or NULL: one that it begins, else one a letter or two away. */
static const struct shell_command *nearest(const struct shell_table *const *tables,
					   const char *name)
{
	const struct shell_command *c, *best = NULL;
	unsigned least = NEAR + 1;

	for (unsigned i = 0; (c = shell_nth(tables, i)); i++) {
		unsigned d = distance(name, c->name);

		if (*name && !strncmp(c->name, name, strlen(name)))
			d = 0;
		if (d < least && d < strlen(c->name)) {
			least = d;
			best = c;
		}
	}
	return best;
}

static void say_unknown(const struct shell_table *const *tables, struct reply *r, const char *name)
{
	const struct shell_command *near = nearest(tables, name);

	if (near)
		reply_error(r, "unknown-command",
			    "there is no command \"%.40s\"; the nearest is \"%s\"", name,
			    near->name);
	else
		reply_error(r, "unknown-command",
			    "there is no command \"%.40s\"; \"help\" lists those that there are",
			    name);
}

/* How many arguments the words of c->arguments allow. */
static void count_arguments(const struct shell_command *c, unsigned *least, unsigned *most)
{
	static const char more[] = "…";
	const char *s = c->arguments ? c->arguments : "";

	*least = *most = 0;
	while (*s) {
		bool optional = *s == '[';

		for (; *s && *s != ' '; s++)
			if (!strncmp(s, more, sizeof(more) - 1))
				*most = SHELL_WORDS;
		*least += !optional;
		*most += 1;
		while (*s == ' ')
			s++;
	}
}

static bool check_arguments(const struct shell_command *c, struct reply *r, unsigned argc)
{
	unsigned least, most;

	count_arguments(c, &least, &most);
	if (argc - 1 >= least && argc - 1 <= most)
		return true;
	if (most)
		reply_error(r, "bad-arguments", "%s: it is written \"%s %s\"",
			    argc - 1 < least ? "too few arguments" : "too many arguments", c->name,
			    c->arguments);
	else
		reply_error(r, "bad-arguments", "\"%s\" takes no arguments", c->name);
	return false;
}

static void help_all(const struct shell_table *const *tables, struct reply *r)
{
	static const struct reply_column columns[] = { { "command", 10 },
						       { "arguments", 14 },
						       { "what it does", 0 } };
	const struct shell_command *c;

	reply_table(r, "commands", columns, ARRAY_SIZE(columns));
	for (unsigned i = 0; (c = shell_nth(tables, i)); i++) {
		reply_row(r);
		reply_text(r, NULL, "%s", c->name);
		reply_text(r, NULL, "%s", c->arguments ? c->arguments : "");
		reply_text(r, NULL, "%s", c->help);
	}
	reply_table_end(r);
}

static void help(const struct shell_table *const *tables, struct reply *r, unsigned argc,
		 char **argv)
{
	const struct shell_command *c;

	if (argc == 1) {
		help_all(tables, r);
		return;
	}
	c = shell_find(tables, argv[1]);
	if (!c) {
		say_unknown(tables, r, argv[1]);
		return;
	}
	reply_text(r, "usage", "%s%s%s", c->name, c->arguments ? " " : "",
		   c->arguments ? c->arguments : "");
	reply_text(r, "help", "%s", c->help);
}

void shell_run(const struct shell_table *const *tables, struct reply *r, unsigned argc, char **argv)
{
	const struct shell_command *c = argc ? shell_find(tables, argv[0]) : NULL;

	if (!argc)
		reply_error(r, "bad-arguments", "there is no command; \"help\" lists them");
	else if (!c)
		say_unknown(tables, r, argv[0]);
	else if (!check_arguments(c, r, argc))
		return;
	else if (c == &builtin[0])
		help(tables, r, argc, argv);
	else if (c->run)
		c->run(r, argc, argv);
	else
		reply_error(r, "bad-arguments", "\"%s\" works on a terminal only", c->name);
}

/* One word, its quotes taken out in place: where it ends, or NULL where a quote stays open. */
static char *take_word(char *s)
{
	char *to = s, quote = '\0';

	for (; *s && (quote || (*s != ' ' && *s != '\t')); s++) {
		if (quote ? *s == quote : *s == '"' || *s == '\'')
			quote = quote ? '\0' : *s;
		else
			*to++ = *s;
	}
	if (quote)
		return NULL;
	if (*s)
		s++;
	*to = '\0';
	return s;
}

int shell_split(char *line, char *argv[SHELL_WORDS], struct reply *r)
{
	unsigned n = 0;

	for (;;) {
		while (*line == ' ' || *line == '\t')
			line++;
		if (!*line)
			return (int)n;
		if (n == SHELL_WORDS) {
			reply_error(r, "bad-arguments", "a line has at most %u words", SHELL_WORDS);
			return -EINVAL;
		}
		argv[n++] = line;
		line = take_word(line);
		if (!line) {
			reply_error(r, "bad-arguments",
				    "a quote is open at the line's end: close it");
			return -EINVAL;
		}
	}
}

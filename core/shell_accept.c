/* SPDX-License-Identifier: MIT */
/* What the editor does with a line: run it, repeat it, or complete the word at the cursor. */
#include "core/shell.h"

#include "lib/printf.h"
#include "lib/string.h"

enum { WATCH_MS = 2000 };

static void send(void *ctx, const char *bytes, size_t n)
{
	struct shell *s = ctx;

	s->write(s->ctx, bytes, n);
}

/* "watch" in front of a command, or a command that wants it: it is kept, and repeated. */
static bool is_live(struct shell *s, unsigned *argc, char ***argv)
{
	const struct shell_command *c;

	s->live_ms = 0;
	if (*argc > 1 && !strcmp((*argv)[0], "watch")) {
		++*argv;
		--*argc;
		s->live_ms = WATCH_MS;
	}
	c = *argc ? shell_find(s->tables, (*argv)[0]) : NULL;
	if (c && c->live_ms)
		s->live_ms = c->live_ms;
	return s->live_ms != 0;
}

static void run_live(struct shell *s, struct reply *r, unsigned argc, char **argv)
{
	r->newline = "\x1b[K\r\n";
	shell_write(s, "\x1b[H");
	shell_run(s->tables, r, argc, argv);
	if (!r->failed)
		reply_line(r, "(any key ends this)");
}

/* A command that takes a text, and has none yet: its lines come next. */
static bool reads_text(struct shell *s, unsigned argc, char **argv)
{
	const struct shell_command *c = argc == 1 ? shell_find(s->tables, argv[0]) : NULL;

	if (!c || !c->text)
		return false;
	s->reader = c;
	s->text_length = 0;
	s->text[0] = '\0';
	s->text_too_long = false;
	shell_write(s, c->text);
	shell_write(s, "\r\nAn empty line or Ctrl-D ends it, Ctrl-C drops it.\r\n");
	return true;
}

void shell_text_end(struct shell *s)
{
	char *argv[] = { (char *)s->reader->name, s->text };
	struct reply r;

	s->reader = NULL;
	reply_init(&r, &reply_format_text, send, s);
	r.line = s->line_id;
	if (s->text_too_long)
		reply_error(&r, "bad-arguments", "a text has at most %u characters",
			    SHELL_TEXT - 1);
	else if (s->text_length)
		shell_run(s->tables, &r, ARRAY_SIZE(argv), argv);
	(void)reply_end(&r);
}

/*
 * Empty lines in front are none of the text's. One that is too long is read to its end all the
 * same: what is left of it are no commands.
 */
static void add_line(struct shell *s)
{
	if (!s->length) {
		if (s->text_length)
			shell_text_end(s);
		return;
	}
	if (s->text_length + s->length + 1 >= SHELL_TEXT) {
		s->text_too_long = true;
		return;
	}
	memcpy(s->text + s->text_length, s->line, s->length);
	s->text_length += s->length;
	s->text[s->text_length++] = '\n';
	s->text[s->text_length] = '\0';
}

/* One line, of which the words are taken apart. */
static void run(struct shell *s, char *text, bool again)
{
	char *words[SHELL_WORDS], **argv = words;
	struct reply r;
	unsigned argc;
	bool live;
	int n;

	reply_init(&r, &reply_format_text, send, s);
	r.line = s->line_id;
	n = shell_split(text, words, &r);
	argc = n > 0 ? (unsigned)n : 0;
	live = is_live(s, &argc, &argv);
	if (live && !again)
		shell_write(s, "\x1b[H\x1b[J");
	if (live)
		run_live(s, &r, argc, argv);
	else if (argc && !reads_text(s, argc, argv))
		shell_run(s->tables, &r, argc, argv);
	/* What has failed once is not repeated. */
	if (!reply_end(&r) || !live) {
		s->live[0] = '\0';
		s->live_ms = 0;
	}
	if (live)
		shell_write(s, "\x1b[J");
	if (r.after)
		r.after();
}

void shell_accept(struct shell *s)
{
	if (s->reader) {
		add_line(s);
		return;
	}
	str_copy(s->live, s->line, SHELL_LINE);
	run(s, s->line, false);
}

unsigned shell_wait_ms(const struct shell *s)
{
	return s->live[0] ? s->live_ms : 0;
}

void shell_tick(struct shell *s)
{
	char text[SHELL_LINE];

	if (!s->live[0])
		return;
	str_copy(text, s->live, sizeof(text));
	run(s, text, true);
	if (!s->live[0])
		shell_refresh(s);
}

/* The word at the cursor, and which of the line's words it is. */
struct spot {
	const struct shell_command *command; /* NULL: the word is a command's name */
	bool is_argument;
	unsigned argument;
	const char *word;
	unsigned length;
};

static void spot_find(struct shell *s, struct spot *p)
{
	unsigned at = 0, end, number = 0;
	char name[SHELL_CANDIDATE];

	*p = (struct spot){ .word = s->line };
	for (;;) {
		while (at < s->cursor && s->line[at] == ' ')
			at++;
		for (end = at; end < s->cursor && s->line[end] != ' ';)
			end++;
		if (end == s->cursor)
			break;
		if (number == 0 && !p->is_argument) {
			fmt_print(name, sizeof(name), "%.*s", (int)(end - at), s->line + at);
			if (strcmp(name, "watch")) {
				p->command = shell_find(s->tables, name);
				p->is_argument = true;
			}
		} else {
			number++;
		}
		at = end;
	}
	p->argument = number;
	p->word = s->line + at;
	p->length = end - at;
}

/* The n-th word that fits at p; false: there is none. */
static bool candidate(const struct shell *s, const struct spot *p, unsigned n,
		      char word[SHELL_CANDIDATE])
{
	bool names = !p->is_argument ||
		     (p->command && !strcmp(p->command->name, "help") && p->argument == 0);

	if (names) {
		const struct shell_command *c = shell_nth(s->tables, n);

		return c && str_copy(word, c->name, SHELL_CANDIDATE);
	}
	return p->command && p->command->complete && p->command->complete(p->argument, n, word);
}

/* How many fit what is typed so far; what all of these begin with is left in common. */
static unsigned gather(struct shell *s, const struct spot *p, char common[SHELL_CANDIDATE],
		       bool list)
{
	char word[SHELL_CANDIDATE];
	unsigned count = 0, same;

	for (unsigned n = 0; candidate(s, p, n, word); n++) {
		if (strlen(word) < p->length || strncmp(word, p->word, p->length))
			continue;
		if (list) {
			shell_write(s, word);
			shell_write(s, "  ");
		}
		if (!count++)
			str_copy(common, word, SHELL_CANDIDATE);
		for (same = 0; common[same] && common[same] == word[same];)
			same++;
		common[same] = '\0';
	}
	return count;
}

void shell_complete(struct shell *s)
{
	char common[SHELL_CANDIDATE];
	struct spot p;
	unsigned count;

	spot_find(s, &p);
	count = gather(s, &p, common, false);
	if (!count) {
		shell_write(s, "\a");
	} else if (count == 1) {
		shell_insert(s, common + p.length, strlen(common) - p.length);
		if (s->line[s->cursor] != ' ')
			shell_insert(s, " ", 1);
	} else if (strlen(common) > p.length) {
		shell_insert(s, common + p.length, strlen(common) - p.length);
	} else {
		shell_write(s, "\r\n");
		gather(s, &p, common, true);
		shell_draw(s);
	}
}

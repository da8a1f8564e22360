/* SPDX-License-Identifier: MIT */
/*
 * The shell: a line editor for a terminal that may be as dumb as they come, and the dispatch of
 * words over tables of commands. What commands do is said in the files that they look into.
 */
#ifndef CORE_SHELL_H
#define CORE_SHELL_H

#include "core/reply.h"

enum {
	SHELL_LINE = 1024,
	SHELL_WORDS = 64,
	SHELL_HISTORY = 16,
	SHELL_COLUMNS = 80,
	SHELL_CANDIDATE = 64,
	SHELL_TEXT = 4096,
};

struct shell_command {
	const char *name;
	/* As in "NAME [N]": brackets for what may be left out, "…" at the end for any number more.
	 */
	const char *arguments;
	const char *help; /* one sentence, without a full stop */
	/* argv[0] is the name; as many arguments as `arguments` allows. */
	void (*run)(struct reply *r, unsigned argc, char **argv);
	/* The n-th word that argument number `argument` (0, 1 …) may be; false: no further. */
	bool (*complete)(unsigned argument, unsigned n, char word[SHELL_CANDIDATE]);
	unsigned live_ms; /* not 0: on a terminal it repeats after so long, until a key */
	/* On a terminal, without arguments: lines are read, and are its argument. What they are. */
	const char *text;
};

struct shell_table {
	const struct shell_command *commands;
	unsigned count;
};

/* The list of tables ends with NULL. "help" and, in the editor, "watch" are built in. */
void shell_run(const struct shell_table *const *tables, struct reply *r, unsigned argc,
	       char **argv);
/* Splits a line in place, with 'single' and "double" quotes; the number of words, or -EINVAL. */
must_check int shell_split(char *line, char *argv[SHELL_WORDS], struct reply *r);
/* The n-th of all commands, the built-in ones first; one by its name. NULL: there is none. */
const struct shell_command *shell_nth(const struct shell_table *const *tables, unsigned n);
const struct shell_command *shell_find(const struct shell_table *const *tables, const char *name);

struct shell {
	const struct shell_table *const *tables;
	const char *prompt;
	void (*write)(void *ctx, const char *bytes, size_t n);
	void *ctx;
	unsigned line_id; /* reply.line of its commands */

	char line[SHELL_LINE];
	unsigned length, cursor;
	unsigned left;	/* the first character shown */
	unsigned drawn; /* columns in use behind the prompt */
	char history[SHELL_HISTORY][SHELL_LINE];
	unsigned history_count, history_at; /* ever entered; which is shown, or history_count */
	enum { KEY_PLAIN, KEY_ESCAPE, KEY_CSI, KEY_SS3 } key;
	unsigned key_number;
	bool key_dropped; /* its sequence does nothing: it has ended what repeats */
	bool after_cr;
	const struct shell_command *reader; /* its text is being read; NULL: none */
	char text[SHELL_TEXT];
	unsigned text_length;
	bool text_too_long;    /* some of it was dropped */
	char live[SHELL_LINE]; /* the command that repeats; "": none */
	unsigned live_ms;
};

void shell_init(struct shell *s, const struct shell_table *const *tables, const char *prompt,
		void (*write)(void *ctx, const char *bytes, size_t n), void *ctx);
/* A byte that was typed. */
void shell_feed(struct shell *s, uint8_t byte);
/* Draws prompt and line on a new line of the screen: at the start, and after others have written.
 */
void shell_draw(struct shell *s);
/* Columns that prompt and line take on the screen. */
unsigned shell_columns(const struct shell *s);
/* Milliseconds after which shell_tick() is due, counted from the last one; 0: it is not. */
unsigned shell_wait_ms(const struct shell *s);
void shell_tick(struct shell *s);

/* core/shell_edit.c's hands: a line was entered, a text's end (Ctrl-D), or a Tab typed. */
void shell_accept(struct shell *s);
void shell_text_end(struct shell *s);
void shell_complete(struct shell *s);
void shell_insert(struct shell *s, const char *text, size_t n);
void shell_write(struct shell *s, const char *text);
void shell_refresh(struct shell *s);

#endif

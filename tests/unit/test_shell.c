/* SPDX-License-Identifier: MIT */
/* sources: core/shell.c core/shell_edit.c core/shell_accept.c core/reply.c core/reply_text.c core/reply_json.c lib/printf.c lib/str.c */
/* The shell: what is typed, against the screen of a terminal that knows little; and dispatch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/shell.h"

enum { ROWS = 30, COLUMNS = 80 };

/* The terminal: characters, CR, LF, backspace, and the three sequences of live commands. */
static struct {
	char cells[ROWS][COLUMNS + 1];
	unsigned row, column, bells;
	char sequence[8];
	unsigned sequence_length;
} screen;

static void screen_clear(unsigned row, unsigned column)
{
	for (; row < ROWS; row++, column = 0)
		for (; column < COLUMNS; column++)
			screen.cells[row][column] = ' ';
}

static void screen_line_feed(void)
{
	if (screen.row + 1 < ROWS) {
		screen.row++;
		return;
	}
	memmove(screen.cells[0], screen.cells[1], sizeof(screen.cells) - sizeof(screen.cells[0]));
	screen_clear(ROWS - 1, 0);
}

static void screen_sequence(void)
{
	if (!strcmp(screen.sequence, "[H"))
		screen.row = screen.column = 0;
	else if (!strcmp(screen.sequence, "[J"))
		screen_clear(screen.row, screen.column);
	else if (!strcmp(screen.sequence, "[K"))
		for (unsigned c = screen.column; c < COLUMNS; c++)
			screen.cells[screen.row][c] = ' ';
	else
		fail_msg("sequence %s", screen.sequence);
	screen.sequence_length = 0;
}

static bool answering; /* an error's text is being written */

static void screen_put(char c)
{
	if (screen.sequence_length) {
		screen.sequence[screen.sequence_length++ - 1] = c;
		screen.sequence[screen.sequence_length - 1] = '\0';
		if (c >= 'A' && c <= 'Z')
			screen_sequence();
		return;
	}
	switch (c) {
	case '\r': screen.column = 0; return;
	case '\n': screen_line_feed(); return;
	case '\a': screen.bells++; return;
	case '\x1b': screen.sequence_length = 1; return;
	case '\b':
		assert_true(screen.column);
		screen.column--;
		return;
	}
	assert_true(c >= ' ' && c < 127);
	/* What wraps differs from terminal to terminal: only an answer may. */
	assert_true(screen.column < COLUMNS - 1 || answering);
	if (screen.column == COLUMNS) {
		screen.column = 0;
		screen_line_feed();
	}
	screen.cells[screen.row][screen.column++] = c;
}

static void on_screen(void *ctx, const char *bytes, size_t n)
{
	assert_ptr_equal(ctx, &screen);
	answering = n > 6 && !memcmp(bytes, "error:", 6);
	while (n--)
		screen_put(*bytes++);
	answering = false;
}

/* The commands. */
static unsigned ran;
static char last[4096];
static bool after_ran;

static void after(void)
{
	after_ran = true;
}

static void run_echo(struct reply *r, unsigned argc, char **argv)
{
	ran++;
	last[0] = '\0';
	for (unsigned i = 0; i < argc; i++) {
		strcat(last, "<");
		strcat(last, argv[i]);
		strcat(last, ">");
	}
	reply_line(r, "ran %u", ran);
}

static void run_fail(struct reply *r, unsigned argc, char **argv)
{
	(void)argc;
	(void)argv;
	ran++;
	reply_error(r, "broken", "it does not work on line %u", r->line);
	r->after = after;
}

static bool complete_name(unsigned argument, unsigned n, char word[SHELL_CANDIDATE])
{
	static const char *const names[] = { "linux", "little", "other" };

	if (argument || n >= ARRAY_SIZE(names))
		return false;
	strcpy(word, names[n]);
	return true;
}

static const struct shell_command some[] = {
	{ "echo", "[WORD…]", "Says what it was given", run_echo, NULL, 0, NULL },
	{ "vm", "NAME [N]", "Two words at most", run_echo, complete_name, 0, NULL },
	{ "vms", NULL, "None", run_echo, NULL, 0, NULL },
};
static const struct shell_command others[] = {
	{ "exits", "NAME", "One", run_echo, complete_name, 0, NULL },
	{ "fail", NULL, "Fails", run_fail, NULL, 0, NULL },
	{ "top", NULL, "Lives", run_echo, NULL, 500, NULL },
	{ "make", "TEXT", "Reads", run_echo, NULL, 0, "Its lines:" },
};
static const struct shell_table first = { some, 3 }, second = { others, 4 };
static const struct shell_table *const tables[] = { &first, &second, NULL };
static struct shell s;

static int setup(void **state)
{
	(void)state;
	memset(&screen, 0, sizeof(screen));
	screen_clear(0, 0);
	ran = 0;
	after_ran = false;
	shell_init(&s, tables, "> ", on_screen, &screen);
	shell_refresh(&s);
	return 0;
}

static void type(const char *text)
{
	while (*text)
		shell_feed(&s, (uint8_t)*text++);
}

static void expect_row(unsigned row, const char *text)
{
	char cells[COLUMNS + 1], all[COLUMNS + 1];

	snprintf(all, sizeof(all), "%-80s", text);
	memcpy(cells, screen.cells[row], COLUMNS);
	cells[COLUMNS] = '\0';
	assert_string_equal(cells, all);
}

static void expect(const char *line, unsigned column)
{
	expect_row(screen.row, line);
	assert_int_equal(screen.column, column);
}

static void test_insert_and_move(void **state)
{
	(void)state;
	expect("> ", 2);
	type("ehlo");
	expect("> ehlo", 6);
	type("\b\b\bcho");
	expect("> echo", 6);
	type("\x0b"); /* ctrl-k */
	expect("> echo", 6);
	type(" b\x01\x06\x06\x06\x06 a"); /* ctrl-a, ctrl-f */
	expect("> echo a b", 8);
	type("\x1b[Dx\x1b[Cy\x1b[Hz\x1b[Fw");
	expect("> zecho xay bw", 14);
	type("\x1bOHq\x1bOFv\x1b[1~1\x1b[4~2\x1b[7~3\x1b[8~4");
	expect("> 31qzecho xay bwv24", 20);
	type("\x01\x1b[3~\x04\x1b[3~");
	expect("> zecho xay bwv24", 2);
	type("\x1b[1;5C\x1b[5~"); /* ctrl-right is a step; page up is nothing */
	expect("> zecho xay bwv24", 3);
	type("\x05\x17\x17");
	expect("> zecho ", 8);
	type("one two\x02\x02\x15");
	expect("> wo", 2);
	type("\x02\x7f\x10\x0e\x1b[A\x1b[B"); /* nothing to the left, no history */
	expect("> wo", 2);
	type("\x03");
	expect("> ", 2);
	expect_row(screen.row - 1, "> wo^C");
	assert_int_equal(ran, 0);
}

static void test_delete_word_twice(void **state)
{
	(void)state;
	type("aa bb  cc\x02\x17");
	expect("> aa bb  c", 9);
	type("\x17");
	expect("> aa c", 5);
	type("\x17\x17\x17");
	expect("> c", 2);
	type("\x0c");
	expect_row(0, "> c");
	assert_int_equal(screen.row, 0);
}

static void test_enter(void **state)
{
	(void)state;
	type("echo a  'b c' \"d'e\" f\"g h\"i ''\r\n");
	assert_string_equal(last, "<echo><a><b c><d'e><fg hi><>");
	expect_row(screen.row - 1, "ran 1");
	expect("> ", 2);
	type("\r\n\n   \r");
	assert_int_equal(ran, 1);
	type("vms\n");
	assert_int_equal(ran, 2);
	type("echo 'open\r");
	expect_row(screen.row - 1, "error: a quote is open at the line's end: close it");
	for (unsigned i = 0; i < 70; i++)
		type("e ");
	type("\r");
	expect_row(screen.row - 1, "error: a line has at most 64 words");
	assert_int_equal(ran, 2);
	/* Bytes that are no keys do nothing. */
	type("\x80\xff\x1f\x1d\x1c");
	expect("> ", 2);
	s.line_id = 3;
	type("fail\r");
	expect_row(screen.row - 1, "error: it does not work on line 3");
	assert_true(after_ran);
}

static void test_history(void **state)
{
	char text[16];

	(void)state;
	type("echo 1\recho 2\recho 2\rech\x1b[A");
	expect("> echo 2", 8);
	type("\x1b[A");
	expect("> echo 1", 8);
	type("\x10\x10");
	expect("> echo 1", 8);
	type("\x0e\x0e\x0e");
	expect("> ", 2);
	type("\x10\x10 x\r");
	assert_string_equal(last, "<echo><1><x>");
	type("\x10");
	expect("> echo 1 x", 10);
	type("\x03");
	for (unsigned i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "echo n%u\r", i);
		type(text);
	}
	for (unsigned i = 0; i < 50; i++)
		type("\x10");
	expect("> echo n24", 10);
}

/* A line longer than the screen moves under a window; its end is where typing stops. */
static void test_long_line(void **state)
{
	char text[2 * SHELL_LINE + 1], row[COLUMNS];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		text[i] = (char)('a' + i % 26);
		shell_feed(&s, (uint8_t)text[i]);
	}
	snprintf(row, sizeof(row), "> %.75s", text + 200 - 75);
	expect(row, 77);
	type("\x01");
	snprintf(row, sizeof(row), "> %.75s", text);
	expect(row, 2);
	for (unsigned i = 0; i < 90; i++)
		type("\x06");
	snprintf(row, sizeof(row), "> %.75s", text + 15);
	expect(row, 77);
	type("\x02\x02X");
	memmove(text + 89, text + 88, 200 - 88);
	text[88] = 'X';
	snprintf(row, sizeof(row), "> %.75s", text + 15);
	expect(row, 76);
	type("\x03");
	assert_int_equal(screen.bells, 0);
	memset(text, 'e', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	type(text);
	assert_true(screen.bells);
	assert_int_equal(s.length, SHELL_LINE - 1);
	type("\r");
	type("\x10\x05\x02\x7f\x0b");
	assert_int_equal(s.length, SHELL_LINE - 3);
	/* A short line after a long one leaves nothing behind. */
	type("\x15");
	expect("> ", 2);
}

static void test_wrong(void **state)
{
	static const struct {
		const char *line, *answer;
	} cases[] = {
		{ "vn linux", "error: there is no command \"vn\"; the nearest is \"vm\"" },
		{ "exit", "error: there is no command \"exit\"; the nearest is \"exits\"" },
		{ "ehco", "error: there is no command \"ehco\"; the nearest is \"echo\"" },
		{ "zzzzzz",
		  "error: there is no command \"zzzzzz\"; \"help\" lists those that there are" },
		{ "vm", "error: too few arguments: it is written \"vm NAME [N]\"" },
		{ "vm a b c", "error: too many arguments: it is written \"vm NAME [N]\"" },
		{ "vms a", "error: \"vms\" takes no arguments" },
		{ "help exit", "error: there is no command \"exit\"; the nearest is \"exits\"" },
		{ "help a b", "error: too many arguments: it is written \"help [COMMAND]\"" },
		{ "watch", "error: too few arguments: it is written \"watch COMMAND…\"" },
		{ "watch watch vms", "error: \"watch\" works on a terminal only" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		char line[128], words[256], *argv[SHELL_WORDS];
		struct reply r;
		int n;

		/* Not through the terminal: the ellipsis is not ASCII. */
		strcpy(line, cases[i].line);
		words[0] = '\0';
		reply_init(&r, &reply_format_text, NULL, NULL);
		n = shell_split(line, argv, &r);
		assert_true(n > 0);
		if (!strcmp(argv[0], "watch") && n > 1)
			shell_run(tables, &r, (unsigned)n - 1, argv + 1);
		else
			shell_run(tables, &r, (unsigned)n, argv);
		memcpy(words, r.buffer, r.used);
		words[r.used - 2] = '\0';
		if (!strcmp(cases[i].line, "watch watch vms"))
			assert_non_null(strstr(words, "watch"));
		else
			assert_string_equal(words, cases[i].answer);
	}
	assert_int_equal(ran, 0);
}

static void test_help(void **state)
{
	(void)state;
	type("help vm\r");
	expect_row(screen.row - 2, "usage           vm NAME [N]");
	expect_row(screen.row - 1, "help            Two words at most");
	type("help fail\r");
	expect_row(screen.row - 2, "usage           fail");
}

static void test_completion(void **state)
{
	(void)state;
	type("ec\t");
	expect("> echo ", 7);
	type("\t");
	assert_int_equal(screen.bells, 1);
	type("\x15vm");
	type("\t");
	expect_row(screen.row - 1, "vm  vms");
	expect("> vm", 4);
	type(" l\t");
	expect("> vm li", 7);
	type("\t");
	expect_row(screen.row - 1, "linux  little");
	type("n\tx");
	expect("> vm linux x", 12);
	type("\x15watch ex\to\t");
	expect("> watch exits other ", 20);
	type("\x15help to\t");
	expect("> help top ", 11);
	type("\x15vm a b\t\x15zz\tqq xx\t");
	expect("> zzqq xx", 9);
	/* In the middle of a line it is the word before the cursor that counts. */
	type("\x15vm  5\x02\x02ot\t");
	expect("> vm other 5", 10);
}

static void test_live(void **state)
{
	(void)state;
	assert_int_equal(shell_wait_ms(&s), 0);
	type("echo x\rtop\r");
	assert_int_equal(ran, 2);
	assert_int_equal(shell_wait_ms(&s), 500);
	expect_row(0, "ran 2");
	expect_row(1, "(any key ends this)");
	expect_row(2, "");
	shell_tick(&s);
	expect_row(0, "ran 3");
	type("q");
	assert_int_equal(shell_wait_ms(&s), 0);
	expect("> ", 2);
	shell_tick(&s);
	assert_int_equal(ran, 3);
	type("watch echo 'a b'\r");
	assert_int_equal(shell_wait_ms(&s), 2000);
	shell_tick(&s);
	assert_string_equal(last, "<echo><a b>");
	assert_int_equal(ran, 5);
	type("\x1b[A");
	assert_int_equal(shell_wait_ms(&s), 0);
	expect("> ", 2);
	type("\x1b[A");
	expect("> watch echo 'a b'", 18);
	/* What fails is not repeated. */
	type("\x03watch fail\r");
	assert_int_equal(ran, 6);
	assert_int_equal(shell_wait_ms(&s), 0);
	type("vms\r");
	assert_int_equal(ran, 7);
}

/* A command that takes a text: lines until an empty one, or Ctrl-D. */
static void test_text(void **state)
{
	(void)state;
	type("make\r");
	expect_row(1, "Its lines:");
	expect("| ", 2);
	assert_int_equal(ran, 0);
	/* Empty lines in front are nothing; a line is edited as ever, and Tab is a blank. */
	type("\r\n\n[vm.x]\nmemorx\by\t= 'a b'\r\n");
	expect("| ", 2);
	assert_int_equal(ran, 0);
	type("\n");
	assert_int_equal(ran, 1);
	assert_string_equal(last, "<make><[vm.x]\nmemory = 'a b'\n>");
	expect("> ", 2);
	/* Its lines are none of the history's, and no commands. */
	type("\x10");
	expect("> make", 6);
	type("\rvms\nx\x04");
	assert_int_equal(ran, 1);
	type("\n\x04");
	assert_string_equal(last, "<make><vms\nx\n>");
	expect("> ", 2);
	/* An argument as before; nothing at all does nothing; Ctrl-C drops it. */
	type("make 'a b'\r");
	assert_string_equal(last, "<make><a b>");
	type("make\r\x04");
	expect("> ", 2);
	type("make\rx\r\x03");
	expect("> ", 2);
	assert_int_equal(ran, 3);
	type("vms\r");
	assert_int_equal(ran, 4);
	/* More than there is room for. */
	type("make\r");
	for (unsigned i = 0; i < SHELL_TEXT / 8; i++)
		type("1234567\r");
	/* The rest of it is no command. */
	type("vms\r");
	assert_int_equal(ran, 4);
	type("\r");
	assert_int_equal(ran, 4);
	expect_row(screen.row - 1, "error: a text has at most 4095 characters");
	expect("> ", 2);
	assert_int_equal(ran, 4);
	assert_int_equal(shell_columns(&s), 2);
}

/* Whatever comes in, the screen's limits and the line's hold (the screen and ASan look). */
static void test_random(void **state)
{
	static const char keys[] =
		"abcdefgh  ''\"\x01\x02\x04\x05\x06\x08\t\x0b\x0e\x10\x15\x17\x1b[O3~ABCDHF";

	(void)state;
	srand(7);
	for (unsigned i = 0; i < 200000; i++) {
		uint8_t byte = rand() % 16 ? (uint8_t)keys[(unsigned)rand() % (sizeof(keys) - 1)]
					   : (uint8_t)rand();

		last[0] = '\0';
		shell_feed(&s, byte);
		assert_true(s.cursor <= s.length && s.length < SHELL_LINE);
		assert_int_equal(s.line[s.length], 0);
		assert_int_equal(strlen(s.line), s.length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_insert_and_move, setup),
		cmocka_unit_test_setup(test_delete_word_twice, setup),
		cmocka_unit_test_setup(test_enter, setup),
		cmocka_unit_test_setup(test_history, setup),
		cmocka_unit_test_setup(test_long_line, setup),
		cmocka_unit_test_setup(test_wrong, setup),
		cmocka_unit_test_setup(test_help, setup),
		cmocka_unit_test_setup(test_completion, setup),
		cmocka_unit_test_setup(test_live, setup),
		cmocka_unit_test_setup(test_text, setup),
		cmocka_unit_test_setup(test_random, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

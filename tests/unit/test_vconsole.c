/* SPDX-License-Identifier: MIT */
/* sources: vmm/vconsole.c vmm/vconsole_lines.c vmm/vconsole_commands.c core/shell.c core/reply.c core/reply_text.c core/reply_json.c lib/printf.c lib/str.c tests/fake/timer.c */
/*
 * Consoles on a fake line: what is attached is shown whole, however slow the line is and however
 * fast the writer; what is not attached never waits; and Ctrl-].
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/alloc.h"
#include "core/thread.h"
#include "drivers/console.h"
#include "tests/fake/timer.h"
#include "vmm/vconsole_lines.h"

enum { SHOWN = 1 << 20, GUESTS = 3, ENDLESS = 1 << 30 };

/* The line: takes so many bytes, then none until the test gives it room. */
static struct {
	char shown[SHOWN];
	size_t count, room;
	bool wanted;
	void (*ready)(void);
	void (*input)(void *arg, uint8_t byte);
} line;

size_t console_write_some(const void *bytes, size_t n)
{
	size_t done = n < line.room ? n : line.room;

	assert_true(line.count + done < SHOWN);
	memcpy(line.shown + line.count, bytes, done);
	line.count += done;
	line.room -= done;
	line.wanted |= done < n;
	line.shown[line.count] = '\0';
	return done;
}

void console_write(const void *bytes, size_t n)
{
	size_t room = line.room;

	line.room = ENDLESS;
	console_write_some(bytes, n);
	line.room = room;
}

void console_set_ready(void (*ready)(void))
{
	line.ready = ready;
}

void console_set_input(void (*input)(void *arg, uint8_t byte), void *arg)
{
	assert_null(arg);
	line.input = input;
}

/* Room for n more, and the driver's call if somebody was sent away. */
static void line_moves(size_t n)
{
	line.room += n;
	if (line.wanted) {
		line.wanted = false;
		line.ready();
	}
}

static void clear_line(void)
{
	line.count = 0;
	line.shown[0] = '\0';
}

void *mem_alloc(size_t size, enum mem_owner owner)
{
	(void)owner;
	return calloc(1, size);
}

void mem_free(void *p)
{
	free(p);
}

/* vconsole_drain()'s thread: while it waits, the line moves. */
static unsigned line_pace;

void wait_until(struct wait_queue *q, bool (*condition)(void *arg), void *arg)
{
	(void)q;
	while (!condition(arg)) {
		if (line_pace)
			line_moves(line_pace);
		fake_time_advance(500000000);
	}
}

void wait_wake_all(struct wait_queue *q)
{
	(void)q;
}

/* A guest: its UART stops while it is not ready. */
static struct guest {
	struct vconsole console;
	bool ready;
	unsigned readies, shown;
	char typed[64];
	unsigned typed_count;
} guests[GUESTS], shell;

static bool shell_is_slow;

static void guest_ready(void *owner)
{
	struct guest *g = owner;

	assert_false(lock_held(&g->console.lock) || lock_held(&vconsole_lines.lock));
	assert_false(g->ready);
	g->ready = true;
	g->readies++;
}

static void guest_input(void *owner, uint8_t byte)
{
	struct guest *g = owner;

	assert_false(lock_held(&g->console.lock) || lock_held(&vconsole_lines.lock));
	/* The shell's thread is slow only where a test wants it. */
	if (g != &shell || shell_is_slow || !vconsole_typed_elsewhere(byte))
		g->typed[g->typed_count++] = (char)byte;
}

static void guest_shown(void *owner)
{
	struct guest *g = owner;

	g->shown++;
}

static const struct vconsole_ops ops = { guest_ready, guest_input, guest_shown };
static unsigned wakes;

static void wake(void *arg)
{
	(void)arg;
	wakes++;
}

static int setup(void **state)
{
	static const char *const names[] = { "one", "two", "three" };

	(void)state;
	memset(&line, 0, sizeof(line));
	memset(guests, 0, sizeof(guests));
	memset(&shell, 0, sizeof(shell));
	line.room = ENDLESS;
	line_pace = wakes = 0;
	fake_time_set(0);
	for (unsigned i = 0; i < GUESTS; i++) {
		guests[i].ready = true;
		assert_int_equal(
			vconsole_init(&guests[i].console, names[i], &ops, &guests[i], false), 0);
	}
	shell.ready = true;
	assert_int_equal(vconsole_init(&shell.console, "shell", &ops, &shell, true), 0);
	vconsole_set_control(wake, NULL);
	vconsole_lines.listening = false;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vconsole_attach(LINE_TERMINAL, NULL, true);
	vconsole_attach(LINE_CONTROL, NULL, true);
	for (unsigned i = 0; i < GUESTS; i++)
		if (guests[i].console.ring)
			vconsole_fini(&guests[i].console);
	vconsole_fini(&shell.console);
	assert_true(list_empty(&vconsole_lines.consoles));
	assert_int_equal(fake_timers_armed(), 0);
	return 0;
}

/* What the guest writes, whether it may or not. */
static void say(struct guest *g, const char *text)
{
	while (*text)
		g->ready = vconsole_put(&g->console, (uint8_t)*text++);
}

static void attach(struct guest *g)
{
	vconsole_attach(LINE_TERMINAL, &g->console, true);
}

static void type(const char *text)
{
	while (*text)
		line.input(NULL, (uint8_t)*text++);
}

static void test_shown(void **state)
{
	(void)state;
	say(&guests[0], "before ");
	assert_int_equal(line.count, 0);
	attach(&guests[0]);
	say(&guests[0], "after");
	say(&guests[1], "other");
	assert_string_equal(line.shown, "before after");
	type("abc");
	assert_string_equal(guests[0].typed, "abc");
	vconsole_attach(LINE_TERMINAL, &guests[1].console, false);
	assert_string_equal(line.shown,
			    "before after\r\n[console of two; Ctrl-] for the shell]\r\nother");
	say(&guests[0], "unseen ");
	clear_line();
	attach(&guests[0]);
	assert_string_equal(line.shown, "unseen ");
	assert_true(vconsole_is_attached(&guests[0].console, LINE_TERMINAL));
	assert_false(vconsole_is_attached(&guests[1].console, LINE_TERMINAL));
}

/* What nobody looks at is kept, the newest 64 KiB of it, and never waits. */
static void test_scroll_back(void **state)
{
	(void)state;
	line.room = 0;
	attach(&guests[1]);
	for (unsigned i = 0; i < 30000; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%05u\n", i);
		say(&guests[0], text);
		assert_true(guests[0].ready);
	}
	line.room = ENDLESS;
	attach(&guests[0]);
	assert_int_equal(line.count, VCONSOLE_RING);
	assert_string_equal(line.shown + line.count - 12, "29998\n29999\n");
	assert_memory_equal(line.shown + 4, "19078\n", 6);
}

/* A guest that writes as fast as it may, on a line that takes a byte at a time. */
static void test_flood(void **state)
{
	unsigned sent = 0, held = 0;

	(void)state;
	line.room = 0;
	attach(&guests[0]);
	while (sent < 100000) {
		unsigned turns = 0;

		while (guests[0].ready && turns++ < 1000)
			guests[0].ready = vconsole_put(&guests[0].console, (uint8_t)(sent++ * 7));
		assert_true(turns < 1000);
		held++;
		/* Never more than what a FIFO holds is behind: Ctrl-C has an effect at once. */
		assert_true(sent - line.count <= VCONSOLE_HOLD);
		for (turns = 0; !guests[0].ready; turns++) {
			assert_true(turns < 100);
			line_moves(1);
		}
	}
	assert_true(held > 1000);
	while (line.count < sent)
		line_moves(5);
	for (unsigned i = 0; i < sent; i++)
		assert_int_equal((uint8_t)line.shown[i], (uint8_t)(i * 7));
	/* The others went on all the while. */
	say(&guests[1], "free");
	assert_true(guests[1].ready);
}

/* A guest whose UART is held goes on when it is no longer looked at, and nothing is lost then. */
static void test_flood_and_leave(void **state)
{
	char text[VCONSOLE_HOLD + 1];

	(void)state;
	line.room = 10;
	attach(&guests[0]);
	memset(text, 'x', VCONSOLE_HOLD);
	text[VCONSOLE_HOLD] = '\0';
	say(&guests[0], text);
	assert_true(guests[0].ready);
	say(&guests[0], "0123456789");
	assert_false(guests[0].ready);
	type("\x1d");
	assert_true(guests[0].ready);
	assert_int_equal(shell.shown, 1);
	say(&shell, "prompt");
	assert_true(shell.ready);
	line_moves(ENDLESS);
	assert_string_equal(line.shown, "xxxxxxxxxx\r\nprompt");
	clear_line();
	type("\x1d");
	assert_string_equal(line.shown, "\r\n[console of one; Ctrl-] for the shell]\r\n"
					"xxxxxxxxxxxxxxxxxxxxxx0123456789");
}

/* Behind a scroll-back that goes out slowly a guest is not stopped dead. */
static void test_grace(void **state)
{
	unsigned sent = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++)
		say(&guests[0], "b");
	line.room = 0;
	attach(&guests[0]);
	while (guests[0].ready && sent < 10000) {
		guests[0].ready = vconsole_put(&guests[0].console, 'n');
		sent++;
	}
	assert_in_range(sent, VCONSOLE_GRACE - 1, VCONSOLE_GRACE + 1);
	while (!guests[0].ready)
		line_moves(16);
	assert_true(line.count > 20000);
	line_moves(ENDLESS);
	assert_int_equal(line.count, 20000 + sent);
	line.room = 0;
	for (sent = 0; guests[0].ready && sent < 10000; sent++)
		guests[0].ready = vconsole_put(&guests[0].console, 'n');
	assert_int_equal(sent, VCONSOLE_HOLD);
}

static void test_key(void **state)
{
	(void)state;
	attach(&guests[1]);
	say(&shell, "early");
	type("a\x1d"
	     "b");
	assert_string_equal(guests[1].typed, "a");
	assert_string_equal(shell.typed, "b");
	assert_string_equal(line.shown, "\r\nearly");
	type("\x1d"
	     "c\x1d\x1d"
	     "d");
	assert_string_equal(guests[1].typed, "acd");
	assert_int_equal(shell.shown, 2);
	/* The guest from which one came is gone: Ctrl-] leads to another; without any, nowhere. */
	type("\x1d");
	vconsole_fini(&guests[1].console);
	guests[1].console.ring = NULL;
	type("\x1d"
	     "e\x1d");
	assert_string_equal(guests[0].typed, "e");
	vconsole_fini(&guests[0].console);
	vconsole_fini(&guests[2].console);
	guests[0].console.ring = guests[2].console.ring = NULL;
	type("\x1d"
	     "f");
	assert_string_equal(shell.typed, "bf");
}

/* The guest that is shown ends, or goes: the shell has the terminal. */
static void test_end(void **state)
{
	(void)state;
	attach(&guests[1]);
	say(&guests[1], "bye");
	/* Another one's end changes nothing. */
	vconsole_to_shell(&guests[0].console);
	type("a");
	assert_string_equal(guests[1].typed, "a");
	vconsole_to_shell(&guests[1].console);
	assert_int_equal(shell.shown, 1);
	type("b");
	assert_string_equal(shell.typed, "b");
	/* Once more: it is there already. */
	vconsole_to_shell(&guests[1].console);
	vconsole_to_shell(NULL);
	assert_int_equal(shell.shown, 1);
	attach(&guests[2]);
	vconsole_fini(&guests[2].console);
	guests[2].console.ring = NULL;
	assert_int_equal(shell.shown, 2);
	type("c");
	assert_string_equal(shell.typed, "bc");
	/* From all consoles, too. */
	vconsole_attach_all();
	vconsole_to_shell(&guests[0].console);
	assert_int_equal(shell.shown, 2);
	vconsole_to_shell(NULL);
	assert_int_equal(shell.shown, 3);
}

/* All guests' lines, whole, with their names. */
static void test_all(void **state)
{
	char text[600];

	(void)state;
	attach(&shell);
	say(&guests[0], "early\r\npart");
	vconsole_attach_all();
	assert_string_equal(line.shown,
			    "\r\n[console of all guests; Ctrl-] for the shell]\r\none| early\r\n");
	clear_line();
	say(&guests[1], "hello\x1b[2J\tworld\r\n");
	say(&shell, "not this\n");
	say(&guests[0], "ial\r\nopen");
	assert_string_equal(line.shown, "two| hello[2J\tworld\r\none| partial\r\n");
	/* A line without an end comes in pieces, and does not stop its guest. */
	clear_line();
	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (unsigned i = 0; i < 20; i++)
		say(&guests[2], text);
	assert_true(guests[2].ready);
	assert_true(line.count > 19 * sizeof(text));
	say(&guests[2], "\n");
	/* A slow line holds who floods it, and lets all of it through. */
	clear_line();
	line.room = 3;
	for (unsigned i = 0; guests[1].ready && i < 5000; i++)
		say(&guests[1], "line\n");
	assert_false(guests[1].ready);
	assert_true(guests[0].ready);
	while (!guests[1].ready)
		line_moves(7);
	line_moves(ENDLESS);
	assert_int_equal(line.count % strlen("two| line\r\n"), 0);
	assert_memory_equal(line.shown, "two| line\r\ntwo| line\r\n", 22);
	/* To the shell and back, to one guest and back. */
	type("\x1d");
	clear_line();
	type("\x1d");
	say(&guests[1], "again\n");
	assert_string_equal(line.shown,
			    "\r\n[console of all guests; Ctrl-] for the shell]\r\ntwo| again\r\n");
	attach(&guests[0]);
	clear_line();
	say(&guests[1], "unseen\n");
	say(&guests[0], "!");
	assert_string_equal(line.shown, "!");
	type("\x1d\x1d");
	assert_true(vconsole_is_attached(&guests[0].console, LINE_TERMINAL));
}

/* The last words are shown before the end, if the line moves at all. */
static void test_drain(void **state)
{
	(void)state;
	line.room = 0;
	attach(&guests[0]);
	say(&guests[0], "the last words");
	line_pace = 1;
	vconsole_drain(&guests[0].console);
	assert_string_equal(line.shown, "the last words");
	say(&guests[0], "more");
	line_pace = 0;
	vconsole_drain(&guests[0].console);
	vconsole_drain(&guests[1].console);
	assert_string_equal(line.shown, "the last words");
}

/* The control line is a second reader, with a pace of its own. */
static void test_control(void **state)
{
	uint8_t bytes[100];
	char name[8];
	size_t got = 0, n;

	(void)state;
	attach(&guests[0]);
	say(&guests[0], "abc");
	assert_int_equal(vconsole_control_read(bytes, sizeof(bytes), name, sizeof(name)), 0);
	vconsole_attach(LINE_CONTROL, &guests[0].console, true);
	assert_true(vconsole_control_attached());
	assert_int_equal(vconsole_control_read(bytes, 2, name, sizeof(name)), 2);
	assert_int_equal(vconsole_control_read(bytes + 2, 98, name, sizeof(name)), 1);
	assert_memory_equal(bytes, "abc", 3);
	assert_string_equal(name, "one");
	wakes = 0;
	for (unsigned i = 0; guests[0].ready && i < 10000; i++)
		say(&guests[0], "z");
	assert_int_equal(wakes, 1);
	assert_false(guests[0].ready); /* the terminal is fast, the control line is not */
	while ((n = vconsole_control_read(bytes, 7, name, sizeof(name))))
		got += n;
	assert_int_equal(got, line.count - 3);
	assert_true(guests[0].ready);
	wakes = 0;
	vconsole_fini(&guests[0].console);
	guests[0].console.ring = NULL;
	assert_int_equal(wakes, 1);
	assert_false(vconsole_control_attached());
	assert_int_equal(vconsole_control_read(bytes, 7, name, sizeof(name)), 0);
}

static char answer[1024];

static void gather(void *ctx, const char *bytes, size_t n)
{
	(void)ctx;
	strncat(answer, bytes, n);
}

static const char *command(enum vconsole_line from, const char *text)
{
	const struct shell_table *const tables[] = { &vconsole_commands, NULL };
	char copy[256], *argv[SHELL_WORDS];
	struct reply r;
	int n;

	answer[0] = '\0';
	reply_init(&r, &reply_format_text, gather, NULL);
	r.line = from;
	snprintf(copy, sizeof(copy), "%s", text);
	n = shell_split(copy, argv, &r);
	if (n > 0)
		shell_run(tables, &r, (unsigned)n, argv);
	reply_end(&r);
	return answer;
}

static void test_commands(void **state)
{
	(void)state;
	assert_string_equal(command(LINE_TERMINAL, "attach two"), "");
	assert_true(vconsole_is_attached(&guests[1].console, LINE_TERMINAL));
	assert_non_null(strstr(command(LINE_TERMINAL, "attach x"), "there is no guest \"x\""));
	assert_non_null(strstr(command(LINE_TERMINAL, "attach shell"), "there is no guest"));
	assert_non_null(strstr(command(LINE_CONTROL, "attach *"), "there is no guest"));
	command(LINE_CONTROL, "attach one");
	assert_true(vconsole_is_attached(&guests[0].console, LINE_CONTROL));
	command(LINE_CONTROL, "detach");
	assert_false(vconsole_control_attached());
	assert_non_null(strstr(command(LINE_TERMINAL, "detach"), "Ctrl-]"));
	assert_string_equal(command(LINE_TERMINAL, "type one 'a b\\x1d\\r\\\\\\e\\t\\n'"), "");
	assert_string_equal(guests[0].typed, "a b\x1d\r\\\x1b\t\n");
	assert_non_null(strstr(command(LINE_TERMINAL, "type one \\q"), "an escape is"));
	assert_non_null(strstr(command(LINE_TERMINAL, "type one \\x1"), "an escape is"));
	assert_non_null(strstr(command(LINE_TERMINAL, "type one a\\"), "an escape is"));
	assert_non_null(strstr(command(LINE_TERMINAL, "type no a"), "there is no guest"));
	command(LINE_TERMINAL, "attach *");
	assert_true(vconsole_lines.all);
}

/* What was typed to the shell before Ctrl-] leads elsewhere: so it comes to the shell, in its
 * place. */
static void test_key_in_line(void **state)
{
	(void)state;
	attach(&guests[0]);
	type("\x1d");
	shell_is_slow = true;
	type("attach two\rls\x1dvms");
	assert_string_equal(shell.typed, "attach two\rls\x1dvms");
	assert_string_equal(guests[1].typed, "");
	shell_is_slow = false;
	command(LINE_TERMINAL, "attach two");
	/* The shell's thread goes on behind the first return. */
	assert_true(vconsole_typed_elsewhere('l'));
	assert_true(vconsole_typed_elsewhere('s'));
	assert_string_equal(guests[1].typed, "ls");
	assert_true(vconsole_typed_elsewhere(VCONSOLE_KEY));
	assert_true(vconsole_is_attached(&shell.console, LINE_TERMINAL));
	assert_false(vconsole_typed_elsewhere('v'));
}

/* Who asks for a guest by its name sees what was said before; who looks away and back does not. */
static void test_attach_shows_again(void **state)
{
	(void)state;
	attach(&guests[0]);
	say(&guests[0], "before ");
	type("\x1d");
	say(&guests[0], "unseen ");
	clear_line();
	type("\x1d");
	assert_non_null(strstr(line.shown, "]\r\nunseen "));
	type("\x1d");
	clear_line();
	command(LINE_TERMINAL, "attach one");
	assert_non_null(strstr(line.shown, "]\r\nbefore unseen "));
	say(&guests[0], "after");
	type("\x1d");
	clear_line();
	type("\x1d");
	assert_non_null(strstr(line.shown, "]\r\n"));
	assert_null(strstr(line.shown, "after"));
}

/* Nobody waits for the answers any more, which would be typed into the guest. */
static void test_attach_again_asks_nothing(void **state)
{
	(void)state;
	attach(&guests[0]);
	say(&guests[0], "\x1b[1mbold\x1b[6n# \x1b[c\x1b[>0;1c\x05\x1bZ\x1b[2Jend\x1b[5n");
	type("\x1d");
	say(&guests[0], "new\x1b[6n");
	clear_line();
	command(LINE_TERMINAL, "attach one");
	assert_non_null(strstr(line.shown, "]\r\n\x1b[1mbold# \x1b[2Jendnew\x1b[6n"));
}

/* A whole ring of old output does not hold the guest, and costs nothing of what it says now. */
static void test_attach_again_grace(void **state)
{
	unsigned sent = 0;

	(void)state;
	attach(&guests[0]);
	for (unsigned i = 0; i < 2 * VCONSOLE_RING; i++)
		say(&guests[0], "o");
	type("\x1d");
	clear_line();
	line.room = 0;
	command(LINE_TERMINAL, "attach one");
	while (guests[0].ready && sent < 10000)
		guests[0].ready = vconsole_put(&guests[0].console, (uint8_t)('a' + sent++ % 26));
	assert_in_range(sent, VCONSOLE_GRACE - 1, VCONSOLE_GRACE + 1);
	while (!guests[0].ready)
		line_moves(16);
	line_moves(ENDLESS);
	for (unsigned i = 0; i < sent; i++)
		assert_int_equal(line.shown[line.count - sent + i], 'a' + i % 26);
	assert_in_range(line.count, VCONSOLE_RING, VCONSOLE_RING + 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scroll_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_in_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attach_shows_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attach_again_asks_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attach_again_grace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood_and_leave, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_control, setup, teardown),
		cmocka_unit_test_setup_teardown(test_commands, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: core/log.c core/reply.c core/reply_text.c core/reply_json.c lib/str.c lib/printf.c tests/fake/timer.c */
/*
 * The log: how a line looks, which go to the consoles, what a console gets that comes late, and
 * that no length of line or log writes where it should not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/log.h"
#include "core/shell.h"
#include "lib/errno.h"
#include "tests/fake/timer.h"

enum { RING = 32 * 1024, LINE = 512, CONSOLES = 4 };

/* What a console was given. */
struct screen {
	char text[3 * RING];
	size_t used;
	unsigned panics; /* calls of panic_write() */
};

static struct screen screens[CONSOLES];

static void put(void *ctx, const char *text, size_t n)
{
	struct screen *s = ctx;

	assert_true(n <= sizeof(s->text) - s->used - 1);
	memcpy(s->text + s->used, text, n);
	s->used += n;
	s->text[s->used] = '\0';
}

static void panic_put(void *ctx, const char *text, size_t n)
{
	((struct screen *)ctx)->panics++;
	put(ctx, text, n);
}

static void clear(void)
{
	for (unsigned i = 0; i < CONSOLES; i++) {
		screens[i].used = 0;
		screens[i].text[0] = '\0';
	}
}

static int add(unsigned i)
{
	struct log_console c = {
		.name = "screen", .write = put, .panic_write = panic_put, .ctx = &screens[i]
	};

	return log_add_console(&c);
}

/* The log is one: the tests run in this order. */
static void a_late_console_gets_what_there_is(void **state)
{
	(void)state;
	fake_time_set(12345678901);
	log_info("boot: %s %d", "one", 1);
	log_debug("boot: two");
	assert_int_equal(add(0), 0);
	assert_string_equal(screens[0].text,
			    "[   12.345678] boot: one 1\r\n[   12.345678] boot: two\r\n");
}

static void levels(void **state)
{
	(void)state;
	clear();
	fake_time_set(1000);
	log_error("e");
	log_warn("w");
	log_info("i");
	log_debug("d");
	assert_string_equal(screens[0].text, "[    0.000001] error: e\r\n"
					     "[    0.000001] warning: w\r\n"
					     "[    0.000001] i\r\n");
	clear();
	log_set_level(LOG_WARN);
	log_info("i");
	log_warn("w");
	assert_string_equal(screens[0].text, "[    0.000001] warning: w\r\n");
	clear();
	log_set_level(LOG_DEBUG);
	log_debug("d");
	assert_string_equal(screens[0].text, "[    0.000001] d\r\n");
	/* What was not shown then is in the ring. */
	assert_int_equal(add(1), 0);
	assert_non_null(
		strstr(screens[1].text, "[    0.000001] i\r\n[    0.000001] warning: w\r\n"));
	assert_int_equal(add(2), 0);
	log_set_level(LOG_DEBUG);
}

/* Every length up to far beyond the line: never more than a line, and it always ends as one. */
static void long_lines_are_cut(void **state)
{
	static char text[2 * LINE];

	(void)state;
	for (unsigned n = 0; n < sizeof(text) - 1; n++) {
		size_t expected = MIN(n + 15, LINE - 3) + 2;

		memset(text, 'x', n);
		text[n] = '\0';
		clear();
		log_info("%s", text);
		assert_int_equal(screens[0].used, expected);
		assert_string_equal(screens[0].text + expected - 2, "\r\n");
		assert_int_equal(screens[0].text[expected - 3], n ? 'x' : ' ');
		/* The mark makes it longer. */
		clear();
		log_warn("%s", text);
		assert_true(screens[0].used <= LINE && screens[0].used >= expected);
		assert_string_equal(screens[0].text + screens[0].used - 2, "\r\n");
	}
}

/* After more than the ring holds, a late console gets its last 32 KiB, in order. */
static void the_ring_keeps_the_newest(void **state)
{
	size_t length;

	(void)state;
	clear();
	for (unsigned i = 0; i < 2000; i++)
		log_info("line number %u", i);
	length = screens[0].used;
	assert_true(length > RING);
	assert_int_equal(add(3), 0);
	assert_int_equal(screens[3].used, RING);
	assert_memory_equal(screens[3].text, screens[0].text + length - RING, RING);
	assert_int_equal(add(3), -ENOSPC);
}

static char answer[2 * RING];

static void gather(void *ctx, const char *bytes, size_t n)
{
	(void)ctx;
	strncat(answer, bytes, n);
}

/* What the command says to "log", or to "log argument". */
static const char *say(const char *argument)
{
	char *argv[] = { (char *)"log", (char *)argument };
	struct reply r;

	answer[0] = '\0';
	reply_init(&r, &reply_format_text, gather, NULL);
	log_commands.commands[0].run(&r, argument ? 2 : 1, argv);
	reply_end(&r);
	return answer;
}

/* The ring is full, and its oldest line is cut. */
static void the_command_shows_the_ring(void **state)
{
	const char *all;

	(void)state;
	clear();
	for (unsigned i = 0; i < 2000; i++)
		log_info("line %u", i);
	assert_string_equal(say("1") + strlen(say("1")) - 11, "line 1999\r\n");
	assert_null(strstr(say("1"), "1998"));
	assert_non_null(strstr(say("2"), "line 1998\r\n"));
	assert_null(strstr(say("2"), "1997"));
	all = say(NULL);
	assert_true(strlen(all) > RING - 100 && strlen(all) <= RING + 2);
	assert_string_equal(all + strlen(all) - 11, "line 1999\r\n");
	assert_true(strlen(say("32768")) > RING - 100);
	assert_non_null(strstr(say("0"), "error: \"0\" is no number of lines"));
	assert_non_null(strstr(say("x"), "error: \"x\" is no number of lines"));
	assert_non_null(strstr(say("32769"), "error"));
}

static void panic(void **state)
{
	(void)state;
	clear();
	assert_int_equal(screens[0].panics, 0);
	log_enter_panic();
	log_error("the end");
	for (unsigned i = 0; i < CONSOLES; i++) {
		assert_int_equal(screens[i].panics, 1);
		assert_string_equal(screens[i].text, "[    0.000001] error: the end\r\n");
	}
	log_error("!");
	assert_int_equal(screens[0].panics, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_late_console_gets_what_there_is),
		cmocka_unit_test(levels),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(the_ring_keeps_the_newest),
		cmocka_unit_test(the_command_shows_the_ring),
		cmocka_unit_test(panic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

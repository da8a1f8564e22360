/* SPDX-License-Identifier: MIT */
/* sources: core/control.c core/request.c core/shell.c core/reply.c core/reply_text.c core/reply_json.c lib/printf.c lib/str.c tests/fake/json_check.c */
/* The control protocol: requests and answers, and that garbage gets an answer and does no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/control.h"
#include "core/request.h"
#include "tests/fake/json_check.h"

static char out[65536];
static size_t used;
static unsigned flushes, afters;

static void gather(void *ctx, const char *bytes, size_t n)
{
	(void)ctx;
	assert_true(used + n < sizeof(out));
	memcpy(out + used, bytes, n);
	used += n;
	out[used] = '\0';
}

static void flush(void *ctx)
{
	(void)ctx;
	flushes++;
	assert_true(used && out[used - 1] == '\n');
}

static void after(void)
{
	assert_int_equal(flushes, 1);
	afters++;
}

static void run_echo(struct reply *r, unsigned argc, char **argv)
{
	reply_number(r, "line", r->line);
	for (unsigned i = 1; i < argc; i++)
		reply_line(r, "%s", argv[i]);
}

static void run_off(struct reply *r, unsigned argc, char **argv)
{
	(void)argc;
	(void)argv;
	r->after = after;
}

static const struct shell_command commands[] = {
	{ "echo", "[WORD…]", "Says", run_echo, NULL, 0 },
	{ "off", NULL, "Ends", run_off, NULL, 0 },
};
static const struct shell_table table = { commands, 2 };
static const struct shell_table *const tables[] = { &table, NULL };
static struct control c;

static int setup(void **state)
{
	(void)state;
	c = (struct control){ .tables = tables, .write = gather, .flush = flush, .line_id = 1 };
	used = flushes = afters = 0;
	out[0] = '\0';
	return 0;
}

static void feed(const char *bytes, size_t n)
{
	while (n--)
		control_feed(&c, (uint8_t)*bytes++);
}

/* Each line of the output is JSON; how many there are. */
static unsigned check_lines(void)
{
	const char *at = out, *nl;
	unsigned n = 0;

	for (; (nl = memchr(at, '\n', used - (size_t)(at - out))); at = nl + 1, n++)
		if (!json_is_valid(at, (size_t)(nl - at)))
			fail_msg("not JSON: %.*s", (int)(nl - at), at);
	assert_ptr_equal(at, out + used);
	return n;
}

static void ask(const char *line, const char *answer)
{
	used = 0;
	out[0] = '\0';
	feed(line, strlen(line));
	assert_int_equal(used, 0);
	feed("\n", 1);
	assert_string_equal(out, answer);
	assert_int_equal(check_lines(), 1);
}

static void test_requests(void **state)
{
	(void)state;
	ask("{\"id\":1,\"cmd\":\"echo\"}", "{\"id\":1,\"result\":{\"line\":1},\"ok\":true}\n");
	ask("{\"id\":\"a\\\"\\u00e4\",\"cmd\":\"echo\",\"args\":[\"x y\",\"\\ud83d\\ude00\\n\"]}\r",
	    "{\"id\":\"a\\\"ä\",\"result\":{\"line\":1,\"lines\":[\"x "
	    "y\",\"😀\\n\"]},\"ok\":true}\n");
	ask(" { \"args\" : [ ] , \"more\" : [{\"a\":[1,-2.5e+3,true,false,null]},{}] ,"
	    " \"cmd\" : \"echo\" , \"id\" : -1.5E2 } ",
	    "{\"id\":-1.5E2,\"result\":{\"line\":1},\"ok\":true}\n");
	ask("{\"cmd\":\"echo\",\"id\":null}",
	    "{\"id\":null,\"result\":{\"line\":1},\"ok\":true}\n");
	ask("{\"id\":0,\"cmd\":\"hello\"}",
	    "{\"id\":0,\"result\":{\"program\":\"plinth\",\"protocol\":1},\"ok\":true}\n");
	ask("{\"id\":2,\"cmd\":\"ecko\"}",
	    "{\"id\":2,\"error\":{\"code\":\"unknown-command\",\"message\":\"there is no command "
	    "\\\"ecko\\\"; the nearest is \\\"echo\\\"\"},\"ok\":false}\n");
	ask("{\"id\":3,\"cmd\":\"off\",\"args\":[\"x\"]}",
	    "{\"id\":3,\"error\":{\"code\":\"bad-arguments\",\"message\":\"\\\"off\\\" takes no "
	    "arguments\"},\"ok\":false}\n");
	ask("{\"id\":4,\"cmd\":\"off\"}", "{\"id\":4,\"result\":{},\"ok\":true}\n");
	assert_int_equal(afters, 1);
}

static void bad(const char *line, unsigned at, const char *why)
{
	char copy[8192];
	struct request q;

	snprintf(copy, sizeof(copy), "%s", line);
	assert_int_equal(request_parse(copy, strlen(copy), &q), -22);
	assert_non_null(q.error);
	if (!strstr(q.error, why))
		fail_msg("%s: %s", line, q.error);
	assert_int_equal(q.error_at, at);
}

static void test_bad_requests(void **state)
{
	char deep[256], many[4096] = "{\"cmd\":\"x\",\"args\":[\"0\"";

	(void)state;
	bad("", 0, "begins with");
	bad("hello", 0, "begins with");
	bad("[1]", 0, "begins with");
	bad("{", 1, "string is missing");
	bad("{}", 2, "no \"cmd\"");
	bad("{\"id\":1}", 8, "no \"cmd\"");
	bad("{\"cmd\":\"x\"} y", 12, "something else");
	bad("{\"cmd\":\"x\",}", 11, "string is missing");
	bad("{\"cmd\" \"x\"}", 7, "\":\"");
	bad("{\"cmd\":1}", 7, "string is missing");
	bad("{\"cmd\":\"x\" \"y\":1}", 11, "\"}\"");
	bad("{\"cmd\":\"x\",\"args\":\"y\"}", 18, "array of strings");
	bad("{\"cmd\":\"x\",\"args\":[1]}", 19, "string is missing");
	bad("{\"cmd\":\"x\",\"args\":[\"a\" \"b\"]}", 23, "\"]\"");
	bad("{\"cmd\":\"x", 9, "not closed");
	bad("{\"cmd\":\"x\\", 10, "no such escape");
	bad("{\"cmd\":\"\\q\"}", 9, "no such escape");
	bad("{\"cmd\":\"\\u12g4\"}", 12, "four");
	bad("{\"cmd\":\"\\u0000\"}", 14, "zero byte");
	bad("{\"cmd\":\"\\ud800x\"}", 14, "surrogate");
	bad("{\"cmd\":\"\\udc00\"}", 14, "surrogate");
	bad("{\"cmd\":\"\\ud800\\u0041\"}", 20, "surrogate");
	bad("{\"cmd\":\"a\tb\"}", 9, "control character");
	bad("{\"id\":[1]}", 6, "number");
	bad("{\"id\":-}", 7, "number");
	bad("{\"id\":1.}", 8, "number");
	bad("{\"id\":1e}", 8, "number");
	bad("{\"id\":tru}", 6, "number");
	bad("{\"a\":tru}", 5, "value");
	bad("{\"a\":}", 5, "value");
	bad("{\"id\":1234567890123456789012345678901234567890123456789012345678901234}", 70, "63");
	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"a\":", 5);
	deep[sizeof(deep) - 1] = '\0';
	bad(deep, 13, "too deeply");
	for (unsigned i = 0; i < 70; i++)
		strcat(many, ",\"x\"");
	bad(many, 274, "too many");
}

static void test_lines(void **state)
{
	static char overlong[3 * CONTROL_LINE];

	(void)state;
	feed("\n\r\n  \t\n", 8);
	assert_int_equal(used, 0);
	memset(overlong, '{', sizeof(overlong));
	feed(overlong, sizeof(overlong));
	assert_int_equal(used, 0);
	feed("\n", 1);
	assert_string_equal(out, "{\"id\":null,\"error\":{\"code\":\"line-too-long\",\"message\":"
				 "\"a line has at most 4096 bytes\"},\"ok\":false}\n");
	memset(overlong, ' ', sizeof(overlong));
	memcpy(overlong, "{\"id\":9,\"cmd\":\"hello\"}", 22);
	feed(overlong, CONTROL_LINE);
	used = 0;
	feed("\n", 1);
	assert_non_null(strstr(out, "\"id\":9,\"result\""));
	/* A request behind garbage is answered by itself. */
	used = 0;
	feed("\x00\xff garbage\n{\"id\":1,\"cmd\":\"hello\"}\n", 34);
	assert_int_equal(check_lines(), 2);
	assert_non_null(strstr(out, "bad-request"));
	assert_non_null(strstr(out, "\"protocol\":1"));
}

static void test_events(void **state)
{
	uint8_t bytes[256];

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	control_hello(&c);
	assert_string_equal(out, "{\"event\":\"hello\",\"program\":\"plinth\",\"protocol\":1}\n");
	control_console(&c, "a\"b", bytes, sizeof(bytes));
	control_detached(&c, "linux");
	assert_int_equal(check_lines(), 3);
	assert_non_null(
		strstr(out, "{\"event\":\"console\",\"vm\":\"a\\\"b\",\"data\":\"\\u0000\\u0001"));
	assert_non_null(strstr(out, " !\\u0022#"));
	assert_non_null(strstr(out, "[\\u005c]"));
	assert_non_null(strstr(out, "~\\u007f\\u0080"));
	assert_non_null(strstr(out, "\\u00ff\"}\n{\"event\":\"detached\",\"vm\":\"linux\"}\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_requests, setup),
		cmocka_unit_test_setup(test_bad_requests, setup),
		cmocka_unit_test_setup(test_lines, setup),
		cmocka_unit_test_setup(test_events, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

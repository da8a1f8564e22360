/* SPDX-License-Identifier: MIT */
/* sources: core/reply.c core/reply_text.c core/reply_json.c lib/printf.c tests/fake/json_check.c */
/* One reply, rendered twice; and JSON that is valid whatever a command does and its strings hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/reply.h"
#include "tests/fake/json_check.h"

enum { OUT = 1 << 20 };

static char out[OUT];
static size_t used;

static void gather(void *ctx, const char *bytes, size_t n)
{
	(void)ctx;
	assert_true(n && n <= REPLY_BUFFER && used + n < OUT);
	memcpy(out + used, bytes, n);
	used += n;
	out[used] = '\0';
}

/* What fill() says, as text or as a whole JSON object. */
static bool render(const struct reply_format *format, void (*fill)(struct reply *r))
{
	struct reply r;
	bool ok;

	used = 0;
	out[0] = '\0';
	reply_init(&r, format, gather, NULL);
	if (format == &reply_format_json)
		reply_puts(&r, "{");
	fill(&r);
	ok = reply_end(&r);
	if (format == &reply_format_json)
		gather(NULL, "}", 1);
	return ok;
}

static void check(void (*fill)(struct reply *r), bool ok, const char *text, const char *json)
{
	assert_int_equal(render(&reply_format_text, fill), ok);
	assert_string_equal(out, text);
	assert_int_equal(render(&reply_format_json, fill), ok);
	assert_string_equal(out, json);
	assert_true(json_is_valid(out, used));
}

static void fill_nothing(struct reply *r)
{
	(void)r;
}

static void fill_fields(struct reply *r)
{
	reply_text(r, "name", "vm%u", 7);
	reply_number(r, "exits", 18446744073709551615ul);
	reply_size(r, "memory", 256 * MIB);
	reply_size(r, "half", 3 * GIB / 2);
	reply_size(r, "odd", 1000);
	reply_bool(r, "alive", true);
	reply_text(r, "a-name-of-more-than-16", "x");
}

static const struct reply_column columns[] = { { "name", 8 }, { "size", -10 }, { "state", 4 } };

static void fill_table(struct reply *r)
{
	reply_line(r, "two of them");
	reply_line(r, "at most");
	reply_table(r, "guests", columns, ARRAY_SIZE(columns));
	reply_row(r);
	reply_text(r, NULL, "linux");
	reply_size(r, NULL, GIB);
	reply_text(r, NULL, "running");
	reply_row(r);
	reply_text(r, NULL, "a-longer-name");
	reply_row(r);
	reply_text(r, NULL, "ünï");
	reply_number(r, NULL, 5);
	reply_bool(r, NULL, false);
	reply_text(r, NULL, "no column for this");
	reply_table_end(r);
	reply_number(r, "count", 3);
}

static void fill_empty_table(struct reply *r)
{
	reply_number(r, "free", 0);
	reply_table(r, "guests", columns, ARRAY_SIZE(columns));
	reply_line(r, "none");
	reply_number(r, "n", 1);
	reply_line(r, "again");
}

static void fill_error(struct reply *r)
{
	reply_error(r, "not-found", "there is no guest \"%s\"", "x");
	reply_line(r, "not said");
	reply_error(r, "second", "nor this");
	reply_table(r, "t", columns, 1);
	reply_row(r);
	reply_number(r, "x", 1);
}

static void fill_late_error(struct reply *r)
{
	reply_table(r, "t", columns, 2);
	reply_row(r);
	reply_text(r, NULL, "x");
	reply_error(r, "late", "it broke");
}

static void test_plain(void **state)
{
	(void)state;
	check(fill_nothing, true, "", "{\"result\":{},\"ok\":true}");
	check(fill_fields, true,
	      "name            vm7\r\n"
	      "exits           18446744073709551615\r\n"
	      "memory          256 MiB\r\n"
	      "half            1.5 GiB\r\n"
	      "odd             1000\r\n"
	      "alive           yes\r\n"
	      "a-name-of-more-than-16 x\r\n",
	      "{\"result\":{\"name\":\"vm7\",\"exits\":18446744073709551615,"
	      "\"memory\":268435456,\"half\":1610612736,\"odd\":1000,\"alive\":true,"
	      "\"a-name-of-more-than-16\":\"x\"},\"ok\":true}");
}

static void test_tables(void **state)
{
	(void)state;
	check(fill_table, true,
	      "two of them\r\nat most\r\n"
	      "\r\n"
	      "name            size  state\r\n"
	      "linux          1 GiB  running\r\n"
	      "a-longer-name           -  -\r\n"
	      "ünï                5  no\r\n"
	      "count           3\r\n",
	      "{\"result\":{\"lines\":[\"two of them\",\"at most\"],\"guests\":["
	      "{\"name\":\"linux\",\"size\":1073741824,\"state\":\"running\"},"
	      "{\"name\":\"a-longer-name\",\"size\":null,\"state\":null},"
	      "{\"name\":\"ünï\",\"size\":5,\"state\":false}],\"count\":3},\"ok\":true}");
	check(fill_empty_table, true,
	      "free            0\r\n\r\nname            size  state\r\n(none)\r\nnone\r\n"
	      "n               1\r\nagain\r\n",
	      "{\"result\":{\"free\":0,\"guests\":[],\"lines\":[\"none\"],\"n\":1,"
	      "\"lines2\":[\"again\"]},\"ok\":true}");
}

static void test_errors(void **state)
{
	(void)state;
	check(fill_error, false, "error: there is no guest \"x\"\r\n",
	      "{\"error\":{\"code\":\"not-found\",\"message\":\"there is no guest \\\"x\\\"\"},"
	      "\"ok\":false}");
	check(fill_late_error, false,
	      "name            size\r\nx                  -\r\nerror: it broke\r\n",
	      "{\"result\":{\"t\":[{\"name\":\"x\",\"size\":null}]},"
	      "\"error\":{\"code\":\"late\",\"message\":\"it broke\"},\"ok\":false}");
}

static const char *bad_text;

static void fill_bad(struct reply *r)
{
	reply_text(r, "s", "%s", bad_text);
}

static void bad(const char *text, const char *json)
{
	char all[1024];

	bad_text = text;
	render(&reply_format_json, fill_bad);
	snprintf(all, sizeof(all), "{\"result\":{\"s\":\"%s\"},\"ok\":true}", json);
	assert_string_equal(out, all);
	assert_true(json_is_valid(out, used));
}

static void test_strings(void **state)
{
	(void)state;
	bad("\"\\\n\r\t\x01\x1f\x7f/", "\\\"\\\\\\n\\r\\t\\u0001\\u001f\\u007f/");
	bad("ä€𐍈", "ä€𐍈");
	bad("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");
	/* Cut, too long, surrogate, too high, alone: each byte by itself. */
	bad("\xc3", "\\ufffd");
	bad("a\xe2\x82", "a\\ufffd\\ufffd");
	bad("\xc0\x80", "\\ufffd\\ufffd");
	bad("\xe0\x80\x80", "\\ufffd\\ufffd\\ufffd");
	bad("\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd");
	bad("\xf0\x80\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd");
	bad("\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd");
	bad("\xff\xfe", "\\ufffd\\ufffd");
	bad("\x80z", "\\ufffdz");
	/* A person's terminal gets no control characters. */
	bad_text = "\x1b[2Jx\x7f\ty\n";
	render(&reply_format_text, fill_bad);
	assert_string_equal(out, "s               .[2Jx.\ty.\r\n");
}

/* A text that is cut stays valid, wherever the cut falls. */
static void test_long(void **state)
{
	static char text[REPLY_TEXT + 8];

	(void)state;
	for (unsigned shift = 0; shift < 4; shift++) {
		memset(text, 'x', shift);
		for (unsigned i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "€", 4);
		bad_text = text;
		render(&reply_format_json, fill_bad);
		assert_true(json_is_valid(out, used));
		assert_true(used > REPLY_TEXT - 16);
	}
}

/* Any calls in any order, with any bytes. */
static void fill_random(struct reply *r)
{
	for (unsigned i = rand() % 40; i; i--) {
		char text[32];
		unsigned n = (unsigned)rand() % (sizeof(text) - 1);

		for (unsigned k = 0; k < n; k++)
			text[k] = (char)(rand() % 255 + 1);
		text[n] = '\0';
		switch (rand() % 10) {
		case 0: reply_table(r, text, columns, rand() % 4); break;
		case 1:
		case 2: reply_row(r); break;
		case 3: reply_table_end(r); break;
		case 4: reply_line(r, "%s", text); break;
		case 5: reply_number(r, text, (uint64_t)rand()); break;
		case 6: reply_bool(r, NULL, rand() % 2); break;
		case 7:
			if (rand() % 8 == 0)
				reply_error(r, text, "%s", text);
			break;
		default: reply_text(r, rand() % 2 ? text : NULL, "%s", text);
		}
	}
}

static void test_random(void **state)
{
	(void)state;
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		render(&reply_format_json, fill_random);
		if (!json_is_valid(out, used))
			fail_msg("not JSON: %s", out);
		render(&reply_format_text, fill_random);
		for (size_t k = 0; k < used; k++)
			assert_true((uint8_t)out[k] >= ' ' || strchr("\r\n\t", out[k]));
	}
}

/* A reply of any length needs no more memory: it goes on in pieces. */
static void fill_many(struct reply *r)
{
	reply_table(r, "t", columns, ARRAY_SIZE(columns));
	for (unsigned i = 0; i < 10000; i++) {
		reply_row(r);
		reply_number(r, NULL, i);
	}
}

static void test_many(void **state)
{
	(void)state;
	render(&reply_format_json, fill_many);
	assert_true(json_is_valid(out, used));
	assert_true(used > 10000 * 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),  cmocka_unit_test(test_tables),
		cmocka_unit_test(test_errors), cmocka_unit_test(test_strings),
		cmocka_unit_test(test_long),   cmocka_unit_test(test_random),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

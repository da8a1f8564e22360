/* SPDX-License-Identifier: MIT */
/* sources: boot/options.c lib/str.c tests/fake/log_record.c */
/* Plinth's command line: each option, each way to write it wrong, and the message for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/options.h"
#include "lib/errno.h"
#include "tests/fake/log_record.h"

static struct options o;

/* Parses a copy that ends where its memory ends. */
static int parse(const char *line)
{
	char *copy = strdup(line);
	int err;

	memset(&o, 0xa5, sizeof(o));
	fake_log_clear();
	err = options_parse(copy, &o);
	free(copy);
	assert_true(err == 0 || err == -EINVAL);
	/* A mistake is said, and nothing else is. */
	assert_int_equal(!err, !fake_log_text()[0]);
	return err;
}

static void assert_defaults(void)
{
	assert_int_equal(o.memory, 0);
	assert_false(o.debug_ports);
	assert_false(o.end_on_reset);
	assert_int_equal(o.console_count, 0);
	assert_string_equal(o.exit, "acpi");
	assert_string_equal(o.crash, "");
	assert_int_equal(o.log_level, LOG_INFO);
	assert_false(o.log_given);
}

static void given(void **state)
{
	(void)state;
	assert_int_equal(parse("console=com1"), 0);
	assert_true(o.console_count == 1 && !o.log_given);
	assert_int_equal(parse("log=info"), 0);
	assert_true(!o.console_count && o.log_given);
}

static void nothing_gives_the_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_defaults();
	assert_int_equal(parse("   "), 0);
	assert_defaults();
}

static void each_option(void **state)
{
	(void)state;
	assert_int_equal(parse("mem=256M"), 0);
	assert_int_equal(o.memory, 256 * MIB);
	assert_int_equal(parse("mem=0x100000"), 0);
	assert_int_equal(o.memory, MIB);
	assert_int_equal(parse("debug-ports"), 0);
	assert_true(o.debug_ports);
	assert_int_equal(parse("reset=end"), 0);
	assert_true(o.end_on_reset);
	assert_int_equal(parse("reset=restart"), 0);
	assert_false(o.end_on_reset);
	assert_int_equal(parse("control=none"), 0);
	assert_string_equal(o.control, "none");
	assert_int_equal(parse("console=com2,9600"), 0);
	assert_string_equal(o.control, "");
	assert_string_equal(o.consoles[0], "com2,9600");
	assert_int_equal(parse("console=com2 console=com1,9600"), 0);
	assert_int_equal(o.console_count, 2);
	assert_string_equal(o.consoles[0], "com2");
	assert_string_equal(o.consoles[1], "com1,9600");
	assert_int_equal(parse("console=com1 console=com2 console=com3 console=com4"), 0);
	assert_int_equal(parse("console=com1 console=com2 console=com3 console=com4 console=0x2f8"),
			 -EINVAL);
	assert_int_equal(parse("exit=0xf4"), 0);
	assert_string_equal(o.exit, "0xf4");
	assert_int_equal(parse("crash=null"), 0);
	assert_string_equal(o.crash, "null");
	assert_int_equal(parse("log=quiet"), 0);
	assert_int_equal(o.log_level, LOG_WARN);
	assert_int_equal(parse("log=info"), 0);
	assert_int_equal(o.log_level, LOG_INFO);
	assert_int_equal(parse("log=debug"), 0);
	assert_int_equal(o.log_level, LOG_DEBUG);
}

static void many_options_in_any_order(void **state)
{
	(void)state;
	assert_int_equal(parse("  log=debug   exit=bochs debug-ports mem=1G reset=end  "), 0);
	assert_int_equal(o.memory, GIB);
	assert_true(o.debug_ports && o.end_on_reset);
	assert_string_equal(o.exit, "bochs");
	assert_int_equal(o.log_level, LOG_DEBUG);
	/* The last of two counts. */
	assert_int_equal(parse("mem=1G mem=2G reset=end reset=restart"), 0);
	assert_int_equal(o.memory, 2 * GIB);
	assert_false(o.end_on_reset);
}

/* The line, and what the message has to say of it: the word, and what would be right. */
static const struct {
	const char *line, *word, *right;
} mistakes[] = {
	{ "mem", "\"mem=\"", "as in mem=256M" },
	{ "mem=", "\"mem=\"", "as in mem=256M" },
	{ "mem=x", "\"mem=x\"", "as in mem=256M" },
	{ "mem=256Q", "\"mem=256Q\"", "as in mem=256M" },
	{ "mem=99999999999999999999", "\"mem=99999999999999999999\"", "as in mem=256M" },
	{ "mem=16777216T", "\"mem=16777216T\"", "as in mem=256M" },
	{ "cpus", "\"cpus=\"", "cpus=1 to cpus=64" },
	{ "cpus=0", "\"cpus=0\"", "cpus=1 to cpus=64" },
	{ "cpus=65", "\"cpus=65\"", "cpus=1 to cpus=64" },
	{ "debug-ports=1", "\"debug-ports=1\"", "without a value" },
	{ "reset", "\"reset=\"", "reset=restart or reset=end" },
	{ "reset=stop", "\"reset=stop\"", "reset=restart or reset=end" },
	{ "reset=ends", "\"reset=ends\"", "reset=restart or reset=end" },
	{ "console=com1,115200,and-much-more-than-that",
	  "\"console=com1,115200,and-much-more-than-that\"", "as in console=com1,115200" },
	{ "exit=0x12345678901234", "\"exit=0x12345678901234\"", "as in exit=0xf4" },
	{ "crash=in-a-way-that-has-no-name", "\"crash=in-a-way-that-has-no-name\"",
	  "as in crash=null" },
	{ "log", "\"log=\"", "log=quiet, log=info or log=debug" },
	{ "log=loud", "\"log=loud\"", "log=quiet, log=info or log=debug" },
	{ "control", "\"control=\"", "as in control=com2" },
	{ "control=0123456789012345678901234567890123456789", "\"control=", "as in control=com2" },
	{ "verbose", "no option \"verbose\"",
	  "mem, cpus, debug-ports, reset, console, control, exit" },
	{ "Mem=1G", "no option \"Mem\"", "mem, cpus, debug-ports, reset, console, control, exit" },
	{ "=", "no option \"\"", "mem, cpus, debug-ports" },
	{ "=end", "no option \"\"", "mem, cpus, debug-ports" },
	{ "mem =1G", "\"mem=\"", "as in mem=256M" },
	{ "memory=1G", "no option \"memory\"", "mem, cpus, debug-ports" },
	{ "me=1G", "no option \"me\"", "mem, cpus, debug-ports" },
};

static void mistakes_are_named(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(mistakes); i++) {
		assert_int_equal(parse(mistakes[i].line), -EINVAL);
		if (!fake_log_has(LOG_ERROR, mistakes[i].word) ||
		    !fake_log_has(LOG_ERROR, mistakes[i].right))
			fail_msg("\"%s\": got \"%s\"", mistakes[i].line, fake_log_text());
	}
}

/* All are told at once, and what is right counts all the same. */
static void several_mistakes(void **state)
{
	(void)state;
	assert_int_equal(parse("log=loud mem=1G foo reset=end mem=x"), -EINVAL);
	assert_true(fake_log_has(LOG_ERROR, "log=loud"));
	assert_true(fake_log_has(LOG_ERROR, "\"foo\""));
	assert_true(fake_log_has(LOG_ERROR, "\"mem=x\""));
	assert_true(o.end_on_reset);
	assert_int_equal(o.memory, GIB);
}

/* A word that is longer than any option may be is never taken for its beginning. */
static void long_words(void **state)
{
	char line[3000];

	(void)state;
	for (unsigned zeros = 40; zeros < 80; zeros++) {
		bool fits = 4 + zeros + 1 < 64;

		memset(line, '0', sizeof(line));
		memcpy(line, "mem=", 4);
		strcpy(line + 4 + zeros, "1");
		assert_int_equal(parse(line), fits ? 0 : -EINVAL);
		if (fits)
			assert_int_equal(o.memory, 1);
		else
			assert_true(fake_log_has(LOG_ERROR, "too long"));
	}
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(parse(line), -EINVAL);
	assert_true(fake_log_has(LOG_ERROR, "too long"));
	/* The sizes that fit exactly. */
	assert_int_equal(parse("console=0123456789012345678901234567890"), 0);
	assert_int_equal(strlen(o.consoles[0]), sizeof(o.consoles[0]) - 1);
	assert_int_equal(parse("console=01234567890123456789012345678901"), -EINVAL);
	assert_int_equal(parse("exit=012345678901234"), 0);
	assert_int_equal(parse("exit=0123456789012345"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_gives_the_defaults),
		cmocka_unit_test(each_option),
		cmocka_unit_test(given),
		cmocka_unit_test(many_options_in_any_order),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(several_mistakes),
		cmocka_unit_test(long_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

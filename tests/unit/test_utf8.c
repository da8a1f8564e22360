/* SPDX-License-Identifier: MIT */
/* sources: lib/utf8.c */
/* UTF-8: every character there and back, and each way of being none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/utf8.h"

static void every_character_there_and_back(void **state)
{
	char bytes[UTF8_MAX];
	uint32_t c;

	(void)state;
	for (uint32_t i = 0; i < 0x110000; i++) {
		unsigned n;

		if (!utf8_is_char(i)) {
			assert_true(i >= 0xd800 && i < 0xe000);
			continue;
		}
		n = utf8_put(i, bytes);
		assert_int_equal(n, i < 0x80 ? 1 : i < 0x800 ? 2 : i < 0x10000 ? 3 : 4);
		assert_int_equal(utf8_get(bytes, n, &c), n);
		assert_int_equal(c, i);
		/* Cut, it is none. */
		for (unsigned cut = 1; cut < n; cut++)
			assert_int_equal(utf8_get(bytes, cut, &c), 0);
	}
	assert_false(utf8_is_char(0x110000));
}

static void what_is_none(void **state)
{
	static const char *const wrong[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc3(",
		"\xff",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xfe",
		"\xe2(\xa1",
		"\xe2\x82(",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf8\x88\x80\x80\x80",
	};
	uint32_t c;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(utf8_get(wrong[i], strlen(wrong[i]), &c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character_there_and_back),
		cmocka_unit_test(what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

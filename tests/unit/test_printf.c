/* SPDX-License-Identifier: MIT */
/* sources: lib/printf.c */
/* lib/printf.c gives what libc gives, for every combination of what it knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/printf.h"

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"

/* Both texts and both results are the same; in a buffer of any size, too. */
static void check(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void check(const char *fmt, ...)
{
	char want[256], got[256];
	int want_n, got_n;
	va_list ap;

	va_start(ap, fmt);
	want_n = vsnprintf(want, sizeof(want), fmt, ap);
	va_end(ap);
	va_start(ap, fmt);
	got_n = fmt_vprint(got, sizeof(got), fmt, ap);
	va_end(ap);
	if (strcmp(want, got) || want_n != got_n)
		fail_msg("\"%s\": \"%s\" (%d), not \"%s\" (%d)", fmt, got, got_n, want, want_n);
}

static const char *const flag_sets[] = { "",   "-",  "0",  "+",	 " ",	"#",   "-0",  "0+",
					 "0#", "+ ", "-#", "-+", "#0 ", "-0+", "# -", "0 " };
static const char *const widths[] = { "", "1", "7", "30" };
static const char *const precisions[] = { "", ".", ".0", ".1", ".4", ".25" };

static void test_numbers_like_libc(void **state)
{
	static const long long values[] = { 0,	       1,	   -1,	      7,	9,
					    10,	       255,	   -128,      0x1234,	INT32_MAX,
					    INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN };
	static const char *const sizes[] = { "", "h", "hh", "l", "ll", "z" };
	char fmt[32];

	(void)state;
	for (unsigned f = 0; f < ARRAY_SIZE(flag_sets); f++)
		for (unsigned w = 0; w < ARRAY_SIZE(widths); w++)
			for (unsigned p = 0; p < ARRAY_SIZE(precisions); p++)
				for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++)
					for (const char *c = "diuxXo"; *c; c++)
						for (unsigned v = 0; v < ARRAY_SIZE(values); v++) {
							snprintf(fmt, sizeof(fmt), "[%%%s%s%s%s%c]",
								 flag_sets[f], widths[w],
								 precisions[p], sizes[s], *c);
							check(fmt, values[v]);
						}
}

static void test_text_like_libc(void **state)
{
	(void)state;
	check("plain");
	check("%s|%10s|%-10s|%.2s|%10.3s|%.0s", "abc", "abc", "abc", "abc", "abcdef", "abc");
	check("%c|%5c|%-5c|%c", 'a', 'b', 'c', '\xff');
	check("100%%");
	check("%p", (void *)(uintptr_t)0x1234);
	check("%*d|%*d|%-*d", 6, 1, -6, 2, 6, 3);
	check("%.*d|%.*d|%.*s", 4, 1, -4, 2, 2, "abc");
	check("%-*.*s|", 8, 2, "abc");
	check("a%db%uc%xd%se", -1, 2u, 3u, "x");
	check("%zu %ld %lu %llx", sizeof(int), -5L, 6UL, 7ULL);
}

static void test_own_cases(void **state)
{
	char buf[32];
	const char *volatile none = NULL;
	const char *odd = "%y %", *cut = "%-5";

	(void)state;
	assert_int_equal(fmt_print(buf, sizeof(buf), "%s", none), 6);
	assert_string_equal(buf, "(null)");
	fmt_print(buf, sizeof(buf), odd);
	assert_string_equal(buf, "%y %");
	fmt_print(buf, sizeof(buf), cut);
	assert_string_equal(buf, "%-5");
}

/* A text without a terminator is fine where the precision says how long it is. */
static void test_string_unterminated(void **state)
{
	const char raw[3] = { 'a', 'b', 'c' };
	char buf[8];

	(void)state;
	assert_int_equal(fmt_print(buf, sizeof(buf), "%.3s", raw), 3);
	assert_string_equal(buf, "abc");
}

static void test_small_buffers(void **state)
{
	const char *text = "x=00000042 end";

	(void)state;
	for (size_t size = 0; size < 20; size++) {
		char buf[24];

		memset(buf, '~', sizeof(buf));
		assert_int_equal(fmt_print(buf, size, "x=%08d %s", 42, "end"), strlen(text));
		for (size_t i = 0; i < sizeof(buf); i++) {
			if (i + 1 < size && i < strlen(text))
				assert_int_equal(buf[i], text[i]);
			else if (size && i == MIN(size - 1, strlen(text)))
				assert_int_equal(buf[i], '\0');
			else
				assert_int_equal(buf[i], '~');
		}
	}
	assert_int_equal(fmt_print(NULL, 0, "%d", 12345), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_like_libc),
		cmocka_unit_test(test_text_like_libc),
		cmocka_unit_test(test_own_cases),
		cmocka_unit_test(test_string_unterminated),
		cmocka_unit_test(test_small_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

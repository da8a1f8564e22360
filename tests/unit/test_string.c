/* SPDX-License-Identifier: MIT */
/* sources: lib/str.c */
/*
 * lib/string.c against a byte-by-byte truth. It is included under other names, since libc and the
 * sanitizers have their own functions under the real ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define memcpy	plinth_memcpy
#define memmove plinth_memmove
#define memset	plinth_memset
#define memcmp	plinth_memcmp
#define strlen	plinth_strlen
#define strnlen plinth_strnlen
#define strcmp	plinth_strcmp
#define strncmp plinth_strncmp
#define strchr	plinth_strchr
#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

#include "lib/errno.h"

enum { AREA = 640, GUARD = 16 };

static void fill_pattern(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 7 + i / 251 + 1);
}

/* Exact-size heap blocks: the sanitizer sees every byte beyond. */
static void test_memcpy_all_sizes(void **state)
{
	(void)state;
	for (size_t n = 0; n < 300; n++) {
		uint8_t *s = malloc(n + 1), *d = malloc(n + 1);

		fill_pattern(s, n + 1);
		d[n] = 0xee;
		assert_ptr_equal(plinth_memcpy(d, s, n), d);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(d[i], s[i]);
		assert_int_equal(d[n], 0xee);
		free(s);
		free(d);
	}
}

static void test_memmove_all_overlaps(void **state)
{
	uint8_t area[AREA], want[AREA], start[AREA];

	(void)state;
	fill_pattern(start, AREA);
	for (size_t n = 0; n < 200; n += n < 40 ? 1 : 13) {
		for (size_t from = 0; from < 220; from += 3) {
			for (size_t to = 0; to < 220; to++) {
				memcpy(area, start, AREA);
				memcpy(want, start, AREA);
				for (size_t i = 0; i < n; i++)
					want[to + i] = start[from + i];
				assert_ptr_equal(plinth_memmove(area + to, area + from, n),
						 area + to);
				assert_memory_equal(area, want, AREA);
			}
		}
	}
}

static void test_memset_all_sizes(void **state)
{
	uint8_t area[AREA];

	(void)state;
	for (size_t n = 0; n < AREA - 2 * GUARD; n++) {
		fill_pattern(area, AREA);
		assert_ptr_equal(plinth_memset(area + GUARD, 0x1a5, n), area + GUARD);
		for (size_t i = 0; i < AREA; i++) {
			if (i >= GUARD && i < GUARD + n)
				assert_int_equal(area[i], 0xa5);
			else
				assert_int_equal(area[i], (uint8_t)(i * 7 + i / 251 + 1));
		}
	}
}

static void test_memcmp_each_place(void **state)
{
	uint8_t a[70], b[70];

	(void)state;
	for (size_t n = 0; n < sizeof(a); n++) {
		fill_pattern(a, sizeof(a));
		memcpy(b, a, sizeof(b));
		assert_int_equal(plinth_memcmp(a, b, n), 0);
		for (size_t at = 0; at < sizeof(a); at++) {
			b[at] = (uint8_t)(a[at] ^ 0x80);
			if (at >= n)
				assert_int_equal(plinth_memcmp(a, b, n), 0);
			else
				assert_true((plinth_memcmp(a, b, n) < 0) == (a[at] < b[at]));
			b[at] = a[at];
		}
	}
}

static void test_strings(void **state)
{
	const char *s = "hello";

	(void)state;
	assert_int_equal(plinth_strlen(""), 0);
	assert_int_equal(plinth_strlen(s), 5);
	assert_int_equal(plinth_strnlen(s, 3), 3);
	assert_int_equal(plinth_strnlen(s, 9), 5);
	assert_int_equal(plinth_strcmp(s, "hello"), 0);
	assert_true(plinth_strcmp("hell", s) < 0);
	assert_true(plinth_strcmp("\xff", "a") > 0);
	assert_int_equal(plinth_strncmp("help", s, 3), 0);
	assert_true(plinth_strncmp("help", s, 4) > 0);
	assert_int_equal(plinth_strncmp("a", "a", 9), 0);
	assert_int_equal(plinth_strncmp("a", "b", 0), 0);
	assert_ptr_equal(plinth_strchr(s, 'l'), s + 2);
	assert_ptr_equal(plinth_strchr(s, '\0'), s + 5);
	assert_null(plinth_strchr(s, 'z'));
}

static void test_str_copy(void **state)
{
	char buf[6] = "?????";

	(void)state;
	assert_int_equal(str_copy(buf, "abc", sizeof(buf)), 3);
	assert_string_equal(buf, "abc");
	assert_int_equal(str_copy(buf, "abcdef", sizeof(buf)), 6);
	assert_string_equal(buf, "abcde");
	assert_int_equal(str_copy(buf, "x", 0), 1);
	assert_string_equal(buf, "abcde");
	assert_int_equal(str_copy(buf, "x", 1), 1);
	assert_string_equal(buf, "");
}

static void test_str_to_u64(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 0 },
		{ "42", 0, 42 },
		{ "010", 0, 10 },
		{ "0x10", 0, 16 },
		{ "0XfF", 0, 255 },
		{ "256M", 0, 256 * MIB },
		{ "0x2g", 0, 2 * GIB },
		{ "4k", 0, 4096 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "0x10000000000000000", -ERANGE, 0 },
		{ "17179869184G", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "0x", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1KB", -EINVAL, 0 },
		{ "12a", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "M", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t v = 0;

		assert_int_equal(str_to_u64(cases[i].text, &v), cases[i].result);
		assert_true(v == cases[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memcpy_all_sizes),
		cmocka_unit_test(test_memmove_all_overlaps),
		cmocka_unit_test(test_memset_all_sizes),
		cmocka_unit_test(test_memcmp_each_place),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_str_copy),
		cmocka_unit_test(test_str_to_u64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

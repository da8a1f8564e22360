/* SPDX-License-Identifier: MIT */
/* sources: core/symbols.c */
/* The search for a function's name: each address of each function, the gaps, and outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/symbols.h"

/* What tools/symtab and linker.ld make. */
struct symbol {
	uint32_t offset, name;
};

extern const struct symbol symbol_table[];
extern const char symbol_names[], text_start[], text_end[];
extern uint32_t symbol_count;

/* Nothing is named before 16: assembly that begins the text. */
const struct symbol symbol_table[] = { { 16, 0 }, { 20, 6 }, { 21, 10 }, { 64, 12 }, { 0, 6 } };
uint32_t symbol_count = 4;
const char symbol_names[] = "start\0two\0x\0last";
/* 100 bytes of code. */
__asm__(".pushsection .rodata\n"
	".globl text_start, text_end\n"
	"text_start: .skip 100\n"
	"text_end: .byte 0\n"
	".popsection\n");

static void assert_symbol(unsigned at, const char *name, uint64_t begin)
{
	uint64_t addr = (uint64_t)text_start + at, offset = 12345;
	const char *found = symbol_find(addr, &offset);

	if (!name) {
		assert_null(found);
		assert_int_equal(symbol_start(addr), 0);
		return;
	}
	assert_string_equal(found, name);
	assert_int_equal(offset, at - begin);
	assert_int_equal(symbol_start(addr), (uint64_t)text_start + begin);
}

static void each_address(void **state)
{
	(void)state;
	for (unsigned at = 0; at < 100; at++)
		assert_symbol(at,
			      at < 16	? NULL
			      : at < 20 ? "start"
			      : at < 21 ? "two"
			      : at < 64 ? "x"
					: "last",
			      at < 20	? 16
			      : at < 21 ? 20
			      : at < 64 ? 21
					: 64);
}

static void outside(void **state)
{
	uint64_t offset;

	(void)state;
	assert_true(symbol_is_text((uint64_t)text_start));
	assert_true(symbol_is_text((uint64_t)text_end - 1));
	assert_false(symbol_is_text((uint64_t)text_start - 1));
	assert_false(symbol_is_text((uint64_t)text_end));
	assert_false(symbol_is_text(0));
	assert_false(symbol_is_text(UINT64_MAX));
	assert_null(symbol_find((uint64_t)text_start - 1, &offset));
	assert_null(symbol_find((uint64_t)text_end, &offset));
	assert_null(symbol_find(UINT64_MAX, &offset));
	assert_int_equal(symbol_start((uint64_t)text_end), 0);
}

/* The first of the image's two links has no table yet. */
static void no_table(void **state)
{
	(void)state;
	symbol_count = 0;
	assert_symbol(50, NULL, 0);
	symbol_count = 1;
	assert_symbol(50, "start", 16);
	assert_symbol(15, NULL, 0);
	symbol_count = 4;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_address),
		cmocka_unit_test(outside),
		cmocka_unit_test(no_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: drivers/vga.c tests/fake/log.c tests/fake/pages.c */
/* The text screen: where characters go, wrapping, scrolling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/mmio.h"
#include "core/log.h"
#include "drivers/vga.h"

static struct vga v;
static uint16_t memory[VGA_ROWS * VGA_COLUMNS + 1];

enum { GUARD = 0xbeef, GREY = 0x0700 };

/* What vga_console_init() needs; no test calls it: it is for a machine with a screen. */
void *mmio_map(hpa_t addr, uint64_t size)
{
	(void)addr, (void)size;
	return NULL;
}

int log_add_console(const struct log_console *console)
{
	(void)console;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(memory, 0xff, sizeof(memory));
	memory[VGA_ROWS * VGA_COLUMNS] = GUARD;
	vga_init(&v, memory);
	return 0;
}

static void write_text(const char *text)
{
	vga_write(&v, text, strlen(text));
}

/* Whether row begins with text, and is blank behind it. */
static void assert_row(unsigned row, const char *text)
{
	for (unsigned c = 0; c < VGA_COLUMNS; c++) {
		uint8_t want = c < strlen(text) ? (uint8_t)text[c] : ' ';

		assert_int_equal(memory[row * VGA_COLUMNS + c], GREY | want);
	}
	assert_int_equal(memory[VGA_ROWS * VGA_COLUMNS], GUARD);
}

static void starts_blank(void **state)
{
	(void)state;
	for (unsigned r = 0; r < VGA_ROWS; r++)
		assert_row(r, "");
}

static void lines_follow_each_other(void **state)
{
	(void)state;
	write_text("one\r\ntwo\r\n");
	write_text("three\rT\a\033");
	assert_row(0, "one");
	assert_row(1, "two");
	assert_row(2, "Three");
	assert_row(3, "");
}

static void long_lines_wrap(void **state)
{
	char line[VGA_COLUMNS + 4];

	(void)state;
	memset(line, 'x', sizeof(line));
	vga_write(&v, line, VGA_COLUMNS);
	assert_row(1, "");
	vga_write(&v, "yz", 2);
	assert_row(1, "yz");
	write_text("\r\nnext");
	assert_row(2, "next");
}

static void the_bottom_scrolls(void **state)
{
	char line[16];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(line, sizeof(line), "%sline %u", i ? "\r\n" : "", i);
		write_text(line);
	}
	for (unsigned r = 0; r < VGA_ROWS; r++) {
		snprintf(line, sizeof(line), "line %u", 100 - VGA_ROWS + r);
		assert_row(r, line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(starts_blank, setup),
		cmocka_unit_test_setup(lines_follow_each_other, setup),
		cmocka_unit_test_setup(long_lines_wrap, setup),
		cmocka_unit_test_setup(the_bottom_scrolls, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

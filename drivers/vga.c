/* SPDX-License-Identifier: MIT */
/* Cells of a character and its colours, written through from a copy in RAM. */
#include "drivers/vga.h"
#include "arch/x86_64/mmio.h"
#include "arch/x86_64/pages.h"
#include "core/log.h"
#include "lib/errno.h"

enum { COLOUR_GREY = 0x07 << 8, BLANK = COLOUR_GREY | ' ', FIRST_PRINTABLE = 0x20 };

/* Colour text memory, and the BIOS's note of the mode that it has set ("BIOS Data Area", 40:49h).
 */
#define VGA_TEXT_MEMORY 0xb8000
#define BDA_VIDEO_MODE	0x449
enum { VIDEO_MODE_COLOUR_TEXT = 3 };

static struct vga screen;

static void show(struct vga *v, unsigned row, unsigned column)
{
	v->screen[row * VGA_COLUMNS + column] = v->cells[row][column];
}

static void clear_row(struct vga *v, unsigned row)
{
	for (unsigned c = 0; c < VGA_COLUMNS; c++) {
		v->cells[row][c] = BLANK;
		show(v, row, c);
	}
}

void vga_init(struct vga *v, volatile uint16_t *memory)
{
	v->screen = memory;
	v->row = v->column = 0;
	for (unsigned r = 0; r < VGA_ROWS; r++)
		clear_row(v, r);
}

static void scroll(struct vga *v)
{
	for (unsigned r = 0; r + 1 < VGA_ROWS; r++) {
		for (unsigned c = 0; c < VGA_COLUMNS; c++) {
			/* Most of a screen is blank before and after: those cells need no store. */
			if (v->cells[r][c] == v->cells[r + 1][c])
				continue;
			v->cells[r][c] = v->cells[r + 1][c];
			show(v, r, c);
		}
	}
	clear_row(v, VGA_ROWS - 1);
}

static void new_line(struct vga *v)
{
	v->column = 0;
	if (v->row + 1 < VGA_ROWS)
		v->row++;
	else
		scroll(v);
}

static void put(struct vga *v, uint8_t c)
{
	if (v->column == VGA_COLUMNS)
		new_line(v);
	v->cells[v->row][v->column] = (uint16_t)(COLOUR_GREY | c);
	show(v, v->row, v->column);
	v->column++;
}

void vga_write(struct vga *v, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\r')
			v->column = 0;
		else if (text[i] == '\n')
			new_line(v);
		else if ((uint8_t)text[i] >= FIRST_PRINTABLE)
			put(v, (uint8_t)text[i]);
	}
}

static void console_write(void *ctx, const char *text, size_t n)
{
	vga_write(ctx, text, n);
}

int vga_console_init(bool efi)
{
	static const struct log_console console = {
		.name = "vga", .write = console_write, .panic_write = console_write, .ctx = &screen
	};
	const uint8_t *mode = hpa_ptr(hpa(BDA_VIDEO_MODE));
	void *memory;

	if (efi || *mode != VIDEO_MODE_COLOUR_TEXT)
		return -ENODEV;
	memory = mmio_map(hpa(VGA_TEXT_MEMORY), sizeof(screen.cells));
	if (!memory)
		return -ENOSPC;
	vga_init(&screen, memory);
	return log_add_console(&console);
}

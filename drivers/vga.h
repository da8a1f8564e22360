/* SPDX-License-Identifier: MIT */
/*
 * A PC's screen in text mode, 80 columns by 25 rows: so that a machine without a serial port shows
 * what Plinth has to say. Log lines only; the guest's console is the serial port.
 */
#ifndef DRIVERS_VGA_H
#define DRIVERS_VGA_H

#include "lib/types.h"

enum { VGA_COLUMNS = 80, VGA_ROWS = 25 };

struct vga {
	volatile uint16_t *screen;	       /* the card's memory */
	uint16_t cells[VGA_ROWS][VGA_COLUMNS]; /* what it shows: reading it back is slow */
	unsigned row, column;
};

/* Clears the screen. */
void vga_init(struct vga *v, volatile uint16_t *screen);
/* Text with CR and LF; other control characters are left out. Scrolls at the bottom. */
void vga_write(struct vga *v, const char *text, size_t n);

/*
 * Makes the screen a console of the log, where the BIOS has left it in text mode. -ENODEV: it has
 * not (UEFI never does); -ENOSPC.
 */
must_check int vga_console_init(bool efi);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The state of the two lines, between vconsole.c (bytes) and vconsole_lines.c (who is attached).
 * Nobody else includes this.
 */
#ifndef VMM_VCONSOLE_LINES_H
#define VMM_VCONSOLE_LINES_H

#include "core/thread.h"
#include "vmm/vconsole.h"

enum {
	VCONSOLE_PREFIXED = 256, /* a longer line is shown in pieces, in the mode that shows all */
	VCONSOLE_OUT = VCONSOLE_PREFIXED + 64, /* a name and a piece */
};

/* The machine has one set of lines. */
extern struct vconsole_lines {
	struct lock lock; /* (M): all of this */
	struct list consoles;
	struct vconsole *attached[VCONSOLE_LINES]; /* NULL: nothing, or all (all) */
	struct vconsole *shell, *last;		   /* last: the guest before the shell */
	bool all, all_before; /* the terminal shows all; it did so before the shell came */
	bool listening;
	char out[VCONSOLE_OUT]; /* a line with its name that is on its way to the terminal */
	unsigned out_used, out_sent;
	void (*wake_control)(void *arg);
	void *wake_arg;
	struct wait_queue moved; /* for vconsole_drain() */
	unsigned draining;	 /* (a) */
} vconsole_lines;

static inline uint64_t vconsole_unshown(const struct vconsole *c, enum vconsole_line line)
{
	return c->written - c->views[line].at;
}

/* Caller holds c->lock: what the ring has lost is passed over; the next bytes; n were shown. */
void vconsole_catch_up(struct vconsole *c, enum vconsole_line line);
size_t vconsole_next_run(struct vconsole *c, enum vconsole_line line, const uint8_t **bytes);
void vconsole_advance(struct vconsole_view *v, size_t n);
/* As much as the terminal takes. Caller holds c->lock. */
void vconsole_show(struct vconsole *c);
/* Whole lines of all guests, in turns. Caller holds the lines' lock. */
void vconsole_show_lines(void);
/* Calls those writers who may go on. Without any lock of ours, nor a VM's. */
void vconsole_release_held(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A guest's console, and the shell's: what it writes is kept in a ring of its own, and goes from
 * there to the lines that are attached to it. There are two lines: the machine's console, at which
 * a person sits (the terminal), and the control line of a program.
 */
#ifndef VMM_VCONSOLE_H
#define VMM_VCONSOLE_H

#include "core/shell.h"
#include "lib/list.h"
#include "lib/lock.h"

enum vconsole_line { LINE_TERMINAL, LINE_CONTROL, VCONSOLE_LINES };

enum {
	VCONSOLE_RING = 65536,
	VCONSOLE_HOLD = 32,    /* so many bytes that a line has not taken hold the writer */
	VCONSOLE_GRACE = 4096, /* more than that, while what came before the attaching goes out */
	VCONSOLE_KEY = 0x1d,   /* Ctrl-]: to the shell, and back */
};

/* All are called without a vconsole's lock, in any context. */
struct vconsole_ops {
	/* The writer may go on, after vconsole_put() said no. */
	void (*ready)(void *owner);
	/* A byte was typed for it. */
	void (*input)(void *owner, uint8_t byte);
	/* The terminal shows it now; may be NULL. */
	void (*shown)(void *owner);
};

/* Locks: (C) the console's own, (M) that of the lines, (c) constant; (a) atomic. */
struct vconsole {
	struct lock lock;
	const struct vconsole_ops *ops; /* (c) */
	void *owner;			/* (c) */
	const char *name;		/* (c) */
	bool is_shell;			/* (c) */
	struct list link;		/* (M) */
	unsigned users;			/* (a) who calls ops now */
	uint8_t *ring;			/* (C) */
	uint64_t written;		/* (C) bytes ever; the ring has the last VCONSOLE_RING */
	struct vconsole_view {
		bool attached;
		bool stuck;	 /* the line has taken less than there was, and will call */
		uint64_t at;	 /* what the line shows next */
		uint64_t again;	 /* so much from there on it has shown before */
		uint64_t limit;	 /* so much before the writer is held */
	} views[VCONSOLE_LINES]; /* (C) */
	bool attached;		 /* (C) to any line */
	bool by_lines;		 /* (C) the terminal shows all consoles, line by line */
	bool held;		 /* (C) the writer waits for ops->ready() */
};

/* 0 or -ENOMEM; a guest's, or the shell's (is_shell). Then it can be found by its name. */
must_check int vconsole_init(struct vconsole *c, const char *name, const struct vconsole_ops *ops,
			     void *owner, bool is_shell);
/* After it nobody calls ops any more; a terminal that showed it shows the shell. */
void vconsole_fini(struct vconsole *c);

/*
 * A byte that the owner writes; it is always taken. False: the line that shows it is behind, and
 * the owner is to wait for ops->ready(). What is not attached never waits.
 */
bool vconsole_put(struct vconsole *c, uint8_t byte);
bool vconsole_is_held(struct vconsole *c);

/*
 * The line shows c from now on, at once what of its ring the line has not shown; NULL: nothing.
 * Without quiet the terminal says whose console it is.
 */
void vconsole_attach(enum vconsole_line line, struct vconsole *c, bool quiet);
/* What of c's ring the line has shown is shown again when c is attached to it the next time. */
void vconsole_rewind(enum vconsole_line line, struct vconsole *c);
/* The terminal shows all guests' consoles, each line after the guest's name. */
void vconsole_attach_all(void);
/* The terminal shows the shell, if it has shown c until now; NULL: whatever it has shown. */
void vconsole_to_shell(struct vconsole *c);
/*
 * Of a byte that the shell takes from its input: true when it was not for the shell, and is done
 * with. Ctrl-] leads to what was shown before; and what was typed before it, as an attach, may have
 * led elsewhere: then it goes there.
 */
bool vconsole_typed_elsewhere(uint8_t byte);
/* Whether c is shown on the line. */
bool vconsole_is_attached(struct vconsole *c, enum vconsole_line line);
/* Waits until the terminal has shown all of c, or does not move any more. By a thread. */
void vconsole_drain(struct vconsole *c);

/*
 * The control line's end, by its own thread: up to n bytes of the console that is attached, and its
 * name. 0: there is nothing. wake is called when there is something again, or the console is gone.
 */
size_t vconsole_control_read(uint8_t *bytes, size_t n, char *name, size_t name_size);
bool vconsole_control_attached(void);
void vconsole_set_control(void (*wake)(void *arg), void *arg);

/* Puts a byte into the named console as if it were typed; false: there is no such guest. */
bool vconsole_type(const char *name, const uint8_t *bytes, size_t n);
/* The n-th guest's name. */
bool vconsole_name(unsigned n, char *name, size_t size);
/* By name; used_by_name() of the caller's. NULL: there is none. Then vconsole_release(). */
struct vconsole *vconsole_find(const char *name);
void vconsole_release(struct vconsole *c);

extern const struct shell_table vconsole_commands;

#endif

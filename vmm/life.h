/* SPDX-License-Identifier: MIT */
/*
 * The life of a guest, from create to destroy. Each has a keeper: a thread that does all that
 * changes its state, one order after the other, and what its config says when it ends by itself.
 */
#ifndef VMM_LIFE_H
#define VMM_LIFE_H

#include "core/shell.h"
#include "lib/list.h"
#include "lib/types.h"

struct vm;
struct vm_config;

/* Stopped and crashed guests have no memory and no vCPUs; a paused one has both. */
enum life_state { LIFE_STOPPED, LIFE_RUNNING, LIFE_PAUSED, LIFE_CRASHED };

enum life_verb {
	LIFE_START,
	LIFE_PAUSE,
	LIFE_RESUME,
	LIFE_RESET,
	LIFE_BUTTON,
	LIFE_STOP,
	LIFE_DESTROY,
	LIFE_VERBS
};

/* Locks: (k) the keeper writes it, others may look; (E) vm->ended.lock. */
struct life {
	enum life_state state; /* (k) */
	struct list orders;    /* (E) */
	bool closed;	       /* (E) it is being destroyed: no order is taken any more */
	uint64_t started_ns;   /* (k) */
	unsigned quick_ends;   /* (k) in a row, each soon after its start */
};

enum { LIFE_ERROR = 160 };

/* What became of an order: code is NULL when it was done. */
struct life_error {
	const char *code; /* "not-found", "wrong-state", "failed" */
	char text[LIFE_ERROR];
};

extern const char *const life_state_names[];

/* Makes a guest, stopped. 0; -EEXIST: there is one of that name; -ENOMEM. */
must_check int life_create(const struct vm_config *config);
/* Has the named guest's keeper do it, and waits. By a thread. */
void life_order(const char *name, enum life_verb verb, struct life_error *e);
/*
 * Waits until none runs or is paused any more, and the last one ended by itself (not by an order).
 * What the exit port said, or what stands for how that one ended, which *how says in words.
 */
uint8_t life_wait_last(const char **how);

extern const struct shell_table life_commands;

#endif

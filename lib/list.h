/* SPDX-License-Identifier: MIT */
/* A doubly linked ring with a head: intrusive, no allocation. */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include "lib/types.h"

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Puts n before at: with at the head, n becomes the last. */
static inline void list_insert_before(struct list *at, struct list *n)
{
	n->next = at;
	n->prev = at->prev;
	at->prev->next = n;
	at->prev = n;
}

/* Takes n out and leaves it a ring of its own, so that a second removal does no harm. */
static inline void list_remove(struct list *n)
{
	n->next->prev = n->prev;
	n->prev->next = n->next;
	list_init(n);
}

#define list_for_each(at, head) for (struct list *at = (head)->next; at != (head); at = at->next)

#endif

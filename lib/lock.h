/* SPDX-License-Identifier: MIT */
/*
 * A ticket spin lock. Plinth runs with interrupts off except in irq_window() and the idle loop,
 * where no lock is held: so there is no irq-saving variant.
 */
#ifndef LIB_LOCK_H
#define LIB_LOCK_H

#include "lib/types.h"

struct lock {
	uint32_t next, owner;
};

static inline void lock_take(struct lock *l)
{
	uint32_t mine = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	/* Acquire: what the last owner wrote before lock_drop() is seen after this. */
	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != mine)
		__builtin_ia32_pause();
}

/* False: somebody has it; the caller does not wait. */
static inline bool lock_try(struct lock *l)
{
	/* Acquire: as in lock_take(). */
	uint32_t owner = __atomic_load_n(&l->owner, __ATOMIC_ACQUIRE), next = owner;

	return __atomic_compare_exchange_n(&l->next, &next, owner + 1, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static inline void lock_drop(struct lock *l)
{
	__atomic_store_n(&l->owner, l->owner + 1, __ATOMIC_RELEASE);
}

static inline bool lock_held(const struct lock *l)
{
	return __atomic_load_n(&l->owner, __ATOMIC_RELAXED) !=
	       __atomic_load_n(&l->next, __ATOMIC_RELAXED);
}

#endif

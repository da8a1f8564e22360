/* SPDX-License-Identifier: MIT */
/* Whether two CPUs' time stamp counters agree, and making them agree. */
#ifndef ARCH_TSC_SYNC_H
#define ARCH_TSC_SYNC_H

#include "lib/types.h"

/* By the source, before the target may begin. */
void tsc_sync_begin(void);
/*
 * Called by two CPUs at about the same time, one pair at a time: the one that goes by, and the new
 * one, which moves its TSC where the two disagree. False: the other did not come within a second.
 */
bool tsc_sync_source(void);
bool tsc_sync_target(void);

/* Of the last pair: by how many ticks the target was moved; and what they still disagree by. */
int64_t tsc_sync_moved(void);
uint64_t tsc_sync_rest(void);

/* Whether all pairs so far agree: then time never goes back for who changes its CPU. */
bool tsc_sync_all(void);

/* Pure part: the move that the target needs, from how far back each has seen time go. */
int64_t tsc_sync_move(uint64_t seen_by_source, uint64_t seen_by_target);

#endif

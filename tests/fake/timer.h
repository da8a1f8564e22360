/* SPDX-License-Identifier: MIT */
/* A clock that stands still until the test moves it (tests/fake/timer.c). The fake TSC runs at 2.5
 * GHz. */
#ifndef FAKE_TIMER_H
#define FAKE_TIMER_H

#include "core/timer.h"

/* Moves the clock without firing anything: what is due by then fires in the next advance, late. */
void fake_time_set(uint64_t ns);
/* Moves the clock on, and fires what becomes due, in order, each at its time. */
void fake_time_advance(uint64_t ns);
/* Armed timers. */
unsigned fake_timers_armed(void);
/* How many timers have fired since the start. */
unsigned fake_timers_fired(void);

#endif

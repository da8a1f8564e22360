/* SPDX-License-Identifier: MIT */
/* For guests that restart their machine: CMOS bytes that outlive a reset count how often. */
#ifndef GUEST_RESET_H
#define GUEST_RESET_H

#include <stdint.h>

/* How often reset_note() was called since the test began; `name` tells one test from the others. */
unsigned reset_count(uint8_t name);
/* Before each reset. */
void reset_note(uint8_t name);
/* The next run begins at 0. */
void reset_forget(void);

#endif

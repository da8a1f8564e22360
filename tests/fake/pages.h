/* SPDX-License-Identifier: MIT */
/* What a test may ask of the fake page allocator (tests/fake/pages.c). */
#ifndef FAKE_PAGES_H
#define FAKE_PAGES_H

#include "arch/x86_64/pages.h"

/* After n more allocations page_alloc() gives NULL; negative: never. */
void fake_pages_fail_after(long n);
/* Blocks that are allocated and not yet freed. */
unsigned fake_pages_used(enum mem_owner owner);

#endif

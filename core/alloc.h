/* SPDX-License-Identifier: MIT */
/*
 * The small-object allocator (core/alloc.c on core/pmem.c). Zeroed memory; 16-byte aligned, or
 * size-aligned for powers of two >= 16.
 */
#ifndef CORE_ALLOC_H
#define CORE_ALLOC_H

#include "arch/x86_64/pages.h"

/* NULL when there is no memory. size 1 … 2 MiB. */
void *mem_alloc(size_t size, enum mem_owner owner) must_check;
void mem_free(void *p);

#endif

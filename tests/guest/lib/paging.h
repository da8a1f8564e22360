/* SPDX-License-Identifier: MIT */
/* 4 KiB mappings beside the one-to-one map of the first 4 GiB; physical = address below 4 GiB. */
#ifndef GUEST_PAGING_H
#define GUEST_PAGING_H

#include <stdint.h>

/* Where tests may map what they like: nothing is mapped in this slot of the PML4 at the start. */
#define PAGING_FREE_VA 0x8000000000ull

extern uint64_t paging_pml4[512];

/* A zeroed page of the image's own memory; the pool of 256 pages ends in a failed test. */
void *page_alloc(void);
/* Maps one page with the PTE_* flags (PTE_P is not implied); only for va >= PAGING_FREE_VA. */
void page_map(uint64_t va, uint64_t pa, uint64_t flags);
/* The entry that page_map() wrote. */
volatile uint64_t *page_entry(uint64_t va);

#endif

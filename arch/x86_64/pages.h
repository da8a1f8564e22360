/* SPDX-License-Identifier: MIT */
/*
 * Physical pages, as arch/ and core/ get them; core/pmem.c implements it, tests/fake/pages.c in
 * host tests.
 */
#ifndef ARCH_PAGES_H
#define ARCH_PAGES_H

#include "lib/addr.h"

/* Whom memory is accounted to, so that leaks show. */
enum mem_owner {
	MEM_CORE,
	MEM_SPACE,
	MEM_PTAB,
	MEM_THREAD,
	MEM_VM,
	MEM_GUEST,
	MEM_TEST,
	MEM_OWNERS
};

enum page_order { ORDER_4K = 0, ORDER_2M = 9, ORDER_1G = 18 };

/* 4 KiB << order bytes, naturally aligned, zeroed (guest memory too), or NULL. */
void *page_alloc(unsigned order, enum mem_owner owner) must_check;
/* The same for large blocks, by a thread: others run while it is being zeroed. */
void *page_alloc_yielding(unsigned order, enum mem_owner owner) must_check;
void page_free(void *page, unsigned order, enum mem_owner owner);

/* The direct map: every page of RAM has a host virtual address. */
hpa_t hpa_of(const void *p);
void *hpa_ptr(hpa_t addr);

#endif

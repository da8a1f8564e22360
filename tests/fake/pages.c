/* SPDX-License-Identifier: MIT */
/* Physical pages from the heap; a host pointer is its own physical address. */
#include "tests/fake/pages.h"

#include <stdlib.h>
#include <string.h>

static long left = -1;
static unsigned used[MEM_OWNERS];

void fake_pages_fail_after(long n)
{
	left = n;
}

unsigned fake_pages_used(enum mem_owner owner)
{
	return used[owner];
}

void *page_alloc(unsigned order, enum mem_owner owner)
{
	size_t size = PAGE_SIZE << order;
	void *p;

	if (!left)
		return NULL;
	if (left > 0)
		left--;
	p = aligned_alloc(size, size);
	if (!p)
		abort();
	memset(p, 0, size);
	used[owner]++;
	return p;
}

void page_free(void *page, unsigned order, enum mem_owner owner)
{
	(void)order;
	if (!used[owner])
		abort();
	used[owner]--;
	free(page);
}

hpa_t hpa_of(const void *p)
{
	return hpa((uintptr_t)p);
}

void *hpa_ptr(hpa_t addr)
{
	return (void *)(uintptr_t)addr.raw;
}

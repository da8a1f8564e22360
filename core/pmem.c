/* SPDX-License-Identifier: MIT */
/*
 * The machine's RAM. The boot map decides what is RAM; what lies in it already (first megabyte,
 * image, modules, the loader's words) is cut out, and the rest goes to the buddy allocator.
 */
#include "core/pmem.h"
#include "arch/x86_64/layout.h"
#include "core/buddy.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"

static struct {
	struct lock lock;
	struct buddy buddy;
	uint64_t total;
	uint64_t used[MEM_OWNERS];
	struct boot_region state; /* where the buddy's page states lie */
} pmem;

const char *const mem_owner_names[MEM_OWNERS] = {
	[MEM_CORE] = "core", [MEM_PTAB] = "page tables", [MEM_THREAD] = "threads",
	[MEM_VM] = "VMs",    [MEM_GUEST] = "guest RAM",	 [MEM_TEST] = "test",
};

extern const char image_load[], image_load_end[];

hpa_t hpa_of(const void *p)
{
	uint64_t v = (uint64_t)p;

	return hpa(v >= KERNEL_BASE ? v - KERNEL_BASE : v - DIRECT_BASE);
}

void *hpa_ptr(hpa_t addr)
{
	return (void *)(DIRECT_BASE + addr.raw);
}

static void *page_memory(uint64_t page)
{
	return hpa_ptr(hpa(page * PAGE_SIZE));
}

static uint64_t page_number(const void *memory)
{
	return hpa_of(memory).raw / PAGE_SIZE;
}

/* The i-th region that must not be handed out; size 0 past the last. */
static struct boot_region taken(const struct boot_info *info, unsigned i)
{
	if (i == 0)
		return (struct boot_region){ .base = 0, .size = MIB };
	if (i == 1)
		return (struct boot_region){ .base = (uint64_t)image_load,
					     .size = image_load_end - image_load };
	if (i == 2)
		return pmem.state;
	if (i == 3)
		return info->keep;
	if (i - 4 < info->module_count)
		return (struct boot_region){ .base = info->modules[i - 4].start.raw,
					     .size = info->modules[i - 4].size };
	return (struct boot_region){ 0 };
}

static unsigned taken_count(const struct boot_info *info)
{
	return 4 + info->module_count;
}

/* The first byte at or after at, below end, that nothing has taken; *stop: where the next taken one begins. */
static uint64_t free_from(const struct boot_info *info, uint64_t at, uint64_t end, uint64_t *stop)
{
	bool moved = true;

	while (moved) {
		moved = false;
		*stop = end;
		for (unsigned i = 0; i < taken_count(info); i++) {
			struct boot_region t = taken(info, i);
			uint64_t begin = ALIGN_DOWN(t.base, PAGE_SIZE);
			uint64_t behind = ALIGN_UP(t.base + t.size, PAGE_SIZE);

			if (t.size && begin <= at && at < behind) {
				at = behind;
				moved = true;
			} else if (t.size && begin > at) {
				*stop = MIN(*stop, begin);
			}
		}
	}
	return at;
}

/* Other regions may overlap RAM in a bad map: what is not RAM to one entry is not RAM. */
static bool is_ram(const struct boot_info *info, uint64_t page)
{
	for (unsigned i = 0; i < info->region_count; i++) {
		const struct boot_region *r = &info->regions[i];

		if (r->type != REGION_RAM && page + PAGE_SIZE > r->base &&
		    page < r->base + r->size)
			return false;
	}
	return true;
}

static void add_run(const struct boot_info *info, uint64_t at, uint64_t end)
{
	while (at < end) {
		uint64_t run = at;

		while (run < end && is_ram(info, run))
			run += PAGE_SIZE;
		if (run > at)
			buddy_add(&pmem.buddy, at / PAGE_SIZE, (run - at) / PAGE_SIZE);
		at = run + PAGE_SIZE;
	}
}

/* Whether some region that is not RAM cuts into [at, end): then pages are looked at one by one. */
static bool is_mixed(const struct boot_info *info, uint64_t at, uint64_t end)
{
	for (unsigned i = 0; i < info->region_count; i++) {
		const struct boot_region *r = &info->regions[i];

		if (r->type != REGION_RAM && r->base < end && r->base + r->size > at)
			return true;
	}
	return false;
}

/* Frees RAM between low and high. */
static void add_ram(const struct boot_info *info, uint64_t low, uint64_t high)
{
	for (unsigned i = 0; i < info->region_count; i++) {
		const struct boot_region *r = &info->regions[i];
		uint64_t at = MAX(ALIGN_UP(r->base, PAGE_SIZE), low);
		uint64_t end = MIN(ALIGN_DOWN(r->base + r->size, PAGE_SIZE), high), stop;

		if (r->type != REGION_RAM)
			continue;
		for (at = free_from(info, at, end, &stop); at < end;
		     at = free_from(info, stop, end, &stop)) {
			if (is_mixed(info, at, stop))
				add_run(info, at, stop);
			else
				buddy_add(&pmem.buddy, at / PAGE_SIZE, (stop - at) / PAGE_SIZE);
		}
	}
}

static uint64_t ram_end(const struct boot_info *info)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < info->region_count; i++)
		if (info->regions[i].type == REGION_RAM)
			end = MAX(end, info->regions[i].base + info->regions[i].size);
	return ALIGN_DOWN(end, PAGE_SIZE);
}

/* The page states need room before there is an allocator: the first gap that is large enough. */
static void place_state(const struct boot_info *info, uint64_t bytes)
{
	for (unsigned i = 0; i < info->region_count; i++) {
		const struct boot_region *r = &info->regions[i];
		uint64_t end = MIN(ALIGN_DOWN(r->base + r->size, PAGE_SIZE), 4 * GIB), stop;
		uint64_t at = ALIGN_UP(r->base, PAGE_SIZE);

		if (r->type != REGION_RAM)
			continue;
		for (at = free_from(info, at, end, &stop); at < end;
		     at = free_from(info, stop, end, &stop)) {
			if (stop - at < bytes || is_mixed(info, at, at + bytes))
				continue;
			pmem.state = (struct boot_region){ .base = at, .size = bytes };
			return;
		}
	}
	panic("pmem: no %lu KiB of free RAM below 4 GiB for the page table of memory itself",
	      (unsigned long)(bytes / KIB));
}

void pmem_init(const struct boot_info *info)
{
	uint64_t pages = ram_end(info) / PAGE_SIZE;

	for (unsigned i = 0; i < info->region_count; i++)
		if (info->regions[i].type == REGION_RAM)
			pmem.total += info->regions[i].size;
	place_state(info, ALIGN_UP(pages, PAGE_SIZE));
	buddy_init(&pmem.buddy, hpa_ptr(hpa(pmem.state.base)), pages, page_memory, page_number);
	add_ram(info, 0, 4 * GIB);
}

void pmem_init_high(const struct boot_info *info)
{
	add_ram(info, 4 * GIB, UINT64_MAX);
}

void *page_alloc(unsigned order, enum mem_owner owner)
{
	uint64_t page;
	void *p;

	lock_take(&pmem.lock);
	page = buddy_take(&pmem.buddy, order);
	if (page != UINT64_MAX)
		pmem.used[owner] += PAGE_SIZE << order;
	lock_drop(&pmem.lock);
	if (page == UINT64_MAX)
		return NULL;
	p = page_memory(page);
	memset(p, 0, PAGE_SIZE << order);
	return p;
}

void page_free(void *page, unsigned order, enum mem_owner owner)
{
	if (!page)
		return;
	lock_take(&pmem.lock);
	assert(pmem.used[owner] >= PAGE_SIZE << order);
	pmem.used[owner] -= PAGE_SIZE << order;
	buddy_give(&pmem.buddy, page_number(page), order);
	lock_drop(&pmem.lock);
}

uint64_t pmem_total(void)
{
	return pmem.total;
}

uint64_t pmem_free(void)
{
	return pmem.buddy.free_pages * PAGE_SIZE;
}

uint64_t pmem_used(enum mem_owner owner)
{
	return pmem.used[owner];
}

uint64_t pmem_available(unsigned order)
{
	uint64_t n = 0;

	for (unsigned o = order; o < BUDDY_ORDERS; o++)
		n += pmem.buddy.free_count[o] << (o - order);
	return n;
}

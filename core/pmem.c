/* SPDX-License-Identifier: MIT */
/*
 * The machine's RAM. The boot map decides what is RAM; what lies in it already (first megabyte,
 * image, modules, the loader's words) is cut out, and the rest goes to the buddy allocator.
 */
#include "core/pmem.h"
#include "core/shell.h"
#include "arch/x86_64/layout.h"
#include "core/buddy.h"
#include "core/ramlist.h"
#include "core/thread.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"

/* Some microseconds. */
#define ZEROED_AT_ONCE (64 * KIB)

static struct {
	struct lock lock;
	struct buddy buddy;
	uint64_t total;
	uint64_t used[MEM_OWNERS];
	struct boot_region state; /* where the buddy's page states lie */
} pmem;

const char *const mem_owner_names[MEM_OWNERS] = {
	[MEM_CORE] = "core",
	[MEM_SPACE] = "own page tables",
	[MEM_PTAB] = "nested page tables",
	[MEM_THREAD] = "threads",
	[MEM_VM] = "VMs",
	[MEM_GUEST] = "guest RAM",
	[MEM_TEST] = "test",
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

/* What lies in RAM already, and must not be handed out. */
enum { TAKEN_FIXED = 4 };

struct taken {
	struct boot_region regions[TAKEN_FIXED + BOOT_MODULES];
	unsigned count;
};

static void gather_taken(const struct boot_info *info, struct taken *t)
{
	const struct boot_region first_mib = { .base = 0, .size = MIB };
	const struct boot_region image = { .base = (uint64_t)image_load,
					   .size = image_load_end - image_load };

	t->regions[0] = first_mib;
	t->regions[1] = image;
	t->regions[2] = pmem.state;
	t->regions[3] = info->keep;
	t->count = TAKEN_FIXED;
	for (unsigned i = 0; i < info->module_count; i++)
		t->regions[t->count++] = (struct boot_region){ .base = info->modules[i].start.raw,
							       .size = info->modules[i].size };
}

/* RAM in [0, end) that nothing has taken. */
static struct ramlist free_ram(const struct boot_info *info, struct taken *t, uint64_t end)
{
	gather_taken(info, t);
	return (struct ramlist){ .regions = info->regions,
				 .region_count = info->region_count,
				 .taken = t->regions,
				 .taken_count = t->count,
				 .end = end };
}

static void add_ram(const struct boot_info *info, uint64_t from, uint64_t end)
{
	struct taken t;
	struct ramlist l = free_ram(info, &t, end);
	struct boot_region run;

	for (; ramlist_next(&l, from, &run); from = run.base + run.size)
		buddy_add(&pmem.buddy, run.base / PAGE_SIZE, run.size / PAGE_SIZE);
}

/* The page states need room before there is an allocator: the first gap that is large enough. */
static void place_state(const struct boot_info *info, uint64_t bytes)
{
	struct taken t;
	struct ramlist l = free_ram(info, &t, 4 * GIB);
	struct boot_region run;

	for (uint64_t from = 0; ramlist_next(&l, from, &run); from = run.base + run.size) {
		if (run.size < bytes)
			continue;
		pmem.state = (struct boot_region){ .base = run.base, .size = bytes };
		return;
	}
	panic("pmem: no %lu KiB of free RAM below 4 GiB for the page table of memory itself",
	      (unsigned long)(bytes / KIB));
}

void pmem_init(const struct boot_info *info)
{
	struct ramlist all = { .regions = info->regions,
			       .region_count = info->region_count,
			       .end = DIRECT_SIZE };
	uint64_t pages = ramlist_end(&all) / PAGE_SIZE;
	struct boot_region run;

	for (uint64_t from = 0; ramlist_next(&all, from, &run); from = run.base + run.size)
		pmem.total += run.size;
	place_state(info, ALIGN_UP(pages, PAGE_SIZE));
	buddy_init(&pmem.buddy, hpa_ptr(hpa(pmem.state.base)), pages, page_memory, page_number);
	add_ram(info, 0, 4 * GIB);
}

void pmem_init_high(const struct boot_info *info)
{
	add_ram(info, 4 * GIB, DIRECT_SIZE);
}

static void *take(unsigned order, enum mem_owner owner)
{
	uint64_t page;

	lock_take(&pmem.lock);
	page = buddy_take(&pmem.buddy, order);
	if (page != UINT64_MAX)
		pmem.used[owner] += PAGE_SIZE << order;
	lock_drop(&pmem.lock);
	return page == UINT64_MAX ? NULL : page_memory(page);
}

void *page_alloc(unsigned order, enum mem_owner owner)
{
	void *p = take(order, owner);

	if (p)
		memset(p, 0, PAGE_SIZE << order);
	return p;
}

void *page_alloc_yielding(unsigned order, enum mem_owner owner)
{
	uint64_t size = PAGE_SIZE << order;
	char *p = take(order, owner);

	for (uint64_t at = 0; p && at < size; at += ZEROED_AT_ONCE) {
		memset(p + at, 0, MIN(size - at, ZEROED_AT_ONCE));
		sched_breathe();
	}
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

static void run_mem(struct reply *r, unsigned argc, char **argv)
{
	static const struct reply_column columns[] = { { "owner", 18 }, { "used", -12 } };

	(void)argc;
	(void)argv;
	reply_size(r, "total", pmem_total());
	reply_size(r, "free", pmem_free());
	reply_table(r, "owners", columns, ARRAY_SIZE(columns));
	for (enum mem_owner o = 0; o < MEM_OWNERS; o++) {
		reply_row(r);
		reply_text(r, NULL, "%s", mem_owner_names[o]);
		reply_size(r, NULL, pmem_used(o));
	}
	reply_table_end(r);
}

static const struct shell_command commands[] = {
	{ .name = "mem", .help = "Shows the machine's memory, and who has it", .run = run_mem },
};

const struct shell_table pmem_commands = { commands, ARRAY_SIZE(commands) };

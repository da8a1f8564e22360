/* SPDX-License-Identifier: MIT */
/*
 * The host's page tables. RAM is mapped once more, at DIRECT_BASE, never executable; the image's
 * text and constants are read-only there too, so that W^X has no back door.
 */
#include "core/space.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/mmio.h"
#include "arch/x86_64/ptab.h"
#include "core/irq.h"
#include "core/pmem.h"
#include "core/ramlist.h"
#include "lib/errno.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/panic.h"

static struct {
	struct lock lock;
	struct ptab tables;
	uint64_t mmio_used;
	/* How often something was unmapped (atomic); each place: taken, or free since then. */
	uint64_t unmapped;
	uint64_t stacks[STACK_SLOTS], windows[WINDOWS];
} space;

#define TAKEN UINT64_MAX

extern const char text_start[], text_end[], rodata_end[], image_end[];
extern const char image_load[];

enum { DIRECT_RESERVED_MAX = 64 * 1024 * 1024 };

static void map(const void *va, uint64_t pa, uint64_t size, unsigned perms)
{
	int err = ptab_map(&space.tables, (uint64_t)va, hpa(pa), size, perms);

	if (err && err != -EEXIST)
		panic("space: mapping %#lx bytes at %p: error %d", (unsigned long)size, va, err);
}

static void protect(const void *va, uint64_t size, unsigned perms)
{
	if (ptab_protect(&space.tables, (uint64_t)va, size, perms))
		panic("space: no memory to protect %p", va);
}

static void map_image(void)
{
	map(text_start, hpa_of(text_start).raw, text_end - text_start, PTAB_R | PTAB_X);
	map(text_end, hpa_of(text_end).raw, rodata_end - text_end, PTAB_R);
	map(rodata_end, hpa_of(rodata_end).raw, image_end - rodata_end, PTAB_R | PTAB_W);
}

/*
 * RAM, and what firmware keeps its tables in: read-only, and only small regions (a large one is a
 * device's).
 */
static void map_direct(const struct boot_info *info)
{
	const struct ramlist ram = { .regions = info->regions,
				     .region_count = info->region_count,
				     .end = DIRECT_SIZE };
	struct boot_region run;

	for (uint64_t from = 0; ramlist_next(&ram, from, &run); from = run.base + run.size)
		map(hpa_ptr(hpa(run.base)), run.base, run.size, PTAB_R | PTAB_W);
	for (unsigned i = 0; i < info->region_count; i++) {
		const struct boot_region *r = &info->regions[i];
		uint64_t begin = ALIGN_DOWN(r->base, PAGE_SIZE);
		uint64_t end = ALIGN_UP(r->base + r->size, PAGE_SIZE);

		if (r->type == REGION_RAM || r->type == REGION_BAD ||
		    r->size > DIRECT_RESERVED_MAX || end > DIRECT_SIZE)
			continue;
		if (begin < end)
			map(hpa_ptr(hpa(begin)), begin, end - begin, PTAB_R);
	}
	/*
	 * The BIOS's read-only area, where the RSDP is searched for; boot maps often leave it out.
	 */
	for (uint64_t at = 0; at < MIB; at += PAGE_SIZE)
		map(hpa_ptr(hpa(at)), at, PAGE_SIZE, PTAB_R);
	protect(hpa_ptr(hpa((uint64_t)image_load)), hpa_of(rodata_end).raw - (uint64_t)image_load,
		PTAB_R);
}

void space_load(void)
{
	write_cr3(hpa_of(space.tables.root).raw);
}

void space_init(const struct boot_info *info)
{
	if (ptab_init(&space.tables, &ptab_host, MEM_SPACE))
		panic("space: no memory for page tables");
	map_image();
	map_direct(info);
	space_load();
}

bool space_is_mapped(hpa_t addr, uint64_t n)
{
	for (uint64_t at = ALIGN_DOWN(addr.raw, PAGE_SIZE); at < addr.raw + n; at += PAGE_SIZE)
		if (ptab_lookup(&space.tables, (uint64_t)hpa_ptr(hpa(at)), NULL, NULL, NULL))
			return false;
	return true;
}

void *mmio_map(hpa_t addr, uint64_t size)
{
	uint64_t begin = ALIGN_DOWN(addr.raw, PAGE_SIZE);
	uint64_t bytes = ALIGN_UP(addr.raw + size, PAGE_SIZE) - begin;
	uint64_t at = 0;
	int err = -ENOSPC;

	lock_take(&space.lock);
	if (bytes <= MMIO_SIZE - space.mmio_used) {
		at = MMIO_BASE + space.mmio_used;
		err = ptab_map(&space.tables, at, hpa(begin), bytes, PTAB_R | PTAB_W | PTAB_UC);
	}
	if (!err)
		space.mmio_used += bytes;
	lock_drop(&space.lock);
	if (err) {
		log_error("space: device memory at %#lx, %#lx bytes: error %d",
			  (unsigned long)addr.raw, (unsigned long)size, err);
		return NULL;
	}
	return (void *)(at + (addr.raw - begin));
}

void space_sync(void)
{
	struct cpu *c = this_cpu();
	uint64_t now = __atomic_load_n(&space.unmapped, __ATOMIC_ACQUIRE);

	if (c->space_seen == now)
		return;
	space_load();
	/* Release: whoever sees it may map anew what this CPU can no longer have cached. */
	__atomic_store_n(&c->space_seen, now, __ATOMIC_RELEASE);
}

/* Of what was unmapped, how much no CPU can have cached any more. */
static uint64_t seen_by_all(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < cpu_count; i++)
		least = MIN(least, __atomic_load_n(&cpus[i]->space_seen, __ATOMIC_ACQUIRE));
	return least;
}

/* Caller holds the lock. */
static int take_place(uint64_t *places, unsigned n)
{
	uint64_t seen = seen_by_all();

	for (unsigned i = 0; i < n; i++) {
		if (places[i] > seen)
			continue;
		places[i] = TAKEN;
		return (int)i;
	}
	return -ENOSPC;
}

/* Caller holds the lock, and has unmapped what was there. */
static void leave_place(uint64_t *place)
{
	*place = __atomic_add_fetch(&space.unmapped, 1, __ATOMIC_RELEASE);
}

/* Nobody is waited for: who waits with interrupts off may be waited for himself. */
static void tell_all(void)
{
	space_sync();
	for (unsigned i = 0; i < cpu_count; i++)
		irq_kick(cpus[i]);
}

uint8_t *space_window_alloc(uint64_t size)
{
	int slot;

	lock_take(&space.lock);
	slot = size <= WINDOW_SIZE ? take_place(space.windows, WINDOWS) : -ENOSPC;
	lock_drop(&space.lock);
	return slot < 0 ? NULL : (uint8_t *)(WINDOW_BASE + (unsigned)slot * WINDOW_SIZE);
}

int space_window_map(uint8_t *at, hpa_t pa, uint64_t size)
{
	int err;

	lock_take(&space.lock);
	err = ptab_map(&space.tables, (uint64_t)at, pa, size, PTAB_R | PTAB_W);
	lock_drop(&space.lock);
	return err;
}

void space_window_free(uint8_t *base, uint64_t size)
{
	lock_take(&space.lock);
	if (ptab_unmap(&space.tables, (uint64_t)base, size))
		panic("space: no memory to unmap a guest's window");
	leave_place(&space.windows[((uint64_t)base - WINDOW_BASE) / WINDOW_SIZE]);
	lock_drop(&space.lock);
	tell_all();
}

/* A slot's upper part is the stack, its lower part the guard. */
static uint64_t slot_stack(unsigned slot)
{
	return STACK_BASE + slot * (uint64_t)STACK_SLOT + STACK_SLOT - STACK_SIZE;
}

void *stack_alloc(void)
{
	void *pages = page_alloc(2, MEM_THREAD);
	int slot, err = -ENOSPC;

	_Static_assert(STACK_SIZE == 4 * PAGE_SIZE, "a stack is an order-2 block");
	if (!pages)
		return NULL;
	lock_take(&space.lock);
	slot = take_place(space.stacks, STACK_SLOTS);
	if (slot >= 0)
		err = ptab_map(&space.tables, slot_stack((unsigned)slot), hpa_of(pages), STACK_SIZE,
			       PTAB_R | PTAB_W);
	lock_drop(&space.lock);
	if (err) {
		page_free(pages, 2, MEM_THREAD);
		return NULL;
	}
	return (void *)(slot_stack((unsigned)slot) + STACK_SIZE);
}

void stack_free(void *top)
{
	uint64_t base = (uint64_t)top - STACK_SIZE;
	unsigned slot = (unsigned)((base - STACK_BASE) / STACK_SLOT);
	hpa_t pages;

	lock_take(&space.lock);
	if (ptab_lookup(&space.tables, base, &pages, NULL, NULL) ||
	    ptab_unmap(&space.tables, base, STACK_SIZE))
		panic("space: %p is no stack", top);
	leave_place(&space.stacks[slot]);
	lock_drop(&space.lock);
	page_free(hpa_ptr(pages), 2, MEM_THREAD);
	tell_all();
}

bool stack_is_guard(uint64_t addr)
{
	return addr >= STACK_BASE && addr < STACK_BASE + STACK_SLOTS * (uint64_t)STACK_SLOT &&
	       (addr - STACK_BASE) % STACK_SLOT < STACK_SLOT - STACK_SIZE;
}

/* SPDX-License-Identifier: MIT */
/* sources: vmm/vm_memory.c vmm/gmem.c arch/x86_64/ptab.c arch/x86_64/ptab_npt.c tests/fake/log_record.c tests/fake/panic.c */
/*
 * A guest's RAM: which blocks it is made of, where they are for the guest and for the host, and
 * that whatever runs out on the way leaves nothing behind. Guest pages are addresses without
 * memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "arch/x86_64/ptab.h"
#include "core/pmem.h"
#include "core/space.h"
#include "lib/errno.h"
#include "tests/fake/log_record.h"
#include "vmm/load/e820.h"
#include "vmm/vm.h"

enum { BLOCKS = 4096 };

/* Guest pages are given out from here on, upwards, never again. */
#define GUEST_PAGES (1ull << 40)

static struct {
	uint64_t next;
	unsigned largest; /* order of the largest block that there is */
	int blocks_left;  /* of guest pages; negative: no limit */
	int tables_left;  /* of page-table pages; likewise */
	uint64_t guest_bytes, tables;
	uint64_t free; /* what pmem_free() says */
	struct {
		uint64_t at;
		unsigned order;
	} held[BLOCKS];
	unsigned held_n;
	/* The host's window. */
	uint8_t *window;
	uint64_t window_size;
	bool no_window;
	int maps_left;
	uint64_t pa_of[BLOCKS]; /* of each 2 MiB in it; 0: not mapped */
} host;

static struct vm vm;
static struct ptab nested;

static void *guest_alloc(unsigned order)
{
	uint64_t at = ALIGN_UP(host.next, PAGE_SIZE << order);

	if (order > host.largest || !host.blocks_left)
		return NULL;
	host.blocks_left -= host.blocks_left > 0;
	/* The page after it is never free: what follows is another run. */
	host.next = at + (PAGE_SIZE << order) + 1;
	host.guest_bytes += PAGE_SIZE << order;
	host.held[host.held_n].at = at;
	host.held[host.held_n++].order = order;
	return (void *)at;
}

void *page_alloc_yielding(unsigned order, enum mem_owner owner)
{
	assert_int_equal(owner, MEM_GUEST);
	return guest_alloc(order);
}

void *page_alloc(unsigned order, enum mem_owner owner)
{
	void *p;

	assert_int_equal(owner, MEM_PTAB);
	if (!host.tables_left)
		return NULL;
	host.tables_left -= host.tables_left > 0;
	p = aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);
	memset(p, 0, PAGE_SIZE << order);
	host.tables++;
	return p;
}

void page_free(void *page, unsigned order, enum mem_owner owner)
{
	unsigned i = 0;

	if (!page)
		return;
	if (owner == MEM_PTAB) {
		host.tables--;
		free(page);
		return;
	}
	while (i < host.held_n && host.held[i].at != (uint64_t)page)
		i++;
	assert_true(i < host.held_n);
	assert_int_equal(host.held[i].order, order);
	host.held[i] = host.held[--host.held_n];
	host.guest_bytes -= PAGE_SIZE << order;
}

hpa_t hpa_of(const void *p)
{
	return hpa((uint64_t)p);
}

void *hpa_ptr(hpa_t addr)
{
	return (void *)addr.raw;
}

uint64_t pmem_free(void)
{
	return host.free;
}

uint8_t *space_window_alloc(uint64_t size)
{
	assert_null(host.window);
	if (host.no_window)
		return NULL;
	host.window = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	host.window_size = size;
	return host.window;
}

int space_window_map(uint8_t *at, hpa_t pa, uint64_t size)
{
	uint64_t offset = (uint64_t)(at - host.window);

	if (!host.maps_left)
		return -ENOMEM;
	host.maps_left -= host.maps_left > 0;
	assert_true(IS_ALIGNED(offset | pa.raw | size, 2 * MIB));
	assert_true(offset < host.window_size && size <= host.window_size - offset);
	for (uint64_t done = 0; done < size; done += 2 * MIB) {
		assert_int_equal(host.pa_of[(offset + done) / (2 * MIB)], 0);
		host.pa_of[(offset + done) / (2 * MIB)] = pa.raw + done;
	}
	return 0;
}

void space_window_free(uint8_t *base, uint64_t size)
{
	assert_ptr_equal(base, host.window);
	assert_int_equal(size, host.window_size);
	munmap(base, size);
	host.window = NULL;
	memset(host.pa_of, 0, sizeof(host.pa_of));
}

static bool yes(void)
{
	return true;
}

static struct ptab_format format;

static int setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	memset(&vm, 0, sizeof(vm));
	host.next = GUEST_PAGES;
	host.largest = ORDER_1G;
	host.blocks_left = host.tables_left = host.maps_left = -1;
	host.free = 64 * GIB;
	format = ptab_npt;
	format.has_1g = yes;
	strcpy(vm.config.name, "guest");
	vm.hw.nested = &nested;
	fake_log_clear();
	return ptab_init(&nested, &format, MEM_PTAB);
}

static int teardown(void **state)
{
	(void)state;
	ptab_fini(&nested);
	return host.tables ? -1 : 0;
}

static int init(uint64_t size)
{
	vm.config.memory = size;
	return vm_memory_init(&vm);
}

static void assert_nothing_left(void)
{
	assert_int_equal(host.guest_bytes, 0);
	assert_int_equal(host.held_n, 0);
	assert_null(host.window);
	assert_null(vm.memory.base);
	assert_int_equal(vm.memory.count, 0);
	assert_int_equal(vm.mem.count, 0);
	assert_null(gmem_find(&vm.mem, gpa(0)));
}

static void fini(void)
{
	vm_memory_fini(&vm);
	assert_nothing_left();
	/* The caller takes the nested tables down, too. */
	ptab_fini(&nested);
	assert_int_equal(ptab_init(&nested, &format, MEM_PTAB), 0);
}

/* One guest address: the same memory for the guest's nested tables and for the host's window. */
static void assert_ram(uint64_t at, uint64_t offset, bool rom)
{
	unsigned perms;
	hpa_t pa;

	assert_int_equal(ptab_lookup(&nested, at, &pa, &perms, NULL), 0);
	assert_int_equal(pa.raw, host.pa_of[offset / (2 * MIB)] + offset % (2 * MIB));
	assert_int_equal(perms, PTAB_R | PTAB_X | (rom ? 0 : PTAB_W));
	assert_ptr_equal(gmem_ptr(&vm.mem, gpa(at), 1, false), host.window + offset);
	assert_int_equal(!gmem_ptr(&vm.mem, gpa(at), 1, true), rom);
}

static void assert_hole(uint64_t at)
{
	assert_int_equal(ptab_lookup(&nested, at, NULL, NULL, NULL), -ENOENT);
	assert_null(gmem_ptr(&vm.mem, gpa(at), 1, false));
}

/* The PC's map, of a guest with so much memory. */
static void assert_map(uint64_t size)
{
	uint64_t low = MIN(size, GUEST_PCI_HOLE);

	for (uint64_t at = 0; at < 2 * MIB; at += PAGE_SIZE) {
		if (at >= GUEST_LOW_END && at < GUEST_ROMS)
			assert_hole(at);
		else
			assert_ram(at, at, at >= GUEST_ROMS && at < GUEST_ACPI);
	}
	for (uint64_t at = 2 * MIB; at < low; at += 2 * MIB) {
		assert_ram(at, at, false);
		assert_ram(at + 2 * MIB - 1, at + 2 * MIB - 1, false);
	}
	for (uint64_t at = low; at < GUEST_PCI_HOLE_END; at += 64 * MIB)
		assert_hole(at);
	assert_hole(low);
	assert_hole(GUEST_PCI_HOLE_END - 1);
	for (uint64_t offset = low; offset < size; offset += 2 * MIB)
		assert_ram(GUEST_PCI_HOLE_END + offset - low, offset, false);
	assert_hole(GUEST_PCI_HOLE_END + size - low);
	assert_int_equal(host.guest_bytes, size);
	/* Empty ROMs are all ones. */
	for (uint64_t at = GUEST_ROMS; at < GUEST_ACPI; at++)
		assert_int_equal(host.window[at], 0xff);
	assert_int_equal(host.window[GUEST_ROMS - 1], 0);
	assert_int_equal(host.window[GUEST_ACPI], 0);
}

static void sizes(void **state)
{
	static const uint64_t all[] = { 4 * MIB, 6 * MIB,	    128 * MIB, GIB - 2 * MIB,
					GIB,	 3 * GIB - 2 * MIB, 3 * GIB,   3 * GIB + 2 * MIB,
					4 * GIB, 5 * GIB + 6 * MIB };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		assert_int_equal(init(all[i]), 0);
		assert_map(all[i]);
		assert_string_equal(fake_log_text(), "");
		fini();
	}
}

/* The largest that fit at their guest address; large pages for the guest where nothing forbids. */
static void the_largest_blocks(void **state)
{
	static const uint8_t orders[] = { ORDER_1G, ORDER_1G, ORDER_1G, ORDER_1G, 17, 9 };
	uint64_t page;

	(void)state;
	assert_int_equal(init(4 * GIB + 514 * MIB), 0);
	assert_int_equal(vm.memory.count, ARRAY_SIZE(orders));
	for (unsigned i = 0; i < ARRAY_SIZE(orders); i++)
		assert_int_equal(vm.memory.blocks[i].order, orders[i]);
	assert_int_equal(ptab_lookup(&nested, GIB, NULL, NULL, &page), 0);
	assert_int_equal(page, GIB);
	assert_int_equal(ptab_lookup(&nested, 4 * GIB, NULL, NULL, &page), 0);
	assert_int_equal(page, GIB);
	assert_int_equal(ptab_lookup(&nested, 5 * GIB, NULL, NULL, &page), 0);
	assert_int_equal(page, 2 * MIB);
	assert_int_equal(ptab_lookup(&nested, 0, NULL, NULL, &page), 0);
	assert_int_equal(page, PAGE_SIZE);
	fini();
}

/* Where there are none as large, smaller ones do. */
static void smaller_blocks(void **state)
{
	(void)state;
	for (unsigned order = ORDER_2M; order < ORDER_1G; order++) {
		host.largest = order;
		assert_int_equal(init(GIB + 6 * MIB), 0);
		assert_map(GIB + 6 * MIB);
		for (unsigned i = 0; i < vm.memory.count; i++)
			assert_true(vm.memory.blocks[i].order <= order);
		fini();
	}
	/* Not smaller than 2 MiB: there would be too many. */
	host.largest = ORDER_2M - 1;
	assert_int_equal(init(4 * MIB), -ENOMEM);
	assert_nothing_left();
	/* So many that the list is full. */
	host.largest = ORDER_2M;
	assert_int_equal(init(VM_BLOCKS * 2 * MIB), 0);
	fini();
	assert_int_equal(init((VM_BLOCKS + 1) * 2 * MIB), -ENOMEM);
	assert_nothing_left();
}

static void wrong_sizes(void **state)
{
	static const uint64_t wrong[] = { 0,	   1,	      2 * MIB, 4 * MIB - 1, 4 * MIB + 4096,
					  5 * MIB, UINT64_MAX };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		fake_log_clear();
		assert_int_equal(init(wrong[i]), -EINVAL);
		assert_true(fake_log_has(LOG_ERROR, "guest"));
		assert_true(fake_log_has(LOG_ERROR, "at least 4 MiB"));
		assert_nothing_left();
	}
	host.free = 100 * MIB;
	fake_log_clear();
	assert_int_equal(init(102 * MIB), -ENOMEM);
	assert_true(fake_log_has(LOG_ERROR, "102 MiB"));
	assert_true(fake_log_has(LOG_ERROR, "100 MiB free"));
	assert_nothing_left();
	assert_int_equal(init(100 * MIB), 0);
	fini();
	assert_int_equal(init(UINT64_MAX - 2 * MIB + 1), -ENOMEM);
	/* A window's worth and no more, whatever the machine has. */
	host.free = UINT64_MAX;
	fake_log_clear();
	assert_int_equal(init(256 * GIB + 2 * MIB), -EINVAL);
	assert_true(fake_log_has(LOG_ERROR, "256 GiB at most"));
	assert_nothing_left();
}

/* Each resource runs out at each step. */
static void out_of_everything(void **state)
{
	const uint64_t size = 4 * GIB + 6 * MIB;
	int n;

	(void)state;
	for (n = 0; host.blocks_left = n, init(size); n++) {
		assert_nothing_left();
		assert_true(fake_log_has(LOG_ERROR, "guest"));
	}
	assert_int_equal(n, 6);
	fini();
	host.blocks_left = -1;
	for (n = 0; host.maps_left = n, init(size); n++)
		assert_nothing_left();
	assert_int_equal(n, 6);
	fini();
	host.maps_left = -1;
	host.no_window = true;
	assert_int_equal(init(size), -ENOSPC);
	assert_nothing_left();
	host.no_window = false;
	for (n = 0; host.tables_left = n, init(size); n++) {
		assert_nothing_left();
		ptab_fini(&nested);
		host.tables_left = -1;
		assert_int_equal(ptab_init(&nested, &format, MEM_PTAB), 0);
	}
	assert_true(n > 3);
	host.tables_left = -1;
	fini();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sizes),	   TEST(the_largest_blocks), TEST(smaller_blocks),
		TEST(wrong_sizes), TEST(out_of_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

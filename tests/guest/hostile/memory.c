// SPDX-License-Identifier: MIT
/*
 * Rounds after memory that is not the guest's: by any address of 52 bits, through page tables that
 * lead in circles, without paging, with large pages, and from real mode. What is read where there
 * is nothing has to be ones: anything else is somebody's memory.
 */
#include "hostile.h"
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/mode.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/trap.h"

enum { ACTS = 48, ENTRIES = 512, LIST = 8, FLAT_RUNS = 6, PSE_SHIFT = 22, PSE36_SHIFT = 13 };
enum { HOLE_PARTS = 16, INDEX_BITS = 9, LEVELS = 4 };

#define TABLES	   0x1300000ull
#define BIT_52	   (1ull << 52)
#define CHECKED_TO 0xfe000000ull /* from here to 4 GiB are devices, here and there */
#define PART_BYTES ((CHECKED_TO - RAM_END) / HOLE_PARTS)

extern uint32_t hostile_list[LIST];
extern uint16_t hostile_pairs[LIST][2];
void hostile_touch(void);
void hostile_real_read(void);
void hostile_real_write(void);

static uint64_t value_read;

static void read_8(uint64_t va)
{
	value_read = *(volatile uint64_t *)va;
}

/* Whether nothing at all is there; a fault is as good an answer as ones. */
static void check_nothing(uint64_t va, uint64_t pa)
{
	value_read = ~0ull;
	trap_run(read_8, va);
	if (value_read != ~0ull) {
		print("physical 0x%lx gives 0x%lx\n", pa, value_read);
		check_true("where there is no memory all is ones", false);
	}
}

/* Any width is as likely as any other; never the guest's own memory or a device. */
static uint64_t random_nowhere(void)
{
	uint64_t pa;

	do
		pa = random_next() & (BIT_52 - 1) >> random_below(26);
	while (pa < RAM_END || (pa >= CHECKED_TO - 2 * PAGE_SIZE && pa < 1ull << 32));
	return pa & PTE_ADDR;
}

void round_addresses(void)
{
	for (unsigned i = 0; i < ACTS; i++) {
		uint64_t pa = random_nowhere();
		struct form f = { .run = access_forms[random_below(access_form_count)],
				  .a = window_address(),
				  .b = BUFFER,
				  .count = random_count() };

		map_window(pa);
		if (random_below(4) == 0) {
			f.b = f.a;
			f.a = random_below(2) ? BUFFER : random_device();
		}
		watchdog_start_hard();
		check_nothing(WINDOW, pa);
		trap_run(run_form, (uint64_t)&f);
		state_restore();
		check_nothing(WINDOW + 8 * random_below(1023), pa);
	}
}

static void touch_all(uint64_t at)
{
	*(volatile uint8_t *)at;
	*(volatile uint16_t *)at;
	*(volatile uint32_t *)at;
	*(volatile uint8_t *)at = (uint8_t)at;
	*(volatile uint16_t *)at = (uint16_t)at;
	*(volatile uint32_t *)at = (uint32_t)at;
	*(volatile uint64_t *)at = at;
	asm volatile("lock addl $1, (%0)" ::"r"(at) : "memory");
}

/* All of the hole between RAM and the devices, at least once each 2 MiB. */
void round_holes(void)
{
	uint64_t at = RAM_END + round_part % HOLE_PARTS * PART_BYTES, end = at + PART_BYTES;

	for (; at < end; at += LARGE_PAGE_SIZE) {
		uint64_t va = at + random_below(LARGE_PAGE_SIZE - 64);

		trap_run(touch_all, random_below(2) ? va : va & ~7ull);
		check_nothing(va, va);
		check_nothing(at, at);
	}
}

static uint64_t canonical(uint64_t va)
{
	return va >> 47 & 1 ? va | 0xffffull << 48 : va & 0xffffffffffffull;
}

/* An entry that leads to one of the four tables, or one that is wrong in some bit. */
static uint64_t random_entry(uint64_t tables)
{
	uint64_t e = (tables + random_below(LEVELS) * PAGE_SIZE) | PTE_P | PTE_W | PTE_U;

	switch (random_below(8)) {
	case 0: return e | PTE_PS;
	case 1: return e | 1ull << (12 + random_below(8));
	case 2: return e | 1ull << (48 + random_below(16));
	case 3: return (e & ~PTE_ADDR) | BUFFER | PTE_PS;
	case 4: return e ^ 1ull << random_below(12);
	default: return e;
	}
}

/* Addresses whose walk comes through the tables again and again, to tables and to their pages. */
static uint64_t loop_address(void)
{
	uint64_t va = random_next() & (PAGE_SIZE - 1);

	for (unsigned level = 0; level < LEVELS; level++)
		va |= (uint64_t)(1 + random_below(8)) << (12 + INDEX_BITS * level);
	if (random_below(2))
		va |= 1ull << 47;
	return canonical(va);
}

static void invalidate(uint64_t va)
{
	invlpg(va);
}

static void act_on_loop(void)
{
	struct form f = { .a = loop_address(), .b = loop_address(), .count = random_below(64) };

	if (random_below(2)) {
		/* Plinth itself walks for these. */
		f.run = string_forms[random_below(string_form_count)];
		f.b = random_below(2) ? 0x80 : 0x1ff;
	} else {
		f.run = access_forms[random_below(access_form_count)];
		if (random_below(3) == 0)
			f.a = LAPIC_BASE + 16 * random_below(64);
	}
	trap_run(invalidate, f.a);
	trap_run(run_form, (uint64_t)&f);
}

void round_loops(void)
{
	uint64_t *tables = (uint64_t *)TABLES;

	for (unsigned i = 0; i < ACTS / 2; i++) {
		for (unsigned e = 0; e < LEVELS * ENTRIES; e++)
			tables[e] = random_entry(TABLES);
		/* All that runs is below 512 GiB; the second half is for the loops as well. */
		tables[0] = paging_pml4[0];
		tables[1] = TABLES | PTE_P | PTE_W | PTE_U;
		watchdog_start_hard();
		write_cr3(TABLES);
		for (unsigned n = 0; n < 4; n++)
			act_on_loop();
		state_restore();
	}
}

static void fill_list(uint64_t mask, uint64_t base)
{
	for (unsigned i = 0; i < LIST; i++) {
		uint64_t at = base;

		do
			at = base ? base + (random_next() & mask) : random_device() & mask;
		while (!base && at < RAM_END && (at < 0xa0000 || at >= 0x100000 - 8));
		hostile_list[i] = (uint32_t)at;
	}
}

/* Protected mode without paging: physical is linear, up to 4 GiB and around its end. */
void round_flat(void)
{
	for (unsigned i = 0; i < FLAT_RUNS; i++) {
		fill_list(0xffffffff, 0);
		if (random_below(2))
			fill_list(0x3fffffff, random_below(2) ? 0x40000000 : 0x8000000);
		watchdog_stop(); /* no NMI between two modes: what it met there is no fault of
				    Plinth's */
		mode_run32(hostile_touch, (uint32_t)(CR0_PE | CR0_ET | CR0_NE), 0, 0);
		state_restore();
	}
}

/* Where the code itself is stays; the upper half leads anywhere. */
static uint32_t make_pse(void)
{
	uint32_t *pd = (uint32_t *)TABLES;

	for (uint32_t i = 0; i < 1024; i++) {
		uint32_t high = random_below(256) << PSE36_SHIFT;

		pd[i] = i << PSE_SHIFT | PTE_P | PTE_W | PTE_PS;
		if (i >= 512)
			pd[i] = (0x20 + random_below(0x3d0)) << PSE_SHIFT | PTE_P | PTE_W | PTE_PS |
				(random_below(2) ? high : 0);
	}
	return (uint32_t)TABLES;
}

static uint32_t make_pae(void)
{
	uint64_t *pdpt = (uint64_t *)TABLES, *pd = pdpt + ENTRIES;

	memset(pdpt, 0, PAGE_SIZE);
	for (uint64_t i = 0; i < 4; i++)
		pdpt[i] = (uint64_t)(pd + (i & 1) * ENTRIES) | PTE_P;
	pdpt[2] = pdpt[3] = pdpt[1];
	for (uint64_t i = 0; i < ENTRIES; i++) {
		pd[i] = i * LARGE_PAGE_SIZE | PTE_P | PTE_W | PTE_PS;
		pd[ENTRIES + i] = (random_nowhere() & ~(LARGE_PAGE_SIZE - 1)) | PTE_P | PTE_W |
				  PTE_PS | (random_below(8) ? 0 : PAGE_SIZE << random_below(9));
	}
	return (uint32_t)TABLES;
}

/* 4-MiB pages with PSE-36 and 2-MiB pages of PAE, at odd places and with bits that are reserved. */
void round_large_pages(void)
{
	for (unsigned i = 0; i < FLAT_RUNS; i++) {
		bool pae = random_below(2);
		uint32_t cr3 = pae ? make_pae() : make_pse();

		fill_list(pae ? 0xbfffffff : 0x7fffffff, pae ? 0x40000000 : 0x80000000);
		watchdog_stop();
		mode_run32(hostile_touch, (uint32_t)(CR0_PE | CR0_ET | CR0_NE | CR0_PG | CR0_WP),
			   cr3, pae ? CR4_PAE : CR4_PSE);
		state_restore();
	}
}

/* Reads from all that real mode reaches, past 1 MiB as well; writes to what is video and ROM. */
void round_real(void)
{
	for (unsigned i = 0; i < 2 * FLAT_RUNS; i++) {
		bool write = random_below(2);
		uint16_t(*to)[2] = low_copy(hostile_pairs);

		for (unsigned n = 0; n < LIST; n++) {
			uint64_t at = random_value();

			to[n][0] = write ? (uint16_t)(0xa000 + random_below(0x5000))
					 : (uint16_t)(0xffff >> random_below(3) * 8);
			to[n][1] = (uint16_t)at;
		}
		watchdog_stop();
		mode_run16(write ? hostile_real_write : hostile_real_read);
		state_restore();
	}
}

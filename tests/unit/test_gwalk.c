/* SPDX-License-Identifier: MIT */
/* sources: vmm/gwalk.c vmm/gmem.c */
/*
 * The walk of a guest's page tables: each mode, each right, each reserved bit, the marks, and that
 * the short way for usual walks and the general one never differ.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/cr.h"
#include "lib/errno.h"
#include "vmm/gwalk.h"

enum { P = 1, RW = 2, US = 4, A = 0x20, D = 0x40, PS = 0x80, ALL = P | RW | US };
enum { RAM = 64 * 4096, ROM = 4 * 4096 };

#define NX BIT(63)

/* Where the tables of these tests stand: one a level, the root last. */
enum { PT = 0x1000, PD = 0x2000, PDPT = 0x3000, PML4 = 0x4000, PML5 = 0x5000, DATA = 0x8000 };

struct fixture {
	struct gmem m;
	uint8_t *ram, *rom;
	struct gwalk_mode mode;
	gpa_t out;
	struct gwalk_fault fault;
};

static uint64_t *entry(struct fixture *f, uint64_t table, unsigned index)
{
	return (uint64_t *)(f->ram + table) + index;
}

static uint32_t *entry_32(struct fixture *f, uint64_t table, unsigned index)
{
	return (uint32_t *)(f->ram + table) + index;
}

/* Page 5 of the address space is at DATA in each mode. */
static const uint64_t linear = 0x5123;

static void set_long_mode(struct fixture *f)
{
	f->mode.cr0 = CR0_PG | CR0_PE | CR0_WP;
	f->mode.cr4 = CR4_PAE;
	f->mode.efer = EFER_LMA | EFER_LME | EFER_NXE;
	f->mode.cr3 = PML4;
}

static void use_long_mode(struct fixture *f)
{
	set_long_mode(f);
	*entry(f, PML5, 0) = PML4 | ALL;
	*entry(f, PML4, 0) = PDPT | ALL;
	*entry(f, PDPT, 0) = PD | ALL;
	*entry(f, PD, 0) = PT | ALL;
	*entry(f, PT, 5) = DATA | ALL;
}

static void use_pae(struct fixture *f)
{
	use_long_mode(f);
	f->mode.efer = EFER_NXE;
	f->mode.cr3 = PDPT + 0x20;
	*entry(f, PDPT, 4) = PD | P;
}

static void use_32(struct fixture *f)
{
	f->mode.cr0 = CR0_PG | CR0_PE | CR0_WP;
	f->mode.cr4 = CR4_PSE;
	f->mode.efer = 0;
	f->mode.cr3 = PD;
	memset(f->ram + PD, 0, 4096);
	memset(f->ram + PT, 0, 4096);
	*entry_32(f, PD, 0) = PT | ALL;
	*entry_32(f, PT, 5) = DATA | ALL;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->ram = aligned_alloc(4096, RAM);
	f->rom = aligned_alloc(4096, ROM);
	memset(f->ram, 0, RAM);
	memset(f->rom, 0, ROM);
	struct gmem_slot ram = { gpa(0), RAM, f->ram, 0, "ram" };
	struct gmem_slot rom = { gpa(RAM), ROM, f->rom, GMEM_ROM, "rom" };

	if (gmem_add(&f->m, &ram) || gmem_add(&f->m, &rom))
		return -1;
	f->mode = (struct gwalk_mode){ .rflags = RFLAGS_FIXED, .maxphyaddr = 40, .has_1g = true };
	use_long_mode(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->ram);
	free(f->rom);
	free(f);
	return 0;
}

static int walk(struct fixture *f, uint64_t addr, unsigned access)
{
	memset(&f->fault, 0xaa, sizeof(f->fault));
	f->out = gpa(~0ull);
	return gwalk(&f->m, &f->mode, gva(addr), access, &f->out, &f->fault);
}

#define assert_walks(f, addr, access, to)                   \
	do {                                                \
		assert_int_equal(walk(f, addr, access), 0); \
		assert_int_equal((f)->out.raw, to);         \
	} while (0)

#define assert_faults(f, addr, access, code)                      \
	do {                                                      \
		assert_int_equal(walk(f, addr, access), -EFAULT); \
		assert_int_equal((f)->fault.error, code);         \
		assert_int_equal((f)->fault.address.raw, addr);   \
		assert_false((f)->fault.no_memory);               \
	} while (0)

static void no_paging_is_identity(void **state)
{
	struct fixture *f = *state;

	f->mode = (struct gwalk_mode){ .cr0 = CR0_PE, .cpl = 3, .maxphyaddr = 40 };
	assert_walks(f, 0x12345678, WALK_WRITE, 0x12345678);
	assert_walks(f, 0x100000010, WALK_FETCH, 0x10); /* linear addresses have 32 bits */
}

static void mode_32_bit(void **state)
{
	struct fixture *f = *state;

	use_32(f);
	assert_walks(f, linear, WALK_READ, DATA | 0x123);
	assert_faults(f, 0x6000ull, WALK_READ, 0);
	assert_faults(f, 0x400000ull, WALK_WRITE, PF_W);
	*entry_32(f, PD, 1023) = PT | ALL;
	assert_walks(f, 0xffc05123, WALK_READ, DATA | 0x123);
	/* NX and SMEP: no instruction bit in the error code without either. */
	assert_faults(f, 0x6000ull, WALK_FETCH, 0);
	f->mode.cr4 |= CR4_SMEP;
	assert_faults(f, 0x6000ull, WALK_FETCH, PF_I);
}

static void mode_32_bit_large_pages(void **state)
{
	struct fixture *f = *state;

	use_32(f);
	*entry_32(f, PD, 2) = 0x00c00000 | ALL | PS;
	assert_walks(f, 0x923456, WALK_READ, 0xd23456);
	*entry_32(f, PD, 2) = 0x00c00000 | 0xab << 13 | ALL | PS; /* PSE-36: bits 39:32 */
	assert_walks(f, 0x923456, WALK_READ, 0xab00d23456);
	*entry_32(f, PD, 2) = 0x00c00000 | 1 << 21 | ALL | PS;
	assert_faults(f, 0x923456ull, WALK_READ, PF_P | PF_RSVD);
	f->mode.maxphyaddr = 36; /* then bits 21:17 are reserved */
	for (unsigned bit = 13; bit < 22; bit++) {
		*entry_32(f, PD, 2) = 0x00c00000 | 1 << bit | ALL | PS;
		assert_int_equal(walk(f, 0x923456, WALK_READ), bit < 17 ? 0 : -EFAULT);
	}
	f->mode.cr4 = 0; /* without CR4.PSE the bit means nothing */
	*entry_32(f, PD, 2) = PT | ALL | PS;
	assert_walks(f, 0x805123, WALK_READ, DATA | 0x123);
}

static void mode_pae(void **state)
{
	struct fixture *f = *state;

	use_pae(f);
	assert_walks(f, linear, WALK_READ, DATA | 0x123);
	assert_walks(f, 0x300000000 | linear, WALK_WRITE, DATA | 0x123); /* cut to 32 bits */
	*entry(f, PDPT, 7) = PD | P;
	*entry(f, PD, 511) = 0x40000000000 >> 8 | 0x00200000 | ALL | PS;
	assert_walks(f, 0xffe01234, WALK_READ, 0x400201234ull);
	assert_faults(f, 0x40000000ull, WALK_READ, 0); /* PDPTE 1 is not present */
	*entry(f, PT, 5) |= NX;
	assert_faults(f, linear, WALK_FETCH, PF_P | PF_I);
	assert_walks(f, linear, WALK_READ, DATA | 0x123);
	f->mode.efer = 0;
	assert_faults(f, linear, WALK_READ, PF_P | PF_RSVD);
}

static void mode_4_and_5_levels(void **state)
{
	struct fixture *f = *state;

	assert_walks(f, linear, WALK_READ, DATA | 0x123);
	*entry(f, PML4, 511) = PDPT | ALL;
	*entry(f, PDPT, 510) = PD | ALL;
	*entry(f, PD, 8) = 0x40000000 | ALL | PS;
	*entry(f, PDPT, 511) = (0x8040000000 & ~(GIB - 1)) | ALL | PS;
	assert_walks(f, 0xffffffff81012345, WALK_FETCH, 0x40012345);
	assert_walks(f, 0xffffffffc1234567, WALK_READ, 0x8041234567);
	f->mode.cr4 |= CR4_LA57;
	f->mode.cr3 = PML5;
	*entry(f, PD, 5) = 0x9000 | ALL | A; /* what a walk of four levels would find */
	assert_walks(f, linear, WALK_READ, DATA | 0x123);
	assert_walks(f, linear, WALK_READ, DATA | 0x123);
	*entry(f, PML5, 1) = *entry(f, PML5, 0);
	*entry(f, PML5, 0) = 0;
	assert_faults(f, linear, WALK_READ, 0);
	assert_walks(f, BIT(48) | linear, WALK_READ, DATA | 0x123);
}

static void pages_of_1g_where_offered(void **state)
{
	struct fixture *f = *state;

	*entry(f, PDPT, 1) = GIB * 3 | ALL | PS;
	assert_walks(f, GIB + 5, WALK_READ, GIB * 3 + 5);
	f->mode.has_1g = false;
	assert_faults(f, GIB + 5, WALK_READ, PF_P | PF_RSVD);
}

/* The rules as the manual tells them, one after the other. */
static bool is_allowed(const struct gwalk_mode *mode, unsigned access, bool us, bool rw, bool nx)
{
	bool user = mode->cpl == 3 && !(access & WALK_SYSTEM);
	bool smap = mode->cr4 & CR4_SMAP, smep = mode->cr4 & CR4_SMEP, wp = mode->cr0 & CR0_WP;
	bool ac = (mode->rflags & RFLAGS_AC) && !(access & WALK_SYSTEM);

	if (user && !us)
		return false;
	if (access & WALK_FETCH) {
		if (nx)
			return false;
		return user || !us || !smep;
	}
	if (!user && us && smap && !ac)
		return false;
	if (access & WALK_WRITE)
		return rw || (!user && !wp);
	return true;
}

static void check_rights(struct fixture *f, unsigned access, unsigned bits, unsigned level)
{
	static const uint64_t tables[] = { PT, PD, PDPT, PML4 };
	bool us = bits & 1, rw = bits & 2, nx = bits & 4;
	uint32_t code = PF_P;

	use_long_mode(f);
	f->mode.cr0 = CR0_PG | CR0_PE | (bits & 8 ? CR0_WP : 0);
	f->mode.cr4 = CR4_PAE | (bits & 16 ? CR4_SMEP : 0) | (bits & 32 ? CR4_SMAP : 0);
	f->mode.rflags = RFLAGS_FIXED | (bits & 64 ? RFLAGS_AC : 0);
	f->mode.cpl = bits & 128 ? 3 : 0;
	if (bits & 256) { /* with marks that are set already: the usual way */
		for (unsigned i = 0; i < 4; i++)
			*entry(f, tables[i], i ? 0 : 5) |= A | D;
	}
	uint64_t *e = entry(f, tables[level - 1], level == 1 ? 5 : 0);

	*e = (*e & ~(uint64_t)(US | RW)) | (us ? US : 0) | (rw ? RW : 0) | (nx ? NX : 0);
	if (is_allowed(&f->mode, access, us, rw, nx)) {
		assert_walks(f, linear, access, DATA | 0x123);
		return;
	}
	if (access & WALK_WRITE)
		code |= PF_W;
	if (access & WALK_FETCH)
		code |= PF_I;
	if (f->mode.cpl == 3 && !(access & WALK_SYSTEM))
		code |= PF_U;
	assert_faults(f, linear, access, code);
}

static void rights(void **state)
{
	static const unsigned accesses[] = { WALK_READ, WALK_WRITE, WALK_FETCH, WALK_SYSTEM,
					     WALK_SYSTEM | WALK_WRITE };

	for (unsigned i = 0; i < ARRAY_SIZE(accesses); i++) {
		for (unsigned bits = 0; bits < 512; bits++) {
			for (unsigned level = 1; level <= 4; level++)
				check_rights(*state, accesses[i], bits, level);
		}
	}
}

/* Sets each bit of an entry in turn; what is in reserved gives a fault that says so. */
static void check_reserved(struct fixture *f, uint64_t *e, uint64_t addr, uint64_t reserved)
{
	uint64_t good = *e;

	for (unsigned bit = 7; bit < 64; bit++) {
		if (good & BIT(bit) || (bit == 7 && !(reserved & PS)))
			continue; /* PS makes a page of it */
		*e = good | BIT(bit);
		if (reserved & BIT(bit))
			assert_faults(f, addr, WALK_READ, PF_P | PF_RSVD);
		else if (walk(f, addr, WALK_READ))
			assert_true(f->fault.no_memory || !(f->fault.error & PF_RSVD));
	}
	*e = good;
}

static void reserved_bits_of_4_levels(void **state)
{
	struct fixture *f = *state;
	uint8_t widths[] = { 36, 40, 52 };

	for (unsigned i = 0; i < 6; i++) {
		use_long_mode(f);
		f->mode.maxphyaddr = widths[i / 2];
		f->mode.efer &= i & 1 ? ~EFER_NXE : ~0ull;

		uint64_t high = BIT(52) - BIT(f->mode.maxphyaddr);

		high |= i & 1 ? NX : 0;
		*entry(f, PD, 1) = 4 * MIB | ALL | PS;
		*entry(f, PDPT, 1) = GIB | ALL | PS;
		check_reserved(f, entry(f, PML4, 0), linear, high | PS);
		check_reserved(f, entry(f, PDPT, 0), linear, high);
		check_reserved(f, entry(f, PD, 0), linear, high);
		check_reserved(f, entry(f, PT, 5), linear, high);
		check_reserved(f, entry(f, PD, 1), 2 * MIB, high | (2 * MIB - BIT(13)));
		check_reserved(f, entry(f, PDPT, 1), GIB, high | (GIB - BIT(13)));
	}
}

static void reserved_bits_of_pae(void **state)
{
	struct fixture *f = *state;
	uint64_t high = BIT(63) - BIT(40);

	use_pae(f);
	*entry(f, PD, 1) = 4 * MIB | ALL | PS;
	check_reserved(f, entry(f, PDPT, 4), linear, high | NX | PS | BIT(8));
	for (unsigned bit = 1; bit < 9; bit++) {
		*entry(f, PDPT, 4) = PD | P | BIT(bit);
		assert_int_equal(walk(f, linear, WALK_READ), bit >= 3 && bit <= 5 ? 0 : -EFAULT);
	}
	*entry(f, PDPT, 4) = PD | P;
	check_reserved(f, entry(f, PD, 0), linear, high);
	check_reserved(f, entry(f, PT, 5), linear, high);
	check_reserved(f, entry(f, PD, 1), 2 * MIB, high | (2 * MIB - BIT(13)));
}

static void marks(void **state)
{
	struct fixture *f = *state;

	assert_walks(f, linear, WALK_READ, DATA | 0x123);
	assert_int_equal(*entry(f, PML4, 0), PDPT | ALL | A);
	assert_int_equal(*entry(f, PDPT, 0), PD | ALL | A);
	assert_int_equal(*entry(f, PD, 0), PT | ALL | A);
	assert_int_equal(*entry(f, PT, 5), DATA | ALL | A);
	assert_walks(f, linear, WALK_WRITE, DATA | 0x123);
	assert_int_equal(*entry(f, PD, 0), PT | ALL | A);
	assert_int_equal(*entry(f, PT, 5), DATA | ALL | A | D);

	*entry(f, PD, 1) = 4 * MIB | ALL | PS;
	assert_walks(f, 2 * MIB, WALK_WRITE, 4 * MIB);
	assert_int_equal(*entry(f, PD, 1), 4 * MIB | ALL | PS | A | D);

	*entry(f, PT, 6) = DATA | P; /* read-only: a write faults and marks nothing */
	assert_faults(f, 0x6000ull, WALK_WRITE, PF_P | PF_W);
	assert_int_equal(*entry(f, PT, 6), DATA | P);

	use_pae(f);
	assert_walks(f, linear, WALK_WRITE, DATA | 0x123);
	assert_int_equal(*entry(f, PDPT, 4), PD | P); /* PDPTEs have no marks */
	use_32(f);
	assert_walks(f, linear, WALK_WRITE, DATA | 0x123);
	assert_int_equal(*entry_32(f, PD, 0), PT | ALL | A);
	assert_int_equal(*entry_32(f, PT, 5), DATA | ALL | A | D);
	assert_int_equal(*entry_32(f, PT, 4), 0);
	assert_int_equal(*entry_32(f, PT, 6), 0);
}

static void tables_in_rom_are_read(void **state)
{
	struct fixture *f = *state;

	((uint64_t *)f->rom)[5] = DATA | ALL;
	*entry(f, PD, 0) = RAM | ALL;
	assert_walks(f, linear, WALK_WRITE, DATA | 0x123);
	assert_int_equal(((uint64_t *)f->rom)[5], DATA | ALL);
}

static void tables_outside_memory(void **state)
{
	static const uint64_t tables[] = { PD, PDPT, PML4 };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++) {
		use_long_mode(f);
		*entry(f, tables[i], 0) = GIB | ALL;
		assert_int_equal(walk(f, linear, WALK_READ), -EFAULT);
		assert_true(f->fault.no_memory);
		assert_int_equal(f->fault.error, 0);
	}
	use_long_mode(f);
	f->mode.cr3 = BIT(51) | PML4;
	assert_int_equal(walk(f, linear, WALK_READ), -EFAULT);
	assert_true(f->fault.no_memory);
	/* A page outside of memory is none of the walk's business: it may be a device. */
	use_long_mode(f);
	*entry(f, PT, 5) = 0xfee00000 | ALL;
	assert_walks(f, linear, WALK_READ, 0xfee00123);
}

static int copy(struct fixture *f, uint64_t addr, void *buf, unsigned n, unsigned access)
{
	memset(&f->fault, 0xaa, sizeof(f->fault));
	return gwalk_read(&f->m, &f->mode, gva(addr), buf, n, access, &f->fault);
}

static void copies_every_length(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[64], expected[64];

	*entry(f, PT, 6) = (DATA + 0x3000) | ALL;
	for (unsigned i = 0; i < 0x4000; i++)
		f->ram[DATA + i] = i * 7 + (i >> 8);
	for (unsigned n = 1; n <= 40; n++) {
		for (uint64_t offset = 0xfc0; offset < 0x1000; offset++) {
			unsigned first = MIN(n, 0x1000 - offset);

			memcpy(expected, f->ram + DATA + offset, first);
			memcpy(expected + first, f->ram + DATA + 0x3000, n - first);
			buf[n] = 0xee;
			assert_int_equal(copy(f, 0x5000 + offset, buf, n, WALK_FETCH), 0);
			assert_memory_equal(buf, expected, n);
			assert_int_equal(buf[n], 0xee);
			for (unsigned i = 0; i < n; i++)
				buf[i] = ~expected[i];
			assert_int_equal(copy(f, 0x5000 + offset, buf, n, WALK_WRITE), 0);
			assert_memory_equal(f->ram + DATA + offset, buf, first);
			assert_memory_equal(f->ram + DATA + 0x3000, buf + first, n - first);
		}
	}
}

static void failed_copies_copy_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[16] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	/* The second page is not there: the fault names its first byte. */
	assert_int_equal(copy(f, 0x5ffc, buf, 8, WALK_WRITE), -EFAULT);
	assert_int_equal(f->fault.address.raw, 0x6000);
	assert_int_equal(f->fault.error, PF_W);
	assert_int_equal(f->ram[DATA + 0xffc], 0);
	/* It is there, but not memory. */
	*entry(f, PT, 6) = 0xfee00000 | ALL;
	assert_int_equal(copy(f, 0x5ffc, buf, 8, WALK_WRITE), -EFAULT);
	assert_true(f->fault.no_memory);
	assert_int_equal(f->fault.address.raw, 0x6000);
	assert_int_equal(f->ram[DATA + 0xffc], 0);
	assert_int_equal(copy(f, 0x6000, buf, 8, WALK_READ), -EFAULT);
	assert_true(f->fault.no_memory);
	/* ROM is read, not written. */
	*entry(f, PT, 6) = RAM | ALL;
	assert_int_equal(copy(f, 0x6000, buf, 8, WALK_READ), 0);
	assert_int_equal(buf[0], 0);
	assert_int_equal(copy(f, 0x6000, buf, 8, WALK_WRITE), -EFAULT);
	assert_true(f->fault.no_memory);
	/* In 32-bit modes the address wraps. */
	use_32(f);
	*entry_32(f, PD, 1023) = PT | ALL;
	*entry_32(f, PT, 1023) = DATA | ALL;
	*entry_32(f, PT, 0) = (DATA + 0x1000) | ALL;
	f->ram[DATA + 0xfff] = 0x11, f->ram[DATA + 0x1000] = 0x22;
	assert_int_equal(copy(f, 0xffffffff, buf, 2, WALK_READ), 0);
	assert_int_equal(buf[0], 0x11);
	assert_int_equal(buf[1], 0x22);
}

static uint64_t random_state = 88172645463325252ull;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint64_t random_entry(void)
{
	static const uint64_t rare[] = {
		P, RW, US, A, D, PS, NX, BIT(40), BIT(45), BIT(52), BIT(13)
	};
	uint64_t e = (random_next() >> 20) % 64 << 12 | ALL | A | D;

	for (unsigned i = 0; i < ARRAY_SIZE(rare); i++) {
		if ((random_next() >> 20) % 16 == 0)
			e ^= rare[i];
	}
	return e;
}

/* The same tables twice: once in the main slot, and once beside a larger one, where no walk is
 * short. */
static void short_way_and_long_way_agree(void **state)
{
	struct fixture *f = *state;
	uint8_t *second = aligned_alloc(4096, RAM), *larger = aligned_alloc(4096, 2 * RAM);
	struct gmem_slot slot = { gpa(0), RAM, second, 0, "same" };
	struct gmem_slot big = { gpa(GIB), 2 * RAM, larger, 0, "larger" };
	struct gmem other = { 0 };
	unsigned good = 0;

	assert_int_equal(gmem_add(&other, &slot), 0);
	assert_int_equal(gmem_add(&other, &big), 0);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t addr = random_next() & 0x8040201fff;
		unsigned access = (random_next() >> 20) % 8;
		struct gwalk_fault fault;
		gpa_t out = { 0 };

		if (i % 64 == 0) {
			assert_true(i == 0 || memcmp(second, f->ram, RAM) == 0);
			for (unsigned at = 0; at < RAM; at += 8)
				*(uint64_t *)(f->ram + at) = random_entry();
			memcpy(second, f->ram, RAM);
		}
		set_long_mode(f);
		f->mode.cpl = random_next() & BIT(20) ? 3 : 0;
		f->mode.cr0 ^= random_next() & CR0_WP;
		f->mode.cr4 ^= random_next() & (CR4_SMEP | CR4_SMAP);
		f->mode.efer ^= random_next() & EFER_NXE;

		int r = walk(f, addr, access);

		assert_int_equal(gwalk(&other, &f->mode, gva(addr), access, &out, &fault), r);
		if (r) {
			assert_memory_equal(&fault.error, &f->fault.error, sizeof(fault.error));
			assert_int_equal(fault.address.raw, f->fault.address.raw);
			assert_int_equal(fault.no_memory, f->fault.no_memory);
		} else {
			assert_int_equal(out.raw, f->out.raw);
			good++;
		}
	}
	assert_true(good > 5000);
	free(second);
	free(larger);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_paging_is_identity),
		TEST(mode_32_bit),
		TEST(mode_32_bit_large_pages),
		TEST(mode_pae),
		TEST(mode_4_and_5_levels),
		TEST(pages_of_1g_where_offered),
		TEST(rights),
		TEST(reserved_bits_of_4_levels),
		TEST(reserved_bits_of_pae),
		TEST(marks),
		TEST(tables_in_rom_are_read),
		TEST(tables_outside_memory),
		TEST(copies_every_length),
		TEST(failed_copies_copy_nothing),
		TEST(short_way_and_long_way_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: vmm/gwalk.c vmm/gmem.c */
/* runs: 100000 */
/*
 * Any tables in any mode. Whatever they are: no access outside of the guest's memory, no change of
 * an entry but in its accessed and dirty bits, and the short way of usual walks finds what the long
 * one finds.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/cr.h"
#include "lib/errno.h"
#include "vmm/gwalk.h"

enum { PAGES = 4, MEMORY = PAGES * 4096, ENTRY_BYTES = 6, MARKS = 0x60 };

/* The mode's fields, as the input has them. */
struct choices {
	uint8_t pages[4];
	uint8_t mode, access, maxphyaddr, cr3;
	uint64_t addr;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t first[MEMORY] aligned(4096), second[MEMORY] aligned(4096);
static uint8_t before[MEMORY] aligned(4096), larger[2 * MEMORY] aligned(4096);

static void check(bool good)
{
	if (!good)
		abort();
}

/* Few indexes and few pages, so that what is written is also walked. */
static void tables_fill(const struct choices *c, const uint8_t *data, size_t size)
{
	memset(first, 0, sizeof(first));
	for (unsigned i = 0; i < PAGES * 8; i++) {
		unsigned at = i / 8 * 512 + (i & 4 ? 504 : 0) + (i & 7);
		uint64_t e = (uint64_t)(c->pages[i & 3] & (PAGES - 1)) << 12 | 0x67;

		memcpy(first + at * 8, &e, 8);
	}
	for (; size >= ENTRY_BYTES; data += ENTRY_BYTES, size -= ENTRY_BYTES) {
		unsigned at = (data[0] & (PAGES - 1)) * 512u + (data[0] >> 3 & 3u);
		uint64_t e = (uint64_t)(data[1] & 7) << 12 | data[2] | (uint64_t)data[3] << 56;

		if (data[4] < 64)
			e ^= BIT(data[4]);
		if (data[5] & 1)
			at += 508;
		memcpy(first + at * 8, &e, 8);
	}
}

static void mode_fill(const struct choices *c, struct gwalk_mode *mode)
{
	*mode = (struct gwalk_mode){
		.cr0 = CR0_PE | (c->mode & 1 ? CR0_PG : 0) | (c->mode & 2 ? CR0_WP : 0),
		.cr4 = (c->mode & 4 ? CR4_SMEP : 0) | (c->mode & 8 ? CR4_SMAP : 0) |
		       (c->mode & 16 ? CR4_PSE : 0) | (c->mode & 32 ? CR4_PAE : 0) |
		       (c->cr3 & 128 ? CR4_LA57 : 0),
		.efer = (c->mode & 64 ? EFER_NXE : 0) |
			((c->mode & 33) == 33 && (c->mode & 128) ? EFER_LMA | EFER_LME : 0),
		.cr3 = (uint64_t)(c->cr3 & 7) << 12 | (c->cr3 & 16 ? 0x20 : 0),
		.rflags = RFLAGS_FIXED | (c->access & 64 ? RFLAGS_AC : 0),
		.cpl = c->access & 128 ? 3 : 0,
		.maxphyaddr = 32 + c->maxphyaddr % 21,
		.has_1g = c->maxphyaddr & 128,
	};
}

static void marks_check(const struct gwalk_mode *mode)
{
	uint64_t marks = mode->cr4 & CR4_PAE ? MARKS : MARKS | (uint64_t)MARKS << 32;

	for (unsigned i = 0; i < MEMORY; i += 8) {
		uint64_t now, then;

		memcpy(&now, first + i, 8);
		memcpy(&then, before + i, 8);
		check(!((now ^ then) & ~marks) && (now & then) == then);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gmem_slot slot = { gpa(0), MEMORY, first, 0, "first" };
	struct gmem_slot same = { gpa(0), MEMORY, second, 0, "second" };
	struct gmem_slot big = { gpa(BIT(52)), 2 * MEMORY, larger, 0, "larger" };
	struct gwalk_fault fault = { 0 }, other_fault = { 0 };
	struct gmem m = { 0 }, other = { 0 };
	/* No entry reaches the larger slot: it is there only to be the main one. */
	gpa_t out = { 0 }, other_out = { 0 };
	struct gwalk_mode mode;
	struct choices c;
	uint8_t buf[64];

	if (size < sizeof(c))
		return 0;
	memcpy(&c, data, sizeof(c));
	tables_fill(&c, data + sizeof(c), size - sizeof(c));
	memcpy(second, first, MEMORY);
	memcpy(before, first, MEMORY);
	mode_fill(&c, &mode);
	check(!gmem_add(&m, &slot) && !gmem_add(&other, &same) && !gmem_add(&other, &big));

	unsigned access = c.access & 7;
	int r = gwalk(&m, &mode, gva(c.addr), access, &out, &fault);

	check(gwalk(&other, &mode, gva(c.addr), access, &other_out, &other_fault) == r);
	check(r == 0 || r == -EFAULT);
	check(out.raw == other_out.raw && fault.error == other_fault.error &&
	      fault.no_memory == other_fault.no_memory &&
	      fault.address.raw == other_fault.address.raw);
	check(memcmp(first, second, MEMORY) == 0);
	marks_check(&mode);
	/* A read may cross into a page of other rights; it is still within memory or refused. */
	r = gwalk_read(&m, &mode, gva(c.addr), buf, 1 + c.pages[0] % sizeof(buf),
		       access & ~WALK_WRITE, &fault);
	check(r == 0 || r == -EFAULT);
	marks_check(&mode);
	return 0;
}

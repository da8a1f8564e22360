/* SPDX-License-Identifier: MIT */
/*
 * The states of the CPU that kernels are started in. The segments are made once, neutrally; the
 * descriptors in the guest's GDT are made from them, so that the two cannot differ.
 */
#include "vmm/load/loader.h"

#include "arch/x86_64/cr.h"
#include "arch/x86_64/pte.h"
#include "lib/errno.h"

/*
 * Types of segments (SDM 3, "Code- and Data-Segment Descriptor Types", "System Descriptor Types").
 */
enum {
	TYPE_DATA = 0x3, /* read, write, accessed */
	TYPE_CODE = 0xb, /* execute, read, accessed */
	TYPE_TSS_BUSY = 0xb,
};

enum { TSS_LIMIT = 0x67, TABLE_ENTRIES = 512, DIRECTORIES = 4 };

/* The attributes of a present segment that covers all 4 GiB. */
static uint16_t flat_attr(unsigned type, unsigned size_bit)
{
	return (uint16_t)(type | SEG_S | SEG_P | SEG_G | size_bit);
}

/* A descriptor of a flat segment (SDM 3, "Segment Descriptors"): base 0, limit all ones. */
static uint64_t flat_descriptor(const struct segment *s)
{
	const uint64_t limit_low = 0xffff, limit_high = 0xfull << 48;
	const unsigned attr_shift = 40;

	return limit_low | limit_high | (uint64_t)s->attr << attr_shift;
}

static void segments_set(struct load_regs *r, gpa_t gdt, unsigned code_size_bit)
{
	static const enum vseg data[] = { VSEG_DS, VSEG_ES, VSEG_SS, VSEG_FS, VSEG_GS };

	r->segments[VSEG_CS] =
		(struct segment){ 0, UINT32_MAX, STATE_CODE, flat_attr(TYPE_CODE, code_size_bit) };
	for (unsigned i = 0; i < ARRAY_SIZE(data); i++)
		r->segments[data[i]] =
			(struct segment){ 0, UINT32_MAX, STATE_DATA, flat_attr(TYPE_DATA, SEG_DB) };
	/* An entry to a guest needs a task register, whatever the kernel does with it. */
	r->segments[VSEG_TR] = (struct segment){ 0, TSS_LIMIT, 0, TYPE_TSS_BUSY | SEG_P };
	r->segments[VSEG_LDTR] = (struct segment){ 0 };
	r->segments[VSEG_GDTR] = (struct segment){ .base = gdt.raw, .limit = STATE_GDT_SIZE - 1 };
	r->segments[VSEG_IDTR] = (struct segment){ 0 };
}

static int gdt_write(struct load *l, gpa_t gdt)
{
	const struct segment *s = l->regs->segments;
	const uint64_t table[STATE_GDT_SIZE / 8] = {
		[STATE_CODE / 8] = flat_descriptor(&s[VSEG_CS]),
		[STATE_DATA / 8] = flat_descriptor(&s[VSEG_DS]),
	};

	if (gmem_write(l->mem, gdt, table, sizeof(table)))
		return load_fail_memory("GDT", gdt);
	return 0;
}

int state_set_protected(struct load *l, gpa_t gdt)
{
	*l->regs = (struct load_regs){ .rflags = RFLAGS_FIXED, .cr0 = CR0_PE | CR0_ET | CR0_NE };
	segments_set(l->regs, gdt, SEG_DB);
	return gdt_write(l, gdt);
}

/* PML4, one page-directory-pointer table, and four page directories of 2 MiB pages. */
static int tables_write(struct load *l, gpa_t tables)
{
	uint64_t *pml4 = gmem_ptr(l->mem, tables, STATE_TABLES_SIZE, true);
	uint64_t *pdpt, *directory;

	if (!pml4)
		return load_fail_memory("page tables", tables);
	for (unsigned i = 0; i < STATE_TABLES_SIZE / sizeof(*pml4); i++)
		pml4[i] = 0;
	pdpt = pml4 + TABLE_ENTRIES;
	directory = pdpt + TABLE_ENTRIES;
	pml4[0] = (tables.raw + PAGE_SIZE) | PTE_P | PTE_RW;
	for (unsigned i = 0; i < DIRECTORIES; i++)
		pdpt[i] = (tables.raw + (2 + i) * PAGE_SIZE) | PTE_P | PTE_RW;
	for (uint64_t i = 0; i < DIRECTORIES * TABLE_ENTRIES; i++)
		directory[i] = i * 2 * MIB | PTE_P | PTE_RW | PTE_PS;
	return 0;
}

int state_set_long(struct load *l, gpa_t gdt, gpa_t tables)
{
	*l->regs = (struct load_regs){
		.rflags = RFLAGS_FIXED,
		.cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_NE | CR0_WP,
		.cr3 = tables.raw,
		.cr4 = CR4_PAE,
		.efer = EFER_LME | EFER_LMA,
	};
	segments_set(l->regs, gdt, SEG_L);
	if (tables_write(l, tables))
		return -EFAULT;
	return gdt_write(l, gdt);
}

/* SPDX-License-Identifier: MIT */
/*
 * Reads ELF headers. The two classes differ in the width of some fields only: each has its structs
 * as the specification lays them out, and they are copied, since a file may lie at any address.
 */
#include "lib/elf.h"

#include "lib/errno.h"
#include "lib/string.h"

enum { IDENT_CLASS = 4, IDENT_DATA = 5, IDENT_VERSION = 6, IDENT_SIZE = 16 };
enum { CLASS_32 = 1, CLASS_64 = 2 };
enum { DATA_LITTLE = 1, VERSION_CURRENT = 1 };

struct header32 {
	uint8_t ident[IDENT_SIZE];
	uint16_t type, machine;
	uint32_t version, entry, phoff, shoff, flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct header64 {
	uint8_t ident[IDENT_SIZE];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct program_header32 {
	uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

struct program_header64 {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

_Static_assert(sizeof(struct header32) == 52, "Elf32_Ehdr");
_Static_assert(sizeof(struct header64) == 64, "Elf64_Ehdr");
_Static_assert(sizeof(struct program_header32) == 32, "Elf32_Phdr");
_Static_assert(sizeof(struct program_header64) == 56, "Elf64_Phdr");

bool elf_is_file(const void *data, uint64_t size)
{
	return size >= IDENT_SIZE && memcmp(data, "\177ELF", 4) == 0;
}

/* So that each check is one line. */
static int fail(const char **why, const char *phrase)
{
	*why = phrase;
	return -EINVAL;
}

static void header32_read(struct elf_image *e)
{
	struct header32 h;

	memcpy(&h, e->data, sizeof(h));
	e->type = h.type;
	e->machine = h.machine;
	e->entry = h.entry;
	e->segments_offset = h.phoff;
	e->segment_count = h.phnum;
	e->segment_stride = h.phentsize;
}

static void header64_read(struct elf_image *e)
{
	struct header64 h;

	memcpy(&h, e->data, sizeof(h));
	e->type = h.type;
	e->machine = h.machine;
	e->entry = h.entry;
	e->segments_offset = h.phoff;
	e->segment_count = h.phnum;
	e->segment_stride = h.phentsize;
}

int elf_open(struct elf_image *e, const void *data, uint64_t size, const char **why)
{
	const uint8_t *ident = data;

	if (!elf_is_file(data, size))
		return fail(why, "does not begin with ELF's magic number");
	if (ident[IDENT_DATA] != DATA_LITTLE || ident[IDENT_VERSION] != VERSION_CURRENT)
		return fail(why, "is not little-endian, or not of ELF version 1");
	if (ident[IDENT_CLASS] != CLASS_32 && ident[IDENT_CLASS] != CLASS_64)
		return fail(why, "is neither 32-bit nor 64-bit");

	*e = (struct elf_image){ .data = data, .size = size };
	e->is64 = ident[IDENT_CLASS] == CLASS_64;
	if (size < (e->is64 ? sizeof(struct header64) : sizeof(struct header32)))
		return fail(why, "ends within its header");
	if (e->is64)
		header64_read(e);
	else
		header32_read(e);

	if (e->segment_count && e->segment_stride < (e->is64 ? sizeof(struct program_header64)
							     : sizeof(struct program_header32)))
		return fail(why, "has program headers that are too small");
	if (e->segments_offset > size ||
	    (uint64_t)e->segment_count * e->segment_stride > size - e->segments_offset)
		return fail(why, "ends before its program headers do");
	return 0;
}

int elf_segment_get(const struct elf_image *e, unsigned i, struct elf_segment *s, const char **why)
{
	const uint8_t *at = e->data + e->segments_offset + (uint64_t)i * e->segment_stride;

	if (e->is64) {
		struct program_header64 h;

		memcpy(&h, at, sizeof(h));
		*s = (struct elf_segment){ h.type, h.offset, h.filesz, h.vaddr, h.paddr, h.memsz };
	} else {
		struct program_header32 h;

		memcpy(&h, at, sizeof(h));
		*s = (struct elf_segment){ h.type, h.offset, h.filesz, h.vaddr, h.paddr, h.memsz };
	}
	if (s->type != ELF_PT_LOAD)
		return 0;
	if (s->offset > e->size || s->file_size > e->size - s->offset)
		return fail(why, "ends before a segment's data do: it is truncated");
	if (s->file_size > s->memory_size)
		return fail(why, "has a segment with more data than memory");
	if (s->physical + s->memory_size < s->physical || s->virtual + s->memory_size < s->virtual)
		return fail(why, "has a segment beyond the end of the address space");
	return 0;
}

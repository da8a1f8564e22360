/* SPDX-License-Identifier: MIT */
/*
 * ELF files in memory, 32- and 64-bit, little-endian, as System V's "Object Files" chapter lays
 * them out. Every offset is checked against the file before it is followed; the result is neutral.
 */
#ifndef LIB_ELF_H
#define LIB_ELF_H

#include "lib/types.h"

enum {
	ELF_TYPE_REL = 1,
	ELF_TYPE_EXEC = 2,
	ELF_TYPE_DYN = 3,
};

enum {
	ELF_MACHINE_386 = 3,
	ELF_MACHINE_X86_64 = 62,
};

enum { ELF_PT_LOAD = 1 };

struct elf_image {
	const uint8_t *data;
	uint64_t size;
	bool is64;
	uint16_t type, machine;
	uint64_t entry;
	uint64_t segments_offset; /* of the program headers, all within data */
	unsigned segment_count;
	unsigned segment_stride;
};

struct elf_segment {
	uint32_t type;
	uint64_t offset, file_size; /* within the file's data */
	uint64_t virtual, physical, memory_size;
};

/* Whether data begins as an ELF file does. */
bool elf_is_file(const void *data, uint64_t size);
/* 0; or -EINVAL, and *why is a phrase that ends the sentence "the ELF file …". */
must_check int elf_open(struct elf_image *e, const void *data, uint64_t size, const char **why);
/* Program header i < e->segment_count; of PT_LOAD ones the sizes are checked. Errors as above. */
must_check int elf_segment_get(const struct elf_image *e, unsigned i, struct elf_segment *s,
			       const char **why);

#endif

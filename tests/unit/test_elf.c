/* SPDX-License-Identifier: MIT */
/* sources: lib/elf.c */
/* ELF files of both classes, whole, cut at every byte, and damaged field by field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <elf.h>
#include <cmocka.h>

#include "lib/elf.h"
#include "lib/errno.h"

struct file64 {
	Elf64_Ehdr e;
	Elf64_Phdr p[2];
	uint8_t text[64];
};

struct file32 {
	Elf32_Ehdr e;
	Elf32_Phdr p[2];
	uint8_t text[64];
};

static void file64_fill(struct file64 *f)
{
	*f = (struct file64){
		.e = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		       .e_type = ET_EXEC,
		       .e_machine = EM_X86_64,
		       .e_entry = 0xffffffff80000010,
		       .e_phoff = offsetof(struct file64, p),
		       .e_phentsize = sizeof(Elf64_Phdr),
		       .e_phnum = 2 },
		.p = { { .p_type = PT_NOTE, .p_offset = UINT64_MAX },
		       { .p_type = PT_LOAD,
			 .p_offset = offsetof(struct file64, text),
			 .p_vaddr = 0xffffffff80000000,
			 .p_paddr = 0x100000,
			 .p_filesz = 64,
			 .p_memsz = 4096 } },
	};
}

static void file32_fill(struct file32 *f)
{
	*f = (struct file32){
		.e = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		       .e_type = ET_DYN,
		       .e_machine = EM_386,
		       .e_entry = 0x100010,
		       .e_phoff = offsetof(struct file32, p),
		       .e_phentsize = sizeof(Elf32_Phdr),
		       .e_phnum = 2 },
		.p = { { .p_type = PT_NULL },
		       { .p_type = PT_LOAD,
			 .p_offset = offsetof(struct file32, text),
			 .p_vaddr = 0xc0000000,
			 .p_paddr = 0x200000,
			 .p_filesz = 60,
			 .p_memsz = 61 } },
	};
}

static void test_64_bit(void **state)
{
	struct elf_image e;
	struct elf_segment s;
	struct file64 f;
	const char *why;

	(void)state;
	file64_fill(&f);
	assert_int_equal(elf_open(&e, &f, sizeof(f), &why), 0);
	assert_true(e.is64);
	assert_int_equal(e.type, ELF_TYPE_EXEC);
	assert_int_equal(e.machine, ELF_MACHINE_X86_64);
	assert_true(e.entry == 0xffffffff80000010);
	assert_int_equal(e.segment_count, 2);
	assert_int_equal(elf_segment_get(&e, 0, &s, &why), 0);
	assert_int_equal(s.type, PT_NOTE);
	assert_int_equal(elf_segment_get(&e, 1, &s, &why), 0);
	assert_int_equal(s.type, ELF_PT_LOAD);
	assert_true(s.offset == offsetof(struct file64, text));
	assert_true(s.virtual == 0xffffffff80000000);
	assert_true(s.physical == 0x100000);
	assert_true(s.file_size == 64);
	assert_true(s.memory_size == 4096);
}

static void test_32_bit(void **state)
{
	struct elf_image e;
	struct elf_segment s;
	struct file32 f;
	const char *why;

	(void)state;
	file32_fill(&f);
	assert_int_equal(elf_open(&e, &f, sizeof(f), &why), 0);
	assert_false(e.is64);
	assert_int_equal(e.type, ELF_TYPE_DYN);
	assert_int_equal(e.machine, ELF_MACHINE_386);
	assert_true(e.entry == 0x100010);
	assert_int_equal(elf_segment_get(&e, 1, &s, &why), 0);
	assert_true(s.virtual == 0xc0000000);
	assert_true(s.physical == 0x200000);
	assert_true(s.file_size == 60);
	assert_true(s.memory_size == 61);
}

/* In a block of exactly its size: the sanitizer sees each read beyond. */
static void test_truncated(void **state)
{
	struct file64 f;

	(void)state;
	file64_fill(&f);
	for (size_t n = 0; n < sizeof(f); n++) {
		uint8_t *cut = malloc(n ? n : 1);
		struct elf_image e;
		struct elf_segment s;
		const char *why = NULL;
		int err;

		memcpy(cut, &f, n);
		err = elf_open(&e, cut, n, &why);
		if (n < offsetof(struct file64, text))
			assert_int_equal(err, -EINVAL);
		else
			err = elf_segment_get(&e, 1, &s, &why);
		assert_int_equal(err, -EINVAL);
		assert_non_null(why);
		free(cut);
	}
}

static void expect_bad(const struct file64 *f, const char *phrase)
{
	struct elf_image e;
	struct elf_segment s;
	const char *why = "";
	int err;

	err = elf_open(&e, f, sizeof(*f), &why);
	if (!err)
		err = elf_segment_get(&e, 1, &s, &why);
	assert_int_equal(err, -EINVAL);
	assert_string_equal(why, phrase);
}

static void test_damaged(void **state)
{
	struct file64 f;

	(void)state;
	file64_fill(&f);
	f.e.e_ident[EI_DATA] = ELFDATA2MSB;
	expect_bad(&f, "is not little-endian, or not of ELF version 1");
	file64_fill(&f);
	f.e.e_ident[EI_CLASS] = 3;
	expect_bad(&f, "is neither 32-bit nor 64-bit");
	file64_fill(&f);
	f.e.e_phentsize = 55;
	expect_bad(&f, "has program headers that are too small");
	file64_fill(&f);
	f.e.e_phoff = UINT64_MAX - 4;
	expect_bad(&f, "ends before its program headers do");
	file64_fill(&f);
	f.e.e_phnum = 0xffff;
	expect_bad(&f, "ends before its program headers do");
	file64_fill(&f);
	f.p[1].p_offset = UINT64_MAX - 16;
	expect_bad(&f, "ends before a segment's data do: it is truncated");
	file64_fill(&f);
	f.p[1].p_memsz = 63;
	expect_bad(&f, "has a segment with more data than memory");
	file64_fill(&f);
	f.p[1].p_paddr = UINT64_MAX - 4094;
	expect_bad(&f, "has a segment beyond the end of the address space");
	file64_fill(&f);
	f.p[1].p_vaddr = UINT64_MAX - 4094;
	expect_bad(&f, "has a segment beyond the end of the address space");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_64_bit),
		cmocka_unit_test(test_32_bit),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: vmm/load/load.c vmm/load/linux.c vmm/load/multiboot.c vmm/load/state.c tests/fake/sched.c vmm/load/bios.c vmm/load/e820.c vmm/gmem.c lib/elf.c tests/fake/guest.c tests/fake/log_record.c */
/*
 * Multiboot 1 kernels, made up: ELF of both classes and flat files with addresses in the header.
 * The information is read as a kernel would, from EBX on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <elf.h>
#include <cmocka.h>

/* Both name a PF_W. */
#undef PF_W
#include "arch/x86_64/cr.h"
#include "lib/errno.h"
#include "tests/fake/guest.h"
#include "tests/fake/log_record.h"
#include "vmm/load/load.h"
#include "vmm/load/multiboot.h"

enum {
	FILE_SIZE = 16384,
	HEADER_AT = 0x1000,
	TEXT_AT = 0x1000,
	TEXT = 0x2000,
	BSS = 0x3000,
	INITRD = 5000,
	LOAD = 0x100000,
};

struct fixture {
	struct vm *vm;
	uint8_t *file;
	uint8_t *initrd;
	struct load_regs regs;
};

static void header_put(struct fixture *f, uint32_t at, uint32_t flags)
{
	const uint32_t h[] = { MB_HEADER_MAGIC, flags, -(MB_HEADER_MAGIC + flags) };

	memcpy(f->file + at, h, sizeof(h));
}

static struct fixture *fixture_new(uint64_t memory)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->vm = fake_guest_new(memory);
	f->file = malloc(FILE_SIZE);
	f->initrd = malloc(INITRD);
	for (unsigned i = 0; i < FILE_SIZE; i++)
		f->file[i] = (uint8_t)(i * 11 + i / 256);
	memset(f->initrd, 0x77, INITRD);
	header_put(f, HEADER_AT, MB_HEADER_PAGE_ALIGN | MB_HEADER_MEMORY);
	f->vm->config.kernel = f->file;
	f->vm->config.kernel_size = FILE_SIZE;
	strcpy(f->vm->config.cmdline, "a=1 b");
	fake_log_clear();
	return f;
}

static void fixture_free(struct fixture *f)
{
	fake_guest_free(f->vm);
	free(f->file);
	free(f->initrd);
	free(f);
}

static void elf32_put(struct fixture *f, uint32_t entry)
{
	const Elf32_Phdr p = { .p_type = PT_LOAD,
			       .p_offset = TEXT_AT,
			       .p_vaddr = 0xc0000000 + LOAD,
			       .p_paddr = LOAD,
			       .p_filesz = TEXT,
			       .p_memsz = BSS };
	const Elf32_Ehdr e = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_386,
		.e_entry = entry,
		.e_phoff = sizeof(e),
		.e_phentsize = sizeof(p),
		.e_phnum = 1,
	};

	memcpy(f->file, &e, sizeof(e));
	memcpy(f->file + sizeof(e), &p, sizeof(p));
}

/* Two segments: text at paddr, and one that has no data in the file, behind a gap. */
static void elf64_put(struct fixture *f, uint64_t paddr)
{
	const uint64_t high = 0xffffffff80000000;
	const Elf64_Phdr p[] = {
		{ .p_type = PT_LOAD,
		  .p_offset = TEXT_AT,
		  .p_vaddr = high,
		  .p_paddr = paddr,
		  .p_filesz = TEXT,
		  .p_memsz = TEXT },
		{ .p_type = PT_LOAD,
		  .p_vaddr = high + 0x8000,
		  .p_paddr = paddr + 0x8000,
		  .p_memsz = 0x1234 },
	};
	const Elf64_Ehdr e = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_entry = high + 0x44,
		.e_phoff = sizeof(e),
		.e_phentsize = sizeof(p[0]),
		.e_phnum = 2,
	};

	memcpy(f->file, &e, sizeof(e));
	memcpy(f->file + sizeof(e), p, sizeof(p));
}

static int load(struct fixture *f)
{
	memset(&f->regs, 0x5a, sizeof(f->regs));
	return load_kernel(f->vm, &f->regs);
}

static void expect_error(struct fixture *f, int err, const char *text)
{
	fake_log_clear();
	assert_int_equal(load(f), err);
	if (!fake_log_has(LOG_ERROR, text))
		fail_msg("no error with \"%s\" in:\n%s", text, fake_log_text());
}

static const struct mb_info *info(struct fixture *f)
{
	return fake_guest_at(f->vm, f->regs.gpr[RBX], sizeof(struct mb_info));
}

static void check_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(p[i], 0);
}

static void test_elf32(void **state)
{
	struct fixture *f = fixture_new(64 * MIB);
	const uint8_t *at;

	(void)state;
	elf32_put(f, 0xc0000000u + LOAD + 0x44);
	memset(fake_guest_at(f->vm, LOAD, MIB), 0xcc, MIB);
	assert_int_equal(load(f), 0);
	at = fake_guest_at(f->vm, LOAD, BSS + 1);
	assert_memory_equal(at, f->file + TEXT_AT, TEXT);
	check_zero(at + TEXT, BSS - TEXT);
	assert_int_equal(at[BSS], 0xcc);
	/* A virtual entry moves to where its segment is. */
	assert_true(f->regs.rip == LOAD + 0x44);

	/* A physical one, outside of the virtual range, stays. */
	elf32_put(f, LOAD + 0x48);
	assert_int_equal(load(f), 0);
	assert_true(f->regs.rip == LOAD + 0x48);
	fixture_free(f);
}

static void test_elf64(void **state)
{
	struct fixture *f = fixture_new(64 * MIB);

	(void)state;
	elf64_put(f, 2 * MIB);
	memset(fake_guest_at(f->vm, 2 * MIB, MIB), 0xcc, MIB);
	assert_int_equal(load(f), 0);
	assert_memory_equal(fake_guest_at(f->vm, 2 * MIB, TEXT), f->file + TEXT_AT, TEXT);
	check_zero(fake_guest_at(f->vm, 2 * MIB + 0x8000, 0x1234), 0x1234);
	assert_true(f->regs.rip == 2 * MIB + 0x44);
	fixture_free(f);
}

static void test_state(void **state)
{
	struct fixture *f = fixture_new(64 * MIB);
	const struct load_regs *r = &f->regs;

	(void)state;
	elf32_put(f, LOAD);
	assert_int_equal(load(f), 0);
	assert_true(r->gpr[RAX] == 0x2badb002);
	assert_true((r->cr0 & (CR0_PE | CR0_PG)) == CR0_PE);
	assert_true(r->cr3 == 0 && r->cr4 == 0 && r->efer == 0);
	assert_true(r->rflags == RFLAGS_FIXED);
	assert_int_equal(r->segments[VSEG_CS].attr, 0xc09b);
	assert_int_equal(r->segments[VSEG_DS].attr, 0xc093);
	assert_true(r->segments[VSEG_SS].limit == UINT32_MAX && r->segments[VSEG_SS].base == 0);
	fixture_free(f);
}

static void test_info(void **state)
{
	struct fixture *f = fixture_new(64 * MIB);
	const struct mb_info *i;
	const uint8_t *mmap;
	uint64_t ram = 0;

	(void)state;
	elf32_put(f, LOAD);
	memset(fake_guest_at(f->vm, 0, 0x9f000), 0xcc, 0x9f000);
	assert_int_equal(load(f), 0);
	i = info(f);
	assert_int_equal(i->flags, 0x24d);
	assert_int_equal(i->mem_lower, 639);
	assert_int_equal(i->mem_upper, 63 * 1024);
	assert_string_equal(fake_guest_at(f->vm, i->cmdline, 16), "a=1 b");
	assert_string_equal(fake_guest_at(f->vm, i->boot_loader_name, 16), "Plinth");
	assert_int_equal(i->mods_count, 0);
	mmap = fake_guest_at(f->vm, i->mmap_addr, i->mmap_length);
	for (uint32_t at = 0; at < i->mmap_length;) {
		struct mb_mmap_entry e;

		memcpy(&e, mmap + at, sizeof(e));
		assert_int_equal(e.size, 20);
		ram += e.entry.type == 1 ? e.entry.size : 0;
		at += e.size + 4;
	}
	assert_true(ram == 63 * MIB + 0x9fc00);
	fixture_free(f);
}

static void test_module(void **state)
{
	struct fixture *f = fixture_new(64 * MIB);
	const struct mb_module *m;

	(void)state;
	elf32_put(f, LOAD);
	f->vm->config.initrd = f->initrd;
	f->vm->config.initrd_size = INITRD;
	assert_int_equal(load(f), 0);
	assert_int_equal(info(f)->mods_count, 1);
	m = fake_guest_at(f->vm, info(f)->mods_addr, sizeof(*m));
	assert_int_equal(m->start, LOAD + BSS);
	assert_int_equal(m->end, LOAD + BSS + INITRD);
	assert_string_equal(fake_guest_at(f->vm, m->string, 1), "");
	assert_memory_equal(fake_guest_at(f->vm, m->start, INITRD), f->initrd, INITRD);

	f->vm->config.initrd_size = 64 * MIB;
	expect_error(f, -ENOSPC, "initrd of 65536 KiB does not fit behind the multiboot kernel");
	fixture_free(f);
}

/* A kernel in low memory: the information is not written over it. */
static void test_low_kernel(void **state)
{
	struct fixture *f = fixture_new(64 * MIB);

	(void)state;
	f->vm->config.initrd = f->initrd;
	f->vm->config.initrd_size = INITRD;
	elf64_put(f, 0x1000);
	assert_int_equal(load(f), 0);
	assert_memory_equal(fake_guest_at(f->vm, 0x1000, TEXT), f->file + TEXT_AT, TEXT);
	assert_int_equal(info(f)->mods_count, 1);
	assert_true(f->regs.gpr[RBX] >= MIB + INITRD);
	assert_memory_equal(fake_guest_at(f->vm, MIB, INITRD), f->initrd, INITRD);
	fixture_free(f);
}

/* The header's own addresses. */
static void addresses_put(struct fixture *f, uint32_t load_addr, uint32_t load_end,
			  uint32_t bss_end, uint32_t entry)
{
	const uint32_t a[] = { LOAD + 0x100, load_addr, load_end, bss_end, entry };

	header_put(f, HEADER_AT, MB_HEADER_ADDRESSES);
	memcpy(f->file + HEADER_AT + MB_HEADER_SHORT, a, sizeof(a));
}

static void test_addresses(void **state)
{
	struct fixture *f = fixture_new(64 * MIB);
	const uint8_t *at;

	(void)state;
	addresses_put(f, LOAD, LOAD + 0x1000, LOAD + 0x5000, LOAD + 0x123);
	memset(fake_guest_at(f->vm, LOAD, MIB), 0xcc, MIB);
	assert_int_equal(load(f), 0);
	at = fake_guest_at(f->vm, LOAD, 0x5001);
	assert_memory_equal(at, f->file + HEADER_AT - 0x100, 0x1000);
	check_zero(at + 0x1000, 0x4000);
	assert_int_equal(at[0x5000], 0xcc);
	assert_true(f->regs.rip == LOAD + 0x123);

	/* Zero ends: all of the file, and no zeros behind. */
	addresses_put(f, LOAD, 0, 0, LOAD);
	memset(fake_guest_at(f->vm, LOAD, MIB), 0xcc, MIB);
	assert_int_equal(load(f), 0);
	at = fake_guest_at(f->vm, LOAD, FILE_SIZE);
	assert_memory_equal(at, f->file + HEADER_AT - 0x100, FILE_SIZE - HEADER_AT + 0x100);
	assert_int_equal(at[FILE_SIZE - HEADER_AT + 0x100], 0xcc);
	fixture_free(f);
}

static void test_bad_addresses(void **state)
{
	struct fixture *f = fixture_new(64 * MIB);

	(void)state;
	addresses_put(f, LOAD + 0x101, 0, 0, LOAD);
	expect_error(f, -EINVAL, "header_addr 0x100100 and load_addr 0x100101");
	addresses_put(f, 0x1000, 0, 0, LOAD);
	expect_error(f, -EINVAL, "do not go with its place in the file, 0x1000");
	addresses_put(f, LOAD, LOAD - 1, 0, LOAD);
	expect_error(f, -EINVAL, "load_end_addr 0xfffff is below");
	addresses_put(f, LOAD, LOAD + FILE_SIZE, 0, LOAD);
	expect_error(f, -EINVAL, "beyond the file, which ends at 0x103100: truncated?");
	addresses_put(f, LOAD, LOAD + 0x1000, LOAD + 0xfff, LOAD);
	expect_error(f, -EINVAL, "bss_end_addr 0x100fff");
	addresses_put(f, LOAD, 0, 0, LOAD - 1);
	expect_error(f, -EINVAL, "entry 0xfffff is outside");
	addresses_put(f, LOAD, 0, UINT32_MAX, LOAD);
	expect_error(f, -ENOSPC, "to be loaded at 0x100000");
	header_put(f, FILE_SIZE / 2 - 12, MB_HEADER_ADDRESSES);
	f->vm->config.kernel_size = FILE_SIZE / 2;
	memset(f->file + HEADER_AT, 0, MB_HEADER_SHORT);
	expect_error(f, -EINVAL, "truncated within its header");
	fixture_free(f);
}

/* Each bit that a loader has to know and multiboot 1 does not define is refused by its number. */
static void test_flags(void **state)
{
	struct fixture *f = fixture_new(64 * MIB);
	char text[64];

	(void)state;
	elf32_put(f, LOAD);
	for (unsigned bit = 0; bit < 32; bit++) {
		if (bit == 16)
			continue;
		header_put(f, HEADER_AT, 1u << bit);
		if (bit < 3 || bit > 16) {
			assert_int_equal(load(f), 0);
			continue;
		}
		snprintf(text, sizeof(text), "requires flag bit %u (flags 0x%08x)", bit, 1u << bit);
		expect_error(f, -ENOTSUP, text);
	}
	header_put(f, HEADER_AT, MB_HEADER_VIDEO);
	assert_int_equal(load(f), 0);
	assert_true(fake_log_has(LOG_WARN, "wants a video mode"));
	fixture_free(f);
}

/* Found at each 4-byte boundary of the first 8 KiB, all of it within them. */
static void test_search(void **state)
{
	(void)state;
	for (uint32_t at = 0; at < 8192 + 16; at += at < 8100 ? 164 : 1) {
		struct fixture *f = fixture_new(4 * MIB);

		memset(f->file, 0, FILE_SIZE);
		header_put(f, at, 0);
		fake_log_clear();
		assert_int_equal(load(f), -EINVAL);
		if (at % 4 == 0 && at + 12 <= 8192)
			assert_true(
				fake_log_has(LOG_ERROR, "the multiboot kernel has no addresses"));
		else
			assert_true(fake_log_has(LOG_ERROR, "the kernel module"));
		fixture_free(f);
	}
}

static void test_bad_elf(void **state)
{
	struct fixture *f = fixture_new(64 * MIB);
	Elf32_Ehdr *e = (Elf32_Ehdr *)f->file;
	Elf32_Phdr *p = (Elf32_Phdr *)(e + 1);

	(void)state;
	expect_error(f, -EINVAL, "the ELF file does not begin with");
	elf32_put(f, LOAD);
	e->e_machine = EM_ARM;
	expect_error(f, -EINVAL, "is not for x86");
	elf32_put(f, LOAD);
	e->e_type = ET_DYN;
	expect_error(f, -EINVAL, "fixed addresses");
	elf32_put(f, LOAD);
	p->p_filesz = FILE_SIZE;
	p->p_memsz = FILE_SIZE;
	expect_error(f, -EINVAL, "truncated");
	elf32_put(f, LOAD);
	p->p_type = PT_NOTE;
	expect_error(f, -EINVAL, "has nothing to load");
	elf32_put(f, LOAD - 4);
	expect_error(f, -EINVAL,
		     "entry 0xffffc is outside of what is loaded, 0x100000 to 0x103000");
	fixture_free(f);
}

/* Where there is no RAM: beyond its end, in the holes, above 4 GiB. */
static void test_bad_places(void **state)
{
	static const uint64_t places[] = {
		0x9f000,	0xa0000, 0xe0000, 63 * MIB + 0xffe000, 3 * GIB,
		4 * GIB - TEXT, 4 * GIB, 5 * GIB, UINT64_MAX / 2
	};
	struct fixture *f = fixture_new(64 * MIB);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		elf64_put(f, places[i]);
		expect_error(f, -ENOSPC, "the guest has no memory for that there");
	}
	fixture_free(f);

	f = fixture_new(6 * GIB);
	elf64_put(f, 4 * GIB);
	expect_error(f, -ENOSPC, "to be loaded at 0x100000000");
	elf64_put(f, 5 * GIB);
	expect_error(f, -ENOSPC, "to be loaded at 0x140000000");
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elf32),	  cmocka_unit_test(test_elf64),
		cmocka_unit_test(test_state),	  cmocka_unit_test(test_info),
		cmocka_unit_test(test_module),	  cmocka_unit_test(test_low_kernel),
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_bad_addresses),
		cmocka_unit_test(test_flags),	  cmocka_unit_test(test_search),
		cmocka_unit_test(test_bad_elf),	  cmocka_unit_test(test_bad_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

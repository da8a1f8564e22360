/* SPDX-License-Identifier: MIT */
/* sources: vmm/load/load.c vmm/load/linux.c vmm/load/multiboot.c vmm/load/state.c tests/fake/sched.c vmm/load/bios.c
 * vmm/load/e820.c vmm/gmem.c lib/elf.c tests/fake/guest.c tests/fake/log_record.c */
/*
 * Linux's boot protocol on a made-up bzImage, good and then damaged in one field at a time: each
 * damage has its message, and nothing of it reaches the guest's registers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/cr.h"
#include "lib/errno.h"
#include "tests/fake/sched.h"
#include "tests/fake/guest.h"
#include "tests/fake/log_record.h"
#include "vmm/acpi/acpi.h"
#include "vmm/load/linux.h"
#include "vmm/load/load.h"

enum {
	SETUP_SECTS = 3,
	SETUP = (SETUP_SECTS + 1) * 512,
	BODY = 0x5000,
	FILE_SIZE = SETUP + BODY,
	INITRD = 0x12345,
	VERSION_AT = 0x300,
};

struct fixture {
	struct vm *vm;
	uint8_t *file;
	uint8_t *initrd;
	struct linux_header *h;
	struct load_regs regs;
};

static uint8_t body_byte(uint64_t i)
{
	return (uint8_t)(i * 13 + i / 256);
}

/* What Debian's 64-bit kernel says, with a smaller body. */
static void header_fill(struct linux_header *h)
{
	h->setup_sects = SETUP_SECTS;
	h->syssize = BODY / 16;
	h->boot_flag = 0xaa55;
	h->jump = 0x6aeb; /* jmp, and the header's end: 0x202 + 0x6a = 0x26c */
	h->header = LINUX_MAGIC;
	h->version = 0x20f;
	h->kernel_version = VERSION_AT - 0x200;
	h->loadflags = 1;
	h->code32_start = 0x100000;
	h->initrd_addr_max = 0x7fffffff;
	h->kernel_alignment = 0x200000;
	h->relocatable_kernel = 1;
	h->xloadflags = 1;
	h->cmdline_size = 2047;
	h->setup_data = 0x1122334455667788;
	h->pref_address = 0x1000000;
	h->init_size = 0x300000;
}

static struct fixture *fixture_new(uint64_t memory)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->vm = fake_guest_new(memory);
	f->file = calloc(1, FILE_SIZE);
	f->initrd = malloc(INITRD);
	f->h = (struct linux_header *)(f->file + LINUX_HEADER);
	header_fill(f->h);
	strcpy((char *)f->file + VERSION_AT, "6.1.0-test (someone)");
	for (uint64_t i = 0; i < BODY; i++)
		f->file[SETUP + i] = body_byte(i);
	for (uint64_t i = 0; i < INITRD; i++)
		f->initrd[i] = (uint8_t)(i * 3 + 1);
	f->vm->config.kernel = f->file;
	f->vm->config.kernel_size = FILE_SIZE;
	strcpy(f->vm->config.cmdline, "console=ttyS0 quiet");
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

static int load(struct fixture *f)
{
	memset(&f->regs, 0x5a, sizeof(f->regs));
	return load_kernel(f->vm, &f->regs);
}

/* The load fails with this error and a message that has this text. */
static void expect_error(struct fixture *f, int err, const char *text)
{
	fake_log_clear();
	assert_int_equal(load(f), err);
	if (!fake_log_has(LOG_ERROR, text))
		fail_msg("no error with \"%s\" in:\n%s", text, fake_log_text());
}

static const struct linux_zero_page *zero_page(struct fixture *f)
{
	return fake_guest_at(f->vm, f->regs.gpr[RSI], sizeof(struct linux_zero_page));
}

static void test_kernel_in_place(void **state)
{
	struct fixture *f = fixture_new(256 * MIB);
	const uint8_t *at;

	(void)state;
	assert_int_equal(load(f), 0);
	at = fake_guest_at(f->vm, 16 * MIB, BODY);
	for (uint64_t i = 0; i < BODY; i++)
		assert_int_equal(at[i], body_byte(i));
	assert_true(f->regs.rip == 16 * MIB + 0x200);
	assert_true(fake_log_has(LOG_INFO,
				 "kernel 6.1.0-test, Linux boot protocol 2.15, 64-bit entry"));
	fixture_free(f);
}

static void test_zero_page(void **state)
{
	struct fixture *f = fixture_new(256 * MIB);
	const struct linux_zero_page *z;
	const struct linux_header *h;

	(void)state;
	memset(fake_guest_at(f->vm, 0, GUEST_LOW_END), 0xcc, GUEST_LOW_END);
	assert_int_equal(load(f), 0);
	z = zero_page(f);
	h = &z->header;
	for (unsigned i = 0; i < sizeof(z->screen_info); i++)
		assert_int_equal(z->screen_info[i], 0);
	assert_true(z->acpi_rsdp_addr == ACPI_RSDP);
	assert_int_equal(h->type_of_loader, 0xff);
	assert_int_equal(h->loadflags & 1, 1);
	assert_int_equal(h->version, 0x20f);
	assert_int_equal(h->setup_data, 0);
	assert_int_equal(h->vid_mode, 0xffff);
	assert_true(h->code32_start == 16 * MIB);
	assert_true(h->pref_address == 16 * MIB);
	assert_int_equal(h->ramdisk_image, 0);
	assert_int_equal(h->ramdisk_size, 0);
	assert_string_equal(fake_guest_at(f->vm, h->cmd_line_ptr, 32), "console=ttyS0 quiet");
	/* Nothing of the file but the header: its end is 0x26c. */
	for (unsigned i = 0x26c - LINUX_HEADER; i < sizeof(z->header_area); i++)
		assert_int_equal(z->header_area[i], 0);
	assert_int_equal(((const uint8_t *)z)[0x1ef], 0); /* the sentinel */
	fixture_free(f);
}

static void check_e820(const struct linux_zero_page *z, const struct e820_entry *want, unsigned n)
{
	assert_int_equal(z->e820_entries, n);
	for (unsigned i = 0; i < n; i++) {
		assert_true(z->e820_table[i].base == want[i].base);
		assert_true(z->e820_table[i].size == want[i].size);
		assert_int_equal(z->e820_table[i].type, want[i].type);
	}
}

static void test_e820(void **state)
{
	const struct e820_entry small[] = {
		{ 0, 0x9fc00, E820_RAM },
		{ 0x9fc00, 0x400, E820_RESERVED },
		{ 0xe0000, 0x20000, E820_RESERVED },
		{ 0x100000, 255 * MIB, E820_RAM },
	};
	const struct e820_entry large[] = {
		{ 0, 0x9fc00, E820_RAM },
		{ 0x9fc00, 0x400, E820_RESERVED },
		{ 0xe0000, 0x20000, E820_RESERVED },
		{ 0x100000, 3 * GIB - MIB, E820_RAM },
		{ 4 * GIB, 2 * GIB, E820_RAM },
	};
	struct fixture *f = fixture_new(256 * MIB);

	(void)state;
	assert_int_equal(load(f), 0);
	check_e820(zero_page(f), small, ARRAY_SIZE(small));
	fixture_free(f);

	f = fixture_new(5 * GIB);
	assert_int_equal(load(f), 0);
	check_e820(zero_page(f), large, ARRAY_SIZE(large));
	fixture_free(f);
}

/* Adjacent slots are one piece of RAM; ROM is none. */
static void test_e820_slots(void **state)
{
	static uint8_t host[4 * MIB];
	const struct gmem_slot slots[] = {
		{ gpa(0), 0x80000, host, 0, "a" },
		{ gpa(0x80000), 0x20000, host, 0, "b" },
		{ gpa(0xc0000), 0x10000, host, GMEM_ROM, "rom" },
		{ gpa(0x100000), MIB, host, 0, "c" },
		{ gpa(0x200000), MIB, host, 0, "d" },
		{ gpa(0x300000), 0x10000, host, GMEM_ROM, "rom" },
		{ gpa(0x400000), MIB, host, 0, "e" },
	};
	struct gmem mem = { .count = 0 };
	struct e820 map;
	uint64_t at;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(slots); i++)
		assert_int_equal(gmem_add(&mem, &slots[i]), 0);
	e820_build(&map, &mem);
	assert_int_equal(map.count, 5);
	assert_true(e820_is_ram(&map, 0x7f000, 0x20000));
	assert_false(e820_is_ram(&map, 0x9fc00, 1));
	assert_false(e820_is_ram(&map, 0x7f000, 0x21000));
	assert_true(e820_is_ram(&map, MIB, 2 * MIB));
	assert_false(e820_is_ram(&map, MIB, 2 * MIB + 1));
	assert_false(e820_is_ram(&map, MIB, UINT64_MAX));
	assert_true(e820_ram_end(&map, 2 * MIB) == 3 * MIB);
	assert_true(e820_ram_end(&map, 3 * MIB) == 3 * MIB);

	struct e820_want want = { MIB, MIB, MIB, GIB };

	assert_int_equal(e820_place_low(&map, &want, &at), 0);
	assert_true(at == MIB);
	assert_int_equal(e820_place_high(&map, &want, &at), 0);
	assert_true(at == 4 * MIB);
	want.high = 5 * MIB - 1;
	assert_int_equal(e820_place_high(&map, &want, &at), 0);
	assert_true(at == 2 * MIB);
	want.low = MIB + 1;
	assert_int_equal(e820_place_low(&map, &want, &at), 0);
	assert_true(at == 2 * MIB);
	want.size = 2 * MIB;
	assert_int_equal(e820_place_low(&map, &want, &at), -ENOSPC);
	want = (struct e820_want){ 1, 1ull << 63, MIB, UINT64_MAX };
	assert_int_equal(e820_place_low(&map, &want, &at), -ENOSPC);
	assert_int_equal(e820_place_high(&map, &want, &at), -ENOSPC);
	want = (struct e820_want){ 1, 1, 3 * GIB, MIB };
	assert_int_equal(e820_place_low(&map, &want, &at), -ENOSPC);
}

static void test_initrd_high(void **state)
{
	struct fixture *f = fixture_new(256 * MIB);
	const struct linux_header *h;

	(void)state;
	f->vm->config.initrd = f->initrd;
	f->vm->config.initrd_size = INITRD;
	assert_int_equal(load(f), 0);
	h = &zero_page(f)->header;
	assert_int_equal(h->ramdisk_size, INITRD);
	assert_true(h->ramdisk_image == ALIGN_DOWN(256 * MIB - INITRD, 4096));
	/* Others run while much is copied. */
	assert_true(fake_breaths >= INITRD / (64 * KIB));
	assert_memory_equal(fake_guest_at(f->vm, h->ramdisk_image, INITRD), f->initrd, INITRD);

	/* Under the kernel's own limit, wherever memory ends. */
	f->h->initrd_addr_max = 64 * MIB - 1;
	assert_int_equal(load(f), 0);
	assert_true(zero_page(f)->header.ramdisk_image == ALIGN_DOWN(64 * MIB - INITRD, 4096));
	fixture_free(f);

	/* A limit of all ones is under 4 GiB, and there is no memory in the PCI hole. */
	f = fixture_new(5 * GIB);
	f->vm->config.initrd = f->initrd;
	f->vm->config.initrd_size = INITRD;
	f->h->initrd_addr_max = UINT32_MAX;
	assert_int_equal(load(f), 0);
	assert_true(zero_page(f)->header.ramdisk_image == ALIGN_DOWN(3 * GIB - INITRD, 4096));
	fixture_free(f);
}

/* No room above the kernel: below it, and not over it. */
static void test_initrd_below_kernel(void **state)
{
	struct fixture *f = fixture_new(19 * MIB);

	(void)state;
	f->vm->config.initrd = f->initrd;
	f->vm->config.initrd_size = INITRD;
	assert_int_equal(load(f), 0);
	assert_true(zero_page(f)->header.ramdisk_image == ALIGN_DOWN(16 * MIB - INITRD, 4096));
	fixture_free(f);
}

/* The guest physical address that the tables at cr3 lead to. */
static uint64_t walk(struct fixture *f, uint64_t va)
{
	uint64_t table = f->regs.cr3;

	for (int shift = 39; shift >= 21; shift -= 9) {
		const uint64_t *e = fake_guest_at(f->vm, table, 4096);
		uint64_t entry = e[va >> shift & 511];

		assert_int_equal(entry & 3, 3);
		if (shift == 21) {
			assert_int_equal(entry & 0x80, 0x80);
			return (entry & ~0x1fffffull) + (va & 0x1fffff);
		}
		assert_int_equal(entry & 0x80, 0);
		table = entry & ~0xfffull;
	}
	return 0;
}

static void test_long_mode_state(void **state)
{
	static const uint64_t places[] = { 0,	0x10000,     0x1fffff,	0x200000,
					   GIB, 3 * GIB + 5, UINT32_MAX };
	struct fixture *f = fixture_new(256 * MIB);
	const struct load_regs *r = &f->regs;
	const uint64_t *gdt;

	(void)state;
	assert_int_equal(load(f), 0);
	assert_true(r->cr0 & CR0_PE && r->cr0 & CR0_PG);
	assert_true(r->cr4 == CR4_PAE);
	assert_true(r->efer == (EFER_LME | EFER_LMA));
	assert_true(r->rflags == RFLAGS_FIXED);
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
		assert_true(walk(f, places[i]) == places[i]);
	assert_int_equal(r->segments[VSEG_CS].selector, 0x10);
	assert_int_equal(r->segments[VSEG_CS].attr, 0xa09b);
	for (enum vseg s = VSEG_ES; s <= VSEG_GS; s++) {
		if (s == VSEG_CS)
			continue;
		assert_int_equal(r->segments[s].selector, 0x18);
		assert_int_equal(r->segments[s].attr, 0xc093);
		assert_int_equal(r->segments[s].limit, UINT32_MAX);
	}
	gdt = fake_guest_at(f->vm, r->segments[VSEG_GDTR].base, r->segments[VSEG_GDTR].limit + 1);
	assert_true(gdt[0] == 0);
	assert_true(gdt[2] == 0x00af9b000000ffff);
	assert_true(gdt[3] == 0x00cf93000000ffff);
	assert_int_equal(r->segments[VSEG_TR].attr, 0x8b);
	assert_int_equal(r->segments[VSEG_LDTR].attr, 0);
	for (unsigned i = 0; i < GPRS; i++)
		assert_true(i == RSI || r->gpr[i] == 0);
	fixture_free(f);
}

/* Where XLF_KERNEL_64 is not set, or the protocol has no such field. */
static void test_32_bit_entry(void **state)
{
	(void)state;
	for (int old = 0; old < 2; old++) {
		struct fixture *f = fixture_new(64 * MIB);
		const struct load_regs *r = &f->regs;

		if (old)
			f->h->version = 0x20b;
		else
			f->h->xloadflags = 0x3e;
		f->h->relocatable_kernel = 0;
		f->h->pref_address = 0x100000;
		assert_int_equal(load(f), 0);
		assert_true(r->rip == MIB);
		assert_true((r->cr0 & (CR0_PE | CR0_PG)) == CR0_PE);
		assert_true(r->cr4 == 0 && r->efer == 0 && r->cr3 == 0);
		assert_int_equal(r->segments[VSEG_CS].attr, 0xc09b);
		assert_true(r->gpr[RBP] == 0 && r->gpr[RDI] == 0 && r->gpr[RBX] == 0);
		assert_true(zero_page(f)->header.code32_start == MIB);
		fixture_free(f);
	}
}

static void test_bios_data(void **state)
{
	struct fixture *f = fixture_new(64 * MIB);
	const uint8_t *ebda = fake_guest_at(f->vm, 0x9fc00, 1024);
	uint16_t v;

	(void)state;
	memset(fake_guest_at(f->vm, 0x9fc00, 1024), 0xcc, 1024);
	assert_int_equal(load(f), 0);
	memcpy(&v, fake_guest_at(f->vm, 0x40e, 2), 2);
	assert_int_equal(v, 0x9fc0);
	memcpy(&v, fake_guest_at(f->vm, 0x413, 2), 2);
	assert_int_equal(v, 639);
	memcpy(&v, fake_guest_at(f->vm, 0x400, 2), 2);
	assert_int_equal(v, 0x3f8);
	assert_int_equal(ebda[0], 1);
	for (unsigned i = 1; i < 1024; i++)
		assert_int_equal(ebda[i], 0);
	fixture_free(f);
}

static void test_no_kernel(void **state)
{
	struct fixture *f = fixture_new(64 * MIB);

	(void)state;
	f->vm->config.kernel_size = 0;
	expect_error(f, -EINVAL, "the kernel module is empty");
	f->vm->config.kernel = NULL;
	expect_error(f, -ENOENT, "there is no kernel");
	fixture_free(f);
}

/* Every length below the whole is refused, and none is read beyond. */
static void test_truncated(void **state)
{
	struct fixture *f = fixture_new(64 * MIB);

	(void)state;
	for (uint64_t n = 1; n < FILE_SIZE - 15; n += n < 0x400 ? 1 : 97) {
		uint8_t *cut = malloc(n);

		memcpy(cut, f->file, n);
		f->vm->config.kernel = cut;
		f->vm->config.kernel_size = n;
		expect_error(f, -EINVAL, n < 0x206 ? "the kernel module (" : "truncated");
		free(cut);
	}
	f->vm->config.kernel = f->file;
	f->vm->config.kernel_size = FILE_SIZE - 15;
	assert_int_equal(load(f), 0);
	fixture_free(f);
}

static void test_header_fields(void **state)
{
	struct fixture *f = fixture_new(64 * MIB);

	(void)state;
	f->h->boot_flag = 0x1234;
	expect_error(f, -EINVAL, "boot_flag is 0x1234");
	header_fill(f->h);
	f->h->version = 0x209;
	expect_error(f, -ENOTSUP, "protocol 2.09");
	header_fill(f->h);
	f->h->jump = 0x40eb;
	expect_error(f, -EINVAL, "setup header has 81 bytes");
	header_fill(f->h);
	f->h->syssize = 0;
	expect_error(f, -EINVAL, "syssize is 0");
	header_fill(f->h);
	f->h->syssize = UINT32_MAX;
	expect_error(f, -EINVAL, "truncated: its header says 68719");
	header_fill(f->h);
	f->h->setup_sects = 0; /* means 4 */
	expect_error(f, -EINVAL, "truncated");
	header_fill(f->h);
	f->h->loadflags = 0;
	expect_error(f, -ENOTSUP, "zImage");
	header_fill(f->h);
	f->h->kernel_alignment = 0x300000;
	expect_error(f, -EINVAL, "kernel_alignment is 0x300000");
	f->h->kernel_alignment = 0;
	expect_error(f, -EINVAL, "kernel_alignment is 0x0");
	header_fill(f->h);
	f->h->syssize = 0x200 / 16;
	expect_error(f, -EINVAL, "has 512 bytes behind its setup code");
	fixture_free(f);
}

static void test_does_not_fit(void **state)
{
	struct fixture *f = fixture_new(18 * MIB);

	(void)state;
	expect_error(f, -ENOSPC, "give the guest at least 20 MiB");
	f->h->init_size = 0xffffffff;
	expect_error(f, -ENOSPC, "needs 4194303 KiB from 0x1000000");
	header_fill(f->h);
	f->h->pref_address = UINT64_MAX - 5;
	expect_error(f, -ENOSPC, "needs");
	f->h->relocatable_kernel = 0;
	expect_error(f, -ENOSPC, "needs");
	f->h->pref_address = 0x10000;
	expect_error(f, -ENOSPC, "needs");
	fixture_free(f);

	f = fixture_new(64 * MIB);
	f->vm->config.initrd = f->initrd;
	f->vm->config.initrd_size = 60 * MIB;
	expect_error(f, -ENOSPC, "initrd of 61440 KiB does not fit");
	f->vm->config.initrd_size = UINT64_MAX;
	expect_error(f, -ENOSPC, "does not fit");
	f->vm->config.initrd_size = INITRD;
	f->h->initrd_addr_max = 0x3000;
	expect_error(f, -ENOSPC, "takes an initrd below 0x3001");
	fixture_free(f);
}

/* The longest that fits, and one more; and a buffer that is full to its last byte. */
static void test_cmdline(void **state)
{
	struct fixture *f = fixture_new(64 * MIB);
	char *line = f->vm->config.cmdline;
	const char *at;

	(void)state;
	f->h->cmdline_size = 255;
	memset(line, 'x', 256);
	line[256] = '\0';
	expect_error(f, -E2BIG, "command line has 256 bytes, and this Linux kernel takes 255");
	line[255] = '\0';
	assert_int_equal(load(f), 0);
	f->h->cmdline_size = 4096;
	memset(line, 'y', sizeof(f->vm->config.cmdline));
	assert_int_equal(load(f), 0);
	at = fake_guest_at(f->vm, zero_page(f)->header.cmd_line_ptr, 2049);
	assert_int_equal(strlen(at), 2048);
	fixture_free(f);
}

static void test_not_a_kernel(void **state)
{
	static const struct {
		const char *begins;
		size_t length;
		const char *message;
	} cases[] = {
		{ "\x1f\x8b\x08", 3, "(4096 bytes) is a gzip file" },
		{ "070701", 6, "a cpio archive" },
		{ "\177ELF", 4, "a damaged ELF file" },
		{ "MZ", 2, "a program for UEFI or DOS" },
		{ "\xd6\x50\x52\xe8", 4, "a multiboot 2 kernel" },
		{ "\x02\xb0\xad\x1b", 4, "a multiboot 1 kernel whose header has a wrong checksum" },
		{ "hello", 5, "no kind of file that Plinth knows" },
	};
	struct fixture *f = fixture_new(64 * MIB);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(f->file, 0, 4096);
		memcpy(f->file, cases[i].begins, cases[i].length);
		f->vm->config.kernel_size = 4096;
		expect_error(f, -EINVAL, cases[i].message);
	}
	f->vm->config.kernel_size = 1;
	expect_error(f, -EINVAL, "(1 bytes) is no kind of file");
	fixture_free(f);
}

static void test_tiny_guest_memory(void **state)
{
	struct fixture *f = fixture_new(4096);

	(void)state;
	expect_error(f, -EFAULT, "no memory at 0x9fc00 for the EBDA");
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel_in_place),
		cmocka_unit_test(test_zero_page),
		cmocka_unit_test(test_e820),
		cmocka_unit_test(test_e820_slots),
		cmocka_unit_test(test_initrd_high),
		cmocka_unit_test(test_initrd_below_kernel),
		cmocka_unit_test(test_long_mode_state),
		cmocka_unit_test(test_32_bit_entry),
		cmocka_unit_test(test_bios_data),
		cmocka_unit_test(test_no_kernel),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_header_fields),
		cmocka_unit_test(test_does_not_fit),
		cmocka_unit_test(test_cmdline),
		cmocka_unit_test(test_not_a_kernel),
		cmocka_unit_test(test_tiny_guest_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

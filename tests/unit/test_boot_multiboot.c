/* SPDX-License-Identifier: MIT */
/* sources: boot/multiboot.c lib/str.c */
/*
 * What multiboot loaders leave in memory, right and wrong: cut at every length, with sizes of 0 and
 * of 2^32 - 1, with more of everything than there is room for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/multiboot.h"
#include "lib/errno.h"

/* Physical memory: a block that begins at BASE, as large as the test says. */
enum { BASE = 0x10000, SIZE = 64 * 1024 };

static uint8_t *memory;
static size_t memory_size;
static struct boot_info info;

static const void *memory_at(uint64_t addr, uint64_t n)
{
	if (addr < BASE || addr - BASE > memory_size || n > memory_size - (addr - BASE))
		return NULL;
	return memory + (addr - BASE);
}

/* Where the next thing is written. */
static uint32_t end;

static void *reserve(size_t n)
{
	void *p = memory + (end - BASE);

	assert_true(end - BASE + n <= SIZE);
	end += (uint32_t)n;
	return p;
}

static uint32_t put(const void *data, size_t n)
{
	uint32_t at = end;

	memcpy(reserve(n), data, n);
	return at;
}

static uint32_t put_string(const char *s)
{
	return put(s, strlen(s) + 1);
}

static int setup(void **state)
{
	(void)state;
	memory = calloc(1, SIZE);
	memory_size = SIZE;
	end = BASE;
	memset(&info, 0, sizeof(info));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(memory);
	return 0;
}

typedef int parse_fn(uint64_t addr, boot_at_fn *at, struct boot_info *info);

static int parse(parse_fn *function, uint64_t addr)
{
	int err;

	memset(&info, 0, sizeof(info));
	err = function(addr, memory_at, &info);
	assert_true(err == 0 || err == -EINVAL);
	assert_true(info.region_count <= BOOT_REGIONS && info.module_count <= BOOT_MODULES);
	assert_true(memchr(info.cmdline, 0, sizeof(info.cmdline)));
	assert_true(memchr(info.loader, 0, sizeof(info.loader)));
	for (unsigned i = 0; i < info.module_count; i++)
		assert_true(memchr(info.modules[i].cmdline, 0, sizeof(info.modules[i].cmdline)));
	for (unsigned i = 0; i < info.region_count; i++) {
		const struct boot_region *r = &info.regions[i];

		assert_true(r->size && r->base + r->size > r->base);
	}
	return err;
}

/* Parses what is in memory as if there were only so much of it, in a block of that size. */
static int parse_cut(parse_fn *function, uint64_t addr, size_t size)
{
	uint8_t *all = memory;
	int err;

	memory = malloc(size ? size : 1);
	memcpy(memory, all, size);
	memory_size = size;
	err = parse(function, addr);
	free(memory);
	memory = all;
	memory_size = SIZE;
	return err;
}

/* Multiboot 1 ------------------------------------------------------------------------------------
 */

/* As QEMU leaves it: a map of three, two modules. The structure itself comes last. */
static struct mb1_info mb1_example(void)
{
	const struct mb1_mmap map[] = {
		{ .size = 20, .base = 0, .length = 0x9fc00, .type = REGION_RAM },
		{ .size = 20, .base = 0x9fc00, .length = 0x400, .type = REGION_RESERVED },
		{ .size = 20, .base = 0x100000, .length = 127 * MIB, .type = REGION_RAM },
	};
	struct mb1_module modules[] = {
		{ .start = 0x200000,
		  .end = 0x234567,
		  .cmdline = put_string("bzImage console=ttyS0 quiet") },
		{ .start = 0x300000, .end = 0x300000, .cmdline = put_string("initrd") },
	};
	struct mb1_info mb = {
		.flags = MB1_INFO_CMDLINE | MB1_INFO_MODULES | MB1_INFO_MMAP | MB1_INFO_LOADER,
		.cmdline = put_string("plinth.elf  mem=64M log=debug"),
		.boot_loader_name = put_string("qemu"),
		.mods_count = 2,
		.mods_addr = put(modules, sizeof(modules)),
		.mmap_length = sizeof(map),
		.mmap_addr = put(map, sizeof(map)),
	};

	return mb;
}

static void mb1_is_read(void **state)
{
	struct mb1_info mb = mb1_example();

	(void)state;
	assert_int_equal(parse(multiboot1_parse, put(&mb, sizeof(mb))), 0);
	assert_string_equal(info.loader_kind, "multiboot 1");
	assert_string_equal(info.loader, "qemu");
	/* The file's name is dropped, with the blanks behind it. */
	assert_string_equal(info.cmdline, "mem=64M log=debug");
	assert_int_equal(info.region_count, 3);
	assert_int_equal(info.regions[2].base, MIB);
	assert_int_equal(info.regions[2].size, 127 * MIB);
	assert_int_equal(info.regions[1].type, REGION_RESERVED);
	assert_int_equal(info.module_count, 2);
	assert_int_equal(info.modules[0].start.raw, 0x200000);
	assert_int_equal(info.modules[0].size, 0x34567);
	assert_string_equal(info.modules[0].cmdline, "console=ttyS0 quiet");
	assert_false(info.modules[0].cmdline_cut);
	assert_int_equal(info.modules[1].size, 0);
	assert_string_equal(info.modules[1].cmdline, "");
	assert_string_equal(info.modules[0].name, "bzImage");
	assert_string_equal(info.modules[1].name, "initrd");
	assert_int_equal(info.rsdp.raw, 0);
}

/* The name that a module has for a config, by its line. */
static void module_names(void **state)
{
	static const struct {
		const char *loader, *line, *name;
	} cases[] = {
		{ "qemu", "/a/b/vmlinuz-6.1 quiet", "vmlinuz-6.1" },
		{ "qemu", "dir=1/plinth.toml", "plinth.toml" },
		{ "qemu", "", "" },
		{ "qemu", "a/", "" },
		{ "qemu",
		  "/x/0123456789012345678901234567890123456789012345678901234567890123456789", "" },
		{ "qemu", "/x/012345678901234567890123456789012345678901234567890123456789012",
		  "012345678901234567890123456789012345678901234567890123456789012" },
		{ "GRUB 2.06", "plinth.toml", "plinth.toml" },
		{ "GRUB 2.06", "boot/plinth.toml and more", "plinth.toml" },
		{ "GRUB 2.06", "root=/dev/x.toml", "" },
		{ "GRUB 2.06", "quiet console=ttyS0", "quiet" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mb1_module module = { .start = MIB, .end = 2 * MIB };
		struct mb1_info mb = mb1_example();

		module.cmdline = put_string(cases[i].line);
		mb.boot_loader_name = put_string(cases[i].loader);
		mb.mods_count = 1;
		mb.mods_addr = put(&module, sizeof(module));
		assert_int_equal(parse(multiboot1_parse, put(&mb, sizeof(mb))), 0);
		assert_string_equal(info.modules[0].name, cases[i].name);
	}
}

/* GRUB 2 has no file names to drop. */
static void mb1_of_grub(void **state)
{
	struct mb1_info mb = mb1_example();

	(void)state;
	mb.boot_loader_name = put_string("GRUB 2.06-13+deb12u1");
	mb.cmdline = put_string("mem=64M");
	assert_int_equal(parse(multiboot1_parse, put(&mb, sizeof(mb))), 0);
	assert_string_equal(info.cmdline, "mem=64M");
	assert_string_equal(info.modules[0].cmdline, "bzImage console=ttyS0 quiet");
	mb.boot_loader_name = put_string("GRUB 0.97");
	assert_int_equal(parse(multiboot1_parse, put(&mb, sizeof(mb))), 0);
	assert_string_equal(info.cmdline, "");
}

/* Only what a flag announces is looked at. */
static void mb1_flags(void **state)
{
	struct mb1_info mb = mb1_example();

	(void)state;
	mb.flags = MB1_INFO_MMAP;
	assert_int_equal(parse(multiboot1_parse, put(&mb, sizeof(mb))), 0);
	assert_string_equal(info.cmdline, "");
	assert_string_equal(info.loader, "");
	assert_int_equal(info.module_count, 0);
	mb = mb1_example();
	mb.flags &= ~(uint32_t)MB1_INFO_MMAP;
	assert_int_equal(parse(multiboot1_parse, put(&mb, sizeof(mb))), -EINVAL);
	mb.flags |= MB1_INFO_MMAP;
	mb.mmap_length = 0;
	assert_int_equal(parse(multiboot1_parse, put(&mb, sizeof(mb))), -EINVAL);
}

/* Memory that ends at every byte: reading stops there. */
static void mb1_cut_everywhere(void **state)
{
	struct mb1_info mb = mb1_example();
	uint32_t at = put(&mb, sizeof(mb));

	(void)state;
	for (size_t size = 0; size < end - BASE; size++)
		assert_int_equal(parse_cut(multiboot1_parse, at, size), -EINVAL);
	assert_int_equal(parse_cut(multiboot1_parse, at, end - BASE), 0);
	/* The same with the structure first, so that what it points to is cut. */
	for (uint32_t begin = at; begin < at + 700; begin += 64) {
		struct mb1_info moved = mb;

		end = begin;
		moved.mods_addr = begin + 200;
		moved.mmap_addr = begin + 300;
		moved.cmdline = begin + 600;
		memmove(memory + moved.mods_addr - BASE, memory + mb.mods_addr - BASE, 32);
		memmove(memory + moved.mmap_addr - BASE, memory + mb.mmap_addr - BASE, 72);
		put(&moved, sizeof(moved));
		for (size_t size = begin - BASE; size < begin - BASE + 700; size++) {
			int err = parse_cut(multiboot1_parse, begin, size);

			assert_int_equal(!err, size >= begin - BASE + 300 + 72);
		}
	}
}

static void mb1_bad_pointers(void **state)
{
	static const uint32_t bad[] = { 0, 1, BASE - 1, BASE + SIZE, 0xffffffff, 0xfffffff0 };
	struct mb1_info good = mb1_example();

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct mb1_info mb = good;

		assert_int_equal(parse(multiboot1_parse, bad[i]), -EINVAL);
		mb.mmap_addr = bad[i];
		assert_int_equal(parse(multiboot1_parse, put(&mb, sizeof(mb))), -EINVAL);
		mb = good;
		mb.mods_addr = bad[i];
		assert_int_equal(parse(multiboot1_parse, put(&mb, sizeof(mb))), -EINVAL);
		/* Strings that cannot be read are empty. */
		mb = good;
		mb.cmdline = mb.boot_loader_name = bad[i];
		assert_int_equal(parse(multiboot1_parse, put(&mb, sizeof(mb))), 0);
		assert_string_equal(info.cmdline, "");
		assert_string_equal(info.loader, "");
	}
}

static void mb1_bad_entries(void **state)
{
	struct mb1_info mb = mb1_example();
	uint32_t at = put(&mb, sizeof(mb));
	struct mb1_mmap *map = (void *)(memory + mb.mmap_addr - BASE);
	struct mb1_module *modules = (void *)(memory + mb.mods_addr - BASE);
	const struct mb1_mmap good = map[1];

	(void)state;
	for (uint32_t size = 0; size < 20; size++) {
		map[1].size = size;
		assert_int_equal(parse(multiboot1_parse, at), -EINVAL);
	}
	/* A size that leads out of the map ends it. */
	map[1].size = 0xffffffff;
	assert_int_equal(parse(multiboot1_parse, at), 0);
	assert_int_equal(info.region_count, 2);
	/* Empty ones, and those that wrap, are left out. */
	map[1] = good;
	map[1].length = 0;
	assert_int_equal(parse(multiboot1_parse, at), 0);
	assert_int_equal(info.region_count, 2);
	map[1].base = ~0ull;
	map[1].length = 2;
	assert_int_equal(parse(multiboot1_parse, at), 0);
	assert_int_equal(info.region_count, 2);
	map[1] = good;
	modules[1].end = modules[1].start - 1;
	assert_int_equal(parse(multiboot1_parse, at), -EINVAL);
	/* Beyond memory is for the one who uses it to see: here it is only told. */
	modules[1].start = 0xfffff000;
	modules[1].end = 0xffffffff;
	assert_int_equal(parse(multiboot1_parse, at), 0);
	assert_int_equal(info.modules[1].size, 0xfff);
}

static void mb1_too_many(void **state)
{
	struct mb1_info mb = mb1_example();
	struct mb1_mmap entry = { .size = 24, .length = 4096, .type = REGION_RAM };
	struct mb1_module module = { .start = 1, .end = 2 };

	(void)state;
	mb.mmap_addr = end;
	for (unsigned i = 0; i < BOOT_REGIONS + 50; i++) {
		entry.base = i * MIB;
		put(&entry, sizeof(entry));
		reserve(4); /* an entry that is longer than we know */
	}
	mb.mmap_length = end - mb.mmap_addr;
	mb.mods_addr = end;
	mb.mods_count = BOOT_MODULES + 5;
	for (unsigned i = 0; i < mb.mods_count; i++)
		put(&module, sizeof(module));
	assert_int_equal(parse(multiboot1_parse, put(&mb, sizeof(mb))), 0);
	assert_int_equal(info.region_count, BOOT_REGIONS);
	assert_int_equal(info.regions[BOOT_REGIONS - 1].base, (BOOT_REGIONS - 1) * MIB);
	assert_int_equal(info.module_count, BOOT_MODULES);
	/* A count that nothing backs. */
	mb.mods_count = 0xffffffff;
	mb.mods_addr = BASE + SIZE - 16 * 3;
	assert_int_equal(parse(multiboot1_parse, put(&mb, sizeof(mb))), -EINVAL);
}

static void mb1_long_strings(void **state)
{
	struct mb1_info mb = mb1_example();
	struct mb1_module *module = (void *)(memory + mb.mods_addr - BASE);
	char text[BOOT_STRING + 100];

	(void)state;
	for (size_t n = BOOT_STRING - 2; n < BOOT_STRING + 3; n++) {
		memset(text, 'x', n);
		memcpy(text, "a ", 2);
		text[n] = '\0';
		mb.cmdline = mb.boot_loader_name = module->cmdline = put_string(text);
		assert_int_equal(parse(multiboot1_parse, put(&mb, sizeof(mb))), 0);
		assert_int_equal(strlen(info.cmdline), MIN(n, BOOT_STRING - 1) - 2);
		assert_int_equal(info.modules[0].cmdline_cut, n > BOOT_STRING - 1);
		assert_int_equal(strlen(info.loader), sizeof(info.loader) - 1);
	}
}

/* Multiboot 2 ------------------------------------------------------------------------------------
 */

static const char rsdp[36] = "RSD PTR ";

/* A tag: its header, then data; the next is 8-byte aligned. */
static struct mb2_tag *put_tag(uint32_t type, const void *data, size_t n)
{
	struct mb2_tag *tag = reserve(sizeof(*tag) + ALIGN_UP(n, 8));

	*tag = (struct mb2_tag){ .type = type, .size = (uint32_t)(sizeof(*tag) + n) };
	memcpy(tag + 1, data, n);
	return tag;
}

static struct mb2_tag *put_module(uint32_t start, uint32_t stop, const char *line)
{
	uint8_t data[8 + 100];
	size_t n = strlen(line) + 1;

	memcpy(data, &start, 4);
	memcpy(data + 4, &stop, 4);
	memcpy(data + 8, line, n);
	return put_tag(MB2_MODULE, data, 8 + n);
}

static struct mb2_tag *put_map(uint32_t entry_size, unsigned n)
{
	uint8_t data[8 + 64 * 200] = { 0 };

	memcpy(data, &entry_size, 4);
	for (unsigned i = 0; i < n; i++) {
		struct mb2_mmap_entry e = { .base = i * MIB, .length = MIB, .type = REGION_RAM };

		memcpy(data + 8 + i * entry_size, &e, sizeof(e));
	}
	return put_tag(MB2_MMAP, data, 8 + n * entry_size);
}

static struct mb2_info *begin_mb2(void)
{
	return reserve(sizeof(struct mb2_info));
}

static void end_mb2(struct mb2_info *mb)
{
	put_tag(MB2_END, "", 0);
	mb->total_size = (uint32_t)(memory + (end - BASE) - (uint8_t *)mb);
}

static void mb2_is_read(void **state)
{
	struct mb2_info *mb = begin_mb2();
	uint32_t old_at, new_at;

	(void)state;
	put_tag(MB2_CMDLINE, "mem=64M", 8);
	put_tag(MB2_LOADER, "GRUB 2.06", 10);
	put_tag(21, "unknown", 8);
	put_module(0x200000, 0x234567, "console=ttyS0 quiet");
	put_module(0x300000, 0x300000, "");
	put_map(24, 3);
	old_at = end + 8;
	put_tag(MB2_ACPI_OLD, rsdp, 20);
	end_mb2(mb);
	assert_int_equal(parse(multiboot2_parse, BASE), 0);
	assert_string_equal(info.loader_kind, "multiboot 2");
	assert_string_equal(info.loader, "GRUB 2.06");
	assert_string_equal(info.cmdline, "mem=64M");
	assert_int_equal(info.region_count, 3);
	assert_int_equal(info.regions[2].base, 2 * MIB);
	assert_int_equal(info.module_count, 2);
	assert_int_equal(info.modules[0].size, 0x34567);
	assert_string_equal(info.modules[0].cmdline, "console=ttyS0 quiet");
	assert_string_equal(info.modules[0].name, "");
	assert_int_equal(info.rsdp.raw, old_at);
	assert_int_equal(info.keep.base, BASE);
	assert_int_equal(info.keep.size, mb->total_size);

	/* The new RSDP counts, in either order. */
	end -= 8;
	new_at = end + 8;
	put_tag(MB2_ACPI_NEW, rsdp, sizeof(rsdp));
	put_tag(MB2_ACPI_OLD, rsdp, 20);
	end_mb2(mb);
	assert_int_equal(parse(multiboot2_parse, BASE), 0);
	assert_int_equal(info.rsdp.raw, new_at);
}

/* The total size at every byte, and memory that ends at every byte. */
static void mb2_cut_everywhere(void **state)
{
	struct mb2_info *mb = begin_mb2();
	uint32_t total;

	(void)state;
	put_map(24, 2);
	put_tag(MB2_CMDLINE, "mem=64M", 8);
	put_module(1, 2, "kernel");
	put_tag(MB2_ACPI_OLD, rsdp, 20);
	end_mb2(mb);
	total = mb->total_size;
	for (uint32_t size = 0; size < total; size++) {
		mb->total_size = size;
		assert_int_equal(parse_cut(multiboot2_parse, BASE, size), -EINVAL);
		assert_int_equal(parse_cut(multiboot2_parse, BASE, total), -EINVAL);
		mb->total_size = total;
		assert_int_equal(parse_cut(multiboot2_parse, BASE, size), -EINVAL);
	}
	assert_int_equal(parse_cut(multiboot2_parse, BASE, total), 0);
	mb->total_size = 0xffffffff;
	assert_int_equal(parse_cut(multiboot2_parse, BASE, total), -EINVAL);
}

static void mb2_tag_sizes(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 7, 0x7fffffff, 0xfffffff8, 0xffffffff };
	struct mb2_info *mb = begin_mb2();
	struct mb2_tag *line, *module, *map;

	(void)state;
	line = put_tag(MB2_CMDLINE, "abc", 4);
	module = put_module(1, 2, "k");
	map = put_map(24, 2);
	end_mb2(mb);
	assert_int_equal(parse(multiboot2_parse, BASE), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct mb2_tag *tags[] = { line, module, map };

		for (unsigned j = 0; j < ARRAY_SIZE(tags); j++) {
			uint32_t size = tags[j]->size;

			tags[j]->size = sizes[i];
			assert_int_equal(parse(multiboot2_parse, BASE), -EINVAL);
			tags[j]->size = size;
		}
	}
	/* Too small for what the type needs. */
	module->size = sizeof(struct mb2_module) - 1;
	assert_int_equal(parse(multiboot2_parse, BASE), -EINVAL);
	module->size = sizeof(struct mb2_module) + 2;
	map->size = sizeof(struct mb2_mmap) - 1;
	assert_int_equal(parse(multiboot2_parse, BASE), -EINVAL);
	map->size = sizeof(struct mb2_mmap) + 2 * 24;
	/* A command line that ends with its tag and not with a 0 does not run on. */
	line->size = sizeof(*line) + 2;
	assert_int_equal(parse(multiboot2_parse, BASE), 0);
	assert_string_equal(info.cmdline, "ab");
	line->size = sizeof(*line) + 1;
	assert_int_equal(parse(multiboot2_parse, BASE), 0);
	assert_string_equal(info.cmdline, "a");
}

static void mb2_maps(void **state)
{
	struct mb2_info *mb = begin_mb2();
	uint32_t first = end;

	(void)state;
	for (uint32_t size = 0; size < 48; size++) {
		end = first;
		put_map(size < 24 ? 24 : size, 3);
		memcpy(memory + first + 8 - BASE, &size, 4);
		end_mb2(mb);
		assert_int_equal(parse(multiboot2_parse, BASE), size < 24 ? -EINVAL : 0);
		assert_int_equal(info.region_count, size < 24 ? 0 : 3);
	}
	/* Larger than the tag: no entry, and no memory is a mistake. */
	memset(memory + first + 8 - BASE, 0xff, 4);
	assert_int_equal(parse(multiboot2_parse, BASE), -EINVAL);
	end = first;
	put_map(24, BOOT_REGIONS + 20);
	end_mb2(mb);
	assert_int_equal(parse(multiboot2_parse, BASE), 0);
	assert_int_equal(info.region_count, BOOT_REGIONS);
	end = first;
	put_tag(MB2_CMDLINE, "x", 2);
	end_mb2(mb);
	assert_int_equal(parse(multiboot2_parse, BASE), -EINVAL);
	/* No end tag. */
	end = first;
	put_map(24, 1);
	mb->total_size = end - BASE;
	assert_int_equal(parse(multiboot2_parse, BASE), -EINVAL);
}

static void mb2_modules(void **state)
{
	struct mb2_info *mb = begin_mb2();

	(void)state;
	put_map(24, 1);
	for (unsigned i = 0; i < BOOT_MODULES + 5; i++)
		put_module(i, i + 1, "m");
	end_mb2(mb);
	assert_int_equal(parse(multiboot2_parse, BASE), 0);
	assert_int_equal(info.module_count, BOOT_MODULES);
	assert_int_equal(info.modules[BOOT_MODULES - 1].start.raw, BOOT_MODULES - 1);
	/* One without room for its end. */
	end = BASE;
	mb = begin_mb2();
	put_map(24, 1);
	put_tag(MB2_MODULE, "\1\0\0\0\2\0\0", 7);
	end_mb2(mb);
	assert_int_equal(parse(multiboot2_parse, BASE), -EINVAL);
	end = BASE;
	mb = begin_mb2();
	put_map(24, 1);
	put_module(0xfffff000, 0xffffffff, "beyond memory");
	put_module(2, 1, "ends before it begins");
	end_mb2(mb);
	assert_int_equal(parse(multiboot2_parse, BASE), -EINVAL);
	assert_int_equal(info.modules[0].size, 0xfff);
}

static void mb2_long_strings(void **state)
{
	struct mb2_info *mb = begin_mb2();
	uint32_t first = end;
	char text[BOOT_STRING + 100];

	(void)state;
	for (size_t n = BOOT_STRING - 2; n < BOOT_STRING + 3; n++) {
		memset(text, 'x', n);
		memset(text, 0, 8); /* start and end of a module */
		text[n + 8] = '\0';
		memset(text + 8, 'x', n);
		end = first;
		put_map(24, 1);
		put_tag(MB2_MODULE, text, n + 9);
		put_tag(MB2_CMDLINE, text + 8, n + 1);
		put_tag(MB2_LOADER, text + 8, n + 1);
		end_mb2(mb);
		assert_int_equal(parse(multiboot2_parse, BASE), 0);
		assert_int_equal(strlen(info.cmdline), MIN(n, BOOT_STRING - 1));
		assert_int_equal(strlen(info.modules[0].cmdline), MIN(n, BOOT_STRING - 1));
		assert_int_equal(info.modules[0].cmdline_cut, n > BOOT_STRING - 1);
		assert_int_equal(strlen(info.loader), sizeof(info.loader) - 1);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mb1_is_read),	  TEST(mb1_of_grub),	    TEST(mb1_flags),
		TEST(mb1_cut_everywhere), TEST(mb1_bad_pointers),   TEST(mb1_bad_entries),
		TEST(mb1_too_many),	  TEST(mb1_long_strings),   TEST(mb2_is_read),
		TEST(module_names),	  TEST(mb2_cut_everywhere), TEST(mb2_tag_sizes),
		TEST(mb2_maps),		  TEST(mb2_modules),	    TEST(mb2_long_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

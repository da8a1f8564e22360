/* SPDX-License-Identifier: MIT */
/*
 * Chooses the loader by what the file is. Where it is nothing that Plinth starts, the message says
 * what it looks like, since the usual mistake is a file given in the wrong place.
 */
#include "vmm/load/load.h"

#include "core/sched.h"
#include "lib/elf.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/load/bios.h"
#include "vmm/load/loader.h"
#include "vmm/vm.h"

#define AT_ONCE (64 * KIB)

/* What files begin with that people take for kernels. */
struct signature {
	uint8_t length;
	const char *bytes;
	const char *name;
};

static const struct signature signatures[] = {
	{ 2, "\x1f\x8b", "a gzip file (an initrd? or a kernel still to be unpacked)" },
	{ 6,
	  "\xfd"
	  "7zXZ",
	  "an xz file" },
	{ 4, "\x28\xb5\x2f\xfd", "a zstd file" },
	{ 3, "BZh", "a bzip2 file" },
	{ 4, "\x02\x21\x4c\x18", "an lz4 file" },
	{ 6, "070701", "a cpio archive (an initrd?)" },
	{ 6, "070702", "a cpio archive (an initrd?)" },
	{ 2, "MZ", "a program for UEFI or DOS, without a Linux setup header" },
	{ 8, "!<arch>\n", "an archive (a Debian package?)" },
	{ 2, "#!", "a script" },
};

int load_fail_memory(const char *what, gpa_t at)
{
	log_error("load: the guest has no memory at 0x%lx for the %s", at.raw, what);
	return -EFAULT;
}

size_t load_cmdline_length(const struct load *l)
{
	return strnlen(l->config->cmdline, sizeof(l->config->cmdline));
}

static const char *file_describe(const uint8_t *file, uint64_t size)
{
	struct elf_image elf;
	const char *why;

	/* Right ones, where the other kind was asked for. */
	if (linux_is_kernel(file, size))
		return "a Linux bzImage";
	if (multiboot_is_kernel(file, size))
		return "a multiboot 1 kernel";
	why = multiboot_describe(file, size);
	if (why)
		return why;
	for (unsigned i = 0; i < ARRAY_SIZE(signatures); i++) {
		const struct signature *s = &signatures[i];

		if (size >= s->length && memcmp(file, s->bytes, s->length) == 0)
			return s->name;
	}
	if (!elf_is_file(file, size))
		return "no kind of file that Plinth knows";
	if (elf_open(&elf, file, size, &why))
		return "a damaged ELF file";
	return "an ELF file without a multiboot 1 header (of Linux give the bzImage, not vmlinux)";
}

static int unknown_report(const struct vm_config *c)
{
	static const char *const wanted[] = {
		[CONFIG_BOOT_AUTO] = "a Linux bzImage or a multiboot 1 kernel",
		[CONFIG_BOOT_LINUX] = "a Linux bzImage, since boot = \"linux\" says so",
		[CONFIG_BOOT_MULTIBOOT] =
			"a multiboot 1 kernel, since boot = \"multiboot\" says so",
	};

	log_error("load: the kernel module (%lu bytes) is %s; it has to be %s", c->kernel_size,
		  file_describe(c->kernel, c->kernel_size), wanted[c->boot]);
	return -EINVAL;
}

int load_write(const struct load *l, uint64_t to, const uint8_t *from, uint64_t n)
{
	uint64_t part;
	int err = 0;

	for (; n && !err; n -= part, to += part, from += part) {
		part = MIN(n, AT_ONCE);
		err = gmem_write(l->mem, gpa(to), from, part);
		sched_breathe();
	}
	return err;
}

int load_zero(const struct load *l, uint64_t to, uint64_t n)
{
	uint64_t part;
	int err = 0;

	for (; n && !err; n -= part, to += part) {
		part = MIN(n, AT_ONCE);
		err = gmem_zero(l->mem, gpa(to), part);
		sched_breathe();
	}
	return err;
}

int load_kernel(struct vm *vm, struct load_regs *regs)
{
	const struct vm_config *c = &vm->config;
	struct load l = { .config = c, .mem = &vm->mem, .regs = regs, .again = vm->resetting };
	int err;

	if (!c->kernel) {
		log_error("load: there is no kernel: give one as the first boot module, a Linux "
			  "bzImage or a multiboot 1 kernel");
		return -ENOENT;
	}
	if (!c->kernel_size) {
		log_error("load: the kernel module is empty (0 bytes)");
		return -EINVAL;
	}
	e820_build(&l.map, &vm->mem);
	err = bios_build(&vm->mem);
	if (err)
		return err;
	if (c->boot != CONFIG_BOOT_MULTIBOOT && linux_is_kernel(c->kernel, c->kernel_size))
		return linux_load(&l);
	if (c->boot != CONFIG_BOOT_LINUX && multiboot_is_kernel(c->kernel, c->kernel_size))
		return multiboot_load(&l);
	return unknown_report(c);
}

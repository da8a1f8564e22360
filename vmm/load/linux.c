/* SPDX-License-Identifier: MIT */
/*
 * Linux by its 64-bit boot protocol, or by the 32-bit one where the kernel has no other. The header
 * is copied out of the file once and judged field by field; all that follows uses the copy.
 */
#include "vmm/load/linux.h"

#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/acpi/acpi.h"
#include "vmm/load/loader.h"
#include "vmm/vm.h"

/* Where things lie in the guest's low memory; a kernel never lies there. */
#define LOW_GDT	      0x1000ull
#define LOW_TABLES    0x2000ull
#define LOW_ZERO_PAGE 0x10000ull
#define LOW_CMDLINE   0x20000ull

enum { VERSION_TEXT = 64 };

struct bzimage {
	const uint8_t *file;
	uint64_t size;
	struct linux_header header; /* fields beyond header_size are zero */
	uint64_t header_size;
	uint64_t setup_size;  /* the real-mode part in front; what follows is the kernel */
	uint64_t kernel_size; /* bytes of it in the file */
	uint64_t base, span;  /* where it is loaded, and the memory it needs from there */
	uint64_t initrd;
	bool entry64;
};

static uint32_t magic_at(const uint8_t *file)
{
	uint32_t magic;

	memcpy(&magic, file + LINUX_HEADER + offsetof(struct linux_header, header), sizeof(magic));
	return magic;
}

bool linux_is_kernel(const uint8_t *file, uint64_t size)
{
	return size >= LINUX_JUMP_END + sizeof(uint32_t) && magic_at(file) == LINUX_MAGIC;
}

/* Copies as much of the header as the kernel says it has. */
static int header_read(struct bzimage *z)
{
	const uint64_t needed = offsetof(struct linux_header, handover_offset);
	uint64_t n = LINUX_JUMP_END + z->file[LINUX_JUMP] - LINUX_HEADER;

	z->header_size = MIN(n, sizeof(((struct linux_zero_page *)0)->header_area));
	if (z->size < LINUX_HEADER + z->header_size) {
		log_error("load: the Linux kernel is truncated: its setup header ends at byte %lu, "
			  "the module at %lu",
			  LINUX_HEADER + z->header_size, z->size);
		return -EINVAL;
	}
	memcpy(&z->header, z->file + LINUX_HEADER, MIN(z->header_size, sizeof(z->header)));
	if (z->header.boot_flag != LINUX_BOOT_FLAG) {
		log_error("load: the Linux kernel's boot_flag is 0x%x, not 0x%x: it is damaged",
			  z->header.boot_flag, LINUX_BOOT_FLAG);
		return -EINVAL;
	}
	if (z->header.version < LINUX_VERSION_MIN) {
		log_error("load: the Linux kernel has boot protocol %u.%02u, and 2.10 (Linux "
			  "2.6.31) is needed",
			  z->header.version >> 8, z->header.version & UINT8_MAX);
		return -ENOTSUP;
	}
	if (z->header_size < needed) {
		log_error("load: the Linux kernel's setup header has %lu bytes, and protocol "
			  "%u.%02u "
			  "has at least %lu: it is damaged",
			  z->header_size, z->header.version >> 8, z->header.version & UINT8_MAX,
			  needed);
		return -EINVAL;
	}
	return 0;
}

/* The sizes that the header states, against the file's. */
static int sizes_check(struct bzimage *z)
{
	const struct linux_header *h = &z->header;
	unsigned sects = h->setup_sects ? h->setup_sects : LINUX_SETUP_SECTS_DEFAULT;
	uint64_t stated = (uint64_t)h->syssize * LINUX_PARAGRAPH;

	z->setup_size = (sects + 1ull) * LINUX_SECTOR;
	if (!stated) {
		log_error("load: the Linux kernel's syssize is 0: it is damaged");
		return -EINVAL;
	}
	/* syssize is rounded up to paragraphs, and the file need not be. */
	if (z->size <= z->setup_size || z->size - z->setup_size + LINUX_PARAGRAPH - 1 < stated) {
		log_error("load: the Linux kernel is truncated: its header says %lu bytes, the "
			  "module has %lu",
			  (z->setup_size + stated), z->size);
		return -EINVAL;
	}
	z->kernel_size = MIN(z->size - z->setup_size, stated);
	z->span = MAX(z->kernel_size, (uint64_t)h->init_size);
	return 0;
}

static int flags_check(struct bzimage *z)
{
	const struct linux_header *h = &z->header;
	uint32_t align = h->kernel_alignment;

	if (!(h->loadflags & LINUX_LOADED_HIGH)) {
		log_error(
			"load: the Linux kernel is a zImage, loaded below 1 MiB: build a bzImage");
		return -ENOTSUP;
	}
	if (h->relocatable_kernel && (!align || (align & (align - 1)))) {
		log_error(
			"load: the Linux kernel's kernel_alignment is 0x%x, not a power of two: it "
			"is damaged",
			align);
		return -EINVAL;
	}
	z->entry64 = h->version >= LINUX_VERSION_XLF && (h->xloadflags & LINUX_XLF_KERNEL_64);
	if (z->entry64 && z->kernel_size <= LINUX_ENTRY_64) {
		log_error("load: the Linux kernel has %lu bytes behind its setup code, and its "
			  "64-bit "
			  "entry is at byte %d: it is damaged",
			  z->kernel_size, LINUX_ENTRY_64);
		return -EINVAL;
	}
	return 0;
}

static int cmdline_check(const struct bzimage *z, const struct load *l)
{
	size_t n = load_cmdline_length(l);

	if (n <= z->header.cmdline_size)
		return 0;
	log_error("load: the command line has %zu bytes, and this Linux kernel takes %u at most", n,
		  z->header.cmdline_size);
	return -E2BIG;
}

/*
 * At its preferred address; a relocatable kernel also above, as it moves itself there from below.
 */
static int kernel_place(struct bzimage *z, const struct load *l)
{
	const struct linux_header *h = &z->header;
	const struct e820_want want = {
		.size = z->span,
		.align = h->relocatable_kernel ? h->kernel_alignment : 1,
		.low = MAX(h->pref_address, GUEST_RAM),
		.high = GUEST_PCI_HOLE,
	};

	if (h->relocatable_kernel) {
		if (!e820_place_low(&l->map, &want, &z->base))
			return 0;
	} else if (want.low == h->pref_address && h->pref_address < want.high &&
		   e820_is_ram(&l->map, h->pref_address, z->span)) {
		z->base = h->pref_address;
		return 0;
	}
	log_error("load: the Linux kernel needs %lu KiB from 0x%lx on, and the guest's %lu MiB of "
		  "memory end at 0x%lx there: give the guest at least %lu MiB",
		  load_kib(z->span), h->pref_address, load_mib(gmem_size(l->mem)),
		  e820_ram_end(&l->map, GUEST_RAM), load_mib(want.low + z->span) + 1);
	return -ENOSPC;
}

/*
 * As high as the kernel's limit and the memory allow; below the kernel where there is no other
 * room.
 */
static int initrd_place(struct bzimage *z, const struct load *l)
{
	uint64_t limit = MIN((uint64_t)z->header.initrd_addr_max + 1, GUEST_PCI_HOLE);
	struct e820_want want = {
		.size = l->config->initrd_size,
		.align = PAGE_SIZE,
		.low = z->base + z->span,
		.high = limit,
	};

	if (!l->config->initrd || !l->config->initrd_size)
		return 0;
	if (!e820_place_high(&l->map, &want, &z->initrd))
		return 0;
	want.low = GUEST_RAM;
	want.high = MIN(z->base, limit);
	if (!e820_place_high(&l->map, &want, &z->initrd))
		return 0;
	log_error("load: the initrd of %lu KiB does not fit beside the kernel (0x%lx to 0x%lx): "
		  "there is memory to 0x%lx, and the kernel takes an initrd below 0x%lx",
		  load_kib(l->config->initrd_size), z->base, (z->base + z->span),
		  e820_ram_end(&l->map, GUEST_RAM), limit);
	return -ENOSPC;
}

static int kernel_write(const struct bzimage *z, const struct load *l)
{
	const uint8_t *kernel = z->file + z->setup_size;

	if (load_write(l, z->base, kernel, z->kernel_size))
		return load_fail_memory("Linux kernel", gpa(z->base));
	if (z->initrd && load_write(l, z->initrd, l->config->initrd, l->config->initrd_size))
		return load_fail_memory("initrd", gpa(z->initrd));
	return 0;
}

static int cmdline_write(const struct load *l)
{
	size_t n = load_cmdline_length(l);

	if (gmem_write(l->mem, gpa(LOW_CMDLINE), l->config->cmdline, n) ||
	    gmem_zero(l->mem, gpa(LOW_CMDLINE + n), 1))
		return load_fail_memory("command line", gpa(LOW_CMDLINE));
	return 0;
}

static int zero_page_write(const struct bzimage *z, const struct load *l)
{
	struct linux_zero_page *page =
		gmem_ptr(l->mem, gpa(LOW_ZERO_PAGE), sizeof(struct linux_zero_page), true);

	if (!page)
		return load_fail_memory("Linux zero page", gpa(LOW_ZERO_PAGE));
	memset(page, 0, sizeof(*page));
	memcpy(page->header_area, z->file + LINUX_HEADER, z->header_size);
	page->acpi_rsdp_addr = ACPI_RSDP;
	page->e820_entries = (uint8_t)l->map.count;
	memcpy(page->e820_table, l->map.entries, l->map.count * sizeof(l->map.entries[0]));
	page->header.vid_mode = LINUX_VIDEO_NORMAL;
	page->header.type_of_loader = LINUX_LOADER_UNKNOWN;
	page->header.code32_start = (uint32_t)z->base;
	page->header.cmd_line_ptr = (uint32_t)LOW_CMDLINE;
	page->header.setup_data = 0;
	page->header.ramdisk_image = (uint32_t)z->initrd;
	page->header.ramdisk_size = z->initrd ? (uint32_t)l->config->initrd_size : 0;
	return 0;
}

/* The kernel's own words on its version, printable or nothing. */
static void version_read(const struct bzimage *z, char text[VERSION_TEXT])
{
	uint64_t at = z->header.kernel_version + (uint64_t)LINUX_SECTOR;
	size_t n = 0;

	if (z->header.kernel_version) {
		for (; n < VERSION_TEXT - 1 && at + n < z->setup_size; n++) {
			uint8_t c = z->file[at + n];

			if (c <= ' ' || c > '~')
				break;
			text[n] = (char)c;
		}
	}
	text[n] = '\0';
}

static void report(const struct bzimage *z, const struct load *l)
{
	char version[VERSION_TEXT];

	if (l->again)
		return;
	version_read(z, version);
	log_info("load: kernel %s, Linux boot protocol %u.%02u, %u-bit entry, at 0x%lx, needs %lu "
		 "KiB",
		 version[0] ? version : "of unknown version", z->header.version >> 8,
		 z->header.version & UINT8_MAX, z->entry64 ? 64 : 32, z->base, load_kib(z->span));
	if (z->initrd)
		log_info("load: initrd at 0x%lx, %lu KiB", z->initrd,
			 load_kib(l->config->initrd_size));
}

static int cpu_prepare(const struct bzimage *z, struct load *l)
{
	int err;

	err = z->entry64 ? state_set_long(l, gpa(LOW_GDT), gpa(LOW_TABLES))
			 : state_set_protected(l, gpa(LOW_GDT));
	if (err)
		return err;
	l->regs->rip = z->base + (z->entry64 ? LINUX_ENTRY_64 : 0);
	l->regs->gpr[RSI] = LOW_ZERO_PAGE;
	return 0;
}

int linux_load(struct load *l)
{
	struct bzimage z = { .file = l->config->kernel, .size = l->config->kernel_size };
	int err;

	if ((err = header_read(&z)) || (err = sizes_check(&z)) || (err = flags_check(&z)) ||
	    (err = cmdline_check(&z, l)) || (err = kernel_place(&z, l)) ||
	    (err = initrd_place(&z, l)))
		return err;
	if ((err = kernel_write(&z, l)) || (err = cmdline_write(l)) ||
	    (err = zero_page_write(&z, l)) || (err = cpu_prepare(&z, l)))
		return err;
	report(&z, l);
	return 0;
}

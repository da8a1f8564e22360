/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1 kernels: ELF by their program headers, or any file by the header's own addresses.
 * What the kernel is told lies in one block, struct block, put where the kernel is not.
 */
#include "vmm/load/multiboot.h"

#include "lib/elf.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/load/loader.h"
#include "vmm/vm.h"

#define INFO_LOW 0x1000ull /* above the BIOS data area */

static const char loader_name[] = "Plinth";

/* What the registers and the info's pointers lead to. */
struct block {
	uint64_t gdt[STATE_GDT_SIZE / sizeof(uint64_t)];
	struct mb_info info;
	struct mb_module module;
	struct mb_mmap_entry mmap[E820_ENTRIES];
	char name[sizeof(loader_name)];
	char cmdline[sizeof(((struct vm_config *)0)->cmdline) + 1];
};

struct kernel {
	const uint8_t *file;
	uint64_t size;
	struct mb_header header;
	uint64_t header_at; /* its offset in the file */
	uint64_t base, end; /* the memory that it takes, gaps between segments included */
	uint64_t entry;
	uint64_t module, module_end;
	bool has_module;
};

/* A multiboot header at a 4-byte boundary whose three fields add up to 0. */
static bool header_find(const uint8_t *file, uint64_t size, uint64_t *at)
{
	uint64_t end = MIN(size, (uint64_t)MB_SEARCH);

	for (*at = 0; *at + MB_HEADER_SHORT <= end; *at += MB_HEADER_ALIGN) {
		uint32_t h[MB_HEADER_SHORT / sizeof(uint32_t)];

		memcpy(h, file + *at, sizeof(h));
		if (h[0] == MB_HEADER_MAGIC && h[0] + h[1] + h[2] == 0)
			return true;
	}
	return false;
}

bool multiboot_is_kernel(const uint8_t *file, uint64_t size)
{
	uint64_t at;

	return header_find(file, size, &at);
}

const char *multiboot_describe(const uint8_t *file, uint64_t size)
{
	for (uint64_t at = 0; at + sizeof(uint32_t) <= MIN(size, (uint64_t)MB2_SEARCH);
	     at += MB_HEADER_ALIGN) {
		uint32_t magic;

		memcpy(&magic, file + at, sizeof(magic));
		if (magic == MB_HEADER_MAGIC && at < MB_SEARCH)
			return "a multiboot 1 kernel whose header has a wrong checksum";
		if (magic == MB2_HEADER_MAGIC)
			return "a multiboot 2 kernel";
	}
	return NULL;
}

static int header_read(struct kernel *k)
{
	uint32_t unknown;
	uint64_t n = MB_HEADER_SHORT;

	if (!header_find(k->file, k->size, &k->header_at))
		return -EINVAL;
	memcpy(&k->header, k->file + k->header_at, n);
	unknown = k->header.flags & MB_HEADER_REQUIRED & ~(uint32_t)MB_HEADER_KNOWN;
	if (unknown) {
		log_error("load: the multiboot header requires flag bit %u (flags 0x%08x), and "
			  "multiboot 1 defines bits 0 to 2",
			  (unsigned)__builtin_ctz(unknown), k->header.flags);
		return -ENOTSUP;
	}
	if (!(k->header.flags & MB_HEADER_ADDRESSES))
		return 0;
	if (k->size - k->header_at < sizeof(k->header)) {
		log_error("load: the multiboot kernel is truncated within its header");
		return -EINVAL;
	}
	memcpy(&k->header, k->file + k->header_at, sizeof(k->header));
	return 0;
}

/* Puts n bytes of the file at base, and zeros up to base + span; the range must be RAM. */
static int part_write(struct kernel *k, const struct load *l, uint64_t base, const uint8_t *from,
		      uint64_t n, uint64_t span)
{
	if (base >= GUEST_PCI_HOLE_END || span > GUEST_PCI_HOLE_END - base ||
	    !e820_is_ram(&l->map, base, span)) {
		log_error("load: the multiboot kernel is to be loaded at 0x%lx (%lu KiB), and the "
			  "guest has no memory for that there: its RAM is 0 to 0x%lx and 0x%lx "
			  "to 0x%lx",
			  base, load_kib(span), GUEST_EBDA, GUEST_RAM,
			  e820_ram_end(&l->map, GUEST_RAM));
		return -ENOSPC;
	}
	if (load_write(l, base, from, n) || load_zero(l, base + n, span - n))
		return load_fail_memory("multiboot kernel", gpa(base));
	k->base = MIN(k->base, base);
	k->end = MAX(k->end, base + span);
	return 0;
}

/* The header's own addresses: one piece of the file, and zeros behind it. */
static int addresses_load(struct kernel *k, const struct load *l)
{
	const struct mb_header *h = &k->header;
	uint64_t offset, n, span;

	if (h->header_addr < h->load_addr || h->header_addr - h->load_addr > k->header_at) {
		log_error("load: the multiboot header's header_addr 0x%x and load_addr 0x%x do not "
			  "go "
			  "with its place in the file, 0x%lx",
			  h->header_addr, h->load_addr, k->header_at);
		return -EINVAL;
	}
	offset = k->header_at - (h->header_addr - h->load_addr);
	n = k->size - offset;
	if (h->load_end_addr) {
		if (h->load_end_addr < h->load_addr || h->load_end_addr - h->load_addr > n) {
			log_error("load: the multiboot header's load_end_addr 0x%x is below "
				  "load_addr "
				  "0x%x or beyond the file, which ends at 0x%lx: truncated?",
				  h->load_end_addr, h->load_addr, h->load_addr + n);
			return -EINVAL;
		}
		n = h->load_end_addr - h->load_addr;
	}
	span = n;
	if (h->bss_end_addr) {
		if (h->bss_end_addr < h->load_addr + n) {
			log_error("load: the multiboot header's bss_end_addr 0x%x is below the end "
				  "of "
				  "the data, 0x%lx",
				  h->bss_end_addr, h->load_addr + n);
			return -EINVAL;
		}
		span = h->bss_end_addr - h->load_addr;
	}
	k->entry = h->entry_addr;
	return part_write(k, l, h->load_addr, k->file + offset, n, span);
}

static int elf_fail(const char *why)
{
	log_error("load: the multiboot kernel has no addresses in its header, and the ELF file %s",
		  why);
	return -EINVAL;
}

static int elf_check(const struct elf_image *e)
{
	if (e->machine != ELF_MACHINE_386 && e->machine != ELF_MACHINE_X86_64)
		return elf_fail("is not for x86");
	if (e->type != ELF_TYPE_EXEC)
		return elf_fail("is not an executable with fixed addresses (ET_EXEC)");
	return 0;
}

/*
 * By the program headers' physical addresses; an entry within a segment is virtual and moves along.
 */
static int elf_load(struct kernel *k, const struct load *l)
{
	struct elf_image e;
	struct elf_segment s;
	const char *why;
	int err;

	if (elf_open(&e, k->file, k->size, &why))
		return elf_fail(why);
	err = elf_check(&e);
	if (err)
		return err;
	k->entry = e.entry;
	for (unsigned i = 0; i < e.segment_count; i++) {
		if (elf_segment_get(&e, i, &s, &why))
			return elf_fail(why);
		if (s.type != ELF_PT_LOAD || !s.memory_size)
			continue;
		err = part_write(k, l, s.physical, k->file + s.offset, s.file_size, s.memory_size);
		if (err)
			return err;
		if (e.entry >= s.virtual && e.entry - s.virtual < s.memory_size)
			k->entry = e.entry - s.virtual + s.physical;
	}
	return k->end ? 0 : elf_fail("has nothing to load");
}

static int entry_check(const struct kernel *k)
{
	if (k->entry >= k->base && k->entry < k->end)
		return 0;
	log_error("load: the multiboot kernel's entry 0x%lx is outside of what is loaded, 0x%lx to "
		  "0x%lx",
		  k->entry, k->base, k->end);
	return -EINVAL;
}

/* The initrd is the one module: on the first page boundary behind the kernel. */
static int module_load(struct kernel *k, const struct load *l)
{
	const struct vm_config *c = l->config;
	const struct e820_want want = {
		.size = c->initrd_size,
		.align = PAGE_SIZE,
		.low = MAX(k->end, GUEST_RAM),
		.high = GUEST_PCI_HOLE,
	};

	if (!c->initrd || !c->initrd_size)
		return 0;
	if (e820_place_low(&l->map, &want, &k->module)) {
		log_error("load: the initrd of %lu KiB does not fit behind the multiboot kernel, "
			  "which "
			  "ends at 0x%lx: there is memory to 0x%lx",
			  load_kib(c->initrd_size), k->end, e820_ram_end(&l->map, GUEST_RAM));
		return -ENOSPC;
	}
	if (load_write(l, k->module, c->initrd, c->initrd_size))
		return load_fail_memory("initrd", gpa(k->module));
	k->has_module = true;
	k->module_end = k->module + c->initrd_size;
	return 0;
}

/* Below the kernel, or behind it and its module. */
static int block_place(const struct kernel *k, const struct load *l, uint64_t *base)
{
	struct e820_want want = {
		.size = sizeof(struct block),
		.align = PAGE_SIZE,
		.low = INFO_LOW,
		.high = k->base,
	};

	if (!e820_place_low(&l->map, &want, base))
		return 0;
	want.low = MAX(k->end, k->module_end);
	want.high = GUEST_PCI_HOLE;
	if (!e820_place_low(&l->map, &want, base))
		return 0;
	log_error("load: there is no room for the multiboot information of %lu bytes beside the "
		  "kernel, 0x%lx to 0x%lx",
		  sizeof(struct block), k->base, k->end);
	return -ENOSPC;
}

/* base is the block's address in the guest. */
static void info_fill(struct block *b, uint64_t base, const struct kernel *k, const struct load *l)
{
	uint32_t at = (uint32_t)base;
	uint64_t upper = e820_ram_end(&l->map, GUEST_RAM) - GUEST_RAM;

	b->info = (struct mb_info){
		.flags = MB_INFO_MEMORY | MB_INFO_CMDLINE | MB_INFO_MODULES | MB_INFO_MMAP |
			 MB_INFO_LOADER_NAME,
		.mem_lower = (uint32_t)(GUEST_EBDA / KIB),
		.mem_upper = (uint32_t)(upper / KIB),
		.cmdline = at + offsetof(struct block, cmdline),
		.mods_count = k->has_module,
		.mods_addr = at + offsetof(struct block, module),
		.mmap_length = (uint32_t)(l->map.count * sizeof(b->mmap[0])),
		.mmap_addr = at + offsetof(struct block, mmap),
		.boot_loader_name = at + offsetof(struct block, name),
	};
	if (k->has_module)
		b->module = (struct mb_module){ .start = (uint32_t)k->module,
						.end = (uint32_t)k->module_end,
						.string = at + offsetof(struct block, name) +
							  sizeof(loader_name) - 1 };
	for (unsigned i = 0; i < l->map.count; i++)
		b->mmap[i] = (struct mb_mmap_entry){ sizeof(struct e820_entry), l->map.entries[i] };
	memcpy(b->name, loader_name, sizeof(loader_name));
	memcpy(b->cmdline, l->config->cmdline, load_cmdline_length(l));
}

static int block_write(const struct kernel *k, struct load *l, uint64_t *base)
{
	struct block *b;
	int err;

	err = block_place(k, l, base);
	if (err)
		return err;
	b = gmem_ptr(l->mem, gpa(*base), sizeof(*b), true);
	if (!b)
		return load_fail_memory("multiboot information", gpa(*base));
	memset(b, 0, sizeof(*b));
	info_fill(b, *base, k, l);
	return 0;
}

static void report(const struct kernel *k, const struct load *l)
{
	if (k->header.flags & MB_HEADER_VIDEO)
		log_warn("load: the multiboot kernel wants a video mode, and the guest has no "
			 "display");
	log_info("load: multiboot kernel at 0x%lx to 0x%lx, entry 0x%lx", k->base, k->end,
		 k->entry);
	if (k->has_module)
		log_info("load: module at 0x%lx, %lu KiB", k->module,
			 load_kib(l->config->initrd_size));
}

int multiboot_load(struct load *l)
{
	struct kernel k = { .file = l->config->kernel,
			    .size = l->config->kernel_size,
			    .base = UINT64_MAX };
	uint64_t block;
	int err;

	err = header_read(&k);
	if (err)
		return err;
	err = k.header.flags & MB_HEADER_ADDRESSES ? addresses_load(&k, l) : elf_load(&k, l);
	if (err)
		return err;
	if ((err = entry_check(&k)) || (err = module_load(&k, l)) ||
	    (err = block_write(&k, l, &block)) ||
	    (err = state_set_protected(l, gpa(block + offsetof(struct block, gdt)))))
		return err;
	l->regs->rip = k.entry;
	l->regs->gpr[RAX] = MB_BOOT_MAGIC;
	l->regs->gpr[RBX] = block + offsetof(struct block, info);
	if (!l->again)
		report(&k, l);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Reads what a multiboot 1 or 2 loader left in memory. Every length is checked before it is used:
 * loaders differ, and a wrong one must give a message, not a hang.
 */
#include "boot/multiboot.h"
#include "lib/errno.h"
#include "lib/string.h"

/* Copies a terminated string at addr that may end at any byte; whether it was cut. */
static bool copy_string(uint64_t addr, boot_at_fn *at, char *out, size_t size)
{
	size_t n = 0;
	const char *c = at(addr, 1);

	while (c && *c && n + 1 < size) {
		out[n++] = *c;
		c = at(addr + n, 1);
	}
	out[n] = '\0';
	return c && *c;
}

/* QEMU, iPXE and syslinux put the file's name before the arguments; GRUB 2 does not. */
static bool has_file_name(const struct boot_info *info)
{
	return strncmp(info->loader, "GRUB 2", 6) != 0;
}

/*
 * The module's name, from its line as the loader gave it. Where that begins with the arguments, a
 * word like root=/dev/sda is a kernel's parameter, and no name.
 */
static void set_name(struct boot_module *m, bool file_first)
{
	const char *first = m->cmdline, *end;
	size_t n;

	for (end = first; *end && *end != ' '; end++) {
		if (*end == '/')
			first = end + 1;
		if (*end == '=' && !file_first)
			return;
	}
	n = (size_t)(end - first);
	if (n < sizeof(m->name))
		str_copy(m->name, first, n + 1);
}

static void drop_file_name(const struct boot_info *info, char *s)
{
	const char *rest = s;

	if (!has_file_name(info))
		return;
	while (*rest && *rest != ' ')
		rest++;
	while (*rest == ' ')
		rest++;
	memmove(s, rest, strlen(rest) + 1);
}

static void add_region(struct boot_info *info, uint64_t base, uint64_t size, uint32_t type)
{
	struct boot_region *r = &info->regions[info->region_count];

	if (!size || base + size < base || info->region_count == BOOT_REGIONS)
		return;
	*r = (struct boot_region){ .base = base, .size = size, .type = type };
	info->region_count++;
}

/* There is room for one more. NULL: it ends before it begins. */
static struct boot_module *add_module(struct boot_info *info, uint64_t start, uint64_t end)
{
	struct boot_module *m = &info->modules[info->module_count];

	if (end < start)
		return NULL;
	m->start = hpa(start);
	m->size = end - start;
	info->module_count++;
	return m;
}

static int parse_mb1_mmap(const struct mb1_info *mb, boot_at_fn *at, struct boot_info *info)
{
	uint64_t addr = mb->mmap_addr, end = addr + mb->mmap_length;

	while (addr + sizeof(struct mb1_mmap) <= end) {
		const struct mb1_mmap *e = at(addr, sizeof(*e));

		if (!e || e->size < sizeof(*e) - sizeof(e->size))
			return -EINVAL;
		add_region(info, e->base, e->length, e->type);
		addr += sizeof(e->size) + (uint64_t)e->size;
	}
	return 0;
}

static int parse_mb1_modules(const struct mb1_info *mb, boot_at_fn *at, struct boot_info *info)
{
	for (uint32_t i = 0; i < mb->mods_count && i < BOOT_MODULES; i++) {
		const struct mb1_module *from =
			at(mb->mods_addr + i * (uint64_t)sizeof(*from), sizeof(*from));
		struct boot_module *m = from ? add_module(info, from->start, from->end) : NULL;

		if (!m)
			return -EINVAL;
		m->cmdline_cut = copy_string(from->cmdline, at, m->cmdline, sizeof(m->cmdline));
		set_name(m, has_file_name(info));
		drop_file_name(info, m->cmdline);
	}
	return 0;
}

int multiboot1_parse(uint64_t addr, boot_at_fn *at, struct boot_info *info)
{
	const struct mb1_info *mb = at(addr, sizeof(*mb));
	int err = 0;

	info->loader_kind = "multiboot 1";
	if (!mb)
		return -EINVAL;
	if (mb->flags & MB1_INFO_LOADER)
		copy_string(mb->boot_loader_name, at, info->loader, sizeof(info->loader));
	if (mb->flags & MB1_INFO_CMDLINE) {
		copy_string(mb->cmdline, at, info->cmdline, sizeof(info->cmdline));
		drop_file_name(info, info->cmdline);
	}
	if (!(mb->flags & MB1_INFO_MMAP))
		return -EINVAL;
	err = parse_mb1_mmap(mb, at, info);
	if (!err && (mb->flags & MB1_INFO_MODULES))
		err = parse_mb1_modules(mb, at, info);
	return err || info->region_count ? err : -EINVAL;
}

static int parse_mb2_mmap(const struct mb2_tag *tag, struct boot_info *info)
{
	const struct mb2_mmap *map = (const void *)tag;
	uint64_t at = sizeof(*map);

	if (tag->size < sizeof(*map) || map->entry_size < sizeof(struct mb2_mmap_entry))
		return -EINVAL;
	for (; at + map->entry_size <= tag->size; at += map->entry_size) {
		const struct mb2_mmap_entry *e = (const void *)((const char *)tag + at);

		add_region(info, e->base, e->length, e->type);
	}
	return 0;
}

/* The string that follows the first skip bytes of a tag, and ends with the tag at the latest. */
static bool copy_tag_string(const struct mb2_tag *tag, uint64_t addr, size_t skip, boot_at_fn *at,
			    char *out, size_t size)
{
	return copy_string(addr + skip, at, out, MIN(size, tag->size - skip + 1));
}

static int parse_mb2_module(const struct mb2_tag *tag, uint64_t addr, boot_at_fn *at,
			    struct boot_info *info)
{
	const struct mb2_module *from = (const void *)tag;
	struct boot_module *m;

	if (tag->size < sizeof(*from))
		return -EINVAL;
	if (info->module_count == BOOT_MODULES)
		return 0; /* as many as there is a place for */
	m = add_module(info, from->start, from->end);
	if (!m)
		return -EINVAL;
	m->cmdline_cut =
		copy_tag_string(tag, addr, sizeof(*from), at, m->cmdline, sizeof(m->cmdline));
	set_name(m, false);
	return 0;
}

static int parse_mb2_tag(const struct mb2_tag *tag, uint64_t addr, boot_at_fn *at,
			 struct boot_info *info)
{
	switch (tag->type) {
	case MB2_CMDLINE:
		copy_tag_string(tag, addr, sizeof(*tag), at, info->cmdline, sizeof(info->cmdline));
		return 0;
	case MB2_LOADER:
		copy_tag_string(tag, addr, sizeof(*tag), at, info->loader, sizeof(info->loader));
		return 0;
	case MB2_MODULE: return parse_mb2_module(tag, addr, at, info);
	case MB2_MMAP: return parse_mb2_mmap(tag, info);
	case MB2_EFI32:
	case MB2_EFI64: info->efi = true; return 0;
	case MB2_ACPI_NEW: info->rsdp = hpa(addr + sizeof(*tag)); return 0;
	case MB2_ACPI_OLD:
		if (!info->rsdp.raw)
			info->rsdp = hpa(addr + sizeof(*tag));
		return 0;
	default: return 0;
	}
}

int multiboot2_parse(uint64_t addr, boot_at_fn *at, struct boot_info *info)
{
	const struct mb2_info *mb = at(addr, sizeof(*mb));
	uint64_t end, tag_addr;

	info->loader_kind = "multiboot 2";
	if (!mb || mb->total_size < sizeof(*mb) || !at(addr, mb->total_size))
		return -EINVAL;
	info->keep = (struct boot_region){ .base = addr, .size = mb->total_size };
	end = addr + mb->total_size;
	tag_addr = addr + sizeof(*mb);
	while (tag_addr + sizeof(struct mb2_tag) <= end) {
		const struct mb2_tag *tag = at(tag_addr, sizeof(*tag));

		if (!tag || tag->size < sizeof(*tag) || tag->size > end - tag_addr)
			return -EINVAL;
		if (tag->type == MB2_END)
			return info->region_count ? 0 : -EINVAL;
		if (parse_mb2_tag(tag, tag_addr, at, info))
			return -EINVAL;
		tag_addr += ALIGN_UP(tag->size, 8);
	}
	return -EINVAL;
}

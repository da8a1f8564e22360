// SPDX-License-Identifier: MIT
/*
 * Starts Linux by the 64-bit boot protocol, and tells it the TSC at its first instruction: so that
 * what the start of Linux costs is counted from the same point with Plinth and without it, where
 * firmware and boot loaders differ. Its one module is a struct bundle with kernel and initrd.
 * It also makes the machines alike: under Plinth it prints the ACPI tables; tools/bench passes them
 * on to the run on the bare i440FX, where they take the firmware's place, and option ROMs vanish.
 */
#include "lib/cpu.h"
#include "lib/hw.h"
#include "lib/test.h"

enum {
	/* Multiboot 1, "Boot information format" */
	INFO_MODS = 1 << 3,
	INFO_MMAP = 1 << 6,
	/* Documentation/arch/x86/boot.rst and zero-page.rst */
	PAGE_E820_COUNT = 0x1e8,
	HEADER = 0x1f1,
	HEADER_SECTORS = 0x1f1,
	HEADER_JUMP_LENGTH = 0x201,
	HEADER_JUMP = 0x202,
	HEADER_LOADER = 0x210,
	HEADER_RAMDISK = 0x218,
	HEADER_RAMDISK_SIZE = 0x21c,
	HEADER_CMDLINE = 0x228,
	HEADER_PREF_ADDRESS = 0x258,
	PAGE_E820 = 0x2d0,
	PAGE_E820_MOST = 128,
	LOADER_UNKNOWN = 0xff,
	SECTOR = 512,
	ENTRY_64 = 0x200,

	/* What the ACPI tables of Plinth take: vmm/load/e820.h, GUEST_ACPI. */
	ACPI_AT = 0xe0000,
	ACPI_SIZE = 4096,
	/* 82441FX (PMC), "PAM—Programmable Attribute Map Registers": what each range's accesses do.
	 */
	PAM_C0000 = 0x5a,
	PAM_E0000 = 0x5e,
	PAM_NOTHING = 0,
	PAM_RAM = 0x33,
	/* 82371AB (PIIX4), "Power Management", function 3 */
	PIIX4_PM_ID = 0x71138086,
	PMBA = 0x40,
	PMBA_IO = 1,
	PM_PORT = 0x600,

	INITRD_AT = 128 << 20,
	CMDLINE_SIZE = 1024,
	HEX_DIGITS = 16,
};

struct bundle {
	uint64_t kernel_size, initrd_size, has_acpi;
	char cmdline[CMDLINE_SIZE];
	uint8_t acpi[ACPI_SIZE];
	/* The kernel, and right behind it the initrd. */
	uint8_t kernel[];
};

struct info {
	uint32_t flags, mem[2], device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr;
};

struct module {
	uint32_t start, end;
};

struct e820_entry {
	uint64_t base, size;
	uint32_t type;
} __attribute__((packed));

struct mmap_entry {
	uint32_t size;
	struct e820_entry e;
} __attribute__((packed));

_Noreturn void linux_enter(uint64_t entry, void *page);

static uint8_t page[4096] __attribute__((aligned(4096)));
static char cmdline[CMDLINE_SIZE + 64];

static void put32(unsigned offset, uint32_t value)
{
	memcpy(page + offset, &value, sizeof(value));
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static void copy_map(const struct info *info)
{
	uint32_t at = info->mmap_addr, end = at + info->mmap_length;
	unsigned count = 0;

	while (at < end && count < PAGE_E820_MOST) {
		const struct mmap_entry *m = (const struct mmap_entry *)(uint64_t)at;

		memcpy(page + PAGE_E820 + count++ * sizeof(m->e), &m->e, sizeof(m->e));
		at += m->size + sizeof(m->size);
	}
	page[PAGE_E820_COUNT] = (uint8_t)count;
}

static void pci_select(unsigned device, unsigned function, unsigned reg)
{
	outl(PCI_ADDRESS, 1u << 31 | device << 11 | function << 8 | (reg & ~3u));
}

static void pci_write8(unsigned device, unsigned function, unsigned reg, uint8_t value)
{
	pci_select(device, function, reg);
	outb((uint16_t)(PCI_DATA + (reg & 3)), value);
}

/* The bare machine gets Plinth's tables, and the PM registers where these say. */
static void take_tables(const struct bundle *b)
{
	for (unsigned reg = PAM_C0000; reg < PAM_E0000; reg++)
		pci_write8(0, 0, reg, PAM_NOTHING);
	pci_write8(0, 0, PAM_E0000, PAM_RAM);
	memcpy((void *)ACPI_AT, b->acpi, sizeof(b->acpi));
	pci_select(1, 3, 0);
	if (check_eq("the PIIX4's ID", PIIX4_PM_ID, inl(PCI_DATA))) {
		pci_select(1, 3, PMBA);
		outl(PCI_DATA, PM_PORT | PMBA_IO);
	}
}

static void print_tables(void)
{
	const uint8_t *at = (const uint8_t *)ACPI_AT;

	print("acpi ");
	for (unsigned i = 0; i < ACPI_SIZE; i++)
		print("%02x", at[i]);
	print("\n");
}

/* Gives the address that the kernel is at. */
static uint64_t load(const struct bundle *b)
{
	const uint8_t *k = b->kernel;
	uint64_t size = (k[HEADER_SECTORS] + 1) * SECTOR, to;

	memcpy(page + HEADER, k + HEADER, HEADER_JUMP + k[HEADER_JUMP_LENGTH] - HEADER);
	memcpy(&to, k + HEADER_PREF_ADDRESS, sizeof(to));
	page[HEADER_LOADER] = LOADER_UNKNOWN;
	put32(HEADER_RAMDISK, INITRD_AT);
	put32(HEADER_RAMDISK_SIZE, (uint32_t)b->initrd_size);
	put32(HEADER_CMDLINE, (uint32_t)(uint64_t)cmdline);
	memcpy((void *)INITRD_AT, k + b->kernel_size, b->initrd_size);
	memcpy((void *)to, k + size, b->kernel_size - size);
	return to;
}

/* Appends the TSC as the word that guests/ticks and tools/bench look for. */
static void write_start(uint64_t tsc)
{
	static const char word[] = " plinth.start=";
	char *at = cmdline;

	while (*at)
		at++;
	memcpy(at, word, sizeof(word) - 1);
	at += sizeof(word) - 1;
	for (int shift = 4 * (HEX_DIGITS - 1); shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[tsc >> shift & 0xf];
}

void guest_main(void)
{
	const struct info *info = (const struct info *)(uint64_t)boot_multiboot_info;
	const struct bundle *b;
	const struct module *m;
	uint64_t size, to;

	if (!check_true("the loader gives a module and a memory map",
			info && info->flags & INFO_MODS && info->flags & INFO_MMAP &&
				info->mods_count == 1))
		return;
	m = (const struct module *)(uint64_t)info->mods_addr;
	b = (const struct bundle *)(uint64_t)m->start;
	size = sizeof(*b) + b->kernel_size + b->initrd_size;
	if (!check_eq("the module's size", size, m->end - m->start))
		return;
	memcpy(&to, b->kernel + HEADER_PREF_ADDRESS, sizeof(to));
	if (!check_true("the module is where neither kernel nor initrd goes",
			!overlap(m->start, size, to, b->kernel_size) &&
				!overlap(m->start, size, INITRD_AT, b->initrd_size)))
		return;
	if (b->has_acpi)
		take_tables(b);
	else
		print_tables();
	copy_map(info);
	memcpy(cmdline, b->cmdline, sizeof(b->cmdline));
	to = load(b);
	serial_drain();
	write_start(rdtsc());
	linux_enter(to + ENTRY_64, page);
}

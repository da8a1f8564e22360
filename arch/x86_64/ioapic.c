/* SPDX-License-Identifier: MIT */
/*
 * The I/O APICs (82093AA and its descendants). Each is two registers in memory: one selects, the
 * other reads or writes what is selected; so every access is two, under a lock.
 */
#include "arch/x86_64/ioapic.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/mmio.h"
#include "lib/errno.h"
#include "lib/lock.h"
#include "lib/log.h"

/* The pair of 8259A PICs of a PC; its data sheet, "Initialization Command Words". */
enum {
	PIC1_COMMAND = 0x20,
	PIC1_DATA = 0x21,
	PIC2_COMMAND = 0xa0,
	PIC2_DATA = 0xa1,
	PIC_ICW1 = 0x11, /* edge, cascaded, ICW4 follows */
	PIC_ICW3_MASTER = 1 << 2,
	PIC_ICW3_SLAVE = 2,
	PIC_ICW4_8086 = 1,
	PIC_MASK_ALL = 0xff,
	/* Where a masked PIC's spurious interrupts (7 of each) come in: clear of the exceptions. */
	PIC1_VECTOR = 0x20,
	PIC2_VECTOR = 0x28,
	POST_PORT = 0x80, /* a write to it takes about a microsecond and does nothing */
};

enum { WINDOW_SIZE = 0x44, VER_MAX_MASK = 0xff };

struct chip {
	volatile uint8_t *window;
	uint32_t gsi_base, pins;
};

static struct {
	struct lock lock;
	struct chip chips[IOAPICS_MAX];
	unsigned count;
	const struct ioapic_info *info;
} ioapic;

static uint32_t read(const struct chip *c, unsigned reg)
{
	mmio_write32(c->window + IOAPIC_REGSEL, reg);
	return mmio_read32(c->window + IOAPIC_WIN);
}

static void write(const struct chip *c, unsigned reg, uint32_t value)
{
	mmio_write32(c->window + IOAPIC_REGSEL, reg);
	mmio_write32(c->window + IOAPIC_WIN, value);
}

static void pic_write(uint16_t port, uint8_t value)
{
	out8(port, value);
	out8(POST_PORT, 0); /* old PICs need the time */
}

static void silence_pics(void)
{
	pic_write(PIC1_DATA, PIC_MASK_ALL);
	pic_write(PIC2_DATA, PIC_MASK_ALL);
	pic_write(PIC1_COMMAND, PIC_ICW1);
	pic_write(PIC1_DATA, PIC1_VECTOR);
	pic_write(PIC1_DATA, PIC_ICW3_MASTER);
	pic_write(PIC1_DATA, PIC_ICW4_8086);
	pic_write(PIC2_COMMAND, PIC_ICW1);
	pic_write(PIC2_DATA, PIC2_VECTOR);
	pic_write(PIC2_DATA, PIC_ICW3_SLAVE);
	pic_write(PIC2_DATA, PIC_ICW4_8086);
	pic_write(PIC1_DATA, PIC_MASK_ALL);
	pic_write(PIC2_DATA, PIC_MASK_ALL);
}

static bool add_chip(const struct ioapic_chip *from)
{
	struct chip *c = &ioapic.chips[ioapic.count];
	uint32_t version;

	c->window = mmio_map(from->base, WINDOW_SIZE);
	if (!c->window)
		return false;
	version = read(c, IOAPIC_VER);
	if (version == UINT32_MAX) {
		log_warn("ioapic: nothing answers at %#llx, where ACPI says that one is",
			 (unsigned long long)from->base.raw);
		return false;
	}
	c->gsi_base = from->gsi_base;
	c->pins = (version >> IOAPIC_VER_MAX_SHIFT & VER_MAX_MASK) + 1;
	for (unsigned pin = 0; pin < c->pins; pin++)
		write(c, IOAPIC_REDIR + 2 * pin, IOAPIC_REDIR_MASKED);
	ioapic.count++;
	log_info("ioapic: %u pins from GSI %u on, at %#llx", c->pins, c->gsi_base,
		 (unsigned long long)from->base.raw);
	return true;
}

int ioapic_init(const struct ioapic_info *info)
{
	ioapic.info = info;
	if (info->has_8259)
		silence_pics();
	for (unsigned i = 0; i < info->chip_count && ioapic.count < IOAPICS_MAX; i++)
		if (!add_chip(&info->chips[i]))
			log_warn("ioapic: number %u is not used", i);
	if (!ioapic.count) {
		log_error("ioapic: this machine has none that works: no device can interrupt");
		return -ENODEV;
	}
	return 0;
}

/* The chip that has the GSI, and its register for the pin's low word. */
static const struct chip *find(uint32_t gsi, unsigned *reg)
{
	for (unsigned i = 0; i < ioapic.count; i++) {
		const struct chip *c = &ioapic.chips[i];

		if (gsi < c->gsi_base || gsi - c->gsi_base >= c->pins)
			continue;
		*reg = IOAPIC_REDIR + 2 * (gsi - c->gsi_base);
		return c;
	}
	return NULL;
}

int ioapic_route(uint32_t gsi, uint8_t vector, uint32_t apic_id, bool level, bool active_low)
{
	unsigned reg;
	const struct chip *c = find(gsi, &reg);
	uint32_t low = vector | APIC_MODE_FIXED << APIC_MODE_SHIFT | IOAPIC_REDIR_MASKED;

	if (!c)
		return -ENOENT;
	if (apic_id >= APIC_DEST_ALL)
		return -ERANGE;
	if (level)
		low |= IOAPIC_REDIR_LEVEL;
	if (active_low)
		low |= IOAPIC_REDIR_LOW;
	lock_take(&ioapic.lock);
	/* Masked first: no interrupt may come half old, half new. */
	write(c, reg, IOAPIC_REDIR_MASKED);
	write(c, reg + 1, apic_id << (IOAPIC_REDIR_DEST_SHIFT - 32));
	write(c, reg, low);
	lock_drop(&ioapic.lock);
	return 0;
}

struct ioapic_override ioapic_find_override(const struct ioapic_info *info, uint8_t irq)
{
	for (unsigned i = 0; i < info->override_count; i++)
		if (info->overrides[i].irq == irq)
			return info->overrides[i];
	return (struct ioapic_override){ .irq = irq, .gsi = irq };
}

int ioapic_isa(uint8_t irq, uint8_t vector, uint32_t apic_id, uint32_t *gsi)
{
	struct ioapic_override o = { .irq = irq, .gsi = irq };

	if (ioapic.info)
		o = ioapic_find_override(ioapic.info, irq);
	if (gsi)
		*gsi = o.gsi;
	return ioapic_route(o.gsi, vector, apic_id, o.level, o.active_low);
}

static void set_mask(uint32_t gsi, uint32_t mask)
{
	unsigned reg;
	const struct chip *c = find(gsi, &reg);

	if (!c)
		return;
	lock_take(&ioapic.lock);
	write(c, reg, (read(c, reg) & ~(uint32_t)IOAPIC_REDIR_MASKED) | mask);
	lock_drop(&ioapic.lock);
}

void ioapic_mask(uint32_t gsi)
{
	set_mask(gsi, IOAPIC_REDIR_MASKED);
}

void ioapic_unmask(uint32_t gsi)
{
	set_mask(gsi, 0);
}

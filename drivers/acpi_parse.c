/* SPDX-License-Identifier: MIT */
/*
 * What Plinth needs of the tables' contents. Tables come from acpi_table(): their length can be
 * relied on, nothing inside them can: every field is used only if the table is long enough for it.
 */
#include "arch/x86_64/apic.h"
#include "drivers/acpi.h"
#include "drivers/acpi_tables.h"
#include "lib/log.h"
#include "lib/string.h"

/* Whether a table (or an entry of one) of this length has the field at all. */
#define HAS_FIELD(length, type, field) \
	((length) >= offsetof(type, field) + sizeof(((type *)NULL)->field))

enum { IO_PORTS = 0x10000 };

static void add_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t uid, uint32_t flags)
{
	bool enabled = flags & MADT_CPU_ENABLED;

	if (!enabled && !(flags & MADT_CPU_ONLINE_CAPABLE))
		return;
	/* Firmware may list a CPU twice, in the old form and in the new. */
	for (unsigned i = 0; i < info->cpu_count; i++)
		if (info->cpus[i].apic_id == apic_id)
			return;
	if (info->cpu_count == ACPI_CPUS) {
		log_warn("acpi: more than %u CPUs: the one with APIC ID %u is ignored", ACPI_CPUS,
			 apic_id);
		return;
	}
	info->cpus[info->cpu_count++] =
		(struct acpi_cpu){ .apic_id = apic_id, .uid = uid, .enabled = enabled };
}

static void add_ioapic(struct acpi_info *info, const struct madt_ioapic *e)
{
	struct ioapic_info *io = &info->ioapic;

	if (!e->address || io->chip_count == IOAPICS_MAX) {
		log_warn("acpi: the I/O APIC at %#x is ignored", e->address);
		return;
	}
	io->chips[io->chip_count++] = (struct ioapic_chip){ .base = hpa(e->address),
							    .gsi_base = e->gsi_base,
							    .id = e->id };
}

static void add_override(struct acpi_info *info, const struct madt_override *e)
{
	struct ioapic_info *io = &info->ioapic;

	if (e->bus || e->irq >= ISA_IRQS || io->override_count == IOAPIC_OVERRIDES_MAX) {
		log_warn("acpi: the override of bus %u, IRQ %u is ignored", e->bus, e->irq);
		return;
	}
	io->overrides[io->override_count++] = (struct ioapic_override){
		.irq = e->irq,
		.gsi = e->gsi,
		.level = (e->flags & INTI_TRIGGER) == INTI_LEVEL,
		.active_low = (e->flags & INTI_POLARITY) == INTI_ACTIVE_LOW,
	};
}

static void add_nmi(struct acpi_info *info, uint32_t uid, bool all, uint8_t lint, uint16_t flags)
{
	if (lint > 1 || info->nmi_count == ACPI_NMIS) {
		log_warn("acpi: the NMI of CPU %u on LINT%u is ignored", uid, lint);
		return;
	}
	info->nmis[info->nmi_count++] = (struct lapic_nmi){
		.uid = uid,
		.all = all,
		.lint = lint,
		.level = (flags & INTI_TRIGGER) == INTI_LEVEL,
		.active_low = (flags & INTI_POLARITY) == INTI_ACTIVE_LOW,
	};
}

/* What an entry of each known type has at least. */
static const uint8_t entry_sizes[] = {
	[MADT_LAPIC] = sizeof(struct madt_lapic),
	[MADT_IOAPIC] = sizeof(struct madt_ioapic),
	[MADT_OVERRIDE] = sizeof(struct madt_override),
	[MADT_LAPIC_NMI] = sizeof(struct madt_lapic_nmi),
	[MADT_LAPIC_ADDRESS] = sizeof(struct madt_lapic_address),
	[MADT_X2APIC] = sizeof(struct madt_x2apic),
	[MADT_X2APIC_NMI] = sizeof(struct madt_x2apic_nmi),
};

static void parse_cpu(struct acpi_info *info, const struct madt_lapic *cpu)
{
	if (cpu->apic_id != MADT_LAPIC_ID_NONE)
		add_cpu(info, cpu->apic_id, cpu->uid, cpu->flags);
}

static void parse_x2apic(struct acpi_info *info, const struct madt_x2apic *cpu)
{
	add_cpu(info, cpu->apic_id, cpu->uid, cpu->flags);
}

static void parse_nmi(struct acpi_info *info, const struct madt_lapic_nmi *n)
{
	add_nmi(info, n->uid, n->uid == MADT_UID_ALL, n->lint, n->flags);
}

static void parse_x2apic_nmi(struct acpi_info *info, const struct madt_x2apic_nmi *n)
{
	add_nmi(info, n->uid, n->uid == MADT_X2APIC_UID_ALL, n->lint, n->flags);
}

static void parse_entry(struct acpi_info *info, const struct madt_entry *e)
{
	if (e->type < ARRAY_SIZE(entry_sizes) && e->length < entry_sizes[e->type]) {
		log_warn("acpi: the MADT's entry of type %u has only %u bytes: ignored", e->type,
			 e->length);
		return;
	}
	switch (e->type) {
	case MADT_LAPIC: parse_cpu(info, (const struct madt_lapic *)e); break;
	case MADT_IOAPIC: add_ioapic(info, (const struct madt_ioapic *)e); break;
	case MADT_OVERRIDE: add_override(info, (const struct madt_override *)e); break;
	case MADT_LAPIC_NMI: parse_nmi(info, (const struct madt_lapic_nmi *)e); break;
	case MADT_LAPIC_ADDRESS:
		info->lapic = hpa(((const struct madt_lapic_address *)e)->address);
		break;
	case MADT_X2APIC: parse_x2apic(info, (const struct madt_x2apic *)e); break;
	case MADT_X2APIC_NMI: parse_x2apic_nmi(info, (const struct madt_x2apic_nmi *)e); break;
	}
}

static void parse_madt(struct acpi_info *info, const struct madt *m)
{
	const uint8_t *bytes = (const uint8_t *)m;
	uint32_t length = m->header.length, at = sizeof(*m);

	if (length < sizeof(*m)) {
		log_warn("acpi: the MADT has only %u bytes: ignored", length);
		return;
	}
	info->has_madt = true;
	info->lapic = hpa(m->lapic);
	info->ioapic.has_8259 = m->flags & MADT_PCAT_COMPAT;
	while (length - at >= sizeof(struct madt_entry)) {
		const struct madt_entry *e = (const struct madt_entry *)(bytes + at);

		/* An entry of length 0 would be met for ever. */
		if (e->length < sizeof(*e) || e->length > length - at) {
			log_warn("acpi: the MADT's entry at offset %u has the impossible length "
				 "%u: it and what follows is ignored",
				 at, e->length);
			break;
		}
		parse_entry(info, e);
		at += e->length;
	}
}

/* The wider form of a register where the table has it and it is sound, else the port. */
static struct acpi_gas choose_register(const struct acpi_gas_raw *x, uint32_t port, uint8_t bytes)
{
	struct acpi_gas none = { 0 };

	if (x && x->address &&
	    (x->space == ACPI_SPACE_MEMORY || (x->space == ACPI_SPACE_IO && x->address < IO_PORTS)))
		return (struct acpi_gas){ .address = x->address,
					  .space = x->space,
					  .width = x->width };
	if (!port || port >= IO_PORTS)
		return none;
	return (struct acpi_gas){ .address = port, .space = ACPI_SPACE_IO, .width = bytes * 8 };
}

/* Fields that came with ACPI 2.0 and later. */
static void parse_fadt_new(struct acpi_info *info, const struct fadt *f, uint32_t length)
{
	if (HAS_FIELD(length, struct fadt, reset_value) && f->flags & FADT_RESET_REG_SUP) {
		info->reset = choose_register(&f->reset, 0, 0);
		info->reset_value = f->reset_value;
	}
	if (HAS_FIELD(length, struct fadt, x_dsdt) && f->x_dsdt)
		info->dsdt = hpa(f->x_dsdt);
	if (HAS_FIELD(length, struct fadt, sleep_control) && info->hw_reduced)
		info->sleep_control = choose_register(&f->sleep_control, 0, 0);
}

static void parse_fadt(struct acpi_info *info, const struct fadt *f)
{
	uint32_t length = f->header.length;
	const struct acpi_gas_raw *x;

	if (length < FADT_SIZE_1) {
		log_warn("acpi: the FADT has only %u bytes: ignored", length);
		return;
	}
	info->has_fadt = true;
	info->dsdt = hpa(f->dsdt);
	info->sci = f->sci;
	info->century = f->century;
	info->hw_reduced = f->flags & FADT_HW_REDUCED_ACPI;
	info->pm_timer_bits = f->flags & FADT_TMR_VAL_EXT ? 32 : 24;
	if (f->smi_command < IO_PORTS)
		info->smi_command = (uint16_t)f->smi_command;
	info->acpi_enable = f->acpi_enable;
	/* Revision 1 has no boot flags: the bytes are reserved there. */
	if (f->header.revision >= 2) {
		info->no_rtc = f->boot_arch & FADT_BOOT_NO_CMOS_RTC;
		info->no_8042 = !(f->boot_arch & FADT_BOOT_8042);
	}
	parse_fadt_new(info, f, length);
	if (info->hw_reduced)
		return; /* the fields of the fixed hardware are to be ignored */
	x = HAS_FIELD(length, struct fadt, x_pm1a_control) ? &f->x_pm1a_control : NULL;
	info->pm1a_control = choose_register(x, f->pm1a_control, f->pm1_control_length);
	x = HAS_FIELD(length, struct fadt, x_pm1b_control) ? &f->x_pm1b_control : NULL;
	info->pm1b_control = choose_register(x, f->pm1b_control, f->pm1_control_length);
	x = HAS_FIELD(length, struct fadt, x_pm_timer) ? &f->x_pm_timer : NULL;
	info->pm_timer = choose_register(x, f->pm_timer, f->pm_timer_length);
}

static void parse_hpet(struct acpi_info *info, const struct hpet_table *h)
{
	if (h->header.length < sizeof(*h) || h->base.space != ACPI_SPACE_MEMORY ||
	    !h->base.address) {
		log_warn("acpi: the HPET table (%u bytes) describes none in memory: ignored",
			 h->header.length);
		return;
	}
	info->hpet = hpa(h->base.address);
	info->hpet_number = h->number;
}

static void parse_mcfg(struct acpi_info *info, const struct mcfg *m)
{
	const struct mcfg_entry *e = (const struct mcfg_entry *)(m + 1);
	size_t n;

	if (m->header.length < sizeof(*m)) {
		log_warn("acpi: the MCFG has only %u bytes: ignored", m->header.length);
		return;
	}
	n = (m->header.length - sizeof(*m)) / sizeof(*e);
	for (size_t i = 0; i < n; i++, e++) {
		if (!e->base || e->base % MIB || e->first_bus > e->last_bus ||
		    info->segment_count == ACPI_SEGMENTS) {
			log_warn("acpi: MCFG: segment %u, buses %u to %u at %#llx: ignored",
				 e->segment, e->first_bus, e->last_bus,
				 (unsigned long long)e->base);
			continue;
		}
		info->segments[info->segment_count++] =
			(struct acpi_segment){ .base = hpa(e->base),
					       .segment = e->segment,
					       .first_bus = e->first_bus,
					       .last_bus = e->last_bus };
	}
}

void acpi_assume_pc(struct acpi_info *info)
{
	info->lapic = hpa(APIC_BASE_DEFAULT);
	info->ioapic = (struct ioapic_info){
		.chips = { { .base = hpa(IOAPIC_BASE_DEFAULT) } },
		.chip_count = 1,
		/* The timer is on pin 2, since the PICs are on pin 0. */
		.overrides = { { .irq = 0, .gsi = 2 } },
		.override_count = 1,
		.has_8259 = true,
	};
}

void acpi_parse(struct acpi_info *info)
{
	const void *madt = acpi_table("APIC", 0), *fadt = acpi_table("FACP", 0);
	const void *hpet = acpi_table("HPET", 0), *mcfg = acpi_table("MCFG", 0);

	if (madt)
		parse_madt(info, madt);
	if (!info->has_madt) {
		log_warn("acpi: there is no MADT: the interrupts are taken to be a plain PC's");
		acpi_assume_pc(info);
	}
	if (fadt)
		parse_fadt(info, fadt);
	else
		log_warn("acpi: there is no FADT: no ACPI timer, power-off or reset");
	if (hpet)
		parse_hpet(info, hpet);
	if (mcfg)
		parse_mcfg(info, mcfg);
	log_info("acpi: CPUs: %u, I/O APICs: %u, overrides: %u, PM timer: %s, HPET: %s",
		 info->cpu_count, info->ioapic.chip_count, info->ioapic.override_count,
		 info->pm_timer.address ? "yes" : "no", info->hpet.raw ? "yes" : "no");
}

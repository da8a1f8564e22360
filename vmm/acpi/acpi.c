/* SPDX-License-Identifier: MIT */
/*
 * Builds the guest's ACPI tables in place, one behind the other, children before those who point to
 * them; the RSDP comes last and stands first. The DSDT is vmm/acpi/dsdt.asl, compiled at build
 * time.
 */
#include "vmm/acpi/acpi.h"

#include "lib/checksum.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/acpi/dsdt.aml.h"
#include "vmm/acpi/tables.h"
#include "vmm/irqchip.h"
#include "vmm/vm.h"

enum { TABLE_ALIGN = 16, PIT_GSI = 2, NMI_LINT = 1 };

_Static_assert((int)VM_VCPUS < (int)MADT_ALL_PROCESSORS, "APIC IDs are one byte in the MADT");

/* host is the guest's memory from GUEST_ACPI on. */
struct area {
	uint8_t *host;
	uint64_t used;
	bool full;
};

/* Where the finished tables are in the guest. */
struct places {
	uint64_t facs, dsdt, fadt, madt, rsdt, xsdt;
};

/*
 * Room for n bytes on a boundary. Where there is none the area is full, and the room is its start.
 */
static void *area_take(struct area *a, uint64_t n, uint64_t align, uint64_t *at)
{
	uint64_t start = ALIGN_UP(a->used, align);

	if (a->full || n > GUEST_ACPI_END - GUEST_ACPI - start) {
		a->full = true;
		start = 0;
	} else {
		a->used = start + n;
	}
	*at = GUEST_ACPI + start;
	return a->host + start;
}

static void header_fill(struct acpi_header *h, const char *signature, uint8_t revision, uint64_t n)
{
	memcpy(h->signature, signature, sizeof(h->signature));
	h->length = (uint32_t)n;
	h->revision = revision;
	memcpy(h->oem_id, "PLINTH", sizeof(h->oem_id));
	memcpy(h->oem_table_id, "PLINTHVM", sizeof(h->oem_table_id));
	h->oem_revision = 1;
	memcpy(h->creator_id, "PLTH", sizeof(h->creator_id));
	h->creator_revision = 1;
}

static void header_finish(struct acpi_header *h)
{
	h->checksum = 0;
	h->checksum = checksum_make(h, h->length);
}

static void dsdt_build(struct area *a, struct places *p)
{
	memcpy(area_take(a, sizeof(dsdt_aml_code), TABLE_ALIGN, &p->dsdt), dsdt_aml_code,
	       sizeof(dsdt_aml_code));
}

static void facs_build(struct area *a, struct places *p)
{
	struct acpi_facs *f = area_take(a, sizeof(*f), FACS_ALIGN, &p->facs);

	*f = (struct acpi_facs){
		.signature = { 'F', 'A', 'C', 'S' },
		.length = sizeof(*f),
		.version = FACS_VERSION,
	};
}

static struct acpi_address port_address(uint64_t port, uint8_t bytes, enum acpi_access access)
{
	const uint8_t bits_per_byte = 8;

	return (struct acpi_address){ .space = ACPI_SPACE_IO,
				      .bit_width = (uint8_t)(bytes * bits_per_byte),
				      .access = (uint8_t)access,
				      .address = port };
}

/* The registers in both forms, of ACPI 1 and of ACPI 2. */
static void fadt_set_ports(struct acpi_fadt *f)
{
	f->pm1_evt_len = 4;
	f->pm1_cnt_len = 2;
	f->pm_tmr_len = 4;
	f->pm1a_evt_blk = VPM_PM1_EVENT;
	f->pm1a_cnt_blk = VPM_PM1_CONTROL;
	f->pm_tmr_blk = VPM_PM_TIMER;
	f->x_pm1a_evt_blk = port_address(VPM_PM1_EVENT, f->pm1_evt_len, ACPI_ACCESS_WORD);
	f->x_pm1a_cnt_blk = port_address(VPM_PM1_CONTROL, f->pm1_cnt_len, ACPI_ACCESS_WORD);
	f->x_pm_tmr_blk = port_address(VPM_PM_TIMER, f->pm_tmr_len, ACPI_ACCESS_DWORD);
	f->reset_reg = port_address(VPM_RESET, 1, ACPI_ACCESS_BYTE);
	f->reset_value = VPM_RESET_VALUE;
}

static void fadt_build(struct area *a, struct places *p)
{
	struct acpi_fadt *f = area_take(a, sizeof(*f), TABLE_ALIGN, &p->fadt);

	header_fill(&f->header, "FACP", FADT_REVISION, sizeof(*f));
	f->fadt_minor_version = FADT_MINOR;
	f->firmware_ctrl = (uint32_t)p->facs;
	f->dsdt = (uint32_t)p->dsdt;
	f->x_dsdt = p->dsdt;
	/* smi_cmd stays 0: there is no other mode than ACPI's. */
	f->sci_int = IRQ_SCI;
	fadt_set_ports(f);
	f->p_lvl2_lat = FADT_NO_C2;
	f->p_lvl3_lat = FADT_NO_C3;
	f->century = FADT_CENTURY;
	f->iapc_boot_arch = FADT_LEGACY_DEVICES | FADT_8042 | FADT_NO_VGA;
	f->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON |
		   FADT_NO_RTC_WAKE | FADT_RESET_REG;
	memcpy(&f->hypervisor_vendor_id, "Plinth", sizeof("Plinth"));
	header_finish(&f->header);
}

/* ISA interrupts that are not, or not only, on the pin of their own number and edge-triggered. */
static void *overrides_fill(struct madt_override *o)
{
	*o++ = (struct madt_override){ MADT_OVERRIDE, sizeof(*o), 0, IRQ_PIT, PIT_GSI, 0 };
	*o++ = (struct madt_override){ MADT_OVERRIDE, sizeof(*o), 0,
				       IRQ_SCI,	      IRQ_SCI,	  MADT_ACTIVE_HIGH | MADT_LEVEL };
	return o;
}

static void madt_build(struct area *a, struct places *p, const struct vm *vm)
{
	const uint64_t overrides = 2;
	uint64_t n = sizeof(struct acpi_madt) + vm->vcpu_count * sizeof(struct madt_lapic) +
		     sizeof(struct madt_ioapic) + overrides * sizeof(struct madt_override) +
		     sizeof(struct madt_lapic_nmi);
	struct acpi_madt *m = area_take(a, n, TABLE_ALIGN, &p->madt);
	struct madt_lapic *lapic = (void *)(m + 1);
	struct madt_ioapic *ioapic;
	struct madt_lapic_nmi *nmi;

	if (a->full)
		return;
	header_fill(&m->header, "APIC", MADT_REVISION, n);
	m->lapic_address = GUEST_LAPIC;
	m->flags = MADT_PCAT_COMPAT;
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		*lapic++ = (struct madt_lapic){ MADT_LAPIC, sizeof(*lapic), (uint8_t)i, (uint8_t)i,
						MADT_LAPIC_ENABLED };
	ioapic = (void *)lapic;
	*ioapic = (struct madt_ioapic){ MADT_IOAPIC, sizeof(*ioapic), vm->vioapic.id,
					0,	     GUEST_IOAPIC,    0 };
	nmi = overrides_fill((void *)(ioapic + 1));
	*nmi = (struct madt_lapic_nmi){ MADT_LAPIC_NMI, sizeof(*nmi), MADT_ALL_PROCESSORS, 0,
					NMI_LINT };
	header_finish(&m->header);
}

static void root_build(struct area *a, struct places *p)
{
	const uint64_t tables[ROOT_TABLES] = { p->fadt, p->madt };
	struct acpi_rsdt *r = area_take(a, sizeof(*r), TABLE_ALIGN, &p->rsdt);
	struct acpi_xsdt *x = area_take(a, sizeof(*x), TABLE_ALIGN, &p->xsdt);

	header_fill(&r->header, "RSDT", RSDT_REVISION, sizeof(*r));
	header_fill(&x->header, "XSDT", XSDT_REVISION, sizeof(*x));
	for (unsigned i = 0; i < ROOT_TABLES; i++) {
		r->tables[i] = (uint32_t)tables[i];
		x->tables[i] = tables[i];
	}
	header_finish(&r->header);
	header_finish(&x->header);
}

static void rsdp_build(struct acpi_rsdp *r, const struct places *p)
{
	*r = (struct acpi_rsdp){
		.signature = { 'R', 'S', 'D', ' ', 'P', 'T', 'R', ' ' },
		.oem_id = { 'P', 'L', 'I', 'N', 'T', 'H' },
		.revision = RSDP_REVISION,
		.rsdt = (uint32_t)p->rsdt,
		.length = sizeof(*r),
		.xsdt = p->xsdt,
	};
	r->checksum = checksum_make(r, RSDP_V1_LENGTH);
	r->extended_checksum = checksum_make(r, sizeof(*r));
}

int acpi_build(struct vm *vm)
{
	const uint64_t size = GUEST_ACPI_END - GUEST_ACPI;
	struct area a = { .host = gmem_ptr(&vm->mem, gpa(GUEST_ACPI), size, true),
			  .used = sizeof(struct acpi_rsdp) };
	struct places p;

	if (!a.host) {
		log_error("acpi: the guest has no memory at 0x%lx for the tables", GUEST_ACPI);
		return -EFAULT;
	}
	memset(a.host, 0, size);
	dsdt_build(&a, &p);
	facs_build(&a, &p);
	fadt_build(&a, &p);
	madt_build(&a, &p, vm);
	root_build(&a, &p);
	if (a.full) {
		log_error("acpi: the tables for %u CPUs need more than their %lu bytes",
			  vm->vcpu_count, size);
		return -ENOSPC;
	}
	rsdp_build((struct acpi_rsdp *)a.host, &p);
	return 0;
}

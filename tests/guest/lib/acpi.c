// SPDX-License-Identifier: MIT
/* RSDP by scan of the EBDA and of E0000 to FFFFF, then XSDT or RSDT. */
#include "acpi.h"
#include "cpu.h"
#include "test.h"
#include "time.h"

enum { SCAN_LOW = 0xe0000, SCAN_HIGH = 0x100000, SCAN_STEP = 16, EBDA_POINTER = 0x40e };
enum { RSDP_V1_LENGTH = 20, TABLE_MAX = 1 << 20 };

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
} __attribute__((packed));

uint8_t acpi_sum(const void *table, uint32_t length)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)table)[i]);
	return sum;
}

static const struct rsdp *scan(uint32_t from, uint32_t to)
{
	for (uint64_t at = from; at < to; at += SCAN_STEP) {
		const struct rsdp *r = (const struct rsdp *)at;

		if (!memcmp(r->signature, "RSD PTR ", 8) && !acpi_sum(r, RSDP_V1_LENGTH))
			return r;
	}
	return 0;
}

static const struct rsdp *find_rsdp(void)
{
	uint64_t pointer = EBDA_POINTER;
	uint32_t ebda;
	const struct rsdp *r;

	/* The compiler must not know that this is so near to address 0. */
	asm("" : "+r"(pointer));
	ebda = (uint32_t) * (const volatile uint16_t *)pointer << 4;
	r = scan(SCAN_LOW, SCAN_HIGH);
	if (!r && ebda >= 0x80000 && ebda < 0xa0000)
		r = scan(ebda, ebda + 1024);
	return r;
}

static const struct acpi_header *check_table(uint64_t at, const char *signature)
{
	const struct acpi_header *h = (const struct acpi_header *)at;

	/* Only what the one-to-one map covers can be read. */
	if (!at || at >= 0xfffff000u || memcmp(h->signature, signature, 4))
		return 0;
	if (h->length < sizeof(*h) || h->length > TABLE_MAX || acpi_sum(h, h->length))
		return 0;
	return h;
}

static uint64_t read_entry(const uint8_t *at, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, at, size);
	return v;
}

const struct acpi_header *acpi_find(const char *signature)
{
	const struct rsdp *rsdp = find_rsdp();
	const struct acpi_header *root = 0, *found;
	unsigned size = 8;

	if (!rsdp)
		return 0;
	if (rsdp->revision >= 2)
		root = check_table(rsdp->xsdt, "XSDT");
	if (!root) {
		root = check_table(rsdp->rsdt, "RSDT");
		size = 4;
	}
	if (!root)
		return 0;
	for (uint32_t at = sizeof(*root); at + size <= root->length; at += size) {
		found = check_table(read_entry((const uint8_t *)root + at, size), signature);
		if (found)
			return found;
	}
	return 0;
}

const struct acpi_fadt *acpi_fadt(void)
{
	return (const struct acpi_fadt *)acpi_find("FACP");
}

enum { SLP_TYP_SHIFT = 10, SLP_EN = 1 << 13, PM1_SCI_EN = 1 };
enum { AML_PACKAGE = 0x12, AML_BYTE = 0x0a, AML_NAME = 0x08, AML_ROOT = '\\' };

/* The value of a small AML integer; -1 when it is none. */
static int read_integer(const uint8_t **at)
{
	const uint8_t *p = *at;

	if (p[0] == AML_BYTE) {
		*at += 2;
		return p[1];
	}
	*at += 1;
	return p[0] <= 1 ? p[0] : -1; /* ZeroOp, OneOp */
}

/* Name (_S5, Package () { SLP_TYPa, SLP_TYPb, … }); -1 when the DSDT has none. */
static int find_s5(const struct acpi_header *dsdt)
{
	const uint8_t *aml = (const uint8_t *)dsdt;

	for (uint32_t i = sizeof(*dsdt) + 1; i + 9 <= dsdt->length; i++) {
		const uint8_t *p = aml + i + 4;

		if (memcmp(aml + i, "_S5_", 4) || p[0] != AML_PACKAGE)
			continue;
		if (aml[i - 1] != AML_NAME && !(aml[i - 1] == AML_ROOT && aml[i - 2] == AML_NAME))
			continue;
		p += 2 + (p[1] >> 6); /* PkgLength */
		p += 1;		      /* NumElements */
		return read_integer(&p);
	}
	return -1;
}

int acpi_s5_type(const struct acpi_fadt *fadt)
{
	return find_s5((const struct acpi_header *)(uint64_t)fadt->dsdt);
}

bool acpi_turn_on(const struct acpi_fadt *fadt)
{
	uint16_t control = (uint16_t)fadt->pm1a_cnt;

	if ((inw(control) & PM1_SCI_EN) || !fadt->smi_cmd || !fadt->acpi_enable)
		return true;
	outb((uint16_t)fadt->smi_cmd, fadt->acpi_enable);
	for (int i = 0; i < 100 && !(inw(control) & PM1_SCI_EN); i++)
		time_wait_us(1000);
	return inw(control) & PM1_SCI_EN;
}

void acpi_power_off(const struct acpi_fadt *fadt, int s5_type)
{
	outw((uint16_t)fadt->pm1a_cnt, (uint16_t)(s5_type << SLP_TYP_SHIFT | SLP_EN));
}

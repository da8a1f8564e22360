/* SPDX-License-Identifier: MIT */
/*
 * Finds the firmware's tables and keeps the good ones in a list. What a table contains is
 * acpi_parse.c's matter; it may rely on length and checksum being right.
 */
#include "drivers/acpi.h"

#include "drivers/acpi_tables.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"

/* Where the RSDP may be on a PC ("Finding the RSDP on IA-PC Systems"). */
enum {
	EBDA_POINTER = 0x40e, /* a real-mode segment */
	EBDA_SEARCHED = 1024,
	BIOS_AREA = 0xe0000,
	BIOS_AREA_SIZE = 0x20000,
};

enum { TABLE_MAX = 16 * 1024 * 1024 };

struct acpi_info acpi_info;

static struct {
	acpi_map_fn *map;
	const struct acpi_header *tables[ACPI_TABLES];
	unsigned count;
	bool full;
} list;

static uint8_t sum_of(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (n--)
		sum = (uint8_t)(sum + *b++);
	return sum;
}

/* A signature as text that a console can show. */
static const char *sig_text(const char sig[4], char text[5])
{
	for (unsigned i = 0; i < 4; i++)
		text[i] = sig[i] >= ' ' && sig[i] <= '~' ? sig[i] : '?';
	text[4] = 0;
	return text;
}

/* The table at addr, whole and correct, or NULL, logged. want: its signature, or NULL for any. */
static const struct acpi_header *check_table(uint64_t addr, const char *want)
{
	const struct acpi_header *h = list.map(addr, sizeof(*h));
	char sig[5] = "?";
	uint32_t length;
	uint8_t sum;

	if (!h) {
		log_warn("acpi: table %s at %#llx lies outside of memory: ignored",
			 want ? want : "?", (unsigned long long)addr);
		return NULL;
	}
	length = h->length;
	sig_text(h->signature, sig);
	if (want && memcmp(h->signature, want, sizeof(h->signature))) {
		log_warn("acpi: the table at %#llx is \"%s\" and not \"%s\": ignored",
			 (unsigned long long)addr, sig, want);
		return NULL;
	}
	if (length < sizeof(*h) || length > TABLE_MAX) {
		log_warn("acpi: table \"%s\" at %#llx has the impossible length %u: ignored", sig,
			 (unsigned long long)addr, length);
		return NULL;
	}
	h = list.map(addr, length);
	if (!h) {
		log_warn("acpi: table \"%s\" at %#llx, %u bytes, ends outside of memory: ignored",
			 sig, (unsigned long long)addr, length);
		return NULL;
	}
	sum = sum_of(h, length);
	if (sum) {
		log_warn("acpi: table \"%s\" at %#llx: its bytes add up to %#x instead of 0: "
			 "ignored",
			 sig, (unsigned long long)addr, sum);
		return NULL;
	}
	return h;
}

static void add_table(uint64_t addr, const char *want)
{
	const struct acpi_header *h;

	if (list.count == ACPI_TABLES) {
		if (!list.full)
			log_warn("acpi: more than %u tables: the others are ignored", ACPI_TABLES);
		list.full = true;
		return;
	}
	h = check_table(addr, want);
	if (h)
		list.tables[list.count++] = h;
}

const void *acpi_table(const char sig[4], unsigned index)
{
	for (unsigned i = 0; i < list.count; i++)
		if (!memcmp(list.tables[i]->signature, sig, 4) && !index--)
			return list.tables[i];
	return NULL;
}

/* Whether an RSDP with correct checksums is at p, of which n bytes can be read. */
static bool rsdp_ok(const struct rsdp *p)
{
	return !memcmp(p->signature, "RSD PTR ", sizeof(p->signature)) && !sum_of(p, RSDP_SIZE_0);
}

static const struct rsdp *search(uint64_t from, uint64_t size, uint64_t *found)
{
	const uint8_t *area = list.map(from, size);

	for (uint64_t at = 0; area && at + RSDP_SIZE_0 <= size; at += RSDP_ALIGN) {
		const struct rsdp *p = (const struct rsdp *)(area + at);

		if (rsdp_ok(p)) {
			*found = from + at;
			return p;
		}
	}
	return NULL;
}

static const struct rsdp *find_rsdp(uint64_t hint, uint64_t *found)
{
	const struct rsdp *p;
	const uint8_t *word;

	if (hint) {
		p = list.map(hint, RSDP_SIZE_0);
		*found = hint;
		if (p && rsdp_ok(p))
			return p;
		log_warn("acpi: there is no correct RSDP at %#llx, where the boot loader says",
			 (unsigned long long)hint);
	}
	word = list.map(EBDA_POINTER, sizeof(uint16_t));
	if (word) {
		uint64_t ebda = (uint64_t)(word[0] | word[1] << 8) << 4;

		p = ebda ? search(ebda, EBDA_SEARCHED, found) : NULL;
		if (p)
			return p;
	}
	return search(BIOS_AREA, BIOS_AREA_SIZE, found);
}

/* The XSDT's address, or 0 when there is none or the part of the RSDP that names it is wrong. */
static uint64_t xsdt_of(const struct rsdp *p, uint64_t addr)
{
	uint32_t length;

	if (p->revision < RSDP_REVISION_XSDT)
		return 0;
	p = list.map(addr, sizeof(*p));
	if (!p)
		return 0;
	length = p->length;
	if (length < sizeof(*p) || length > PAGE_SIZE || !list.map(addr, length)) {
		log_warn("acpi: the RSDP's length is %u, which is impossible: using the RSDT",
			 length);
		return 0;
	}
	if (sum_of(list.map(addr, length), length)) {
		log_warn("acpi: the RSDP's extended checksum is wrong: using the RSDT");
		return 0;
	}
	return p->xsdt;
}

/* Adds what the root table names; its entries are size bytes each. */
static void add_all(const struct acpi_header *root, size_t size)
{
	const uint8_t *entry = (const uint8_t *)(root + 1);
	size_t n = (root->length - sizeof(*root)) / size;

	for (size_t i = 0; i < n && !list.full; i++) {
		uint64_t addr = 0;

		memcpy(&addr, entry + i * size, size);
		if (addr)
			add_table(addr, NULL);
	}
}

static void tell(const char *root)
{
	char line[ACPI_TABLES * 5 + 1];
	int at = 0;

	line[0] = 0;
	for (unsigned i = 0; i < list.count; i++) {
		char sig[5];

		at += fmt_print(line + at, sizeof(line) - (size_t)at, " %s",
				sig_text(list.tables[i]->signature, sig));
	}
	log_info("acpi: RSDP of revision %u at %#llx, %s:%s", acpi_info.revision,
		 (unsigned long long)acpi_info.rsdp.raw, root, line);
}

int acpi_init(hpa_t hint, acpi_map_fn *map)
{
	const struct acpi_header *root = NULL;
	const struct rsdp *rsdp;
	uint64_t addr = 0, xsdt;

	memset(&acpi_info, 0, sizeof(acpi_info));
	memset(&list, 0, sizeof(list));
	list.map = map;
	rsdp = find_rsdp(hint.raw, &addr);
	if (!rsdp) {
		log_error("acpi: this machine's firmware has no ACPI tables (no RSDP found)");
		acpi_assume_pc(&acpi_info);
		return -ENODEV;
	}
	acpi_info.rsdp = hpa(addr);
	acpi_info.revision = rsdp->revision;
	xsdt = xsdt_of(rsdp, addr);
	if (xsdt)
		root = check_table(xsdt, "XSDT");
	if (root) {
		add_all(root, sizeof(uint64_t));
	} else {
		xsdt = 0;
		root = rsdp->rsdt ? check_table(rsdp->rsdt, "RSDT") : NULL;
		if (!root) {
			log_error("acpi: the RSDP at %#llx leads to no correct root table",
				  (unsigned long long)addr);
			acpi_info.rsdp = hpa(0);
			acpi_assume_pc(&acpi_info);
			return -ENODEV;
		}
		add_all(root, sizeof(uint32_t));
	}
	acpi_parse(&acpi_info);
	if (acpi_info.dsdt.raw)
		add_table(acpi_info.dsdt.raw, "DSDT");
	tell(xsdt ? "XSDT" : "RSDT");
	return 0;
}

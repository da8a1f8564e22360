// SPDX-License-Identifier: MIT
/*
 * Code and page tables that change under the exit that uses them: by another mapping before it, and
 * by the very instruction that exits. What can only be done while Plinth looks, by a second CPU of
 * the guest's, is not here.
 */
#include "hostile.h"
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/trap.h"

enum { TURNS = 300, STRINGS = 24, FORM_BYTES = 16, TABLE_ENTRIES = 512 };

#define CODE	   0x1000000ull
#define OTHER	   0x1001000ull
#define ALIAS	   (WINDOW + 4 * PAGE_SIZE) /* where the code runs; it is written at CODE */
#define TABLES_VA  0x5f0000000000ull
#define POST_VALUE 0x5a

/* Each leaves in RAX what tells which ran; most exit. */
static const struct {
	uint8_t bytes[FORM_BYTES];
	uint64_t low; /* of RAX, 8 bits */
} variants[] = {
	{ { 0xb0, 0x11, 0xe6, 0x80, 0xe4, 0x80, 0xc3 }, 0x11 }, /* out and in by port 80h */
	{ { 0xb0, 0x22, 0xe6, 0x80, 0xe4, 0x80, 0xc3 }, 0x22 },
	{ { 0xe4, 0x81, 0xc3 }, 0xff },					    /* nobody's port */
	{ { 0x31, 0xc0, 0x31, 0xc9, 0x0f, 0xa2, 0xb0, 0x33, 0xc3 }, 0x33 }, /* CPUID */
	{ { 0x0f, 0x31, 0xb0, 0x44, 0xc3 }, 0x44 },			    /* RDTSC */
	{ { 0xb9, 0x3b, 0, 0, 0, 0x0f, 0x32, 0xb0, 0x55, 0xc3 }, 0x55 },    /* RDMSR */
	{ { 0x0f, 0x09, 0xb0, 0x66, 0xc3 }, 0x66 },			    /* WBINVD */
	{ { 0xb0, 0x77, 0x90, 0x90, 0xc3 }, 0x77 },
};

static uint64_t result;

static void run_alias(uint64_t at)
{
	uint64_t rax;

	asm volatile("push %%rbx; call *%1; pop %%rbx"
		     : "=a"(rax)
		     : "r"(at)
		     : "rcx", "rdx", "rsi", "rdi", "memory", "cc");
	result = rax & 0xff;
}

/*
 * The same address has other code each time, by writing it at its other address or by mapping
 * another page: none may run as what it was before. Bytes and entries are remembered by Plinth.
 */
void round_aliases(void)
{
	uint64_t pages[] = { CODE, OTHER };

	/* Nothing here hangs, and what an NMI ends has no result. */
	watchdog_stop();
	for (unsigned i = 0; i < TURNS; i++) {
		unsigned v = random_below(sizeof(variants) / sizeof(variants[0]));
		uint64_t page = pages[random_below(2)];
		unsigned offset = random_below(2) ? 0 : PAGE_SIZE - FORM_BYTES;

		memcpy((void *)(page + offset), variants[v].bytes, FORM_BYTES);
		page_map(ALIAS, page, PTE_P | PTE_W);
		result = 0;
		trap_run(run_alias, ALIAS + offset);
		check_eq("code that was changed runs as it is now", variants[v].low, result);
	}
	watchdog_start();
}

/* Strings of a port or of a device's memory that are read over the string instruction itself. */
static const uint8_t string_codes[][4] = {
	{ 0xf3, 0x6c, 0xc3 }, /* REP INSB */
	{ 0xf3, 0x6d, 0xc3 }, /* REP INSD */
	{ 0xf3, 0xa4, 0xc3 }, /* REP MOVSB */
	{ 0xf3, 0xa5, 0xc3 }, { 0x6c, 0x6c, 0x6c, 0xc3 }, { 0xf3, 0x48, 0xa5, 0xc3 },
};

struct string_act {
	uint64_t code, to, from, count;
	uint16_t port;
};

static void run_string(uint64_t arg)
{
	const struct string_act *s = (const struct string_act *)arg;
	uint64_t to = s->to, from = s->from, count = s->count;

	asm volatile("call *%3"
		     : "+D"(to), "+S"(from), "+c"(count)
		     : "r"(s->code), "d"((uint64_t)s->port)
		     : "rax", "rbx", "memory", "cc");
}

static void write_string_code(uint8_t *at)
{
	unsigned which = random_below(sizeof(string_codes) / sizeof(string_codes[0]));

	/* What the string does not overwrite goes on to INT3. */
	memset(at, 0xcc, 64);
	memcpy(at, string_codes[which], sizeof(string_codes[0]));
}

void round_string_over_code(void)
{
	for (unsigned i = 0; i < STRINGS; i++) {
		uint64_t offset = 64 + random_below(PAGE_SIZE - 192);
		struct string_act s = { .code = ALIAS + offset,
					.to = CODE + offset - random_below(64),
					.from = random_below(2) ? LAPIC_BASE + LAPIC_VERSION
								: CODE + offset + 1,
					.count = random_below(128),
					.port = random_below(2) ? 0x80 : PORT_UNCLAIMED };

		page_map(ALIAS, CODE, PTE_P | PTE_W);
		write_string_code((uint8_t *)(CODE + offset));
		outb(0x80, random_below(2) ? 0xc3 : (uint8_t)random_next());
		watchdog_start_hard();
		trap_run(run_string, (uint64_t)&s);
		state_restore();
	}
	watchdog_start();
}

/*
 * Strings that go over the page tables by which they are addressed: the table is mapped by itself.
 * From a port come ones or POST_VALUE: an entry is then not present, or is the port's value.
 */
void round_string_over_tables(void)
{
	static uint64_t *last;
	volatile uint64_t *entry;

	if (!last) {
		page_map(TABLES_VA, BUFFER, PTE_P | PTE_W);
		last = (uint64_t *)((uint64_t)page_entry(TABLES_VA) & ~(PAGE_SIZE - 1));
	}
	for (unsigned i = 0; i < STRINGS; i++) {
		struct string_act s = { .code = ALIAS,
					.count = random_below(3 * TABLE_ENTRIES),
					.from = LAPIC_BASE + LAPIC_VERSION,
					.port = random_below(2) ? 0x80 : PORT_UNCLAIMED };
		unsigned own = random_below(TABLE_ENTRIES);

		for (unsigned e = 0; e < TABLE_ENTRIES; e++)
			last[e] = (BUFFER + (e & 1) * PAGE_SIZE) | PTE_P | PTE_W;
		entry = &last[own];
		*entry = (uint64_t)last | PTE_P | PTE_W;
		page_map(ALIAS, CODE, PTE_P | PTE_W);
		write_string_code((uint8_t *)CODE);
		s.to = TABLES_VA + own * PAGE_SIZE + random_below(PAGE_SIZE);
		outb(0x80, random_below(2) ? POST_VALUE : (uint8_t)random_next());
		watchdog_start_hard();
		trap_run(run_string, (uint64_t)&s);
		state_restore();
	}
	watchdog_start();
}

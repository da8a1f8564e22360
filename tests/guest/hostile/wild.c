// SPDX-License-Identifier: MIT
/*
 * Rounds whose code is noise: bytes at random, spiced with the instructions that a hypervisor has
 * something to do with, run in each mode with registers full of bad addresses.
 */
#include "hostile.h"
#include "lib/cpu.h"
#include "lib/mode.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/trap.h"

enum { BLOBS = 8, RAM_PAGES = 64, PSE_SHIFT = 22, CODE_BYTES = 2 * PAGE_SIZE, REGS = 15 };

#define IN_RAM	   (PTE_NX | 0x7ffffff)
#define CODE	   0x1000000ull /* code.S has it too */
#define CODE_LOW   0x20000ull
#define STACK	   0x1100000ull
#define DATA	   0x1200000ull
#define TABLES	   0x1300000ull
#define USER_CODE  0x600000000000ull
#define USER_DATA  0x600000010000ull
#define USER_STACK 0x600000020000ull

extern uint64_t hostile_regs[REGS];
extern uint16_t hostile_segment;
void hostile_16(void);
void hostile_32(void);

/* An opcode and how many operand bytes of noise follow; the rest of the bytes is noise anyway. */
static const struct {
	uint8_t length, bytes[4];
} spices[] = {
	{ 2, { 0x0f, 0x00 } },
	{ 2, { 0x0f, 0x01 } },
	{ 2, { 0x0f, 0x20 } },
	{ 2, { 0x0f, 0x21 } },
	{ 2, { 0x0f, 0x22 } },
	{ 2, { 0x0f, 0x23 } },
	{ 2, { 0x0f, 0x30 } },
	{ 2, { 0x0f, 0x32 } },
	{ 2, { 0x0f, 0x31 } },
	{ 2, { 0x0f, 0x33 } },
	{ 2, { 0x0f, 0xa2 } },
	{ 2, { 0x0f, 0x06 } },
	{ 2, { 0x0f, 0x08 } },
	{ 2, { 0x0f, 0x09 } },
	{ 2, { 0x0f, 0xae } },
	{ 2, { 0x0f, 0xc7 } },
	{ 2, { 0x0f, 0xaa } },
	{ 2, { 0x0f, 0x34 } },
	{ 2, { 0x0f, 0x05 } },
	{ 2, { 0x0f, 0x07 } },
	{ 1, { 0xec } },
	{ 1, { 0xed } },
	{ 1, { 0xee } },
	{ 1, { 0xef } },
	{ 2, { 0xf3, 0x6c } },
	{ 2, { 0xf3, 0x6f } },
	{ 1, { 0xe4 } },
	{ 2, { 0xe7, 0x80 } },
	{ 1, { 0xf4 } },
	{ 1, { 0xcd } },
	{ 1, { 0xcf } },
	{ 1, { 0xcb } },
	{ 1, { 0x8e } },
	{ 1, { 0x9d } },
	{ 1, { 0xfb } },
	{ 1, { 0xfa } },
	{ 1, { 0x17 } },
	{ 1, { 0xf1 } },
	{ 1, { 0xcc } },
	{ 1, { 0xf0 } },
	{ 1, { 0x66 } },
	{ 1, { 0x67 } },
	{ 1, { 0x64 } },
	{ 1, { 0xf3 } },
	{ 3, { 0x0f, 0x01, 0xd9 } },
	{ 3, { 0x0f, 0x01, 0xc1 } },
	{ 3, { 0x0f, 0x01, 0xd1 } },
	{ 3, { 0x0f, 0x01, 0xf9 } },
	{ 3, { 0x0f, 0x01, 0xf8 } },
	{ 4, { 0x66, 0x0f, 0x38, 0x82 } },
};

/* Code that writes to the exit port by itself would end the test well. */
static void brew(uint8_t *code)
{
	for (unsigned i = 0; i < CODE_BYTES; i++)
		code[i] = (uint8_t)(random_next() >> 32);
	for (unsigned at = 0; at + 8 < CODE_BYTES; at += 1 + random_below(6)) {
		unsigned s = random_below(sizeof(spices) / sizeof(spices[0]));

		memcpy(code + at, spices[s].bytes, spices[s].length);
		at += spices[s].length;
	}
}

void wild_registers(uint64_t *regs, uint64_t data)
{
	for (unsigned i = 0; i < REGS; i++)
		regs[i] = random_below(2) ? random_value() : data + random_below(2 * PAGE_SIZE);
	if (random_below(2))
		regs[1] = 0x10 + random_below(0x40); /* RCX: an MSR */
	if ((uint16_t)(PORT_EXIT - regs[2]) < 4 || (uint16_t)(0x604 - regs[2]) < 4)
		regs[2] = 0x80;
}

/* Often near the end of its page, or of the last page. */
static uint64_t somewhere(uint64_t code)
{
	return random_below(3) ? code + random_below(CODE_BYTES)
			       : code + CODE_BYTES - 1 - random_below(16);
}

/*
 * Tables with RAM alone, one to one, and what the rounds have mapped. Noise that got at a device
 * with an instruction that no driver uses would have Plinth stop the VM; fatal.c and
 * round_devices() try devices.
 */
uint64_t make_tables(void)
{
	enum { ENTRIES = PAGE_SIZE / 8 };
	uint64_t *pml4 = (uint64_t *)TABLES, *pdpt = pml4 + ENTRIES, *pd = pdpt + ENTRIES;

	memcpy(pml4, paging_pml4, PAGE_SIZE);
	memset(pdpt, 0, 2 * PAGE_SIZE);
	pml4[0] = (uint64_t)pdpt | PTE_P | PTE_W;
	pdpt[0] = (uint64_t)pd | PTE_P | PTE_W;
	for (uint64_t i = 0; i < RAM_PAGES; i++)
		pd[i] = i * LARGE_PAGE_SIZE | PTE_P | PTE_W | PTE_PS;
	return TABLES;
}

void round_wild_kernel(void)
{
	struct wild w;

	/* At the window of its own the code ends where nothing is mapped. */
	for (unsigned i = 0; i < CODE_BYTES / PAGE_SIZE; i++)
		page_map(USER_CODE + i * PAGE_SIZE, CODE + i * PAGE_SIZE, PTE_P | PTE_W);
	for (unsigned i = 0; i < BLOBS; i++) {
		brew((uint8_t *)CODE);
		wild_registers(w.regs, DATA);
		w.rsp = STACK;
		w.rip = somewhere(USER_CODE);
		watchdog_start_hard();
		write_cr3(make_tables());
		trap_run(wild_jump, (uint64_t)&w);
		state_restore();
	}
}

static void map_user(void)
{
	for (unsigned i = 0; i < CODE_BYTES / PAGE_SIZE; i++) {
		page_map(USER_CODE + i * PAGE_SIZE, CODE + i * PAGE_SIZE, PTE_P | PTE_W | PTE_U);
		page_map(USER_DATA + i * PAGE_SIZE, DATA + i * PAGE_SIZE, PTE_P | PTE_W | PTE_U);
	}
	page_map(USER_STACK, STACK, PTE_P | PTE_W | PTE_U);
}

/* In ring 3, where I/O is sometimes allowed. */
void round_wild_user(void)
{
	map_user();
	for (unsigned i = 0; i < BLOBS; i++) {
		brew((uint8_t *)CODE);
		watchdog_start_hard();
		write_cr3(make_tables());
		trap_run_user(somewhere(USER_CODE), USER_STACK + PAGE_SIZE - 64,
			      RFLAGS_FIXED | RFLAGS_IF |
				      (random_next() & (RFLAGS_IOPL3 | RFLAGS_TF | RFLAGS_AC)));
		state_restore();
	}
}

static void prepare_32(void)
{
	uint8_t *code = (uint8_t *)CODE;

	brew(code);
	wild_registers(hostile_regs, DATA);
	watchdog_start_hard();
}

static uint32_t make_32(void)
{
	uint32_t *pd = (uint32_t *)TABLES;

	memset(pd, 0, PAGE_SIZE);
	for (uint32_t i = 0; i < RAM_PAGES / 2; i++)
		pd[i] = i << PSE_SHIFT | PTE_P | PTE_W | PTE_PS | (random_below(16) ? PTE_U : 0);
	return (uint32_t)TABLES;
}

void round_wild_32(void)
{
	for (unsigned i = 0; i < BLOBS; i++) {
		uint32_t cr3 = make_32();

		prepare_32();
		mode_run32(hostile_32, (uint32_t)(CR0_PE | CR0_ET | CR0_NE | CR0_PG | CR0_WP), cr3,
			   CR4_PSE);
		state_restore();
	}
}

static uint32_t make_pae(void)
{
	uint64_t *pdpt = (uint64_t *)TABLES, *pd = pdpt + PAGE_SIZE / 8;

	memset(pdpt, 0, 2 * PAGE_SIZE);
	pdpt[0] = (uint64_t)pd | PTE_P;
	for (uint64_t i = 0; i < RAM_PAGES; i++)
		pd[i] = i * LARGE_PAGE_SIZE | PTE_P | PTE_W | PTE_PS |
			(random_below(16) ? PTE_U : 0);
	return (uint32_t)(uint64_t)pdpt;
}

void round_wild_pae(void)
{
	for (unsigned i = 0; i < BLOBS; i++) {
		uint32_t cr3 = make_pae();

		prepare_32();
		mode_run32(hostile_32, (uint32_t)(CR0_PE | CR0_ET | CR0_NE | CR0_PG | CR0_WP), cr3,
			   CR4_PAE);
		state_restore();
	}
}

void round_wild_16(void)
{
	for (unsigned i = 0; i < BLOBS; i++) {
		brew((uint8_t *)CODE_LOW);
		wild_registers(low_copy(hostile_regs), CODE_LOW);
		*(uint16_t *)low_copy(&hostile_segment) = (uint16_t)random_below(0x9000);
		watchdog_start_hard();
		mode_run16(hostile_16);
		state_restore();
	}
}

static void load_cr3(uint64_t cr3)
{
	write_cr3(cr3);
	asm volatile("cpuid" ::: "rax", "rbx", "rcx", "rdx");
	outb(0x80, 0);
}

/*
 * Tables of noise whose noise stays in RAM, so that the walk does too. The code that runs is mapped
 * as it was, or nothing would happen after the load of CR3.
 */
void round_paging(void)
{
	uint64_t *tables = (uint64_t *)CODE, *stale = tables + PAGE_SIZE / 8;
	const uint64_t cr3 = read_cr3();

	for (unsigned i = 0; i < BLOBS; i++) {
		memcpy(tables, (void *)make_tables(), PAGE_SIZE);
		for (unsigned e = 1; e < PAGE_SIZE / 8; e++) {
			uint64_t to = (CODE + random_below(4) * PAGE_SIZE) | PTE_P | PTE_W;

			tables[e] = random_below(2) ? to : to ^ 1ull << random_below(12);
			stale[e] = random_below(2) ? to : random_next() & IN_RAM;
			if (to == CODE)
				tables[e] |= PTE_U;
		}
		watchdog_start_hard();
		trap_run(load_cr3, (uint64_t)tables | (random_next() & 0xfff));
		for (unsigned n = 0; n < 32; n++) {
			struct wild w = { .rip = random_next() >> 16, .rsp = STACK };

			wild_registers(w.regs, random_next() >> 17);
			trap_run(wild_jump, (uint64_t)&w);
		}
		write_cr3(cr3);
		state_restore();
	}
}

// SPDX-License-Identifier: MIT
/*
 * Every opcode of the one-byte, 0F, 0F 38 and 0F 3A maps, with prefixes and operands at random, one
 * instruction at a time (TF ends it), in 64-, 32- and 16-bit code of rings 0 and 3; often it lies
 * across the end of a page, behind which there may be nothing.
 */
#include "hostile.h"
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/trap.h"

enum { MAPS = 4, OPCODES = MAPS * 256, OPCODES_A_ROUND = 32, MODES = 6, PREFIXES_MAX = 3 };
enum { DEVICE_ACTS = 4, INSN_ROOM = 32, ALL_EXITS = 8 };

#define CODE	    0x1000000ull
#define STACK	    0x1100000ull
#define DATA	    0x1200000ull
#define CODE_PAGES  4
#define SEL_CODE16K SEL_NOT_PRESENT /* two descriptors that these rounds make */
#define SEL_DATA16K SEL_CALL_ONLY
#define USER_CODE   0x600000000000ull
/* Descriptors of 64 KiB of 16-bit code and data at CODE. */
#define CODE16_BITS 0x00009b000000ffffull
#define DATA16_BITS 0x000093000000ffffull
#define DPL3_BITS   (3ull << 45)
#define BASE_BITS   (CODE << 16)

/* Writes an opcode's instruction, and noise for its operands. */
static void write_insn(uint8_t *at, unsigned opcode)
{
	static const uint8_t prefixes[] = { 0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e,
					    0x26, 0x64, 0x65, 0x48, 0x4f, 0x41, 0x44, 0x40 };
	unsigned map = opcode / 256, n = 0;

	while (n < PREFIXES_MAX && random_below(3) == 0)
		at[n++] = prefixes[random_below(sizeof(prefixes))];
	if (map)
		at[n++] = 0x0f;
	if (map > 1)
		at[n++] = map == 2 ? 0x38 : 0x3a;
	at[n++] = (uint8_t)opcode;
	for (; n < INSN_ROOM; n++)
		at[n] = (uint8_t)(random_next() >> 32);
}

/* In the middle, or with the last bytes of a page. */
static uint64_t place(uint64_t base)
{
	uint64_t page = base + random_below(CODE_PAGES - 1) * PAGE_SIZE;

	return random_below(2) ? page + random_below(PAGE_SIZE - INSN_ROOM)
			       : page + PAGE_SIZE - 1 - random_below(15);
}

static void make_user_window(void)
{
	for (unsigned i = 0; i < CODE_PAGES; i++)
		page_map(USER_CODE + i * PAGE_SIZE, CODE + i * PAGE_SIZE,
			 (i == CODE_PAGES - 1 && random_below(2) ? 0 : PTE_P) | PTE_W | PTE_U);
}

/* make_tables()'s, with ring 3 let to code and data, and 4-KiB pages there. */
static uint64_t make_user_tables(void)
{
	uint64_t cr3 = make_tables(), *pdpt = (uint64_t *)(cr3 + PAGE_SIZE);
	uint64_t *pd = pdpt + PAGE_SIZE / 8;

	((uint64_t *)cr3)[0] |= PTE_U;
	pdpt[0] |= PTE_U;
	pd[CODE / LARGE_PAGE_SIZE] |= PTE_U;
	pd[DATA / LARGE_PAGE_SIZE] |= PTE_U;
	return cr3;
}

static void make_segments(bool user)
{
	uint64_t dpl = user ? DPL3_BITS : 0;

	start_gdt[SEL_CODE16K / 8] = CODE16_BITS | BASE_BITS | dpl;
	start_gdt[SEL_DATA16K / 8] = DATA16_BITS | BASE_BITS | dpl;
}

static void choose_mode(struct wild_frame *w, unsigned mode, uint64_t at)
{
	static const struct {
		uint16_t cs, ss;
	} modes[MODES] = {
		{ SEL_CODE64, SEL_DATA },
		{ SEL_CODE32, SEL_DATA },
		{ SEL_CODE16K, SEL_DATA16K },
		{ SEL_USER_CODE64 | RPL3, SEL_USER_DATA | RPL3 },
		{ SEL_USER_CODE32 | RPL3, SEL_USER_DATA | RPL3 },
		{ SEL_CODE16K | RPL3, SEL_DATA16K | RPL3 },
	};
	bool is_16 = mode % 3 == 2;

	make_segments(mode >= 3);
	w->cs = modes[mode].cs;
	w->ss = modes[mode].ss;
	w->rip = is_16 ? at - CODE : at;
	/* 64-bit code in the window, behind whose end there is nothing now and then. */
	if (mode % 3 == 0)
		w->rip = USER_CODE + (at - CODE);
	w->rsp = is_16 ? 0xf000 : mode >= 3 ? DATA + 8 * PAGE_SIZE : STACK;
	w->rflags = RFLAGS_FIXED | RFLAGS_TF | (random_next() & (RFLAGS_IOPL3 | 0xcd5));
	if (random_below(8) == 0)
		w->rflags |= RFLAGS_IF;
	/* Many at a time now and then: noise that no step ends. */
	if (random_below(16) == 0)
		w->rflags &= ~RFLAGS_TF;
}

static void one(unsigned opcode, unsigned mode)
{
	struct wild_frame w;
	uint64_t at = place(CODE);

	write_insn((uint8_t *)at, opcode);
	wild_registers(w.regs, DATA);
	choose_mode(&w, mode, at);
	watchdog_feed();
	write_cr3(make_user_tables());
	trap_run(wild_iret, (uint64_t)&w);
	state_restore();
}

void round_opcodes(void)
{
	unsigned first = round_part * OPCODES_A_ROUND % OPCODES;
	unsigned mode = round_part * OPCODES_A_ROUND / OPCODES;

	make_user_window();
	for (unsigned i = 0; i < OPCODES_A_ROUND; i++) {
		if (i % ALL_EXITS == 0)
			watchdog_start_hard();
		one((first + i) % OPCODES, (mode + i) % MODES);
	}
	watchdog_start();
}

/*
 * With registers that point to devices, which all tables have. What no driver does to a device has
 * Plinth stop the VM, so few at a time.
 */
void round_device_opcodes(void)
{
	for (unsigned i = 0; i < DEVICE_ACTS; i++) {
		struct wild_frame w;
		uint64_t at = place(CODE);

		watchdog_start_hard();
		write_insn((uint8_t *)at, random_below(OPCODES));
		wild_registers(w.regs, DATA);
		for (unsigned r = 0; r < 15; r++)
			if (random_below(2))
				w.regs[r] = LAPIC_BASE + random_below(0x400);
		choose_mode(&w, random_below(2), at);
		w.rip = at;
		w.rflags |= RFLAGS_TF;
		trap_run(wild_iret, (uint64_t)&w);
		state_restore();
	}
	watchdog_start();
}

// SPDX-License-Identifier: MIT
/* INS and OUTS, with and without REP, in all sizes and both directions, over pages and faults. */
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/trap.h"

enum { SCRATCH = COM1 + UART_SCR, BYTES = 16 };

struct regs {
	uint64_t cx, si, di;
};

#define STRING_OUT(name, insn)                                                                    \
	static struct regs name(uint16_t port, const void *from, uint64_t count, bool down)       \
	{                                                                                         \
		struct regs r = { count, (uint64_t)from, 0 };                                     \
		if (down)                                                                         \
			asm volatile("std; " insn "; cld"                                         \
				     : "+c"(r.cx), "+S"(r.si)                                     \
				     : "d"(port)                                                  \
				     : "memory", "cc");                                           \
		else                                                                              \
			asm volatile(insn : "+c"(r.cx), "+S"(r.si) : "d"(port) : "memory", "cc"); \
		return r;                                                                         \
	}
#define STRING_IN(name, insn)                                                                     \
	static struct regs name(uint16_t port, void *to, uint64_t count, bool down)               \
	{                                                                                         \
		struct regs r = { count, 0, (uint64_t)to };                                       \
		if (down)                                                                         \
			asm volatile("std; " insn "; cld"                                         \
				     : "+c"(r.cx), "+D"(r.di)                                     \
				     : "d"(port)                                                  \
				     : "memory", "cc");                                           \
		else                                                                              \
			asm volatile(insn : "+c"(r.cx), "+D"(r.di) : "d"(port) : "memory", "cc"); \
		return r;                                                                         \
	}

STRING_OUT(out_bytes, "rep outsb")
STRING_OUT(out_one_byte, "outsb")
STRING_OUT(out_words, "rep outsw")
STRING_OUT(out_dwords, "rep outsl")
STRING_OUT(out_bytes_addr32, "addr32 rep outsb")
STRING_IN(in_bytes, "rep insb")
STRING_IN(in_one_byte, "insb")
STRING_IN(in_words, "rep insw")
STRING_IN(in_dwords, "rep insl")
STRING_IN(in_bytes_addr32, "addr32 rep insb")

static uint8_t buffer[2 * BYTES] __attribute__((aligned(16)));

static void fill(uint8_t from)
{
	for (unsigned i = 0; i < sizeof(buffer); i++)
		buffer[i] = (uint8_t)(from + i);
}

/* The scratch register keeps the last byte. */
static void test_out(void)
{
	struct regs r;

	fill(0x40);
	r = out_bytes(SCRATCH, buffer, 5, false);
	check_eq("REP OUTSB: the last byte", 0x44, inb(SCRATCH));
	check_eq("  RSI", (uint64_t)buffer + 5, r.si);
	check_eq("  RCX", 0, r.cx);
	r = out_bytes(SCRATCH, buffer + 9, 3, true);
	check_eq("REP OUTSB down: the last byte", 0x47, inb(SCRATCH));
	check_eq("  RSI", (uint64_t)buffer + 6, r.si);
	r = out_one_byte(SCRATCH, buffer + 1, 7, false);
	check_eq("OUTSB", 0x41, inb(SCRATCH));
	check_eq("  RCX is left alone", 7, r.cx);
	r = out_bytes(SCRATCH, buffer, 0, false);
	check_eq("REP OUTSB, count 0: nothing", 0x41, inb(SCRATCH));
	check_eq("  RSI", (uint64_t)buffer, r.si);
	r = out_bytes_addr32(SCRATCH, buffer + 3, 2, false);
	check_eq("REP OUTSB, 32-bit addressing", 0x44, inb(SCRATCH));
	check_eq("  RSI", (uint64_t)buffer + 5, r.si);
	out_words(PCI_ADDRESS + 0x108, buffer, 2, false); /* no one's: vanishes */
	outl(PCI_ADDRESS, 0x80000000);
	memset(buffer, 0, sizeof(buffer));
	buffer[4] = 0x04;
	buffer[7] = 0x80;
	r = out_dwords(PCI_ADDRESS, buffer, 2, false);
	check_eq("REP OUTSD: the last word", 0x80000004, inl(PCI_ADDRESS));
	check_eq("  RSI", (uint64_t)buffer + 8, r.si);
}

static void test_in(void)
{
	struct regs r;
	uint32_t id;

	fill(0);
	outb(SCRATCH, 0xa7);
	r = in_bytes(SCRATCH, buffer + 1, 3, false);
	check_eq("REP INSB: first", 0xa7, buffer[1]);
	check_eq("REP INSB: last", 0xa7, buffer[3]);
	check_eq("REP INSB: the byte before", 0, buffer[0]);
	check_eq("REP INSB: the byte behind", 4, buffer[4]);
	check_eq("  RDI", (uint64_t)buffer + 4, r.di);
	check_eq("  RCX", 0, r.cx);
	r = in_bytes(SCRATCH, buffer + 10, 2, true);
	check_eq("REP INSB down", 0xa7a7, buffer[9] << 8 | buffer[10]);
	check_eq("REP INSB down: the byte below", 8, buffer[8]);
	check_eq("  RDI", (uint64_t)buffer + 8, r.di);
	r = in_one_byte(SCRATCH, buffer, 9, false);
	check_eq("INSB", 0xa7, buffer[0]);
	check_eq("  RCX is left alone", 9, r.cx);
	r = in_bytes(SCRATCH, buffer + 12, 0, false);
	check_eq("REP INSB, count 0: nothing", 12, buffer[12]);
	r = in_bytes_addr32(SCRATCH, buffer + 12, 1, false);
	check_eq("REP INSB, 32-bit addressing", 0xa7, buffer[12]);
	outl(PCI_ADDRESS, 0x80000000);
	id = inl(PCI_DATA);
	r = in_dwords(PCI_DATA, buffer, 3, false);
	check_true("REP INSD", !memcmp(buffer + 8, &id, 4) && !memcmp(buffer, &id, 4));
	check_eq("  RDI", (uint64_t)buffer + 12, r.di);
	r = in_words(PCI_DATA, buffer + 16, 2, false);
	check_true("REP INSW", !memcmp(buffer + 16, &id, 2) && !memcmp(buffer + 18, &id, 2));
}

static void in_over_the_end(uint64_t to)
{
	in_bytes(SCRATCH, (void *)to, 100, false);
}

static void out_over_the_end(uint64_t from)
{
	out_bytes(SCRATCH, (const void *)from, 100, false);
}

static void test_pages(void)
{
	uint64_t va = PAGING_FREE_VA;
	uint8_t *second = page_alloc(), *between = page_alloc(), *first = page_alloc();

	page_map(va, (uint64_t)first, PTE_P | PTE_W);
	page_map(va + PAGE_SIZE, (uint64_t)second, PTE_P | PTE_W);
	outb(SCRATCH, 0x3c);
	in_bytes(SCRATCH, (void *)(va + PAGE_SIZE - 3), 6, false);
	check_eq("REP INSB over a page's end: before it", 0x3c, first[PAGE_SIZE - 1]);
	check_eq("REP INSB over a page's end: behind it", 0x3c, second[2]);
	check_eq("REP INSB over a page's end: the byte after", 0, second[3]);
	check_eq("REP INSB: the page between in memory", 0, between[0]);
	outl(PCI_ADDRESS, 0x80000000);
	in_dwords(PCI_DATA, (void *)(va + PAGE_SIZE - 2), 1, false);
	outl(PCI_ADDRESS, 0x80000000);
	check_eq("INSD across the end: low half", inw(PCI_DATA),
		 first[PAGE_SIZE - 2] | first[PAGE_SIZE - 1] << 8);
	check_eq("INSD across the end: high half", inw(PCI_DATA + 2), second[0] | second[1] << 8);
	in_bytes(SCRATCH, (void *)va, PAGE_SIZE, false);
	check_eq("REP INSB of a page", 0x3c, first[PAGE_SIZE / 2]);

	page_map(va + PAGE_SIZE, 0, 0);
	check_eq("REP INSB into an absent page", VEC_PF,
		 trap_run(in_over_the_end, va + PAGE_SIZE - 10));
	check_eq("  its error code", PF_W, trap_last.frame.error);
	check_eq("  CR2", va + PAGE_SIZE, trap_last.cr2);
	check_eq("  RCX", 90, trap_last.frame.rcx);
	check_eq("  RDI", va + PAGE_SIZE, trap_last.frame.rdi);
	first[PAGE_SIZE - 1] = 0x77;
	check_eq("REP OUTSB out of an absent page", VEC_PF,
		 trap_run(out_over_the_end, va + PAGE_SIZE - 10));
	check_eq("  its error code", 0, trap_last.frame.error);
	check_eq("  RSI", va + PAGE_SIZE, trap_last.frame.rsi);
	check_eq("  RCX", 90, trap_last.frame.rcx);
	check_eq("  the last byte out", 0x77, inb(SCRATCH));
	page_map(va, (uint64_t)first, PTE_P);
	check_eq("INSB into a read-only page", VEC_PF, trap_run(in_over_the_end, va));
	check_eq("  its error code", PF_W | PF_P, trap_last.frame.error);
}

static uint64_t stepped;

static void step(struct trap_frame *f)
{
	if (++stepped == 3)
		f->rflags &= ~RFLAGS_TF;
}

/* With TF on, each turn of a REP is a step of its own. */
static void test_single_step(void)
{
	uint64_t count = 5, from = (uint64_t)buffer;

	trap_set_handler(VEC_DB, step);
	asm volatile(
		"pushfq; orl $0x100, (%%rsp); popfq; rep outsb; pushfq; andl $~0x100, (%%rsp); "
		"popfq"
		: "+c"(count), "+S"(from)
		: "d"(SCRATCH)
		: "memory", "cc");
	check_eq("single steps within REP OUTSB", 3, stepped);
	check_eq("  RCX at the end", 0, count);
	check_eq("  RSI at the end", (uint64_t)buffer + 5, from);
}

void guest_main(void)
{
	test_out();
	test_in();
	test_pages();
	test_single_step();
}

// SPDX-License-Identifier: MIT
/*
 * Every form of instruction that software uses on device registers. 32-bit forms work on the APIC
 * timer's initial count, which keeps 32 bits while the timer is masked; other sizes, which chips do
 * not promise, on an address that nothing claims. RAM with the same content tells what is right.
 */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/mode.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/trap.h"

struct form_regs {
	uint64_t rax, rcx, rdx, rsi, rdi, rflags;
};

struct form {
	void (*code)(void);
	const char *name;
	uint64_t flags;
};

extern const struct form forms32[], forms_hole[];
extern const uint8_t cross_code[], cross_end[], rip_code[], rip_code_end[];
void form_call(void (*code)(void), struct form_regs *r);
void mmio32_addressing(void);

#define TARGET (LAPIC_BASE + LAPIC_TIMER_INIT)
#define HOLE   0xd0100000ull

static uint64_t ram[4] __attribute__((aligned(64)));

static struct form_regs run_form(const struct form *f, uint64_t at, uint64_t flags)
{
	struct form_regs r = { .rax = 0x1122334482345678,
			       .rcx = 4,
			       .rdx = 0x1f,
			       .rsi = at,
			       .rdi = at,
			       .rflags = RFLAGS_FIXED | flags };

	form_call(f->code, &r);
	return r;
}

static void compare(const struct form *f, const struct form_regs *want, uint64_t want_at,
		    const struct form_regs *got, uint64_t got_at)
{
	bool same = want->rax == got->rax && want->rcx == got->rcx && want->rdx == got->rdx &&
		    want->rsi - want_at == got->rsi - got_at &&
		    want->rdi - want_at == got->rdi - got_at &&
		    ((want->rflags ^ got->rflags) & f->flags) == 0;

	if (same)
		return;
	check_true(f->name, false);
	print("  rax %lx, should be %lx; rcx %lx %lx; rdx %lx %lx; rsi +%lx +%lx; rdi +%lx +%lx; "
	      "flags %lx %lx\n",
	      got->rax, want->rax, got->rcx, want->rcx, got->rdx, want->rdx, got->rsi - got_at,
	      want->rsi - want_at, got->rdi - got_at, want->rdi - want_at, got->rflags & f->flags,
	      want->rflags & f->flags);
}

static void test_forms32(void)
{
	static const uint32_t values[] = { 0x80000001, 0x12345678, 0xffffffff, 0x82345678 };
	static const uint64_t flags[] = { 0, RFLAGS_CF, RFLAGS_DF };
	struct form_regs want, got;

	for (const struct form *f = forms32; f->code; f++) {
		for (unsigned i = 0; i < 12; i++) {
			*(volatile uint32_t *)ram = values[i % 4];
			mmio_write32(TARGET, values[i % 4]);
			want = run_form(f, (uint64_t)ram, flags[i / 4]);
			got = run_form(f, TARGET, flags[i / 4]);
			compare(f, &want, (uint64_t)ram, &got, TARGET);
			if (!check_eq("content after the form", *(volatile uint32_t *)ram,
				      mmio_read32(TARGET)))
				print("  (%s)\n", f->name);
		}
	}
	mmio_write32(TARGET, 0);
}

static void test_forms_hole(void)
{
	uint32_t hole = mmio_read32(HOLE);
	struct form_regs want, got;

	test_tolerate(test_is_bare_tcg(), "QEMU gives 0 where nothing answers");
	check_eq("an address that nothing claims", 0xffffffff, hole);
	test_tolerate_end();
	for (const struct form *f = forms_hole; f->code; f++) {
		for (unsigned i = 0; i < 2; i++) {
			memset(ram, (int)hole, sizeof(ram));
			want = run_form(f, (uint64_t)ram, i ? RFLAGS_CF : 0);
			/* What is written vanishes, so a form that scans its own store is not here.
			 */
			got = run_form(f, HOLE, i ? RFLAGS_CF : 0);
			compare(f, &want, (uint64_t)ram, &got, HOLE);
		}
	}
	check_eq("8 bytes over a page's end", hole | (uint64_t)hole << 32,
		 *(volatile uint64_t *)(HOLE + 0xffc));
}

struct string_regs {
	uint64_t rcx, rsi, rdi;
};

static struct string_regs movsl(uint64_t to, uint64_t from, uint64_t count, bool down)
{
	struct string_regs r = { count, from, to };

	if (down)
		asm volatile("std; rep movsl; cld"
			     : "+c"(r.rcx), "+S"(r.rsi), "+D"(r.rdi)::"memory");
	else
		asm volatile("rep movsl" : "+c"(r.rcx), "+S"(r.rsi), "+D"(r.rdi)::"memory");
	return r;
}

static void test_movs(void)
{
	uint32_t *words = (uint32_t *)ram, hole = mmio_read32(HOLE);
	struct string_regs r;

	words[0] = 0x13572468;
	r = movsl(TARGET, (uint64_t)words, 1, false);
	check_eq("MOVSD from RAM to a register", 0x13572468, mmio_read32(TARGET));
	check_eq("  RSI", (uint64_t)words + 4, r.rsi);
	check_eq("  RDI", TARGET + 4, r.rdi);
	check_eq("  RCX", 0, r.rcx);
	r = movsl((uint64_t)(words + 3), TARGET, 1, true);
	check_eq("MOVSD down from a register to RAM", 0x13572468, words[3]);
	check_eq("  RSI", TARGET - 4, r.rsi);
	check_eq("  RDI", (uint64_t)(words + 2), r.rdi);
	mmio_write32(IOAPIC_BASE + IOREGSEL, 1);
	movsl(TARGET, IOAPIC_BASE + IOREGSEL, 1, false);
	check_eq("MOVSD from register to register", 1, mmio_read32(TARGET) & 0xff);
	memset(ram, 0x77, sizeof(ram));
	r = movsl((uint64_t)words, HOLE, 3, false);
	check_eq("REP MOVSD: last word", hole, words[2]);
	check_eq("REP MOVSD: the word behind", 0x77777777, words[3]);
	check_eq("  RSI", HOLE + 12, r.rsi);
	mmio_write32(TARGET, 99);
	r = movsl(TARGET, (uint64_t)words, 0, false);
	check_eq("REP MOVSD with count 0 writes nothing", 99, mmio_read32(TARGET));
	check_eq("  RDI", TARGET, r.rdi);
	mmio_write32(TARGET, 0);
}

/* A copy that leaves the mapped page: the registers say how far it came. */
static void copy_over_the_end(uint64_t to)
{
	movsl(to, HOLE, 8, false);
}

static void store_readonly(uint64_t to)
{
	mmio_write32(to, 5);
}

static void test_faults(void)
{
	uint64_t va = PAGING_FREE_VA + 0x200000;

	page_map(va, (uint64_t)page_alloc(), PTE_P | PTE_W);
	page_map(va + PAGE_SIZE, 0, 0);
	check_eq("REP MOVSD from a device over the end of the mapped RAM", VEC_PF,
		 trap_run(copy_over_the_end, va + PAGE_SIZE - 12));
	check_eq("  its error code", PF_W, trap_last.frame.error);
	check_eq("  CR2", va + PAGE_SIZE, trap_last.cr2);
	check_eq("  RCX", 5, trap_last.frame.rcx);
	check_eq("  RSI", HOLE + 12, trap_last.frame.rsi);
	check_eq("  RDI", va + PAGE_SIZE, trap_last.frame.rdi);
	page_map(va + PAGE_SIZE, LAPIC_BASE, PTE_P | PTE_PCD);
	check_eq("a store to a register by a read-only page", VEC_PF,
		 trap_run(store_readonly, va + PAGE_SIZE + LAPIC_TIMER_INIT));
	check_eq("  its error code", PF_W | PF_P, trap_last.frame.error);
}

/* The read half of a read-modify-write is allowed there, the write half is not. */
static void add_readonly(uint64_t at)
{
	asm volatile("lock addl $1, (%0)" ::"r"(at) : "memory", "cc");
}

static void test_readonly_rmw(void)
{
	uint64_t va = PAGING_FREE_VA + 0x500000;

	page_map(va, LAPIC_BASE, PTE_P | PTE_PCD);
	mmio_write32(TARGET, 7);
	check_eq("a read-modify-write of a register by a read-only page", VEC_PF,
		 trap_run(add_readonly, va + LAPIC_TIMER_INIT));
	check_eq("  its error code", PF_W | PF_P, trap_last.frame.error);
	check_eq("  the register", 7, mmio_read32(TARGET));
	mmio_write32(TARGET, 0);
	page_map(va, HOLE, PTE_P | PTE_PCD);
	check_eq("the same where nothing answers", VEC_PF, trap_run(add_readonly, va));
	check_eq("  its error code", PF_W | PF_P, trap_last.frame.error);
}

/* One instruction over two pages that are no neighbours in memory, split at each byte. */
static void test_page_crossing_fetch(void)
{
	uint64_t va = PAGING_FREE_VA + 0x300000, length = (uint64_t)(cross_end - cross_code);
	uint8_t *second = page_alloc(), *between = page_alloc(), *first = page_alloc();

	memset(between, 0xcc, PAGE_SIZE);
	page_map(va, (uint64_t)first, PTE_P | PTE_W);
	page_map(va + PAGE_SIZE, (uint64_t)second, PTE_P | PTE_W);
	wrmsr(MSR_FS_BASE, LAPIC_BASE);
	for (uint64_t split = 0; split <= length; split++) {
		uint8_t *at = (uint8_t *)(va + PAGE_SIZE - split);

		memcpy(at, cross_code, length + 1);
		mmio_write32(TARGET, 0x100);
		asm volatile("call *%0" ::"r"(at), "D"(LAPIC_TIMER_INIT), "c"(0) : "memory");
		check_eq("an instruction over a page's end, by FS", 0x01020404,
			 mmio_read32(TARGET));
	}
	wrmsr(MSR_FS_BASE, 0);
	mmio_write32(TARGET, 0);
}

static void test_rip_relative(void)
{
	uint64_t va = PAGING_FREE_VA + 0x400000;
	uint8_t *page = page_alloc();

	memcpy(page, rip_code, (size_t)(rip_code_end - rip_code));
	page_map(va, (uint64_t)page, PTE_P);
	page_map(va + PAGE_SIZE, LAPIC_BASE, PTE_P | PTE_W | PTE_PCD);
	((void (*)(void))va)();
	check_eq("RIP-relative store and add", 0x24681358, mmio_read32(TARGET));
	mmio_write32(TARGET, 0);
}

static void test_addressing(void)
{
	uint64_t saved = start_gdt[SEL_LIMIT4K / 8];

	/* The same segment with the APIC's base. */
	start_gdt[SEL_LIMIT4K / 8] =
		saved | (LAPIC_BASE & 0xffffff) << 16 | (LAPIC_BASE >> 24) << 56;
	check_eq("32-bit code on registers: exception", VEC_NONE,
		 mode_run32(mmio32_addressing, CR0_PE | CR0_ET | CR0_NE, 0, 0));
	check_eq("32-bit and 16-bit addressing, segment base", 0x77777777, mode_result.value);
	start_gdt[SEL_LIMIT4K / 8] = saved;
	mmio_write32(TARGET, 0x1000);
	asm volatile("addl $1, (%%edi)" ::"D"(TARGET | 0xabcdull << 32) : "memory");
	check_eq("32-bit addressing in 64-bit mode", 0x1001, mmio_read32(TARGET));
	mmio_write32(TARGET, 0);
}

static void test_byte_register(void)
{
	/* Bochs panics when a byte is written to its I/O APIC. */
	if (test_is_bare_bochs())
		return;
	*(volatile uint8_t *)(IOAPIC_BASE + IOREGSEL) = IOAPIC_VER;
	check_eq("IOREGSEL written as a byte", IOAPIC_VER,
		 mmio_read32(IOAPIC_BASE + IOREGSEL) & 0xff);
}

void guest_main(void)
{
	apic_init();
	test_forms32();
	test_forms_hole();
	test_movs();
	test_faults();
	test_readonly_rmw();
	test_page_crossing_fetch();
	test_rip_relative();
	test_addressing();
	test_byte_register();
}

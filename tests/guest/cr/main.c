// SPDX-License-Identifier: MIT
/* Control registers: bits hold and act, reserved ones give #GP, and the ways in and out of modes.
 */
#include "lib/cpu.h"
#include "lib/mode.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/trap.h"

enum { VENDOR_GENU = 0x756e6547 }; /* the start of GenuineIntel */

/*
 * TCG lets some bad values through, and then runs without protection or, below a hypervisor that
 * leaves these registers to the CPU, ends the guest by a #VMEXIT of its own.
 */
static bool checks_are_real(void)
{
	return !test_is_emulated() || cpuid(0, 0).ebx == VENDOR_GENU;
}

static void set_cr0(uint64_t v)
{
	write_cr0(v);
}

static void set_cr3(uint64_t v)
{
	write_cr3(v);
}

static void set_cr4(uint64_t v)
{
	write_cr4(v);
}

static void set_cr8(uint64_t v)
{
	write_cr8(v);
}

static void test_cr0(void)
{
	static const uint64_t bits[] = { CR0_MP, CR0_TS, CR0_NE, CR0_WP, CR0_AM, CR0_CD };
	uint64_t cr0 = read_cr0();

	for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		write_cr0(cr0 ^ bits[i]);
		check_eq("a bit of CR0 toggled", cr0 ^ bits[i], read_cr0());
		cpuid(0, 0);
		check_eq("and kept", cr0 ^ bits[i], read_cr0());
		write_cr0(cr0);
	}
	check_eq("CR0 as before", cr0, read_cr0());
	check_eq("CR0.ET is always 1", CR0_ET, (write_cr0(cr0 & ~CR0_ET), read_cr0() & CR0_ET));
	check_known("CR0's high half", VEC_GP, trap_run(set_cr0, cr0 | 1ull << 32), VEC_NONE,
		    "QEMU TCG");
	write_cr0(cr0);
	if (checks_are_real()) {
		check_eq("CR0.NW without CR0.CD", VEC_GP, trap_run(set_cr0, cr0 | CR0_NW));
		check_eq("CR0.PG without CR0.PE", VEC_GP, trap_run(set_cr0, cr0 & ~CR0_PE));
	}
	check_eq("CR0 after all", cr0, read_cr0());
}

static void test_lmsw(void)
{
	uint64_t cr0 = read_cr0(), seen;

	asm volatile("lmsw %w0" ::"r"(cr0 | CR0_TS));
	check_eq("LMSW sets TS", CR0_TS, read_cr0() & CR0_TS);
	asm volatile("smsw %0" : "=r"(seen));
	check_eq("SMSW", (cr0 | CR0_TS) & 0xffff, seen & 0xffff);
	asm volatile("clts");
	check_eq("CLTS", 0, read_cr0() & CR0_TS);
	asm volatile("lmsw %w0" ::"r"(cr0 & ~CR0_PE));
	check_eq("LMSW cannot clear PE", CR0_PE, read_cr0() & CR0_PE);
	write_cr0(cr0);
}

static void write_byte(uint64_t va)
{
	*(volatile uint8_t *)va = 1;
}

static void test_wp(void)
{
	uint64_t cr0 = read_cr0(), va = PAGING_FREE_VA;

	page_map(va, (uint64_t)page_alloc(), PTE_P);
	write_cr0(cr0 & ~CR0_WP);
	check_eq("CR0.WP off: a store to a read-only page", VEC_NONE, trap_run(write_byte, va));
	write_cr0(cr0 | CR0_WP);
	check_eq("CR0.WP on: a store to a read-only page", VEC_PF, trap_run(write_byte, va));
	check_eq("  its error code", PF_P | PF_W, trap_last.frame.error);
}

static void test_cr4(void)
{
	static const uint64_t bits[] = { CR4_TSD, CR4_DE,     CR4_PGE, CR4_MCE,
					 CR4_PCE, CR4_OSFXSR, CR4_PSE };
	uint64_t cr4 = read_cr4();

	for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		write_cr4(cr4 ^ bits[i]);
		check_eq("a bit of CR4 toggled", cr4 ^ bits[i], read_cr4());
		inb(PORT_61);
		check_eq("and kept", cr4 ^ bits[i], read_cr4());
		write_cr4(cr4);
	}
	if (test_is_bare_tcg())
		return; /* reserved bits are a #VMEXIT there, with no hypervisor to go to */
	check_eq("a reserved bit of CR4", VEC_GP, trap_run(set_cr4, cr4 | 1ull << 19 | 1ull << 30));
	check_eq("CR4's high half", VEC_GP, trap_run(set_cr4, cr4 | 1ull << 40));
	check_eq("CR4.PAE off in long mode", VEC_GP, trap_run(set_cr4, cr4 & ~CR4_PAE));
	check_eq("CR4 after all", cr4, read_cr4());
}

/* A global page outlives a write of CR3, and CR4.PGE toggled flushes it. */
static void test_pge(void)
{
	uint64_t va = PAGING_FREE_VA + PAGE_SIZE;
	volatile uint8_t *at = (volatile uint8_t *)va;
	uint8_t *one = page_alloc(), *two = page_alloc();

	*one = 1;
	*two = 2;
	write_cr4(read_cr4() | CR4_PGE);
	page_map(va, (uint64_t)one, PTE_P | PTE_G);
	check_eq("a global page", 1, *at);
	*page_entry(va) = (uint64_t)two | PTE_P | PTE_G;
	write_cr4(read_cr4() & ~CR4_PGE);
	check_eq("CR4.PGE off flushes global pages", 2, *at);
	*page_entry(va) = (uint64_t)one | PTE_P;
	write_cr3(read_cr3());
	check_eq("CR3 flushes others", 1, *at);
}

static void read_pmc_tsc(uint64_t arg)
{
	(void)arg;
	asm volatile("rdtsc" ::: "eax", "edx");
}

static void test_cr3_cr8(void)
{
	uint64_t cr3 = read_cr3();

	write_cr2(0xffff800012345678);
	cpuid(0, 0);
	check_eq("CR2 holds", 0xffff800012345678, read_cr2());
	write_cr3(cr3 | PTE_PWT | PTE_PCD);
	check_eq("CR3.PWT and PCD hold", cr3 | PTE_PWT | PTE_PCD, read_cr3());
	write_cr3(cr3);
	if (checks_are_real())
		check_eq("CR3 above the physical width", VEC_GP,
			 trap_run(set_cr3, cr3 | 1ull << 62));
	write_cr3(cr3);
	for (uint64_t v = 0; v < 16; v++) {
		write_cr8(v);
		check_eq("CR8 holds", v, read_cr8());
	}
	write_cr8(0);
	check_known("CR8 above 15", VEC_GP, trap_run(set_cr8, 16), VEC_NONE, "QEMU TCG");
	write_cr8(0);
	write_cr4(read_cr4() | CR4_TSD);
	check_eq("RDTSC in ring 0 with CR4.TSD", VEC_NONE, trap_run(read_pmc_tsc, 0));
	write_cr4(read_cr4() & ~CR4_TSD);
}

extern char cr_in_32[];
asm(".code32\n"
    "cr_in_32: mov %cr0, %eax\n"
    "	ret\n"
    ".code64\n");

/* Long mode left and entered again, many times, with paging off, 32-bit and PAE between. */
static void test_modes(void)
{
	uint32_t cr0 = CR0_PE | CR0_ET | CR0_NE;
	uint32_t *pd = page_alloc();
	uint64_t efer = rdmsr(MSR_EFER);

	for (uint32_t i = 0; i < 1024; i++)
		pd[i] = i << 22 | PTE_P | PTE_W | PTE_PS;
	for (int i = 0; i < 20; i++) {
		check_eq("no paging", VEC_NONE,
			 mode_run32((void (*)(void))cr_in_32, cr0, 0, i & 1 ? CR4_PAE : 0));
		check_eq("CR0 there", cr0, mode_result.value);
		check_eq("32-bit paging", VEC_NONE,
			 mode_run32((void (*)(void))cr_in_32, cr0 | (uint32_t)CR0_PG,
				    (uint32_t)(uint64_t)pd, CR4_PSE));
		check_eq("CR0 there", cr0 | (uint32_t)CR0_PG, mode_result.value);
		check_eq("EFER afterwards", efer, rdmsr(MSR_EFER));
		check_eq("EFER.LMA", EFER_LMA, rdmsr(MSR_EFER) & EFER_LMA);
	}
}

void guest_main(void)
{
	test_cr0();
	test_lmsw();
	test_wp();
	test_cr4();
	test_pge();
	test_cr3_cr8();
	test_modes();
}

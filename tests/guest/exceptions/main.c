// SPDX-License-Identifier: MIT
/* Every exception that software can raise, by the guest's own IDT, in each mode of the CPU. */
#include "lib/cpu.h"
#include "lib/mode.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/trap.h"

/* A row of code.S */
struct row {
	void (*code)(void);
	uint64_t at, vector, error;
	const char *name;
	uint64_t tcg_vector, tcg_error;
};

extern const struct row table64[], table32[], table_paged[], table16[];
extern char user_cli[], user_hlt[], user_int[], user_load[], user_misaligned[], user_write[],
	user_in[], user_end[];
extern char step_1[], step_2[], step_3[], step_4[], step_5[], step_6[], step_end[];
void step_code(uint64_t mmio);

enum { ABSENT = 0x40000000, READONLY = 0x40400000, USER_STACK = 0x10000, PDES = 1024 };
enum { ABSENT_VECTOR = 0x81, CLOSED_VECTOR = 0x82, STEPS = 7 };
enum { TCG_GATE_ERROR = CLOSED_VECTOR * 16 + 2 }; /* see code.S */

static uint64_t steps[STEPS + 1];
static unsigned step_count;

static void call_row(uint64_t code)
{
	((void (*)(void))code)();
}

static bool is_double_fault(const struct row *r)
{
	return r->vector == VEC_DF;
}

static void check_outcome(const struct row *r, uint64_t vector, uint64_t error, uint64_t ip)
{
	if (!check_known(r->name, r->vector, vector, r->tcg_vector, "QEMU TCG"))
		return;
	if (vector != r->vector || vector == VEC_NONE)
		return;
	if (!check_known("  its error code", r->error, error, r->tcg_error, "QEMU TCG"))
		print("  (%s)\n", r->name);
	/* The saved IP of a #DF is undefined. */
	if (!is_double_fault(r) && !check_eq("  its saved IP", r->at, ip))
		print("  (%s)\n", r->name);
}

static void test_long_mode(void)
{
	uint64_t cr0 = read_cr0();
	uint8_t vector;

	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	trap_break_gate(ABSENT_VECTOR, SEL_CODE64, false);
	for (const struct row *r = table64; r->code; r++) {
		if (is_double_fault(r))
			trap_break_gate(VEC_GP, SEL_CODE64, false);
		vector = trap_run(call_row, (uint64_t)r->code);
		if (is_double_fault(r))
			trap_break_gate(VEC_GP, SEL_CODE64, true);
		write_cr0(cr0);
		check_outcome(r, vector, trap_last.frame.error, trap_last.frame.rip);
	}
	asm volatile("fninit");
}

static void read_page(uint64_t va)
{
	*(volatile uint8_t *)va;
}

static void write_page(uint64_t va)
{
	*(volatile uint8_t *)va = 1;
}

static void jump(uint64_t va)
{
	((void (*)(void))va)();
}

static void check_page_fault(const char *what, void (*fn)(uint64_t), uint64_t va, uint64_t error)
{
	if (!check_eq(what, VEC_PF, trap_run(fn, va)))
		return;
	check_eq("  its error code", error, trap_last.frame.error);
	check_eq("  CR2", va, trap_last.cr2);
}

static void test_page_faults(void)
{
	uint64_t va = PAGING_FREE_VA + 0x100000;
	uint8_t *page = page_alloc();

	page[0] = 0xc3; /* ret */
	page_map(va, 0, 0);
	check_page_fault("#PF, read of an absent page", read_page, va, 0);
	check_page_fault("#PF, write to an absent page", write_page, va, PF_W);
	page_map(va, (uint64_t)page, PTE_P);
	check_page_fault("#PF, write to a read-only page", write_page, va, PF_W | PF_P);
	if (rdmsr(MSR_EFER) & EFER_NXE) {
		page_map(va, (uint64_t)page, PTE_P | PTE_W | PTE_NX);
		check_page_fault("#PF, jump to a no-execute page", jump, va, PF_I | PF_P);
	}
	page_map(va, (uint64_t)page, PTE_P | PTE_W);
	check_eq("no #PF", VEC_NONE, trap_run(write_page, va));
	check_eq("no #PF by a jump", VEC_NONE, (page[0] = 0xc3, trap_run(jump, va)));
	page_map(va, (uint64_t)page | 1ull << 51, PTE_P | PTE_W);
	if (check_eq("#PF by a reserved bit", VEC_PF, trap_run(read_page, va)))
		check_known("  its error code", PF_RSVD | PF_P, trap_last.frame.error, PF_RSVD,
			    "QEMU TCG");
}

static uint64_t user_va(const char *code)
{
	return PAGING_FREE_VA + (uint64_t)(code - user_cli);
}

static void check_user(const char *what, const char *code, uint64_t flags, uint64_t vector,
		       uint64_t error)
{
	uint64_t got = trap_run_user(user_va(code), PAGING_FREE_VA + USER_STACK + 0x800,
				     RFLAGS_FIXED | flags);

	if (vector == VEC_AC && got == VEC_GP) {
		/* TCG checks no alignment, and goes on to the IN. */
		check_known(what, vector, got, VEC_GP, "QEMU TCG");
		return;
	}
	if (!check_eq(what, vector, got))
		return;
	check_known("  its error code", error, trap_last.frame.error, TCG_GATE_ERROR, "QEMU TCG");
	check_eq("  its saved IP", user_va(code), trap_last.frame.rip);
	check_eq("  its saved CS", SEL_USER_CODE64 | RPL3, trap_last.frame.cs);
}

static void test_user_mode(void)
{
	uint8_t *code = page_alloc(), *stack = page_alloc();
	uint64_t cr0 = read_cr0();

	memcpy(code, user_cli, (size_t)(user_end - user_cli));
	page_map(PAGING_FREE_VA, (uint64_t)code, PTE_P | PTE_U);
	page_map(PAGING_FREE_VA + USER_STACK, (uint64_t)stack, PTE_P | PTE_W | PTE_U);
	check_user("ring 3: CLI", user_cli, 0, VEC_GP, 0);
	check_user("ring 3: HLT", user_hlt, 0, VEC_GP, 0);
	check_user("ring 3: IN", user_in, 0, VEC_GP, 0);
	check_user("ring 3: INT through a closed gate", user_int, 0, VEC_GP, CLOSED_VECTOR * 8 + 2);
	write_cr0(cr0 | CR0_AM);
	check_user("ring 3: #AC", user_misaligned, RFLAGS_AC, VEC_AC, 0);
	write_cr0(cr0);
	page_map(PAGING_FREE_VA + USER_STACK, (uint64_t)stack, PTE_P | PTE_W);
	check_user("ring 3: #PF by a supervisor page", user_load, 0, VEC_PF, PF_U | PF_P);
	page_map(PAGING_FREE_VA + USER_STACK, 0, 0);
	check_user("ring 3: #PF by a write to an absent page", user_write, 0, VEC_PF, PF_U | PF_W);
}

static void note_step(struct trap_frame *f)
{
	if (step_count < STEPS)
		steps[step_count] = f->rip;
	if (++step_count >= STEPS)
		f->rflags &= ~RFLAGS_TF;
	check_eq("DR6.BS in a single step", DR6_BS, read_dr6() & DR6_BS);
	write_dr6(DR6_FIXED);
}

static void test_single_step(void)
{
	const char *expected[STEPS] = { step_1, step_2, step_3, step_4, step_5, step_6, step_end };

	trap_set_handler(VEC_DB, note_step);
	step_code(IOAPIC_BASE);
	trap_set_handler(VEC_DB, 0);
	for (unsigned i = 0; i < STEPS; i++)
		check_eq("single step over CPUID, IN, MMIO, MOV, RDMSR: IP", (uint64_t)expected[i],
			 steps[i]);
	check_eq("single steps", STEPS, step_count);
}

static void run_table32(const char *mode, const struct row *r, uint32_t cr0, uint32_t cr3,
			uint32_t cr4)
{
	uint8_t vector;
	bool first = true;

	for (; r->code; r++) {
		if (is_double_fault(r))
			mode_break_gate(VEC_GP);
		vector = mode_run32(r->code, cr0, cr3, cr4);
		if ((vector != r->vector || mode_result.error != r->error) && first) {
			print("in %s:\n", mode);
			first = false;
		}
		check_outcome(r, vector, mode_result.error, mode_result.ip);
		if (vector == VEC_PF)
			check_eq("  CR2", r->error == (PF_W | PF_P) ? READONLY : ABSENT,
				 mode_result.cr2);
	}
}

/* 4 MiB pages one to one, but for the two that the tests fault on. */
static uint32_t build_tables_32(void)
{
	uint32_t *pd = page_alloc();

	for (uint32_t i = 0; i < PDES; i++)
		pd[i] = i << 22 | PTE_P | PTE_W | PTE_PS;
	pd[ABSENT >> 22] = 0;
	pd[READONLY >> 22] &= ~(uint32_t)PTE_W;
	return (uint32_t)(uint64_t)pd;
}

/* The same with 2 MiB pages and PAE. */
static uint32_t build_tables_pae(void)
{
	uint64_t *pdpt = page_alloc();

	for (uint64_t g = 0; g < 4; g++) {
		uint64_t *pd = page_alloc();

		pdpt[g] = (uint64_t)pd | PTE_P;
		for (uint64_t i = 0; i < 512; i++)
			pd[i] = g << 30 | i << 21 | PTE_P | PTE_W | PTE_PS;
		if (g == ABSENT >> 30) {
			pd[ABSENT >> 21 & 511] = 0;
			pd[READONLY >> 21 & 511] &= ~PTE_W;
		}
	}
	return (uint32_t)(uint64_t)pdpt;
}

static void test_protected_modes(void)
{
	uint32_t cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP, paged = cr0 | (uint32_t)CR0_PG;
	uint32_t tables = build_tables_32(), pae = build_tables_pae();

	trap_set_tss_link(SEL_LIMIT4K);
	run_table32("protected mode", table32, cr0, 0, 0);
	run_table32("32-bit paging", table32, paged, tables, CR4_PSE);
	run_table32("32-bit paging", table_paged, paged, tables, CR4_PSE);
	run_table32("PAE paging", table32, paged, pae, CR4_PAE);
	run_table32("PAE paging", table_paged, paged, pae, CR4_PAE);
}

static void test_real_mode(void)
{
	for (const struct row *r = table16; r->code; r++) {
		uint8_t vector = mode_run16(r->code);

		check_outcome(r, vector, 0, mode_result.ip);
	}
}

void guest_main(void)
{
	test_long_mode();
	test_page_faults();
	test_user_mode();
	test_single_step();
	test_protected_modes();
	test_real_mode();
}

// SPDX-License-Identifier: MIT
/*
 * What hardware can do without a hypervisor must not exit: page faults, INVLPG, CR3, CR8, RDTSC, FS
 * and GS bases, SYSCALL. Where TSC ticks count instructions, each is held to a budget that no exit
 * fits in; elsewhere the guest only does them, and says so.
 */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/trap.h"

enum { BUDGET = 60, RUNS = 20, ABSENT = 0x10000 };

void cost_page_fault(void);
void cost_load(uint64_t va);
void cost_syscall(void);
void cost_syscall_entry(void);

static uint32_t overhead;
static volatile uint64_t *fresh_entry;
static uint64_t fresh_value;
static bool counted;

static inline uint32_t ticks(void)
{
	uint32_t lo;

	asm volatile("rdtsc" : "=a"(lo)::"edx", "memory");
	return lo;
}

#define COST(name, statement)                \
	static uint32_t cost_of_##name(void) \
	{                                    \
		uint32_t start = ticks();    \
		statement;                   \
		return ticks() - start;      \
	}

COST(nothing, )
COST(rdtsc, asm volatile("rdtsc" ::: "eax", "edx", "memory"))
COST(rdtscp, asm volatile("rdtscp" ::: "eax", "ecx", "edx", "memory"))
COST(invlpg, invlpg(PAGING_FREE_VA))
COST(cr3, write_cr3(read_cr3()))
COST(cr8, write_cr8(0))
COST(cr2, write_cr2(5))
COST(wp, write_cr0(read_cr0() & ~CR0_WP); write_cr0(read_cr0() | CR0_WP))
COST(clts, asm volatile("clts"))
COST(fs_base, wrmsr(MSR_FS_BASE, 0))
COST(gs_base, wrmsr(MSR_GS_BASE, 0))
COST(kernel_gs_base, wrmsr(MSR_KERNEL_GS_BASE, 0))
COST(swapgs, asm volatile("swapgs" ::: "memory"))
COST(lstar, wrmsr(MSR_LSTAR, (uint64_t)cost_syscall_entry))
COST(page_fault, cost_load(PAGING_FREE_VA + ABSENT))
COST(syscall, asm volatile("call cost_syscall" ::: "rcx", "r11", "memory"))
COST(ud, asm volatile("int3" ::: "memory"))
COST(pause, pause())
COST(map, *fresh_entry = fresh_value; invlpg(PAGING_FREE_VA);
     *(volatile uint8_t *)PAGING_FREE_VA = 1)

static const struct {
	const char *name;
	uint32_t (*cost)(void);
} costs[] = {
	{ "RDTSC", cost_of_rdtsc },
	{ "INVLPG", cost_of_invlpg },
	{ "MOV CR3", cost_of_cr3 },
	{ "MOV CR8", cost_of_cr8 },
	{ "MOV CR2", cost_of_cr2 },
	{ "CR0.WP toggled", cost_of_wp },
	{ "CLTS", cost_of_clts },
	{ "FS_BASE written", cost_of_fs_base },
	{ "GS_BASE written", cost_of_gs_base },
	{ "KERNEL_GS_BASE written", cost_of_kernel_gs_base },
	{ "LSTAR written", cost_of_lstar },
	{ "SWAPGS", cost_of_swapgs },
	{ "a page fault of its own", cost_of_page_fault },
	{ "a page mapped and touched", cost_of_map },
	{ "SYSCALL", cost_of_syscall },
	{ "INT3", cost_of_ud },
	{ "PAUSE", cost_of_pause },
};

static uint32_t least_of(uint32_t (*cost)(void))
{
	uint32_t least = ~0u, t;

	for (int i = 0; i < RUNS; i++) {
		t = cost();
		least = t < least ? t : least;
	}
	return least;
}

static void hold_to_budget(const char *name, uint32_t (*cost)(void))
{
	uint32_t t = least_of(cost) - overhead;

	if (!counted)
		return;
	print("%s %u\n", name, t);
	if (!check_range("instructions", 0, BUDGET, t))
		print("  (%s)\n", name);
}

/* Also the count of all together, as an average hides no exit now and then. */
static void hold_sum_to_budget(void)
{
	enum { TURNS = 1000 };
	uint32_t start = ticks();

	for (int i = 0; i < TURNS; i++) {
		cost_load(PAGING_FREE_VA + ABSENT);
		invlpg(PAGING_FREE_VA);
		write_cr3((uint64_t)paging_pml4);
		write_cr8(0);
	}
	start = ticks() - start;
	if (counted)
		check_range("instructions of 1000 × page fault, INVLPG, CR3, CR8", 0,
			    TURNS * BUDGET, start);
}

static void ignore(struct trap_frame *f)
{
	(void)f;
}

void guest_main(void)
{
	apic_init();
	fresh_value = (uint64_t)page_alloc() | PTE_P | PTE_W;
	fresh_entry = page_entry(PAGING_FREE_VA);
	*fresh_entry = fresh_value;
	page_map(PAGING_FREE_VA + ABSENT, 0, 0);
	trap_set_handler(VEC_BP, ignore);
	trap_set_stub(VEC_PF, cost_page_fault);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_STAR, (uint64_t)(SEL_USER_CODE32 | RPL3) << 48 | (uint64_t)SEL_CODE64 << 32);
	wrmsr(MSR_LSTAR, (uint64_t)cost_syscall_entry);
	overhead = least_of(cost_of_nothing);
	counted = test_counts_instructions();
	if (!counted)
		print("note: the TSC counts no instructions here: no budget is checked\n");
	for (unsigned i = 0; i < sizeof(costs) / sizeof(costs[0]); i++)
		hold_to_budget(costs[i].name, costs[i].cost);
	if (cpuid(0x80000001, 0).edx & 1u << 27)
		hold_to_budget("RDTSCP", cost_of_rdtscp);
	hold_sum_to_budget();
}

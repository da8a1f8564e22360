// SPDX-License-Identifier: MIT
/* Ways in which a machine cannot go on, each of which Plinth stops the guest for. */
#include "deaths.h"
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/mode.h"
#include "lib/paging.h"
#include "lib/trap.h"

#define HOLE	0xd0000000ull /* no memory, no device */
#define FAR_CR3 (1ull << 51)
#define SLOT(n) (0xffff000000000000ull | (uint64_t)(n) << 39) /* what paging_pml4[n] maps */

enum { SOME_SLOT = 300, IRQ = 0x55, TSS_LIMIT = 0x67, TSS_PRESENT = 0x89, TASK = 0x1200000 };

void death_triple(void)
{
	trap_load_idt(0, 0);
	asm volatile("ud2");
}

void death_nowhere(void)
{
	asm volatile("call *%0" ::"r"(HOLE));
}

void death_apic(void)
{
	asm volatile("call *%0" ::"r"(LAPIC_BASE));
}

void death_stack(void)
{
	asm volatile("mov %0, %%rsp; ud2" ::"r"(HOLE + 64) : "memory");
}

void death_irq_stack(void)
{
	apic_init();
	apic_send_self(IRQ);
	asm volatile("mov %0, %%rsp; sti; 1: mov %%eax, %%ecx; jmp 1b" ::"r"(HOLE + 64)
		     : "rcx", "memory");
}

void death_tables(void)
{
	paging_pml4[SOME_SLOT] = HOLE | PTE_P | PTE_W;
	*(volatile uint8_t *)SLOT(SOME_SLOT) = 1;
}

/* Plinth itself walks for the string's other operand. */
void death_walk(void)
{
	paging_pml4[SOME_SLOT] = LAPIC_BASE | PTE_P | PTE_W;
	asm volatile("rep movsb" ::"S"(SLOT(SOME_SLOT)), "D"(HOLE), "c"(8) : "memory");
}

void death_root(void)
{
	write_cr3(HOLE);
}

void death_idt(void)
{
	trap_load_idt((void *)HOLE, 0xfff);
	asm volatile("ud2");
}

/* The NMI's stack is one that the TSS tells. */
void death_tss(void)
{
	apic_init();
	start_gdt[SEL_TSS / 8] = TSS_LIMIT | (HOLE & 0xffffff) << 16 | (uint64_t)TSS_PRESENT << 40 |
				 (HOLE >> 24 & 0xff) << 56;
	start_gdt[SEL_TSS / 8 + 1] = HOLE >> 32;
	asm volatile("ltr %w0" ::"r"(SEL_TSS));
	apic_send_icr(ICR_NMI | ICR_ASSERT);
	asm volatile("nop; nop");
}

void death_fpu(void)
{
	asm volatile("fnsave (%0)" ::"r"(HOLE) : "memory");
}

void death_entry(void)
{
	write_cr3(FAR_CR3);
}

void death_task_32(void);

asm(".code32\n"
    "death_task_32: ljmp $0x58, $0\n"
    "ret\n"
    ".code64\n");

void death_task(void)
{
	start_gdt[SEL_NOT_PRESENT / 8] = TSS_LIMIT | ((uint64_t)TASK & 0xffffff) << 16 |
					 (uint64_t)TSS_PRESENT << 40 | (uint64_t)(TASK >> 24) << 56;
	mode_run32(death_task_32, CR0_PE | CR0_ET | CR0_NE, 0, 0);
}

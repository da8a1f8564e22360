// SPDX-License-Identifier: MIT
/*
 * What a PC may answer in many ways, and what Plinth may stop the VM for: code, page tables, stacks
 * and descriptor tables in places where there is no memory. One each start of the machine.
 */
#include "hostile.h"
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/mode.h"
#include "lib/paging.h"
#include "lib/reset.h"
#include "lib/test.h"
#include "lib/trap.h"

#define HOLE 0xd0000000ull
#define FAR  0x8000000000ull /* 512 GiB: beyond RAM, within what the CPU addresses */

enum { NAME = 'h' };

static void jump_to(uint64_t at)
{
	asm volatile("call *%0" ::"r"(at) : "memory");
}

static void run_at(uint64_t at)
{
	trap_run(jump_to, at);
}

static void stack_at(uint64_t at)
{
	asm volatile("mov %%rsp, %%rbx; mov %0, %%rsp; ud2; mov %%rbx, %%rsp" ::"r"(at)
		     : "rbx", "memory");
}

static void irq_stack_at(uint64_t at)
{
	apic_send_self(0x55);
	asm volatile("mov %%rsp, %%rbx; mov %0, %%rsp; sti; 1: mov %%eax, %%ecx; jmp 1b" ::"r"(at)
		     : "rbx", "rcx", "memory");
}

static void table_in(uint64_t pa)
{
	paging_pml4[300] = pa | PTE_P | PTE_W;
	*(volatile uint8_t *)(0xffff000000000000ull | 300ull << 39) = 1;
}

static void walk_device(uint64_t pa)
{
	/* An exit that Plinth walks for: the string's other operand. */
	paging_pml4[301] = pa | PTE_P | PTE_W;
	asm volatile("rep movsb" ::"S"(0xffff000000000000ull | 301ull << 39), "D"(HOLE), "c"(8)
		     : "memory");
}

static void io_by_device_tables(uint64_t pa)
{
	paging_pml4[302] = pa | PTE_P | PTE_W;
	asm volatile("rep outsb" ::"S"(0xffff000000000000ull | 302ull << 39), "d"(0x80), "c"(8)
		     : "memory");
}

static void cr3_at(uint64_t pa)
{
	write_cr3(pa);
}

static void idt_at(uint64_t pa)
{
	trap_load_idt((void *)pa, 0xfff);
	asm volatile("ud2");
}

static void gdt_at(uint64_t pa)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) to = { 0xffff, pa };

	asm volatile("lgdt %0; mov %1, %%ds" ::"m"(to), "r"(SEL_DATA));
}

static void tss_at(uint64_t pa)
{
	start_gdt[SEL_TSS / 8] =
		0x67 | (pa & 0xffffff) << 16 | 0x89ull << 40 | (pa >> 24 & 0xff) << 56;
	start_gdt[SEL_TSS / 8 + 1] = pa >> 32;
	asm volatile("ltr %w0" ::"r"(SEL_TSS));
	apic_send_icr(ICR_NMI | ICR_ASSERT); /* whose stack the TSS tells */
	asm volatile("nop; nop");
}

static void end_of_ram(uint64_t pa)
{
	uint8_t *code = (uint8_t *)pa - 3;

	memset(code, 0x90, 3);
	jump_to((uint64_t)code);
}

static void exit_at_end_of_ram(uint64_t pa)
{
	uint8_t *code = (uint8_t *)pa - 2;

	code[0] = 0x0f;
	code[1] = 0xa2; /* CPUID, then nothing */
	jump_to((uint64_t)code);
}

static void half_at_end_of_ram(uint64_t pa)
{
	uint8_t *code = (uint8_t *)pa - 1;

	code[0] = 0xe4; /* IN AL, imm8 whose immediate is not there */
	jump_to((uint64_t)code);
}

static void fpu_at(uint64_t pa)
{
	asm volatile("fnsave (%0)" ::"r"(pa) : "memory");
}

static void sse_at(uint64_t pa)
{
	write_cr4(read_cr4() | CR4_OSFXSR);
	asm volatile("movups (%0), %%xmm0" ::"r"(pa) : "memory");
}

static void cmpxchg16_at(uint64_t pa)
{
	asm volatile("lock cmpxchg16b (%0)" ::"r"(pa) : "memory", "rax", "rdx", "cc");
}

void task_32(void);

static void task_switch(uint64_t unused)
{
	(void)unused;
	start_gdt[SEL_NOT_PRESENT / 8] =
		0x67ull | (0x1200000ull & 0xffffff) << 16 | 0x89ull << 40 | 0x01ull << 56;
	mode_run32(task_32, CR0_PE | CR0_ET | CR0_NE, 0, 0);
}

asm(".code32\n"
    "task_32: ljmp $0x58, $0\n"
    "ret\n"
    ".code64\n");

static void init_self(uint64_t mode)
{
	apic_send_icr((uint32_t)mode | ICR_ASSERT);
	for (;;)
		pause();
}

static const struct {
	void (*run)(uint64_t arg);
	uint64_t arg;
} fatals[] = {
	{ run_at, HOLE },
	{ run_at, LAPIC_BASE },
	{ run_at, IOAPIC_BASE },
	{ run_at, RAM_END },
	{ run_at, 0xa0000 },
	{ run_at, 0xc0000 },
	{ stack_at, HOLE + 64 },
	{ stack_at, LAPIC_BASE + 0x100 },
	{ irq_stack_at, HOLE + 64 },
	{ irq_stack_at, LAPIC_BASE + 0x100 },
	{ table_in, HOLE },
	{ table_in, LAPIC_BASE },
	{ table_in, FAR },
	{ walk_device, HOLE },
	{ walk_device, LAPIC_BASE },
	{ io_by_device_tables, HOLE },
	{ cr3_at, HOLE },
	{ cr3_at, LAPIC_BASE },
	{ cr3_at, FAR },
	{ cr3_at, 0xc0000 },
	{ idt_at, HOLE },
	{ idt_at, LAPIC_BASE },
	{ idt_at, 0xc0000 },
	{ gdt_at, HOLE },
	{ gdt_at, LAPIC_BASE },
	{ tss_at, HOLE },
	{ tss_at, LAPIC_BASE },
	{ end_of_ram, RAM_END },
	{ exit_at_end_of_ram, RAM_END },
	{ half_at_end_of_ram, RAM_END },
	{ fpu_at, HOLE },
	{ fpu_at, LAPIC_BASE },
	{ sse_at, HOLE },
	{ cmpxchg16_at, HOLE },
	{ cmpxchg16_at, LAPIC_BASE },
	{ task_switch, 0 },
	{ init_self, ICR_INIT },
};

/* A reset is an answer, too: the second start says that it came. */
void fatal_run(unsigned kind)
{
	enum { FATALS = sizeof(fatals) / sizeof(fatals[0]) };

	if (kind > FATALS || reset_count(NAME)) {
		print("fatal %u: %s\n", kind,
		      kind > FATALS ? "there is none" : "the machine restarted");
		reset_forget();
		return;
	}
	reset_note(NAME);
	print("fatal %u\n", kind);
	trap_run(fatals[kind - 1].run, fatals[kind - 1].arg);
	state_restore();
	print("fatal %u: nothing happened\n", kind);
	reset_forget();
}

/* Each in its turn, as a round like others. */
void round_fatal(void)
{
	enum { FATALS = sizeof(fatals) / sizeof(fatals[0]) };
	unsigned kind = round_part % FATALS;

	print("fatal %u\n", kind + 1);
	trap_run(fatals[kind].run, fatals[kind].arg);
}

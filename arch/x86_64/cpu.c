/* SPDX-License-Identifier: MIT */
/* A CPU's descriptor tables, and the protections that all CPUs switch on. */
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"

struct cpu *cpus[CPUS_MAX];
unsigned cpu_count;

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} packed;

/* 64-bit code, and data, both flat, DPL 0, accessed (SDM 3, "Segment Descriptors"). */
static const uint64_t descriptor_code = 0x00af9b000000ffff;
static const uint64_t descriptor_data = 0x00cf93000000ffff;

enum { TSS_TYPE_AVAILABLE = 0x9, DESCRIPTOR_PRESENT = 1 << 7 };

static void put_tss(uint64_t *entry, const struct tss *tss)
{
	uint64_t base = (uint64_t)tss, limit = sizeof(*tss) - 1;

	entry[0] = limit | (base & 0xffffff) << 16 |
		   (uint64_t)(TSS_TYPE_AVAILABLE | DESCRIPTOR_PRESENT) << 40 |
		   (base >> 24 & 0xff) << 56;
	entry[1] = base >> 32;
}

void cpu_load_tables(struct cpu *c)
{
	struct table_pointer gdt = { sizeof(c->gdt) - 1, (uint64_t)c->gdt };

	c->self = c;
	c->gdt[SELECTOR_CODE / 8] = descriptor_code;
	c->gdt[SELECTOR_DATA / 8] = descriptor_data;
	c->tss.io_map_base = sizeof(c->tss);
	put_tss(&c->gdt[SELECTOR_TSS / 8], &c->tss);
	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmovl %k2, %%ds\n\t"
			 "movl %k2, %%es\n\t"
			 "movl %k2, %%ss\n\t"
			 "movl %k3, %%fs\n\t"
			 "movl %k3, %%gs\n\t"
			 "ltr %w4"
			 :
			 : "m"(gdt), "i"(SELECTOR_CODE), "r"(SELECTOR_DATA), "r"(0),
			   "r"(SELECTOR_TSS)
			 : "rax", "memory");
	wrmsr(MSR_GS_BASE, (uint64_t)c);
}

enum { CPUID7_EBX_SMEP = 1 << 7, CPUID7_EBX_SMAP = 1 << 20, CPUID7_ECX_UMIP = 1 << 2 };

void cpu_harden(void)
{
	uint64_t cr4 = read_cr4() | CR4_PGE | CR4_DE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	struct cpuid_regs leaf7 = { 0 };

	if (cpuid(0, 0).eax >= 7)
		leaf7 = cpuid(7, 0);
	if (leaf7.ebx & CPUID7_EBX_SMEP)
		cr4 |= CR4_SMEP;
	if (leaf7.ebx & CPUID7_EBX_SMAP)
		cr4 |= CR4_SMAP;
	if (leaf7.ecx & CPUID7_ECX_UMIP)
		cr4 |= CR4_UMIP;
	write_cr4(cr4);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	/* FPU instructions of a guest's state must not trap: the host itself has none. */
	write_cr0((read_cr0() | CR0_WP | CR0_MP | CR0_NE) & ~(CR0_EM | CR0_TS));
}

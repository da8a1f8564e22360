// SPDX-License-Identifier: MIT
/* The IDT, the TSS, and the one handler behind all 256 stubs of trap_entry.S. */
#include "trap.h"
#include "cpu.h"
#include "test.h"

enum { IST_DF = 1, IST_NMI = 2, GATE_INTERRUPT = 0x8e, GATE_DPL3 = 0x60 };

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_mid;
	uint32_t offset_high, zero;
};
_Static_assert(sizeof(struct gate) == 16, "SDM Vol. 3, 64-Bit Mode IDT");

struct tss {
	uint32_t zero0;
	uint64_t rsp[3], zero1, ist[7], zero2;
	uint16_t zero3, iomap;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "SDM Vol. 3, 64-Bit TSS Format");

struct trap_info trap_last;
volatile uint32_t trap_count[256];
static trap_handler handlers[256];
static struct gate idt[256] __attribute__((aligned(16)));
static struct tss tss __attribute__((aligned(16)));
static uint8_t stacks[3][TRAP_STACK] __attribute__((aligned(16)));

static void load_tss(uint64_t *gdt, struct tss *t, uint8_t (*stack)[TRAP_STACK])
{
	uint64_t base = (uint64_t)t;
	uint64_t *desc = &gdt[SEL_TSS / 8];

	for (int i = 0; i < 3; i++)
		t->rsp[i] = (uint64_t)stack[0] + TRAP_STACK;
	t->ist[IST_DF - 1] = (uint64_t)stack[1] + TRAP_STACK;
	t->ist[IST_NMI - 1] = (uint64_t)stack[2] + TRAP_STACK;
	t->iomap = sizeof(*t);
	/* present, 64-bit TSS, available */
	desc[0] = (sizeof(*t) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
		  (base >> 24 & 0xff) << 56;
	desc[1] = base >> 32;
	asm volatile("ltr %w0" ::"r"(SEL_TSS));
}

static void set_gate(uint8_t v, uint64_t at)
{
	idt[v] = (struct gate){ .offset_low = (uint16_t)at,
				.offset_mid = (uint16_t)(at >> 16),
				.offset_high = (uint32_t)(at >> 32),
				.selector = SEL_CODE64,
				.type = GATE_INTERRUPT };
}

void trap_set_tss_link(uint16_t selector)
{
	tss.zero0 = selector;
}

void trap_set_stub(uint8_t vector, void (*stub)(void))
{
	set_gate(vector, (uint64_t)stub);
}

void trap_init(void)
{
	for (int v = 0; v < 256; v++)
		set_gate((uint8_t)v, trap_stubs[v]);
	idt[VEC_DF].ist = IST_DF;
	idt[VEC_NMI].ist = IST_NMI;
	load_tss(start_gdt, &tss, stacks);
	trap_load_idt(idt, sizeof(idt) - 1);
}

void trap_init_cpu(struct trap_cpu *c)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) gdtr = { sizeof(c->gdt) - 1, (uint64_t)c->gdt };

	memcpy(c->gdt, start_gdt, sizeof(c->gdt));
	asm volatile("lgdt %0" ::"m"(gdtr));
	load_tss(c->gdt, (struct tss *)c->tss, c->stacks);
	trap_load_idt(idt, sizeof(idt) - 1);
}

void trap_set_handler(uint8_t vector, trap_handler handler)
{
	handlers[vector] = handler;
}

void trap_open_gate(uint8_t vector)
{
	idt[vector].type |= GATE_DPL3;
}

void trap_break_gate(uint8_t vector, uint16_t selector, bool present)
{
	idt[vector].selector = selector;
	idt[vector].type = present ? GATE_INTERRUPT : GATE_INTERRUPT & 0x7f;
}

static void fail_unexpected(const struct trap_frame *f)
{
	print("unexpected exception: rip 0x%lx rsp 0x%lx cr2 0x%lx rflags 0x%lx cs 0x%lx\n", f->rip,
	      f->rsp, read_cr2(), f->rflags, f->cs);
	check_eq("exception that nobody expects: (error code << 8) + vector", VEC_NONE,
		 f->error << 8 | f->vector);
	test_end();
}

void trap_handle(struct trap_frame *f)
{
	trap_count[f->vector]++;
	if (handlers[f->vector]) {
		handlers[f->vector](f);
		return;
	}
	if (f->vector >= 32 && (f->cs & 3) == 0)
		return;
	if (!trap_rsp)
		fail_unexpected(f);
	trap_last = (struct trap_info){ .frame = *f, .cr2 = read_cr2(), .dr6 = read_dr6() };
	f->rip = (uint64_t)trap_resume;
	f->rsp = trap_rsp;
	f->cs = SEL_CODE64;
	f->ss = SEL_DATA;
	f->rflags = RFLAGS_FIXED;
	f->rax = f->vector;
}

uint8_t trap_run(void (*fn)(uint64_t arg), uint64_t arg)
{
	trap_last = (struct trap_info){ .frame.vector = VEC_NONE };
	return trap_enter(fn, arg);
}

uint8_t trap_run_user(uint64_t rip, uint64_t rsp, uint64_t rflags)
{
	trap_last = (struct trap_info){ .frame.vector = VEC_NONE };
	return trap_enter_user(rip, rsp, rflags);
}

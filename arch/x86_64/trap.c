/* SPDX-License-Identifier: MIT */
/*
 * The IDT, and what an exception in Plinth itself says before it stops: there is none that Plinth
 * expects but those whose address stands in the fix-up table (rdmsr_safe() and its like).
 */
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/fixup.h"
#include "arch/x86_64/trap.h"
#include "lib/panic.h"
#include "lib/printf.h"

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_mid;
	uint32_t offset_high, reserved;
} packed;

_Static_assert(sizeof(struct gate) == 16, "a 64-bit gate is 16 bytes");

enum { GATE_INTERRUPT = 0x8e /* present, DPL 0, 64-bit interrupt gate */ };

static struct gate idt[VECTORS];

extern const char trap_stubs[];
enum { STUB_SIZE = 16 };

static const char *const names[] = {
	[VEC_DE] = "divide error (#DE)",
	[VEC_DB] = "debug exception (#DB)",
	[VEC_NMI] = "NMI",
	[VEC_BP] = "breakpoint (#BP)",
	[VEC_OF] = "overflow (#OF)",
	[VEC_BR] = "BOUND range exceeded (#BR)",
	[VEC_UD] = "invalid opcode (#UD)",
	[VEC_NM] = "no FPU (#NM)",
	[VEC_DF] = "double fault (#DF)",
	[VEC_TS] = "invalid TSS (#TS)",
	[VEC_NP] = "segment not present (#NP)",
	[VEC_SS] = "stack segment fault (#SS)",
	[VEC_GP] = "general protection (#GP)",
	[VEC_PF] = "page fault (#PF)",
	[VEC_MF] = "x87 error (#MF)",
	[VEC_AC] = "alignment check (#AC)",
	[VEC_MC] = "machine check (#MC)",
	[VEC_XM] = "SIMD error (#XM)",
	[VEC_VE] = "virtualization exception (#VE)",
	[VEC_CP] = "control protection (#CP)",
};

static void set_gate(unsigned vector, unsigned ist)
{
	uint64_t to = (uint64_t)(trap_stubs + vector * STUB_SIZE);

	idt[vector] = (struct gate){
		.offset_low = (uint16_t)to,
		.selector = SELECTOR_CODE,
		.ist = (uint8_t)ist,
		.type = GATE_INTERRUPT,
		.offset_mid = (uint16_t)(to >> 16),
		.offset_high = (uint32_t)(to >> 32),
	};
}

void trap_init(void)
{
	for (unsigned v = 0; v < VECTORS; v++)
		set_gate(v, IST_NONE);
	set_gate(VEC_NMI, IST_NMI);
	set_gate(VEC_DF, IST_DF);
	set_gate(VEC_MC, IST_MC);
	trap_load();
}

void trap_load(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} packed pointer = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lidt %0" : : "m"(pointer));
}

static void describe_page_fault(const struct trap_frame *f, char *text, size_t size)
{
	const char *what = f->error & PF_I   ? "execution at"
			   : f->error & PF_W ? "write to"
					     : "read of";
	const char *why = f->error & PF_RSVD ? "reserved bits set in the tables"
			  : f->error & PF_P  ? "not allowed by the page's permissions"
					     : "nothing is mapped there";

	fmt_print(text, size, "page fault (#PF): %s %#018lx: %s", what, read_cr2(), why);
}

void trap_describe(const struct trap_frame *f, char *text, size_t size)
{
	const char *name = f->vector < ARRAY_SIZE(names) ? names[f->vector] : NULL;

	if (f->vector == VEC_PF)
		describe_page_fault(f, text, size);
	else if (f->vector == VEC_GP && f->error)
		fmt_print(text, size, "%s, selector %#lx", name, f->error);
	else
		fmt_print(text, size, "%s", name ? name : "reserved exception");
}

void trap_handle(struct trap_frame *f)
{
	if (f->vector >= VECTOR_FIRST_IRQ) {
		irq_dispatch((unsigned)f->vector);
		return;
	}
	if (f->vector == VEC_NMI) {
		trap_nmi(f);
		return;
	}
	if (fixup_apply(f))
		return;
	panic_trap(f);
}

/* SPDX-License-Identifier: MIT */
/*
 * The end: what happened, the registers, how we came there. Other CPUs are stopped by NMI first, so
 * that they neither go on nor write between the lines.
 */
#include "lib/panic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/lapic.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/trap.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/space.h"
#include "core/symbols.h"
#include "lib/printf.h"

enum { PANIC_LINE = 400, BACKTRACE_DEPTH = 24, BACKTRACE_WORDS = 2048 };

static uint32_t panicking; /* set by the first CPU that panics */
static void (*end)(void);

void panic_set_end(void (*function)(void))
{
	end = function;
}

static _Noreturn void stop(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

/*
 * The length of a call instruction that ends at ret, and for a direct one its target; 0: there is
 * none.
 */
static unsigned call_before(uint64_t ret, uint64_t *target)
{
	const uint8_t *b = (const uint8_t *)ret;
	enum { CALL_REL32 = 0xe8, GROUP5 = 0xff, GROUP5_CALL = 2 };

	*target = 0;
	if (b[-5] == CALL_REL32) {
		*target = ret + (uint64_t)(int64_t) * (const int32_t *)(b - 4);
		if (symbol_is_text(*target))
			return 5;
	}
	/* FF /2 with no SIB: register, memory, disp8, disp32. */
	for (unsigned n = 2; n <= 7; n++)
		if (b[-(int)n] == GROUP5 && (b[1 - (int)n] >> 3 & 7) == GROUP5_CALL)
			return n;
	return 0;
}

static void print_frame(unsigned n, uint64_t addr)
{
	uint64_t offset = 0;
	const char *name = symbol_find(addr, &offset);

	log_error("  #%-2u %#018lx %s+%#lx", n, addr, name ? name : "?", offset);
}

/*
 * Plinth keeps no frame pointers: every word on the stack that points behind a call instruction is
 * a candidate, and it counts when that call led to the function below (or was an indirect one).
 */
static void backtrace(uint64_t rip, uint64_t rsp)
{
	unsigned depth = 0;
	uint64_t inner = symbol_start(rip);

	log_error("backtrace:");
	print_frame(depth++, rip);
	/* A stack that has overflowed begins above its guard. */
	if (stack_is_guard(rsp))
		rsp = ALIGN_UP(rsp, STACK_SIZE);
	for (unsigned i = 0; i < BACKTRACE_WORDS && depth < BACKTRACE_DEPTH; i++, rsp += 8) {
		uint64_t word, target;

		if (rsp % STACK_SLOT == 0 && rsp >= STACK_BASE)
			break; /* the top of the stack */
		word = *(const uint64_t *)rsp;
		if (!symbol_is_text(word) || !symbol_is_text(word - 8) ||
		    !call_before(word, &target))
			continue;
		if (target && inner && target != inner)
			continue;
		print_frame(depth++, word - 1);
		inner = symbol_start(word - 1);
	}
}

static void print_registers(const struct trap_frame *f)
{
	log_error("rax %016lx rbx %016lx rcx %016lx rdx %016lx", f->rax, f->rbx, f->rcx, f->rdx);
	log_error("rsi %016lx rdi %016lx rbp %016lx rsp %016lx", f->rsi, f->rdi, f->rbp, f->rsp);
	log_error("r8  %016lx r9  %016lx r10 %016lx r11 %016lx", f->r8, f->r9, f->r10, f->r11);
	log_error("r12 %016lx r13 %016lx r14 %016lx r15 %016lx", f->r12, f->r13, f->r14, f->r15);
	log_error("rip %016lx rflags %08lx cs %#lx ss %#lx error %#lx", f->rip, f->rflags, f->cs,
		  f->ss, f->error);
	log_error("cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx", read_cr0(), read_cr2(), read_cr3(),
		  read_cr4());
}

/* The first CPU goes on to print; a second panic, or a panic in the panic, stops quietly. */
static void enter(const char *what)
{
	irq_disable();
	if (__atomic_exchange_n(&panicking, 1, __ATOMIC_SEQ_CST))
		stop();
	if (cpu_count > 1)
		lapic_nmi_all_but_self();
	log_enter_panic();
	log_error("PANIC: %s", what);
}

static _Noreturn void finish(void)
{
	log_error("Plinth has stopped. Please report the lines above.");
	if (end)
		end();
	stop();
}

void panic_trap(const struct trap_frame *f)
{
	char text[PANIC_LINE];

	trap_describe(f, text, sizeof(text));
	enter(text);
	if (f->vector == VEC_DF && stack_is_guard(read_cr2()))
		log_error("the stack has overflowed into its guard page");
	log_error("on CPU %u", cpu_count ? this_cpu()->id : 0);
	print_registers(f);
	backtrace(f->rip, f->rsp);
	finish();
}

void panic(const char *fmt, ...)
{
	char text[PANIC_LINE];
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	enter(text);
	backtrace((uint64_t)__builtin_return_address(0), (uint64_t)__builtin_frame_address(0));
	finish();
}

void trap_nmi(const struct trap_frame *f)
{
	if (__atomic_load_n(&panicking, __ATOMIC_SEQ_CST))
		stop();
	/* No lock may be taken here, so the log has to wait: sched_idle() tells. */
	(void)f;
	this_cpu()->nmis++;
}

void __stack_chk_fail(void);
extern uint64_t __stack_chk_guard;
uint64_t __stack_chk_guard;

void panic_set_canary(unsigned long value)
{
	__stack_chk_guard = value;
}

void __stack_chk_fail(void)
{
	panic("a function's stack frame has been overwritten (stack protector)");
}

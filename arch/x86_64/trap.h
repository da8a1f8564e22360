/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts of the host. */
#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

#include "lib/types.h"

enum { VECTORS = 256, VECTOR_FIRST_IRQ = 0x20 };

/* As entry.S leaves it on the stack. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/*
 * Called from entry.S: exceptions in trap.c; interrupts in core/irq.c, which arch/ may not include.
 */
void trap_handle(struct trap_frame *f);
void irq_dispatch(unsigned vector);
/*
 * An NMI: a request to stop from a panicking CPU, or hardware's; and an exception of our own.
 * core/panic.c
 */
void trap_nmi(const struct trap_frame *f);
_Noreturn void panic_trap(const struct trap_frame *f);

/* Fills the IDT and loads it; trap_load(): on a further CPU. */
void trap_init(void);
void trap_load(void);

/* Fills text with what an exception was, in words. */
void trap_describe(const struct trap_frame *f, char *text, size_t size);

/* Lets pending interrupts in, once: the only place but the idle loop where they are on. */
static inline void irq_window(void)
{
	__asm__ volatile("sti; nop; cli" : : : "memory");
}

/* Halts until the next interrupt, and takes it. STI's shadow closes the gap before HLT. */
static inline void irq_wait(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

#endif

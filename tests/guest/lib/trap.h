/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts of the guest. An exception inside trap_run() ends the function that is
 * run and is told in `trap_last`; anywhere else it fails the test, unless a handler is set.
 */
#ifndef GUEST_TRAP_H
#define GUEST_TRAP_H

#include <stdbool.h>
#include <stdint.h>

#include "hw.h"

enum { TRAP_STACK = 8192 };

struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* What the last trap_run() met; frame.vector is VEC_NONE when nothing. */
struct trap_info {
	struct trap_frame frame;
	uint64_t cr2, dr6;
};

extern struct trap_info trap_last;
/* How often each vector was taken, whoever handled it. */
extern volatile uint32_t trap_count[256];

typedef void (*trap_handler)(struct trap_frame *f);

/* A CPU's own descriptor tables and stacks for exceptions. */
struct trap_cpu {
	uint64_t gdt[SEL_BYTES / 8];
	uint8_t tss[112], stacks[3][TRAP_STACK];
} __attribute__((aligned(16)));

/* What trap_init() does, for another CPU than the first, with the same IDT. */
void trap_init_cpu(struct trap_cpu *c);
/* GDT's TSS, IDT with all 256 vectors; #DF and NMI have stacks of their own. */
void trap_init(void);
/* 0 takes the handler away. Interrupts (32 up) without one are counted only, and get no EOI. */
void trap_set_handler(uint8_t vector, trap_handler handler);
/* Points the gate at bare code, for what must be lean or must look at the frame itself. */
void trap_set_stub(uint8_t vector, void (*stub)(void));
/* Makes the gate open to ring 3. */
void trap_open_gate(uint8_t vector);
/* Replaces the gate's selector, or takes its present bit; for tests of broken handlers. */
void trap_break_gate(uint8_t vector, uint16_t selector, bool present);

/* The previous-task link of the TSS, which is a 32-bit TSS to the CPU in 32-bit modes. */
void trap_set_tss_link(uint16_t selector);

/* Runs fn(arg), and gives the vector of the exception that it raised, or VEC_NONE. */
uint8_t trap_run(void (*fn)(uint64_t arg), uint64_t arg);
/* Enters ring 3 at a 64-bit address with a stack; ends by any exception or a gate's interrupt. */
uint8_t trap_run_user(uint64_t rip, uint64_t rsp, uint64_t rflags);

/* From trap_entry.S */
extern const uint64_t trap_stubs[256];
extern uint64_t trap_rsp;
extern char trap_resume[];
uint8_t trap_enter(void (*fn)(uint64_t arg), uint64_t arg);
void trap_load_idt(const void *base, uint16_t limit);
void trap_handle(struct trap_frame *f);
uint8_t trap_enter_user(uint64_t rip, uint64_t rsp, uint64_t rflags);

/* From start.S */
extern uint64_t start_gdt[];

#endif

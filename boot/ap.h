/* SPDX-License-Identifier: MIT */
/* What smp.c and ap.S agree on. */
#ifndef BOOT_AP_H
#define BOOT_AP_H

#define AP_TICKET_CR3	0
#define AP_TICKET_STACK 8
#define AP_TICKET_CPU	16

#ifndef __ASSEMBLER__
#include "lib/types.h"

struct cpu;

struct ap_ticket {
	uint64_t cr3;
	void *stack;
	struct cpu *cpu;
};

_Static_assert(offsetof(struct ap_ticket, cr3) == AP_TICKET_CR3, "ap.S goes by these");
_Static_assert(offsetof(struct ap_ticket, stack) == AP_TICKET_STACK, "ap.S goes by these");
_Static_assert(offsetof(struct ap_ticket, cpu) == AP_TICKET_CPU, "ap.S goes by these");

/* The code that is copied below 1 MiB. */
extern const char ap_begin[], ap_end[];
/* For the CPU that is being started: it takes it away by exchange with NULL. */
extern struct ap_ticket *ap_ticket;

_Noreturn void ap_main(struct cpu *c);
#endif

#endif

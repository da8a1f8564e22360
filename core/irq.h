/* SPDX-License-Identifier: MIT */
/* Who handles which interrupt vector of the host. */
#ifndef CORE_IRQ_H
#define CORE_IRQ_H

#include "lib/types.h"

/* The LAPIC's own vectors, fixed; those of devices are given out below them. */
enum {
	IRQ_VECTOR_TIMER = 0xf0,
	IRQ_VECTOR_WAKE = 0xf1,
	IRQ_VECTOR_ERROR = 0xfe,
	IRQ_VECTOR_SPURIOUS = 0xff
};

/*
 * handler runs with interrupts off, on the interrupted stack; the EOI follows it. A vector, or
 * -ENOSPC.
 */
must_check int irq_vector_alloc(const char *name, void (*handler)(void *arg), void *arg);
/* For the fixed vectors. */
void irq_vector_set(unsigned vector, const char *name, void (*handler)(void *arg), void *arg);

/* At boot: claims the vector of irq_kick(). */
void irq_init(void);
/* Makes another CPU come out of its guest or its HLT soon; nothing for the CPU that calls. */
struct cpu;
void irq_kick(struct cpu *c);

#endif

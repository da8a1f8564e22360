/* SPDX-License-Identifier: MIT */
/* The table of handlers, and the one way in from entry.S. */
#include "core/irq.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/lapic.h"
#include "arch/x86_64/trap.h"
#include "core/space.h"
#include "lib/errno.h"
#include "lib/log.h"

enum { DEVICE_FIRST = 0x30, DEVICE_LAST = 0xef };

struct handler {
	const char *name;
	void (*handle)(void *arg);
	void *arg;
};

static struct handler handlers[VECTORS];
static uint64_t unclaimed;

void irq_vector_set(unsigned vector, const char *name, void (*handle)(void *arg), void *arg)
{
	handlers[vector] = (struct handler){ .name = name, .handle = handle, .arg = arg };
}

int irq_vector_alloc(const char *name, void (*handle)(void *arg), void *arg)
{
	/*
	 * From above: a higher vector is a higher priority, and device interrupts wait behind none.
	 */
	for (unsigned v = DEVICE_LAST; v >= DEVICE_FIRST; v--) {
		if (handlers[v].handle)
			continue;
		irq_vector_set(v, name, handle, arg);
		return (int)v;
	}
	return -ENOSPC;
}

/* The interrupt itself is nearly all that is wanted. */
static void kicked(void *arg)
{
	(void)arg;
	space_sync();
}

void irq_kick(struct cpu *c)
{
	if (c != this_cpu())
		lapic_ipi(c->apic_id, IRQ_VECTOR_WAKE);
}

void irq_init(void)
{
	irq_vector_set(IRQ_VECTOR_WAKE, "kick", kicked, NULL);
}

void irq_dispatch(unsigned vector)
{
	struct handler *h = &handlers[vector];

	this_cpu()->irqs++;
	if (vector == IRQ_VECTOR_SPURIOUS)
		return; /* no EOI: nothing is in service (SDM 3, "Spurious Interrupt") */
	if (h->handle) {
		h->handle(h->arg);
	} else if (unclaimed++ == 0) {
		log_warn("irq: vector %#x came and nobody claims it; further ones are only counted",
			 vector);
	}
	lapic_eoi();
}

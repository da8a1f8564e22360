// SPDX-License-Identifier: MIT
/* An NMI sent to oneself is taken once, past IF, and holds back the next until IRET. */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

static volatile unsigned depth, deepest, entered;
static volatile bool send_another;
static volatile uint64_t flags_seen;

static void send_nmi(void)
{
	apic_send_icr(ICR_NMI | ICR_ASSERT);
}

static void wait(void)
{
	time_wait_us(200);
}

static void take(struct trap_frame *f)
{
	entered++;
	depth++;
	deepest = depth > deepest ? depth : deepest;
	flags_seen = f->rflags;
	if (send_another) {
		send_another = false;
		send_nmi();
		send_nmi(); /* only one can be pending */
		cpuid(0, 0);
		inb(PORT_61);
		wait();
	}
	depth--;
}

static void run(bool another)
{
	depth = deepest = entered = 0;
	send_another = another;
	send_nmi();
	wait();
}

void guest_main(void)
{
	apic_init();
	time_tsc_per_ms();
	trap_set_handler(VEC_NMI, take);
	run(false);
	check_eq("NMIs taken with interrupts off", 1, entered);
	check_eq("IF in the saved flags", 0, flags_seen & RFLAGS_IF);
	irq_enable();
	run(false);
	irq_disable();
	check_eq("NMIs taken with interrupts on", 1, entered);
	check_eq("IF in the saved flags", RFLAGS_IF, flags_seen & RFLAGS_IF);
	run(true);
	check_eq("an NMI in the handler waits for IRET", 1, deepest);
	check_eq("and then comes, two as one", 2, entered);
	run(false);
	check_eq("NMIs after that", 1, entered);
	apic_write(LAPIC_LVT_LINT1, LVT_NMI);
	check_eq("LINT1 as NMI reads back", LVT_NMI, apic_read(LAPIC_LVT_LINT1));
}

/* SPDX-License-Identifier: MIT */
/*
 * Plinth's code runs with interrupts off: what takes long in it makes others wait. A timer's
 * interrupt that comes in late tells how long, and costs an exit nothing.
 */
#include "core/delay.h"
#include "core/thread.h"
#include "core/timer.h"
#include "lib/log.h"
#include "lib/string.h"

/* Each CPU writes its own; who reads it meanwhile may get a name that is half another's. */
static struct {
	uint64_t ticks, at_ns;
	char thread[24];
} worst[CPUS_MAX];

void delay_note(const struct cpu *c, uint64_t ticks)
{
	if (likely(ticks <= worst[c->id].ticks))
		return;
	worst[c->id].ticks = ticks;
	worst[c->id].at_ns = time_ns();
	str_copy(worst[c->id].thread, c->thread->name, sizeof(worst[0].thread));
}

void delays_forget(void)
{
	memset(worst, 0, sizeof(worst));
}

void delays_tell(void)
{
	for (unsigned i = 0; i < cpu_count; i++) {
		log_info("cpu%u: its timer came in %lu us late at most, %lu ms after the start, "
			 "when %s ran",
			 i, time_tsc_to_ns(time_ns_to_tsc(0) + worst[i].ticks) / 1000,
			 worst[i].at_ns / 1000000, worst[i].thread);
		log_info("cpu%u: %lu interrupts, %lu of them its timer's", i, cpus[i]->irqs,
			 cpus[i]->timer_irqs);
	}
}

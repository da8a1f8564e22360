// SPDX-License-Identifier: MIT
/*
 * Nothing but timers, with the shortest periods that there are: of one that computes, that takes no
 * interrupts, and that sleeps. Their interrupts come to a CPU whoever runs there, and so show
 * whether a neighbour pays for them.
 */
#include "hostile.h"
#include "lib/apic.h"
#include "lib/cmos.h"
#include "lib/cpu.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { LAPIC_VECTOR = 0x61, PIT_VECTOR, RTC_VECTOR, PIT_PIN = 2 };
enum { PIT_CH0_MODE2 = 0x34, RTC_FASTEST = 3, TURN_MS = 20, CLASS = 0xf0 };
enum { RTC_SLOW = 9, HIGH = 0x80, SHOT_BITS = 18 };

static uint64_t end;

static void take(struct trap_frame *f)
{
	if (f->vector == RTC_VECTOR || f->vector == (RTC_VECTOR | HIGH))
		cmos_read(RTC_C);
	apic_eoi();
}

/* Its clock is 1 GHz: counts are nanoseconds. */
static void set_lapic(uint32_t lvt, uint32_t count)
{
	apic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
	apic_write(LAPIC_LVT_TIMER, lvt | LAPIC_VECTOR);
	apic_write(LAPIC_TIMER_INIT, count);
}

static void set_pit(uint32_t redirection)
{
	ioapic_set(PIT_PIN, redirection);
	outb(PIT_CMD, PIT_CH0_MODE2);
	outb(PIT_CH0, 2);
	outb(PIT_CH0, 0);
}

static void set_all(void)
{
	set_lapic(LVT_PERIODIC, 1);
	set_pit(PIT_VECTOR);
	cmos_write(RTC_A, RTC_A_32KHZ | RTC_FASTEST);
	cmos_write(RTC_B, RTC_B_24H | RTC_B_PIE | RTC_B_UIE);
	ioapic_set(RTC_IRQ, RTC_VECTOR);
	cmos_read(RTC_C);
}

static void stop_all(void)
{
	irq_disable();
	apic_write(LAPIC_TIMER_INIT, 0);
	apic_write(LAPIC_TPR, 0);
	watchdog_stop();
	cmos_write(RTC_B, RTC_B_24H);
}

static void compute(void)
{
	while (rdtsc() < end)
		pause();
}

static void all_taken(void)
{
	set_all();
	irq_enable();
	compute();
}

static void none_taken(void)
{
	set_all();
	compute();
}

static void all_sleeping(void)
{
	set_all();
	while (rdtsc() < end)
		hlt_with_irq();
}

static void periods_slept(void)
{
	set_lapic(LVT_PERIODIC, 1);
	while (rdtsc() < end)
		hlt_with_irq();
}

/* Some come before it sleeps, some as soon as somebody else has the CPU. */
static void shots_slept(void)
{
	uint32_t count = 1u << random_below(SHOT_BITS);

	while (rdtsc() < end) {
		set_lapic(0, count);
		hlt_with_irq();
	}
}

/* Awake again only by the RTC, every 8 ms; all others' ticks find it asleep and deaf. */
static void deaf(void)
{
	set_all();
	apic_write(LAPIC_TPR, LAPIC_VECTOR & CLASS);
	cmos_write(RTC_A, RTC_A_32KHZ | RTC_SLOW);
	ioapic_set(RTC_IRQ, RTC_VECTOR | HIGH);
	while (rdtsc() < end)
		hlt_with_irq();
}

static void (*const forms[])(void) = {
	all_taken, none_taken, all_sleeping, periods_slept, shots_slept, deaf,
};

enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

void round_timers_only(void)
{
	watchdog_stop();
	for (unsigned v = LAPIC_VECTOR; v <= RTC_VECTOR; v++) {
		trap_set_handler((uint8_t)v, take);
		trap_set_handler((uint8_t)(v | HIGH), take);
	}
	end = rdtsc() + TURN_MS * time_tsc_per_ms();
	forms[round_part % FORMS]();
	stop_all();
	watchdog_start();
}

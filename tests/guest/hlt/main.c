// SPDX-License-Identifier: MIT
/* HLT sleeps until an interrupt, for the time that the clocks say, and goes on behind itself. */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { VECTOR = 0x5a, SLEEPS = 5, PIT_CH0_MODE2 = 0x34, PIT_CH0_MODE0 = 0x30 };

static volatile unsigned taken;

static void take(struct trap_frame *f)
{
	(void)f;
	taken++;
	apic_eoi();
}

static uint64_t counts_per_ms(void)
{
	uint32_t now;

	apic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	apic_write(LAPIC_TIMER_INIT, 0xffffffff);
	time_wait_us(2000);
	now = apic_read(LAPIC_TIMER_CURRENT);
	return (0xffffffff - now) / 2;
}

static void test_apic_timer(void)
{
	uint64_t per_ms = counts_per_ms(), start, us;
	uint32_t pm;

	for (uint64_t ms = 1; ms <= 16; ms *= 2) {
		apic_write(LAPIC_LVT_TIMER, VECTOR);
		taken = 0;
		pm = time_pm_read();
		start = rdtsc();
		apic_write(LAPIC_TIMER_INIT, (uint32_t)(ms * per_ms));
		hlt_with_irq();
		us = (rdtsc() - start) * 1000 / time_tsc_per_ms();
		pm = time_pm_delta(pm, time_pm_read());
		check_eq("one interrupt ends one HLT", 1, taken);
		check_range("microseconds asleep by the TSC, of a ms each", ms * 950,
			    ms * 1050 + 200, us);
		check_range("and by the PM timer", ms * 950, ms * 1050 + 200,
			    pm * 1000000ull / PMTIMER_HZ);
	}
}

static void test_pit(void)
{
	uint64_t start = rdtsc();

	apic_init_virtual_wire();
	pic_handle(0);
	outb(PIT_CMD, PIT_CH0_MODE2);
	outb(PIT_CH0, (uint8_t)11932);
	outb(PIT_CH0, 11932 >> 8);
	pic_set_mask(0, false);
	hlt_with_irq();
	start = rdtsc();
	for (int i = 0; i < SLEEPS; i++)
		hlt_with_irq();
	start = rdtsc() - start;
	pic_set_mask(0, true);
	outb(PIT_CMD, PIT_CH0_MODE0);
	check_range("microseconds of five PIT ticks of 10 ms", 49000, 51500,
		    start * 1000 / time_tsc_per_ms());
}

/* One that is pending already lets HLT through at once. */
static void test_pending(void)
{
	uint64_t start;

	taken = 0;
	apic_send_self(VECTOR);
	start = rdtsc();
	hlt_with_irq();
	check_eq("a pending interrupt is taken at HLT", 1, taken);
	check_range("microseconds that it took", 0, 2000,
		    (rdtsc() - start) * 1000 / time_tsc_per_ms());
}

void guest_main(void)
{
	apic_init();
	time_tsc_per_ms();
	trap_set_handler(VECTOR, take);
	test_apic_timer();
	test_pending();
	test_pit();
}

// SPDX-License-Identifier: MIT
/* The two clocks of a PC whose rates are fixed by its design. */
#include "time.h"
#include "acpi.h"
#include "apic.h"
#include "cpu.h"

enum { PIT_CH2_MODE0 = 0xb0, GATE2 = 1, SPEAKER = 2, OUT2 = 0x20, PM_MASK = 0xffffff };

/* TSC ticks in a time by channel 2 in mode 0, polled at port 61h; at most 50,000 µs. */
static uint64_t tsc_by_pit(uint32_t us)
{
	uint64_t start;
	uint32_t count = (uint32_t)(us * PIT_HZ / 1000000);
	uint8_t p61 = inb(PORT_61) & (uint8_t) ~(GATE2 | SPEAKER);

	outb(PORT_61, p61 | GATE2);
	outb(PIT_CMD, PIT_CH2_MODE0);
	outb(PIT_CH2, (uint8_t)count);
	outb(PIT_CH2, (uint8_t)(count >> 8));
	/* Under a hypervisor on a slow machine the way here took long. */
	start = rdtsc();
	while (!(inb(PORT_61) & OUT2))
		pause();
	start = rdtsc() - start;
	outb(PORT_61, p61);
	return start;
}

static uint64_t least;

void time_ask_hypervisor(void)
{
	enum { HYPERVISOR = 0x40000000, FREQUENCIES = 0x40000010, ANY_HYPERVISOR = 1u << 31 };

	if ((cpuid(1, 0).ecx & ANY_HYPERVISOR) && cpuid(HYPERVISOR, 0).eax >= FREQUENCIES)
		least = cpuid(FREQUENCIES, 0).eax;
}

uint64_t time_tsc_per_ms(void)
{
	enum { TRIES = 3, MS = 10 };
	uint64_t ticks;

	for (int i = 0; i < TRIES && (i || !least); i++) {
		ticks = tsc_by_pit(MS * 1000) / MS;
		least = !least || ticks < least ? ticks : least;
	}
	return least;
}

void time_wait_us(uint32_t us)
{
	uint64_t ticks = us * time_tsc_per_ms() / 1000, start = rdtsc();

	while (rdtsc() - start < ticks)
		pause();
}

static uint32_t apic_counts_per_ms(void)
{
	static uint32_t counts;

	if (!counts) {
		apic_write(LAPIC_LVT_TIMER, LVT_MASKED);
		apic_write(LAPIC_TIMER_INIT, 0xffffffff);
		time_wait_us(1000);
		counts = 0xffffffff - apic_read(LAPIC_TIMER_CURRENT);
	}
	return counts;
}

void time_sleep_ms(uint32_t ms)
{
	enum { VECTOR = 0xe0 };
	uint64_t end = rdtsc() + ms * time_tsc_per_ms();
	uint32_t counts = apic_counts_per_ms();

	apic_handle(VECTOR);
	apic_write(LAPIC_LVT_TIMER, LVT_PERIODIC | VECTOR);
	apic_write(LAPIC_TIMER_INIT, 2 * counts);
	while (rdtsc() < end)
		hlt_with_irq();
	apic_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR);
	apic_write(LAPIC_TIMER_INIT, 0);
}

uint16_t time_pm_port(void)
{
	static uint16_t port;
	const struct acpi_fadt *fadt;

	if (!port) {
		fadt = acpi_fadt();
		port = fadt ? (uint16_t)fadt->pm_tmr : 0;
	}
	return port;
}

uint32_t time_pm_read(void)
{
	return inl(time_pm_port()) & PM_MASK;
}

uint32_t time_pm_delta(uint32_t from, uint32_t to)
{
	return (to - from) & PM_MASK;
}

// SPDX-License-Identifier: MIT
/*
 * A guest whose life is the test's to end. "do=WORD" on its command line says what it does:
 * wait: sleeps for good; sleep: for "ms=N", by one HLT; spin: computes for good; button: sleeps
 * until the power button is pressed, and powers off; poweroff, reset, triple (each start), gone
 * (executes where no memory is), cr3 (one that no CPU takes): at once; check: computes and looks at
 * its clocks until a 'q' is typed, or for "ms=N" of its time. Without a word it does a little of
 * check.
 */
#include "deaths.h"
#include "lib/acpi.h"
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { MULTIBOOT_HAS_CMDLINE = 1 << 2, INFO_CMDLINE = 4 };
enum { PM1_ENABLE = 2, PM1_BUTTON = 1 << 8, CF9_RESET = 6 };
enum { SLEEP_VECTOR = 0x50, DIVIDE_BY_128 = 0xa, APIC_KHZ = 1000000 };
enum { WORDS = 64 * 1024, WINDOW_MS = 100, ALWAYS = 0xffffffff, DEFAULT_MS = 300 };
#define GOLDEN	 0x9e3779b97f4a7c15ull
#define PM_MS(n) ((uint32_t)(PMTIMER_HZ * (n) / 1000))

/* What stands behind `word` in the command line; "" where it is not there. */
static const char *option(const char *word, unsigned n)
{
	const uint32_t *info = (const uint32_t *)(uint64_t)boot_multiboot_info;

	if (!info || !(info[0] & MULTIBOOT_HAS_CMDLINE))
		return "";
	for (const char *at = (const char *)(uint64_t)info[INFO_CMDLINE]; *at; at++)
		if (!memcmp(at, word, n))
			return at + n;
	return "";
}

static uint32_t option_ms(uint32_t otherwise)
{
	const char *at = option("ms=", 3);
	uint32_t value = 0;

	if (!*at)
		return otherwise;
	for (; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (uint32_t)(*at - '0');
	return value;
}

/* Memory ------------------------------------------------------------------------------------- */

static uint64_t memory[WORDS];

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Writes what a seed gives, and finds it again; the sum is that of the numbers themselves. */
static bool memory_holds(uint64_t seed)
{
	uint64_t state = seed, sum = 0, found = 0;

	for (unsigned i = 0; i < WORDS; i++)
		sum += memory[i] = next(&state);
	state = seed;
	for (unsigned i = 0; i < WORDS; i++) {
		found += ((volatile uint64_t *)memory)[i];
		if (memory[i] != next(&state))
			return false;
	}
	return found == sum;
}

/* Clocks ------------------------------------------------------------------------------------- */

struct clocks {
	uint32_t pm, apic;
	uint64_t tsc;
};

/* All three at a moment: where they were not read in one go, they are read again. */
static void clocks_read(struct clocks *c)
{
	for (;;) {
		c->pm = time_pm_read();
		c->tsc = rdtsc();
		c->apic = apic_read(LAPIC_TIMER_CURRENT);
		if (time_pm_delta(c->pm, time_pm_read()) < PM_MS(1))
			return;
	}
}

/* Ticks of the TSC and of the APIC's timer in 65536 of the PM timer's. */
struct rates {
	uint64_t tsc, apic;
};

static struct rates rates_between(const struct clocks *a, const struct clocks *b)
{
	uint32_t pm = time_pm_delta(a->pm, b->pm);

	return (struct rates){ ((b->tsc - a->tsc) << 16) / pm,
			       ((uint64_t)(a->apic - b->apic) << 16) / pm };
}

static bool is_near(uint64_t a, uint64_t b)
{
	uint64_t more = a > b ? a - b : b - a;

	return more <= b / 32; /* 1 ms of 100 at each end, and some */
}

static bool is_told_to_end(void)
{
	return (inb(COM1 + UART_LSR) & LSR_DR) && inb(COM1 + UART_DATA) == 'q';
}

static uint64_t window(uint64_t *seed, struct rates *r)
{
	struct clocks from, to;

	apic_write(LAPIC_TIMER_INIT, 0xffffffff);
	clocks_read(&from);
	do {
		if (!memory_holds(next(seed)))
			check_true("memory has what was written", false);
		clocks_read(&to);
	} while (time_pm_delta(from.pm, to.pm) < PM_MS(WINDOW_MS));
	*r = rates_between(&from, &to);
	return to.tsc - from.tsc;
}

static void compare(const struct rates *first, const struct rates *now)
{
	if (!is_near(now->tsc, first->tsc))
		check_eq("TSC ticks in 65536 of the PM timer", first->tsc, now->tsc);
	if (!is_near(now->apic, first->apic))
		check_eq("APIC ticks in 65536 of the PM timer", first->apic, now->apic);
}

static void check(uint32_t ms)
{
	uint64_t seed = GOLDEN, most = 0, ticks, per_s;
	struct rates first, now;
	uint32_t done = 0;

	apic_init();
	apic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
	apic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	window(&seed, &first);
	per_s = (first.tsc * PMTIMER_HZ) >> 16;
	print("checking\n");
	while (done < ms && !is_told_to_end()) {
		ticks = window(&seed, &now);
		done += WINDOW_MS;
		most = ticks > most ? ticks : most;
		/* Beyond that the PM timer's 24 bits have wrapped: the machine is a slow one. */
		if (ticks < 4 * per_s)
			compare(&first, &now);
	}
	print("checked for %u ms; the longest window of %u ms took %u\n", done, WINDOW_MS,
	      (uint32_t)(most * 1000 / per_s));
}

/* Ends --------------------------------------------------------------------------------------- */

static void off(void)
{
	const struct acpi_fadt *fadt = acpi_fadt();

	acpi_turn_on(fadt);
	acpi_power_off(fadt, acpi_s5_type(fadt));
}

static void wait(void)
{
	print("waiting\n");
	for (;;)
		hlt_with_irq();
}

/* One timer, once: until that nothing is to wake it. */
static void sleep_once(void)
{
	apic_init();
	apic_handle(SLEEP_VECTOR);
	apic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_128);
	apic_write(LAPIC_LVT_TIMER, SLEEP_VECTOR);
	print("sleeping\n");
	serial_drain();
	apic_write(LAPIC_TIMER_INIT, option_ms(DEFAULT_MS) * (APIC_KHZ / 128));
	hlt_with_irq();
	check_eq("what has woken it", 1, trap_count[SLEEP_VECTOR]);
}

static void wait_for_button(void)
{
	const struct acpi_fadt *fadt = acpi_fadt();
	uint16_t event = (uint16_t)fadt->pm1a_evt;

	acpi_turn_on(fadt);
	apic_init_virtual_wire();
	pic_handle(fadt->sci_int);
	pic_set_mask(2, false);
	pic_set_mask(fadt->sci_int, false);
	outw(event + PM1_ENABLE, PM1_BUTTON);
	print("waiting\n");
	while (!(inw(event) & PM1_BUTTON))
		hlt_with_irq();
	check_true("the button comes by an interrupt", trap_count[PIC_VECTOR + fadt->sci_int] != 0);
	print("the button\n");
	serial_drain();
	off();
}

static void spin(void)
{
	uint64_t seed = GOLDEN;

	print("spinning\n");
	while (memory_holds(next(&seed)))
		;
}

static void reset(void)
{
	outb(PORT_CF9, CF9_RESET);
}

static void check_for_good(void)
{
	check(option_ms(ALWAYS));
}

void guest_main(void)
{
	static const struct {
		const char *word;
		void (*run)(void);
	} deeds[] = {
		{ "wait", wait },
		{ "sleep", sleep_once },
		{ "button", wait_for_button },
		{ "off", off },
		{ "reset", reset },
		{ "spin", spin },
		{ "check", check_for_good },
		{ "triple", death_triple },
		{ "nowhere", death_nowhere },
		{ "apic", death_apic },
		{ "stack", death_stack },
		{ "irq-stack", death_irq_stack },
		{ "tables", death_tables },
		{ "walk", death_walk },
		{ "root", death_root },
		{ "idt", death_idt },
		{ "tss", death_tss },
		{ "fpu", death_fpu },
		{ "entry", death_entry },
		{ "task", death_task },
	};
	const char *what = option("do=", 3);

	for (unsigned i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		unsigned n = 0;

		while (deeds[i].word[n])
			n++;
		if (memcmp(what, deeds[i].word, n))
			continue;
		deeds[i].run();
		return;
	}
	check(DEFAULT_MS);
}

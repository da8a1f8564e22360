// SPDX-License-Identifier: MIT
/*
 * Registers over exits of all kinds while a timer interrupts at any point between and in them: none
 * is lost or exchanged, and no tick is lost or doubled.
 */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { VECTOR = 0x5c, ROUNDS = 300, REGS = 15, TICK_US = 200, REP_BYTES = 300000 };
/* What a string instruction may put off an interrupt by, in TSC ticks, beyond the timer's period.
 */
enum { REP_LATENCY = 300000 };

struct piece {
	void (*code)(void);
	uint64_t changes;
	const char *name;
};

extern const struct piece stress_pieces[];
extern char stress_rep[];
void stress_run(void (*code)(void), uint64_t regs[REGS]);

static volatile uint64_t ticks, ticks_in_rep, last_tick, longest_gap;
static uint8_t buffer[REP_BYTES];

/* What register i holds in a round. */
static uint64_t pattern(uint64_t round, uint64_t i)
{
	return 1ull << 63 | round << 32 | i << 8 | 1;
}

static void tick(struct trap_frame *f)
{
	uint64_t now = rdtsc();

	longest_gap = now - last_tick > longest_gap ? now - last_tick : longest_gap;
	last_tick = now;
	ticks++;
	ticks_in_rep += f->rip == (uint64_t)stress_rep && f->rcx && f->rcx < REP_BYTES;
	apic_eoi();
}

static void run_piece(const struct piece *p, uint64_t seed)
{
	uint64_t regs[REGS];

	for (uint64_t i = 0; i < REGS; i++)
		regs[i] = pattern(seed, i);
	stress_run(p->code, regs);
	for (uint64_t i = 0; i < REGS; i++) {
		if (p->changes & 1ull << i)
			continue;
		if (!check_eq("a register over an exit", pattern(seed, i), regs[i]))
			print("  (%s, register %lu)\n", p->name, i);
	}
}

/* A long string instruction is interrupted between its turns, and goes on where it was. */
static void test_rep(void)
{
	uint64_t count = REP_BYTES, to = (uint64_t)buffer;
	unsigned wrong = 0;

	outb(COM1 + UART_SCR, 0x6e);
	last_tick = rdtsc();
	longest_gap = 0;
	asm volatile("sti; nop\n"
		     "stress_rep: rep insb\n"
		     "cli"
		     : "+c"(count), "+D"(to)
		     : "d"(COM1 + UART_SCR)
		     : "memory");
	check_true("ticks within a long REP INSB", ticks_in_rep > 0);
	check_range("TSC ticks of the longest time without a tick in it", 0,
		    REP_LATENCY + 2 * TICK_US * time_tsc_per_ms() / 1000, longest_gap);
	check_eq("RCX after it", 0, count);
	check_eq("RDI after it", (uint64_t)buffer + REP_BYTES, to);
	for (unsigned i = 0; i < REP_BYTES; i++)
		wrong += buffer[i] != 0x6e;
	check_eq("bytes that are wrong", 0, wrong);
}

static uint64_t counts_for_us(uint32_t us)
{
	uint32_t now;

	apic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	apic_write(LAPIC_TIMER_INIT, 0xffffffff);
	time_wait_us(2000);
	now = apic_read(LAPIC_TIMER_CURRENT);
	return (uint64_t)(0xffffffff - now) * us / 2000;
}

void guest_main(void)
{
	uint64_t counts, start, us;

	apic_init();
	time_tsc_per_ms();
	trap_set_handler(VECTOR, tick);
	counts = counts_for_us(TICK_US);
	apic_write(LAPIC_LVT_TIMER, LVT_PERIODIC | VECTOR);
	apic_write(LAPIC_TIMER_INIT, (uint32_t)counts);
	start = rdtsc();
	irq_enable();
	for (uint64_t round = 0; round < ROUNDS; round++) {
		for (const struct piece *p = stress_pieces; p->code; p++)
			run_piece(p, round);
	}
	irq_disable();
	us = (rdtsc() - start) * 1000 / time_tsc_per_ms();
	print("%lu ticks in %lu us\n", ticks, us);
	check_range("ticks of 200 us, per mille of the time's", 960, 1010,
		    ticks * 1000 / (us / TICK_US));
	test_rep();
	apic_write(LAPIC_LVT_TIMER, LVT_MASKED);
}

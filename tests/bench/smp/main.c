// SPDX-License-Identifier: MIT
/*
 * What two CPUs of a guest's cost each other: an IPI, a wake-up from HLT by one, and, where both
 * share a CPU of the host's, a switch between them. As in tests/bench/main.c: the least of many, in
 * ticks of the TSC, which are instructions, and agree between the CPUs.
 */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/smp.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { VECTOR = 0x61, BACK = 0x62, RUNS = 60, SETTLE_US = 300, FLIPS = 50, INFO_CMDLINE = 16 };

enum mode { MODE_SPIN, MODE_HALT, MODE_ANSWER, MODE_PAUSE };

static volatile enum mode mode;
static volatile uint64_t taken_at, back_at;
static volatile bool turn;

static void take(struct trap_frame *f)
{
	taken_at = rdtsc();
	(void)f;
	apic_eoi();
	if (mode == MODE_ANSWER)
		apic_send(smp_cpus[0].apic_id, ICR_ASSERT | BACK);
}

static void take_back(struct trap_frame *f)
{
	back_at = rdtsc();
	(void)f;
	apic_eoi();
}

static void other(unsigned cpu)
{
	(void)cpu;
	irq_enable();
	for (;;) {
		if (mode == MODE_HALT || mode == MODE_ANSWER) {
			asm volatile("hlt");
		} else if (mode == MODE_PAUSE) {
			while (!turn && mode == MODE_PAUSE)
				pause();
			turn = false;
		}
	}
}

/* From before the IPI is sent until the other CPU is in its handler. */
static uint64_t time_ipi(void)
{
	uint64_t start;

	time_wait_us(SETTLE_US);
	taken_at = 0;
	start = rdtsc();
	apic_send(smp_cpus[1].apic_id, ICR_ASSERT | VECTOR);
	while (!taken_at)
		asm volatile("" ::: "memory");
	return taken_at - start;
}

/* There and back again: two IPIs, each to a CPU in HLT. */
static uint64_t time_round(void)
{
	uint64_t start;

	time_wait_us(SETTLE_US);
	back_at = 0;
	start = rdtsc();
	irq_disable();
	apic_send(smp_cpus[1].apic_id, ICR_ASSERT | VECTOR);
	while (!back_at) {
		asm volatile("sti; hlt; cli" ::: "memory");
	}
	irq_enable();
	return back_at - start;
}

/* Each waits for the other in a loop of PAUSE: where that exits, every turn is a switch. */
static uint64_t time_turn(void)
{
	uint64_t start = rdtsc();

	for (unsigned i = 0; i < FLIPS; i++) {
		turn = true;
		while (turn)
			pause();
	}
	return (rdtsc() - start) / (2 * FLIPS);
}

static void report(const char *name, enum mode how, uint64_t (*time)(void), unsigned runs)
{
	uint64_t least = UINT64_MAX, t;

	mode = how;
	apic_send(smp_cpus[1].apic_id, ICR_ASSERT | VECTOR);
	for (unsigned i = 0; i < runs; i++) {
		t = time();
		least = t < least ? t : least;
	}
	print("%s %lu\n", name, (unsigned long)least);
}

/* The command line's first word is what the names begin with: how many CPUs the host has. */
void guest_main(void)
{
	bool amd = cpuid(0, 0).ebx == 0x68747541; /* "Auth" of AuthenticAMD */
	const uint8_t *info = (const uint8_t *)(uint64_t)boot_multiboot_info;
	uint32_t words = 0;
	bool shared;

	apic_init();
	time_ask_hypervisor();
	smp_find();
	trap_set_handler(VECTOR, take);
	trap_set_handler(BACK, take_back);
	mode = MODE_HALT;
	if (!check_true("there is another CPU, and it comes", smp_n > 1 && smp_start(1, other)))
		return;
	irq_enable();
	memcpy(&words, info + INFO_CMDLINE, sizeof(words));
	shared = *(const char *)(uint64_t)words == '1';
	report(shared ? "ipi-wake-same" : "ipi-wake-other", MODE_HALT, time_ipi, RUNS);
	report(shared ? "ipi-round-same" : "ipi-round-other", MODE_ANSWER, time_round, RUNS);
	if (shared && amd)
		report("switch", MODE_PAUSE, time_turn, 4);
	else
		print("switch -\n");
	if (!shared)
		report("ipi-other", MODE_SPIN, time_ipi, RUNS);
}

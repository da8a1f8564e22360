// SPDX-License-Identifier: MIT
/*
 * CPUs that are busy for a time, for tests of how a hypervisor divides its own among them: Plinth
 * says at the end what each had (tests/boot/sched.py). The command line's first word says how: spin
 * (CPU 0 alone, or all), sleep, or lock: rounds through a ticket lock, whose next owner has to get
 * a CPU before anybody else can go on. Alone, without a command line, each for a short time.
 */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/smp.h"
#include "lib/test.h"
#include "lib/time.h"

enum { INFO_CMDLINE = 16, SHORT_MS = 20, ROUNDS = 300, HOLD = 200 };

static uint64_t end;
static volatile unsigned done;
static volatile uint32_t ticket_next, ticket_owner, rounds[SMP_MAX], held;
static unsigned rounds_each;

static const char *command_line(void)
{
	const uint8_t *info = (const uint8_t *)(uint64_t)boot_multiboot_info;
	uint32_t at = 0;

	if (info)
		memcpy(&at, info + INFO_CMDLINE, sizeof(at));
	return (const char *)(uint64_t)at;
}

/* The number behind `word=`, or `otherwise`. */
static uint32_t option(const char *word, uint32_t otherwise)
{
	const char *at = command_line();
	uint32_t n = 0;

	for (; at && *at; at++) {
		const char *w = word, *a = at;

		while (*w && *w == *a)
			w++, a++;
		if (*w || *a != '=')
			continue;
		for (a++; *a >= '0' && *a <= '9'; a++)
			n = n * 10 + (uint32_t)(*a - '0');
		return n;
	}
	return otherwise;
}

/* Nothing in here exits. */
static void spin(unsigned cpu)
{
	while (rdtsc() < end)
		smp_cpus[cpu].turns++;
	__atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
	irq_disable();
	for (;;)
		asm volatile("hlt");
}

static void lock_rounds(unsigned cpu)
{
	for (unsigned i = 0; i < rounds_each; i++) {
		uint32_t mine = __atomic_fetch_add(&ticket_next, 1, __ATOMIC_SEQ_CST);

		while (__atomic_load_n(&ticket_owner, __ATOMIC_SEQ_CST) != mine)
			pause();
		held++;
		for (volatile unsigned k = 0; k < HOLD; k++)
			;
		rounds[cpu]++;
		__atomic_store_n(&ticket_owner, mine + 1, __ATOMIC_SEQ_CST);
	}
	__atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
}

static volatile bool go;

static void locker(unsigned cpu)
{
	while (!go)
		pause();
	lock_rounds(cpu);
	for (;;)
		asm volatile("cli; hlt");
}

static bool all_done(uint64_t n)
{
	return done == n;
}

static void test_spin(uint32_t ms)
{
	end = rdtsc() + ms * time_tsc_per_ms();
	for (unsigned i = 1; i < smp_n; i++)
		smp_start(i, spin);
	while (rdtsc() < end)
		smp_cpus[0].turns++;
	check_true("all others have come to the end", smp_wait(all_done, smp_n - 1));
	done = 0;
}

/* One long HLT: Plinth's APIC timer counts nanoseconds. */
static void test_sleep(uint32_t ms)
{
	enum { VECTOR = 0x61, NS_PER_MS = 1000000, DIVIDE_BY_128 = 10, BY = 128 };

	apic_handle(VECTOR);
	apic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_128);
	apic_write(LAPIC_LVT_TIMER, VECTOR);
	apic_write(LAPIC_TIMER_INIT, ms * (uint64_t)NS_PER_MS / BY);
	asm volatile("sti; hlt; cli" ::: "memory");
}

static void test_lock(uint32_t n)
{
	uint64_t start;

	rounds_each = n;
	for (unsigned i = 1; i < smp_n; i++)
		smp_start(i, locker);
	start = rdtsc();
	go = true;
	lock_rounds(0);
	check_true("all have had their rounds", smp_wait(all_done, smp_n));
	print("took %lu us\n", (unsigned long)((rdtsc() - start) * 1000 / time_tsc_per_ms()));
	check_eq("rounds under the lock", (uint64_t)n * smp_n, held);
}

void guest_main(void)
{
	uint32_t ms;

	apic_init();
	time_ask_hypervisor();
	smp_find();
	ms = option("spin", 0);
	if (ms)
		test_spin(ms);
	ms = option("sleep", 0);
	if (ms)
		test_sleep(ms);
	ms = option("lock", 0);
	if (ms)
		test_lock(ms);
	if (command_line() && *command_line() && (option("spin", 0) || option("sleep", 0) || ms))
		return;
	time_sleep_ms(SHORT_MS);
	test_lock(ROUNDS);
}

// SPDX-License-Identifier: MIT
/*
 * Several CPUs of one guest at once: what one makes an exit with, the others change while Plinth
 * looks at it; and they flood each other with IPIs, NMIs, INITs and SIPIs. The first CPU makes the
 * rounds, the others are started anew in each, and do one act over and over until it ends.
 */
#include "hostile.h"
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/smp.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { TURNS = 400, CODE_BYTES = 16, SPIN = 100, MS = 1000, STARTS = 6, FIRST_FREE = 32 };
enum { VECTORS = 256, TRAMPOLINE_PAGE = 8, SPLIT = 61 };

#define CODE  0x1000000ull
#define OTHER 0x1001000ull
#define HOT   0x1002000ull
#define ALIAS (WINDOW + 4 * PAGE_SIZE)
#define HOLE  0xd0000000ull

static volatile bool goes_on;
static void (*volatile act)(uint64_t random);

bool crowd_is_other(const void *stack)
{
	return (uint64_t)stack - (uint64_t)smp_cpus < sizeof(smp_cpus);
}

/* Each of the others has its own numbers; random_next() is the first CPU's. */
static void member(unsigned cpu)
{
	uint64_t n = 0x9e3779b97f4a7c15 * (cpu + 1);

	irq_enable();
	while (goes_on) {
		n ^= n << 13;
		n ^= n >> 7;
		n ^= n << 17;
		act(n);
		smp_cpus[cpu].turns++;
	}
	for (;;)
		asm volatile("cli; hlt");
}

static void take(struct trap_frame *f)
{
	(void)f;
	apic_eoi();
}

/* False: it is the only CPU. */
static bool begin(void (*of_others)(uint64_t random))
{
	if (!smp_n)
		smp_find();
	if (smp_n < 2)
		return false;
	for (unsigned v = FIRST_FREE; v < VECTORS; v++)
		trap_set_handler((uint8_t)v, take);
	act = of_others;
	goes_on = true;
	smp_start_all(member);
	return true;
}

static void end(void)
{
	goes_on = false;
	for (unsigned i = 1; i < smp_n; i++)
		smp_init(i);
	for (unsigned v = FIRST_FREE; v < VECTORS; v++)
		trap_set_handler((uint8_t)v, 0);
}

/* Whole instructions that exit, and by halves of two of them, what is none. */
static void change_code(uint64_t random)
{
	static const uint64_t words[] = {
		0xc3c380e480e611b0,			/* MOV AL; OUT 80h; IN 80h; RET */
		0xc3c3c3320f66f3b9, 0xc3c3c3c3c3a20f90, /* RDMSR or a part of it; CPUID */
		0xc3c3c3c36cf3f2f0, 0xc3c3c3020000b067, /* INS with prefixes; long addresses */
		0xc3c3c3c3c390310f, 0x66666666666666c3,
	};
	volatile uint64_t *at = (volatile uint64_t *)(random & 1 ? CODE : OTHER);

	if (random & 2)
		at += (PAGE_SIZE - CODE_BYTES) / sizeof(*at);
	at[random >> 2 & 1] = words[(random >> 8) % (sizeof(words) / sizeof(words[0]))];
	*page_entry(ALIAS) = random & 16   ? (random & 32 ? CODE : OTHER) | PTE_P | PTE_W
			     : random & 64 ? CODE | PTE_P | PTE_W | PTE_NX
					   : 0;
}

static void run_at(uint64_t at)
{
	asm volatile("push %%rbx; call *%0; pop %%rbx" ::"r"(at)
		     : "rax", "rcx", "rdx", "rsi", "rdi", "memory", "cc");
}

void round_crowd_code(void)
{
	page_map(ALIAS, CODE, PTE_P | PTE_W);
	map_window(BUFFER);
	if (!begin(change_code))
		return;
	for (unsigned i = 0; i < TURNS; i++) {
		trap_run(run_at, ALIAS + (random_below(2) ? 0 : PAGE_SIZE - CODE_BYTES));
		invlpg(ALIAS);
	}
	end();
}

/* RAM, a device, nothing, or not there: each time that one looks. */
static void change_tables(uint64_t random)
{
	static const uint64_t places[] = { BUFFER, LAPIC_BASE, IOAPIC_BASE, HOLE, CODE };
	uint64_t place = places[(random >> 8) % (sizeof(places) / sizeof(places[0]))];
	volatile uint64_t *entry = page_entry(WINDOW + (random & 1) * PAGE_SIZE);

	*entry = random & 6 ? place | PTE_P | PTE_W | (random & 8 ? PTE_U : 0) : place;
	/* What a walk sets in an entry, and what the entry is, are not to be mixed up. */
	if (random & 16)
		*entry &= ~(PTE_A | PTE_D);
}

void round_crowd_tables(void)
{
	map_window(BUFFER);
	if (!begin(change_tables))
		return;
	for (unsigned i = 0; i < TURNS; i++) {
		struct form f = { access_forms[random_below(access_form_count)], window_address(),
				  window_address(), random_below(SPIN) };

		if (random_below(4) == 0)
			f = (struct form){ string_forms[random_below(string_form_count)],
					   window_address(), 0x80, random_below(SPIN) };
		trap_run(run_form, (uint64_t)&f);
		invlpg(WINDOW);
		invlpg(WINDOW + PAGE_SIZE);
	}
	end();
	map_window(BUFFER);
}

/* To all and to each, in every mode but INIT; a SIPI to one that runs is nothing. */
static void send_ipis(uint64_t random)
{
	static const uint32_t modes[] = { 0, 0, ICR_NMI, ICR_LOWEST, ICR_SIPI };
	static const uint32_t hands[] = { 0, 0, ICR_OTHERS, ICR_ALL, ICR_SELF };
	uint32_t low = ICR_ASSERT | (uint32_t)(random >> 8 & 0xff) | FIRST_FREE;

	low |= modes[(random >> 16) % (sizeof(modes) / sizeof(modes[0]))];
	low |= hands[(random >> 24) % (sizeof(hands) / sizeof(hands[0]))];
	if (random & 1)
		low |= ICR_LOGICAL;
	/* A SIPI to those that have just had an INIT starts them too early: on a stack in use. */
	if ((low & ICR_SIPI) == ICR_SIPI)
		low = ICR_ASSERT | ICR_SIPI | TRAMPOLINE_PAGE | ICR_SELF;
	apic_send((uint32_t)(random >> 32) % (smp_n + 1), low);
	if (random & 2)
		asm volatile("sti; hlt");
}

void round_crowd_ipis(void)
{
	if (!begin(send_ipis))
		return;
	for (unsigned i = 0; i < STARTS; i++) {
		unsigned cpu = 1 + random_below(smp_n - 1);

		for (unsigned n = random_below(SPIN); n; n--)
			send_ipis(random_next() & ~2ull);
		irq_enable();
		time_wait_us(MS);
		irq_disable();
		for (unsigned n = random_below(SPIN); n; n--)
			apic_send(smp_cpus[cpu].apic_id, ICR_INIT | ICR_ASSERT | ICR_LEVEL);
		check_true("a CPU starts among floods of INITs", smp_start(cpu, member));
	}
	end();
}

/* One word, whole and across two lines; and a device's register, which Plinth has to write. */
static void beat(uint64_t random)
{
	asm volatile("lock addl $1, (%0)" ::"r"(HOT) : "memory");
	asm volatile("lock xaddq %0, (%1)" : "+r"(random) : "r"(HOT + SPLIT) : "memory");
	if (random % 16 == 0)
		asm volatile("lock orl $0, (%0)" ::"r"(IOAPIC_BASE + IOWIN) : "memory");
	if (random % 32 == 1)
		outb(0x80, (uint8_t)random);
}

void round_crowd_hot(void)
{
	if (!begin(beat))
		return;
	for (unsigned i = 0; i < TURNS * 4; i++)
		beat(random_next());
	end();
}

/* SPDX-License-Identifier: MIT */
/*
 * KVM's paravirtual interface, as Linux uses it: clock, steal time, EOIs by a byte, hypercalls; and
 * registrations that a guest should not make.
 */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum {
	LEAF = 0x40000100,
	CLOCKSOURCE2 = 1 << 3,
	STEAL_TIME = 1 << 5,
	PV_EOI = 1 << 6,
	PV_UNHALT = 1 << 7,
	PV_SEND_IPI = 1 << 11,
	MSR_WALL = 0x4b564d00,
	MSR_TIME = 0x4b564d01,
	MSR_STEAL = 0x4b564d03,
	MSR_EOI = 0x4b564d04,
	ENABLED = 1,
	HC_KICK = 5,
	HC_SEND_IPI = 10,
	LOW = 0x41,
	HIGH = 0x62,
};

struct pvclock {
	uint32_t version, pad;
	uint64_t tsc, ns;
	uint32_t mul;
	int8_t shift;
	uint8_t flags, pad2[2];
};

struct steal {
	uint64_t ns;
	uint32_t version, flags;
	uint8_t preempted, pad[47];
};

static struct pvclock clock_page __attribute__((aligned(64)));
static struct steal steal_page __attribute__((aligned(64)));
static volatile uint32_t eoi_word __attribute__((aligned(64)));
static volatile unsigned spared, written, nested_wrong;

static uint64_t clock_ns(void)
{
	volatile struct pvclock *c = &clock_page;
	uint64_t delta, ns;
	uint32_t version;

	do {
		version = c->version & ~1u;
		delta = rdtsc() - c->tsc;
		delta = c->shift < 0 ? delta >> -c->shift : delta << c->shift;
		ns = c->ns + (uint64_t)((unsigned __int128)delta * c->mul >> 32);
	} while (version != c->version);
	return ns;
}

static void test_leaf(void)
{
	struct cpuid_regs r = cpuid(LEAF, 0);
	const uint32_t wanted = CLOCKSOURCE2 | STEAL_TIME | PV_EOI | PV_UNHALT | PV_SEND_IPI;

	check_true("KVM's name", !memcmp(&r.ebx, "KVMKVMKVM\0\0\0", 12));
	check_eq("its highest leaf", LEAF + 1, r.eax);
	check_eq("its features", wanted, cpuid(LEAF + 1, 0).eax & wanted);
}

/* Against the PM timer, at work and asleep. */
static void test_clock_rate(void)
{
	uint64_t start, took;
	uint32_t pm;

	for (int asleep = 0; asleep < 2; asleep++) {
		pm = time_pm_read();
		start = clock_ns();
		if (asleep)
			time_sleep_ms(100);
		else
			time_wait_us(40000);
		took = clock_ns() - start;
		pm = time_pm_delta(pm, time_pm_read());
		check_range("the clock, by the PM timer (per mille)", 980, 1020,
			    took * 1000 / (pm * 1000000000ull / PMTIMER_HZ));
	}
}

/* The guest's own TSC may go where it likes. */
static void test_clock_and_tsc(void)
{
	uint64_t adjust, before = clock_ns();

	wrmsr(MSR_TSC, 5);
	check_range("the clock after a write to the TSC", before, before + 100000000, clock_ns());
	if (cpuid(7, 0).ebx & 2) {
		adjust = rdmsr(MSR_TSC_ADJUST);
		wrmsr(MSR_TSC_ADJUST, adjust + (1ull << 50));
		check_range("the clock after TSC_ADJUST", before, before + 200000000, clock_ns());
		wrmsr(MSR_TSC_ADJUST, 0);
	}
	check_range("the clock with the first TSC", before, before + 300000000, clock_ns());
}

static void test_clock(void)
{
	uint32_t wall[4] = { 0, 0, 0, 0x12345678 };
	uint64_t last = 0;
	unsigned back = 0;

	wrmsr(MSR_TIME, (uint64_t)&clock_page | ENABLED);
	check_eq("the clock's MSR", (uint64_t)&clock_page | ENABLED, rdmsr(MSR_TIME));
	check_eq("the version is even", 0, clock_page.version & 1);
	check_true("and not 0", clock_page.version);
	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_ns();

		back += now < last;
		last = now;
	}
	check_eq("times that the clock went back", 0, back);
	test_clock_rate();
	test_clock_and_tsc();
	wrmsr(MSR_WALL, (uint64_t)wall);
	check_eq("wall clock: version", 2, wall[0]);
	check_true("wall clock: after 1999", wall[1] >= 946684800);
	check_true("wall clock: nanoseconds", wall[2] < 1000000000);
	check_eq("wall clock: no more than its 12 bytes", 0x12345678, wall[3]);
}

static void test_steal(void)
{
	volatile struct steal *s = &steal_page;
	uint64_t start = clock_ns(), before;

	wrmsr(MSR_STEAL, (uint64_t)s | ENABLED);
	before = s->ns;
	time_sleep_ms(20);
	time_wait_us(20000);
	check_eq("steal time: version", 0, s->version & 1);
	check_true("steal time was written", s->version >= 2);
	check_eq("preempted, while it runs", 0, s->preempted);
	check_range("stolen of 40 ms", 0, clock_ns() - start, s->ns - before);
}

/* What Linux's kernel does for an EOI. */
static void end_interrupt(void)
{
	if (eoi_word & 1) {
		eoi_word = 0;
		spared++;
	} else {
		apic_eoi();
		written++;
	}
}

static void handle_plain(struct trap_frame *f)
{
	(void)f;
	end_interrupt();
}

/* A higher one comes while it is in service: from then on both have to be written. */
static void handle_nesting(struct trap_frame *f)
{
	(void)f;
	nested_wrong += eoi_word != 1;
	apic_send_self(HIGH);
	irq_enable();
	for (int i = 0; i < 100; i++)
		pause();
	irq_disable();
	nested_wrong += eoi_word != 0;
	end_interrupt();
}

static void open_window(void)
{
	irq_enable();
	for (int i = 0; i < 100; i++)
		pause();
	irq_disable();
}

static void test_eoi(void)
{
	enum { TURNS = 50 };
	uint32_t high = trap_count[HIGH], low = trap_count[LOW];

	spared = written = 0;
	trap_set_handler(HIGH, handle_plain);
	trap_set_handler(LOW, handle_plain);
	wrmsr(MSR_EOI, (uint64_t)&eoi_word | ENABLED);
	/* The lower one gets through only if the higher one's end was seen. */
	for (int i = 0; i < TURNS; i++) {
		apic_send_self(HIGH);
		open_window();
		apic_send_self(LOW);
		open_window();
	}
	check_eq("interrupts taken", 2 * TURNS, trap_count[HIGH] - high + trap_count[LOW] - low);
	check_range("EOIs without an exit, of 100", 90, 2 * TURNS, spared);
	check_eq("all EOIs", 2 * TURNS, spared + written);
	/* Two at once: the first one's EOI has to let the second one through. */
	spared = written = 0;
	apic_send_self(LOW);
	apic_send_self(HIGH);
	open_window();
	check_eq("two at once: both were taken", 2, spared + written);
	check_true("two at once: the first one's EOI is a write", written >= 1);
	trap_set_handler(LOW, handle_nesting);
	spared = written = 0;
	apic_send_self(LOW);
	open_window();
	check_eq("nested: byte is where it should not be", 0, nested_wrong);
	check_eq("nested: both EOIs are writes", 2, written);
	apic_send_self(HIGH);
	open_window();
	check_eq("and then no more", 1, spared);
	wrmsr(MSR_EOI, 0);
	check_eq("switched off: no offer stays", 0, eoi_word);
}

static uint64_t hypercall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	uint64_t result = nr;

	/* Each vendor has its own instruction. */
	if (cpuid(0, 0).ecx == 0x6c65746e)
		asm volatile("vmcall" : "+a"(result) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	else
		asm volatile("vmmcall" : "+a"(result) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	return result;
}

static void other_vendors(uint64_t arg)
{
	(void)arg;
	if (cpuid(0, 0).ecx == 0x6c65746e)
		asm volatile("vmmcall" ::"a"(99) : "memory");
	else
		asm volatile("vmcall" ::"a"(99) : "memory");
}

/* Ring 3: mov eax, 5; the hypercall; ud2. */
static void test_hypercall_of_ring_3(void)
{
	static const uint8_t code[] = { 0xb8, 5, 0, 0, 0, 0x0f, 0x01, 0xc1, 0x0f, 0x0b };
	uint8_t *page = page_alloc();
	uint64_t va = PAGING_FREE_VA;

	memcpy(page, code, sizeof(code));
	if (cpuid(0, 0).ecx != 0x6c65746e)
		page[7] = 0xd9;
	page_map(va, (uint64_t)page, PTE_P | PTE_W | PTE_U);
	check_eq("ring 3: the instruction after a hypercall", VEC_UD,
		 trap_run_user(va, va + 0x800, RFLAGS_FIXED));
	check_eq("ring 3: the hypercall's result", -1ull, trap_last.frame.rax);
	check_eq("ring 3: RIP", va + 8, trap_last.frame.rip);
}

static void test_hypercalls(void)
{
	uint32_t id = apic_in_x2apic() ? apic_read(LAPIC_ID) : apic_read(LAPIC_ID) >> 24;
	uint32_t low = trap_count[LOW];

	apic_handle(LOW);
	check_eq("an unknown hypercall", -38ull, hypercall(99, 0, 0, 0, 0));
	check_eq("a kick", 0, hypercall(HC_KICK, 0, id, 0, 0));
	asm volatile("hlt" ::: "memory"); /* with interrupts off: only the kick ends it */
	check_eq("an IPI to oneself", 1, hypercall(HC_SEND_IPI, 1, 0, id, LOW));
	open_window();
	check_eq("it was taken", low + 1, trap_count[LOW]);
	check_eq("an IPI to nobody", 0, hypercall(HC_SEND_IPI, ~1ull, ~0ull, id, LOW));
	check_eq("an INIT to all", -22ull, hypercall(HC_SEND_IPI, ~0ull, ~0ull, 0, 0x500));
	open_window();
	check_eq("nothing more was taken", low + 1, trap_count[LOW]);
	check_eq("the other vendor's instruction", VEC_UD, trap_run(other_vendors, 0));
	test_hypercall_of_ring_3();
}

struct write {
	uint32_t msr;
	uint64_t value;
};

static void do_write(uint64_t arg)
{
	const struct write *w = (const struct write *)arg;

	wrmsr(w->msr, w->value);
}

static uint8_t write_msr(uint32_t msr, uint64_t value)
{
	struct write w = { msr, value };

	return trap_run(do_write, (uint64_t)&w);
}

/* No memory, ROM, a device, the end of memory, and what wraps. */
static void test_hostile_addresses(void)
{
	static const uint64_t addresses[] = { 0xc8000,	      0xfee00000,	  0xfec00000,
					      0xffffffc0,     1ull << 39,	  1ull << 52,
					      1ull << 63,     0xffffffffffffffc0, 0xc0000000,
					      0xfffffffffffc0 };
	volatile uint32_t *rom = (volatile uint32_t *)0xc8000;

	for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		uint64_t a = addresses[i];

		check_eq("the clock elsewhere: no fault", VEC_NONE,
			 write_msr(MSR_TIME, a | ENABLED));
		check_eq("the wall clock elsewhere: no fault", VEC_NONE, write_msr(MSR_WALL, a));
		check_eq("steal time elsewhere: no fault", VEC_NONE,
			 write_msr(MSR_STEAL, a | ENABLED));
		check_eq("EOIs elsewhere", VEC_GP, write_msr(MSR_EOI, a | ENABLED));
		wrmsr(MSR_TSC_ADJUST, 0);
		time_sleep_ms(2);
	}
	for (unsigned i = 0; i < 32; i++)
		check_eq("ROM is as it was", 0xffffffff, rom[i]);
}

/* Misaligned, and across a page's end. */
static void test_hostile_offsets(void)
{
	uint8_t *page = page_alloc(), *next = page_alloc();
	unsigned touched = 0;

	for (unsigned bit = 1; bit < 6; bit++)
		check_eq("steal time: a reserved bit", VEC_GP,
			 write_msr(MSR_STEAL, (uint64_t)page | 1 << bit | ENABLED));
	check_eq("EOIs: misaligned", VEC_GP, write_msr(MSR_EOI, ((uint64_t)page + 2) | ENABLED));
	for (unsigned n = 4; n < 32; n += 4)
		check_eq("the clock across a page's end: no fault", VEC_NONE,
			 write_msr(MSR_TIME, ((uint64_t)page + 4096 - n) | ENABLED));
	check_eq("the clock misaligned: no fault", VEC_NONE,
		 write_msr(MSR_TIME, ((uint64_t)page + 2) | ENABLED));
	for (unsigned i = 0; i < 4096; i++)
		touched += page[i] || next[i];
	check_eq("bytes touched", 0, touched);
	check_eq("async page faults are not offered", VEC_GP, write_msr(0x4b564d02, 0));
}

void guest_main(void)
{
	if (!test_has_hypervisor()) {
		print("no hypervisor\n");
		return;
	}
	apic_init();
	time_tsc_per_ms();
	test_leaf();
	test_clock();
	test_steal();
	test_eoi();
	test_hypercalls();
	test_hostile_addresses();
	test_hostile_offsets();
	wrmsr(MSR_TIME, 0);
	wrmsr(MSR_STEAL, 0);
	if (apic_has_x2apic()) {
		apic_enter_x2apic();
		test_eoi();
		test_hypercalls();
	}
}

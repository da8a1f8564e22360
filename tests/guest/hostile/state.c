// SPDX-License-Identifier: MIT
/* Random numbers, the watchdog, and putting the machine back in order after a round. */
#include "hostile.h"
#include "lib/apic.h"
#include "lib/cmos.h"
#include "lib/cpu.h"
#include "lib/mode.h"
#include "lib/test.h"
#include "lib/trap.h"

enum { PIT_CH0_MODE0 = 0x30, RESORT_HZ = 40, PIT_PIN = 2, PINS = 24 };
enum { TICKS_MAX = 3, RTC_512HZ = 7, CPUID_1_ECX_XSAVE = 1 << 26 };

static uint64_t state;
static volatile unsigned ticks;
static struct {
	uint64_t cr0, cr3, cr4, efer, pat, xcr0;
	uint8_t idtr[10];
	uint64_t gdt[SEL_BYTES / 8];
	bool is_kept;
} kept;

void random_seed(uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15 + 0x1234567;
	for (int i = 0; i < 4; i++)
		random_next();
}

uint64_t random_next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1d;
}

uint64_t random_value(void)
{
	static const uint64_t edges[] = {
		0,
		1,
		2,
		0x7f,
		0x80,
		0xff,
		0x7fff,
		0x8000,
		0xffff,
		0x10000,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		0x100000000,
		0x7fffffffffff,
		0x800000000000,
		0xffff800000000000,
		0xffff7fffffffffff,
		0x7fffffffffffffff,
		0x8000000000000000,
		0xfffffffffffffff0,
		~0ull,
	};
	uint64_t v = random_next();

	switch (random_below(5)) {
	case 0: return v;
	case 1: return v >> random_below(64);
	case 2: return 1ull << (v & 63);
	case 3: return random_device();
	default: return edges[v % (sizeof(edges) / sizeof(edges[0]))];
	}
}

uint64_t random_change(uint64_t now)
{
	switch (random_below(4)) {
	case 0: return random_value();
	case 1: return random_next();
	default: return now ^ 1ull << random_below(64);
	}
}

uint64_t random_device(void)
{
	static const uint64_t bases[] = {
		LAPIC_BASE, LAPIC_BASE, LAPIC_BASE, IOAPIC_BASE, IOAPIC_BASE, 0xa0000,
		0xc0000,    0xf0000,	0xb8000,    0x40000000,	 0xc0000000,  0xd0000000,
		0xfed00000, 0xfee01000, 0xfffff000, 0xfed40000,
	};
	uint64_t base = bases[random_below(sizeof(bases) / sizeof(bases[0]))];
	uint64_t v = random_next();

	switch (random_below(4)) {
	case 0: return base + (v & 0xff0);
	case 1: return base + (v & 0xfff);
	case 2: return base + 0x1000 - (v & 7);
	default: return base - (v & 7);
	}
}

void unwind(struct trap_frame *f)
{
	f->rip = (uint64_t)trap_resume;
	f->rsp = trap_rsp;
	f->cs = SEL_CODE64;
	f->ss = SEL_DATA;
	f->rflags = RFLAGS_FIXED;
	f->rax = VEC_NONE;
}

static void bark(struct trap_frame *f)
{
	if (crowd_is_other(f))
		return;
	cmos_read(RTC_C); /* or the next never comes */
	if (++ticks >= TICKS_MAX && trap_rsp)
		unwind(f);
}

static void keep(void)
{
	kept.cr0 = read_cr0();
	kept.cr3 = read_cr3();
	kept.cr4 = read_cr4();
	kept.efer = rdmsr(MSR_EFER);
	kept.pat = rdmsr(MSR_PAT);
	asm volatile("sidt %0" : "=m"(kept.idtr));
	memcpy(kept.gdt, start_gdt, sizeof(kept.gdt));
	if (cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE) {
		write_cr4(kept.cr4 | CR4_OSXSAVE);
		kept.xcr0 = xgetbv(0);
		write_cr4(kept.cr4);
	}
	kept.is_kept = true;
}

/* What noise has done to this code itself ends in a restart, too: it is no fault of the machine. */
static void end_act(struct trap_frame *f)
{
	while (crowd_is_other(f))
		asm volatile("cli; hlt");
	if (trap_rsp) {
		unwind(f);
		return;
	}
	trap_load_idt(0, 0);
	asm volatile("int3");
}

void watchdog_start(void)
{
	if (!kept.is_kept)
		keep();
	apic_init();
	for (unsigned pin = 0; pin < PINS; pin++)
		ioapic_set(pin, REDIR_MASKED);
	cmos_write(RTC_A, RTC_A_32KHZ | RTC_512HZ);
	cmos_write(RTC_B, RTC_B_24H | RTC_B_PIE);
	/* After a reset the clock may tick already: the next NMI comes as soon as the pin is open.
	 */
	for (unsigned v = 0; v < 32; v++)
		trap_set_handler((uint8_t)v, end_act);
	trap_set_handler(VEC_NMI, bark);
	ioapic_set(RTC_IRQ, ICR_NMI);
	cmos_read(
		RTC_C); /* one that came before the pin was open is lost, and holds up all others */
	ticks = 0;
}

void watchdog_start_hard(void)
{
	watchdog_start();
	outb(PIT_CMD, PIT_CH0_MODE0);
	outb(PIT_CH0, (PIT_HZ / RESORT_HZ) & 0xff);
	outb(PIT_CH0, (PIT_HZ / RESORT_HZ) >> 8);
	ioapic_set(PIT_PIN, ICR_INIT);
}

void watchdog_stop(void)
{
	ioapic_set(RTC_IRQ, REDIR_MASKED);
	ioapic_set(PIT_PIN, REDIR_MASKED);
}

void watchdog_feed(void)
{
	ticks = 0;
	outb(PIT_CMD, PIT_CH0_MODE0);
	outb(PIT_CH0, (PIT_HZ / RESORT_HZ) & 0xff);
	outb(PIT_CH0, (PIT_HZ / RESORT_HZ) >> 8);
}

void *low_copy(void *word)
{
	return low_load + ((char *)word - low_start);
}

static void restore_tables(void)
{
	memcpy(start_gdt, kept.gdt, sizeof(kept.gdt));
	/* A TSS that is loaded is busy; LTR wants it available. */
	start_gdt[SEL_TSS / 8] &= ~(2ull << 40);
	asm volatile("lgdt start_gdtr\n"
		     "lidt %0\n"
		     "ltr %w1\n"
		     "lldt %w2\n"
		     "mov %w3, %%ds\n"
		     "mov %w3, %%es\n"
		     "mov %w3, %%ss\n"
		     "mov %w2, %%fs\n"
		     "mov %w2, %%gs\n" ::"m"(kept.idtr),
		     "r"(SEL_TSS), "r"(0), "r"(SEL_DATA));
}

void unblock_nmis(void)
{
	asm volatile("mov %%rsp, %%rax\n"
		     "pushq %0\n"
		     "push %%rax\n"
		     "pushfq\n"
		     "pushq %1\n"
		     "lea 1f(%%rip), %%rax\n"
		     "push %%rax\n"
		     "iretq\n"
		     "1:" ::"i"(SEL_DATA),
		     "i"(SEL_CODE64)
		     : "rax", "memory");
}

static void leave_apic_modes(void)
{
	if (apic_in_x2apic())
		apic_leave_x2apic();
	wrmsr(MSR_APIC_BASE, LAPIC_BASE | 1 << 11 | 1 << 8);
}

void state_restore(void)
{
	irq_disable();
	write_cr0(kept.cr0);
	write_cr3(kept.cr3);
	wrmsr(MSR_EFER, kept.efer);
	wrmsr(MSR_PAT, kept.pat);
	if (kept.xcr0) {
		write_cr4(kept.cr4 | CR4_OSXSAVE);
		xsetbv(0, kept.xcr0);
	}
	write_cr4(kept.cr4);
	restore_tables();
	unblock_nmis();
	write_dr7(DR7_FIXED);
	write_dr6(DR6_FIXED);
	leave_apic_modes();
	ioapic_set(PIT_PIN, REDIR_MASKED);
	serial_init();
	asm volatile("fninit");
}

// SPDX-License-Identifier: MIT
/*
 * Nothing forbidden, but all the time: what costs a hypervisor most of the CPU's time, as often as
 * it goes. A guest may do that with its own share; these rounds never sleep for long, so that the
 * share of a neighbour shows who pays.
 */
#include "hostile.h"
#include "lib/apic.h"
#include "lib/cmos.h"
#include "lib/cpu.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { VECTOR = 0x61, PIT_CH0_MODE2 = 0x34, TURN_MS = 5, TURNS = 6, PAGES = 4096 };
enum { FIRST_FREE = 32, VECTORS = 256 };
#define MANY	   0x40000000ull /* what a string would go on for, were nobody to look */
#define FIRST_PAGE 0x2000000ull
#define HOLE	   0xd0000000ull

static void exits(void)
{
	cpuid(0x40000000, 0);
	inb(0x80);
	rdmsr(MSR_APIC_BASE);
}

static void device_memory(void)
{
	mmio_read32(LAPIC_BASE + LAPIC_TIMER_CURRENT);
	mmio_write32(IOAPIC_BASE + IOREGSEL, IOAPIC_VER);
	mmio_read32(HOLE);
}

static void console(void)
{
	for (unsigned i = 0; i < 64; i++)
		outb(COM1, (uint8_t)('!' + i));
}

static void string_out(void)
{
	uint64_t from = FIRST_PAGE, count = MANY / 64;

	asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(COM1) : "memory");
}

static void string_in(void)
{
	uint64_t to = FIRST_PAGE, count = MANY;

	asm volatile("rep insl" : "+D"(to), "+c"(count) : "d"(0x80) : "memory");
}

static void string_of_device(void)
{
	uint64_t to = FIRST_PAGE, from = HOLE, count = MANY;

	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}

static void caches(void)
{
	asm volatile("wbinvd" ::: "memory");
}

static void pauses(void)
{
	for (unsigned i = 0; i < 1000; i++)
		pause();
}

static void halts(void)
{
	apic_send_self(VECTOR);
	hlt_with_irq();
}

static void control_registers(void)
{
	write_cr4(read_cr4() ^ CR4_PGE);
	write_cr0(read_cr0() ^ CR0_WP);
	write_cr3(read_cr3());
	asm volatile("invlpg (%0)" ::"r"(FIRST_PAGE) : "memory");
}

static void self_ipis(void)
{
	irq_enable();
	for (unsigned i = 0; i < 64; i++)
		apic_send_self(VECTOR);
	irq_disable();
}

static void own_timers(void)
{
	apic_write(LAPIC_LVT_TIMER, LVT_PERIODIC | VECTOR);
	apic_write(LAPIC_TIMER_INIT, 1);
	outb(PIT_CMD, PIT_CH0_MODE2);
	outb(PIT_CH0, 2);
	outb(PIT_CH0, 0);
	irq_enable();
	pauses();
	irq_disable();
}

/* Where Plinth has to forget what it knows of all vCPUs' memory. */
static void apic_moves(void)
{
	wrmsr(MSR_APIC_BASE, LAPIC_BASE | APIC_BASE_BSP);
	wrmsr(MSR_APIC_BASE, LAPIC_BASE | APIC_BASE_BSP | APIC_BASE_EN);
}

static void new_pages(void)
{
	for (unsigned i = 0; i < PAGES; i++)
		*(volatile uint8_t *)(FIRST_PAGE + i * PAGE_SIZE) = 1;
}

static void clocks(void)
{
	wrmsr(MSR_TSC, rdtsc());
	cmos_write(RTC_A, RTC_A_32KHZ | 3);
	cmos_write(RTC_B, RTC_B_24H | RTC_B_PIE | RTC_B_UIE);
	cmos_read(RTC_C);
	outb(COM1 + UART_IER, 0xf);
	inb(COM1 + UART_IIR);
}

static void (*const hogs[])(void) = {
	exits,	    device_memory, console,
	string_out, string_in,	   string_of_device,
	caches,	    pauses,	   halts,
	self_ipis,  own_timers,	   apic_moves,
	clocks,	    new_pages,	   control_registers,
};

static uint64_t end;

static void go_on(uint64_t hog)
{
	while (rdtsc() < end)
		hogs[hog]();
}

static void take(struct trap_frame *f)
{
	(void)f;
	apic_eoi();
}

/* Time ends each turn; and what is one instruction that goes on and on, the watchdog. */
void round_hogs(void)
{
	uint64_t ticks = TURN_MS * time_tsc_per_ms();

	for (unsigned v = FIRST_FREE; v < VECTORS; v++)
		trap_set_handler((uint8_t)v, take);
	for (unsigned i = 0; i < TURNS; i++) {
		watchdog_start();
		end = rdtsc() + ticks;
		trap_run(go_on, random_below(sizeof(hogs) / sizeof(hogs[0])));
		apic_write(LAPIC_TIMER_INIT, 0);
		state_restore();
	}
	for (unsigned v = FIRST_FREE; v < VECTORS; v++)
		trap_set_handler((uint8_t)v, 0);
	watchdog_start();
}

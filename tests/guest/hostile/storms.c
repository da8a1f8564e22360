// SPDX-License-Identifier: MIT
/* Interrupts by every vector and way, and interrupt controllers programmed at random. */
#include "hostile.h"
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/test.h"
#include "lib/trap.h"

enum { VECTORS = 256, FIRST_FREE = 32, ACTS = 64, SPIN = 300, INITS = 3, PINS = 24 };
enum { ICR_MODES = 7 << 8, REDIR_MODE = 7 << 8 };
enum { LAPIC_ICR_END = 0x400, IOAPIC_REGS = 0x50, ROUND_BYTES = 0x400 };

#define CODE 0x1000000ull

static void count_and_eoi(struct trap_frame *f)
{
	(void)f;
	apic_eoi();
}

static void spin_open(uint64_t turns)
{
	irq_enable();
	for (; turns; turns--)
		pause();
	irq_disable();
}

static void set_handlers(trap_handler handler)
{
	for (unsigned v = FIRST_FREE; v < VECTORS; v++)
		trap_set_handler((uint8_t)v, handler);
}

static void int_n(uint64_t vector)
{
	uint8_t *code = (uint8_t *)CODE;

	code[0] = 0xcd; /* INT n; RET */
	code[1] = (uint8_t)vector;
	code[2] = 0xc3;
	((void (*)(void))code)();
}

static void send(uint64_t low)
{
	apic_send_icr((uint32_t)low);
}

/* All at once, then each alone with interrupts on; each vector that can be sent has to come. */
void round_every_vector(void)
{
	static uint32_t before[VECTORS];

	for (unsigned v = 0; v < VECTORS; v++)
		before[v] = trap_count[v];
	set_handlers(count_and_eoi);
	for (unsigned v = 0; v < VECTORS; v++)
		apic_send_self((uint8_t)v);
	spin_open(SPIN);
	for (unsigned v = FIRST_FREE; v < VECTORS; v++)
		if (v != 0xff) /* the spurious one's handler does an EOI too many, and so may end
				  another */
			check_true("each vector comes that was sent", trap_count[v] > before[v]);
	for (unsigned v = 0; v < VECTORS; v++) {
		trap_run(int_n, random_below(VECTORS));
		trap_run(send, (random_next() & 0xcf8ff) | v);
		trap_run(send, ICR_NMI | ICR_ASSERT | v);
		if (v % 16 == 0)
			trap_run(spin_open, SPIN / 10);
	}
	set_handlers(0);
	watchdog_start();
}

/* A reset by INIT restarts the machine: not in each act. A start-up IPI to oneself does nothing. */
static uint32_t random_icr(void)
{
	uint32_t low = (uint32_t)random_next() & 0xcffff;

	if ((low & ICR_MODES) == ICR_INIT && random_below(32))
		low |= ICR_SIPI;
	return low;
}

/* An LVT entry or redirection that would send INITs is one of few. */
static uint32_t random_entry(void)
{
	uint32_t v = (uint32_t)random_next();

	if ((v & ICR_MODES) == ICR_INIT && random_below(32))
		v &= ~(uint32_t)REDIR_MODE;
	return v;
}

static void write_any(uint64_t reg)
{
	apic_write((uint32_t)reg, reg == LAPIC_ICR ? random_icr() : random_entry());
}

static void read_any(uint64_t reg)
{
	apic_read((uint32_t)reg);
}

static void program_apic(void)
{
	for (unsigned i = 0; i < ACTS; i++) {
		uint64_t reg = 16 * random_below(LAPIC_ICR_END / 16);

		trap_run(write_any, reg);
		trap_run(read_any, 16 * random_below(LAPIC_ICR_END / 16));
		if (random_below(8) == 0)
			trap_run(spin_open, SPIN / 10);
	}
}

void round_apic(void)
{
	set_handlers(random_below(2) ? count_and_eoi : 0);
	program_apic();
	/* Off and on again, from any state. */
	wrmsr(MSR_APIC_BASE, LAPIC_BASE | APIC_BASE_BSP);
	trap_run(spin_open, SPIN / 10);
	wrmsr(MSR_APIC_BASE, LAPIC_BASE | APIC_BASE_BSP | APIC_BASE_EN);
	set_handlers(0);
	state_restore();
	watchdog_start();
}

static void switch_mode(uint64_t base)
{
	wrmsr(MSR_APIC_BASE, base);
}

/* Every register by its MSR with 64 bits, and every way between the three states. */
void round_x2apic(void)
{
	if (!apic_has_x2apic())
		return;
	set_handlers(count_and_eoi);
	apic_enter_x2apic();
	program_apic();
	for (unsigned i = 0; i < ACTS; i++) {
		uint64_t states = random_next() & (APIC_BASE_EN | APIC_BASE_EXTD | APIC_BASE_BSP);

		trap_run(switch_mode,
			 LAPIC_BASE | states | (random_below(8) ? 0 : random_next() & 0x7ff));
		if (random_below(4) == 0)
			trap_run(read_any, LAPIC_ID);
		if (random_below(8) == 0)
			trap_run(spin_open, SPIN / 10);
	}
	set_handlers(0);
	state_restore();
	watchdog_start();
}

/* Redirections at random, of which the timer, the clock and the serial port make use. */
void round_ioapic(void)
{
	set_handlers(random_below(2) ? count_and_eoi : 0);
	for (unsigned i = 0; i < ACTS; i++) {
		uint8_t reg = (uint8_t)random_below(IOAPIC_REGS);

		ioapic_write(reg, random_entry());
		ioapic_read((uint8_t)random_next());
		outb(random_below(2) ? PIC1_CMD : PIC2_CMD, (uint8_t)random_next());
		outb(random_below(2) ? PIC1_DATA : PIC2_DATA, (uint8_t)random_next());
		outb((uint16_t)(PIT_CH0 + random_below(4)), (uint8_t)random_next());
		outb(COM1 + UART_IER, (uint8_t)random_below(16));
		apic_write(LAPIC_LVT_LINT0, random_below(2) ? LVT_EXTINT : LVT_MASKED);
		if (random_below(4) == 0)
			trap_run(spin_open, SPIN / 10);
		for (unsigned n = random_below(4); n; n--)
			apic_eoi();
	}
	for (unsigned pin = 0; pin < PINS; pin++)
		ioapic_set(pin, REDIR_MASKED);
	set_handlers(0);
	state_restore();
	watchdog_start();
}

/* Some at once: the first resets the machine, and the rest must not come afterwards. */
void round_init(void)
{
	if (round_part % 4)
		return;
	for (unsigned i = 0; i < INITS; i++)
		apic_write(LAPIC_ICR, ICR_INIT | ICR_ASSERT | ICR_SELF >> 18 * (i & 1));
	apic_send_icr(ICR_INIT | ICR_ASSERT);
	for (unsigned i = 0; i < SPIN; i++)
		pause();
}

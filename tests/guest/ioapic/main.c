// SPDX-License-Identifier: MIT
/* The I/O APIC: registers, an edge source (PIT), a level source (COM1), masks, remote IRR. */
#include "lib/apic.h"
#include "lib/acpi.h"
#include "lib/cpu.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { EDGE = 0x51, LEVEL = 0x52, PIN_COM1 = 4, IER_THRE = 2, MCR_OUT2 = 0x0b };
enum { MADT_ENTRIES = 44, MADT_OVERRIDE = 2, PIT_CH0_MODE2 = 0x34, PIT_CH0_MODE0 = 0x30 };

static volatile bool remote_irr_seen, tmr_seen;

/* The pin of ISA interrupt 0, which most PCs move to 2. */
static unsigned pit_pin(void)
{
	const uint8_t *madt = (const uint8_t *)acpi_find("APIC");
	uint32_t length;

	if (!madt)
		return 0;
	length = ((const struct acpi_header *)madt)->length;
	for (uint32_t at = MADT_ENTRIES; at + 10 <= length && madt[at + 1]; at += madt[at + 1]) {
		if (madt[at] == MADT_OVERRIDE && madt[at + 3] == 0)
			return madt[at + 4];
	}
	return 0;
}

static void test_registers(void)
{
	uint32_t version = ioapic_read(IOAPIC_VER);

	check_range("version", 0x10, 0x2f, version & 0xff);
	check_range("pins", 16, 240, ioapic_pins());
	ioapic_write(IOAPIC_REDTBL + 2 * 5, REDIR_MASKED | REDIR_LEVEL | REDIR_LOW_ACTIVE | 0x77);
	check_eq("a redirection entry reads back",
		 REDIR_MASKED | REDIR_LEVEL | REDIR_LOW_ACTIVE | 0x77,
		 ioapic_read(IOAPIC_REDTBL + 2 * 5));
	ioapic_write(IOAPIC_REDTBL + 2 * 5, ~0u);
	check_eq("delivery status and remote IRR cannot be written", 0,
		 ioapic_read(IOAPIC_REDTBL + 2 * 5) & (REDIR_REMOTE_IRR | 1 << 12));
	ioapic_write(IOAPIC_REDTBL + 2 * 5, REDIR_MASKED);
	ioapic_write(IOAPIC_REDTBL + 2 * 5 + 1, 0xab000000);
	check_eq("an entry's destination reads back", 0xab000000,
		 ioapic_read(IOAPIC_REDTBL + 2 * 5 + 1));
	ioapic_write(IOAPIC_REDTBL + 2 * 5 + 1, 0);
	ioapic_write(IOAPIC_VER, 0);
	check_eq("the version cannot be written", version, ioapic_read(IOAPIC_VER));
}

static uint32_t count_for_20ms(uint8_t vector)
{
	uint32_t before = trap_count[vector];

	irq_enable();
	time_wait_us(20000);
	irq_disable();
	return trap_count[vector] - before;
}

static void test_edge(unsigned pin)
{
	apic_handle(EDGE);
	outb(PIT_CMD, PIT_CH0_MODE2);
	outb(PIT_CH0, (uint8_t)1193);
	outb(PIT_CH0, 1193 >> 8);
	ioapic_set(pin, EDGE);
	check_range("edge: interrupts in 20 ms at 1 kHz", 18, 23, count_for_20ms(EDGE));
	check_true("edge: TMR is clear", !apic_bit(LAPIC_TMR, EDGE));
	ioapic_set(pin, EDGE | REDIR_MASKED);
	count_for_20ms(EDGE);
	check_eq("edge: interrupts while masked", 0, count_for_20ms(EDGE));
	ioapic_set(pin, EDGE);
	check_range("edge: interrupts after the mask opened", 18, 23, count_for_20ms(EDGE));
	ioapic_set(pin, EDGE | REDIR_MASKED);
	outb(PIT_CMD, PIT_CH0_MODE0);
}

/* The line stays up through the first interrupt: the EOI has to bring a second one. */
static void take_level(struct trap_frame *f)
{
	(void)f;
	remote_irr_seen = ioapic_read(IOAPIC_REDTBL + 2 * PIN_COM1) & REDIR_REMOTE_IRR;
	tmr_seen = apic_bit(LAPIC_TMR, LEVEL);
	if (trap_count[LEVEL] >= 3)
		outb(COM1 + UART_IER, 0);
	apic_eoi();
}

static void test_level(void)
{
	trap_set_handler(LEVEL, take_level);
	serial_drain();
	outb(COM1 + UART_MCR, MCR_OUT2);
	ioapic_set(PIN_COM1, LEVEL | REDIR_LEVEL);
	outb(COM1 + UART_IER, IER_THRE);
	check_eq("level: comes again until the line drops", 3, count_for_20ms(LEVEL));
	check_true("level: remote IRR in the handler", remote_irr_seen);
	check_true("level: TMR in the handler", tmr_seen);
	check_eq("level: remote IRR after EOI", 0,
		 ioapic_read(IOAPIC_REDTBL + 2 * PIN_COM1) & REDIR_REMOTE_IRR);
	ioapic_set(PIN_COM1, LEVEL | REDIR_LEVEL | REDIR_MASKED);
	outb(COM1 + UART_IER, IER_THRE);
	check_eq("level: none while masked", 0, count_for_20ms(LEVEL));
	trap_count[LEVEL] = 2;
	ioapic_set(PIN_COM1, LEVEL | REDIR_LEVEL);
	check_eq("level: a line that is up comes when the mask opens", 1, count_for_20ms(LEVEL));
	ioapic_set(PIN_COM1, LEVEL | REDIR_MASKED);
	outb(COM1 + UART_IER, 0);
}

void guest_main(void)
{
	apic_init();
	time_tsc_per_ms();
	test_registers();
	test_edge(pit_pin());
	test_tolerate(test_is_bare_bochs(), "Bochs sends a level once and has no remote IRR");
	test_level();
	test_tolerate_end();
}

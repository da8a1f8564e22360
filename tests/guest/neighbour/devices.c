// SPDX-License-Identifier: MIT
/* Registers of devices that keep what they are given, as long as nobody else writes them. */
#include "lib/apic.h"
#include "lib/cmos.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/test.h"
#include "neighbour.h"

enum { PINS_MAX = 32, CMOS_FIRST = 0x50, CMOS_BYTES = 0x20, VECTOR_BASE = 0x70 };
enum { CMOS_SEED = 0xc3, MASKS = 0xfffb, SCRATCH = 0x5a, APIC_REGISTERS = 8, BANKS = 8 };

static struct {
	unsigned pins;
	uint32_t pin[PINS_MAX][2], pci;
	uint32_t apic[APIC_REGISTERS];
	uint8_t lcr, mcr;
} devices;

static const uint32_t apic_registers[APIC_REGISTERS] = { LAPIC_ID,	  LAPIC_LDR,
							 LAPIC_DFR,	  LAPIC_SVR,
							 LAPIC_TPR,	  LAPIC_LVT_LINT0,
							 LAPIC_LVT_LINT1, LAPIC_LVT_ERROR };

static uint8_t redirection(unsigned pin)
{
	return (uint8_t)(IOAPIC_REDTBL + 2 * pin);
}

static uint32_t read_pci(void)
{
	outl(PCI_ADDRESS, 1u << 31);
	return inl(PCI_DATA);
}

void devices_set(void)
{
	devices.pins = ioapic_pins() < PINS_MAX ? ioapic_pins() : PINS_MAX;
	for (unsigned pin = 0; pin < devices.pins; pin++) {
		ioapic_set(pin, REDIR_MASKED | (VECTOR_BASE + pin));
		devices.pin[pin][0] = ioapic_read(redirection(pin));
		devices.pin[pin][1] = ioapic_read((uint8_t)(redirection(pin) + 1));
	}
	for (unsigned i = CMOS_FIRST; i < CMOS_FIRST + CMOS_BYTES; i++)
		cmos_write((uint8_t)i, (uint8_t)(i ^ CMOS_SEED));
	for (unsigned i = 0; i < APIC_REGISTERS; i++)
		devices.apic[i] = apic_read(apic_registers[i]);
	/* The cascade is open, and behind it all are masked: nothing can come. */
	pic_set_masks(MASKS);
	outb(COM1 + UART_SCR, SCRATCH);
	devices.lcr = inb(COM1 + UART_LCR);
	devices.mcr = inb(COM1 + UART_MCR);
	devices.pci = read_pci();
}

/* In service and requested: nothing but the timer's. */
static void check_apic(uint64_t turn)
{
	unsigned r = turn % APIC_REGISTERS, v = turn % BANKS * 32;
	uint32_t others = v == TIMER_VECTOR / 32 * 32 ? ~(1u << TIMER_VECTOR % 32) : ~0u;

	check_eq("the local APIC's registers are kept", devices.apic[r],
		 apic_read(apic_registers[r]));
	check_eq("no vector is in service but the timer's", 0,
		 apic_read(LAPIC_ISR + v / 2) & others);
	check_eq("no vector is requested but the timer's", 0,
		 apic_read(LAPIC_IRR + v / 2) & others);
}

void devices_check(uint64_t turn)
{
	unsigned pin = (unsigned)(turn % devices.pins);
	uint8_t byte = (uint8_t)(CMOS_FIRST + turn % CMOS_BYTES);

	check_eq("the I/O APIC's entries are kept", devices.pin[pin][0],
		 ioapic_read(redirection(pin)));
	check_eq("and their destinations", devices.pin[pin][1],
		 ioapic_read((uint8_t)(redirection(pin) + 1)));
	check_eq("CMOS is kept", byte ^ CMOS_SEED, cmos_read(byte));
	check_apic(turn);
	check_eq("the PIC's masks are kept", MASKS, inb(PIC1_DATA) | inb(PIC2_DATA) << 8);
	check_eq("nothing is in service at the PIC", 0, pic_read_isr());
	check_eq("the UART's scratch register is kept", SCRATCH, inb(COM1 + UART_SCR));
	check_eq("the UART's LCR is kept", devices.lcr, inb(COM1 + UART_LCR));
	check_eq("the UART's MCR is kept", devices.mcr, inb(COM1 + UART_MCR));
	check_eq("nobody types", 0, inb(COM1 + UART_LSR) & LSR_DR);
	check_eq("the host bridge's ID is kept", devices.pci, read_pci());
}

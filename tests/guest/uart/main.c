// SPDX-License-Identifier: MIT
/* The 16550A at COM1: registers, loopback, FIFOs, and its interrupts in their order. */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { IRQ = 4, FIFO_BYTES = 16 };
enum { LCR_DLAB = 0x80, LCR_8N1 = 3 };
enum { FCR_ENABLE = 1, FCR_CLEAR = 6, FCR_TRIGGER_8 = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 0x10 };
enum { IER_RX = 1, IER_THRE = 2, IER_LINE = 4, IER_MODEM = 8 };
enum { IIR_NONE = 1, IIR_MODEM = 0, IIR_THRE = 2, IIR_RX = 4, IIR_LINE = 6, IIR_TIMEOUT = 12 };
enum { IIR_ID = 0x0f, IIR_FIFO = 0xc0 };
enum { MSR_DELTAS = 0x0f, MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80 };

static uint8_t get(uint16_t reg)
{
	return inb(COM1 + reg);
}

static void set(uint16_t reg, uint8_t v)
{
	outb(COM1 + reg, v);
}

static void enter_loopback(uint8_t fcr)
{
	serial_drain();
	set(UART_IER, 0);
	set(UART_MCR, MCR_LOOP);
	set(UART_FCR, fcr | FCR_CLEAR);
	get(UART_LSR);
	get(UART_DATA);
	get(UART_MSR);
}

static void leave_loopback(void)
{
	set(UART_IER, 0);
	time_wait_us(2000);
	set(UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
	set(UART_FCR, FCR_ENABLE | FCR_CLEAR);
	get(UART_LSR);
}

/* A byte at 115200 baud is 87 µs. Polling LSR would clear the errors that are looked for. */
static void send(uint8_t v)
{
	set(UART_DATA, v);
	time_wait_us(300);
}

static void test_registers(void)
{
	for (unsigned v = 0; v < 256; v += 17) {
		set(UART_SCR, (uint8_t)v);
		check_eq("the scratch register", v, get(UART_SCR));
	}
	serial_drain();
	set(UART_LCR, LCR_DLAB | LCR_8N1);
	set(0, 0x34);
	set(1, 0x12);
	check_eq("divisor latch, low", 0x34, get(0));
	check_eq("divisor latch, high", 0x12, get(1));
	check_eq("LCR", LCR_DLAB | LCR_8N1, get(UART_LCR));
	set(0, 1);
	set(1, 0);
	set(UART_LCR, LCR_8N1);
	set(UART_IER, 0x0f);
	check_eq("IER", 0x0f, get(UART_IER));
	set(UART_IER, 0xf0);
	check_eq("IER's upper bits are 0", 0, get(UART_IER));
	check_eq("LSR at rest", LSR_THRE | LSR_TEMT, get(UART_LSR));
	check_eq("IIR at rest, FIFOs on", IIR_FIFO | IIR_NONE, get(UART_IIR));
	set(UART_FCR, 0);
	check_eq("IIR with FIFOs off", IIR_NONE, get(UART_IIR));
	set(UART_FCR, FCR_ENABLE | FCR_CLEAR);
}

static void test_loopback(void)
{
	uint8_t modem;

	enter_loopback(FCR_ENABLE);
	send(0xa5);
	check_eq("loopback: LSR.DR", LSR_DR, get(UART_LSR) & LSR_DR);
	check_eq("loopback: the byte", 0xa5, get(UART_DATA));
	check_eq("loopback: LSR.DR after the read", 0, get(UART_LSR) & LSR_DR);
	set(UART_MCR, MCR_LOOP | MCR_DTR | MCR_RTS | MCR_OUT1 | MCR_OUT2);
	modem = get(UART_MSR);
	check_eq("loopback: MSR is MCR", MSR_CTS | MSR_DSR | MSR_RI | MSR_DCD, modem & 0xf0);
	test_tolerate(test_is_bare_tcg(), "QEMU sets no deltas in loopback");
	check_true("loopback: MSR's deltas", modem & MSR_DELTAS);
	test_tolerate_end();
	check_eq("MSR's deltas after the read", 0, get(UART_MSR) & MSR_DELTAS);
	set(UART_MCR, MCR_LOOP | MCR_DTR);
	check_eq("loopback: DTR is DSR", MSR_DSR, get(UART_MSR) & 0xf0);
	leave_loopback();
}

static void test_fifo(void)
{
	enter_loopback(FCR_ENABLE);
	for (uint8_t i = 0; i < FIFO_BYTES; i++)
		send((uint8_t)(0x40 + i));
	check_eq("16 bytes fit into the FIFO", 0, get(UART_LSR) & LSR_OE);
	send(0x99);
	check_eq("the 17th overruns", LSR_OE, get(UART_LSR) & LSR_OE);
	check_eq("overrun is clear after the read", 0, get(UART_LSR) & LSR_OE);
	for (uint8_t i = 0; i < FIFO_BYTES; i++)
		check_eq("the FIFO's order", 0x40u + i, get(UART_DATA));
	check_eq("the FIFO is empty", 0, get(UART_LSR) & LSR_DR);
	send(1);
	send(2);
	set(UART_FCR, FCR_ENABLE | 2);
	test_tolerate(test_is_bare_bochs(), "Bochs leaves LSR.DR on");
	check_eq("the receiver's FIFO cleared", 0, get(UART_LSR) & LSR_DR);
	test_tolerate_end();
	leave_loopback();
}

static void test_interrupt_ids(void)
{
	enter_loopback(FCR_ENABLE | FCR_TRIGGER_8);
	set(UART_IER, IER_THRE);
	check_eq("IIR: transmitter empty", IIR_THRE, get(UART_IIR) & IIR_ID);
	check_eq("IIR: reading it takes the interrupt away", IIR_NONE, get(UART_IIR) & IIR_ID);
	set(UART_IER, 0);
	set(UART_IER, IER_THRE);
	check_eq("IIR: enabling it again brings it back", IIR_THRE, get(UART_IIR) & IIR_ID);
	set(UART_IER, IER_RX);
	for (int i = 0; i < 7; i++)
		send((uint8_t)i);
	time_wait_us(1000); /* four characters' time is 350 µs */
	check_eq("IIR: character timeout below the trigger", IIR_TIMEOUT, get(UART_IIR) & IIR_ID);
	send(7);
	check_eq("IIR: the trigger level", IIR_RX, get(UART_IIR) & IIR_ID & ~8);
	for (int i = 0; i < 8; i++)
		get(UART_DATA);
	check_eq("IIR: none after the reads", IIR_NONE, get(UART_IIR) & IIR_ID);
	for (int i = 0; i < FIFO_BYTES + 1; i++)
		send((uint8_t)i);
	set(UART_IER, IER_RX | IER_THRE | IER_LINE);
	check_eq("IIR: the line status first", IIR_LINE, get(UART_IIR) & IIR_ID);
	get(UART_LSR);
	check_eq("IIR: then the data", IIR_RX, get(UART_IIR) & IIR_ID & ~8);
	for (int i = 0; i < FIFO_BYTES; i++)
		get(UART_DATA);
	test_tolerate(test_is_bare_bochs(), "Bochs forgets it behind the others");
	check_eq("IIR: then the transmitter", IIR_THRE, get(UART_IIR) & IIR_ID);
	test_tolerate_end();
	set(UART_IER, IER_MODEM);
	get(UART_MSR);
	set(UART_MCR, MCR_LOOP | MCR_RTS);
	test_tolerate(test_is_bare_tcg(), "QEMU sets no deltas in loopback");
	check_eq("IIR: modem status", IIR_MODEM, get(UART_IIR) & IIR_ID);
	test_tolerate_end();
	get(UART_MSR);
	check_eq("IIR: none after MSR was read", IIR_NONE, get(UART_IIR) & IIR_ID);
	leave_loopback();
}

static volatile uint8_t seen_iir;

static void take(struct trap_frame *f)
{
	(void)f;
	seen_iir = get(UART_IIR) & IIR_ID;
	pic_eoi(IRQ);
}

static void test_interrupt(void)
{
	pic_init();
	trap_set_handler(PIC_VECTOR + IRQ, take);
	pic_set_mask(IRQ, false);
	set(UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
	irq_enable();
	set(UART_IER, IER_THRE);
	time_wait_us(1000);
	set(UART_IER, 0);
	irq_disable();
	check_eq("the transmitter's interrupt", 1, trap_count[PIC_VECTOR + IRQ]);
	check_eq("its IIR", IIR_THRE, seen_iir);
	/* A PC's serial interrupt passes the gate OUT2. */
	set(UART_MCR, MCR_DTR | MCR_RTS);
	irq_enable();
	set(UART_IER, IER_THRE);
	time_wait_us(1000);
	irq_disable();
	test_tolerate(test_is_bare_tcg() || test_is_bare_bochs(), "emulators have no OUT2 gate");
	check_eq("no interrupt without OUT2", 1, trap_count[PIC_VECTOR + IRQ]);
	test_tolerate_end();
	set(UART_IER, 0);
	set(UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
}

void guest_main(void)
{
	apic_init_virtual_wire();
	time_tsc_per_ms();
	test_registers();
	test_loopback();
	test_fifo();
	test_interrupt_ids();
	test_interrupt();
}

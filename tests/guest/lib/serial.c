// SPDX-License-Identifier: MIT
/* COM1, polled. The waits have an end: a port without a UART must not hang a test. */
#include "cpu.h"
#include "test.h"

enum { WAIT_TURNS = 1000000, MCR_READY = 3, MCR_LOOP = 0x10 };

void serial_init(void)
{
	outb(COM1 + UART_IER, 0);
	outb(COM1 + UART_LCR, 0x80); /* DLAB */
	outb(COM1 + 0, 1);	     /* 115200 baud */
	outb(COM1 + 1, 0);
	outb(COM1 + UART_LCR, 3); /* 8 bits, no parity, 1 stop bit */
	outb(COM1 + UART_FCR, 7); /* FIFOs on and empty */
	outb(COM1 + UART_MCR, 3); /* DTR, RTS */
}

static void wait_for(uint8_t lsr_bit)
{
	for (int i = 0; i < WAIT_TURNS && !(inb(COM1 + UART_LSR) & lsr_bit); i++)
		pause();
}

void serial_putc(char c)
{
	if (c == '\n')
		serial_putc('\r');
	wait_for(LSR_THRE);
	outb(COM1 + UART_DATA, (uint8_t)c);
}

void serial_drain(void)
{
	wait_for(LSR_TEMT);
}

bool serial_claim(struct serial_state *saved)
{
	saved->mcr = inb(COM1 + UART_MCR);
	if (!(saved->mcr & MCR_LOOP))
		return false;
	saved->ier = inb(COM1 + UART_IER);
	serial_drain();
	outb(COM1 + UART_IER, 0);
	outb(COM1 + UART_MCR, MCR_READY);
	return true;
}

void serial_release(const struct serial_state *saved)
{
	serial_drain();
	outb(COM1 + UART_MCR, saved->mcr);
	outb(COM1 + UART_IER, saved->ier);
}

/* SPDX-License-Identifier: MIT */
/*
 * The 16550A serial port: registers and their bits (PC16550D data sheet), for the host's driver and
 * the guest's emulated port alike.
 */
#ifndef DRIVERS_NS16550_H
#define DRIVERS_NS16550_H

/* Offsets from the port's base. With LCR's DLAB set, the first two are the divisor. */
enum uart_reg {
	UART_RBR = 0, /* read: received byte */
	UART_THR = 0, /* write: byte to send */
	UART_DLL = 0,
	UART_IER = 1,
	UART_DLM = 1,
	UART_IIR = 2, /* read */
	UART_FCR = 2, /* write */
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
	UART_MSR = 6,
	UART_SCR = 7,
	UART_PORTS = 8
};

enum uart_ier_bit {
	UART_IER_RX = 1 << 0,
	UART_IER_THRE = 1 << 1,
	UART_IER_LINE = 1 << 2,
	UART_IER_MODEM = 1 << 3,
	UART_IER_BITS = 0xf,
};

enum uart_iir_bit {
	UART_IIR_NONE = 1 << 0, /* no interrupt is pending */
	UART_IIR_ID = 7 << 1,
	UART_IIR_MODEM = 0 << 1,
	UART_IIR_THRE = 1 << 1,
	UART_IIR_RX = 2 << 1,
	UART_IIR_LINE = 3 << 1,
	UART_IIR_TIMEOUT = 6 << 1,
	UART_IIR_FIFO64 = 1 << 5, /* 16750 */
	UART_IIR_FIFO = 3 << 6,	  /* both: on and working; one only: the 16550's broken one */
};

enum uart_fcr_bit {
	UART_FCR_ENABLE = 1 << 0,
	UART_FCR_CLEAR_RX = 1 << 1,
	UART_FCR_CLEAR_TX = 1 << 2,
	UART_FCR_FIFO64 = 1 << 5, /* 16750, with DLAB set */
	UART_FCR_TRIGGER = 3 << 6,
	UART_FCR_TRIGGER_SHIFT = 6,
	UART_FCR_TRIGGER_1 = 0 << 6,
	UART_FCR_TRIGGER_4 = 1 << 6,
	UART_FCR_TRIGGER_8 = 2 << 6,
	UART_FCR_TRIGGER_14 = 3 << 6,
};

enum uart_lcr_bit {
	UART_LCR_8BITS = 3 << 0,
	UART_LCR_WORD = 3 << 0, /* 5 bits and so many */
	UART_LCR_STOP = 1 << 2,
	UART_LCR_PARITY = 1 << 3,
	UART_LCR_BREAK = 1 << 6,
	UART_LCR_DLAB = 1 << 7,
};

enum uart_mcr_bit {
	UART_MCR_DTR = 1 << 0,
	UART_MCR_RTS = 1 << 1,
	UART_MCR_OUT1 = 1 << 2,
	UART_MCR_OUT2 = 1 << 3, /* on a PC it lets the interrupt through to the PIC */
	UART_MCR_LOOP = 1 << 4,
	UART_MCR_BITS = 0x1f,
};

enum uart_lsr_bit {
	UART_LSR_DR = 1 << 0,
	UART_LSR_OE = 1 << 1,
	UART_LSR_PE = 1 << 2,
	UART_LSR_FE = 1 << 3,
	UART_LSR_BI = 1 << 4,
	UART_LSR_ERRORS = UART_LSR_OE | UART_LSR_PE | UART_LSR_FE | UART_LSR_BI,
	UART_LSR_THRE = 1 << 5,
	UART_LSR_TEMT = 1 << 6,
	UART_LSR_FIFO_ERROR = 1 << 7,
};

enum uart_msr_bit {
	UART_MSR_CTS_CHANGED = 1 << 0,
	UART_MSR_DSR_CHANGED = 1 << 1,
	UART_MSR_RI_ENDED = 1 << 2,
	UART_MSR_DCD_CHANGED = 1 << 3,
	UART_MSR_CTS = 1 << 4,
	UART_MSR_DSR = 1 << 5,
	UART_MSR_RI = 1 << 6,
	UART_MSR_DCD = 1 << 7,
	UART_MSR_LINES = 0xf0,
};

enum { UART_FIFO_DEPTH = 16, UART_FIFO64_DEPTH = 64, UART_BASE_BAUD = 115200 };

#endif

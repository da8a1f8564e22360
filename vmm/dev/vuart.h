/* SPDX-License-Identifier: MIT */
/* Two 16550A serial ports: COM1 and COM2. */
#ifndef VMM_DEV_VUART_H
#define VMM_DEV_VUART_H

#include "core/timer.h"
#include "vmm/dev/device.h"

enum { VUART_FIFO = 16, VUART_RING = 4096, VUART_COM1 = 0x3f8, VUART_COM2 = 0x2f8 };

struct vuart {
	uint8_t ier, iir_fifo, lcr, mcr, lsr, msr, scratch, dll, dlm;
	uint8_t trigger; /* received bytes that raise the interrupt: 1, 4, 8, 14 */
	bool fifo_on;
	bool thre_pending;    /* the THRE interrupt has not been taken yet */
	bool timeout_pending; /* the character time-out has come */
	bool irq;	      /* the level of the port's line */
	uint8_t fifo[VUART_FIFO], fifo_first, fifo_count;
	/* What the host sent and the FIFO had no room for. */
	uint8_t ring[VUART_RING];
	uint16_t ring_first, ring_count;

	/* not state: which port this is, and the character time-out */
	uint8_t port;
	struct timer timer;
	struct vm *vm;
};

/* Input from the host's console for port 0 or 1: returns how many of the n bytes were taken. Caller
 * holds vm->lock. */
unsigned vuart_receive(struct vm *vm, unsigned port, const uint8_t *bytes, unsigned n);

extern const struct dev_class vuart_class;

#endif

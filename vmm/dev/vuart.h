/* SPDX-License-Identifier: MIT */
/* Two 16550A serial ports: COM1 and COM2. */
#ifndef VMM_DEV_VUART_H
#define VMM_DEV_VUART_H

#include "core/timer.h"
#include "vmm/dev/device.h"

enum { VUART_FIFO = 16, VUART_RING = 4096, VUART_COM1 = 0x3f8, VUART_COM2 = 0x2f8 };

struct vuart {
	/* The registers under their names; FCR and IIR are worked out from what follows. */
	uint8_t ier, lcr, mcr, lsr, msr, scratch, dll, dlm;
	bool fifo_on;
	uint8_t trigger;      /* so many received bytes raise the interrupt */
	bool thre_pending;    /* the interrupt of an empty transmitter has not been taken yet */
	bool timeout_pending; /* the character time-out has come */
	bool irq;	      /* the level of the port's line */
	uint8_t fifo[VUART_FIFO];
	uint8_t errors[VUART_FIFO]; /* LSR bits that came with the byte */
	uint8_t fifo_first, fifo_count, error_count;
	uint64_t timeout_ns; /* VM time of the character time-out; 0: none is under way */
	/* What the host sent and the FIFO has no room for. */
	uint8_t ring[VUART_RING];
	uint16_t ring_first, ring_count;

	/*
	 * not state: which port this is, the host's time at VM time 0, and the character time-out
	 */
	struct vm *vm;
	uint8_t port;
	uint64_t origin_ns;
	struct timer timer;
};

/*
 * Input from the host's console for port 0 or 1: returns how many of the n bytes were taken.
 * Caller holds vm->lock.
 */
unsigned vuart_receive(struct vm *vm, unsigned port, const uint8_t *bytes, unsigned n);
/* What was not taken is lost: the guest hears of an overrun. Caller holds vm->lock. */
void vuart_overrun(struct vm *vm, unsigned port);
/*
 * The console takes bytes again, after vm_console_write() said that it is behind: the transmitter
 * is empty. Caller holds vm->lock.
 */
void vuart_transmit_ready(struct vm *vm, unsigned port);

extern const struct dev_class vuart_class;

#endif

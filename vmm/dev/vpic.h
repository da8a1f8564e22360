/* SPDX-License-Identifier: MIT */
/* The pair of 8259A interrupt controllers of a PC, with the edge/level control registers. */
#ifndef VMM_DEV_VPIC_H
#define VMM_DEV_VPIC_H

#include "vmm/dev/device.h"

struct vpic_chip {
	uint8_t lines; /* the levels of IR0 … IR7 as they are now */
	uint8_t irr;   /* edges latched; lines of level-triggered inputs */
	uint8_t isr;
	uint8_t imr;
	uint8_t elcr;	 /* 1: level-triggered */
	uint8_t vector;	 /* ICW2, T7 … T3 */
	uint8_t highest; /* the IR with the highest priority now */
	uint8_t step;	 /* which ICW a write to the odd port is; 0: OCW1 */
	bool wants_icw4;
	bool single;	   /* ICW1.SNGL */
	bool level_all;	   /* ICW1.LTIM */
	bool auto_eoi;	   /* ICW4.AEOI */
	bool nested;	   /* ICW4.SFNM */
	bool rotate_auto;  /* rotate in automatic EOI mode */
	bool special_mask; /* OCW3.SMM */
	bool read_isr;	   /* OCW3.RIS */
	bool poll;	   /* OCW3.P: the next read is the acknowledge */
};

struct vpic {
	struct vpic_chip chips[2]; /* master, slave */
	bool output;		   /* INTR, as irqchip_pic_output() was last told */
};

/* Sets ISA line irq (0 … 15 but 2) to level. Caller holds vm->lock. */
void vpic_line(struct vm *vm, unsigned irq, bool level);
/* The INTR output. */
bool vpic_pending(const struct vm *vm);
/* INTA: the vector; that of IR7 when the request has gone (spurious). Caller holds vm->lock. */
uint8_t vpic_acknowledge(struct vm *vm);
/* irqchip.c's end of INTR: called whenever the output changes. */
void irqchip_pic_output(struct vm *vm, bool level);

extern const struct dev_class vpic_class;

#endif

/* SPDX-License-Identifier: MIT */
/* The two 8259A, at vectors 0x20 and 0x28. */
#ifndef GUEST_PIC_H
#define GUEST_PIC_H

#include <stdbool.h>
#include <stdint.h>

enum { PIC_VECTOR = 0x20, PIC_IRQS = 16 };

/* ICW1 to ICW4: edge, cascade on 2, no automatic EOI; all masked. */
void pic_init(void);
void pic_set_mask(unsigned irq, bool masked);
/* All at once: a set bit masks. */
void pic_set_masks(uint16_t bits);
void pic_eoi(unsigned irq);
/* OCW3 reads of the master's or slave's registers, as one 16-bit word. */
uint16_t pic_read_irr(void);
uint16_t pic_read_isr(void);
/* Sets handlers that count (trap_count) and do EOI. */
void pic_handle(unsigned irq);

#endif

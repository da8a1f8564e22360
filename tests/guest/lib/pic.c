// SPDX-License-Identifier: MIT
/* Helpers for the 8259A pair. */
#include "pic.h"
#include "cpu.h"
#include "trap.h"

enum { ICW1_INIT_ICW4 = 0x11, ICW4_8086 = 1, CASCADE = 2, OCW2_EOI = 0x20 };
enum { OCW3_READ_IRR = 0x0a, OCW3_READ_ISR = 0x0b };

static uint16_t masks;

void pic_init(void)
{
	outb(PIC1_CMD, ICW1_INIT_ICW4);
	outb(PIC2_CMD, ICW1_INIT_ICW4);
	outb(PIC1_DATA, PIC_VECTOR);
	outb(PIC2_DATA, PIC_VECTOR + 8);
	outb(PIC1_DATA, 1 << CASCADE);
	outb(PIC2_DATA, CASCADE);
	outb(PIC1_DATA, ICW4_8086);
	outb(PIC2_DATA, ICW4_8086);
	masks = 0xffff;
	outb(PIC1_DATA, 0xff);
	outb(PIC2_DATA, 0xff);
}

void pic_set_masks(uint16_t bits)
{
	masks = bits;
	outb(PIC1_DATA, (uint8_t)masks);
	outb(PIC2_DATA, (uint8_t)(masks >> 8));
}

void pic_set_mask(unsigned irq, bool masked)
{
	masks = (uint16_t)(masked ? masks | 1u << irq : masks & ~(1u << irq));
	if (irq >= 8 && !masked)
		masks &= (uint16_t) ~(1u << CASCADE);
	outb(PIC1_DATA, (uint8_t)masks);
	outb(PIC2_DATA, (uint8_t)(masks >> 8));
}

void pic_eoi(unsigned irq)
{
	if (irq >= 8)
		outb(PIC2_CMD, OCW2_EOI);
	outb(PIC1_CMD, OCW2_EOI);
}

static uint16_t read_both(uint8_t ocw3)
{
	uint16_t v;

	outb(PIC1_CMD, ocw3);
	outb(PIC2_CMD, ocw3);
	v = inb(PIC1_CMD);
	return (uint16_t)(v | inb(PIC2_CMD) << 8);
}

uint16_t pic_read_irr(void)
{
	return read_both(OCW3_READ_IRR);
}

uint16_t pic_read_isr(void)
{
	return read_both(OCW3_READ_ISR);
}

static void handle_with_eoi(struct trap_frame *f)
{
	pic_eoi((unsigned)f->vector - PIC_VECTOR);
}

void pic_handle(unsigned irq)
{
	trap_set_handler((uint8_t)(PIC_VECTOR + irq), handle_with_eoi);
}

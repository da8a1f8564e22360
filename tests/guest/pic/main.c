// SPDX-License-Identifier: MIT
/* The 8259A pair, with the PIT (IRQ 0), COM1 (IRQ 4) and the RTC (IRQ 8) as sources. */
#include "lib/apic.h"
#include "lib/cmos.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { IRQ_PIT = 0, IRQ_COM1 = 4, IRQ_RTC = RTC_IRQ };
enum { BOTH_OPEN = 0xffff & ~(1 << IRQ_PIT | 1 << IRQ_COM1) };
enum { PIT_CH0_MODE0 = 0x30, IER_THRE = 2, MCR_OUT2 = 0x0b, POLL = 0x0c, POLL_HIT = 0x80 };
enum { OCW2_SPECIFIC_EOI = 0x60, OCW2_ROTATE_EOI = 0xa0, OCW2_SET_LOWEST = 0xc0 };
enum { OCW3_SPECIAL_MASK = 0x68, OCW3_NORMAL_MASK = 0x48, ICW4_AEOI = 3 };
enum { ELCR1 = 0x4d0, ELCR_IRQ5 = 1 << 5 };
enum { RTC_A_1KHZ = RTC_A_32KHZ | 6 };

static volatile unsigned order[8], order_count;
static volatile uint16_t isr_in_handler;
static volatile bool held_back;

/* OUT rises after some µs and stays, so the line is high until the next control word. */
static void raise_irq0(void)
{
	outb(PIT_CMD, PIT_CH0_MODE0);
	outb(PIT_CH0, 20);
	outb(PIT_CH0, 0);
	time_wait_us(200);
}

static void raise_irq4(void)
{
	outb(COM1 + UART_MCR, MCR_OUT2);
	outb(COM1 + UART_IER, 0);
	serial_drain();
	outb(COM1 + UART_IER, IER_THRE);
}

static void drop_irq4(void)
{
	outb(COM1 + UART_IER, 0);
	inb(COM1 + UART_IIR);
}

static void note_order(struct trap_frame *f)
{
	order[order_count++ & 7] = (unsigned)f->vector - PIC_VECTOR;
	if (f->vector == PIC_VECTOR + IRQ_COM1)
		drop_irq4();
	pic_eoi((unsigned)f->vector - PIC_VECTOR);
}

static void open_window(void)
{
	irq_enable();
	for (int i = 0; i < 100; i++)
		pause();
	irq_disable();
}

static void reset(void)
{
	drop_irq4();
	pic_init();
	order_count = 0;
}

static void test_masks(void)
{
	for (unsigned v = 0; v < 256; v += 51) {
		outb(PIC1_DATA, (uint8_t)v);
		outb(PIC2_DATA, (uint8_t)~v);
		check_eq("IMR of the master", v, inb(PIC1_DATA));
		check_eq("IMR of the slave", ~v & 0xff, inb(PIC2_DATA));
	}
	reset();
	raise_irq0();
	check_eq("IRR bit 0 of a masked interrupt", 1, pic_read_irr() & 1);
	open_window();
	check_eq("a masked IRQ 0 taken", 0, trap_count[PIC_VECTOR]);
	trap_set_handler(PIC_VECTOR, note_order);
	pic_set_mask(IRQ_PIT, false);
	open_window();
	check_eq("IRQ 0 taken after its mask opened", 1, trap_count[PIC_VECTOR]);
	check_eq("IRR bit 0 after it was taken", 0, pic_read_irr() & 1);
	check_eq("ISR after EOI", 0, pic_read_isr());
}

static void test_priority(void)
{
	trap_set_handler(PIC_VECTOR + IRQ_COM1, note_order);
	reset();
	raise_irq4();
	raise_irq0();
	check_eq("IRR of both", 0x11, pic_read_irr() & 0x11);
	pic_set_masks(BOTH_OPEN);
	open_window();
	check_eq("interrupts taken, of IRQ 0 and 4", 2, order_count);
	check_eq("first", IRQ_PIT, order[0]);
	check_eq("second", IRQ_COM1, order[1]);
	reset();
	/* IRQ 3 lowest makes IRQ 4 the highest. */
	outb(PIC1_CMD, OCW2_SET_LOWEST | 3);
	raise_irq4();
	raise_irq0();
	pic_set_masks(BOTH_OPEN);
	open_window();
	check_eq("first, with IRQ 3 the lowest", IRQ_COM1, order[0]);
	check_eq("second, with IRQ 3 the lowest", IRQ_PIT, order[1]);
}

/* While IRQ 0 is in service, IRQ 4 waits, until EOI or under the special mask mode. */
static void hold_back(struct trap_frame *f)
{
	(void)f;
	isr_in_handler = pic_read_isr();
	raise_irq4();
	open_window();
	held_back = trap_count[PIC_VECTOR + IRQ_COM1] == 0;
	outb(PIC1_CMD, OCW2_SPECIFIC_EOI | IRQ_PIT);
	open_window();
}

static void hold_back_special(struct trap_frame *f)
{
	(void)f;
	pic_set_mask(IRQ_PIT, true);
	outb(PIC1_CMD, OCW3_SPECIAL_MASK);
	raise_irq4();
	open_window();
	held_back = trap_count[PIC_VECTOR + IRQ_COM1] == 0;
	outb(PIC1_CMD, OCW3_NORMAL_MASK);
	outb(PIC1_CMD, OCW2_SPECIFIC_EOI | IRQ_PIT);
}

static void run_irq0(trap_handler handler)
{
	reset();
	trap_count[PIC_VECTOR + IRQ_COM1] = 0;
	trap_set_handler(PIC_VECTOR, handler);
	pic_set_masks(BOTH_OPEN);
	raise_irq0();
	open_window();
}

static void test_in_service(void)
{
	run_irq0(hold_back);
	check_eq("ISR in IRQ 0's handler", 1, isr_in_handler);
	check_true("IRQ 4 waits while IRQ 0 is in service", held_back);
	check_eq("IRQ 4 taken after the specific EOI", 1, trap_count[PIC_VECTOR + IRQ_COM1]);
	run_irq0(hold_back_special);
	check_true("the special mask mode lets IRQ 4 through", !held_back);
	trap_set_handler(PIC_VECTOR, note_order);
}

static void test_poll(void)
{
	reset();
	pic_set_mask(IRQ_PIT, false);
	outb(PIC1_CMD, POLL);
	check_eq("poll with nothing to do", 0, inb(PIC1_CMD) & POLL_HIT);
	raise_irq0();
	test_tolerate(test_is_bare_bochs(), "Bochs's poll lacks bit 7 and sets no ISR");
	outb(PIC1_CMD, POLL);
	check_eq("poll finds IRQ 0", POLL_HIT | IRQ_PIT, inb(PIC1_CMD) & (POLL_HIT | 7));
	check_eq("ISR after the poll", 1, pic_read_isr());
	test_tolerate_end();
	outb(PIC1_CMD, OCW2_ROTATE_EOI);
	check_eq("ISR after the rotating EOI", 0, pic_read_isr());
}

static void no_eoi(struct trap_frame *f)
{
	(void)f;
	isr_in_handler = pic_read_isr();
}

static void test_automatic_eoi(void)
{
	reset();
	outb(PIC1_CMD, 0x11);
	outb(PIC1_DATA, PIC_VECTOR);
	outb(PIC1_DATA, 1 << 2);
	outb(PIC1_DATA, ICW4_AEOI);
	check_eq("IMR after ICW1 to ICW4", 0, inb(PIC1_DATA));
	outb(PIC1_DATA, 0xfe);
	trap_set_handler(PIC_VECTOR, no_eoi);
	isr_in_handler = 0xffff;
	raise_irq0();
	open_window();
	check_eq("ISR in the handler with automatic EOI", 0, isr_in_handler);
}

static void rtc_handler(struct trap_frame *f)
{
	(void)f;
	isr_in_handler = pic_read_isr();
	cmos_write(RTC_B, cmos_read(RTC_B) & (uint8_t)~RTC_B_PIE);
	cmos_read(RTC_C);
	pic_eoi(IRQ_RTC);
}

static void test_slave(void)
{
	reset();
	trap_set_handler(PIC_VECTOR + IRQ_RTC, rtc_handler);
	isr_in_handler = 0;
	cmos_write(RTC_A, RTC_A_1KHZ);
	cmos_read(RTC_C);
	cmos_write(RTC_B, cmos_read(RTC_B) | RTC_B_PIE);
	time_wait_us(5000);
	check_eq("IRR of the slave's interrupt", 1 << IRQ_RTC, pic_read_irr() & 1 << IRQ_RTC);
	pic_set_mask(IRQ_RTC, false);
	open_window();
	check_eq("IRQ 8 taken", 1, trap_count[PIC_VECTOR + IRQ_RTC]);
	check_eq("ISR in IRQ 8's handler", 1 << IRQ_RTC | 1 << 2, isr_in_handler);
	check_eq("ISR after both EOIs", 0, pic_read_isr());
}

static void test_elcr(void)
{
	uint8_t before = inb(ELCR1);

	outb(ELCR1, before ^ ELCR_IRQ5);
	check_eq("ELCR bit of IRQ 5", before ^ ELCR_IRQ5, inb(ELCR1));
	outb(ELCR1, before);
}

void guest_main(void)
{
	apic_init_virtual_wire();
	test_masks();
	test_priority();
	test_in_service();
	test_poll();
	test_automatic_eoi();
	test_slave();
	test_elcr();
	reset();
}

/* SPDX-License-Identifier: MIT */
/* sources: vmm/dev/vpic.c vmm/dev/device.c vmm/bus.c tests/fake/vm.c tests/fake/timer.c tests/fake/irqchip.c tests/fake/log.c tests/fake/panic.c */
/* The PIC pair: each ICW, OCW and mode of the 8259A's data sheet that a PC can use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/fake/vm.h"

enum { MASTER = 0x20, SLAVE = 0xa0, ELCR = 0x4d0 };
enum { BASE = 0x30, SLAVE_BASE = 0x38 };
enum { EOI = 0x20, EOI_SPECIFIC = 0x60, READ_IRR = 0x0a, READ_ISR = 0x0b, POLL = 0x0c };

static struct vm *vm_of(void **state)
{
	return &((struct fake_vm *)*state)->vm;
}

static void line(struct vm *vm, unsigned irq, bool level)
{
	lock_take(&vm->lock);
	vpic_line(vm, irq, level);
	lock_drop(&vm->lock);
}

static void pulse(struct vm *vm, unsigned irq)
{
	line(vm, irq, true);
	line(vm, irq, false);
}

static unsigned inta(struct vm *vm)
{
	unsigned vector;

	lock_take(&vm->lock);
	vector = vpic_acknowledge(vm);
	lock_drop(&vm->lock);
	return vector;
}

static void program(struct fake_vm *f, uint8_t icw4_master, uint8_t icw4_slave)
{
	fake_outb(f, MASTER, 0x11);
	fake_outb(f, MASTER + 1, BASE);
	fake_outb(f, MASTER + 1, 4);
	fake_outb(f, MASTER + 1, icw4_master);
	fake_outb(f, SLAVE, 0x11);
	fake_outb(f, SLAVE + 1, SLAVE_BASE);
	fake_outb(f, SLAVE + 1, 2);
	fake_outb(f, SLAVE + 1, icw4_slave);
}

static int setup(void **state)
{
	struct fake_vm *f = fake_vm_new();

	fake_vm_plug(f, &vpic_class);
	program(f, 1, 1);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fake_vm_free(*state);
	return 0;
}

static uint8_t reg(struct fake_vm *f, uint16_t port, uint8_t which)
{
	fake_outb(f, port, which);
	return fake_inb(f, port);
}

static void test_masked_until_programmed(void **state)
{
	struct fake_vm *f = fake_vm_new();

	(void)state;
	fake_vm_plug(f, &vpic_class);
	assert_int_equal(fake_inb(f, MASTER + 1), 0xff);
	assert_int_equal(fake_inb(f, SLAVE + 1), 0xff);
	pulse(&f->vm, 0);
	assert_false(vpic_pending(&f->vm));
	/* Linux's probe for the chip: the mask reads back. */
	fake_outb(f, MASTER + 1, 0xfb);
	assert_int_equal(fake_inb(f, MASTER + 1), 0xfb);
	fake_vm_free(f);
}

static void test_edge(void **state)
{
	struct fake_vm *f = *state;
	struct vm *vm = vm_of(state);

	pulse(vm, 4); /* latched, although the line is low again */
	assert_true(vpic_pending(vm));
	assert_true(f->pic_output);
	assert_int_equal(reg(f, MASTER, READ_IRR), 1 << 4);
	assert_int_equal(inta(vm), BASE + 4);
	assert_false(f->pic_output);
	assert_int_equal(reg(f, MASTER, READ_IRR), 0);
	assert_int_equal(reg(f, MASTER, READ_ISR), 1 << 4);
	/* A line that stays high is one interrupt. */
	fake_outb(f, MASTER, EOI);
	assert_int_equal(reg(f, MASTER, READ_ISR), 0);
	line(vm, 4, true);
	assert_int_equal(inta(vm), BASE + 4);
	fake_outb(f, MASTER, EOI);
	line(vm, 4, true);
	assert_false(vpic_pending(vm));
}

static void test_level(void **state)
{
	struct fake_vm *f = *state;
	struct vm *vm = vm_of(state);

	fake_outb(f, ELCR, 0xff);
	fake_outb(f, ELCR + 1, 0xff);
	assert_int_equal(fake_inb(f, ELCR), 0xf8);
	assert_int_equal(fake_inb(f, ELCR + 1), 0xde);
	assert_int_equal(fake_in(f, ELCR, 2), 0xdef8);

	line(vm, 5, true);
	assert_int_equal(inta(vm), BASE + 5);
	fake_outb(f, MASTER, EOI);
	assert_true(vpic_pending(vm)); /* still asserted */
	line(vm, 5, false);
	assert_false(vpic_pending(vm));
	/* The request has gone between INTR and INTA: the spurious IR7, not in service. */
	assert_int_equal(inta(vm), BASE + 7);
	assert_int_equal(reg(f, MASTER, READ_ISR), 0);
	/* Back to edges: what was level leaves nothing behind. */
	line(vm, 5, true);
	fake_outb(f, ELCR, 0);
	assert_false(vpic_pending(vm));
	/* Nor does an edge that was latched before the input became level-triggered. */
	pulse(vm, 6);
	fake_outb(f, ELCR, 0x40);
	assert_false(vpic_pending(vm));
	fake_outb(f, ELCR, 0);
	assert_false(vpic_pending(vm));
}

static void test_cascade(void **state)
{
	struct fake_vm *f = *state;
	struct vm *vm = vm_of(state);

	pulse(vm, 12);
	assert_int_equal(reg(f, MASTER, READ_IRR), 1 << 2);
	assert_int_equal(inta(vm), SLAVE_BASE + 4);
	assert_int_equal(reg(f, MASTER, READ_ISR), 1 << 2);
	assert_int_equal(reg(f, SLAVE, READ_ISR), 1 << 4);
	/* IRQ 8 is higher on the slave, but the master is still at IR2; IRQ 1 gets through. */
	pulse(vm, 8);
	assert_false(vpic_pending(vm));
	pulse(vm, 1);
	assert_int_equal(inta(vm), BASE + 1);
	fake_outb(f, MASTER, EOI);
	fake_outb(f, SLAVE, EOI);
	assert_false(vpic_pending(vm));
	fake_outb(f, MASTER, EOI);
	assert_int_equal(inta(vm), SLAVE_BASE + 0);
	fake_outb(f, SLAVE, EOI);
	fake_outb(f, MASTER, EOI);
	assert_false(vpic_pending(vm));
	/* A masked slave takes its request back. */
	pulse(vm, 14);
	fake_outb(f, SLAVE + 1, 0x40);
	assert_false(vpic_pending(vm));
	assert_int_equal(inta(vm), BASE + 7);
	fake_outb(f, SLAVE + 1, 0);
	assert_int_equal(inta(vm), SLAVE_BASE + 6);
}

static void test_slave_spurious(void **state)
{
	struct fake_vm *f = *state;
	struct vm *vm = vm_of(state);

	/* The master takes IR2 as a level that the slave does not answer for: IRQ 15, spurious. */
	fake_outb(f, ELCR + 1, 0x04);
	line(vm, 10, true);
	vm->vpic.chips[1].lines = 0;
	assert_int_equal(inta(vm), SLAVE_BASE + 7);
	assert_int_equal(reg(f, SLAVE, READ_ISR), 0);
	assert_int_equal(reg(f, MASTER, READ_ISR), 1 << 2);
}

static void test_nested_priorities(void **state)
{
	struct fake_vm *f = *state;
	struct vm *vm = vm_of(state);

	pulse(vm, 6);
	pulse(vm, 3);
	assert_int_equal(inta(vm), BASE + 3);
	assert_false(vpic_pending(vm));
	pulse(vm, 0);
	assert_int_equal(inta(vm), BASE + 0);
	fake_outb(f, MASTER, EOI); /* the highest in service: 0 */
	assert_int_equal(reg(f, MASTER, READ_ISR), 1 << 3);
	fake_outb(f, MASTER, EOI_SPECIFIC | 3);
	assert_int_equal(inta(vm), BASE + 6);
	fake_outb(f, MASTER, EOI_SPECIFIC | 5); /* the wrong one does nothing */
	assert_int_equal(reg(f, MASTER, READ_ISR), 1 << 6);
}

static void test_mask(void **state)
{
	struct fake_vm *f = *state;
	struct vm *vm = vm_of(state);

	fake_outb(f, MASTER + 1, 0x10);
	pulse(vm, 4);
	assert_false(vpic_pending(vm));
	assert_int_equal(reg(f, MASTER, READ_IRR), 1 << 4);
	fake_outb(f, MASTER + 1, 0);
	assert_true(vpic_pending(vm));
	assert_int_equal(f->pic_rises, 1);
}

static void test_special_mask(void **state)
{
	struct fake_vm *f = *state;
	struct vm *vm = vm_of(state);

	pulse(vm, 1);
	assert_int_equal(inta(vm), BASE + 1);
	pulse(vm, 5);
	assert_false(vpic_pending(vm));
	fake_outb(f, MASTER + 1, 1 << 1);
	fake_outb(f, MASTER, 0x68); /* special mask on */
	assert_true(vpic_pending(vm));
	assert_int_equal(inta(vm), BASE + 5);
	/* A nonspecific EOI passes over the masked IR1. */
	fake_outb(f, MASTER, EOI);
	assert_int_equal(reg(f, MASTER, READ_ISR), 1 << 1);
	fake_outb(f, MASTER, EOI);
	assert_int_equal(reg(f, MASTER, READ_ISR), 1 << 1);
	fake_outb(f, MASTER, 0x48); /* off */
	fake_outb(f, MASTER, EOI);
	assert_int_equal(reg(f, MASTER, READ_ISR), 0);
}

static void test_rotate(void **state)
{
	struct fake_vm *f = *state;
	struct vm *vm = vm_of(state);

	fake_outb(f, MASTER, 0xc0 | 4); /* IR4 is the lowest: IR5 the highest */
	pulse(vm, 4);
	pulse(vm, 0);
	pulse(vm, 5);
	assert_int_equal(inta(vm), BASE + 5);
	fake_outb(f, MASTER, 0xa0); /* rotate on nonspecific EOI: IR5 is the lowest */
	pulse(vm, 5);
	assert_int_equal(inta(vm), BASE + 0);
	fake_outb(f, MASTER, 0xe0 | 0); /* rotate on specific EOI: IR0 the lowest, IR1 … */
	pulse(vm, 0);
	assert_int_equal(inta(vm), BASE + 4);
	fake_outb(f, MASTER, EOI);
	assert_int_equal(inta(vm), BASE + 5);
	fake_outb(f, MASTER, EOI);
	assert_int_equal(inta(vm), BASE + 0);
}

static void test_auto_eoi(void **state)
{
	struct fake_vm *f = *state;
	struct vm *vm = vm_of(state);

	program(f, 3, 3);
	pulse(vm, 3);
	pulse(vm, 8);
	pulse(vm, 9);
	assert_int_equal(inta(vm), SLAVE_BASE + 0);
	assert_int_equal(reg(f, MASTER, READ_ISR), 0);
	assert_int_equal(inta(vm), SLAVE_BASE + 1); /* the slave's INT made a second edge */
	assert_int_equal(inta(vm), BASE + 3);
	assert_false(vpic_pending(vm));
	assert_int_equal(f->pic_rises, 3); /* INTR falls with each INTA */

	fake_outb(f, MASTER, 0x80); /* rotate in automatic EOI mode */
	pulse(vm, 3);
	assert_int_equal(inta(vm), BASE + 3);
	pulse(vm, 3);
	pulse(vm, 4);
	assert_int_equal(inta(vm), BASE + 4);
	assert_int_equal(inta(vm), BASE + 3);
	fake_outb(f, MASTER, 0x00); /* off: the priorities stay */
	pulse(vm, 3);
	pulse(vm, 4);
	assert_int_equal(inta(vm), BASE + 4);
	assert_int_equal(inta(vm), BASE + 3);
	pulse(vm, 3);
	pulse(vm, 4);
	assert_int_equal(inta(vm), BASE + 4);
}

static void test_special_fully_nested(void **state)
{
	struct fake_vm *f = *state;
	struct vm *vm = vm_of(state);

	program(f, 0x11, 1);
	pulse(vm, 12);
	assert_int_equal(inta(vm), SLAVE_BASE + 4);
	pulse(vm, 14);
	assert_false(vpic_pending(vm));
	pulse(vm, 8);
	assert_true(vpic_pending(vm)); /* higher on the slave */
	assert_int_equal(inta(vm), SLAVE_BASE + 0);
	pulse(vm, 3);
	assert_true(vpic_pending(vm)); /* the master's IR2 holds nothing back */
}

static void test_poll(void **state)
{
	struct fake_vm *f = *state;
	struct vm *vm = vm_of(state);

	assert_int_equal(reg(f, MASTER, POLL), 0);
	pulse(vm, 6);
	assert_int_equal(reg(f, MASTER, POLL), 0x86);
	assert_int_equal(reg(f, MASTER, READ_ISR), 1 << 6);
	assert_false(vpic_pending(vm));
	fake_outb(f, MASTER, EOI);
	pulse(vm, 13);
	assert_int_equal(reg(f, SLAVE, POLL), 0x85);
	assert_false(vpic_pending(vm));
	assert_int_equal(fake_inb(f, SLAVE), 0); /* only one read is the poll: this is IRR */
}

static void test_icw1_forgets(void **state)
{
	struct fake_vm *f = *state;
	struct vm *vm = vm_of(state);

	line(vm, 4, true);
	assert_int_equal(inta(vm), BASE + 4);
	pulse(vm, 3);
	fake_outb(f, ELCR, 0x20);
	fake_outb(f, MASTER, 0xc3);
	fake_outb(f, MASTER, 0x68);
	fake_outb(f, MASTER, 0x80);
	fake_outb(f, MASTER + 1, 0x55);
	fake_outb(f, MASTER, READ_ISR);
	program(f, 1, 1);
	assert_int_equal(fake_inb(f, MASTER), 0); /* IRR */
	assert_int_equal(reg(f, MASTER, READ_ISR), 0);
	assert_int_equal(fake_inb(f, MASTER + 1), 0);
	assert_int_equal(fake_inb(f, ELCR), 0x20); /* not the 8259A's */
	line(vm, 4, true);
	assert_false(vpic_pending(vm)); /* a line that is high already is no edge */
	line(vm, 4, false);
	line(vm, 4, true);
	pulse(vm, 3);
	assert_int_equal(inta(vm), BASE + 3);
}

static void test_icw_sequences(void **state)
{
	struct fake_vm *f = *state;
	struct vm *vm = vm_of(state);

	/* No ICW4: the third write to the odd port is the mask. */
	fake_outb(f, MASTER, 0x10);
	fake_outb(f, MASTER + 1, 0x4f); /* the low bits of the vector are the input's */
	fake_outb(f, MASTER + 1, 4);
	fake_outb(f, MASTER + 1, 0xaa);
	assert_int_equal(fake_inb(f, MASTER + 1), 0xaa);
	pulse(vm, 2);
	pulse(vm, 0);
	assert_int_equal(inta(vm), 0x48);
	/* Single: no ICW3. */
	fake_outb(f, MASTER, 0x13);
	fake_outb(f, MASTER + 1, 0x60);
	fake_outb(f, MASTER + 1, 0x03); /* ICW4: automatic EOI */
	fake_outb(f, MASTER + 1, 0x0f);
	assert_int_equal(fake_inb(f, MASTER + 1), 0x0f);
	pulse(vm, 7);
	assert_int_equal(inta(vm), 0x67);
	assert_int_equal(reg(f, MASTER, READ_ISR), 0);
	/* Level-triggered mode of ICW1. */
	fake_outb(f, MASTER, 0x19);
	fake_outb(f, MASTER + 1, 0x60);
	fake_outb(f, MASTER + 1, 4);
	fake_outb(f, MASTER + 1, 1);
	line(vm, 1, true);
	assert_int_equal(inta(vm), 0x61);
	fake_outb(f, MASTER, EOI);
	assert_true(vpic_pending(vm));
	line(vm, 1, false);
	assert_false(vpic_pending(vm));
}

static void test_lines_out_of_range(void **state)
{
	struct vm *vm = vm_of(state);

	pulse(vm, 2);
	pulse(vm, 16);
	pulse(vm, ~0u);
	assert_false(vpic_pending(vm));
}

static void test_wide_access(void **state)
{
	struct fake_vm *f = *state;

	fake_out(f, MASTER, 2, 0xee00 | READ_ISR); /* OCW3, then the mask */
	assert_int_equal(fake_in(f, MASTER, 2), 0xee00);
}

static void test_reset(void **state)
{
	struct fake_vm *f = *state;
	struct vm *vm = vm_of(state);

	fake_outb(f, ELCR, 0x20);
	pulse(vm, 4);
	lock_take(&vm->lock);
	vpic_class.reset(vm);
	lock_drop(&vm->lock);
	assert_false(f->pic_output);
	assert_int_equal(fake_inb(f, ELCR), 0);
	assert_int_equal(fake_inb(f, MASTER + 1), 0xff);
	assert_int_equal(fake_inb(f, MASTER), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_masked_until_programmed),
		TEST(test_edge),
		TEST(test_level),
		TEST(test_cascade),
		TEST(test_slave_spurious),
		TEST(test_nested_priorities),
		TEST(test_mask),
		TEST(test_special_mask),
		TEST(test_rotate),
		TEST(test_auto_eoi),
		TEST(test_special_fully_nested),
		TEST(test_poll),
		TEST(test_icw1_forgets),
		TEST(test_icw_sequences),
		TEST(test_lines_out_of_range),
		TEST(test_wide_access),
		TEST(test_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

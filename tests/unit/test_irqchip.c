/* SPDX-License-Identifier: MIT */
/* sources: vmm/irqchip.c vmm/dev/vpic.c vmm/dev/device.c vmm/dev/vioapic.c vmm/bus.c vmm/dev/vlapic.c vmm/dev/vlapic_regs.c vmm/dev/vlapic_timer.c vmm/dev/vlapic_ipi.c tests/fake/vcpu.c tests/fake/timer.c tests/fake/log.c tests/fake/panic.c */
/* A line's whole way: PIC pair, I/O APIC and local APIC together, as a guest sets them up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/msr.h"
#include "lib/panic.h"
#include "tests/fake/timer.h"
#include "tests/fake/vcpu.h"
#include "vmm/irqchip.h"

enum { MASTER = 0x20, SLAVE = 0xa0, PIC_EOI = 0x20, MASTER_VECTOR = 0x30, SLAVE_VECTOR = 0x38 };
enum { SVR_ON = 0x1ff, ICW1 = 0x11, ICW4_8086 = 1 };

static struct vm vm;
static struct vcpu *v;

static void plug(const struct dev_class *class)
{
	for (const struct dev_ports *p = class->ports; p && p->size; p++)
		assert_int_equal(bus_register(&vm.pio, p->base, p->size, p->name, p->access, NULL),
				 0);
	lock_take(&vm.lock);
	assert_int_equal(class->init(&vm), 0);
	lock_drop(&vm.lock);
}

static void out(uint16_t port, uint8_t value)
{
	struct bus_access a = { .size = 1, .value = value, .write = true };

	lock_take(&vm.lock);
	assert_true(bus_access(&vm, &vm.pio, port, &a));
	lock_drop(&vm.lock);
}

static void pic_setup(uint16_t port, uint8_t vector, uint8_t cascade, uint8_t mask)
{
	out(port, ICW1);
	out(port + 1, vector);
	out(port + 1, cascade);
	out(port + 1, ICW4_8086);
	out(port + 1, mask);
}

static int setup(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	fake_time_set(1000000);
	plug(&vpic_class);
	plug(&vioapic_class);
	v = fake_vcpu_add(&vm, 0);
	vlapic_init(v);
	pic_setup(MASTER, MASTER_VECTOR, 1 << IRQ_CASCADE, 0);
	pic_setup(SLAVE, SLAVE_VECTOR, IRQ_CASCADE, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vlapic_fini(v);
	fake_vcpu_free(v);
	return 0;
}

static void line(unsigned irq, bool level)
{
	lock_take(&vm.lock);
	irqchip_line(&vm, irq, level);
	lock_drop(&vm.lock);
}

static void apic_put(unsigned reg, uint32_t value)
{
	struct bus_access a = { .offset = reg, .size = 4, .value = value, .write = true };

	vlapic_access(v, &a);
}

static void ioapic_put(unsigned offset, uint32_t value)
{
	struct bus_access a = { .size = 4, .value = value, .write = true };

	lock_take(&vm.lock);
	assert_true(bus_access(&vm, &vm.mmio, IOAPIC_BASE_DEFAULT + offset, &a));
	lock_drop(&vm.lock);
}

static void route(unsigned pin, uint32_t entry)
{
	ioapic_put(IOAPIC_REGSEL, IOAPIC_REDIR + 2 * pin);
	ioapic_put(IOAPIC_WIN, entry);
}

/* As after firmware: the PIC's interrupts pass through the boot CPU's LINT0. */
static void pic_by_virtual_wire(void **state)
{
	(void)state;
	assert_false(irqchip_pending(v));
	line(IRQ_COM1, true);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_IRQ);
	assert_true(irqchip_pending(v));
	assert_int_equal(irqchip_take(v), MASTER_VECTOR + IRQ_COM1);
	assert_false(irqchip_pending(v));
	assert_false(lock_held(&vm.lock));
	line(IRQ_COM1, false);
	out(MASTER, PIC_EOI);
	line(IRQ_RTC, true);
	assert_int_equal(irqchip_take(v), SLAVE_VECTOR);
	out(SLAVE, PIC_EOI);
	out(MASTER, PIC_EOI);
	assert_false(irqchip_pending(v));
}

static void pic_with_the_apic_off(void **state)
{
	(void)state;
	assert_int_equal(vlapic_msr_write(v, MSR_APIC_BASE, APIC_BASE_DEFAULT | APIC_BASE_BSP), 0);
	line(IRQ_PIT, true);
	assert_true(irqchip_pending(v));
	assert_int_equal(irqchip_take(v), MASTER_VECTOR);
}

static void lint0_masked_stops_the_pic(void **state)
{
	(void)state;
	apic_put(APIC_SVR, SVR_ON);
	apic_put(APIC_LVT_LINT0, APIC_LVT_MASKED | APIC_MODE_EXTINT << 8);
	line(IRQ_KEYBOARD, true);
	assert_false(irqchip_pending(v));
	/* It is still there when LINT0 is opened. */
	fake_vcpu_take_requests(v);
	apic_put(APIC_LVT_LINT0, APIC_MODE_EXTINT << 8);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_IRQ);
	assert_int_equal(irqchip_take(v), MASTER_VECTOR + IRQ_KEYBOARD);
}

/* TPR holds the APIC's interrupts back, not the PIC's; the APIC's come first. */
static void apic_and_pic(void **state)
{
	(void)state;
	apic_put(APIC_SVR, SVR_ON);
	line(IRQ_COM1, true);
	vlapic_set_irr(v, 0x61, false);
	apic_put(APIC_TPR, 0xf0);
	assert_true(irqchip_pending(v));
	assert_int_equal(irqchip_take(v), MASTER_VECTOR + IRQ_COM1);
	assert_false(irqchip_pending(v));
	out(MASTER, PIC_EOI);
	apic_put(APIC_TPR, 0);
	line(IRQ_COM1, false);
	line(IRQ_COM1, true);
	assert_int_equal(irqchip_take(v), 0x61);
	assert_int_equal(irqchip_take(v), MASTER_VECTOR + IRQ_COM1);
}

static void request_that_went_away(void **state)
{
	(void)state;
	assert_int_equal(irqchip_take(v), -1);
	/* The PIC's: masked between INTR and INTA, so that INTR falls. */
	line(IRQ_COM1, true);
	assert_true(irqchip_pending(v));
	out(MASTER + 1, 0xff);
	assert_false(irqchip_pending(v));
}

/* The guest uses the I/O APIC: each ISA line at its pin, the PIT's at pin 2. */
static void isa_lines_at_their_pins(void **state)
{
	(void)state;
	out(MASTER + 1, 0xff);
	out(SLAVE + 1, 0xff);
	apic_put(APIC_SVR, SVR_ON);
	for (unsigned pin = 0; pin < VIOAPIC_PINS; pin++)
		route(pin, 0x40 + pin);
	for (unsigned irq = 0; irq < 16; irq++) {
		if (irq == IRQ_CASCADE)
			continue;
		line(irq, true);
		assert_true(irqchip_pending(v));
		assert_int_equal(irqchip_take(v), 0x40 + (irq == IRQ_PIT ? 2 : irq));
		apic_put(APIC_EOI, 0);
		line(irq, false);
		assert_false(irqchip_pending(v));
	}
}

static void level_triggered_to_the_end(void **state)
{
	(void)state;
	out(MASTER + 1, 0xff);
	out(SLAVE + 1, 0xff);
	apic_put(APIC_SVR, SVR_ON);
	route(IRQ_SCI, IOAPIC_REDIR_LEVEL | 0x59);
	line(IRQ_SCI, true);
	assert_int_equal(irqchip_take(v), 0x59);
	fake_vcpu_take_requests(v);
	apic_put(APIC_EOI, 0);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_IRQ);
	assert_int_equal(irqchip_take(v), 0x59);
	line(IRQ_SCI, false);
	apic_put(APIC_EOI, 0);
	assert_false(irqchip_pending(v));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(pic_by_virtual_wire),	  TEST(pic_with_the_apic_off),
		TEST(lint0_masked_stops_the_pic), TEST(apic_and_pic),
		TEST(request_that_went_away),	  TEST(isa_lines_at_their_pins),
		TEST(level_triggered_to_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: vmm/dev/vioapic.c vmm/bus.c vmm/dev/vlapic.c vmm/dev/vlapic_regs.c vmm/dev/vlapic_timer.c vmm/dev/vlapic_ipi.c tests/fake/vcpu.c tests/fake/timer.c tests/fake/log.c tests/fake/panic.c */
/* The I/O APIC, with a local APIC behind it: registers, edges, levels, masks, and where a pin
 * leads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/panic.h"
#include "tests/fake/timer.h"
#include "tests/fake/vcpu.h"

enum { PIN = 9, VECTOR = 0x51, SVR_ON = 0x1ff };

static struct vm vm;
static struct vcpu *v;

static void apic_put(unsigned reg, uint32_t value)
{
	struct bus_access a = { .offset = reg, .size = 4, .value = value, .write = true };

	vlapic_access(v, &a);
}

static int setup(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	fake_time_set(1000000);
	v = fake_vcpu_add(&vm, 0);
	vlapic_init(v);
	apic_put(APIC_SVR, SVR_ON);
	lock_take(&vm.lock);
	assert_int_equal(vioapic_class.init(&vm), 0);
	lock_drop(&vm.lock);
	return 0;
}

static int teardown(void **state)
{
	struct bus_access a = { .size = 4 };

	(void)state;
	vioapic_class.fini(&vm);
	assert_false(bus_access(&vm, &vm.mmio, IOAPIC_BASE_DEFAULT, &a));
	vlapic_fini(v);
	fake_vcpu_free(v);
	return 0;
}

static uint64_t mmio(unsigned offset, unsigned size, bool write, uint64_t value)
{
	struct bus_access a = { .size = (uint8_t)size, .write = write, .value = value };

	lock_take(&vm.lock);
	assert_true(bus_access(&vm, &vm.mmio, IOAPIC_BASE_DEFAULT + offset, &a));
	lock_drop(&vm.lock);
	return a.value;
}

static uint32_t get(unsigned reg)
{
	mmio(IOAPIC_REGSEL, 4, true, reg);
	return (uint32_t)mmio(IOAPIC_WIN, 4, false, 0);
}

static void put(unsigned reg, uint32_t value)
{
	mmio(IOAPIC_REGSEL, 4, true, reg);
	mmio(IOAPIC_WIN, 4, true, value);
}

static void route(unsigned pin, uint32_t low)
{
	put(IOAPIC_REDIR + 2 * pin, low);
}

static uint32_t entry(unsigned pin)
{
	return get(IOAPIC_REDIR + 2 * pin);
}

static void line(unsigned pin, bool level)
{
	lock_take(&vm.lock);
	vioapic_line(&vm, pin, level);
	lock_drop(&vm.lock);
}

/* Takes the interrupt, if it is there. */
static bool came(uint8_t vector)
{
	if (!vlapic_pending(v))
		return false;
	assert_int_equal(vlapic_acknowledge(v), vector);
	return true;
}

static void reset_state(void **state)
{
	(void)state;
	assert_int_equal(get(IOAPIC_ID), 0);
	assert_int_equal(get(IOAPIC_VER), 0x170011);
	assert_int_equal(get(IOAPIC_ARB), 0);
	for (unsigned pin = 0; pin < VIOAPIC_PINS; pin++) {
		assert_int_equal(entry(pin), IOAPIC_REDIR_MASKED);
		assert_int_equal(get(IOAPIC_REDIR + 2 * pin + 1), 0);
	}
}

static void registers(void **state)
{
	(void)state;
	put(IOAPIC_ID, 0xffffffff);
	assert_int_equal(get(IOAPIC_ID), 0x0f000000);
	assert_int_equal(get(IOAPIC_ARB), 0x0f000000);
	put(IOAPIC_VER, 0);
	assert_int_equal(get(IOAPIC_VER), 0x170011);
	put(IOAPIC_ARB, 0);
	assert_int_equal(get(IOAPIC_ARB), 0x0f000000);
	for (unsigned pin = 0; pin < VIOAPIC_PINS; pin++) {
		put(IOAPIC_REDIR + 2 * pin, 0xffffffff);
		put(IOAPIC_REDIR + 2 * pin + 1, 0xffffffff);
		assert_int_equal(entry(pin), 0x1afff);
		assert_int_equal(get(IOAPIC_REDIR + 2 * pin + 1), 0xff000000);
		/* The halves are apart. */
		put(IOAPIC_REDIR + 2 * pin, IOAPIC_REDIR_MASKED | pin);
		assert_int_equal(get(IOAPIC_REDIR + 2 * pin + 1), 0xff000000);
		put(IOAPIC_REDIR + 2 * pin + 1, pin << 24);
		assert_int_equal(entry(pin), IOAPIC_REDIR_MASKED | pin);
		assert_int_equal(get(IOAPIC_REDIR + 2 * pin + 1), pin << 24);
	}
	vioapic_class.reset(&vm);
	reset_state(state);
}

/* Every index that can be selected: those that are nothing read as ones and take nothing. */
static void unknown_registers(void **state)
{
	(void)state;
	for (unsigned reg = 3; reg < 256; reg++) {
		if (reg >= IOAPIC_REDIR && reg < IOAPIC_REDIR + 2 * VIOAPIC_PINS)
			continue;
		put(reg, 0x12345678);
		assert_int_equal(get(reg), 0xffffffff);
	}
	reset_state(state);
}

static void odd_accesses(void **state)
{
	(void)state;
	mmio(IOAPIC_REGSEL, 1, true, IOAPIC_VER);
	assert_int_equal(mmio(IOAPIC_REGSEL, 4, false, 0), IOAPIC_VER);
	assert_int_equal(mmio(IOAPIC_WIN, 1, false, 0), 0x11);
	assert_int_equal(mmio(IOAPIC_WIN, 2, false, 0), 0x11);
	assert_int_equal(mmio(IOAPIC_WIN, 8, false, 0), 0x170011);
	mmio(IOAPIC_REGSEL, 4, true, 0xffffff00 | IOAPIC_ID);
	assert_int_equal(mmio(IOAPIC_REGSEL, 4, false, 0), IOAPIC_ID);
	assert_int_equal(get(IOAPIC_REDIR), IOAPIC_REDIR_MASKED);
	mmio(IOAPIC_WIN, 1, true, 0x51);
	mmio(IOAPIC_WIN, 2, true, 0x51);
	assert_int_equal(get(IOAPIC_REDIR), IOAPIC_REDIR_MASKED);
	assert_int_equal(mmio(0x20, 4, false, 0), 0xffffffff);
	assert_int_equal(mmio(0x11, 4, false, 0), 0xffffffff);
	mmio(0x20, 4, true, 5);
	mmio(IOAPIC_EOI, 4, true, VECTOR); /* this version has no such register */
	mmio(0xffc, 4, true, 5);
	reset_state(state);
}

static void edge(void **state)
{
	(void)state;
	route(PIN, VECTOR);
	line(PIN, true);
	assert_true(came(VECTOR));
	assert_int_equal(entry(PIN), VECTOR);
	line(PIN, true); /* no edge */
	apic_put(APIC_EOI, 0);
	assert_false(came(VECTOR));
	line(PIN, false);
	assert_false(came(VECTOR));
	line(PIN, true);
	assert_true(came(VECTOR));
	/* A second edge while the first is in service waits in IRR. */
	line(PIN, false);
	line(PIN, true);
	assert_false(came(VECTOR));
	apic_put(APIC_EOI, 0);
	assert_true(came(VECTOR));
	apic_put(APIC_EOI, 0);
}

static void masked_edge_is_lost(void **state)
{
	(void)state;
	route(PIN, IOAPIC_REDIR_MASKED | VECTOR);
	line(PIN, true);
	route(PIN, VECTOR);
	assert_false(came(VECTOR));
	line(PIN, false);
	line(PIN, true);
	assert_true(came(VECTOR));
}

static void level(void **state)
{
	(void)state;
	route(PIN, IOAPIC_REDIR_LEVEL | VECTOR);
	line(PIN, true);
	assert_int_equal(entry(PIN), IOAPIC_REDIR_LEVEL | IOAPIC_REDIR_REMOTE_IRR | VECTOR);
	assert_true(came(VECTOR));
	line(PIN, false);
	line(PIN, true); /* nothing more before the EOI */
	assert_int_equal(v->lapic.irr_words, 0);
	apic_put(APIC_EOI, 0);
	assert_true(came(VECTOR)); /* still up */
	line(PIN, false);
	apic_put(APIC_EOI, 0);
	assert_false(came(VECTOR));
	assert_int_equal(entry(PIN), IOAPIC_REDIR_LEVEL | VECTOR);
	line(PIN, true);
	assert_true(came(VECTOR));
	line(PIN, false);
	apic_put(APIC_EOI, 0);
}

static void masked_level_waits(void **state)
{
	(void)state;
	route(PIN, IOAPIC_REDIR_MASKED | IOAPIC_REDIR_LEVEL | VECTOR);
	line(PIN, true);
	assert_false(came(VECTOR));
	route(PIN, IOAPIC_REDIR_LEVEL | VECTOR);
	assert_true(came(VECTOR));
	/* Masked while in service: the EOI clears remote IRR, but sends nothing. */
	route(PIN, IOAPIC_REDIR_MASKED | IOAPIC_REDIR_LEVEL | VECTOR);
	assert_true(entry(PIN) & IOAPIC_REDIR_REMOTE_IRR);
	apic_put(APIC_EOI, 0);
	assert_false(came(VECTOR));
	assert_false(entry(PIN) & IOAPIC_REDIR_REMOTE_IRR);
	line(PIN, false);
	route(PIN, IOAPIC_REDIR_LEVEL | VECTOR);
	assert_false(came(VECTOR));
}

/* What Linux does with a pin that hangs: to edge and back. */
static void edge_clears_remote_irr(void **state)
{
	(void)state;
	route(PIN, IOAPIC_REDIR_LEVEL | VECTOR);
	line(PIN, true);
	assert_true(came(VECTOR));
	route(PIN, IOAPIC_REDIR_MASKED | VECTOR);
	assert_int_equal(entry(PIN), IOAPIC_REDIR_MASKED | VECTOR);
	route(PIN, IOAPIC_REDIR_LEVEL | VECTOR);
	apic_put(APIC_EOI, 0);
	assert_true(came(VECTOR));
}

static void eoi_is_for_its_vector(void **state)
{
	(void)state;
	route(1, IOAPIC_REDIR_LEVEL | 0x61);
	route(2, IOAPIC_REDIR_LEVEL | 0x72);
	route(3, IOAPIC_REDIR_LEVEL | 0x72); /* shared */
	line(1, true);
	line(2, true);
	line(3, true);
	line(1, false);
	vioapic_eoi(&vm, 0x60);
	assert_true(entry(1) & IOAPIC_REDIR_REMOTE_IRR);
	line(2, false);
	line(3, false);
	vioapic_eoi(&vm, 0x72);
	assert_true(entry(1) & IOAPIC_REDIR_REMOTE_IRR);
	assert_false(entry(2) & IOAPIC_REDIR_REMOTE_IRR);
	assert_false(entry(3) & IOAPIC_REDIR_REMOTE_IRR);
	assert_false(lock_held(&vm.lock));
}

static void polarity_is_kept(void **state)
{
	(void)state;
	route(PIN, IOAPIC_REDIR_LEVEL | IOAPIC_REDIR_LOW | VECTOR);
	assert_int_equal(entry(PIN), IOAPIC_REDIR_LEVEL | IOAPIC_REDIR_LOW | VECTOR);
	assert_false(came(VECTOR));
	line(PIN, true);
	assert_true(came(VECTOR));
}

static void delivery_modes(void **state)
{
	(void)state;
	fake_vcpu_take_requests(v);
	route(1, IOAPIC_REDIR_LEVEL | APIC_MODE_NMI << 8);
	line(1, true);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_NMI);
	assert_false(entry(1) & IOAPIC_REDIR_REMOTE_IRR); /* no EOI will come */
	route(2, APIC_MODE_INIT << 8);
	line(2, true);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_INIT);
	route(3, APIC_MODE_SMI << 8);
	line(3, true);
	route(4, APIC_MODE_EXTINT << 8);
	line(4, true);
	assert_int_equal(fake_vcpu_take_requests(v), 0);
	route(5, APIC_MODE_LOWEST << 8 | VECTOR);
	line(5, true);
	assert_true(came(VECTOR));
}

static void destinations(void **state)
{
	(void)state;
	put(IOAPIC_REDIR + 2 * PIN + 1, 5u << 24);
	route(PIN, IOAPIC_REDIR_LEVEL | VECTOR);
	line(PIN, true);
	assert_false(came(VECTOR)); /* there is no APIC 5 */
	assert_false(entry(PIN) & IOAPIC_REDIR_REMOTE_IRR);
	put(IOAPIC_REDIR + 2 * PIN + 1, 0xffu << 24);
	assert_true(came(VECTOR));
	line(PIN, false);
	apic_put(APIC_EOI, 0);

	apic_put(APIC_LDR, 2u << 24);
	route(PIN, IOAPIC_REDIR_LOGICAL | VECTOR);
	put(IOAPIC_REDIR + 2 * PIN + 1, 1u << 24);
	line(PIN, true);
	assert_false(came(VECTOR));
	line(PIN, false);
	put(IOAPIC_REDIR + 2 * PIN + 1, 3u << 24);
	line(PIN, true);
	assert_true(came(VECTOR));
}

static void illegal_vector_is_the_apics_error(void **state)
{
	struct bus_access a = { .offset = APIC_ESR, .size = 4 };

	(void)state;
	route(PIN, 0x0f);
	line(PIN, true);
	assert_false(vlapic_pending(v));
	apic_put(APIC_ESR, 0);
	vlapic_access(v, &a);
	assert_int_equal(a.value, APIC_ESR_RECEIVE_VECTOR);
}

static void reset_keeps_lines(void **state)
{
	(void)state;
	line(PIN, true);
	vioapic_class.reset(&vm);
	route(PIN, VECTOR);
	line(PIN, true);
	assert_false(came(VECTOR)); /* no edge: it was up before */
	route(PIN, IOAPIC_REDIR_LEVEL | VECTOR);
	assert_true(came(VECTOR));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(reset_state),
		TEST(registers),
		TEST(unknown_registers),
		TEST(odd_accesses),
		TEST(edge),
		TEST(masked_edge_is_lost),
		TEST(level),
		TEST(masked_level_waits),
		TEST(edge_clears_remote_irr),
		TEST(eoi_is_for_its_vector),
		TEST(polarity_is_kept),
		TEST(delivery_modes),
		TEST(destinations),
		TEST(illegal_vector_is_the_apics_error),
		TEST(reset_keeps_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: vmm/dev/vpit.c vmm/dev/device.c vmm/bus.c tests/fake/vm.c tests/fake/timer.c tests/fake/irqchip.c tests/fake/log.c tests/fake/panic.c */
/* The PIT: six modes, read-back, BCD, the gate, and interrupts that do not drift. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/fake/timer.h"
#include "tests/fake/vm.h"
#include "vmm/dev/vclock.h"

enum { COUNTER = 0x40, CONTROL = 0x43, PORT_B = 0x61 };
enum { GATE = 1, REFRESH = 1 << 4, OUT2 = 1 << 5 };
enum { STATUS_OUT = 0x80, STATUS_NULL = 0x40 };

static const struct vclock clock = { VCLOCK_TICKS(VPIT_HZ), VCLOCK_NS(VPIT_HZ) };

static int setup(void **state)
{
	struct fake_vm *f = fake_vm_new();

	fake_vm_plug(f, &vpit_class);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fake_vm *f = *state;

	vpit_class.fini(&f->vm);
	assert_int_equal(fake_timers_armed(), 0);
	fake_vm_free(f);
	return 0;
}

/* Moves the clock to the first nanosecond of tick (since the start), timers included. */
static void go_to(struct fake_vm *f, uint64_t tick)
{
	fake_time_advance(f->vm.vpit.origin_ns + vclock_ns(&clock, tick) - time_ns());
}

static uint64_t tick_now(struct fake_vm *f)
{
	return vclock_ticks(&clock, time_ns() - f->vm.vpit.origin_ns);
}

static void step(struct fake_vm *f, uint64_t ticks)
{
	go_to(f, tick_now(f) + ticks);
}

static void mode_set(struct fake_vm *f, unsigned channel, unsigned mode, unsigned count)
{
	fake_outb(f, CONTROL, (uint8_t)(channel << 6 | 3 << 4 | mode << 1));
	fake_outb(f, (uint16_t)(COUNTER + channel), (uint8_t)count);
	fake_outb(f, (uint16_t)(COUNTER + channel), (uint8_t)(count >> 8));
}

/* The counter, by the latch command. */
static unsigned counter(struct fake_vm *f, unsigned channel)
{
	unsigned value;

	fake_outb(f, CONTROL, (uint8_t)(channel << 6));
	value = fake_inb(f, (uint16_t)(COUNTER + channel));
	return value | (unsigned)fake_inb(f, (uint16_t)(COUNTER + channel)) << 8;
}

static unsigned status(struct fake_vm *f, unsigned channel)
{
	fake_outb(f, CONTROL, (uint8_t)(0xe0 | 2 << channel));
	return fake_inb(f, (uint16_t)(COUNTER + channel));
}

static bool out2(struct fake_vm *f)
{
	return fake_inb(f, PORT_B) & OUT2;
}

static void test_terminal_count(void **state)
{
	struct fake_vm *f = *state;

	fake_outb(f, PORT_B, GATE);
	mode_set(f, 2, 0, 1000);
	assert_false(out2(f));
	assert_int_equal(counter(f, 2), 1000);
	step(f, 999);
	assert_int_equal(counter(f, 2), 1);
	assert_false(out2(f));
	step(f, 1);
	assert_int_equal(counter(f, 2), 0);
	assert_true(out2(f));
	step(f, 1);
	assert_int_equal(counter(f, 2), 0xffff); /* it goes on */
	step(f, 0x10000);
	assert_int_equal(counter(f, 2), 0xffff);
	assert_true(out2(f));
	/* The first byte of a new count stops it, and OUT falls. */
	fake_outb(f, COUNTER + 2, 10);
	assert_false(out2(f));
	step(f, 100);
	assert_int_equal(counter(f, 2), 0xffff);
	fake_outb(f, COUNTER + 2, 0);
	step(f, 9);
	assert_false(out2(f));
	step(f, 1);
	assert_true(out2(f));
}

static void test_gate_holds_mode_0(void **state)
{
	struct fake_vm *f = *state;

	mode_set(f, 2, 0, 100); /* the gate is low: it waits */
	step(f, 500);
	assert_int_equal(counter(f, 2), 100);
	fake_outb(f, PORT_B, GATE);
	step(f, 60);
	assert_int_equal(counter(f, 2), 40);
	fake_outb(f, PORT_B, 0);
	step(f, 500);
	assert_int_equal(counter(f, 2), 40);
	assert_false(out2(f));
	fake_outb(f, PORT_B, GATE);
	step(f, 39);
	assert_false(out2(f));
	step(f, 1);
	assert_true(out2(f));
}

static void test_one_shot(void **state)
{
	struct fake_vm *f = *state;

	mode_set(f, 2, 1, 50);
	step(f, 500);
	assert_true(out2(f));
	assert_int_equal(status(f, 2) & STATUS_NULL, STATUS_NULL);
	fake_outb(f, PORT_B, GATE); /* the trigger */
	assert_false(out2(f));
	assert_int_equal(status(f, 2) & STATUS_NULL, 0);
	step(f, 30);
	fake_outb(f, PORT_B, 0); /* the level does not matter */
	assert_int_equal(counter(f, 2), 20);
	fake_outb(f, PORT_B, GATE); /* again, before its end */
	step(f, 49);
	assert_false(out2(f));
	step(f, 1);
	assert_true(out2(f));
	/* A new count waits for the next trigger. */
	fake_outb(f, COUNTER + 2, 7);
	fake_outb(f, COUNTER + 2, 0);
	step(f, 10);
	assert_true(out2(f));
	assert_int_equal(counter(f, 2), 0x10000 - 10);
	fake_outb(f, PORT_B, 0);
	fake_outb(f, PORT_B, GATE);
	assert_int_equal(counter(f, 2), 7);
	step(f, 6);
	assert_false(out2(f));
	step(f, 1);
	assert_true(out2(f));
}

static void test_rate_generator(void **state)
{
	struct fake_vm *f = *state;

	fake_outb(f, PORT_B, GATE);
	mode_set(f, 2, 2, 5);
	for (unsigned i = 0; i < 23; i++) {
		assert_int_equal(counter(f, 2), 5 - i % 5);
		assert_int_equal(out2(f), i % 5 != 4);
		step(f, 1);
	}
	/* Tick 23: a new count is loaded at tick 25. */
	fake_outb(f, COUNTER + 2, 7);
	fake_outb(f, COUNTER + 2, 0);
	assert_int_equal(status(f, 2) & STATUS_NULL, STATUS_NULL);
	assert_int_equal(counter(f, 2), 2);
	step(f, 2);
	assert_int_equal(counter(f, 2), 7);
	assert_int_equal(status(f, 2) & STATUS_NULL, 0);
	step(f, 6);
	assert_false(out2(f));
	/* The gate: OUT goes high at once, the count stands; its rise begins anew. */
	fake_outb(f, PORT_B, 0);
	assert_true(out2(f));
	step(f, 3);
	assert_int_equal(counter(f, 2), 1);
	fake_outb(f, PORT_B, GATE);
	assert_int_equal(counter(f, 2), 7);
	/* Of two counts that come before the gate's rise, the second one counts. */
	fake_outb(f, COUNTER + 2, 5);
	fake_outb(f, COUNTER + 2, 0);
	fake_outb(f, PORT_B, 0);
	fake_outb(f, COUNTER + 2, 7);
	fake_outb(f, COUNTER + 2, 0);
	fake_outb(f, PORT_B, GATE);
	assert_int_equal(counter(f, 2), 7);
	/* Years later the phase is still right (channel 0 stopped: its ticks would take the time).
	 */
	mode_set(f, 0, 1, 0);
	step(f, 7ull * VPIT_HZ * 86400 * 100 + 3);
	assert_int_equal(counter(f, 2), 4);
}

static void test_square_wave(void **state)
{
	struct fake_vm *f = *state;
	static const uint8_t odd[7] = { 6, 4, 2, 0, 6, 4, 2 };

	fake_outb(f, PORT_B, GATE);
	mode_set(f, 2, 3, 6);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(counter(f, 2), 6 - 2 * (i % 3));
		assert_int_equal(out2(f), i % 6 < 3);
		step(f, 1);
	}
	mode_set(f, 2, 3, 7);
	for (unsigned i = 0; i < 21; i++) {
		assert_int_equal(counter(f, 2), odd[i % 7]);
		assert_int_equal(out2(f), i % 7 < 4);
		step(f, 1);
	}
}

static void test_square_wave_new_count(void **state)
{
	struct fake_vm *f = *state;

	fake_outb(f, PORT_B, GATE);
	mode_set(f, 2, 3, 100);
	step(f, 20);
	fake_outb(f, COUNTER + 2, 10); /* in the high half: loaded when OUT falls, at 50 */
	fake_outb(f, COUNTER + 2, 0);
	step(f, 29);
	assert_true(out2(f));
	step(f, 1);
	assert_false(out2(f));
	step(f, 4);
	assert_false(out2(f));
	step(f, 1);
	assert_true(out2(f)); /* 55 */
	step(f, 6);	      /* 61: in the low half; loaded at 65 */
	fake_outb(f, COUNTER + 2, 40);
	fake_outb(f, COUNTER + 2, 0);
	step(f, 3);
	assert_false(out2(f));
	step(f, 1);
	assert_true(out2(f));
	assert_int_equal(counter(f, 2), 40);
	step(f, 19);
	assert_true(out2(f));
	step(f, 1);
	assert_false(out2(f));
}

static void test_strobes(void **state)
{
	struct fake_vm *f = *state;

	fake_outb(f, PORT_B, GATE);
	mode_set(f, 2, 4, 20);
	assert_true(out2(f));
	step(f, 10);
	fake_outb(f, PORT_B, 0); /* held */
	step(f, 100);
	assert_int_equal(counter(f, 2), 10);
	fake_outb(f, PORT_B, GATE);
	step(f, 9);
	assert_true(out2(f));
	step(f, 1);
	assert_false(out2(f)); /* one tick */
	step(f, 1);
	assert_true(out2(f));
	step(f, 0xffff);
	assert_true(out2(f)); /* no second strobe */

	mode_set(f, 2, 5, 20);
	step(f, 20);
	assert_true(out2(f));
	fake_outb(f, PORT_B, 0);
	fake_outb(f, PORT_B, GATE);
	step(f, 20);
	assert_false(out2(f));
	step(f, 1);
	assert_true(out2(f));
	fake_outb(f, PORT_B, 0);
	fake_outb(f, PORT_B, GATE);
	step(f, 20);
	assert_false(out2(f));
}

static void test_access_widths(void **state)
{
	struct fake_vm *f = *state;

	fake_outb(f, PORT_B, GATE);
	fake_outb(f, CONTROL, 0x90); /* channel 2, LSB, mode 0 */
	fake_outb(f, COUNTER + 2, 0x80);
	assert_int_equal(fake_inb(f, COUNTER + 2), 0x80);
	assert_int_equal(fake_inb(f, COUNTER + 2), 0x80);
	fake_outb(f, CONTROL, 0xa0); /* MSB */
	fake_outb(f, COUNTER + 2, 0x12);
	assert_int_equal(fake_inb(f, COUNTER + 2), 0x12);
	fake_outb(f, CONTROL, 0x80); /* a latch has one byte then */
	step(f, 0x300);
	assert_int_equal(fake_inb(f, COUNTER + 2), 0x12);
	assert_int_equal(fake_inb(f, COUNTER + 2), 0x0f);
	mode_set(f, 2, 0, 0x1234); /* both, unlatched */
	assert_int_equal(fake_inb(f, COUNTER + 2), 0x34);
	assert_int_equal(fake_inb(f, COUNTER + 2), 0x12);
	assert_int_equal(fake_inb(f, COUNTER + 2), 0x34);
	assert_int_equal(fake_inb(f, CONTROL), 0xff); /* write-only */
}

static void test_latch_holds(void **state)
{
	struct fake_vm *f = *state;

	fake_outb(f, PORT_B, GATE);
	mode_set(f, 2, 2, 0x4000);
	fake_outb(f, CONTROL, 0x80);
	step(f, 0x123);
	fake_outb(f, CONTROL, 0x80); /* the second is ignored */
	assert_int_equal(fake_inb(f, COUNTER + 2), 0x00);
	assert_int_equal(fake_inb(f, COUNTER + 2), 0x40);
	assert_int_equal(counter(f, 2), 0x4000 - 0x123);
}

static void test_read_back(void **state)
{
	struct fake_vm *f = *state;

	fake_outb(f, PORT_B, GATE);
	mode_set(f, 2, 3, 0x2000);
	mode_set(f, 1, 2, 0x1000);
	step(f, 16);
	fake_outb(f, CONTROL, 0xc0 | 0x0c); /* status and count of 1 and 2 */
	step(f, 16);
	assert_int_equal(fake_inb(f, COUNTER + 2), STATUS_OUT | 0x36);
	assert_int_equal(fake_inb(f, COUNTER + 2), 0xe0);
	assert_int_equal(fake_inb(f, COUNTER + 2), 0x1f);
	assert_int_equal(fake_inb(f, COUNTER + 1), STATUS_OUT | 0x34);
	assert_int_equal(fake_inb(f, COUNTER + 1), 0xf0);
	assert_int_equal(fake_inb(f, COUNTER + 1), 0x0f);
	/* Count alone; a channel that is not named is left alone. */
	fake_outb(f, CONTROL, 0xd0 | 0x04);
	assert_int_equal(fake_inb(f, COUNTER + 1), 0xe0);
	assert_int_equal(fake_inb(f, COUNTER + 1), 0x0f);
	/* The first of two latched statuses is read. */
	fake_outb(f, CONTROL, 0xe8);
	step(f, 0x1000);
	fake_outb(f, CONTROL, 0xe8);
	assert_int_equal(fake_inb(f, COUNTER + 2), STATUS_OUT | 0x36);
	assert_int_equal(status(f, 2), 0x36);
	/* A control word without a count: null count; modes 6 and 7 are 2 and 3. */
	fake_outb(f, CONTROL, 0xbe);
	assert_int_equal(status(f, 2), STATUS_OUT | STATUS_NULL | 0x36);
	fake_outb(f, CONTROL, 0x91);
	assert_int_equal(status(f, 2), STATUS_NULL | 0x11);
}

static void test_bcd(void **state)
{
	struct fake_vm *f = *state;

	fake_outb(f, PORT_B, GATE);
	fake_outb(f, CONTROL, 0xb1); /* both, mode 0, BCD */
	fake_outb(f, COUNTER + 2, 0x34);
	fake_outb(f, COUNTER + 2, 0x12);
	step(f, 35);
	assert_int_equal(counter(f, 2), 0x1199);
	step(f, 1199);
	assert_true(out2(f));
	assert_int_equal(counter(f, 2), 0);
	step(f, 1);
	assert_int_equal(counter(f, 2), 0x9999);
	step(f, 10001);
	assert_int_equal(counter(f, 2), 0x9998);
	fake_outb(f, COUNTER + 2, 0); /* 0 is 10000 */
	fake_outb(f, COUNTER + 2, 0);
	step(f, 9999);
	assert_false(out2(f));
	step(f, 1);
	assert_true(out2(f));
	fake_outb(f, COUNTER + 2, 0xff); /* no digits: some count, no harm */
	fake_outb(f, COUNTER + 2, 0xff);
	counter(f, 2);
}

/* Each interrupt at its tick, after an hour as in the first second. */
static void test_irq_periodic(void **state)
{
	struct fake_vm *f = *state;
	uint64_t start;
	unsigned before;

	mode_set(f, 0, 2, 11932);
	start = tick_now(f);
	before = f->rises[IRQ_PIT];
	go_to(f, start + 11931);
	assert_int_equal(f->rises[IRQ_PIT], before);
	go_to(f, start + 11932);
	assert_int_equal(f->rises[IRQ_PIT], before + 1);
	assert_true(f->lines[IRQ_PIT]);
	go_to(f, start + 360000ull * 11932 - 1);
	assert_int_equal(f->rises[IRQ_PIT], before + 359999);
	go_to(f, start + 360000ull * 11932);
	assert_int_equal(f->rises[IRQ_PIT], before + 360000);
	assert_int_equal(fake_timers_armed(), 1);
}

static void test_irq_square_reload(void **state)
{
	struct fake_vm *f = *state;
	unsigned before;
	uint64_t start;

	mode_set(f, 0, 3, 1000);
	start = tick_now(f);
	before = f->rises[IRQ_PIT];
	go_to(f, start + 100);
	fake_outb(f, COUNTER, (uint8_t)200);
	fake_outb(f, COUNTER, 0); /* OUT falls at 500, rises at 600, 800 … */
	go_to(f, start + 599);
	assert_int_equal(f->rises[IRQ_PIT], before);
	go_to(f, start + 600);
	assert_int_equal(f->rises[IRQ_PIT], before + 1);
	go_to(f, start + 799);
	assert_int_equal(f->rises[IRQ_PIT], before + 1);
	go_to(f, start + 800);
	assert_int_equal(f->rises[IRQ_PIT], before + 2);
}

static void test_irq_one_shot(void **state)
{
	struct fake_vm *f = *state;
	unsigned before;

	/* Linux's clock event device: mode 4, a new count for each event. */
	mode_set(f, 0, 4, 500);
	before = f->rises[IRQ_PIT];
	step(f, 500);
	assert_int_equal(f->rises[IRQ_PIT], before);
	step(f, 1);
	assert_int_equal(f->rises[IRQ_PIT], before + 1);
	assert_int_equal(fake_timers_armed(), 0);
	fake_outb(f, COUNTER, 100);
	fake_outb(f, COUNTER, 0);
	step(f, 50);
	fake_outb(f, COUNTER, 100); /* moved before it came */
	fake_outb(f, COUNTER, 0);
	step(f, 100);
	assert_int_equal(f->rises[IRQ_PIT], before + 1);
	step(f, 1);
	assert_int_equal(f->rises[IRQ_PIT], before + 2);

	/* Mode 0: the line falls with the control word, and stays up at the end. */
	mode_set(f, 0, 0, 300);
	assert_false(f->lines[IRQ_PIT]);
	step(f, 299);
	assert_false(f->lines[IRQ_PIT]);
	step(f, 1);
	assert_true(f->lines[IRQ_PIT]);
	step(f, 200000);
	assert_int_equal(f->rises[IRQ_PIT], before + 3);
}

static void test_irq_switched_off(void **state)
{
	struct fake_vm *f = *state;
	unsigned before;

	mode_set(f, 0, 2, 1000);
	before = f->rises[IRQ_PIT];
	fake_outb(f, CONTROL, 0x30); /* mode 0, never loaded */
	step(f, 100000);
	assert_int_equal(f->rises[IRQ_PIT], before);
	mode_set(f, 0, 1, 1000); /* needs a trigger, which channel 0 has not */
	before = f->rises[IRQ_PIT];
	step(f, 100000);
	assert_int_equal(f->rises[IRQ_PIT], before);
}

/* The shortest periods must not become a storm on the host. */
static void test_irq_storm(void **state)
{
	struct fake_vm *f = *state;
	unsigned before, fired;

	mode_set(f, 0, 2, 1);
	before = f->rises[IRQ_PIT];
	fired = fake_timers_fired();
	fake_time_advance(10 * 1000 * 1000);
	assert_in_range(fake_timers_fired() - fired, 75, 100);
	assert_in_range(f->rises[IRQ_PIT] - before, 75, 100);
}

/* A timer that comes late makes one interrupt of several, and keeps the phase. */
static void test_irq_late(void **state)
{
	struct fake_vm *f = *state;
	unsigned before;
	uint64_t start;

	mode_set(f, 0, 2, 1000);
	start = tick_now(f);
	before = f->rises[IRQ_PIT];
	fake_time_set(f->vm.vpit.origin_ns + vclock_ns(&clock, start + 3500));
	fake_time_advance(0);
	assert_int_equal(f->rises[IRQ_PIT], before + 1);
	go_to(f, start + 3999);
	assert_int_equal(f->rises[IRQ_PIT], before + 1);
	go_to(f, start + 4000);
	assert_int_equal(f->rises[IRQ_PIT], before + 2);
}

/* Whoever else runs is interrupted once; then the timer waits for the guest, and keeps its step. */
static void test_irq_lapses(void **state)
{
	struct fake_vm *f = *state;
	struct vcpu *v = f->vm.vcpus[0];
	unsigned before, fired;
	uint64_t start;

	mode_set(f, 0, 2, 1000);
	start = tick_now(f);
	before = f->rises[IRQ_PIT];
	fired = fake_timers_fired();
	fake_vm_runs(f, false);
	go_to(f, start + 9300);
	assert_int_equal(fake_timers_fired() - fired, 1);
	assert_int_equal(f->rises[IRQ_PIT], before + 1);
	assert_int_equal(v->requests, REQUEST_TIMER);
	fake_vm_runs(f, true);
	vpit_resume(&f->vm);
	assert_int_equal(f->rises[IRQ_PIT], before + 1);
	go_to(f, start + 9999);
	assert_int_equal(f->rises[IRQ_PIT], before + 1);
	go_to(f, start + 12000);
	assert_int_equal(f->rises[IRQ_PIT], before + 4);
	/* One that sleeps in HLT looks by itself when that ends. */
	fake_vm_runs(f, false);
	v->requests = 0;
	v->halted = true;
	go_to(f, start + 15000);
	assert_int_equal(v->requests, 0);
	assert_true(f->vm.vpit.lapsed);
	/* Set anew it is not resumed with what it was. */
	mode_set(f, 0, 0, 1000);
	assert_false(f->vm.vpit.lapsed);
	before = f->rises[IRQ_PIT];
	step(f, 1010);
	assert_int_equal(f->rises[IRQ_PIT], before + 1);
	assert_false(f->vm.vpit.lapsed); /* there is no other */
}

/* A guest that sees the count at its end has the interrupt, however late the host's timer is. */
static void test_irq_seen(void **state)
{
	struct fake_vm *f = *state;
	unsigned before;

	mode_set(f, 0, 0, 5); /* a single one comes in time, however short */
	before = f->rises[IRQ_PIT];
	step(f, 5);
	assert_int_equal(f->rises[IRQ_PIT], before + 1);
	mode_set(f, 0, 0, 1000);
	fake_time_set(time_ns() + 1000000);
	assert_int_equal(f->rises[IRQ_PIT], before + 1);
	assert_int_equal(status(f, 0) & STATUS_OUT, STATUS_OUT);
	assert_int_equal(f->rises[IRQ_PIT], before + 2);
	fake_time_advance(0);
	assert_int_equal(f->rises[IRQ_PIT], before + 2);
}

static void test_port_b(void **state)
{
	struct fake_vm *f = *state;
	unsigned toggles = 0;
	uint8_t last, now;

	fake_outb(f, PORT_B, 0xfc);
	assert_int_equal(fake_inb(f, PORT_B) & 0xcf, 0x0c);
	fake_outb(f, PORT_B, 0x03);
	assert_int_equal(fake_inb(f, PORT_B) & 0xcf, 0x03);
	last = fake_inb(f, PORT_B) & REFRESH;
	for (unsigned i = 0; i < 1000; i++) {
		fake_time_advance(1000);
		now = fake_inb(f, PORT_B) & REFRESH;
		toggles += now != last;
		last = now;
	}
	assert_in_range(toggles, 65, 67); /* 15.085 µs each */
}

/* What Linux does to learn the TSC's rate: 50 ms of channel 2, polled. */
static void test_calibration(void **state)
{
	struct fake_vm *f = *state;
	uint64_t start;

	fake_outb(f, PORT_B, GATE);
	mode_set(f, 2, 0, 1193182 / 20);
	start = time_ns();
	while (!out2(f))
		fake_time_advance(500);
	assert_in_range(time_ns() - start, 49999000, 50001500);
	/* And the quick way: the MSB of mode 0 from FFFFh on. */
	mode_set(f, 2, 0, 0xffff);
	start = time_ns();
	for (unsigned msb = 0xff; msb > 0xc0; msb--) {
		do {
			fake_time_advance(500);
			fake_inb(f, COUNTER + 2);
		} while (fake_inb(f, COUNTER + 2) != msb - 1);
	}
	assert_in_range(time_ns() - start, 62 * 256 * 838ull, 63 * 256 * 839ull + 1000);
}

static void test_reset(void **state)
{
	struct fake_vm *f = *state;
	uint64_t start;
	unsigned before;

	mode_set(f, 0, 4, 100);
	fake_outb(f, PORT_B, 3);
	lock_take(&f->vm.lock);
	vpit_class.reset(&f->vm);
	lock_drop(&f->vm.lock);
	start = tick_now(f);
	before = f->rises[IRQ_PIT];
	assert_int_equal(status(f, 0), STATUS_OUT | 0x36);
	assert_int_equal(fake_inb(f, PORT_B) & 3, 0);
	go_to(f, start + 65536); /* 18.2 Hz */
	assert_int_equal(f->rises[IRQ_PIT], before + 1);
}

static void test_clock(void **state)
{
	static const uint64_t hz[] = { 32768, VPIT_HZ, VPM_TIMER_HZ };
	const struct vclock clocks[] = { VCLOCK(32768), VCLOCK(VPIT_HZ), VCLOCK(VPM_TIMER_HZ) };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(clocks); i++) {
		/* Ten years of seconds: never short of a tick. */
		assert_true(vclock_ticks(&clocks[i], 1000000000) == hz[i]);
		assert_true(vclock_ticks(&clocks[i], 315576000ull * 1000000000) ==
			    hz[i] * 315576000ull);
		for (uint64_t t = 1; t < hz[i] * 315576000ull; t = t * 3 / 2 + 1) {
			uint64_t ns = vclock_ns(&clocks[i], t);

			assert_true(vclock_ticks(&clocks[i], ns) >= t);
			assert_true(vclock_ticks(&clocks[i], ns - 1) < t);
		}
	}
}

/* Time that stands still is no time: neither the count nor the interrupt notices. */
static void test_standing_still(void **state)
{
	struct fake_vm *f = *state;
	const uint64_t hour = 3600ull * 1000000000;
	unsigned before, left;

	mode_set(f, 0, 0, 1000);
	step(f, 400);
	left = counter(f, 0);
	before = f->rises[IRQ_PIT];
	vpit_class.freeze(&f->vm);
	assert_int_equal(fake_timers_armed(), 0);
	fake_time_advance(hour);
	assert_int_equal(f->rises[IRQ_PIT], before);
	lock_take(&f->vm.lock);
	vpit_class.thaw(&f->vm, hour);
	lock_drop(&f->vm.lock);
	assert_int_equal(counter(f, 0), left);
	step(f, 590);
	assert_int_equal(f->rises[IRQ_PIT], before);
	step(f, 20);
	assert_int_equal(f->rises[IRQ_PIT], before + 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_terminal_count),
		TEST(test_gate_holds_mode_0),
		TEST(test_one_shot),
		TEST(test_rate_generator),
		TEST(test_square_wave),
		TEST(test_square_wave_new_count),
		TEST(test_strobes),
		TEST(test_access_widths),
		TEST(test_latch_holds),
		TEST(test_read_back),
		TEST(test_bcd),
		TEST(test_irq_periodic),
		TEST(test_irq_square_reload),
		TEST(test_irq_one_shot),
		TEST(test_irq_switched_off),
		TEST(test_irq_storm),
		TEST(test_irq_late),
		TEST(test_irq_lapses),
		TEST(test_irq_seen),
		TEST(test_port_b),
		TEST(test_calibration),
		TEST(test_reset),
		TEST(test_standing_still),
		cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

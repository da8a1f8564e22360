// SPDX-License-Identifier: MIT
/* The 8254: all modes on channel 2, whose gate software holds, and channel 0's interrupt. */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { LATCH = 0, LOW = 1, HIGH = 2, BOTH = 3 };
enum { GATE2 = 1, SPEAKER = 2, REFRESH = 0x10, OUT2 = 0x20 };
enum { READ_BACK = 0xc0, NO_COUNT = 0x20, NO_STATUS = 0x10 };
enum { STATUS_OUT = 0x80, STATUS_NULL = 0x40, STATUS_MODE = 0x3f };

static void set_mode(unsigned channel, unsigned access, unsigned mode, unsigned bcd)
{
	outb(PIT_CMD, (uint8_t)(channel << 6 | access << 4 | mode << 1 | bcd));
}

static void load(unsigned channel, uint16_t count)
{
	outb((uint16_t)(PIT_CH0 + channel), (uint8_t)count);
	outb((uint16_t)(PIT_CH0 + channel), (uint8_t)(count >> 8));
}

static void set_gate(bool high)
{
	uint8_t v = inb(PORT_61) & (uint8_t) ~(GATE2 | SPEAKER);

	outb(PORT_61, high ? v | GATE2 : v);
}

static bool out2(void)
{
	return inb(PORT_61) & OUT2;
}

static uint16_t read_count(unsigned channel)
{
	uint16_t port = (uint16_t)(PIT_CH0 + channel);
	uint8_t low;

	outb(PIT_CMD, (uint8_t)(channel << 6 | LATCH << 4));
	low = inb(port);
	return (uint16_t)(low | inb(port) << 8);
}

static uint8_t read_status(unsigned channel)
{
	outb(PIT_CMD, (uint8_t)(READ_BACK | NO_COUNT | 2u << channel));
	return inb((uint16_t)(PIT_CH0 + channel));
}

static uint32_t us_until_out(bool high)
{
	uint32_t start = time_pm_read(), now = start;

	while (out2() != high && time_pm_delta(start, now) < PMTIMER_HZ / 2)
		now = time_pm_read();
	return (uint32_t)(time_pm_delta(start, now) * 1000000ull / PMTIMER_HZ);
}

static void test_mode0(void)
{
	uint16_t stopped;

	set_gate(true);
	set_mode(2, BOTH, 0, 0);
	check_true("mode 0: OUT low after the control word", !out2());
	load(2, 11932); /* 10 ms */
	check_true("mode 0: OUT low while it counts", !out2());
	check_range("mode 0: microseconds to terminal count", 9700, 10400, us_until_out(true));
	time_wait_us(1000);
	check_true("mode 0: OUT stays high", out2());
	check_true("mode 0: goes on counting down past 0", read_count(2) > 0x8000);
	set_mode(2, BOTH, 0, 0);
	load(2, 11932);
	time_wait_us(1000);
	set_gate(false);
	time_wait_us(100);
	stopped = read_count(2);
	time_wait_us(3000);
	check_eq("mode 0: the count while the gate is low", stopped, read_count(2));
	set_gate(true);
	check_range("mode 0: microseconds left after the gate", 8300, 9300, us_until_out(true));
}

static void test_mode1(void)
{
	set_gate(false);
	set_mode(2, BOTH, 1, 0);
	load(2, 5966); /* 5 ms */
	time_wait_us(1000);
	check_true("mode 1: OUT high before the trigger", out2());
	set_gate(true);
	time_wait_us(100);
	check_true("mode 1: OUT low after the trigger", !out2());
	time_wait_us(3000);
	set_gate(false);
	set_gate(true);
	check_range("mode 1: the trigger starts anew", 4600, 5400, us_until_out(true));
	time_wait_us(6000);
	check_true("mode 1: one shot", out2());
}

static void test_mode2(void)
{
	uint32_t samples = 0, high = 0, start;
	uint16_t count, most = 0, least = 0xffff;

	set_gate(true);
	set_mode(2, BOTH, 2, 0);
	load(2, 1193);
	start = time_pm_read();
	while (time_pm_delta(start, time_pm_read()) < PMTIMER_HZ / 100) { /* 10 ms */
		samples++;
		high += out2();
		count = read_count(2);
		most = count > most ? count : most;
		least = count < least ? count : least;
	}
	check_range("mode 2: percent of the time with OUT high", 95, 100, high * 100 / samples);
	check_range("mode 2: least count seen", 1, 200, least);
	check_range("mode 2: largest count seen", 1000, 1193, most);
	set_gate(false);
	check_true("mode 2: OUT high while the gate is low", out2());
	set_gate(true);
}

static void test_mode3(void)
{
	uint32_t start, samples = 0, high = 0, edges = 0;
	bool last, now;

	set_gate(true);
	set_mode(2, BOTH, 3, 0);
	load(2, 2386); /* 2 ms a period */
	last = out2();
	start = time_pm_read();
	while (time_pm_delta(start, time_pm_read()) < PMTIMER_HZ / 25) { /* 40 ms */
		now = out2();
		samples++;
		high += now;
		edges += now != last;
		last = now;
	}
	check_range("mode 3: edges in 40 ms", 38, 42, edges);
	check_range("mode 3: percent high", 45, 55, high * 100 / samples);
	check_eq("mode 3: counts are even", 0, read_count(2) & 1);
	set_gate(false);
	check_true("mode 3: OUT high while the gate is low", out2());
	set_gate(true);
}

static void test_mode4_mode5(void)
{
	set_gate(true);
	set_mode(2, BOTH, 4, 0);
	load(2, 5966);
	check_true("mode 4: OUT high while it counts", out2());
	time_wait_us(8000);
	check_true("mode 4: OUT high after the strobe", out2());
	check_true("mode 4: goes on counting", read_count(2) > 0x8000);
	set_gate(false);
	set_mode(2, BOTH, 5, 0);
	load(2, 0x8000);
	time_wait_us(500);
	set_gate(true);
	time_wait_us(2000);
	check_range("mode 5: count 2 ms after the trigger", 0x8000 - 3000, 0x8000 - 2000,
		    read_count(2));
	check_true("mode 5: OUT high while it counts", out2());
}

static void test_access(void)
{
	uint16_t first;
	uint8_t status;

	set_gate(true);
	set_mode(2, LOW, 2, 0);
	outb(PIT_CH2, 100);
	check_eq("read-back: mode and access, low byte only", LOW << 4 | 2 << 1,
		 read_status(2) & STATUS_MODE);
	time_wait_us(200);
	check_range("low byte only: the count's range", 1, 100, inb(PIT_CH2));
	set_mode(2, HIGH, 2, 0);
	outb(PIT_CH2, 0x40);
	time_wait_us(200);
	check_range("high byte only: the count's range", 0, 0x40, inb(PIT_CH2));
	check_eq("read-back: mode and access, high byte only", HIGH << 4 | 2 << 1,
		 read_status(2) & STATUS_MODE);
	set_mode(2, BOTH, 0, 0);
	status = read_status(2);
	check_eq("read-back: null count before the load", STATUS_NULL, status & STATUS_NULL);
	check_eq("read-back: OUT in mode 0", 0, status & STATUS_OUT);
	load(2, 0xf000);
	time_wait_us(100);
	check_eq("read-back: no null count after the load", 0, read_status(2) & STATUS_NULL);
	outb(PIT_CMD, 2 << 6 | LATCH << 4);
	time_wait_us(500);
	outb(PIT_CMD, 2 << 6 | LATCH << 4); /* a second latch changes nothing */
	first = inb(PIT_CH2);
	first = (uint16_t)(first | inb(PIT_CH2) << 8);
	check_range("the first latch holds", 300, 5000, (uint16_t)(first - read_count(2)));
	outb(PIT_CMD, READ_BACK | 2 << 2); /* status and count */
	status = inb(PIT_CH2);
	first = inb(PIT_CH2);
	first = (uint16_t)(first | inb(PIT_CH2) << 8);
	check_eq("read-back of both: status", BOTH << 4, status & STATUS_MODE);
	check_range("read-back of both: count", 0xd000, 0xefff, first);
}

static void test_bcd(void)
{
	uint16_t count;
	bool digits = true;

	set_gate(true);
	set_mode(2, BOTH, 2, 1);
	load(2, 0x9000);
	check_eq("read-back: the BCD bit", 1, read_status(2) & 1);
	time_wait_us(2000);
	for (int i = 0; i < 100; i++) {
		count = read_count(2);
		for (int shift = 0; shift < 16; shift += 4)
			digits = digits && (count >> shift & 15) <= 9;
	}
	check_true("BCD: digits are decimal", digits);
	check_range("BCD: not above what was loaded", 1, 0x9000, count);
}

static void test_channel0(unsigned mode)
{
	uint32_t before;

	pic_init();
	pic_handle(0);
	set_mode(0, BOTH, mode, 0);
	load(0, 1193);
	pic_set_mask(0, false);
	irq_enable();
	time_wait_us(3000);
	before = trap_count[PIC_VECTOR];
	time_wait_us(50000);
	before = trap_count[PIC_VECTOR] - before;
	irq_disable();
	check_range(mode == 2 ? "mode 2: interrupts in 50 ms" : "mode 3: interrupts in 50 ms", 47,
		    52, before);
}

/* The TSC was measured by the PIT: so the PM timer and the PIT are compared here. */
static void test_rates(void)
{
	uint32_t pm = time_pm_read();

	time_wait_us(50000);
	pm = time_pm_delta(pm, time_pm_read());
	check_range("PM timer ticks in 50 ms of the PIT", PMTIMER_HZ / 20 * 97 / 100,
		    PMTIMER_HZ / 20 * 103 / 100, pm);
}

static void test_port61(void)
{
	uint8_t toggles = 0, v;

	outb(PORT_61, SPEAKER);
	check_eq("port 61h: speaker bit", SPEAKER, inb(PORT_61) & (GATE2 | SPEAKER));
	outb(PORT_61, GATE2);
	check_eq("port 61h: gate bit", GATE2, inb(PORT_61) & (GATE2 | SPEAKER));
	v = inb(PORT_61);
	for (int i = 0; i < 200; i++) {
		time_wait_us(5);
		toggles |= (uint8_t)(v ^ inb(PORT_61));
	}
	check_eq("port 61h: the refresh bit toggles", REFRESH, toggles & REFRESH);
}

void guest_main(void)
{
	if (!check_true("the FADT names a PM timer", time_pm_port() != 0))
		return;
	apic_init_virtual_wire();
	time_tsc_per_ms(); /* while channel 2 is free */
	test_tolerate(test_is_bare_tcg(),
		      "QEMU's gate stops no count, and OUT is wrong in 1, 2, 4, 5");
	test_mode0();
	test_mode1();
	test_mode2();
	test_tolerate_end();
	test_mode3();
	test_tolerate(test_is_bare_tcg(), "QEMU has no null count, no BCD, and no OUT in 4 and 5");
	test_mode4_mode5();
	test_access();
	test_bcd();
	test_tolerate_end();
	test_channel0(2);
	test_channel0(3);
	test_rates();
	test_port61();
}

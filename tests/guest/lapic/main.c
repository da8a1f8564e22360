// SPDX-License-Identifier: MIT
/* The local APIC: timer modes, priorities, EOI, self-IPI, errors, and the same by x2APIC. */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { TIMER = 0x40, LOW = 0x41, MID = 0x52, HIGH = 0x63, ERROR = 0x74 };

static volatile uint8_t order[16];
static volatile unsigned taken;
static volatile uint32_t ppr_seen;
static volatile bool isr_seen, mid_held, high_came;
static uint64_t tsc_per_ms;

static void note(struct trap_frame *f)
{
	order[taken++ & 15] = (uint8_t)f->vector;
	apic_eoi();
}

static void open_window(void)
{
	irq_enable();
	for (int i = 0; i < 100; i++)
		pause();
	irq_disable();
}

static void wait_ms(uint32_t ms)
{
	uint64_t start = rdtsc();

	while (rdtsc() - start < ms * tsc_per_ms)
		pause();
}

static void reset(void)
{
	apic_write(LAPIC_LVT_TIMER, LVT_MASKED | TIMER);
	apic_write(LAPIC_TIMER_INIT, 0);
	apic_write(LAPIC_TPR, 0);
	open_window();
	taken = 0;
}

static void test_registers(void)
{
	uint32_t version = apic_read(LAPIC_VERSION);

	check_true("version: an integrated APIC",
		   (version & 0xff) >= 0x10 && (version & 0xff) < 0x20);
	check_range("version: highest LVT entry", 3, 15, version >> 16 & 0xff);
	check_eq("APIC_BASE: address, enabled, boot CPU", LAPIC_BASE | APIC_BASE_EN | APIC_BASE_BSP,
		 rdmsr(MSR_APIC_BASE) & ~APIC_BASE_EXTD);
	check_eq("ID agrees with CPUID", cpuid(1, 0).ebx >> 24,
		 apic_in_x2apic() ? apic_read(LAPIC_ID) : apic_read(LAPIC_ID) >> 24);
	for (uint32_t reg = LAPIC_LVT_TIMER; reg <= LAPIC_LVT_ERROR; reg += 0x10) {
		apic_write(reg, LVT_MASKED | 0x77);
		check_eq("an LVT entry reads back", LVT_MASKED | 0x77, apic_read(reg));
	}
	apic_write(LAPIC_TPR, 0x35);
	check_eq("TPR reads back", 0x35, apic_read(LAPIC_TPR));
	check_eq("PPR is TPR with nothing in service", 0x35, apic_read(LAPIC_PPR));
	check_eq("CR8 is TPR's class", 3, read_cr8());
	write_cr8(9);
	check_eq("TPR after a write of CR8", 0x90, apic_read(LAPIC_TPR));
	apic_write(LAPIC_TPR, 0);
}

/* Ticks of the timer in a ms at a divisor. */
static uint64_t timer_rate(uint32_t divide_bits)
{
	uint32_t from, to;

	apic_write(LAPIC_TIMER_DIVIDE, divide_bits);
	apic_write(LAPIC_TIMER_INIT, 0xffffffff);
	from = apic_read(LAPIC_TIMER_CURRENT);
	wait_ms(2);
	to = apic_read(LAPIC_TIMER_CURRENT);
	apic_write(LAPIC_TIMER_INIT, 0);
	return (from - to) / 2;
}

static uint64_t test_divisors(void)
{
	/* Divide by 1, 2, 4 … 128 in the order of the register's bits 3, 1 and 0. */
	static const uint32_t bits[] = { 11, 0, 1, 2, 3, 8, 9, 10 };
	uint64_t base = timer_rate(bits[0]);

	check_true("the timer counts", base > 0);
	for (unsigned i = 1; i < 8 && base >> i > 200; i++)
		check_range("the divisor divides (per mille of what it should)", 950, 1050,
			    timer_rate(bits[i]) * 1000 / (base >> i));
	apic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
	return base;
}

static void test_one_shot(uint64_t per_ms)
{
	uint64_t start;

	reset();
	apic_write(LAPIC_LVT_TIMER, TIMER);
	apic_write(LAPIC_TIMER_INIT, (uint32_t)(5 * per_ms));
	check_eq("initial count reads back", (uint32_t)(5 * per_ms), apic_read(LAPIC_TIMER_INIT));
	start = rdtsc();
	irq_enable();
	while (!taken && rdtsc() - start < 50 * tsc_per_ms)
		pause();
	irq_disable();
	check_range("one-shot: microseconds", 4700, 6000, (rdtsc() - start) * 1000 / tsc_per_ms);
	check_eq("one-shot: current count afterwards", 0, apic_read(LAPIC_TIMER_CURRENT));
	irq_enable();
	wait_ms(12);
	irq_disable();
	check_eq("one-shot: interrupts", 1, taken);
	reset();
	apic_write(LAPIC_LVT_TIMER, LVT_MASKED | TIMER);
	apic_write(LAPIC_TIMER_INIT, (uint32_t)per_ms);
	wait_ms(3);
	check_true("masked: no interrupt pending", !apic_bit(LAPIC_IRR, TIMER));
	apic_write(LAPIC_LVT_TIMER, TIMER);
	apic_write(LAPIC_TIMER_INIT, (uint32_t)(3 * per_ms));
	apic_write(LAPIC_TIMER_INIT, 0);
	wait_ms(5);
	check_true("an initial count of 0 stops the timer", !apic_bit(LAPIC_IRR, TIMER));
	check_eq("current count after that", 0, apic_read(LAPIC_TIMER_CURRENT));
}

static void test_periodic(uint64_t per_ms)
{
	uint32_t current;

	reset();
	apic_write(LAPIC_LVT_TIMER, LVT_PERIODIC | TIMER);
	apic_write(LAPIC_TIMER_INIT, (uint32_t)per_ms);
	irq_enable();
	wait_ms(50);
	irq_disable();
	check_range("periodic: interrupts in 50 ms", 47, 51, taken);
	current = apic_read(LAPIC_TIMER_CURRENT);
	check_range("periodic: current count", 0, per_ms, current);
	reset();
}

static void test_tsc_deadline(void)
{
	uint64_t start = rdtsc(), deadline = start + 5 * tsc_per_ms;

	reset();
	apic_write(LAPIC_LVT_TIMER, LVT_TSC_DEADLINE | TIMER);
	/* SDM Vol. 3, "TSC-Deadline Mode": the mode's setting before the MSR's. */
	asm volatile("mfence" ::: "memory");
	wrmsr(MSR_TSC_DEADLINE, deadline);
	check_eq("TSC_DEADLINE reads back", deadline, rdmsr(MSR_TSC_DEADLINE));
	irq_enable();
	while (!taken && rdtsc() - start < 50 * tsc_per_ms)
		pause();
	irq_disable();
	check_range("TSC deadline: microseconds", 5000, 6000,
		    (rdtsc() - start) * 1000 / tsc_per_ms);
	test_tolerate(test_is_bare_bochs(), "Bochs leaves the MSR as it was");
	check_eq("TSC_DEADLINE is 0 once it came", 0, rdmsr(MSR_TSC_DEADLINE));
	test_tolerate_end();
	wrmsr(MSR_TSC_DEADLINE, rdtsc() - 1000);
	open_window();
	check_eq("a deadline in the past comes at once", 2, taken);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + tsc_per_ms);
	wrmsr(MSR_TSC_DEADLINE, 0);
	irq_enable();
	wait_ms(3);
	irq_disable();
	check_eq("0 disarms the deadline", 2, taken);
	apic_write(LAPIC_TIMER_INIT, 1000);
	check_eq("the initial count is dead in deadline mode", 0, apic_read(LAPIC_TIMER_CURRENT));
	reset();
}

static void test_priority(void)
{
	reset();
	apic_send_self(LOW);
	apic_send_self(HIGH);
	apic_send_self(MID);
	apic_send_self(MID);
	check_true("IRR holds all three", apic_bit(LAPIC_IRR, LOW) && apic_bit(LAPIC_IRR, MID) &&
						  apic_bit(LAPIC_IRR, HIGH));
	open_window();
	check_eq("interrupts taken of three vectors, one sent twice", 3, taken);
	check_eq("taken first", HIGH, order[0]);
	check_eq("taken second", MID, order[1]);
	check_eq("taken third", LOW, order[2]);
	reset();
	apic_write(LAPIC_TPR, MID & 0xf0);
	apic_send_self(LOW);
	apic_send_self(MID);
	apic_send_self(HIGH);
	open_window();
	check_eq("TPR lets only a higher class through", 1, taken);
	check_eq("which is", HIGH, order[0]);
	check_true("TPR holds back its own class", apic_bit(LAPIC_IRR, MID));
	write_cr8((MID >> 4) - 1);
	open_window();
	check_eq("CR8 lowered lets the next one through", 2, taken);
	apic_write(LAPIC_TPR, 0);
	open_window();
	check_eq("TPR 0 lets the last one through", 3, taken);
}

/* Runs with MID in service: LOW waits, HIGH comes. */
static void nest(struct trap_frame *f)
{
	unsigned before = taken;

	(void)f;
	isr_seen = apic_bit(LAPIC_ISR, MID);
	ppr_seen = apic_read(LAPIC_PPR);
	apic_send_self(LOW);
	apic_send_self(MID);
	open_window();
	mid_held = taken == before;
	apic_send_self(HIGH);
	open_window();
	high_came = taken == before + 1 && order[before & 15] == HIGH;
	trap_set_handler(MID, note);
	apic_eoi();
}

static void test_nesting(void)
{
	reset();
	trap_set_handler(MID, nest);
	apic_send_self(MID);
	open_window();
	check_true("ISR in the handler", isr_seen);
	check_eq("PPR in the handler", MID & 0xf0, ppr_seen & 0xf0);
	check_true("the same class and lower ones wait for EOI", mid_held);
	check_true("a higher class interrupts the handler", high_came);
	check_eq("all come in the end", 3, taken);
	check_eq("MID before LOW", MID, order[1]);
	check_true("ISR is clear after EOI", !apic_bit(LAPIC_ISR, MID));
	apic_eoi(); /* with nothing in service it does nothing */
	check_eq("PPR after all", 0, apic_read(LAPIC_PPR));
}

static void test_disabled(void)
{
	reset();
	apic_write(LAPIC_LVT_TIMER, TIMER);
	test_tolerate(test_is_bare_tcg(), "QEMU's APIC, when disabled, leaves the LVT alone");
	apic_write(LAPIC_SVR, 0xff);
	check_eq("software-disabled: the LVT is masked", LVT_MASKED,
		 apic_read(LAPIC_LVT_TIMER) & LVT_MASKED);
	apic_write(LAPIC_LVT_TIMER, TIMER);
	/* SDM Vol. 3, "Local APIC State After It Has Been Software Disabled" */
	check_eq("software-disabled: a write cannot unmask", LVT_MASKED,
		 apic_read(LAPIC_LVT_TIMER) & LVT_MASKED);
	test_tolerate_end();
	apic_write(LAPIC_SVR, SVR_ENABLE | 0xff);
	check_eq("SVR reads back", SVR_ENABLE | 0xff, apic_read(LAPIC_SVR) & 0x1ff);
	reset();
}

static uint32_t read_esr(void)
{
	apic_write(LAPIC_ESR, 0);
	return apic_read(LAPIC_ESR);
}

static void test_errors(void)
{
	uint32_t esr;

	/* QEMU checks no vector on its way and delivers 5 as it is. */
	if (test_is_bare_tcg())
		return;
	reset();
	read_esr();
	trap_set_handler(ERROR, note);
	apic_write(LAPIC_LVT_ERROR, ERROR);
	apic_send_self(5);
	open_window();
	esr = read_esr();
	check_true("ESR after a self-IPI with vector 5",
		   esr & (ESR_SEND_ILLEGAL | ESR_RECV_ILLEGAL));
	test_tolerate(test_is_bare_bochs(), "Bochs raises no error interrupt");
	check_true("the error interrupt", taken >= 1 && order[0] == ERROR);
	test_tolerate_end();
	check_eq("ESR is clear after it was read", 0, read_esr());
	apic_write(LAPIC_LVT_ERROR, LVT_MASKED);
	reset();
}

static void read_x2apic(uint64_t reg)
{
	rdmsr(MSR_X2APIC + (uint32_t)reg / 16);
}

static void write_x2apic_1(uint64_t reg)
{
	wrmsr(MSR_X2APIC + (uint32_t)reg / 16, 1);
}

static void write_x2apic_high(uint64_t reg)
{
	wrmsr(MSR_X2APIC + (uint32_t)reg / 16, 1ull << 40);
}

static void write_apic_base(uint64_t v)
{
	wrmsr(MSR_APIC_BASE, v);
}

static void test_x2apic_rules(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);
	uint32_t id = apic_read(LAPIC_ID);

	test_tolerate(test_is_bare_bochs(), "Bochs does not set up the logical ID");
	check_eq("x2APIC: LDR follows from the ID", (id >> 4) << 16 | 1u << (id & 15),
		 apic_read(LAPIC_LDR));
	test_tolerate_end();
	check_eq("x2APIC: DFR is not there", VEC_GP, trap_run(read_x2apic, LAPIC_DFR));
	check_eq("x2APIC: ICR high is not there", VEC_GP, trap_run(read_x2apic, LAPIC_ICR_HIGH));
	check_eq("x2APIC: EOI cannot be read", VEC_GP, trap_run(read_x2apic, LAPIC_EOI));
	check_eq("x2APIC: EOI takes only 0", VEC_GP, trap_run(write_x2apic_1, LAPIC_EOI));
	check_eq("x2APIC: ESR takes only 0", VEC_GP, trap_run(write_x2apic_1, LAPIC_ESR));
	check_eq("x2APIC: the ID cannot be written", VEC_GP, trap_run(write_x2apic_1, LAPIC_ID));
	check_eq("x2APIC: TPR's high half is reserved", VEC_GP,
		 trap_run(write_x2apic_high, LAPIC_TPR));
	check_eq("x2APIC: SELF IPI cannot be read", VEC_GP, trap_run(read_x2apic, LAPIC_SELF_IPI));
	check_eq("x2APIC back to xAPIC directly", VEC_GP,
		 trap_run(write_apic_base, base & ~APIC_BASE_EXTD));
	wrmsr(MSR_X2APIC + LAPIC_SELF_IPI / 16, HIGH);
	open_window();
	check_eq("x2APIC: SELF IPI", HIGH, order[0]);
	reset();
}

static void test_all(void)
{
	uint64_t per_ms;

	test_registers();
	per_ms = test_divisors();
	test_one_shot(per_ms);
	test_periodic(per_ms);
	if (apic_has_tsc_deadline())
		test_tsc_deadline();
	test_priority();
	test_nesting();
	test_disabled();
	test_errors();
}

void guest_main(void)
{
	tsc_per_ms = time_tsc_per_ms();
	apic_init();
	trap_set_handler(TIMER, note);
	trap_set_handler(LOW, note);
	trap_set_handler(MID, note);
	trap_set_handler(HIGH, note);
	test_all();
	check_eq("TMR of an IPI's vector", 0, apic_bit(LAPIC_TMR, HIGH));
	if (!apic_has_x2apic())
		return;
	apic_enter_x2apic();
	test_all();
	test_x2apic_rules();
	apic_leave_x2apic();
	reset();
	check_eq("back in xAPIC mode", 0, rdmsr(MSR_APIC_BASE) & APIC_BASE_EXTD);
}

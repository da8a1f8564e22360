// SPDX-License-Identifier: MIT
/* A guest that spins stops no timer: with interrupts on they come, with them off they wait. */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { VECTOR = 0x5b, PIT_CH0_MODE2 = 0x34, PIT_CH0_MODE0 = 0x30, SPIN_MS = 60 };

static volatile uint64_t taken_at;

static void take(struct trap_frame *f)
{
	(void)f;
	taken_at = rdtsc();
	apic_eoi();
}

/* No instruction in here that could exit. */
static void spin(uint64_t ticks)
{
	uint64_t start = rdtsc();

	while (rdtsc() - start < ticks)
		;
}

static void test_interrupts_off(uint64_t per_ms, uint64_t ms)
{
	uint64_t start;

	taken_at = 0;
	apic_write(LAPIC_LVT_TIMER, VECTOR);
	apic_write(LAPIC_TIMER_INIT, (uint32_t)per_ms); /* 1 ms */
	spin(ms * time_tsc_per_ms());
	check_eq("nothing is taken with interrupts off", 0, taken_at);
	check_true("the timer's interrupt is pending", apic_bit(LAPIC_IRR, VECTOR));
	start = rdtsc();
	irq_enable();
	irq_disable();
	check_true("it is taken at once when they go on", taken_at != 0);
	check_range("microseconds until then", 0, 1000,
		    (taken_at - start) * 1000 / time_tsc_per_ms());
}

static void test_ticks(void)
{
	uint32_t ticks;
	uint64_t i = 0, start;

	apic_init_virtual_wire();
	pic_handle(0);
	outb(PIT_CMD, PIT_CH0_MODE2);
	outb(PIT_CH0, (uint8_t)1193);
	outb(PIT_CH0, 1193 >> 8);
	pic_set_mask(0, false);
	irq_enable();
	spin(time_tsc_per_ms());
	ticks = trap_count[PIC_VECTOR];
	start = rdtsc();
	while (rdtsc() - start < SPIN_MS * time_tsc_per_ms())
		i++;
	ticks = trap_count[PIC_VECTOR] - ticks;
	irq_disable();
	pic_set_mask(0, true);
	outb(PIT_CMD, PIT_CH0_MODE0);
	check_range("PIT ticks of 1 ms in 60 ms of spinning", SPIN_MS - 3, SPIN_MS + 2, ticks);
}

/* The plainest spin of all: nothing but a jump, ended by the interrupt's handler. */
static void leave(struct trap_frame *f)
{
	f->rip += 2; /* behind `jmp .` */
	taken_at = rdtsc();
	apic_eoi();
}

static void test_jump_to_self(uint64_t per_ms)
{
	uint64_t start = rdtsc();

	trap_set_handler(VECTOR, leave);
	apic_write(LAPIC_LVT_TIMER, VECTOR);
	apic_write(LAPIC_TIMER_INIT, (uint32_t)(5 * per_ms));
	asm volatile("sti\n"
		     "nop\n"
		     "jmp .\n"
		     "cli" ::
			     : "memory");
	check_range("microseconds in `jmp .` with a timer of 5 ms", 4800, 6500,
		    (taken_at - start) * 1000 / time_tsc_per_ms());
}

void guest_main(void)
{
	uint32_t from;
	uint64_t per_ms;

	apic_init();
	time_tsc_per_ms();
	trap_set_handler(VECTOR, take);
	apic_write(LAPIC_TIMER_INIT, 0xffffffff);
	from = apic_read(LAPIC_TIMER_CURRENT);
	time_wait_us(2000);
	per_ms = (from - apic_read(LAPIC_TIMER_CURRENT)) / 2;
	test_interrupts_off(per_ms, 3);
	test_interrupts_off(per_ms, SPIN_MS);
	test_jump_to_self(per_ms);
	test_ticks();
}

/* SPDX-License-Identifier: MIT */
/* sources: vmm/dev/vlapic.c vmm/dev/vlapic_regs.c vmm/dev/vlapic_timer.c vmm/dev/vlapic_ipi.c tests/fake/vcpu.c tests/fake/timer.c tests/fake/panic.c */
/* The local APIC: each register, and the rules of its two modes. */
#include "tests/unit/vlapic_guest.h"

/* Registers -------------------------------------------------------------------------------- */

static void reset_state(void **state)
{
	(void)state;
	assert_int_equal(get(APIC_ID), 0);
	assert_int_equal(get(APIC_VERSION), 0x50014);
	assert_int_equal(get(APIC_TPR), 0);
	assert_int_equal(get(APIC_PPR), 0);
	assert_int_equal(get(APIC_LDR), 0);
	assert_int_equal(get(APIC_DFR), 0xffffffff);
	assert_int_equal(get(APIC_SVR), RESET_SVR);
	for (unsigned reg = APIC_ISR; reg <= APIC_ESR; reg += MSR_STRIDE)
		assert_int_equal(get(reg), 0);
	assert_int_equal(get(APIC_LVT_TIMER), APIC_LVT_MASKED);
	assert_int_equal(get(APIC_LVT_THERMAL), APIC_LVT_MASKED);
	assert_int_equal(get(APIC_LVT_PERF), APIC_LVT_MASKED);
	assert_int_equal(get(APIC_LVT_LINT0), APIC_MODE_EXTINT << APIC_MODE_SHIFT);
	assert_int_equal(get(APIC_LVT_LINT1), APIC_LVT_MASKED);
	assert_int_equal(get(APIC_LVT_ERROR), APIC_LVT_MASKED);
	assert_int_equal(get(APIC_INITIAL_COUNT), 0);
	assert_int_equal(get(APIC_CURRENT_COUNT), 0);
	assert_int_equal(get(APIC_DIVIDE), 0);
	assert_int_equal(msr_get(MSR_APIC_BASE),
			 APIC_BASE_DEFAULT | APIC_BASE_BSP | APIC_BASE_ENABLE);
	assert_int_equal(msr_get(MSR_TSC_DEADLINE), 0);
	assert_true(vlapic_enabled(v));
	assert_int_equal(vlapic_base(v), APIC_BASE_DEFAULT);
	assert_false(vlapic_pending(v));
	assert_true(vlapic_accepts_extint(v));
}

static void reset_forgets_interrupts(void **state)
{
	(void)state;
	vlapic_set_irr(v, 0x81, true);
	vlapic_acknowledge(v);
	vlapic_set_irr(v, 0x92, false);
	get(0x010);
	vlapic_reset(v);
	assert_false(vlapic_pending(v));
	reset_state(state);
	put(APIC_EOI, 0);
	assert_int_equal(eois, 0);
	put(APIC_ESR, 0);
	assert_int_equal(get(APIC_ESR), 0);
}

static void other_cpus_are_not_boot_cpus(void **state)
{
	(void)state;
	v->id = 3;
	vlapic_reset(v);
	assert_int_equal(get(APIC_ID), 3u << 24);
	assert_int_equal(msr_get(MSR_APIC_BASE), APIC_BASE_DEFAULT | APIC_BASE_ENABLE);
	assert_int_equal(get(APIC_LVT_LINT0), APIC_LVT_MASKED);
}

/* What can be set where: all ones are written, and read back. */
static void writable_bits(void **state)
{
	static const struct {
		unsigned reg;
		uint32_t bits;
	} regs[] = {
		{ APIC_ID, 0 },
		{ APIC_VERSION, 0x50014 },
		{ APIC_TPR, 0xff },
		{ APIC_LDR, 0xff000000 },
		{ APIC_SVR, 0x3ff },
		{ APIC_LVT_THERMAL, 0x107ff },
		{ APIC_LVT_PERF, 0x107ff },
		{ APIC_LVT_LINT0, 0x1a7ff },
		{ APIC_LVT_LINT1, 0x1a7ff },
		{ APIC_LVT_ERROR, 0x100ff },
		{ APIC_LVT_TIMER, 0x700ff },
		{ APIC_ICR_HIGH, 0xff000000 },
		{ APIC_DIVIDE, 0xb },
	};

	(void)state;
	put(APIC_SVR, ON);
	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++) {
		put(regs[i].reg, 0xffffffff);
		assert_int_equal(get(regs[i].reg), regs[i].bits);
	}
	put(APIC_DFR, 0);
	assert_int_equal(get(APIC_DFR), 0x0fffffff);
	put(APIC_DFR, 0xf0000000);
	assert_int_equal(get(APIC_DFR), 0xffffffff);
	assert_int_equal(get(APIC_APR), 0);
	assert_int_equal(get(APIC_RRD), 0);
}

static void read_only_registers_stay(void **state)
{
	(void)state;
	for (unsigned reg = APIC_ISR; reg < APIC_ESR; reg += MSR_STRIDE)
		put(reg, 0xffffffff);
	put(APIC_PPR, 0xff);
	put(APIC_CURRENT_COUNT, 0xff);
	for (unsigned reg = APIC_ISR; reg < APIC_ESR; reg += MSR_STRIDE)
		assert_int_equal(get(reg), 0);
	assert_int_equal(get(APIC_PPR), 0);
	assert_int_equal(get(APIC_CURRENT_COUNT), 0);
	assert_false(vlapic_pending(v));
}

static void odd_accesses(void **state)
{
	struct bus_access a = { .offset = APIC_VERSION + 2, .size = 1 };

	(void)state;
	vlapic_access(v, &a);
	assert_int_equal(a.value & 0xff, 5);
	a = (struct bus_access){ .offset = APIC_VERSION, .size = 2 };
	vlapic_access(v, &a);
	assert_int_equal(a.value & 0xffff, 0x14);
	/* Beyond the word, and wider than it. */
	a = (struct bus_access){ .offset = APIC_VERSION + 4, .size = 4, .value = 5 };
	vlapic_access(v, &a);
	assert_int_equal(a.value, 0);
	a = (struct bus_access){ .offset = APIC_VERSION, .size = 8, .value = 5 };
	vlapic_access(v, &a);
	assert_int_equal(a.value, 0);
	/* Writes must be aligned words. */
	a = (struct bus_access){ .offset = APIC_TPR, .size = 1, .value = 0x50, .write = true };
	vlapic_access(v, &a);
	a = (struct bus_access){ .offset = APIC_TPR + 4, .size = 4, .value = 0x50, .write = true };
	vlapic_access(v, &a);
	a = (struct bus_access){ .offset = APIC_TPR, .size = 8, .value = 0x50, .write = true };
	vlapic_access(v, &a);
	assert_int_equal(get(APIC_TPR), 0);
	/* EOI cannot be read. */
	assert_int_equal(get(APIC_EOI), 0);
}

static void unknown_registers_are_errors(void **state)
{
	static const unsigned bad[] = { 0x000, 0x010,	      0x040, 0x290, APIC_LVT_CMCI,
					0x3a0, APIC_SELF_IPI, 0x400, 0xff0 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(get(bad[i]), 0);
		assert_int_equal(get(APIC_ESR), 0);
		put(APIC_ESR, 0);
		assert_int_equal(get(APIC_ESR), APIC_ESR_REGISTER);
		put(bad[i], 0x41);
		put(APIC_ESR, 0);
		assert_int_equal(get(APIC_ESR), APIC_ESR_REGISTER);
		put(APIC_ESR, 0);
		assert_int_equal(get(APIC_ESR), 0);
	}
	assert_false(vlapic_pending(v));
}

/* IA32_APIC_BASE --------------------------------------------------------------------------- */

static void base_moves(void **state)
{
	const uint64_t flags = APIC_BASE_BSP | APIC_BASE_ENABLE;

	(void)state;
	assert_true(vlapic_claims(v, APIC_BASE_DEFAULT));
	assert_true(vlapic_claims(v, APIC_BASE_DEFAULT + 0xfff));
	assert_false(vlapic_claims(v, APIC_BASE_DEFAULT + 0x1000));
	assert_false(vlapic_claims(v, APIC_BASE_DEFAULT - 1));
	msr_put(MSR_APIC_BASE, 0x12340000 | flags);
	assert_true(vlapic_claims(v, 0x12340080));
	assert_false(vlapic_claims(v, APIC_BASE_DEFAULT));
	assert_int_equal(vlapic_base(v), 0x12340000);
	msr_put(MSR_APIC_BASE, (BIT(FAKE_MAXPHYADDR) - 0x1000) | flags);
	msr_put_gp(MSR_APIC_BASE, BIT(FAKE_MAXPHYADDR) | flags);
	msr_put_gp(MSR_APIC_BASE, BIT(63) | flags);
	for (unsigned bit = 0; bit < 12; bit++)
		if (!(BIT(bit) & (flags | APIC_BASE_X2APIC)))
			msr_put_gp(MSR_APIC_BASE, APIC_BASE_DEFAULT | flags | BIT(bit));
	assert_int_equal(vlapic_base(v), BIT(FAKE_MAXPHYADDR) - 0x1000);
	vlapic_reset(v);
	assert_true(vlapic_claims(v, APIC_BASE_DEFAULT));
}

/* SDM 3, "x2APIC States": which of off, xAPIC, invalid and x2APIC leads to which. */
static void mode_transitions(void **state)
{
	enum { OFF, INVALID, XAPIC, X2APIC };
	static const uint64_t bits[] = { 0, APIC_BASE_X2APIC, APIC_BASE_ENABLE,
					 APIC_BASE_ENABLE | APIC_BASE_X2APIC };
	static const bool legal[4][4] = {
		[OFF] = { [OFF] = true, [XAPIC] = true },
		[XAPIC] = { [OFF] = true, [XAPIC] = true, [X2APIC] = true },
		[X2APIC] = { [OFF] = true, [X2APIC] = true },
	};

	(void)state;
	for (unsigned from = 0; from < 4; from++) {
		for (unsigned to = 0; to < 4 && from != INVALID; to++) {
			vlapic_reset(v);
			if (from == OFF)
				msr_put(MSR_APIC_BASE, APIC_BASE_DEFAULT);
			if (from == X2APIC)
				x2apic_on();
			assert_int_equal(
				vlapic_msr_write(v, MSR_APIC_BASE, APIC_BASE_DEFAULT | bits[to]),
				legal[from][to] ? 0 : -EINVAL);
			assert_int_equal(vlapic_enabled(v),
					 bits[legal[from][to] ? to : from] >> 11 & 1);
		}
	}
}

static void off_forgets(void **state)
{
	(void)state;
	put(APIC_SVR, ON);
	put(APIC_TPR, 0x30);
	vlapic_set_irr(v, 0x50, false);
	msr_put(MSR_APIC_BASE, APIC_BASE_DEFAULT | APIC_BASE_BSP);
	assert_false(vlapic_enabled(v));
	assert_false(vlapic_claims(v, APIC_BASE_DEFAULT));
	assert_false(vlapic_pending(v));
	assert_true(vlapic_accepts_extint(v));
	msr_get_gp(msr_of(APIC_ID));
	msr_put(MSR_APIC_BASE, APIC_BASE_DEFAULT | APIC_BASE_BSP | APIC_BASE_ENABLE);
	assert_int_equal(get(APIC_TPR), 0);
	assert_int_equal(get(APIC_SVR), RESET_SVR);
}

static void other_msrs_are_not_ours(void **state)
{
	(void)state;
	msr_get_gp(0x1a);
	msr_get_gp(0x7ff);
	msr_get_gp(0x900);
	msr_put_gp(0x10, 0);
	msr_put_gp(0x900, 0);
}

/* x2APIC ----------------------------------------------------------------------------------- */

static void x2apic_msrs_need_the_mode(void **state)
{
	(void)state;
	for (uint32_t msr = MSR_X2APIC_BASE; msr <= MSR_X2APIC_LAST; msr++) {
		msr_get_gp(msr);
		msr_put_gp(msr, 0);
	}
	x2apic_on();
	assert_int_equal(msr_get(msr_of(APIC_VERSION)), 0x50014);
	assert_false(vlapic_claims(v, APIC_BASE_DEFAULT));
}

/* Every MSR of the range: whether it can be read, and whether 0 can be written. */
static void x2apic_access_rules(void **state)
{
	static const char rules[] = /* r, w, b: both, -: neither; from 800h on */
		"--rr----b-rw-r-b"  /* ID, version, TPR, PPR, EOI, LDR, SVR */
		"rrrrrrrrrrrrrrrr"  /* ISR, TMR */
		"rrrrrrrrb-------"  /* IRR, ESR */
		"b-bbbbbbbr----bw"; /* ICR, LVT, counts, divide, self-IPI */

	(void)state;
	x2apic_on();
	for (uint32_t msr = MSR_X2APIC_BASE; msr <= MSR_X2APIC_LAST; msr++) {
		unsigned i = msr - MSR_X2APIC_BASE;
		char rule = i < sizeof(rules) - 1 ? rules[i] : '-';
		uint64_t value;

		assert_int_equal(vlapic_msr_read(v, msr, &value),
				 rule == 'r' || rule == 'b' ? 0 : -EINVAL);
		assert_int_equal(vlapic_msr_write(v, msr, 0),
				 rule == 'w' || rule == 'b' ? 0 : -EINVAL);
	}
}

/* A bit that may not be set is #GP, each of the 64. */
static void x2apic_reserved_bits(void **state)
{
	static const struct {
		unsigned reg;
		uint64_t bits;
	} regs[] = {
		{ APIC_TPR, 0xff },
		{ APIC_EOI, 0 },
		{ APIC_SVR, 0x3ff },
		{ APIC_ESR, 0 },
		{ APIC_ICR_LOW, 0xffffffff000cdfff },
		{ APIC_LVT_TIMER, 0x710ff },
		{ APIC_LVT_THERMAL, 0x117ff },
		{ APIC_LVT_PERF, 0x117ff },
		{ APIC_LVT_LINT0, 0x1f7ff },
		{ APIC_LVT_LINT1, 0x1f7ff },
		{ APIC_LVT_ERROR, 0x110ff },
		{ APIC_INITIAL_COUNT, 0xffffffff },
		{ APIC_DIVIDE, 0xb },
		{ APIC_SELF_IPI, 0xff },
	};

	(void)state;
	x2apic_on();
	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++)
		for (unsigned bit = 0; bit < 64; bit++)
			assert_int_equal(vlapic_msr_write(v, msr_of(regs[i].reg), BIT(bit)),
					 regs[i].bits & BIT(bit) ? 0 : -EINVAL);
}

static void x2apic_ids(void **state)
{
	(void)state;
	v->id = 0x25;
	vlapic_reset(v);
	put(APIC_SVR, ON);
	put(APIC_TPR, 0x20);
	put(APIC_ICR_HIGH, 0x12000000);
	x2apic_on();
	assert_int_equal(msr_get(msr_of(APIC_ID)), 0x25);
	assert_int_equal(msr_get(msr_of(APIC_LDR)), 2 << 16 | 1 << 5);
	assert_int_equal(msr_get(msr_of(APIC_ICR_LOW)), 0);
	/* The rest is kept. */
	assert_int_equal(msr_get(msr_of(APIC_SVR)), ON);
	assert_int_equal(msr_get(msr_of(APIC_TPR)), 0x20);
	/* An INIT keeps the mode. */
	vlapic_reset_init(v);
	assert_int_equal(msr_get(msr_of(APIC_ID)), 0x25);
	assert_int_equal(msr_get(msr_of(APIC_LDR)), 2 << 16 | 1 << 5);
	assert_int_equal(msr_get(msr_of(APIC_TPR)), 0);
}

static void x2apic_icr_is_one_register(void **state)
{
	(void)state;
	x2apic_on();
	msr_put(msr_of(APIC_ICR_LOW), 0x123456780000d041);
	assert_int_equal(msr_get(msr_of(APIC_ICR_LOW)), 0x123456780000c041);
}

/* The hardware's way -------------------------------------------------------------------- */

/* As hardware that serves the page does: the value is there before Plinth hears of it. */
static void stored(unsigned reg, uint32_t value)
{
	memcpy((char *)v->hw.apic_page + reg, &value, sizeof(value));
	vlapic_written(v, reg);
}

static void hardware_writes_do_what_accesses_do(void **state)
{
	(void)state;
	put(APIC_SVR, ON);
	stored(APIC_DFR, 0);
	assert_int_equal(get(APIC_DFR), 0x0fffffff);
	stored(APIC_LDR, 0xffffffff);
	assert_int_equal(get(APIC_LDR), 0xff000000);
	stored(APIC_ICR_HIGH, 0x12345678);
	assert_int_equal(get(APIC_ICR_HIGH), 0x12000000);
	stored(APIC_ICR_LOW, APIC_ICR_SELF | 0x71);
	assert_int_equal(vlapic_acknowledge(v), 0x71);
	stored(APIC_EOI, 0x55);
	assert_int_equal(get(APIC_ISR + 3 * MSR_STRIDE), 0);
	/* Switched off, the entries are masked, whatever the guest stores in them. */
	stored(APIC_SVR, RESET_SVR);
	stored(APIC_LVT_ERROR, 0x33);
	assert_int_equal(get(APIC_LVT_ERROR), APIC_LVT_MASKED | 0x33);
}

static void hardware_writes_are_judged_by_the_old_value(void **state)
{
	(void)state;
	put(APIC_SVR, ON);
	put(APIC_LVT_TIMER, APIC_LVT_MASKED | 0x40);
	put(APIC_INITIAL_COUNT, 1000000);
	stored(APIC_LVT_TIMER, APIC_TIMER_DEADLINE | 0x40);
	assert_int_equal(get(APIC_INITIAL_COUNT), 0);
	assert_int_equal(fake_timers_armed(), 0);
	/* In deadline mode the count is ignored: it does not stay in the page either. */
	stored(APIC_INITIAL_COUNT, 77);
	assert_int_equal(get(APIC_INITIAL_COUNT), 0);
	assert_int_equal(fake_timers_armed(), 0);
}

static void hardware_cannot_write_what_is_read_only(void **state)
{
	(void)state;
	put(APIC_SVR, ON);
	stored(APIC_ID, 0x0f000000);
	assert_int_equal(get(APIC_ID), 0);
	stored(APIC_VERSION, 1);
	assert_int_equal(get(APIC_VERSION), 0x50014);
	vlapic_written(v, APIC_SVR + 4);
	vlapic_written(v, 0xff0);
	assert_int_equal(get(APIC_SVR), ON);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(reset_state),
		TEST(hardware_writes_do_what_accesses_do),
		TEST(hardware_writes_are_judged_by_the_old_value),
		TEST(hardware_cannot_write_what_is_read_only),
		TEST(other_cpus_are_not_boot_cpus),
		TEST(writable_bits),
		TEST(read_only_registers_stay),
		TEST(odd_accesses),
		TEST(unknown_registers_are_errors),
		TEST(base_moves),
		TEST(mode_transitions),
		TEST(off_forgets),
		TEST(other_msrs_are_not_ours),
		TEST(x2apic_msrs_need_the_mode),
		TEST(x2apic_access_rules),
		TEST(x2apic_reserved_bits),
		TEST(x2apic_ids),
		TEST(x2apic_icr_is_one_register),
		TEST(reset_forgets_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: vmm/dev/vlapic.c vmm/dev/vlapic_regs.c vmm/dev/vlapic_timer.c vmm/dev/vlapic_ipi.c tests/fake/vcpu.c tests/fake/timer.c tests/fake/panic.c */
/* The local APIC: priorities, the switch, errors, its pins, and messages between APICs. */
#include "tests/unit/vlapic_guest.h"

/* Priorities ------------------------------------------------------------------------------- */

static void one_interrupt(void **state)
{
	(void)state;
	vlapic_set_irr(v, 0x41, false);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_IRQ);
	assert_int_equal(fake_vcpu_take_kicks(), 1);
	assert_true(bank_has(APIC_IRR, 0x41));
	assert_true(vlapic_pending(v));
	assert_int_equal(vlapic_acknowledge(v), 0x41);
	assert_false(bank_has(APIC_IRR, 0x41));
	assert_true(bank_has(APIC_ISR, 0x41));
	assert_int_equal(get(APIC_PPR), 0x40);
	assert_false(vlapic_pending(v));
	put(APIC_EOI, 0);
	assert_false(bank_has(APIC_ISR, 0x41));
	assert_int_equal(get(APIC_PPR), 0);
	assert_int_equal(eois, 0);
	put(APIC_EOI, 0); /* nothing in service: nothing happens */
	assert_int_equal(fake_vcpu_take_requests(v), 0);
}

/* All vectors at once come in order of their number, one class at a time. */
static void all_vectors_in_order(void **state)
{
	(void)state;
	for (unsigned n = APIC_FIRST_VECTOR; n < 256; n++)
		vlapic_set_irr(v, (uint8_t)n, false);
	for (unsigned n = 255; n >= APIC_FIRST_VECTOR; n--) {
		assert_true(vlapic_pending(v));
		assert_int_equal(vlapic_acknowledge(v), n);
		assert_false(vlapic_pending(v)); /* the same class, or lower */
		fake_vcpu_take_requests(v);
		put(APIC_EOI, 0);
		assert_int_equal(fake_vcpu_take_requests(v),
				 n > APIC_FIRST_VECTOR ? REQUEST_IRQ : 0);
	}
	assert_false(vlapic_pending(v));
}

/* A higher class interrupts a lower one; EOIs end them from the top. */
static void nesting(void **state)
{
	static const uint8_t vectors[] = { 0x1f, 0x20, 0x3f, 0x40, 0x5f, 0x61, 0x7f, 0x80,
					   0x9f, 0xa0, 0xbf, 0xc1, 0xdf, 0xe0, 0xff };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
		vlapic_set_irr(v, vectors[i], false);
		assert_int_equal(vlapic_acknowledge(v), vectors[i]);
		assert_int_equal(get(APIC_PPR), vectors[i] & 0xf0);
	}
	for (unsigned i = ARRAY_SIZE(vectors); i-- > 0;) {
		assert_true(bank_has(APIC_ISR, vectors[i]));
		put(APIC_EOI, 0);
		assert_false(bank_has(APIC_ISR, vectors[i]));
		assert_int_equal(get(APIC_PPR), i ? vectors[i - 1] & 0xf0 : 0);
	}
	for (unsigned reg = APIC_ISR; reg < APIC_TMR; reg += MSR_STRIDE)
		assert_int_equal(get(reg), 0);
}

static void tpr_holds_back(void **state)
{
	(void)state;
	vlapic_set_irr(v, 0x52, false);
	for (unsigned cr8 = 0; cr8 < 16; cr8++) {
		vlapic_set_tpr(v, (uint8_t)cr8);
		assert_int_equal(vlapic_tpr(v), cr8 << 4);
		assert_int_equal(get(APIC_TPR), cr8 << 4);
		assert_int_equal(get(APIC_PPR), cr8 << 4);
		assert_int_equal(vlapic_pending(v), cr8 < 5);
		assert_int_equal(vlapic_tpr_threshold(v), cr8 < 5 ? 0 : 5);
	}
	fake_vcpu_take_requests(v);
	put(APIC_TPR, 0x4f);
	assert_int_equal(vlapic_tpr(v), 0x4f);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_IRQ);
	assert_int_equal(get(APIC_PPR), 0x4f);
	assert_int_equal(vlapic_acknowledge(v), 0x52);
	assert_int_equal(get(APIC_PPR), 0x50);
	put(APIC_TPR, 0x5a);
	assert_int_equal(get(APIC_PPR), 0x5a);
}

static void threshold_is_only_of_tpr(void **state)
{
	(void)state;
	vlapic_set_tpr(v, 9);
	assert_int_equal(vlapic_tpr_threshold(v), 0); /* nothing is pending */
	vlapic_set_tpr(v, 0);
	vlapic_set_irr(v, 0x61, false);
	assert_int_equal(vlapic_acknowledge(v), 0x61);
	vlapic_set_irr(v, 0x62, false);
	vlapic_set_tpr(v, 9);
	assert_int_equal(vlapic_tpr_threshold(v), 0); /* what is in service holds it back */
	put(APIC_EOI, 0);
	assert_int_equal(vlapic_tpr_threshold(v), 6);
}

/* irr_words may say too much, when two CPUs meet there; never too little. */
static void summary_of_irr_may_be_stale(void **state)
{
	(void)state;
	v->lapic.irr_words = 0xff;
	assert_false(vlapic_pending(v));
	vlapic_set_irr(v, 0x33, false);
	v->lapic.irr_words = 0xff;
	assert_true(vlapic_pending(v));
	assert_int_equal(vlapic_acknowledge(v), 0x33);
	assert_false(vlapic_pending(v));
}

static void none_to_deliver(void **state)
{
	(void)state;
	put(APIC_SVR, 0x1d7);
	assert_int_equal(vlapic_acknowledge(v), 0);
	assert_false(bank_has(APIC_ISR, 0xd7));
	vlapic_set_irr(v, 0x33, false);
	vlapic_set_tpr(v, 3);
	assert_int_equal(vlapic_acknowledge(v), 0);
	assert_true(bank_has(APIC_IRR, 0x33));
}

static void level_eoi_goes_on(void **state)
{
	(void)state;
	vlapic_set_irr(v, 0x71, true);
	assert_true(bank_has(APIC_TMR, 0x71));
	assert_int_equal(vlapic_acknowledge(v), 0x71);
	put(APIC_EOI, 0);
	assert_int_equal(eois, 1);
	assert_int_equal(eoi_vector, 0x71);
	/* The same vector as an edge. */
	vlapic_set_irr(v, 0x71, false);
	assert_false(bank_has(APIC_TMR, 0x71));
	assert_int_equal(vlapic_acknowledge(v), 0x71);
	put(APIC_EOI, 0);
	assert_int_equal(eois, 1);
	/* By the MSR. */
	vlapic_set_irr(v, 0x72, true);
	assert_int_equal(vlapic_acknowledge(v), 0x72);
	x2apic_on();
	msr_put(msr_of(APIC_EOI), 0);
	assert_int_equal(eois, 2);
}

/* Software disable ------------------------------------------------------------------------- */

static void switched_off_masks_the_lvt(void **state)
{
	(void)state;
	put(APIC_SVR, ON);
	for (unsigned reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg += MSR_STRIDE) {
		put(reg, 0x41);
		assert_int_equal(get(reg), 0x41);
	}
	vlapic_set_irr(v, 0x50, false);
	put(APIC_SVR, RESET_SVR);
	for (unsigned reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg += MSR_STRIDE) {
		assert_int_equal(get(reg), 0x41 | APIC_LVT_MASKED);
		put(reg, 0x42);
		assert_int_equal(get(reg), 0x42 | APIC_LVT_MASKED);
	}
	/* What was pending stays so, and switching on unmasks nothing. */
	assert_int_equal(vlapic_acknowledge(v), 0x50);
	put(APIC_SVR, ON);
	assert_int_equal(get(APIC_LVT_ERROR), 0x42 | APIC_LVT_MASKED);
}

static void switched_off_takes_nothing(void **state)
{
	struct apic_message m = { .vector = 0x55 };

	(void)state;
	assert_int_equal(vlapic_deliver(&vm, &m), 0);
	m.mode = APIC_MODE_LOWEST;
	assert_int_equal(vlapic_deliver(&vm, &m), 0);
	put(APIC_ICR_LOW, APIC_ICR_SELF | 0x55);
	assert_false(vlapic_pending(v));
	m.mode = APIC_MODE_NMI;
	assert_int_equal(vlapic_deliver(&vm, &m), 1);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_NMI);
	put(APIC_SVR, ON);
	m.mode = APIC_MODE_FIXED;
	assert_int_equal(vlapic_deliver(&vm, &m), 1);
	assert_int_equal(vlapic_acknowledge(v), 0x55);
}

/* Errors ----------------------------------------------------------------------------------- */

static void esr_collects_until_written(void **state)
{
	(void)state;
	put(APIC_SVR, ON);
	get(0x010);
	put(APIC_ICR_LOW, APIC_ICR_SELF | 0x0f);
	assert_int_equal(get(APIC_ESR), 0);
	put(APIC_ESR, 0xffffffff);
	assert_int_equal(get(APIC_ESR),
			 APIC_ESR_REGISTER | APIC_ESR_SEND_VECTOR | APIC_ESR_RECEIVE_VECTOR);
	put(APIC_ESR, 0);
	assert_int_equal(get(APIC_ESR), 0);
}

static void errors_interrupt(void **state)
{
	(void)state;
	put(APIC_SVR, ON);
	put(APIC_LVT_ERROR, 0xfe);
	get(0x010);
	assert_int_equal(vlapic_acknowledge(v), 0xfe);
	put(APIC_EOI, 0);
	get(0x010); /* the same error again, before ESR was written */
	assert_false(vlapic_pending(v));
	put(APIC_ESR, 0);
	get(0x010);
	assert_true(vlapic_pending(v));
}

/* An error entry that is itself an error does not go round in circles. */
static void error_vector_is_illegal(void **state)
{
	(void)state;
	put(APIC_SVR, ON);
	put(APIC_LVT_ERROR, 0x05);
	get(0x010);
	assert_false(vlapic_pending(v));
	put(APIC_ESR, 0);
	assert_int_equal(get(APIC_ESR), APIC_ESR_REGISTER | APIC_ESR_RECEIVE_VECTOR);
}

static void illegal_vectors(void **state)
{
	struct apic_message m = { .dest = 0 };

	(void)state;
	put(APIC_SVR, ON);
	for (unsigned n = 0; n < APIC_FIRST_VECTOR; n++) {
		m.vector = (uint8_t)n;
		vlapic_deliver(&vm, &m);
		put(APIC_ESR, 0);
		assert_int_equal(get(APIC_ESR), APIC_ESR_RECEIVE_VECTOR);
		put(APIC_ICR_LOW, n); /* to ID 0 */
		put(APIC_ESR, 0);
		assert_int_equal(get(APIC_ESR), APIC_ESR_SEND_VECTOR | APIC_ESR_RECEIVE_VECTOR);
	}
	assert_false(vlapic_pending(v));
	x2apic_on();
	msr_put(msr_of(APIC_SELF_IPI), 3);
	msr_put(msr_of(APIC_ESR), 0);
	assert_int_equal(msr_get(msr_of(APIC_ESR)), APIC_ESR_SEND_VECTOR | APIC_ESR_RECEIVE_VECTOR);
}

/* LINT0 and LINT1 -------------------------------------------------------------------------- */

static void line(unsigned pin, bool level)
{
	lock_take(&vm.lock);
	vlapic_lint(v, pin, level);
	lock_drop(&vm.lock);
}

static void extint_passes(void **state)
{
	(void)state;
	line(0, true);
	assert_true(vlapic_line(v, 0));
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_IRQ);
	line(0, true); /* no change */
	assert_int_equal(fake_vcpu_take_requests(v), 0);
	assert_false(vlapic_pending(v));
	put(APIC_SVR, ON);
	put(APIC_LVT_LINT0, APIC_LVT_MASKED | APIC_MODE_EXTINT << 8);
	assert_false(vlapic_accepts_extint(v));
	put(APIC_LVT_LINT0, APIC_MODE_FIXED << 8 | 0x40);
	assert_false(vlapic_accepts_extint(v));
	fake_vcpu_take_requests(v);
	put(APIC_LVT_LINT0, APIC_MODE_EXTINT << 8);
	assert_true(vlapic_accepts_extint(v));
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_IRQ);
	/* The line is the PIC's: a reset of the APIC does not let it fall. */
	vlapic_reset(v);
	assert_true(vlapic_line(v, 0));
	line(0, false);
	assert_false(vlapic_line(v, 0));
}

static void lint_nmi(void **state)
{
	(void)state;
	line(1, true); /* masked */
	line(1, false);
	assert_int_equal(fake_vcpu_take_requests(v), 0);
	put(APIC_SVR, ON);
	put(APIC_LVT_LINT1, APIC_MODE_NMI << 8);
	line(1, true);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_NMI);
	line(1, false);
	assert_int_equal(fake_vcpu_take_requests(v), 0);
	put(APIC_LVT_LINT1, APIC_MODE_INIT << 8);
	line(1, true);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_INIT);
	line(1, false);
	put(APIC_LVT_LINT1, APIC_MODE_SMI << 8);
	line(1, true);
	assert_int_equal(fake_vcpu_take_requests(v), 0);
	/* With the APIC off the pins are INTR and NMI. */
	msr_put(MSR_APIC_BASE, APIC_BASE_DEFAULT);
	fake_vcpu_take_requests(v);
	line(1, false);
	line(1, true);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_NMI);
	line(0, true);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_IRQ);
}

static void lint_fixed_edge(void **state)
{
	(void)state;
	put(APIC_SVR, ON);
	put(APIC_LVT_LINT1, 0x44 | APIC_LVT_LEVEL); /* LINT1 is always an edge */
	line(1, true);
	assert_int_equal(vlapic_acknowledge(v), 0x44);
	assert_false(bank_has(APIC_TMR, 0x44));
	put(APIC_EOI, 0);
	assert_false(vlapic_pending(v));
	put(APIC_LVT_LINT0, 0x45);
	line(0, true);
	assert_int_equal(vlapic_acknowledge(v), 0x45);
	put(APIC_EOI, 0);
	assert_false(vlapic_pending(v));
}

static void lint_fixed_level(void **state)
{
	(void)state;
	put(APIC_SVR, ON);
	line(0, true);
	put(APIC_LVT_LINT0, 0x46 | APIC_LVT_LEVEL); /* sees the line that is up */
	assert_int_equal(get(APIC_LVT_LINT0), 0x46 | APIC_LVT_LEVEL | APIC_LVT_REMOTE_IRR);
	assert_int_equal(vlapic_acknowledge(v), 0x46);
	line(0, false);
	line(0, true); /* not again before the EOI */
	put(APIC_LVT_LINT0, 0x46 | APIC_LVT_LEVEL);
	assert_int_equal(get(APIC_LVT_LINT0), 0x46 | APIC_LVT_LEVEL | APIC_LVT_REMOTE_IRR);
	assert_false(bank_has(APIC_IRR, 0x46));
	put(APIC_EOI, 0);
	assert_int_equal(vlapic_acknowledge(v), 0x46);
	line(0, false);
	put(APIC_EOI, 0);
	assert_false(vlapic_pending(v));
	assert_int_equal(get(APIC_LVT_LINT0), 0x46 | APIC_LVT_LEVEL);
	assert_false(lock_held(&vm.lock));
}

/* Messages --------------------------------------------------------------------------------- */

static void self_ipi(void **state)
{
	(void)state;
	put(APIC_SVR, ON);
	put(APIC_ICR_LOW, APIC_ICR_SELF | APIC_ICR_ASSERT | 0xfb);
	assert_int_equal(get(APIC_ICR_LOW), APIC_ICR_SELF | APIC_ICR_ASSERT | 0xfb);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_IRQ);
	assert_int_equal(fake_vcpu_take_kicks(), 0); /* it is running: nobody to wake */
	assert_int_equal(vlapic_acknowledge(v), 0xfb);
	put(APIC_EOI, 0);
	x2apic_on();
	msr_put(msr_of(APIC_SELF_IPI), 0x91);
	assert_int_equal(vlapic_acknowledge(v), 0x91);
	msr_put(msr_of(APIC_EOI), 0);
	msr_put(msr_of(APIC_ICR_LOW), APIC_ICR_SELF | 0x92);
	assert_int_equal(vlapic_acknowledge(v), 0x92);
}

/* The level bit of a fixed IPI means nothing. */
static void ipis_are_edges(void **state)
{
	(void)state;
	put(APIC_SVR, ON);
	put(APIC_ICR_LOW, APIC_ICR_LEVEL | APIC_ICR_ASSERT | 0x61);
	assert_true(bank_has(APIC_IRR, 0x61));
	assert_false(bank_has(APIC_TMR, 0x61));
}

static void shorthands(void **state)
{
	(void)state;
	put(APIC_SVR, ON);
	put(APIC_ICR_HIGH, 7u << 24); /* nobody: a shorthand does not look at it */
	put(APIC_ICR_LOW, APIC_ICR_ALL | 0x61);
	assert_true(bank_has(APIC_IRR, 0x61));
	put(APIC_ICR_LOW, APIC_ICR_OTHERS | 0x62);
	assert_false(bank_has(APIC_IRR, 0x62));
	put(APIC_ICR_LOW, 0x63);
	assert_false(bank_has(APIC_IRR, 0x63));
	put(APIC_ICR_HIGH, 0);
	put(APIC_ICR_LOW, 0x63);
	assert_true(bank_has(APIC_IRR, 0x63));
	fake_vcpu_take_requests(v);
	put(APIC_ICR_LOW, APIC_ICR_SELF | APIC_MODE_NMI << 8);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_NMI);
}

static void init_and_startup(void **state)
{
	(void)state;
	put(APIC_ICR_LOW, APIC_ICR_ASSERT | APIC_ICR_LEVEL | APIC_MODE_INIT << 8);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_INIT);
	put(APIC_ICR_LOW, APIC_ICR_LEVEL | APIC_MODE_INIT << 8); /* de-assert */
	assert_int_equal(fake_vcpu_take_requests(v), 0);
	put(APIC_ICR_LOW, APIC_MODE_INIT << 8);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_INIT);
	put(APIC_ICR_LOW, APIC_MODE_SIPI << 8 | 0x08);
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_SIPI | 8 << REQUEST_SIPI_VECTOR_SHIFT);
	/* Nobody sends himself these by shorthand. */
	put(APIC_ICR_LOW, APIC_ICR_SELF | APIC_MODE_INIT << 8);
	put(APIC_ICR_LOW, APIC_ICR_ALL | APIC_MODE_INIT << 8);
	put(APIC_ICR_LOW, APIC_ICR_SELF | APIC_MODE_SIPI << 8 | 8);
	put(APIC_ICR_LOW, APIC_ICR_ALL | APIC_MODE_SIPI << 8 | 8);
	assert_int_equal(fake_vcpu_take_requests(v), 0);
	put(APIC_ICR_LOW, APIC_MODE_SMI << 8);
	put(APIC_ICR_LOW, APIC_MODE_EXTINT << 8);
	put(APIC_ICR_LOW, 3 << 8);
	assert_int_equal(fake_vcpu_take_requests(v), 0);
}

static bool reaches(uint32_t dest, bool logical, bool x2apic)
{
	struct apic_message m = {
		.dest = dest, .vector = 0x40, .logical = logical, .x2apic = x2apic
	};

	return vlapic_deliver(&vm, &m) != 0;
}

static void xapic_destinations(void **state)
{
	const struct apic_message nmi = { .dest = 5, .mode = APIC_MODE_NMI };

	(void)state;
	v->id = 5;
	vlapic_reset(v);
	put(APIC_SVR, ON);
	for (unsigned dest = 0; dest < 256; dest++)
		assert_int_equal(reaches(dest, false, false), dest == 5 || dest == 0xff);
	assert_int_equal(vlapic_deliver(&vm, &nmi), 1);
	put(APIC_LDR, 0x24000000); /* flat: a mask */
	for (unsigned dest = 0; dest < 256; dest++)
		assert_int_equal(reaches(dest, true, false), (dest & 0x24) != 0);
	put(APIC_DFR, 0); /* cluster 2, member bit 2 */
	for (unsigned dest = 0; dest < 256; dest++)
		assert_int_equal(reaches(dest, true, false),
				 (dest & 4) && (dest >> 4 == 2 || dest >> 4 == 0xf));
	/* From an x2APIC: 32 bits. */
	assert_true(reaches(5, false, true));
	assert_true(reaches(0xffffffff, false, true));
	assert_false(reaches(0xff, false, true));
	assert_false(reaches(0x105, false, true));
	put(APIC_DFR, 0xffffffff);
	assert_true(reaches(0x04, true, true));
	assert_false(reaches(0x104, true, true));
	msr_put(MSR_APIC_BASE, APIC_BASE_DEFAULT);
	assert_false(reaches(5, false, false));
	assert_int_equal(vlapic_deliver(&vm, &nmi), 0);
}

static void x2apic_destinations(void **state)
{
	(void)state;
	v->id = 0x25;
	vlapic_reset(v);
	put(APIC_SVR, ON);
	x2apic_on();
	assert_true(reaches(0x25, false, true));
	assert_false(reaches(0x24, false, true));
	assert_false(reaches(0xff, false, true));
	assert_true(reaches(0xffffffff, false, true));
	assert_true(reaches(0xffffffff, true, true));
	assert_true(reaches(2 << 16 | 1 << 5, true, true));
	assert_true(reaches(2 << 16 | 0xffff, true, true));
	assert_false(reaches(2 << 16 | 1 << 4, true, true));
	assert_false(reaches(3 << 16 | 1 << 5, true, true));
	/* From an I/O APIC: 8 bits. */
	assert_true(reaches(0x25, false, false));
	assert_true(reaches(0xff, false, false));
	assert_false(reaches(0x20, true, false)); /* cluster 0 */
}

static void lowest_priority_needs_a_match(void **state)
{
	struct apic_message m = {
		.dest = 1, .vector = 0x40, .mode = APIC_MODE_LOWEST, .logical = true
	};

	(void)state;
	put(APIC_SVR, ON);
	assert_int_equal(vlapic_deliver(&vm, &m), 0);
	put(APIC_LDR, 0x01000000);
	assert_int_equal(vlapic_deliver(&vm, &m), 1);
	m.level = true;
	m.vector = 0x42;
	assert_int_equal(vlapic_deliver(&vm, &m), 1);
	assert_true(bank_has(APIC_TMR, 0x42));
	assert_false(bank_has(APIC_TMR, 0x40));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(one_interrupt),
		TEST(all_vectors_in_order),
		TEST(nesting),
		TEST(tpr_holds_back),
		TEST(threshold_is_only_of_tpr),
		TEST(summary_of_irr_may_be_stale),
		TEST(none_to_deliver),
		TEST(level_eoi_goes_on),
		TEST(switched_off_masks_the_lvt),
		TEST(switched_off_takes_nothing),
		TEST(esr_collects_until_written),
		TEST(errors_interrupt),
		TEST(error_vector_is_illegal),
		TEST(illegal_vectors),
		TEST(extint_passes),
		TEST(lint_nmi),
		TEST(lint_fixed_edge),
		TEST(lint_fixed_level),
		TEST(self_ipi),
		TEST(ipis_are_edges),
		TEST(shorthands),
		TEST(init_and_startup),
		TEST(xapic_destinations),
		TEST(x2apic_destinations),
		TEST(lowest_priority_needs_a_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

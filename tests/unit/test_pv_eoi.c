/* SPDX-License-Identifier: MIT */
/* sources: vmm/pv_eoi.c vmm/gmem.c vmm/dev/vlapic.c vmm/dev/vlapic_regs.c vmm/dev/vlapic_timer.c vmm/dev/vlapic_ipi.c tests/fake/vcpu.c tests/fake/timer.c tests/fake/panic.c */
/*
 * EOIs by a byte of the guest's: when they are offered, and that the APIC ends where it would have
 * ended by a guest's write.
 */
#include "tests/unit/vlapic_guest.h"

enum { AT = 0x100 };

static uint8_t memory[PAGE_SIZE] aligned(4096);
static uint8_t *const byte = memory + AT;

static int setup_memory(void **state)
{
	const struct gmem_slot slot = { .size = PAGE_SIZE, .host = memory, .name = "ram" };

	if (setup(state))
		return -1;
	assert_int_equal(gmem_add(&vm.mem, &slot), 0);
	memset(memory, 0, sizeof(memory));
	assert_int_equal(pv_eoi_register(v, AT | KVM_MSR_ENABLED), 0);
	return 0;
}

/* As vcpu.c does it: what was offered is taken back, then the next one goes. */
static uint8_t deliver(void)
{
	uint8_t vector;

	if (v->pv.eoi_offered)
		pv_eoi_sync(v);
	vector = vlapic_acknowledge(v);
	if (vector)
		pv_eoi_offer(v);
	return vector;
}

/* Linux's kvm_guest_apic_eoi_write(). */
static void guest_eoi(void)
{
	if (*byte & KVM_PV_EOI_PENDING)
		*byte &= (uint8_t)~KVM_PV_EOI_PENDING;
	else
		put(APIC_EOI, 0);
}

static void one_after_the_other(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		vlapic_set_irr(v, 0x41, false);
		assert_int_equal(deliver(), 0x41);
		assert_int_equal(*byte, 1);
		guest_eoi();
		assert_int_equal(*byte, 0);
	}
	pv_eoi_sync(v);
	assert_false(bank_has(APIC_ISR, 0x41));
	assert_int_equal(v->lapic.isr_depth, 0);
	assert_int_equal(eois, 0);
}

/* The I/O APIC waits for the EOI of these. */
static void level_triggered_never(void **state)
{
	(void)state;
	vlapic_set_irr(v, 0x41, true);
	assert_int_equal(deliver(), 0x41);
	assert_int_equal(*byte, 0);
	assert_false(v->pv.eoi_offered);
	guest_eoi();
	assert_int_equal(eois, 1);
}

/* One waits behind: its EOI has to exit. */
static void not_while_another_waits(void **state)
{
	(void)state;
	vlapic_set_irr(v, 0x41, false);
	vlapic_set_irr(v, 0x45, false);
	assert_int_equal(deliver(), 0x45);
	assert_int_equal(*byte, 0);
	fake_vcpu_take_requests(v);
	guest_eoi();
	assert_int_equal(fake_vcpu_take_requests(v), REQUEST_IRQ);
	assert_int_equal(deliver(), 0x41);
	assert_int_equal(*byte, 1);
}

/* One comes while the guest is at work: the offer is taken back, and the EOI exits. */
static void one_comes_behind(void **state)
{
	(void)state;
	vlapic_set_irr(v, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	vlapic_set_irr(v, 0x42, false);
	assert_int_equal(deliver(), 0);
	assert_int_equal(*byte, 0);
	guest_eoi();
	assert_int_equal(deliver(), 0x42);
	/* The same, but the guest was faster. */
	guest_eoi();
	vlapic_set_irr(v, 0x42, false);
	assert_int_equal(deliver(), 0x42);
}

/* The outer one is level-triggered, the inner one not: each EOI is its own vector's. */
static void nested(void **state)
{
	for (unsigned outer_level = 0; outer_level < 2; outer_level++) {
		teardown(state);
		setup_memory(state);
		vlapic_set_irr(v, 0x41, outer_level);
		assert_int_equal(deliver(), 0x41);
		assert_int_equal(*byte, !outer_level);
		vlapic_set_irr(v, 0x81, false);
		assert_int_equal(deliver(), 0x81);
		assert_int_equal(*byte, 0);
		guest_eoi();
		assert_false(bank_has(APIC_ISR, 0x81));
		assert_true(bank_has(APIC_ISR, 0x41));
		assert_int_equal(eois, 0);
		guest_eoi();
		assert_false(bank_has(APIC_ISR, 0x41));
		assert_int_equal(eois, outer_level);
	}
}

/* A guest that writes to its APIC in spite of the offer, or without any need, loses nothing. */
static void written_all_the_same(void **state)
{
	(void)state;
	vlapic_set_irr(v, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	put(APIC_EOI, 0);
	assert_int_equal(v->lapic.isr_depth, 0);
	vlapic_set_irr(v, 0x31, false);
	assert_int_equal(deliver(), 0x31);
	assert_int_equal(*byte, 1);
	guest_eoi();
	put(APIC_EOI, 0);
	vlapic_set_irr(v, 0x21, false);
	assert_int_equal(deliver(), 0x21);
	assert_int_equal(v->lapic.isr_depth, 1);
}

static void x2apic(void **state)
{
	(void)state;
	assert_int_equal(vlapic_msr_write(v, MSR_APIC_BASE, v->lapic.base_msr | APIC_BASE_X2APIC),
			 0);
	vlapic_set_irr(v, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	assert_int_equal(*byte, 1);
	*byte = 0;
	vlapic_set_irr(v, 0x51, false);
	assert_int_equal(deliver(), 0x51);
	assert_int_equal(v->lapic.isr_depth, 1);
	assert_int_equal(vlapic_msr_write(v, msr_of(APIC_EOI), 0), 0);
	assert_int_equal(v->lapic.isr_depth, 0);
}

/* The APIC is switched off and on meanwhile: nothing is in service then. */
static void switched_off(void **state)
{
	uint64_t base = v->lapic.base_msr;

	(void)state;
	vlapic_set_irr(v, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	assert_int_equal(vlapic_msr_write(v, MSR_APIC_BASE, base & ~(uint64_t)APIC_BASE_ENABLE), 0);
	assert_int_equal(deliver(), 0);
	assert_int_equal(*byte, 0);
	assert_int_equal(vlapic_msr_write(v, MSR_APIC_BASE, base), 0);
	put(APIC_SVR, ON);
	vlapic_set_irr(v, 0x31, false);
	assert_int_equal(deliver(), 0x31);
	*byte = 0;
	vlapic_set_irr(v, 0x31, false);
	assert_int_equal(deliver(), 0x31);
}

static void registered_anew(void **state)
{
	(void)state;
	vlapic_set_irr(v, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	guest_eoi();
	assert_int_equal(pv_eoi_register(v, (AT + 4) | KVM_MSR_ENABLED), 0);
	assert_int_equal(v->lapic.isr_depth, 0);
	vlapic_set_irr(v, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	assert_int_equal(byte[4], 1);
	/* A kernel that starts the next one switches it off in the middle of an interrupt. */
	assert_int_equal(pv_eoi_register(v, 0), 0);
	assert_int_equal(byte[4], 0);
	assert_int_equal(v->lapic.isr_depth, 1);
	put(APIC_EOI, 0);
	assert_int_equal(v->lapic.isr_depth, 0);
	/* Only this is refused; what is there stays. */
	assert_int_equal(pv_eoi_register(v, AT + 2), -EINVAL);
	assert_int_equal(pv_eoi_register(v, PAGE_SIZE | KVM_MSR_ENABLED), -EINVAL);
	assert_int_equal(v->pv.eoi_msr, 0);
}

/* The memory is gone: no offer, and an offer that was made ends without an EOI. */
static void memory_taken_away(void **state)
{
	(void)state;
	vlapic_set_irr(v, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	vm.mem.count = 0;
	vm.mem.main.size = 0;
	pv_eoi_sync(v);
	assert_int_equal(v->lapic.isr_depth, 1);
	put(APIC_EOI, 0);
	vlapic_set_irr(v, 0x41, false);
	assert_int_equal(deliver(), 0x41);
	assert_false(v->pv.eoi_offered);
}

/* Whatever comes in whatever order: with offers, all is delivered that is without. */
static void the_same_as_by_writes(void **state)
{
	uint64_t seed = 5;
	unsigned offered = 0;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		uint8_t vectors[16];
		unsigned depth = v->lapic.isr_depth;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		if (seed >> 61 < 3) {
			vlapic_set_irr(v, (uint8_t)(0x20 + (seed >> 40) % 0xe0), seed >> 39 & 1);
			deliver();
		} else if (depth) {
			/* The guest ends what it believes to be the highest in service. */
			bool spare = *byte & KVM_PV_EOI_PENDING;

			memcpy(vectors, v->lapic.isr_stack, sizeof(vectors));
			guest_eoi();
			offered += spare;
			if (spare)
				pv_eoi_sync(v);
			assert_int_equal(v->lapic.isr_depth, depth - 1);
			assert_memory_equal(v->lapic.isr_stack, vectors, depth);
			deliver();
		}
		/* What waits is held back by what is in service, and nothing else. */
		assert_false(vlapic_pending(v));
	}
	assert_true(offered > 100);
}

int main(void)
{
#define PV_TEST(f) cmocka_unit_test_setup_teardown(f, setup_memory, teardown)
	const struct CMUnitTest tests[] = {
		PV_TEST(one_after_the_other),
		PV_TEST(level_triggered_never),
		PV_TEST(not_while_another_waits),
		PV_TEST(one_comes_behind),
		PV_TEST(nested),
		PV_TEST(written_all_the_same),
		PV_TEST(x2apic),
		PV_TEST(switched_off),
		PV_TEST(registered_anew),
		PV_TEST(memory_taken_away),
		PV_TEST(the_same_as_by_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

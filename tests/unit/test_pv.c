/* SPDX-License-Identifier: MIT */
/* sources: vmm/pv.c vmm/pv_clock.c vmm/pv_steal.c vmm/pv_eoi.c vmm/gmem.c tests/fake/guest.c tests/fake/virt.c tests/fake/timer.c tests/fake/panic.c */
/*
 * The clock and steal time, read as a guest reads them; and registrations of every bad address:
 * nothing outside of the guest's memory is ever written, and nothing of it but the page named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/thread.h"
#include "lib/errno.h"
#include "tests/fake/guest.h"
#include "tests/fake/timer.h"
#include "tests/fake/virt.h"

enum { MEMORY = 16 * 1024 * 1024, AT = 0x5000, ROM = 0x40000000, CPUS = VM_VCPUS < 3 ? 1 : 3 };

static bool tscs_agree;
static struct vm *vm;
static struct vcpu vcpus[CPUS], *const v = &vcpus[0];
static struct thread thread;
static uint64_t stolen;
static uint8_t rom[PAGE_SIZE] aligned(4096);

bool tsc_sync_all(void)
{
	return tscs_agree;
}

uint64_t thread_ready_ns(const struct thread *t)
{
	assert_ptr_equal(t, &thread);
	return stolen;
}

/* Interrupts have a test of their own. */
bool vlapic_eoi_is_plain(const struct vcpu *vcpu)
{
	(void)vcpu;
	fail();
	return false;
}

void vlapic_eoi(struct vcpu *vcpu)
{
	(void)vcpu;
	fail();
}

static int setup(void **state)
{
	const struct gmem_slot slot = {
		.base = gpa(ROM), .size = PAGE_SIZE, .host = rom, .flags = GMEM_ROM, .name = "rom"
	};

	(void)state;
	vm = fake_guest_new(MEMORY);
	assert_int_equal(gmem_add(&vm->mem, &slot), 0);
	vm->boot_time = 1704067200;
	vm->vcpu_count = CPUS;
	fake_time_set(5000000000);
	vm->tsc_offset = -time_tsc();
	memset(vcpus, 0, sizeof(vcpus));
	memset(rom, 0x77, sizeof(rom));
	for (unsigned i = 0; i < CPUS; i++) {
		vcpus[i].id = i;
		vcpus[i].vm = vm;
		vcpus[i].thread = &thread;
		vcpus[i].tsc_offset = vm->tsc_offset;
		vm->vcpus[i] = &vcpus[i];
		fake_virt_attach(&vcpus[i].hw);
	}
	stolen = 0;
	tscs_agree = true;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CPUS; i++)
		fake_virt_detach(&vcpus[i].hw);
	vm->mem.count--; /* the ROM is the test's own */
	fake_guest_free(vm);
	return 0;
}

/* What a guest makes of its page, as Linux's pvclock.h does: ns. */
static uint64_t guest_time(const struct vcpu *c, const struct pvclock_time *t)
{
	uint64_t delta = time_tsc() + c->tsc_offset - t->tsc_timestamp;

	assert_int_equal(t->version % 2, 0);
	if (t->tsc_shift < 0)
		delta >>= -t->tsc_shift;
	else
		delta <<= t->tsc_shift;
	return t->system_time + (uint64_t)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
}

#define assert_near(a, b, by)                  \
	do {                                   \
		assert_true((a) + (by) > (b)); \
		assert_true((a) < (b) + (by)); \
	} while (0)

static void the_clock(void **state)
{
	struct pvclock_time *t = fake_guest_at(vm, AT, sizeof(*t));
	const uint64_t day = 86400000000000;

	(void)state;
	memset(t, 0xff, sizeof(*t)); /* an odd version, of the guest's own making */
	assert_int_equal(pv_msr_write(v, MSR_KVM_SYSTEM_TIME_NEW, AT | KVM_MSR_ENABLED), 0);
	assert_int_equal(t->version, 2); /* from -1 it went to 1, and on */
	assert_int_equal(t->flags, PVCLOCK_TSC_STABLE_BIT);
	assert_near(guest_time(v, t), 0, 2);
	fake_time_advance(1000000000);
	assert_near(guest_time(v, t), 1000000000, 3);
	/* Less than half a part in a thousand million is lost to the factor's 32 bits. */
	fake_time_advance(100 * day);
	assert_near(guest_time(v, t), 100 * day + 1000000000, 100 * day / 2000000000);
}

/* Wherever a guest sets its TSC, its clock goes on; and is the same on all CPUs. */
static void the_tsc_is_moved(void **state)
{
	struct pvclock_time *t = fake_guest_at(vm, AT, CPUS * sizeof(*t));
	uint64_t before;

	(void)state;
	fake_time_advance(777777);
	for (unsigned i = 0; i < CPUS; i++) {
		assert_int_equal(pv_msr_write(&vcpus[i], MSR_KVM_SYSTEM_TIME,
					      (AT + i * sizeof(*t)) | KVM_MSR_ENABLED),
				 0);
		vcpus[i].tsc_offset += (uint64_t)(i + 1) << 60;
		pv_clock_tsc_moved(&vcpus[i]);
	}
	before = guest_time(v, &t[0]);
	assert_near(before, 777777, 3);
	v->tsc_offset = 0x8000000000000000;
	pv_clock_tsc_moved(v);
	assert_int_equal(guest_time(v, &t[0]), before);
	fake_time_advance(123456789);
	for (unsigned i = 1; i < CPUS; i++)
		assert_int_equal(guest_time(&vcpus[i], &t[i]), guest_time(v, &t[0]));
	/* Not registered any more: it is left alone. */
	assert_int_equal(pv_msr_write(v, MSR_KVM_SYSTEM_TIME, AT), 0);
	memset(t, 0, sizeof(*t));
	pv_clock_tsc_moved(v);
	assert_int_equal(t->version, 0);
}

/* Each rate that a TSC may have: 32 significant bits, and the period to 1 in 2^31. */
static void scales(void **state)
{
	static const uint64_t rates[] = { 1000000,    19999999,	  999999999,   1000000000,
					  1000000001, 1999999999, 2000000000,  2000000001,
					  2995200000, 5700000000, 100000000000 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
		uint32_t mul;
		int8_t shift;
		long double ns;

		pv_clock_scale(rates[i], &mul, &shift);
		assert_true(mul >> 31);
		ns = (long double)mul / 4294967296.0L;
		for (int n = 0; n < shift; n++)
			ns *= 2;
		for (int n = 0; n > shift; n--)
			ns /= 2;
		ns *= (long double)rates[i] / 1000000000.0L;
		assert_true(ns <= 1 && ns > 1 - 1.0L / (1u << 31));
	}
}

static void flags(void **state)
{
	struct pvclock_time *t = fake_guest_at(vm, AT, sizeof(*t));

	(void)state;
	assert_int_equal(pv_msr_write(v, MSR_KVM_SYSTEM_TIME_NEW, AT | KVM_MSR_ENABLED), 0);
	assert_int_equal(t->flags, PVCLOCK_TSC_STABLE_BIT);
	t->flags = 0;
	pv_clock_tsc_moved(v);
	assert_int_equal(t->flags, PVCLOCK_TSC_STABLE_BIT);
	/* The guest has to look after it itself that time does not go back. */
	tscs_agree = false;
	pv_clock_tsc_moved(v);
	assert_int_equal(t->flags, 0);
}

static void the_wall_clock(void **state)
{
	struct pvclock_wall *w = fake_guest_at(vm, AT, sizeof(*w));
	uint64_t value;

	(void)state;
	assert_int_equal(pv_msr_write(v, MSR_KVM_WALL_CLOCK_NEW, AT), 0);
	assert_int_equal(w->version, 2);
	assert_int_equal(w->sec, 1704067200);
	assert_int_equal(w->nsec, 0);
	assert_int_equal(pv_msr_read(v, MSR_KVM_WALL_CLOCK, &value), 0);
	assert_int_equal(value, AT);
	assert_false(lock_held(&vm->lock));
}

static void steal_time(void **state)
{
	struct kvm_steal_time *s = fake_guest_at(vm, AT, sizeof(*s));

	(void)state;
	stolen = 500; /* before the guest asked */
	s->steal = 7;
	s->version = 41;
	s->preempted = 0xff;
	assert_int_equal(pv_msr_write(v, MSR_KVM_STEAL_TIME, AT | KVM_MSR_ENABLED), 0);
	assert_int_equal(s->steal, 7);
	assert_int_equal(s->version, 44);
	assert_int_equal(s->preempted, 0);
	pv_leave(v);
	assert_true(v->pv.away);
	assert_int_equal(s->preempted, KVM_VCPU_PREEMPTED);
	stolen += 1000;
	assert_int_equal(s->steal, 7);
	pv_return(v);
	assert_false(v->pv.away);
	assert_int_equal(s->preempted, 0);
	assert_int_equal(s->steal, 1007);
	assert_int_equal(s->version, 46);
	/* Nothing stolen, nothing added. */
	pv_leave(v);
	pv_return(v);
	assert_int_equal(s->steal, 1007);
	/* Switched off: neither way does anything. */
	assert_int_equal(pv_msr_write(v, MSR_KVM_STEAL_TIME, AT), 0);
	pv_leave(v);
	assert_false(v->pv.away);
	assert_int_equal(s->preempted, 0);
}

/* A flush is done where another CPU asked for it while this one was away, and only there. */
static void flushes(void **state)
{
	struct kvm_steal_time *s = fake_guest_at(vm, AT, sizeof(*s));
	uint64_t *cr4 = &fake_virt_of(&v->hw)->regs[VREG_CR4];
	unsigned before;

	(void)state;
	assert_int_equal(pv_msr_write(v, MSR_KVM_STEAL_TIME, AT | KVM_MSR_ENABLED), 0);
	*cr4 = 0x20;
	before = fake_virt_of(&v->hw)->sets;
	pv_leave(v);
	pv_return(v);
	assert_int_equal(fake_virt_of(&v->hw)->sets, before);
	pv_leave(v);
	s->preempted |= KVM_VCPU_FLUSH_TLB;
	pv_leave(v); /* once more: what was asked for stays */
	pv_return(v);
	assert_int_equal(fake_virt_of(&v->hw)->sets, before + 1);
	assert_int_equal(*cr4, 0x20);
	assert_int_equal(s->preempted, 0);
}

/* All of the guest's memory is as it was. */
static void assert_untouched(void)
{
	const uint8_t *p = fake_guest_at(vm, 0, MEMORY);

	for (unsigned i = 0; i < MEMORY; i += 8)
		assert_int_equal(*(const uint64_t *)(p + i), 0);
	for (unsigned i = 0; i < sizeof(rom); i++)
		assert_int_equal(rom[i], 0x77);
}

static void hostile_addresses(void **state)
{
	static const uint64_t addresses[] = {
		MEMORY,
		MEMORY - 4,
		ROM,
		ROM + 64,
		UINT64_MAX - 63,
		UINT64_MAX - 31,
		UINT64_MAX - 3,
		1ull << 63,
		0x8000000000000000ul,
		0xfee00000,
		AT + 6,
		AT + 2,
		3 * GIB,
		4 * GIB,
		1ull << 52,
		(1ull << 52) + AT,
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
		uint64_t a = addresses[i];

		assert_int_equal(pv_msr_write(v, MSR_KVM_SYSTEM_TIME_NEW, a | KVM_MSR_ENABLED), 0);
		pv_clock_tsc_moved(v);
		assert_int_equal(pv_msr_write(v, MSR_KVM_WALL_CLOCK_NEW, a), 0);
		(void)!pv_msr_write(v, MSR_KVM_STEAL_TIME, a | KVM_MSR_ENABLED);
		pv_leave(v);
		pv_return(v);
		/* The last word of memory would do for this one alone. */
		if (a != MEMORY - 4)
			assert_int_equal(pv_msr_write(v, MSR_KVM_PV_EOI_EN, a | KVM_MSR_ENABLED),
					 -EINVAL);
		assert_untouched();
		pv_reset(v);
	}
	/* Across the end of a page, or of memory. */
	for (unsigned n = 4; n < 32; n += 4) {
		uint64_t a = AT + PAGE_SIZE - n;

		assert_int_equal(pv_msr_write(v, MSR_KVM_SYSTEM_TIME_NEW, a | KVM_MSR_ENABLED), 0);
		if (n < sizeof(struct pvclock_wall))
			assert_int_equal(pv_msr_write(v, MSR_KVM_WALL_CLOCK, a), 0);
		assert_untouched();
	}
	for (unsigned bit = 1; bit < 6; bit++)
		assert_int_equal(pv_msr_write(v, MSR_KVM_STEAL_TIME, AT | BIT(bit)), -EINVAL);
	assert_int_equal(v->pv.steal_msr, 0);
}

/* The memory behind a registration goes: its uses find out, each by itself. */
static void memory_taken_away(void **state)
{
	(void)state;
	assert_int_equal(pv_msr_write(v, MSR_KVM_SYSTEM_TIME_NEW, AT | KVM_MSR_ENABLED), 0);
	assert_int_equal(pv_msr_write(v, MSR_KVM_STEAL_TIME, AT | KVM_MSR_ENABLED), 0);
	memset(fake_guest_at(vm, AT, PAGE_SIZE), 0, PAGE_SIZE);
	pv_leave(v);
	memset(fake_guest_at(vm, AT, PAGE_SIZE), 0, PAGE_SIZE);
	vm->mem.main.size = vm->mem.slots[0].size = PAGE_SIZE;
	pv_return(v);
	pv_leave(v);
	vm->mem.main.size = vm->mem.slots[0].size = MEMORY;
	assert_untouched();
}

static void reading_back_and_reset(void **state)
{
	static const uint32_t msrs[] = { MSR_KVM_SYSTEM_TIME, MSR_KVM_SYSTEM_TIME_NEW,
					 MSR_KVM_STEAL_TIME, MSR_KVM_PV_EOI_EN };
	uint64_t value;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
		assert_int_equal(pv_msr_write(v, msrs[i], AT | KVM_MSR_ENABLED), 0);
		assert_int_equal(pv_msr_read(v, msrs[i], &value), 0);
		assert_int_equal(value, AT | KVM_MSR_ENABLED);
	}
	pv_leave(v);
	v->pv.unhalted = true;
	pv_reset(v);
	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
		assert_int_equal(pv_msr_read(v, msrs[i], &value), 0);
		assert_int_equal(value, 0);
	}
	assert_false(v->pv.away || v->pv.unhalted || v->pv.eoi_offered);
	memset(fake_guest_at(vm, AT, PAGE_SIZE), 0, PAGE_SIZE);
	pv_leave(v);
	pv_return(v);
	assert_untouched();
	/* Not of this interface, or not offered. */
	assert_int_equal(pv_msr_read(v, 0x4b564d02, &value), -EINVAL);
	assert_int_equal(pv_msr_write(v, 0x4b564d05, 0), -EINVAL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_clock),
		TEST(the_tsc_is_moved),
		TEST(scales),
		TEST(flags),
		TEST(the_wall_clock),
		TEST(steal_time),
		TEST(flushes),
		TEST(hostile_addresses),
		TEST(memory_taken_away),
		TEST(reading_back_and_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

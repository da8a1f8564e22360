/* SPDX-License-Identifier: MIT */
/* A guest's view of its local APIC, for the tests of it: one vCPU, xAPIC and x2APIC accesses. */
#ifndef TEST_VLAPIC_GUEST_H
#define TEST_VLAPIC_GUEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/msr.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "tests/fake/timer.h"
#include "tests/fake/vcpu.h"

enum {
	MSR_STRIDE = 16,
	RESET_SVR = 0xff,
	ON = 0x1ff, /* SVR: enabled */
};

static struct vm vm;
static struct vcpu *v;
static unsigned eois;
static uint8_t eoi_vector;

void vioapic_eoi(struct vm *m, uint8_t vector)
{
	/* It takes the lock: so nobody may hold it here. */
	lock_take(&m->lock);
	eois++;
	eoi_vector = vector;
	lock_drop(&m->lock);
}

static inline int setup(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	fake_time_set(1000000);
	v = fake_vcpu_add(&vm, 0);
	vlapic_init(v);
	eois = 0;
	fake_vcpu_take_kicks();
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	vlapic_fini(v);
	assert_int_equal(fake_timers_armed(), 0);
	fake_vcpu_free(v);
	return 0;
}

static inline uint32_t get(unsigned reg)
{
	struct bus_access a = { .offset = reg, .size = 4, .value = UINT32_MAX };

	vlapic_access(v, &a);
	return (uint32_t)a.value;
}

static inline void put(unsigned reg, uint32_t value)
{
	struct bus_access a = { .offset = reg, .size = 4, .value = value, .write = true };

	vlapic_access(v, &a);
}

static inline uint32_t msr_of(unsigned reg)
{
	return MSR_X2APIC_BASE + reg / MSR_STRIDE;
}

static inline uint64_t msr_get(uint32_t msr)
{
	uint64_t value;

	assert_int_equal(vlapic_msr_read(v, msr, &value), 0);
	return value;
}

static inline void msr_put(uint32_t msr, uint64_t value)
{
	assert_int_equal(vlapic_msr_write(v, msr, value), 0);
}

static inline void msr_put_gp(uint32_t msr, uint64_t value)
{
	assert_int_equal(vlapic_msr_write(v, msr, value), -EINVAL);
}

static inline void msr_get_gp(uint32_t msr)
{
	uint64_t value;

	assert_int_equal(vlapic_msr_read(v, msr, &value), -EINVAL);
}

static inline void x2apic_on(void)
{
	msr_put(MSR_APIC_BASE, msr_get(MSR_APIC_BASE) | APIC_BASE_X2APIC);
}

static inline bool bank_has(unsigned bank, uint8_t vector)
{
	return get(bank + vector / 32 * MSR_STRIDE) >> (vector % 32) & 1;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif

/* SPDX-License-Identifier: MIT */
/* sources: vmm/pv_call.c vmm/dev/vlapic.c vmm/dev/vlapic_regs.c vmm/dev/vlapic_timer.c vmm/dev/vlapic_ipi.c tests/fake/vcpu.c tests/fake/virt.c tests/fake/timer.c tests/fake/panic.c */
/* Hypercalls: who may make them, in which mode, and whom kicks and IPIs reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/fake/timer.h"
#include "tests/fake/vcpu.h"
#include "tests/fake/virt.h"
#include "vmm/exit.h"

enum { CPUS = VM_VCPUS < 4 ? 1 : 4, UNKNOWN = -38 };

static struct vm vm;
static struct vcpu *v;
static unsigned skips;
/* The others' IDs are far from each other. */
static const uint32_t ids[] = { 3, 64, 70, 200 };

void exit_skip(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, v);
	skips++;
}

void vioapic_eoi(struct vm *m, uint8_t vector)
{
	(void)m, (void)vector;
	fail();
}

enum insn_mode vcpu_insn_mode(const struct vcpu *vcpu, const struct virt_context *c)
{
	assert_ptr_equal(vcpu, v);
	return (c->cs_attr & SEG_L) ? INSN_64 : INSN_32;
}

static int setup(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	fake_time_set(1000000);
	for (unsigned i = 0; i < CPUS; i++) {
		struct vcpu *c = fake_vcpu_add(&vm, ids[i]);

		vlapic_init(c);
		vlapic_access(
			c, &(struct bus_access){
				   .offset = APIC_SVR, .size = 4, .value = 0x1ff, .write = true });
		fake_vcpu_take_requests(c);
	}
	v = vm.vcpus[0];
	fake_virt_attach(&v->hw);
	fake_virt_mode(&v->hw, FAKE_LONG, 0);
	skips = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_virt_detach(&v->hw);
	for (unsigned i = 0; i < CPUS; i++) {
		vlapic_fini(vm.vcpus[i]);
		fake_vcpu_free(vm.vcpus[i]);
	}
	return 0;
}

static uint64_t call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	unsigned before = skips;

	v->hw.gpr[RAX] = number;
	v->hw.gpr[RBX] = a0;
	v->hw.gpr[RCX] = a1;
	v->hw.gpr[RDX] = a2;
	v->hw.gpr[RSI] = a3;
	exit_hypercall(v);
	assert_int_equal(skips, before + 1);
	assert_int_equal(v->hw.gpr[RBX], a0);
	assert_int_equal(v->hw.gpr[RSI], a3);
	return v->hw.gpr[RAX];
}

/* Which vCPUs were asked for something since the last time: a bit each. */
static unsigned asked(unsigned request)
{
	unsigned who = 0;

	for (unsigned i = 0; i < CPUS; i++) {
		unsigned r = fake_vcpu_take_requests(vm.vcpus[i]);

		assert_int_equal(r & ~request, 0);
		who |= r ? 1u << i : 0;
	}
	return who;
}

static void only_of_the_kernel(void **state)
{
	(void)state;
	for (unsigned cpl = 1; cpl < 4; cpl++) {
		fake_virt_mode(&v->hw, FAKE_LONG, cpl);
		assert_int_equal(call(KVM_HC_KICK_CPU, 0, ids[0], 0, 0), -1ull);
		assert_int_equal(call(KVM_HC_SEND_IPI, ~0ull, ~0ull, 0, 0x41), -1ull);
		assert_int_equal(call(99, 0, 0, 0, 0), (uint64_t)UNKNOWN);
		assert_int_equal(asked(0), 0);
	}
	fake_virt_mode(&v->hw, FAKE_PROTECTED, 3);
	assert_int_equal(call(KVM_HC_KICK_CPU, 0, ids[0], 0, 0), UINT32_MAX);
}

static void unknown_numbers(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 2, 3, 4, 6, 9, 11, 12, 1 << 20, ~0ull };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++)
		assert_int_equal(call(numbers[i], ~0ull, ~0ull, ~0ull, ~0ull), (uint64_t)UNKNOWN);
	/* In 64-bit mode all of RAX counts; else its lower half. */
	assert_int_equal(call(KVM_HC_KICK_CPU | 1ull << 32, 0, ids[0], 0, 0), (uint64_t)UNKNOWN);
	fake_virt_mode(&v->hw, FAKE_PROTECTED, 0);
	assert_int_equal((uint32_t)call(99, 0, 0, 0, 0), (uint32_t)UNKNOWN);
	assert_int_equal(asked(0), 0);
	assert_int_equal(call(KVM_HC_KICK_CPU | 1ull << 32, 0, ids[0], 0, 0), 0);
	assert_int_equal(asked(REQUEST_UNHALT), 1);
}

static void kicks(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CPUS; i++) {
		assert_int_equal(call(KVM_HC_KICK_CPU, 0, ids[i], 0, 0), 0);
		assert_int_equal(asked(REQUEST_UNHALT), 1u << i);
	}
	/* Nobody has this ID. */
	assert_int_equal(call(KVM_HC_KICK_CPU, 0, 5, 0, 0), 0);
	assert_int_equal(call(KVM_HC_KICK_CPU, 0, UINT32_MAX, 0, 0), 0);
	assert_int_equal(asked(0), 0);
}

/* The group begins at the ID in RDX. */
static void ipis(void **state)
{
	const unsigned many = CPUS > 1;

	(void)state;
	assert_int_equal(call(KVM_HC_SEND_IPI, 1, 0, 3, 0x41), 1);
	assert_int_equal(asked(REQUEST_IRQ), 1);
	assert_int_equal(vlapic_acknowledge(v), 0x41);
	assert_int_equal(call(KVM_HC_SEND_IPI, 1 << 3, 1 | 1 << 6, 0, 0x42), 1 + 2 * many);
	assert_int_equal(asked(REQUEST_IRQ), many ? 7 : 1);
	assert_int_equal(call(KVM_HC_SEND_IPI, 0, 1ull << 6 | 1, 0, 0x43), 2 * many);
	assert_int_equal(asked(REQUEST_IRQ), many ? 6 : 0);
	/* All of 128 from 73 on: the last is 200. */
	assert_int_equal(call(KVM_HC_SEND_IPI, ~0ull, ~0ull, 73, 0x44), many);
	assert_int_equal(asked(REQUEST_IRQ), many ? 8 : 0);
	assert_int_equal(call(KVM_HC_SEND_IPI, ~0ull, ~0ull, 72, 0x44), 0);
	assert_int_equal(call(KVM_HC_SEND_IPI, ~0ull, ~0ull, ~0ull, 0x44), 0);
	assert_int_equal(call(KVM_HC_SEND_IPI, ~0ull, ~0ull, 1ull << 32, 0x44), 0);
	assert_int_equal(asked(0), 0);
	/* NMIs go to whoever's APIC is on at all. */
	assert_int_equal(call(KVM_HC_SEND_IPI, ~0ull, ~0ull, 0, 0x400), 1 + 2 * many);
	assert_int_equal(asked(REQUEST_NMI), many ? 7 : 1);
}

/* Of 32 bits a group has 64 vCPUs, and what stands above does not count. */
static void ipis_of_32_bits(void **state)
{
	(void)state;
	fake_virt_mode(&v->hw, FAKE_PROTECTED, 0);
	assert_int_equal(call(KVM_HC_SEND_IPI, ~0ull, ~0ull, 1ull << 40, 0x41), 1);
	assert_int_equal(asked(REQUEST_IRQ), 1);
	assert_int_equal(call(KVM_HC_SEND_IPI, ~0ull << 32, 0, 0, 0x41), 0);
	assert_int_equal(call(KVM_HC_SEND_IPI, 0, ~0ull, 10, 0x41), CPUS > 1 ? 2 : 0);
	assert_int_equal(asked(REQUEST_IRQ), CPUS > 1 ? 6 : 0);
}

/* What only makes sense for one CPU, or is no interrupt: nobody gets anything. */
static void other_commands(void **state)
{
	static const uint64_t icrs[] = {
		0x141,	0x241,	    0x541,   0x608,   0x741,  0x841,
		0x8041, 0x40041,    0x80041, 0xc0041, 0x1041, 1ull << 32 | 0x41,
		~0ull,	1ull << 63,
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(icrs); i++)
		assert_int_equal(call(KVM_HC_SEND_IPI, ~0ull, ~0ull, 0, icrs[i]), -22ull);
	assert_int_equal(asked(0), 0);
	/* As the ICR's: a vector below 16 is an error of the APIC that it reaches. */
	assert_int_equal(call(KVM_HC_SEND_IPI, 1, 0, 3, 0x0f), 1);
	assert_true(v->lapic.errors & APIC_ESR_RECEIVE_VECTOR);
	assert_int_equal(asked(0), 0);
	/* Who has switched the APIC off by SVR takes none. */
	vlapic_access(v, &(struct bus_access){
				 .offset = APIC_SVR, .size = 4, .value = 0xff, .write = true });
	assert_int_equal(call(KVM_HC_SEND_IPI, 1, 0, 3, 0x41), 0);
	assert_int_equal(asked(0), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(only_of_the_kernel), TEST(unknown_numbers), TEST(kicks), TEST(ipis),
		TEST(ipis_of_32_bits),	  TEST(other_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The vCPU around an interrupt controller under test. */
#include <stdlib.h>

#include "core/timer.h"
#include "lib/panic.h"
#include "tests/fake/vcpu.h"

struct vcpu *fake_self;

static unsigned kicks;

struct vcpu *fake_vcpu_add(struct vm *vm, unsigned id)
{
	struct vcpu *v = calloc(1, sizeof(*v));

	assert(v && vm->vcpu_count < ARRAY_SIZE(vm->vcpus));
	v->hw.apic_page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	assert(v->hw.apic_page);
	v->vm = vm;
	vm->cpuid.phys_bits = FAKE_MAXPHYADDR;
	v->id = id;
	vm->vcpus[vm->vcpu_count++] = v;
	fake_self = v;
	return v;
}

void fake_vcpu_free(struct vcpu *v)
{
	free(v->hw.apic_page);
	free(v);
}

unsigned fake_vcpu_take_requests(struct vcpu *v)
{
	unsigned requests = v->requests;

	v->requests = 0;
	return requests;
}

unsigned fake_vcpu_take_kicks(void)
{
	unsigned n = kicks;

	kicks = 0;
	return n;
}

struct vcpu *vcpu_self(void)
{
	return fake_self;
}

void vcpu_request(struct vcpu *v, unsigned requests)
{
	v->requests |= requests;
	kicks++;
}

uint64_t vcpu_tsc(struct vcpu *v)
{
	return time_tsc() + v->tsc_offset;
}

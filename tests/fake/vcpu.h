/* SPDX-License-Identifier: MIT */
/* A vCPU without a thread (tests/fake/vcpu.c): requests are written down in it, and counted. */
#ifndef FAKE_VCPU_H
#define FAKE_VCPU_H

#include "vmm/vm.h"

/* Physical address bits that its CPUID would give. */
enum { FAKE_MAXPHYADDR = 40 };

/* In whose time interrupts come: the vCPU that was added last. */
extern struct vcpu *fake_self;

/* Adds one with a page for its APIC to vm; a test frees it. */
struct vcpu *fake_vcpu_add(struct vm *vm, unsigned id);
void fake_vcpu_free(struct vcpu *v);
/* The requests since the last time; they are forgotten. */
unsigned fake_vcpu_take_requests(struct vcpu *v);
/* How often vcpu_request() was called since the last time. */
unsigned fake_vcpu_take_kicks(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What CPUID tells a guest: the host's word, leaf by leaf, cut down to what Plinth virtualises
 * right. The table is made once a VM; few leaves have parts that move (OSXSAVE, the APIC bit,
 * XSAVE's size).
 */
#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include "arch/x86_64/asm.h"
#include "vmm/pv_abi.h"

struct vcpu;
struct vm;

enum {
	VCPUID_BASIC = 0x20,
	VCPUID_EXTENDED = 0x22,
	VCPUID_HYPERVISOR = 0x11,
	VCPUID_SUBLEAVES = 10
};

struct vcpuid {
	struct cpuid_regs basic[VCPUID_BASIC], extended[VCPUID_EXTENDED];
	struct cpuid_regs hypervisor[VCPUID_HYPERVISOR], kvm[KVM_CPUID_LEAVES];
	struct cpuid_regs cache[8], features[2], topology[2], xsave[VCPUID_SUBLEAVES], amd_cache[8];
	unsigned id_bits; /* of an APIC ID, those that tell the vCPUs from each other */
	uint32_t basic_max, extended_n; /* extended_n: how many, from CPUID_EXT_MAX on */
	uint64_t xcr0_allowed;		/* what XSETBV accepts; 0: no XSAVE */
	unsigned phys_bits;
	bool is_intel, is_amd;
};

/* Makes vm->cpuid, and what follows from it: vm->cr4_allowed, vm->efer_allowed. */
void cpuid_init(struct vm *vm);
void cpuid_query(struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out);

#endif

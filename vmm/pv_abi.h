/* SPDX-License-Identifier: MIT */
/*
 * KVM's paravirtual interface, as Linux's Documentation/virt/kvm/x86 has it (cpuid.rst, msr.rst,
 * hypercalls.rst): numbers and layouts only. Names are that document's.
 */
#ifndef VMM_PV_ABI_H
#define VMM_PV_ABI_H

#include "lib/types.h"

enum {
	KVM_CPUID_SIGNATURE = 0x40000100, /* a guest looks for the name in steps of 0x100 */
	KVM_CPUID_FEATURES = 0x40000101,
	KVM_CPUID_LEAVES = 2,
};

/* Leaf KVM_CPUID_FEATURES, EAX. */
enum kvm_feature {
	KVM_FEATURE_CLOCKSOURCE = 1 << 0,  /* the clock by the old numbers */
	KVM_FEATURE_NOP_IO_DELAY = 1 << 1, /* ports need no pause between two accesses */
	KVM_FEATURE_CLOCKSOURCE2 = 1 << 3, /* the clock by the new numbers */
	KVM_FEATURE_STEAL_TIME = 1 << 5,
	KVM_FEATURE_PV_EOI = 1 << 6,
	KVM_FEATURE_PV_UNHALT = 1 << 7,
	KVM_FEATURE_PV_TLB_FLUSH = 1 << 9,
	KVM_FEATURE_PV_SEND_IPI = 1 << 11,
	KVM_FEATURE_CLOCKSOURCE_STABLE_BIT = 1 << 24, /* PVCLOCK_TSC_STABLE_BIT means something */
};

enum kvm_msr {
	MSR_KVM_WALL_CLOCK = 0x11,
	MSR_KVM_SYSTEM_TIME = 0x12,
	MSR_KVM_WALL_CLOCK_NEW = 0x4b564d00,
	MSR_KVM_SYSTEM_TIME_NEW = 0x4b564d01,
	MSR_KVM_STEAL_TIME = 0x4b564d03,
	MSR_KVM_PV_EOI_EN = 0x4b564d04,
};

/* Bit 0 of all but the wall clock's. */
enum { KVM_MSR_ENABLED = 1 };

/* Linux's include/asm/pvclock-abi.h: time is odd-versioned while it is written. */
struct pvclock_time {
	uint32_t version;
	uint32_t pad0;
	uint64_t tsc_timestamp; /* the guest's TSC when it was system_time */
	uint64_t system_time;	/* ns */
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags;
	uint8_t pad[2];
} packed aligned(4);

enum { PVCLOCK_TSC_STABLE_BIT = 1 << 0 };

/* The date when system_time was 0. */
struct pvclock_wall {
	uint32_t version;
	uint32_t sec;
	uint32_t nsec;
};

struct kvm_steal_time {
	uint64_t steal; /* ns */
	uint32_t version;
	uint32_t flags;
	uint8_t preempted;
	uint8_t pad8[3];
	uint32_t pad[11];
};

enum { KVM_STEAL_RESERVED = 0x3e };
enum { KVM_VCPU_PREEMPTED = 1 << 0, KVM_VCPU_FLUSH_TLB = 1 << 1 };

/* The byte at MSR_KVM_PV_EOI_EN's address: 1 while the next EOI needs no write to the APIC. */
enum { KVM_PV_EOI_ALIGN = 4, KVM_PV_EOI_PENDING = 1 };

_Static_assert(sizeof(struct pvclock_time) == 32, "KVM's layout");
_Static_assert(sizeof(struct pvclock_wall) == 12, "KVM's layout");
_Static_assert(sizeof(struct kvm_steal_time) == 64, "KVM's layout");
_Static_assert(offsetof(struct kvm_steal_time, preempted) == 16, "KVM's layout");

/* Hypercalls: number in RAX, arguments in RBX, RCX, RDX, RSI, the result in RAX. */
enum kvm_hypercall { KVM_HC_KICK_CPU = 5, KVM_HC_SEND_IPI = 10 };
enum kvm_error { KVM_EPERM = 1, KVM_EINVAL = 22 };

#endif

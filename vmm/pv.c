/* SPDX-License-Identifier: MIT */
/* The MSRs by which a guest registers its pages: one table of numbers to functions. */
#include "vmm/pv.h"
#include "lib/errno.h"
#include "vmm/vm.h"

void pv_reset(struct vcpu *v)
{
	v->pv = (struct vpv){ 0 };
}

int pv_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	switch (msr) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		*value = __atomic_load_n(&v->vm->pv_wall_msr, __ATOMIC_RELAXED);
		return 0;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW: *value = v->pv.time_msr; return 0;
	case MSR_KVM_STEAL_TIME: *value = v->pv.steal_msr; return 0;
	case MSR_KVM_PV_EOI_EN: *value = v->pv.eoi_msr; return 0;
	default: return -EINVAL;
	}
}

/* As with KVM, an address that is no memory is no error of the clock's: nothing is written. */
int pv_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	switch (msr) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		__atomic_store_n(&v->vm->pv_wall_msr, value, __ATOMIC_RELAXED);
		pv_clock_write_wall(v->vm, value);
		return 0;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		v->pv.time_msr = value;
		pv_clock_write(v);
		return 0;
	case MSR_KVM_STEAL_TIME: return pv_steal_register(v, value);
	case MSR_KVM_PV_EOI_EN: return pv_eoi_register(v, value);
	default: return -EINVAL;
	}
}

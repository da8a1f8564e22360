/* SPDX-License-Identifier: MIT */
/*
 * EOIs without an exit: while the only interrupt in service is edge-triggered and none waits
 * behind it, its EOI changes nothing that anybody looks at. A byte of the guest's says so; the
 * guest clears it instead of writing to its APIC, and the APIC follows when it is next looked at.
 *
 * The one idea: whatever comes later (a request, a read of ISR) goes through pv_eoi_sync() first;
 * from then on an EOI is a write again. So never more than one EOI is outstanding.
 */
#include "lib/errno.h"
#include "vmm/pv.h"
#include "vmm/vm.h"

static uint8_t *byte(const struct vcpu *v)
{
	uint64_t addr = v->pv.eoi_msr & ~(uint64_t)KVM_MSR_ENABLED;

	return gmem_ptr(&v->vm->mem, gpa(addr), sizeof(uint8_t), true);
}

/* As with KVM: what is misaligned, or switched on where there is no memory, is a fault. */
int pv_eoi_register(struct vcpu *v, uint64_t value)
{
	uint64_t addr = value & ~(uint64_t)KVM_MSR_ENABLED;

	if (addr % KVM_PV_EOI_ALIGN)
		return -EINVAL;
	if ((value & KVM_MSR_ENABLED) && !gmem_ptr(&v->vm->mem, gpa(addr), sizeof(uint32_t), true))
		return -EINVAL;
	if (v->pv.eoi_offered)
		pv_eoi_sync(v);
	v->pv.eoi_msr = value;
	return 0;
}

void pv_eoi_offer(struct vcpu *v)
{
	uint8_t *b;

	if (!vlapic_eoi_is_plain(v))
		return;
	b = byte(v);
	if (!b)
		return;
	__atomic_store_n(b, KVM_PV_EOI_PENDING, __ATOMIC_RELAXED);
	v->pv.eoi_offered = true;
}

void pv_eoi_sync(struct vcpu *v)
{
	uint8_t *b = byte(v);

	v->pv.eoi_offered = false;
	if (b && !(__atomic_exchange_n(b, 0, __ATOMIC_RELAXED) & KVM_PV_EOI_PENDING))
		vlapic_eoi(v);
}

/* SPDX-License-Identifier: MIT */
/*
 * Steal time: how long a vCPU could have run and did not, which a guest's own accounting then
 * leaves out; and whether it runs at this moment, so that nobody waits for one that does not.
 */
#include "core/thread.h"
#include "core/timer.h"
#include "lib/errno.h"
#include "vmm/pv.h"
#include "vmm/vm.h"

uint64_t vcpu_stolen_ns(const struct vcpu *v)
{
	return v->thread ? thread_ready_ns(v->thread) : 0;
}

/* The guest's page; NULL: none is registered, or it is not in memory. */
static struct kvm_steal_time *page(const struct vcpu *v)
{
	uint64_t addr = v->pv.steal_msr & ~(uint64_t)(KVM_STEAL_RESERVED | KVM_MSR_ENABLED);

	if (!(v->pv.steal_msr & KVM_MSR_ENABLED))
		return NULL;
	return gmem_ptr(&v->vm->mem, gpa(addr), sizeof(struct kvm_steal_time), true);
}

/* What was stolen since the last time is added: the guest may have begun with any number. */
static void tell(struct vcpu *v, struct kvm_steal_time *s)
{
	uint64_t now = vcpu_stolen_ns(v), more = now - v->pv.stolen;
	uint32_t odd = (__atomic_load_n(&s->version, __ATOMIC_RELAXED) + 1) | 1;

	v->pv.stolen = now;
	__atomic_store_n(&s->version, odd, __ATOMIC_RELAXED);
	/* Readers see the odd version before they see half of the rest. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&s->steal, s->steal + more, __ATOMIC_RELAXED);
	/* And the even one after all of it. */
	__atomic_store_n(&s->version, odd + 1, __ATOMIC_RELEASE);
}

int pv_steal_register(struct vcpu *v, uint64_t value)
{
	struct kvm_steal_time *s;

	if (value & KVM_STEAL_RESERVED)
		return -EINVAL;
	v->pv.steal_msr = value;
	v->pv.stolen = vcpu_stolen_ns(v);
	s = page(v);
	if (s) {
		tell(v, s);
		__atomic_store_n(&s->preempted, 0, __ATOMIC_SEQ_CST);
	}
	return 0;
}

void pv_leave(struct vcpu *v)
{
	struct kvm_steal_time *s;

	if (v->pv.away || !(v->pv.steal_msr & KVM_MSR_ENABLED))
		return;
	v->pv.away = true;
	s = page(v);
	if (s)
		__atomic_store_n(&s->preempted, KVM_VCPU_PREEMPTED, __ATOMIC_SEQ_CST);
}

/* The next entry forgets all translations: writing CR4 does that, whatever is written. */
static void flush(struct vcpu *v)
{
	virt->set(&v->hw, VREG_CR4, virt->get(&v->hw, VREG_CR4));
}

void pv_return(struct vcpu *v)
{
	struct kvm_steal_time *s = page(v);

	v->pv.away = false;
	if (!s)
		return;
	/*
	 * Another vCPU sets FLUSH_TLB only by an exchange that saw PREEMPTED: either it comes
	 * before this one, and the flush is done here, or it fails, and an IPI comes.
	 */
	if (__atomic_exchange_n(&s->preempted, 0, __ATOMIC_SEQ_CST) & KVM_VCPU_FLUSH_TLB)
		flush(v);
	tell(v, s);
}

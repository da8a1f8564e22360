/* SPDX-License-Identifier: MIT */
/* KVM's hypercalls: a kick for a vCPU that waits in HLT for a lock, and IPIs to many at once. */
#include "vmm/exit.h"
#include "vmm/pv.h"
#include "vmm/vm.h"

/* How many vCPUs of the group [min, min + 128) each of a SEND_IPI's two words names. */
enum { WORD_64 = 64, WORD_32 = 32 };

/* What a number that nobody knows gets, here as in other hypervisors. */
enum { ENOSYS = 38 };

struct call {
	uint64_t a[4];
	bool is_64bit;
};

/* In whatever it halts next, or is halted now, with interrupts off too, it goes on. */
static int64_t kick(struct vm *vm, uint32_t apic_id)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		if (vm->vcpus[i]->id == apic_id)
			vcpu_request(vm->vcpus[i], REQUEST_UNHALT);
	return 0;
}

/* Whether bit id - min is set in the words at hand. */
static bool is_named(const struct call *c, uint32_t id)
{
	unsigned width = c->is_64bit ? WORD_64 : WORD_32;
	uint64_t bit = (uint64_t)id - c->a[2];

	if (id < c->a[2] || bit >= 2 * width)
		return false;
	return c->a[bit / width] >> bit % width & 1;
}

/* How many took it. Only what one CPU may send to many: fixed interrupts and NMIs. */
static int64_t send_ipi(struct vm *vm, const struct call *c)
{
	uint64_t icr = c->a[3];
	struct apic_message m = {
		.vector = icr & APIC_ICR_VECTOR,
		.mode = (icr & APIC_ICR_MODE) >> APIC_MODE_SHIFT,
		.x2apic = true, /* 32 bits of destination, whatever the modes of the APICs */
	};
	int64_t taken = 0;

	if ((icr & ~(uint64_t)(APIC_ICR_VECTOR | APIC_ICR_MODE | APIC_ICR_ASSERT)) ||
	    (m.mode != APIC_MODE_FIXED && m.mode != APIC_MODE_NMI))
		return -KVM_EINVAL;
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		m.dest = vm->vcpus[i]->id;
		if (is_named(c, m.dest))
			taken += vlapic_deliver(vm, &m);
	}
	return taken;
}

static int64_t call(struct vcpu *v, uint64_t number, const struct call *c)
{
	switch (number) {
	case KVM_HC_KICK_CPU: return kick(v->vm, (uint32_t)c->a[1]);
	case KVM_HC_SEND_IPI: return send_ipi(v->vm, c);
	default: return -ENOSYS;
	}
}

/* Rings above 0 have no say: what they call the kernel has not asked for. */
static __attribute__((noinline)) void call_known(struct vcpu *v)
{
	uint64_t *gpr = v->hw.gpr, mask = UINT32_MAX;
	struct virt_context context;
	int64_t result = -KVM_EPERM;
	struct call c;

	virt->get_context(&v->hw, &context);
	c.is_64bit = vcpu_insn_mode(v, &context) == INSN_64;
	if (c.is_64bit)
		mask = UINT64_MAX;
	for (unsigned i = 0; i < ARRAY_SIZE(c.a); i++)
		c.a[i] = gpr[(const uint8_t[]){ RBX, RCX, RDX, RSI }[i]] & mask;
	if (context.cpl == 0)
		result = call(v, gpr[RAX] & mask, &c);
	gpr[RAX] = (uint64_t)result & mask;
}

/* What is unknown in 32 bits is unknown in 64: nothing has to be known of the mode. */
void exit_hypercall(struct vcpu *v)
{
	uint32_t number = (uint32_t)v->hw.gpr[RAX];

	if (number == KVM_HC_KICK_CPU || number == KVM_HC_SEND_IPI)
		call_known(v);
	else
		v->hw.gpr[RAX] = -(uint64_t)ENOSYS;
	exit_skip(v);
}

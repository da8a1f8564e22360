/* SPDX-License-Identifier: MIT */
/*
 * Where the interrupt controllers meet. A device's ISA line goes to the PIC pair and to the I/O
 * APIC, as on a PC's board: the guest masks the one that it does not use. The PIC's INTR goes to
 * every CPU's LINT0.
 */
#include "vmm/irqchip.h"

#include "lib/panic.h"
#include "vmm/vm.h"

enum { PIT_PIN = 2, ISA_IRQS = 16 };

void irqchip_line(struct vm *vm, unsigned isa_irq, bool level)
{
	assert(lock_held(&vm->lock));
	assert(isa_irq < ISA_IRQS && isa_irq != IRQ_CASCADE);
	vpic_line(vm, isa_irq, level);
	vioapic_line(vm, isa_irq == IRQ_PIT ? PIT_PIN : isa_irq, level);
}

void irqchip_pic_output(struct vm *vm, bool level)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vlapic_lint(vm->vcpus[i], 0, level);
}

static bool extint_pending(const struct vcpu *v)
{
	return vlapic_line(v, 0) && vlapic_accepts_extint(v);
}

bool irqchip_pending(struct vcpu *v)
{
	if (likely(vlapic_idle(&v->lapic)))
		return false;
	return vlapic_pending(v) || extint_pending(v);
}

int irqchip_take(struct vcpu *v)
{
	uint8_t vector;

	if (vlapic_idle(&v->lapic))
		return -1;
	vector = vlapic_acknowledge(v);
	if (likely(vector))
		return vector;
	if (!extint_pending(v))
		return -1;
	lock_take(&v->vm->lock);
	vector = vpic_acknowledge(v->vm);
	lock_drop(&v->vm->lock);
	return vector;
}

/* SPDX-License-Identifier: MIT */
/* The interrupt lines of a device under test: their levels, and how often they rose and fell. */
#include "lib/panic.h"
#include "tests/fake/vm.h"

void irqchip_line(struct vm *vm, unsigned isa_irq, bool level)
{
	struct fake_vm *f = container_of(vm, struct fake_vm, vm);

	assert(lock_held(&vm->lock) && isa_irq < ARRAY_SIZE(f->lines));
	f->rises[isa_irq] += level && !f->lines[isa_irq];
	f->falls[isa_irq] += !level && f->lines[isa_irq];
	f->lines[isa_irq] = level;
}

void irqchip_pic_output(struct vm *vm, bool level)
{
	struct fake_vm *f = container_of(vm, struct fake_vm, vm);

	assert(lock_held(&vm->lock));
	f->pic_rises += level && !f->pic_output;
	f->pic_output = level;
}

/* SPDX-License-Identifier: MIT */
/*
 * IN and OUT go to the port bus; string forms go through the executor, which knows REP and
 * segments.
 */
#include "vmm/exit.h"
#include "vmm/vm.h"

/*
 * IN replaces the low bytes of RAX; a 32-bit result clears the upper half. The value has no other
 * bits.
 */
static always_inline void set_accumulator(struct vcpu *v, unsigned size, uint64_t value)
{
	uint64_t *rax = &v->hw.gpr[RAX];

	if (size == 1)
		*rax = (*rax & ~(uint64_t)UINT8_MAX) | value;
	else if (size == 2)
		*rax = (*rax & ~(uint64_t)UINT16_MAX) | value;
	else
		*rax = value;
}

void exit_pio(struct vcpu *v)
{
	const struct exit_pio *p = &v->hw.exit.pio;
	struct bus_access *a = &v->access;
	struct vm *vm = v->vm;

	if (unlikely(p->string)) {
		const struct insn *in = fetch_insn(v);

		if (in)
			exit_execute(v, in);
		return;
	}
	a->size = p->size;
	a->write = p->write;
	a->value = v->hw.gpr[RAX];
	lock_take(&vm->lock);
	bus_access(vm, &vm->pio, p->port, a);
	lock_drop(&vm->lock);
	if (!p->write)
		set_accumulator(v, p->size, a->value);
	exit_skip(v);
}

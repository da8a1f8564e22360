/* SPDX-License-Identifier: MIT */
/* IN and OUT go to the port bus; string forms go through the executor, which knows REP and segments. */
#include "vmm/exit.h"
#include "vmm/vm.h"

/* IN replaces the low bytes of RAX; a 32-bit result clears the upper half. */
static void set_accumulator(struct vcpu *v, unsigned size, uint64_t value)
{
	uint64_t mask = size == 4 ? ~0ull : BIT(size * 8) - 1;

	v->hw.gpr[RAX] = (v->hw.gpr[RAX] & ~mask) | (value & (BIT(size * 8) - 1));
}

void exit_pio(struct vcpu *v)
{
	const struct exit_pio *p = &v->hw.exit.pio;
	struct vm *vm = v->vm;
	struct bus_access a;

	if (unlikely(p->string)) {
		const struct insn *in = fetch_insn(v);

		if (in)
			exit_execute(v, in);
		return;
	}
	a.size = p->size;
	a.write = p->write;
	a.value = p->write ? v->hw.gpr[RAX] & (BIT(p->size * 8) - 1) : ~0ull;
	lock_take(&vm->lock);
	bus_access(vm, &vm->pio, p->port, &a);
	lock_drop(&vm->lock);
	if (!p->write)
		set_accumulator(v, p->size, a.value);
	exit_skip(v);
}

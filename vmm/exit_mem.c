/* SPDX-License-Identifier: MIT */
/* Nested page faults: all of a guest's RAM is mapped from the start, so what faults is a device, ROM or nothing. */
#include "vmm/exit.h"
#include "vmm/vm.h"

void exit_mem(struct vcpu *v)
{
	const struct exit_mem *m = &v->hw.exit.mem;
	struct insn in;

	if (unlikely(m->fetch || m->walk)) {
		vm_crash(v->vm, "the guest %s at %#lx, where it has no memory (RIP %#lx)",
			 m->fetch ? "executes" : "has page tables", (unsigned long)m->gpa.raw,
			 (unsigned long)v->hw.rip);
		return;
	}
	if (!exit_decode(v, &in))
		exit_execute(v, &in);
}

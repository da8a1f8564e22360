/* SPDX-License-Identifier: MIT */
/*
 * Nested page faults: all of a guest's RAM is mapped from the start, so what faults is a device, ROM
 * or nothing. Plain MOVs, which is what drivers do, take a short way; the executor does the rest.
 */
#include "vmm/exit.h"
#include "vmm/vm.h"

/* The bus, or the local APIC, whose page belongs to its vCPU. */
void exit_bus_access(struct vcpu *v, gpa_t at, struct bus_access *a)
{
	struct vm *vm = v->vm;

	if (vlapic_claims(v, at.raw)) {
		a->offset = at.raw & PAGE_MASK;
		vcpu_lapic_access(v, a);
		return;
	}
	lock_take(&vm->lock);
	bus_access(vm, &vm->mmio, at.raw, a);
	lock_drop(&vm->lock);
}

/*
 * MOV of 4 bytes between a register, or to it an immediate, and a device: the hardware has checked
 * segment and page and told the address, so all that is left is the access. False: not such a one.
 */
static always_inline bool move(struct vcpu *v, const struct insn *in, gpa_t at)
{
	const struct insn_operand *reg = in->dst.kind == OPERAND_MEM ? &in->src : &in->dst;
	struct bus_access a = { .size = 4, .value = ~0ul };

	if (in->op != INSN_MOV || in->op_size != 4 || (at.raw & 3) || gmem_find(&v->vm->mem, at))
		return false;
	if (in->dst.kind == OPERAND_MEM) {
		a.write = true;
		a.value = (uint32_t)(reg->kind == OPERAND_IMM ? in->imm : v->hw.gpr[reg->reg]);
	}
	exit_bus_access(v, at, &a);
	if (!a.write)
		v->hw.gpr[reg->reg] = (uint32_t)a.value;
	exit_skip(v);
	return true;
}

void exit_mem(struct vcpu *v)
{
	const struct exit_mem *m = &v->hw.exit.mem;
	const struct insn *in;

	if (unlikely(m->fetch || m->walk)) {
		vm_crash(v->vm, "the guest %s at %#lx, where it has no memory (RIP %#lx)",
			 m->fetch ? "executes" : "has page tables", m->gpa.raw, v->hw.rip);
		return;
	}
	in = fetch_insn(v);
	if (in && !move(v, in, m->gpa))
		exit_execute(v, in);
}

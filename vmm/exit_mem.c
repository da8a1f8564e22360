/* SPDX-License-Identifier: MIT */
/*
 * Nested page faults: all of a guest's RAM is mapped from the start, so what faults is a device,
 * ROM or nothing. Plain MOVs, which is what drivers do, take a short way; the executor does the
 * rest.
 */
#include "arch/x86_64/cr.h"
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

/* Whether the operand's own address is a page's first byte. Where that takes more than registers:
 * no. */
static bool begins_page(const struct vcpu *v, const struct insn *in)
{
	const uint64_t *gpr = v->hw.gpr;
	uint64_t at = (uint64_t)in->disp;

	if (v->hw.exit.address_space == ADDRESS_SPACE_UNKNOWN || in->seg == VSEG_FS ||
	    in->seg == VSEG_GS || in->addr_size != 8)
		return false;
	at += in->base != INSN_NO_REG ? gpr[in->base] : 0;
	at += in->index != INSN_NO_REG ? gpr[in->index] * in->scale : 0;
	at += in->rip_relative ? v->hw.rip + in->len : 0;
	return !(at & PAGE_MASK);
}

/*
 * Whether in is a MOV of 4 bytes, aligned, between a device and a register, or to it an immediate.
 * At the first byte of a page the exit may be of the second part of an operand that begins in the
 * page before: that is the executor's.
 */
static always_inline bool is_plain_move(const struct vcpu *v, const struct insn *in, gpa_t at)
{
	return in->op == INSN_MOV && in->op_size == 4 && !(at.raw & 3) &&
	       ((at.raw & PAGE_MASK) || begins_page(v, in));
}

static always_inline uint32_t source(const struct vcpu *v, const struct insn *in)
{
	return (uint32_t)(in->src.kind == OPERAND_IMM ? in->imm : v->hw.gpr[in->src.reg]);
}

/*
 * The hardware has checked segment and page and told the address: all that is left is the access.
 * False: it is memory.
 */
static bool move(struct vcpu *v, const struct insn *in, gpa_t at)
{
	struct bus_access *a = &v->access;
	uint64_t offset = at.raw - v->lapic.mmio_page;

	a->size = 4;
	a->write = in->dst.kind == OPERAND_MEM;
	a->value = a->write ? source(v, in) : ~0ul;
	if (offset < PAGE_SIZE) {
		a->offset = offset;
		vcpu_lapic_access(v, a);
	} else if (gmem_ptr(&v->vm->mem, at, 4, false)) {
		return false;
	} else {
		exit_bus_access(v, at, a);
	}
	if (!a->write)
		v->hw.gpr[in->dst.reg] = (uint32_t)a->value;
	exit_skip(v);
	return true;
}

/* Not an instruction's own access of data: nothing that could be executed in its place. */
static void refuse(struct vcpu *v)
{
	const struct vm_exit *x = &v->hw.exit;
	const struct exit_mem *m = &x->mem;

	if (x->delivering.type != EVENT_NONE)
		vm_crash(v->vm,
			 "the delivery of vector %u touches %#lx, where the guest has no memory "
			 "(RIP %#lx)",
			 x->delivering.vector, m->gpa.raw, v->hw.rip);
	else
		vm_crash(v->vm, "the guest %s at %#lx, where it has no memory (RIP %#lx)",
			 m->error & PF_I ? "executes" : "has page tables", m->gpa.raw, v->hw.rip);
}

void exit_mem(struct vcpu *v)
{
	const struct exit_mem *m = &v->hw.exit.mem;
	const struct insn *in;

	if (unlikely((m->error & PF_I) || m->walk || v->hw.exit.delivering.type != EVENT_NONE)) {
		refuse(v);
		return;
	}
	in = fetch_insn(v);
	if (!in)
		return;
	if (!is_plain_move(v, in, m->gpa)) {
		exit_execute(v, in);
	} else if (m->gpa.raw == v->lapic.mmio_page + APIC_EOI && (m->error & PF_W)) {
		/* The most frequent of all by far. */
		vlapic_eoi(v);
		exit_skip(v);
	} else if (!move(v, in, m->gpa)) {
		exit_execute(v, in);
	}
}

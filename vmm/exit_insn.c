/* SPDX-License-Identifier: MIT */
/* Going past the instruction that exited, or executing it against guest memory and the buses. */
#include "arch/x86_64/cr.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/exit.h"
#include "vmm/vm.h"

void exit_skip(struct vcpu *v)
{
	struct vm_exit *x = &v->hw.exit;
	uint64_t old = v->hw.rip;

	if (!x->insn_len && !fetch_insn(v))
		return;
	v->hw.rip += x->insn_len;
	x->shadow = 0;
	/* A 16 or 32-bit RIP wraps; a 64-bit one may just cross a boundary. */
	if (unlikely((v->hw.rip ^ old) >> 32) && !vcpu_is_64bit(v))
		v->hw.rip = (uint32_t)v->hw.rip;
	if (unlikely(v->hw.rflags & RFLAGS_TF))
		vcpu_raise_step(v);
}

/* Where a memory operand of the instruction that exited is looked up. */
struct context {
	struct vcpu *v;
	struct gwalk_mode walk;
	bool have_gpa; /* the exit's own address is that of the one operand */
};

static int translate(struct context *c, gva_t addr, bool write, gpa_t *out)
{
	const struct exit_mem *m = &c->v->hw.exit.mem;
	struct gwalk_fault fault;

	/*
	 * The hardware has walked for us: the page is known, if the offsets agree. But a write that
	 * exited as a read (a CPU may begin a read-modify-write so) has not been checked as a
	 * write.
	 */
	if (c->have_gpa && (addr.raw & PAGE_MASK) == (m->gpa.raw & PAGE_MASK) &&
	    (!write || (m->error & PF_W))) {
		*out = m->gpa;
		return 0;
	}
	if (!gwalk(&c->v->vm->mem, &c->walk, addr, write ? WALK_WRITE : WALK_READ, out, &fault))
		return 0;
	if (fault.no_memory)
		vm_crash(c->v->vm, "the page tables for %#lx lie where there is no memory",
			 (unsigned long)addr.raw);
	else
		vcpu_raise_pf(c->v, &fault);
	return INSN_FAULT;
}

/* Memory or a device, within one page. */
static void access_physical(struct vcpu *v, gpa_t at, void *data, unsigned size, bool write)
{
	struct bus_access a = { .size = (uint8_t)size, .write = write, .value = ~0ull };
	void *ram = gmem_ptr(&v->vm->mem, at, size, write);

	/* A part of an operand that crosses pages: no device knows an access of 3 bytes. */
	if (unlikely(size & (size - 1))) {
		for (unsigned i = 0; i < size; i++)
			access_physical(v, gpa(at.raw + i), (uint8_t *)data + i, 1, write);
		return;
	}
	if (ram && write) {
		memcpy(ram, data, size);
		return;
	}
	if (ram) {
		memcpy(data, ram, size);
		return;
	}
	if (write) {
		a.value = 0;
		memcpy(&a.value, data, size);
	}
	exit_bus_access(v, at, &a);
	if (!write)
		memcpy(data, &a.value, size);
}

static int mem(void *ctx, gva_t addr, void *data, unsigned size, bool write, bool locked)
{
	struct context *c = ctx;
	unsigned first = (unsigned)MIN(size, PAGE_SIZE - (addr.raw & PAGE_MASK));
	gpa_t at, next = { 0 };

	(void)locked; /* one access of a device is one access, and Plinth's threads do not share a
			 CPU */
	if (translate(c, addr, write, &at))
		return INSN_FAULT;
	/* Both halves are translated before either is touched. */
	if (first < size && translate(c, gva(addr.raw + first), write, &next))
		return INSN_FAULT;
	access_physical(c->v, at, data, first, write);
	if (first < size)
		access_physical(c->v, next, (uint8_t *)data + first, size - first, write);
	return INSN_DONE;
}

static int probe(void *ctx, gva_t addr, unsigned size, bool write)
{
	struct context *c = ctx;
	unsigned first = (unsigned)MIN(size, PAGE_SIZE - (addr.raw & PAGE_MASK));
	gpa_t at;

	if (translate(c, addr, write, &at))
		return INSN_FAULT;
	return first < size ? translate(c, gva(addr.raw + first), write, &at) : INSN_DONE;
}

static int io(void *ctx, uint16_t port, uint32_t *data, unsigned size, bool write)
{
	struct context *c = ctx;
	struct bus_access a = { .size = (uint8_t)size,
				.write = write,
				.value = write ? *data : ~0ull };

	lock_take(&c->v->vm->lock);
	bus_access(c->v->vm, &c->v->vm->pio, port, &a);
	lock_drop(&c->v->vm->lock);
	if (!write)
		*data = (uint32_t)a.value;
	return INSN_DONE;
}

static void segment(void *ctx, enum vseg seg, struct segment *s)
{
	struct context *c = ctx;

	virt->get_segment(&c->v->hw, seg, s);
}

static void raise(void *ctx, uint8_t vector, bool has_error, uint32_t error)
{
	struct context *c = ctx;

	vcpu_raise(c->v, vector, has_error, error);
}

/* Whether in has exactly one memory operand: then the exit's address is that one's. */
static bool has_one_operand(const struct insn *in)
{
	switch (in->op) {
	case INSN_MOVS:
	case INSN_CMPS:
	case INSN_PUSH:
	case INSN_POP: return false;
	default: return !(in->prefixes & (INSN_REP | INSN_REPNE));
	}
}

void exit_execute(struct vcpu *v, const struct insn *in)
{
	struct context c = {
		.v = v,
		.have_gpa =
			v->hw.exit.kind == EXIT_MEM && !v->hw.exit.mem.walk && has_one_operand(in),
	};
	struct insn_machine m = {
		.gpr = v->hw.gpr,
		.rip = &v->hw.rip,
		.rflags = &v->hw.rflags,
		.ctx = &c,
		.mem = mem,
		.io = io,
		.segment = segment,
		.raise = raise,
		.probe = probe,
	};
	bool tf = v->hw.rflags & RFLAGS_TF;
	struct virt_context now;
	int err;

	virt->get_context(&v->hw, &now);
	vcpu_walk_mode(v, &now, &c.walk);
	m.mode = vcpu_insn_mode(v, &now);
	err = insn_exec(in, &m);
	if (err == -ENOTSUP) {
		vm_crash(v->vm,
			 "instruction %s at RIP %#lx touches device memory at %#lx: not one that "
			 "Plinth executes",
			 insn_op_name(in->op), (unsigned long)v->hw.rip,
			 (unsigned long)v->hw.exit.mem.gpa.raw);
		return;
	}
	if (err == INSN_FAULT)
		return;
	v->hw.exit.shadow = 0;
	if (tf)
		vcpu_raise_step(v);
}

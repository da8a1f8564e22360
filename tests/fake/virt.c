/* SPDX-License-Identifier: MIT */
/* The fake backend; see tests/fake/virt.h. LMA follows LME and PG, CPL is SS's DPL, as in hardware.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/cr.h"
#include "arch/x86_64/ptab.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "tests/fake/virt.h"

struct fake_pass fake_passes[FAKE_PASSES];
unsigned fake_passes_n, fake_virt_vms, fake_virt_vcpus;
static int left = -1;

void fake_virt_fail_after(int n)
{
	left = n;
}

static bool is_refused(void)
{
	if (!left)
		return true;
	if (left > 0)
		left--;
	return false;
}

static int vm_init(struct virt_vm *vm)
{
	(void)vm;
	if (is_refused())
		return -ENOMEM;
	fake_virt_vms++;
	return 0;
}

static void vm_fini(struct virt_vm *vm)
{
	(void)vm;
	fake_virt_vms--;
}

static void vcpu_reset(struct virt_vcpu *v)
{
	struct fake_virt *f = fake_virt_of(v);
	struct segment data = { .limit = 0xffff, .attr = SEG_P | SEG_S | 3 };

	memset(f->regs, 0, sizeof(f->regs));
	f->regs[VREG_CR0] = CR0_CD | CR0_NW | CR0_ET;
	f->regs[VREG_DR6] = DR6_INIT;
	f->regs[VREG_DR7] = DR7_INIT;
	for (unsigned s = 0; s < VSEGS; s++)
		f->segments[s] = data;
	f->segments[VSEG_CS] = (struct segment){
		.base = 0xffff0000, .limit = 0xffff, .selector = 0xf000, .attr = SEG_P | SEG_S | 11
	};
	memset(v->gpr, 0, sizeof(v->gpr));
	v->rip = 0xfff0;
	v->rflags = RFLAGS_FIXED;
	f->resets++;
}

static int vcpu_init(struct virt_vcpu *v)
{
	if (is_refused())
		return -ENOMEM;
	v->vendor = calloc(1, sizeof(struct fake_virt));
	assert(v->vendor);
	vcpu_reset(v);
	fake_virt_vcpus++;
	return 0;
}

static void vcpu_fini(struct virt_vcpu *v)
{
	free(v->vendor);
	v->vendor = NULL;
	fake_virt_vcpus--;
}

static void vcpu_load(struct virt_vcpu *v)
{
	assert(!fake_virt_of(v)->loaded);
	fake_virt_of(v)->loaded = true;
	fake_virt_of(v)->loads++;
}

static void vcpu_put(struct virt_vcpu *v)
{
	assert(fake_virt_of(v)->loaded);
	fake_virt_of(v)->loaded = false;
	fake_virt_of(v)->puts++;
}

/* One turn: the injected event is the guest's, then the script runs. */
static void run(struct virt_vcpu *v)
{
	struct fake_virt *f = fake_virt_of(v);

	assert(f->loaded && f->script);
	f->runs++;
	v->exit.insn_len = 0;
	v->exit.shadow = 0;
	v->exit.address_space = ADDRESS_SPACE_UNKNOWN;
	f->script(v, f->arg);
	f->event.type = EVENT_NONE;
}

static uint64_t get(struct virt_vcpu *v, enum vreg reg)
{
	return fake_virt_of(v)->regs[reg];
}

static void set(struct virt_vcpu *v, enum vreg reg, uint64_t value)
{
	uint64_t *regs = fake_virt_of(v)->regs;

	fake_virt_of(v)->sets++;
	regs[reg] = value;
	if (reg != VREG_CR0 && reg != VREG_EFER)
		return;
	regs[VREG_EFER] &= ~EFER_LMA;
	if ((regs[VREG_EFER] & EFER_LME) && (regs[VREG_CR0] & CR0_PG))
		regs[VREG_EFER] |= EFER_LMA;
}

static void get_context(struct virt_vcpu *v, struct virt_context *c)
{
	const struct fake_virt *f = fake_virt_of(v);

	c->cs_base = f->segments[VSEG_CS].base;
	c->cs_attr = f->segments[VSEG_CS].attr;
	c->cr0 = (uint32_t)f->regs[VREG_CR0];
	c->cr3 = f->regs[VREG_CR3];
	c->cr4 = (uint32_t)f->regs[VREG_CR4];
	c->efer = (uint32_t)f->regs[VREG_EFER];
	c->cpl = f->segments[VSEG_SS].attr >> SEG_DPL_SHIFT & 3;
}

static void get_segment(struct virt_vcpu *v, enum vseg seg, struct segment *s)
{
	*s = fake_virt_of(v)->segments[seg];
}

static void set_segment(struct virt_vcpu *v, enum vseg seg, const struct segment *s)
{
	fake_virt_of(v)->segments[seg] = *s;
}

static void inject(struct virt_vcpu *v, const struct vm_event *e)
{
	struct fake_virt *f = fake_virt_of(v);

	/* At most one an entry. */
	assert(e->type == EVENT_NONE || f->event.type == EVENT_NONE);
	f->event = *e;
	if (f->events_n < FAKE_EVENTS)
		f->events[f->events_n++] = *e;
}

static void want_window(struct virt_vcpu *v, unsigned windows)
{
	fake_virt_of(v)->windows = windows;
	fake_virt_of(v)->asked++;
}

static void note(uint32_t number, enum virt_pass pass, bool is_msr)
{
	assert(fake_passes_n < FAKE_PASSES);
	fake_passes[fake_passes_n++] = (struct fake_pass){ number, pass, is_msr };
}

static void pass_io(struct virt_vm *vm, uint16_t port, enum virt_pass pass)
{
	(void)vm;
	note(port, pass, false);
}

static void pass_msr(struct virt_vm *vm, uint32_t msr, enum virt_pass pass)
{
	(void)vm;
	note(msr, pass, true);
}

static void dump(struct virt_vcpu *v)
{
	fake_virt_of(v)->dumps++;
}

static const struct virt_ops fake_ops = {
	.name = "fake",
	.vm_init = vm_init,
	.vm_fini = vm_fini,
	.vcpu_init = vcpu_init,
	.vcpu_fini = vcpu_fini,
	.vcpu_reset = vcpu_reset,
	.vcpu_load = vcpu_load,
	.vcpu_put = vcpu_put,
	.run = run,
	.get = get,
	.set = set,
	.get_context = get_context,
	.get_segment = get_segment,
	.set_segment = set_segment,
	.inject = inject,
	.want_window = want_window,
	.pass_io = pass_io,
	.pass_msr = pass_msr,
	.dump = dump,
};

const struct virt_ops *virt = &fake_ops;

struct fake_virt *fake_virt_attach(struct virt_vcpu *v)
{
	v->vendor = calloc(1, sizeof(struct fake_virt));
	assert(v->vendor);
	vcpu_reset(v);
	return v->vendor;
}

void fake_virt_detach(struct virt_vcpu *v)
{
	free(v->vendor);
	v->vendor = NULL;
}

void fake_virt_mode(struct virt_vcpu *v, enum fake_mode mode, unsigned cpl)
{
	struct fake_virt *f = fake_virt_of(v);
	uint16_t dpl = (uint16_t)(cpl << SEG_DPL_SHIFT);
	uint32_t limit = mode == FAKE_REAL ? 0xffff : 0xffffffff;
	uint16_t wide = mode == FAKE_REAL ? 0 : mode == FAKE_LONG ? SEG_L | SEG_G : SEG_DB | SEG_G;

	for (enum vseg s = VSEG_ES; s <= VSEG_GS; s++)
		f->segments[s] = (struct segment){ .limit = limit,
						   .attr = (uint16_t)(SEG_P | SEG_S | dpl | wide |
								      (s == VSEG_CS ? 11 : 3)) };
	f->regs[VREG_EFER] = mode == FAKE_LONG ? EFER_LME | EFER_NXE : 0;
	f->regs[VREG_CR4] = mode == FAKE_LONG ? CR4_PAE : 0;
	set(v, VREG_CR0,
	    CR0_ET | (mode == FAKE_REAL ? 0 : CR0_PE) | (mode == FAKE_LONG ? CR0_PG | CR0_WP : 0));
}

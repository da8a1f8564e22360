/* SPDX-License-Identifier: MIT */
/* The VMCB on the log. */
#include "arch/x86_64/virt/svm/svm.h"
#include "lib/log.h"

static void dump_segment(const char *name, const struct vmcb_segment *s)
{
	log_error("  %-4s %04x base %016lx limit %08x attr %03x", name, s->selector,
		  (unsigned long)s->base, s->limit, s->attr);
}

static void dump_control(const struct vmcb_control *c)
{
	log_error("vmcb: exit %#lx info %#lx %#lx delivering %#lx", (unsigned long)c->exit_code,
		  (unsigned long)c->exit_info_1, (unsigned long)c->exit_info_2,
		  (unsigned long)c->exit_int_info);
	log_error("  intercepts cr %08x dr %08x exceptions %08x %08x %08x", c->intercept_cr,
		  c->intercept_dr, c->intercept_exceptions, c->intercept_1, c->intercept_2);
	log_error("  v_intr %#lx shadow %#lx inject %#lx asid %u nested cr3 %#lx",
		  (unsigned long)c->v_intr, (unsigned long)c->interrupt_shadow,
		  (unsigned long)c->event_injection, c->asid, (unsigned long)c->nested_cr3);
}

void svm_dump(struct virt_vcpu *v)
{
	const struct vmcb_save *s = &vmcb_of(v)->save;

	dump_control(&vmcb_of(v)->control);
	log_error("  cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx efer %04lx cpl %u",
		  (unsigned long)s->cr0, (unsigned long)s->cr2, (unsigned long)s->cr3,
		  (unsigned long)s->cr4, (unsigned long)s->efer, s->cpl);
	dump_segment("cs", &s->cs);
	dump_segment("ss", &s->ss);
	dump_segment("ds", &s->ds);
	dump_segment("es", &s->es);
	dump_segment("fs", &s->fs);
	dump_segment("gs", &s->gs);
	dump_segment("ldtr", &s->ldtr);
	dump_segment("tr", &s->tr);
	dump_segment("gdtr", &s->gdtr);
	dump_segment("idtr", &s->idtr);
}

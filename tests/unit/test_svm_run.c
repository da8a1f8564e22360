/* SPDX-License-Identifier: MIT */
/* sources: arch/x86_64/virt/svm/run.c arch/x86_64/virt/svm/vcpu.c arch/x86_64/virt/svm/inject.c arch/x86_64/virt/svm/fail.c arch/x86_64/virt/svm/dump.c tests/fake/pages.c tests/fake/log_record.c */
/*
 * From VMCB to struct vm_exit: each exit code with what belongs to it, on CPUs with and without
 * next RIP and decode assists. svm_enter() is the test's: it is the guest's turn.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <cmocka.h>

#include "arch/x86_64/cr.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/ptab.h"
#include "arch/x86_64/virt/svm/svm.h"
#include "tests/fake/log_record.h"
#include "tests/fake/pages.h"

struct svm_features svm_features;
struct features features;

enum { RIP = 0x401000, LENGTH = 3, CR3 = 0x5000 };

/* The machine: what the guest's turn leaves in the VMCB, and what was there at VMRUN. */
static struct {
	struct vmcb exit; /* its control's exit fields and its save area */
	struct vmcb entered;
	uint64_t gpr[GPRS];
	unsigned entries;
} cpu;

static struct {
	struct virt_vm vm;
	struct virt_vcpu v;
	struct svm_vcpu s;
	struct vmcb *vmcb;
	struct ptab nested;
	uint64_t root[512] aligned(4096);
} m;

/* The real one keeps fewer registers: none but RBP and RSP. */
void svm_enter(uint64_t *gpr, uint64_t vmcb_pa, uint64_t host_vmcb_pa)
{
	struct vmcb *b = (struct vmcb *)vmcb_pa;

	assert_ptr_equal(b, m.vmcb);
	assert_ptr_equal(gpr, m.v.gpr);
	assert_int_equal(host_vmcb_pa, 0x1234000);
	cpu.entered = *b;
	cpu.entries++;
	memcpy(cpu.gpr, gpr, sizeof(cpu.gpr));
	b->control.exit_code = cpu.exit.control.exit_code;
	b->control.exit_info_1 = cpu.exit.control.exit_info_1;
	b->control.exit_info_2 = cpu.exit.control.exit_info_2;
	b->control.exit_int_info = cpu.exit.control.exit_int_info;
	b->control.interrupt_shadow = cpu.exit.control.interrupt_shadow;
	b->control.next_rip = cpu.exit.control.next_rip;
	b->control.bytes_n = cpu.exit.control.bytes_n;
	memcpy(b->control.bytes, cpu.exit.control.bytes, sizeof(b->control.bytes));
	b->save = cpu.exit.save;
}

hpa_t svm_host_state(void)
{
	return hpa(0x1234000);
}

void svm_assign_asid(struct virt_vcpu *v)
{
	vmcb_of(v)->control.asid = 1;
}

static int setup(void **state)
{
	(void)state;
	memset(&cpu, 0, sizeof(cpu));
	memset(&m, 0, sizeof(m));
	m.vmcb = page_alloc(ORDER_4K, MEM_VM);
	m.nested.root = m.root;
	m.vm.nested = &m.nested;
	m.v.vm = &m.vm;
	m.v.vendor = &m.s;
	m.v.control = m.vmcb;
	m.s.vmcb = m.vmcb;
	m.s.vmcb_pa = hpa_of(m.vmcb);
	m.s.host_state = hpa(0x1234000);
	svm_features =
		(struct svm_features){ .asids = 16, .next_rip = true, .decode_assists = true };
	cpu.exit.save.rip = RIP;
	cpu.exit.save.efer = EFER_SVME | EFER_LME | EFER_LMA;
	cpu.exit.save.cs.attr = ATTR_PACKED_L;
	cpu.exit.save.cr3 = CR3;
	cpu.exit.control.next_rip = RIP + LENGTH;
	fake_log_clear();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	page_free(m.vmcb, ORDER_4K, MEM_VM);
	return 0;
}

static const struct vm_exit *run(uint64_t code, uint64_t info_1, uint64_t info_2)
{
	cpu.exit.control.exit_code = code;
	cpu.exit.control.exit_info_1 = info_1;
	cpu.exit.control.exit_info_2 = info_2;
	/* What an exit before this one has left. */
	memset(&m.v.exit, 0x5a, sizeof(m.v.exit));
	svm_run(&m.v);
	return &m.v.exit;
}

static const struct {
	uint64_t code;
	enum vm_exit_kind kind;
} plain[] = {
	{ VMEXIT_INTR, EXIT_HOST_IRQ },
	{ VMEXIT_NMI, EXIT_HOST_IRQ },
	{ VMEXIT_SMI, EXIT_HOST_IRQ },
	{ VMEXIT_INIT, EXIT_INIT },
	{ VMEXIT_VINTR, EXIT_WINDOW },
	{ VMEXIT_RDTSC, EXIT_RDTSC },
	{ VMEXIT_RDPMC, EXIT_RDPMC },
	{ VMEXIT_CPUID, EXIT_CPUID },
	{ VMEXIT_RSM, EXIT_UD },
	{ VMEXIT_IRET, EXIT_HOST_IRQ },
	{ VMEXIT_INVD, EXIT_CACHE },
	{ VMEXIT_PAUSE, EXIT_PAUSE },
	{ VMEXIT_HLT, EXIT_HLT },
	{ VMEXIT_INVLPGA, EXIT_UD },
	{ VMEXIT_IOIO, EXIT_PIO },
	{ VMEXIT_MSR, EXIT_RDMSR },
	{ VMEXIT_TASK_SWITCH, EXIT_TASK_SWITCH },
	{ VMEXIT_FERR_FREEZE, EXIT_UNKNOWN },
	{ VMEXIT_SHUTDOWN, EXIT_SHUTDOWN },
	{ VMEXIT_VMRUN, EXIT_UD },
	{ VMEXIT_VMMCALL, EXIT_HYPERCALL },
	{ VMEXIT_VMLOAD, EXIT_UD },
	{ VMEXIT_VMSAVE, EXIT_UD },
	{ VMEXIT_STGI, EXIT_UD },
	{ VMEXIT_CLGI, EXIT_UD },
	{ VMEXIT_SKINIT, EXIT_UD },
	{ VMEXIT_RDTSCP, EXIT_RDTSC },
	{ VMEXIT_ICEBP, EXIT_UNKNOWN },
	{ VMEXIT_WBINVD, EXIT_CACHE },
	{ VMEXIT_MONITOR, EXIT_UD },
	{ VMEXIT_MWAIT, EXIT_UD },
	{ VMEXIT_MWAIT_ARMED, EXIT_UD },
	{ VMEXIT_XSETBV, EXIT_XSETBV },
	{ VMEXIT_RDPRU, EXIT_UD },
	{ VMEXIT_NPF, EXIT_MEM },
	{ 0xffffffff, EXIT_FAIL },
	{ UINT64_MAX, EXIT_FAIL },
};

/* What the code is to be translated to; those of the manual that are not known included. */
static enum vm_exit_kind kind_of(uint64_t code)
{
	for (unsigned i = 0; i < ARRAY_SIZE(plain); i++)
		if (plain[i].code == code)
			return plain[i].kind;
	if (code < VMEXIT_DR0_READ)
		return EXIT_CR;
	if (code < VMEXIT_EXCP0)
		return EXIT_DR;
	if (code < VMEXIT_INTR)
		return EXIT_EXCEPTION;
	return EXIT_UNKNOWN;
}

static void every_code_has_its_kind(void **state)
{
	static const uint64_t far_ones[] = { 0x401,	 0x402,	     0x403,
					     0xffff,	 1ull << 31, UINT64_MAX - 1,
					     0xffffffff, UINT64_MAX, 1ull << 32 | VMEXIT_CPUID };

	(void)state;
	for (uint64_t code = 0; code <= VMEXIT_NPF; code++)
		if (code != VMEXIT_EXCP0 + VEC_MC)
			assert_int_equal(run(code, 0, 0)->kind, kind_of(code));
	for (unsigned i = 0; i < ARRAY_SIZE(far_ones); i++)
		assert_int_equal(run(far_ones[i], 0, 0)->kind, kind_of(far_ones[i]));
}

static void registers_travel(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GPRS; i++)
		m.v.gpr[i] = 0x1000 + i;
	m.v.rip = 0x7000;
	m.v.rflags = RFLAGS_FIXED | RFLAGS_IF;
	cpu.exit.save.rax = 0xaaaa;
	cpu.exit.save.rsp = 0xbbbb;
	cpu.exit.save.rflags = RFLAGS_FIXED | RFLAGS_ZF;
	run(VMEXIT_HLT, 0, 0);
	assert_int_equal(cpu.entered.save.rax, 0x1000 + RAX);
	assert_int_equal(cpu.entered.save.rsp, 0x1000 + RSP);
	assert_int_equal(cpu.entered.save.rip, 0x7000);
	assert_int_equal(cpu.entered.save.rflags, RFLAGS_FIXED | RFLAGS_IF);
	assert_int_equal(m.v.gpr[RAX], 0xaaaa);
	assert_int_equal(m.v.gpr[RSP], 0xbbbb);
	assert_int_equal(m.v.gpr[RDI], 0x1000 + RDI);
	assert_int_equal(m.v.rip, RIP);
	assert_int_equal(m.v.rflags, RFLAGS_FIXED | RFLAGS_ZF);
}

/* What the hardware may keep of the last entry: all but what was set since. */
static void flushes_and_clean_bits(void **state)
{
	(void)state;
	svm_vcpu_reset(&m.v);
	run(VMEXIT_HLT, 0, 0);
	assert_int_equal(cpu.entered.control.nested_cr3, (uintptr_t)m.root);
	assert_int_equal(cpu.entered.control.tlb_control, TLB_FLUSH_ALL);
	assert_int_equal(cpu.entered.control.clean, 0);
	run(VMEXIT_HLT, 0, 0);
	assert_int_equal(cpu.entered.control.tlb_control, TLB_KEEP);
	assert_int_equal(cpu.entered.control.clean, CLEAN_ALL);
	svm_set(&m.v, VREG_TSC_OFFSET, 77);
	run(VMEXIT_HLT, 0, 0);
	assert_int_equal(cpu.entered.control.tsc_offset, 77);
	assert_int_equal(cpu.entered.control.tlb_control, TLB_KEEP);
	assert_int_equal(cpu.entered.control.clean, CLEAN_ALL & ~CLEAN_INTERCEPTS);
	svm_features.flush_by_asid = true;
	svm_set(&m.v, VREG_CR4, CR4_PAE);
	run(VMEXIT_HLT, 0, 0);
	assert_int_equal(cpu.entered.control.tlb_control, TLB_FLUSH_ASID);
	assert_int_equal(cpu.entered.control.clean, CLEAN_ALL & ~CLEAN_CR);
}

static void lengths(void **state)
{
	(void)state;
	assert_int_equal(run(VMEXIT_CPUID, 0, 0)->insn_len, LENGTH);
	svm_features.next_rip = false;
	assert_int_equal(run(VMEXIT_CPUID, 0, 0)->insn_len, 0);
	/* I/O tells it in any case. */
	assert_int_equal(run(VMEXIT_IOIO, 0, RIP + 2)->insn_len, 2);
}

static void address_spaces(void **state)
{
	(void)state;
	assert_int_equal(run(VMEXIT_CPUID, 0, 0)->address_space, CR3);
	assert_int_equal(run(VMEXIT_NPF, 0, 0)->address_space, CR3);
	assert_int_equal(run(VMEXIT_IOIO, 0, 0)->address_space, ADDRESS_SPACE_UNKNOWN);
	/* Compatibility mode, and long mode that is only enabled. */
	cpu.exit.save.cs.attr = ATTR_PACKED_DB;
	assert_int_equal(run(VMEXIT_CPUID, 0, 0)->address_space, ADDRESS_SPACE_UNKNOWN);
	cpu.exit.save.cs.attr = ATTR_PACKED_L;
	cpu.exit.save.efer = EFER_SVME | EFER_LME;
	assert_int_equal(run(VMEXIT_CPUID, 0, 0)->address_space, ADDRESS_SPACE_UNKNOWN);
}

static void ports(void **state)
{
	const struct exit_pio *p = &m.v.exit.pio;

	(void)state;
	run(VMEXIT_IOIO, 0x03f80000 | 1 << IOIO_SIZE_SHIFT, RIP + 1);
	assert_int_equal(p->port, 0x3f8);
	assert_int_equal(p->size, 1);
	assert_true(p->write && !p->string && !p->rep);
	run(VMEXIT_IOIO, 0xffff0000 | 4 << IOIO_SIZE_SHIFT | IOIO_IN, RIP + 1);
	assert_int_equal(p->port, 0xffff);
	assert_int_equal(p->size, 4);
	assert_true(!p->write && !p->string && !p->rep);
	run(VMEXIT_IOIO, 0x01f00000 | 2 << IOIO_SIZE_SHIFT | IOIO_IN | IOIO_STRING | IOIO_REP,
	    RIP + 1);
	assert_int_equal(p->size, 2);
	assert_true(!p->write && p->string && p->rep);
	run(VMEXIT_IOIO, 2 << IOIO_SIZE_SHIFT | IOIO_STRING, RIP + 1);
	assert_true(p->write && p->string && !p->rep);
}

static void memory(void **state)
{
	const struct vm_exit *x;

	(void)state;
	cpu.exit.control.bytes_n = 15;
	memset(cpu.exit.control.bytes, 0x90, 15);
	x = run(VMEXIT_NPF, PF_W | PF_U | NPF_GUEST_FINAL, 0xfee000b0);
	assert_int_equal(x->mem.gpa.raw, 0xfee000b0);
	assert_int_equal(x->mem.error & (PF_W | PF_I), PF_W);
	assert_false(x->mem.walk);
	assert_int_equal(x->mem.bytes_n, 15);
	assert_memory_equal(x->mem.bytes, cpu.exit.control.bytes, 15);
	/* More than there are: not to be believed. */
	cpu.exit.control.bytes_n = 16;
	x = run(VMEXIT_NPF, PF_I | NPF_GUEST_TABLE, 0x1000);
	assert_int_equal(x->mem.bytes_n, 0);
	assert_int_equal(x->mem.error & (PF_W | PF_I), PF_I);
	assert_true(x->mem.walk);
	cpu.exit.control.bytes_n = 0;
	assert_int_equal(run(VMEXIT_NPF, 0, 0)->mem.bytes_n, 0);
}

static void msrs(void **state)
{
	(void)state;
	assert_int_equal(run(VMEXIT_MSR, 0, 0)->kind, EXIT_RDMSR);
	assert_int_equal(run(VMEXIT_MSR, 1, 0)->kind, EXIT_WRMSR);
}

static void control_and_debug_registers(void **state)
{
	const struct vm_exit *x;

	(void)state;
	for (unsigned n = 0; n < 16; n++) {
		x = run(VMEXIT_CR0_READ + n, CR_INFO_MOV | n, 0);
		assert_int_equal(x->cr.cr, n);
		assert_int_equal(x->cr.op, CR_READ);
		assert_int_equal(x->cr.gpr, n);
		assert_true(x->cr.known);
		x = run(VMEXIT_CR0_WRITE + n, CR_INFO_MOV | (15 - n), 0);
		assert_int_equal(x->cr.cr, n);
		assert_int_equal(x->cr.op, CR_WRITE);
		assert_int_equal(x->cr.gpr, 15 - n);
		x = run(VMEXIT_DR0_READ + n, n, 0);
		assert_int_equal(x->dr.dr, n);
		assert_int_equal(x->dr.gpr, n);
		assert_true(x->dr.known && !x->dr.write);
		x = run(VMEXIT_DR0_WRITE + n, n, 0);
		assert_int_equal(x->dr.dr, n);
		assert_true(x->dr.write);
	}
	/* CLTS and LMSW, and CPUs that do not tell. */
	assert_false(run(VMEXIT_CR0_WRITE, 5, 0)->cr.known);
	svm_features.decode_assists = false;
	assert_false(run(VMEXIT_CR0_WRITE, CR_INFO_MOV, 0)->cr.known);
	assert_false(run(VMEXIT_DR0_WRITE, 0, 0)->dr.known);
}

static void exceptions(void **state)
{
	const struct vm_exit *x;

	(void)state;
	x = run(VMEXIT_EXCP0 + VEC_DB, 0, 0);
	assert_int_equal(x->kind, EXIT_EXCEPTION);
	assert_int_equal(x->exception.vector, VEC_DB);
	assert_false(x->exception.has_error);
	x = run(VMEXIT_EXCP0 + VEC_AC, 0, 0xdead);
	assert_true(x->exception.has_error);
	assert_int_equal(x->exception.address, 0);
	x = run(VMEXIT_EXCP0 + VEC_PF, PF_W | PF_P, 0xdead);
	assert_int_equal(x->exception.vector, VEC_PF);
	assert_true(x->exception.has_error);
	assert_int_equal(x->exception.error, PF_W | PF_P);
	assert_int_equal(x->exception.address, 0xdead);
}

/* An NMI's IRET is stepped over; then NMIs may come again, and the guest has not seen the step. */
static void the_end_of_an_nmi(void **state)
{
	const struct vm_event nmi = { .type = EVENT_NMI, .vector = VEC_NMI };
	struct vmcb_control *c = &m.vmcb->control;

	(void)state;
	svm_inject(&m.v, &nmi);
	assert_true(m.s.nmi_blocked);
	assert_true(c->intercept_1 & INTERCEPT_IRET);
	assert_int_equal(run(VMEXIT_IRET, 0, 0)->kind, EXIT_HOST_IRQ);
	assert_true(m.v.rflags & RFLAGS_TF);
	assert_true(m.s.nmi_blocked);
	assert_false(c->intercept_1 & INTERCEPT_IRET);
	cpu.exit.save.dr6 = DR6_INIT | DR6_BS;
	assert_int_equal(run(VMEXIT_EXCP0 + VEC_DB, 0, 0)->kind, EXIT_WINDOW);
	assert_false(m.s.nmi_blocked);
	assert_int_equal(m.vmcb->save.dr6, DR6_INIT);
	/* The next #DB is the guest's. */
	assert_int_equal(run(VMEXIT_EXCP0 + VEC_DB, 0, 0)->kind, EXIT_EXCEPTION);
	/* A guest that steps itself over its IRET sees its own #DB. */
	svm_inject(&m.v, &nmi);
	cpu.exit.save.rflags = RFLAGS_FIXED | RFLAGS_TF;
	run(VMEXIT_IRET, 0, 0);
	assert_false(m.s.nmi_blocked);
	assert_int_equal(run(VMEXIT_EXCP0 + VEC_DB, 0, 0)->kind, EXIT_EXCEPTION);
}

static void injection(void **state)
{
	static const struct {
		struct vm_event e;
		uint64_t field;
	} cases[] = {
		{ { .type = EVENT_INTERRUPT, .vector = 0x30 }, EVENT_VALID | 0x30 },
		{ { .type = EVENT_NMI, .vector = 2 }, EVENT_VALID | 2 << 8 | 2 },
		{ { .type = EVENT_EXCEPTION, .vector = VEC_GP, .has_error = true, .error = 0x1234 },
		  0x1234ull << 32 | EVENT_VALID | EVENT_ERROR | 3 << 8 | 13 },
		{ { .type = EVENT_EXCEPTION, .vector = VEC_UD, .error = 0x1234 },
		  EVENT_VALID | 3 << 8 | 6 },
		{ { .type = EVENT_SOFT_INTERRUPT, .vector = 0x80 }, EVENT_VALID | 4 << 8 | 0x80 },
		{ { .type = EVENT_SOFT_EXCEPTION, .vector = VEC_BP }, EVENT_VALID | 3 << 8 | 3 },
		{ { .type = EVENT_NONE, .vector = 9 }, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		svm_inject(&m.v, &cases[i].e);
		assert_int_equal(m.vmcb->control.event_injection, cases[i].field);
	}
}

static const struct vm_event timer = { .type = EVENT_INTERRUPT, .vector = 0xec };

/* A guest that can take an interrupt gets it as a virtual one. */
static void virtual_interrupts(void **state)
{
	struct vmcb_control *c = &m.vmcb->control;
	const uint64_t wanted =
		V_IRQ | V_IGN_TPR | 0xeull << V_INTR_PRIO_SHIFT | 0xecull << V_INTR_VECTOR_SHIFT;
	const struct vm_exit *x;

	(void)state;
	m.v.rflags = RFLAGS_FIXED | RFLAGS_IF;
	m.v.exit.shadow = 0;
	svm_want_window(&m.v, WINDOW_INTERRUPT);
	svm_inject(&m.v, &timer);
	svm_want_window(&m.v, WINDOW_NONE);
	assert_int_equal(c->event_injection, 0);
	assert_int_equal(c->v_intr, wanted);
	assert_false(c->intercept_1 & INTERCEPT_VINTR);
	/* A physical interrupt came first: it is to go again, once. */
	x = run(VMEXIT_INTR, 0, 0);
	assert_int_equal(x->kind, EXIT_HOST_IRQ | EXIT_DELIVERING);
	assert_int_equal(x->delivering.type, EVENT_INTERRUPT);
	assert_int_equal(x->delivering.vector, 0xec);
	assert_false(c->v_intr & V_IRQ);
	assert_int_equal(run(VMEXIT_INTR, 0, 0)->kind, EXIT_HOST_IRQ);
	/* It was taken: the CPU clears V_IRQ. */
	m.v.rflags = RFLAGS_FIXED | RFLAGS_IF;
	m.v.exit.shadow = 0;
	svm_inject(&m.v, &timer);
	c->v_intr &= ~V_IRQ;
	assert_int_equal(run(VMEXIT_INTR, 0, 0)->kind, EXIT_HOST_IRQ);
	/* Its delivery faulted: as QEMU tells it, and with V_IRQ still set. */
	m.v.rflags = RFLAGS_FIXED | RFLAGS_IF;
	m.v.exit.shadow = 0;
	svm_inject(&m.v, &timer);
	cpu.exit.control.exit_int_info = EVENT_VALID | 3 << 8 | 0xec;
	x = run(VMEXIT_NPF, 0, 0);
	assert_int_equal(x->kind, EXIT_MEM | EXIT_DELIVERING);
	assert_int_equal(x->delivering.type, EVENT_INTERRUPT);
	assert_int_equal(x->delivering.vector, 0xec);
	assert_false(c->v_intr & V_IRQ);
}

/* There is one virtual interrupt: a window behind it makes it an event. */
static void virtual_interrupt_and_window(void **state)
{
	struct vmcb_control *c = &m.vmcb->control;

	(void)state;
	m.v.rflags = RFLAGS_FIXED | RFLAGS_IF;
	svm_inject(&m.v, &timer);
	svm_want_window(&m.v, WINDOW_INTERRUPT);
	assert_int_equal(c->event_injection, EVENT_VALID | 0xec);
	assert_true(c->v_intr & V_IRQ);
	assert_true(c->intercept_1 & INTERCEPT_VINTR);
	assert_int_equal(run(VMEXIT_INTR, 0, 0)->kind, EXIT_HOST_IRQ);
	assert_true(c->v_intr & V_IRQ);
	/* One that was taken long ago is not taken for the window's. */
	svm_want_window(&m.v, WINDOW_NONE);
	m.v.rflags = RFLAGS_FIXED | RFLAGS_IF;
	m.v.exit.shadow = 0;
	svm_inject(&m.v, &timer);
	c->v_intr &= ~V_IRQ;
	svm_want_window(&m.v, WINDOW_INTERRUPT);
	assert_int_equal(run(VMEXIT_INTR, 0, 0)->kind, EXIT_HOST_IRQ);
	assert_true(c->v_intr & V_IRQ);
}

/* The end of other windows leaves it where it is: it was lost where TPR had held it back. */
static void virtual_interrupt_and_other_windows(void **state)
{
	struct vmcb_control *c = &m.vmcb->control;

	(void)state;
	for (unsigned other = WINDOW_NONE; other <= (WINDOW_TPR | WINDOW_NMI); other++) {
		if (other & WINDOW_INTERRUPT)
			continue;
		m.v.rflags = RFLAGS_FIXED | RFLAGS_IF;
		m.v.exit.shadow = 0;
		svm_want_window(&m.v, other);
		svm_inject(&m.v, &timer);
		svm_want_window(&m.v, WINDOW_NONE);
		assert_true(c->v_intr & V_IRQ);
		assert_int_equal((c->v_intr & V_INTR_VECTOR_MASK) >> V_INTR_VECTOR_SHIFT, 0xec);
		assert_false(c->intercept_1 & INTERCEPT_VINTR);
		assert_false(c->intercept_cr & INTERCEPT_CR_WRITE(8));
		assert_int_equal(run(VMEXIT_INTR, 0, 0)->kind, EXIT_HOST_IRQ | EXIT_DELIVERING);
	}
}

/* It cannot be taken now, but is to be: the event that had begun before. */
static void interrupts_that_must_go(void **state)
{
	(void)state;
	m.v.rflags = RFLAGS_FIXED;
	svm_inject(&m.v, &timer);
	assert_int_equal(m.vmcb->control.event_injection, EVENT_VALID | 0xec);
	m.v.rflags = RFLAGS_FIXED | RFLAGS_IF;
	m.v.exit.shadow = SHADOW_STI;
	m.vmcb->control.event_injection = 0;
	svm_inject(&m.v, &timer);
	assert_int_equal(m.vmcb->control.event_injection, EVENT_VALID | 0xec);
	m.v.exit.shadow = 0;
	svm_inject(&m.v, &timer);
	svm_inject(&m.v, &(struct vm_event){ .type = EVENT_NONE });
	assert_false(m.vmcb->control.v_intr & V_IRQ);
	assert_int_equal(m.vmcb->control.event_injection, 0);
}

static void windows(void **state)
{
	struct vmcb_control *c = &m.vmcb->control;

	(void)state;
	c->clean = CLEAN_ALL;
	svm_want_window(&m.v, WINDOW_INTERRUPT);
	assert_true(c->v_intr & V_IRQ);
	assert_true(c->v_intr & V_IGN_TPR);
	assert_true(c->intercept_1 & INTERCEPT_VINTR);
	assert_true(c->intercept_cr & INTERCEPT_CR_WRITE(8));
	assert_false(c->clean & (CLEAN_INTERCEPTS | CLEAN_TPR));
	svm_want_window(&m.v, WINDOW_TPR);
	assert_false(c->v_intr & V_IRQ);
	assert_false(c->intercept_1 & INTERCEPT_VINTR);
	assert_true(c->intercept_cr & INTERCEPT_CR_WRITE(8));
	c->clean = CLEAN_ALL;
	svm_want_window(&m.v, WINDOW_TPR);
	assert_int_equal(c->clean, CLEAN_ALL);
	svm_want_window(&m.v, WINDOW_NONE);
	assert_false(c->intercept_cr & INTERCEPT_CR_WRITE(8));
}

static void interrupted_deliveries(void **state)
{
	static const struct {
		uint64_t info;
		struct vm_event e;
	} cases[] = {
		{ EVENT_VALID | 0x30, { .type = EVENT_INTERRUPT, .vector = 0x30 } },
		{ EVENT_VALID | 2 << 8 | 2, { .type = EVENT_NMI, .vector = 2 } },
		{ EVENT_VALID | 3 << 8 | EVENT_ERROR | 14 | 7ull << 32,
		  { .type = EVENT_EXCEPTION, .vector = 14, .has_error = true, .error = 7 } },
		{ EVENT_VALID | 3 << 8 | 1, { .type = EVENT_EXCEPTION, .vector = 1 } },
		/* INT n, INT3 and INTO run again; without the valid bit there is nothing. */
		{ EVENT_VALID | 4 << 8 | 0x80, { .type = EVENT_NONE } },
		{ EVENT_VALID | 3 << 8 | 3, { .type = EVENT_NONE } },
		{ EVENT_VALID | 3 << 8 | 4, { .type = EVENT_NONE } },
		{ 0x30, { .type = EVENT_NONE } },
		{ 0, { .type = EVENT_NONE } },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct vm_event *e = &cases[i].e;
		const struct vm_exit *x;
		const struct vm_event *got;

		cpu.exit.control.exit_int_info = cases[i].info;
		x = run(VMEXIT_NPF, 0, 0);
		assert_int_equal(x->kind,
				 EXIT_MEM | (e->type == EVENT_NONE ? 0 : (int)EXIT_DELIVERING));
		if (e->type == EVENT_NONE)
			continue;
		got = &x->delivering;
		assert_int_equal(got->type, e->type);
		assert_int_equal(got->vector, e->vector);
		assert_int_equal(got->has_error, e->has_error);
		assert_int_equal(got->error, e->error);
		assert_int_equal(got->insn_len, 0);
	}
}

static void shadows(void **state)
{
	(void)state;
	assert_int_equal(run(VMEXIT_HLT, 0, 0)->shadow, 0);
	cpu.exit.control.interrupt_shadow = INTERRUPT_SHADOW;
	assert_int_equal(run(VMEXIT_HLT, 0, 0)->shadow, SHADOW_STI);
	/* Bit 1 is the guest's IF. */
	cpu.exit.control.interrupt_shadow = 2;
	assert_int_equal(run(VMEXIT_HLT, 0, 0)->shadow, 0);
}

static void task_switches(void **state)
{
	const struct exit_task *t = &m.v.exit.task;

	(void)state;
	run(VMEXIT_TASK_SWITCH, 0x28, 0);
	assert_int_equal(t->selector, 0x28);
	assert_int_equal(t->source, TASK_CALL);
	assert_false(t->has_error);
	run(VMEXIT_TASK_SWITCH, 0x28, TASK_INFO_IRET);
	assert_int_equal(t->source, TASK_IRET);
	run(VMEXIT_TASK_SWITCH, 0x28, TASK_INFO_JMP);
	assert_int_equal(t->source, TASK_JMP);
	cpu.exit.control.exit_int_info = EVENT_VALID | 3 << 8 | VEC_GP;
	run(VMEXIT_TASK_SWITCH, 0x30, TASK_INFO_ERROR | 0x55);
	assert_int_equal(t->source, TASK_GATE);
	assert_true(t->has_error);
	assert_int_equal(t->error, 0x55);
}

static void the_unknown_is_kept_for_the_dump(void **state)
{
	const struct vm_exit *x;

	(void)state;
	cpu.exit.control.exit_int_info = 3;
	x = run(0x123, 1, 2);
	assert_int_equal(x->kind, EXIT_UNKNOWN);
	assert_int_equal(x->raw[0], 0x123);
	assert_int_equal(x->raw[1], 1);
	assert_int_equal(x->raw[2], 2);
	assert_int_equal(x->raw[3], 3);
	assert_string_equal(fake_log_text(), "");
	x = run(UINT64_MAX, 0, 0);
	assert_int_equal(x->raw[0], UINT64_MAX);
	assert_true(fake_log_has(LOG_ERROR, "svm: VMRUN refused"));
}

/* INT 18h is for the host's handler; in a program it is a SIGSEGV. */
static unsigned machine_checks;

static void int_18h(int signal, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	const uint8_t *at = (const uint8_t *)c->uc_mcontext.gregs[REG_RIP];

	(void)signal, (void)info;
	if (at[0] != 0xcd || at[1] != VEC_MC)
		abort();
	c->uc_mcontext.gregs[REG_RIP] += 2;
	machine_checks++;
}

static void machine_checks_are_the_hosts(void **state)
{
	struct sigaction action = { .sa_sigaction = int_18h, .sa_flags = SA_SIGINFO }, old;

	(void)state;
	sigaction(SIGSEGV, &action, &old);
	assert_int_equal(run(VMEXIT_EXCP0 + VEC_MC, 0, 0)->kind, EXIT_HOST_IRQ);
	sigaction(SIGSEGV, &old, NULL);
	assert_int_equal(machine_checks, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_code_has_its_kind),
		TEST(registers_travel),
		TEST(flushes_and_clean_bits),
		TEST(lengths),
		TEST(address_spaces),
		TEST(ports),
		TEST(memory),
		TEST(msrs),
		TEST(control_and_debug_registers),
		TEST(exceptions),
		TEST(the_end_of_an_nmi),
		TEST(injection),
		TEST(virtual_interrupts),
		TEST(virtual_interrupt_and_window),
		TEST(virtual_interrupt_and_other_windows),
		TEST(interrupts_that_must_go),
		TEST(windows),
		TEST(interrupted_deliveries),
		TEST(shadows),
		TEST(task_switches),
		TEST(the_unknown_is_kept_for_the_dump),
		TEST(machine_checks_are_the_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

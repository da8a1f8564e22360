/* SPDX-License-Identifier: MIT */
/*
 * The state of a crashed guest's vCPU, for its owner. Guest memory is read by the guest's own page
 * tables, as far as they lead: where they do not, the line says so and the next part follows.
 *
 * All of it is long, so others may run after each line, and say something, too: each line begins
 * with the name of the vCPU's thread.
 */
#include "vmm/dump.h"
#include "arch/x86_64/cr.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "vmm/vm.h"

enum { RIP_BYTES = 16, STACK_WORDS = 256, FRAMES = 16, CALL_MAX = 7, LINE = 96 };
enum { WORDS_A_BREATH = 8 };

static __attribute__((format(printf, 2, 3))) void say(struct vcpu *v, const char *fmt, ...)
{
	const char *name = v->vm->config.name;
	char line[LINE];
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (v->id)
		log_result("%s/%u: %s", name, v->id, line);
	else
		log_result("%s: %s", name, line);
	vcpu_breathe(v);
}

static void print_registers(struct vcpu *v, const struct virt_context *c)
{
	const uint64_t *r = v->hw.gpr;

	say(v, "rax %016lx rbx %016lx rcx %016lx rdx %016lx", r[RAX], r[RBX], r[RCX], r[RDX]);
	say(v, "rsi %016lx rdi %016lx rbp %016lx rsp %016lx", r[RSI], r[RDI], r[RBP], r[RSP]);
	say(v, "r8  %016lx r9  %016lx r10 %016lx r11 %016lx", r[R8], r[R9], r[R10], r[R11]);
	say(v, "r12 %016lx r13 %016lx r14 %016lx r15 %016lx", r[R12], r[R13], r[R14], r[R15]);
	say(v, "rip %016lx rflags %08lx cpl %u efer %#x", v->hw.rip, v->hw.rflags, c->cpl, c->efer);
	say(v, "cr0 %08x cr2 %016lx cr3 %016lx cr4 %08x", c->cr0, virt->get(&v->hw, VREG_CR2),
	    c->cr3, c->cr4);
}

static void print_segments(struct vcpu *v)
{
	static const struct {
		enum vseg seg;
		const char *name;
	} segments[] = { { VSEG_CS, "cs" },    { VSEG_SS, "ss" },     { VSEG_DS, "ds" },
			 { VSEG_ES, "es" },    { VSEG_FS, "fs" },     { VSEG_GS, "gs" },
			 { VSEG_TR, "tr" },    { VSEG_LDTR, "ldtr" }, { VSEG_GDTR, "gdtr" },
			 { VSEG_IDTR, "idtr" } };

	for (unsigned i = 0; i < ARRAY_SIZE(segments); i++) {
		struct segment s;

		virt->get_segment(&v->hw, segments[i].seg, &s);
		say(v, "%-4s %04x base %016lx limit %08x attributes %04x", segments[i].name,
		    s.selector, s.base, s.limit, s.attr);
	}
}

/* The oldest first. A place that was never written has kind 0 and RIP 0. */
static void print_exits(struct vcpu *v)
{
	const struct dump_exits *e = &v->last;

	say(v, "its last exits, the newest at the end:");
	for (unsigned i = DUMP_EXITS; i > 0; i--) {
		uint8_t at = (uint8_t)(e->next - i);

		if (e->rip[at] || e->kind[at])
			say(v, "  %-20s at RIP %016lx%s",
			    vm_exit_names[e->kind[at] % EXIT_DELIVERING], e->rip[at],
			    e->kind[at] & EXIT_DELIVERING ? ", delivering an event" : "");
	}
}

/* Where Plinth looks: like the CPU's own accesses, but with all rights. */
struct view {
	struct vcpu *v;
	struct gwalk_mode walk;
	uint64_t code, stack; /* linear addresses of RIP and of the top of the stack */
	unsigned word;	      /* the size of a return address */
};

static bool read(const struct view *w, uint64_t at, void *buf, unsigned n)
{
	struct gwalk_fault fault;

	return !gwalk_read(&w->v->vm->mem, &w->walk, gva(at), buf, n, WALK_READ | WALK_SYSTEM,
			   &fault);
}

static void look(struct vcpu *v, const struct virt_context *c, struct view *w)
{
	enum insn_mode mode = vcpu_insn_mode(v, c);
	struct segment ss;

	virt->get_segment(&v->hw, VSEG_SS, &ss);
	w->v = v;
	vcpu_walk_mode(v, c, &w->walk);
	w->walk.cpl = 0;
	w->walk.cr4 &= ~(uint64_t)CR4_SMAP;
	w->word = mode == INSN_64 ? 8 : mode == INSN_32 ? 4 : 2;
	w->code = mode == INSN_64 ? v->hw.rip : (uint32_t)(c->cs_base + v->hw.rip);
	w->stack = mode == INSN_64 ? v->hw.gpr[RSP] : (uint32_t)(ss.base + v->hw.gpr[RSP]);
}

static void print_code(const struct view *w)
{
	char line[LINE];
	int n = 0;

	for (unsigned i = 0; i < RIP_BYTES; i++) {
		uint8_t byte;

		if (!read(w, w->code + i, &byte, 1))
			break;
		n += fmt_print(line + n, sizeof(line) - (size_t)n, " %02x", byte);
	}
	say(w->v, "code at RIP:%s", n ? line : " the guest's page tables do not lead there");
}

/* Whether a call instruction ends at ret: E8 and an offset, or FF /2. */
static bool follows_call(const struct view *w, uint64_t ret)
{
	enum { CALL_REL = 0xe8, GROUP5 = 0xff, GROUP5_CALL = 2 };
	unsigned relative = w->word == 2 ? 3 : 5;
	uint8_t b[CALL_MAX];

	if (!read(w, ret - CALL_MAX, b, sizeof(b)))
		return false;
	if (b[CALL_MAX - relative] == CALL_REL)
		return true;
	for (unsigned n = 2; n <= CALL_MAX; n++)
		if (b[CALL_MAX - n] == GROUP5 && (b[CALL_MAX - n + 1] >> 3 & 7) == GROUP5_CALL)
			return true;
	return false;
}

/*
 * A guest need not keep frame pointers: every word on its stack that points behind a call may be a
 * return address. Some are left over from calls that have long returned.
 */
static void print_stack(const struct view *w)
{
	unsigned frames = 0;

	say(w->v, "addresses on its stack that follow a call:");
	for (unsigned i = 0; i < STACK_WORDS && frames < FRAMES; i++) {
		uint64_t at = w->stack + i * w->word, word = 0;

		if (i % WORDS_A_BREATH == 0)
			vcpu_breathe(w->v);
		if (!read(w, at, &word, w->word))
			break;
		if (word < CALL_MAX || !follows_call(w, word))
			continue;
		say(w->v, "  #%-2u %016lx, at %016lx", frames++, word, at);
	}
	if (!frames)
		say(w->v, "  none in the first %u words from %016lx on", STACK_WORDS, w->stack);
}

void dump_vcpu(struct vcpu *v, const char *when)
{
	struct virt_context c;
	struct view w;

	vcpu_breathe(v);
	virt->get_context(&v->hw, &c);
	log_error("vm: %s: vCPU %u %s:", v->vm->config.name, v->id, when);
	print_registers(v, &c);
	print_segments(v);
	print_exits(v);
	look(v, &c, &w);
	print_code(&w);
	print_stack(&w);
}

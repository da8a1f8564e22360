/* SPDX-License-Identifier: MIT */
/* sources: arch/x86_64/virt/vmx/fail.c arch/x86_64/virt/vmx/dump.c arch/x86_64/ptab.c lib/printf.c tests/fake/log.c tests/fake/pages.c */
/*
 * The checks that explain a refused VM entry. A VMCS that is right in each of the modes, then one
 * field of it made wrong: the text must name that field, its value and the rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/cr.h"
#include "arch/x86_64/virt/vmx/vmx.h"
#include "lib/printf.h"

/* Nothing here has a VMCS to make current. */
struct vmx_caps vmx_caps;

void vmx_borrow_other(struct virt_vcpu *v)
{
	(void)v;
}

void vmx_return_other(struct virt_vcpu *v)
{
	(void)v;
}

#define FIELDS 0x7000

enum { PHYSICAL_BITS = 39 };

struct fake {
	uint64_t fields[FIELDS];
};

static const struct vmx_caps caps = {
	.cr0_fixed0 = CR0_PE | CR0_NE | CR0_PG,
	.cr0_fixed1 = 0xffffffff,
	.cr4_fixed0 = CR4_VMXE,
	.cr4_fixed1 = 0x3767ff,
};

static uint64_t fake_read(const void *arg, enum vmcs_field field)
{
	const struct fake *f = arg;

	assert_true((unsigned)field < FIELDS);
	return f->fields[field];
}

/* What is wrong, or an empty string. */
static const char *explain(const struct fake *f)
{
	static char text[200];
	struct vmx_state s = { fake_read, f, &caps, PHYSICAL_BITS };

	text[0] = 0;
	bool found = vmx_check_guest(&s, text, sizeof(text));

	assert_int_equal(found, text[0] != 0);
	return text;
}

enum mode { REAL, PROTECTED, PAE, V8086, LONG, MODES };

static void segment(struct fake *f, enum vseg seg, uint64_t base, uint64_t limit, uint64_t rights)
{
	f->fields[VMCS_GUEST_ES_BASE + 2 * seg] = base;
	f->fields[VMCS_GUEST_ES_LIMIT + 2 * seg] = limit;
	if (seg <= VSEG_TR)
		f->fields[VMCS_GUEST_ES_RIGHTS + 2 * seg] = rights;
}

static void segments(struct fake *f, enum mode mode)
{
	uint64_t data = mode == REAL ? 0x93 : mode == V8086 ? 0xf3 : 0xc093;
	uint64_t code = mode == LONG ? 0xa09b : mode == REAL ? 0x9b : mode == V8086 ? 0xf3 : 0xc09b;
	uint64_t limit = mode == REAL || mode == V8086 ? 0xffff : 0xffffffff;

	for (enum vseg seg = VSEG_ES; seg <= VSEG_GS; seg++)
		segment(f, seg, 0, limit, seg == VSEG_CS ? code : data);
	segment(f, VSEG_LDTR, 0, 0xffff, 0x82);
	segment(f, VSEG_TR, 0, 0xffff, 0x8b);
	segment(f, VSEG_GDTR, 0, 0xffff, 0);
	segment(f, VSEG_IDTR, 0, 0xffff, 0);
}

static void good(struct fake *f, enum mode mode)
{
	memset(f, 0, sizeof(*f));
	segments(f, mode);
	f->fields[VMCS_GUEST_CR0] = CR0_NE | CR0_ET | (mode == REAL ? 0 : CR0_PE);
	f->fields[VMCS_GUEST_CR4] = CR4_VMXE;
	if (mode == PAE || mode == LONG) {
		f->fields[VMCS_GUEST_CR0] |= CR0_PG;
		f->fields[VMCS_GUEST_CR4] |= CR4_PAE;
	}
	f->fields[VMCS_GUEST_RFLAGS] = RFLAGS_FIXED | (mode == V8086 ? RFLAGS_VM : 0);
	f->fields[VMCS_GUEST_DR7] = DR7_INIT;
	f->fields[VMCS_GUEST_PAT] = 0x0007040600070406;
	f->fields[VMCS_LINK] = ~0ull;
	if (mode == LONG) {
		f->fields[VMCS_GUEST_EFER] = EFER_LME | EFER_LMA | EFER_SCE;
		f->fields[VMCS_ENTRY_CONTROLS] = ENTRYC_IA32E;
		f->fields[VMCS_GUEST_RIP] = 0xffffffff81000000;
	}
}

static void right_states_pass(void **state)
{
	static struct fake f;

	(void)state;
	for (enum mode mode = 0; mode < MODES; mode++) {
		good(&f, mode);
		assert_string_equal(explain(&f), "");
	}
	/* Unusable segments may hold anything. */
	good(&f, LONG);
	for (enum vseg seg = VSEG_ES; seg <= VSEG_LDTR; seg++) {
		if (seg != VSEG_CS)
			segment(&f, seg, 0, 0x123, RIGHTS_UNUSABLE);
	}
	assert_string_equal(explain(&f), "");
}

struct breakage {
	enum mode mode;
	enum vmcs_field field;
	uint64_t value;
	const char *rule; /* a part of it */
};

#define EVENT(type) (INTR_VALID | (type) << INTR_TYPE_SHIFT)

static const struct breakage breakages[] = {
	{ REAL, VMCS_GUEST_CR0, CR0_ET, "CR0_FIXED0" },
	{ REAL, VMCS_GUEST_CR0, CR0_NE | BIT(32), "CR0_FIXED1" },
	{ REAL, VMCS_GUEST_CR0, CR0_NE | CR0_PG, "PG needs PE" },
	{ REAL, VMCS_GUEST_CR4, 0, "CR4_FIXED0" },
	{ REAL, VMCS_GUEST_CR4, CR4_VMXE | CR4_CET, "CR4_FIXED1" },
	{ LONG, VMCS_GUEST_CR0, CR0_NE | CR0_PE, "needs PG" },
	{ LONG, VMCS_GUEST_CR4, CR4_VMXE, "needs PAE" },
	{ PAE, VMCS_GUEST_CR4, CR4_VMXE | CR4_PAE | CR4_PCIDE, "PCIDE needs long mode" },
	{ LONG, VMCS_GUEST_CR3, BIT(PHYSICAL_BITS), "physical addresses" },
	{ LONG, VMCS_GUEST_DEBUGCTL, BIT(16), "reserved" },
	{ LONG, VMCS_GUEST_DR7, BIT(32), "63:32" },
	{ LONG, VMCS_GUEST_SYSENTER_ESP, BIT(47), "canonical" },
	{ LONG, VMCS_GUEST_SYSENTER_EIP, BIT(63), "canonical" },
	{ REAL, VMCS_GUEST_PAT, 0x0007040600070402, "memory type" },
	{ REAL, VMCS_GUEST_PAT, 0x08ull << 56, "memory type" },
	{ REAL, VMCS_GUEST_EFER, BIT(1), "reserved" },
	{ REAL, VMCS_GUEST_EFER, EFER_LMA, "IA-32e" },
	{ LONG, VMCS_GUEST_EFER, EFER_LME, "IA-32e" },
	{ PAE, VMCS_GUEST_EFER, EFER_LME, "LMA must be LME" },
	{ V8086, VMCS_GUEST_DS_BASE, 0x10, "16 × the selector" },
	{ V8086, VMCS_GUEST_GS_LIMIT, 0xfffff, "0xffff" },
	{ V8086, VMCS_GUEST_SS_RIGHTS, 0x93, "0xf3" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, RIGHTS_UNUSABLE, "usable" },
	{ LONG, VMCS_GUEST_CS_BASE, BIT(32), "63:32" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0xa092, "3, 9, 11, 13 or 15" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0xa09a, "3, 9, 11, 13 or 15" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0xa08b, "S must be 1" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0xa01b, "P must be 1" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0xa19b, "11:8" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0x80000 | 0xa09b, "31:17" },
	{ PROTECTED, VMCS_GUEST_CS_RIGHTS, 0x409b, "G must be 1" },
	{ REAL, VMCS_GUEST_CS_RIGHTS, 0xb3, "with type 3" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0xa0fb, "DPL must be SS's" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0xa0fd, "not be above" },
	{ LONG, VMCS_GUEST_CS_RIGHTS, 0xe09b, "D must be 0" },
	{ LONG, VMCS_GUEST_FS_BASE, BIT(47), "canonical" },
	{ LONG, VMCS_GUEST_GS_BASE, BIT(48), "canonical" },
	{ LONG, VMCS_GUEST_DS_BASE, BIT(40), "63:32" },
	{ LONG, VMCS_GUEST_ES_BASE, BIT(40), "63:32" },
	{ LONG, VMCS_GUEST_SS_BASE, BIT(40), "63:32" },
	{ LONG, VMCS_GUEST_SS_RIGHTS, 0xc09b, "3 or 7" },
	{ LONG, VMCS_GUEST_DS_RIGHTS, 0xc092, "accessed" },
	{ LONG, VMCS_GUEST_FS_RIGHTS, 0xc099, "readable" },
	{ LONG, VMCS_GUEST_ES_RIGHTS, 0xc013, "P must be 1" },
	{ LONG, VMCS_GUEST_GS_RIGHTS, 0xc083, "S must be 1" },
	{ LONG, VMCS_GUEST_TR_RIGHTS, RIGHTS_UNUSABLE | 0x8b, "usable" },
	{ LONG, VMCS_GUEST_TR_SELECTOR, 4, "TI" },
	{ LONG, VMCS_GUEST_TR_BASE, BIT(47), "canonical" },
	{ LONG, VMCS_GUEST_TR_RIGHTS, 0x83, "busy TSS" },
	{ PROTECTED, VMCS_GUEST_TR_RIGHTS, 0x89, "busy TSS" },
	{ LONG, VMCS_GUEST_TR_RIGHTS, 0x9b, "S must be 0" },
	{ LONG, VMCS_GUEST_LDTR_SELECTOR, 0x0c, "TI" },
	{ LONG, VMCS_GUEST_LDTR_BASE, BIT(47), "canonical" },
	{ LONG, VMCS_GUEST_LDTR_RIGHTS, 0x83, "type must be 2" },
	{ LONG, VMCS_GUEST_LDTR_RIGHTS, 0x02, "P must be 1" },
	{ LONG, VMCS_GUEST_GDTR_BASE, BIT(47), "canonical" },
	{ LONG, VMCS_GUEST_GDTR_LIMIT, 0x10000, "31:16" },
	{ LONG, VMCS_GUEST_IDTR_BASE, BIT(62), "canonical" },
	{ LONG, VMCS_GUEST_IDTR_LIMIT, 0xfffff, "31:16" },
	{ PROTECTED, VMCS_GUEST_RIP, BIT(32), "63:32" },
	{ LONG, VMCS_GUEST_RIP, BIT(47), "canonical" },
	{ LONG, VMCS_GUEST_RFLAGS, RFLAGS_FIXED | BIT(15), "reserved" },
	{ LONG, VMCS_GUEST_RFLAGS, 0, "bit 1" },
	{ LONG, VMCS_GUEST_ACTIVITY, 4, "0 to 3" },
	{ LONG, VMCS_GUEST_INTERRUPTIBILITY, BIT(5), "reserved" },
	{ LONG, VMCS_GUEST_INTERRUPTIBILITY, BLOCKING_STI | BLOCKING_MOV_SS, "both" },
	{ LONG, VMCS_GUEST_INTERRUPTIBILITY, BLOCKING_STI, "RFLAGS.IF" },
	{ LONG, VMCS_GUEST_INTERRUPTIBILITY, BLOCKING_SMI, "SMI" },
	{ LONG, VMCS_GUEST_PENDING_DEBUG, BIT(4), "reserved" },
	{ LONG, VMCS_LINK, 0, "all ones" },
	{ PAE, VMCS_GUEST_PDPTE0, BIT(0) | BIT(1), "reserved" },
	{ PAE, VMCS_GUEST_PDPTE2, BIT(0) | BIT(PHYSICAL_BITS), "reserved" },
	{ PAE, VMCS_GUEST_PDPTE3, BIT(0) | BIT(8), "reserved" },
};

static void assert_named(const struct fake *f, enum vmcs_field field, const char *rule)
{
	char start[64];
	const char *text = explain(f);

	fmt_print(start, sizeof(start), "%s is 0x%llx: ", vmx_field_name(field),
		  (unsigned long long)f->fields[field]);
	if (strncmp(text, start, strlen(start)) || !strstr(text, rule))
		fail_msg("expected \"%s…%s\", got \"%s\"", start, rule, text);
}

static void each_broken_field_is_named(void **state)
{
	static struct fake f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(breakages); i++) {
		const struct breakage *b = &breakages[i];

		good(&f, b->mode);
		f.fields[b->field] = b->value;
		assert_named(&f, b->field, b->rule);
	}
}

/* Rules over two fields: the second is right alone, and wrong with the first. */
static const struct {
	enum mode mode;
	enum vmcs_field with;
	uint64_t with_value;
	struct breakage b;
} pairs[] = {
	{ LONG,
	  VMCS_ENTRY_INTR_INFO,
	  EVENT(INTR_EXTERNAL),
	  { LONG, VMCS_GUEST_RFLAGS, RFLAGS_FIXED, "IF must be 1" } },
	{ LONG,
	  VMCS_ENTRY_INTR_INFO,
	  EVENT(INTR_NMI),
	  { LONG, VMCS_GUEST_INTERRUPTIBILITY, BLOCKING_NMI, "NMI is injected" } },
	{ LONG,
	  VMCS_ENTRY_INTR_INFO,
	  EVENT(INTR_NMI),
	  { LONG, VMCS_GUEST_INTERRUPTIBILITY, BLOCKING_MOV_SS, "NMI is injected" } },
	{ LONG,
	  VMCS_ENTRY_INTR_INFO,
	  EVENT(INTR_HARD_EXCEPTION),
	  { LONG, VMCS_GUEST_ACTIVITY, ACTIVITY_WAIT_SIPI, "SIPI" } },
	{ LONG,
	  VMCS_GUEST_INTERRUPTIBILITY,
	  BLOCKING_MOV_SS,
	  { LONG, VMCS_GUEST_ACTIVITY, ACTIVITY_HLT, "must be active" } },
	{ LONG,
	  VMCS_GUEST_INTERRUPTIBILITY,
	  BLOCKING_MOV_SS,
	  { LONG, VMCS_GUEST_PENDING_DEBUG, PENDING_BS, "BS must be 0" } },
};

static void rules_over_two_fields(void **state)
{
	static struct fake f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++) {
		good(&f, pairs[i].mode);
		f.fields[pairs[i].with] = pairs[i].with_value;
		f.fields[pairs[i].b.field] = pairs[i].b.value;
		assert_named(&f, pairs[i].b.field, pairs[i].b.rule);
	}
	/* An interrupt in a shadow. */
	good(&f, LONG);
	f.fields[VMCS_ENTRY_INTR_INFO] = EVENT(INTR_EXTERNAL);
	f.fields[VMCS_GUEST_RFLAGS] |= RFLAGS_IF;
	assert_string_equal(explain(&f), "");
	f.fields[VMCS_GUEST_INTERRUPTIBILITY] = BLOCKING_STI;
	assert_named(&f, VMCS_GUEST_INTERRUPTIBILITY, "interrupt is injected");
	/* A single step in a shadow: pending it must be. */
	good(&f, LONG);
	f.fields[VMCS_GUEST_INTERRUPTIBILITY] = BLOCKING_MOV_SS;
	f.fields[VMCS_GUEST_RFLAGS] |= RFLAGS_TF;
	assert_named(&f, VMCS_GUEST_PENDING_DEBUG, "BS must be 1");
	f.fields[VMCS_GUEST_PENDING_DEBUG] = PENDING_BS;
	assert_string_equal(explain(&f), "");
	/* Virtual-8086 where it cannot be. */
	good(&f, V8086);
	f.fields[VMCS_GUEST_CR0] &= ~CR0_PE;
	assert_named(&f, VMCS_GUEST_RFLAGS, "real mode");
	/* HLT in user mode. */
	good(&f, LONG);
	f.fields[VMCS_GUEST_SS_RIGHTS] = 0xc0f3;
	f.fields[VMCS_GUEST_CS_RIGHTS] = 0xa0fb;
	assert_string_equal(explain(&f), "");
	f.fields[VMCS_GUEST_ACTIVITY] = ACTIVITY_HLT;
	assert_named(&f, VMCS_GUEST_ACTIVITY, "SS.DPL");
	/* A limit in pages that is not a whole number of them. */
	good(&f, PROTECTED);
	f.fields[VMCS_GUEST_CS_LIMIT] = 0xfffffffe;
	assert_named(&f, VMCS_GUEST_CS_RIGHTS, "G must be 0");
	/* SS in real mode. */
	good(&f, REAL);
	f.fields[VMCS_GUEST_SS_RIGHTS] = 0xb3;
	f.fields[VMCS_GUEST_CS_RIGHTS] = 0x9f;
	assert_named(&f, VMCS_GUEST_SS_RIGHTS, "real mode");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_states_pass),
		cmocka_unit_test(each_broken_field_is_named),
		cmocka_unit_test(rules_over_two_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: arch/x86_64/virt/svm/fail.c arch/x86_64/virt/svm/dump.c tests/fake/log_record.c */
/*
 * The checks that explain a refused VMRUN. A VMCB that is right, then one field of it made wrong:
 * the message must name that field, the rule and the value.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/cr.h"
#include "arch/x86_64/virt/svm/svm.h"
#include "tests/fake/log_record.h"

struct svm_features svm_features = { .asids = 16 };

static struct vmcb vmcb;

enum mode { REAL, PROTECTED, PAE, LONG, MODES };

static void good(enum mode mode)
{
	memset(&vmcb, 0, sizeof(vmcb));
	vmcb.control.intercept_2 = INTERCEPT_VMRUN;
	vmcb.control.asid = 15;
	vmcb.save.efer = EFER_SVME | EFER_SCE | (mode == LONG ? EFER_LME | EFER_LMA | EFER_NXE : 0);
	vmcb.save.cr0 =
		CR0_ET | (mode == REAL ? CR0_CD | CR0_NW : CR0_PE) | (mode >= PAE ? CR0_PG : 0);
	vmcb.save.cr3 = 0xffffffffff000;
	vmcb.save.cr4 = mode >= PAE ? CR4_PAE | CR4_PGE : 0;
	vmcb.save.dr6 = DR6_INIT;
	vmcb.save.dr7 = DR7_INIT;
	vmcb.save.cs.attr = mode == LONG ? ATTR_PACKED_L : ATTR_PACKED_DB;
}

static const char *explain(void)
{
	struct virt_vcpu v = { .control = &vmcb };

	fake_log_clear();
	svm_explain_invalid(&v);
	return fake_log_text();
}

static void right_states_pass(void **state)
{
	(void)state;
	for (enum mode mode = 0; mode < MODES; mode++) {
		good(mode);
		assert_non_null(strstr(explain(), "no check that Plinth knows finds why"));
		/* Whatever it is, the VMCB follows. */
		assert_non_null(strstr(fake_log_text(), "vmcb: exit"));
	}
	/* Every bit that some CPU has. */
	good(LONG);
	vmcb.save.cr4 |= CR4_UMIP | CR4_LA57 | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP |
			 CR4_SMAP | CR4_PKE | CR4_CET | CR4_PKS | 0x7ff;
	vmcb.save.efer |= EFER_LMSLE | EFER_FFXSR | EFER_TCE;
	vmcb.save.cr3 |= CR3_NOFLUSH;
	assert_non_null(strstr(explain(), "no check that Plinth knows finds why"));
	/* EVENTINJ without its valid bit may hold anything; with it, each type that there is. */
	good(LONG);
	vmcb.control.event_injection = 1 << EVENT_TYPE_SHIFT;
	assert_non_null(strstr(explain(), "no check"));
	vmcb.control.event_injection = EVENT_VALID | SVM_EVENT_SOFT_INTR << EVENT_TYPE_SHIFT | 0xff;
	assert_non_null(strstr(explain(), "no check"));
	vmcb.control.event_injection = EVENT_VALID | SVM_EVENT_EXCEPTION << EVENT_TYPE_SHIFT | 31;
	assert_non_null(strstr(explain(), "no check"));
	/* L and D may both be set where it is not long mode. */
	good(PAE);
	vmcb.save.cs.attr = ATTR_PACKED_L | ATTR_PACKED_DB;
	assert_non_null(strstr(explain(), "no check"));
	/* Long mode enabled, paging off. */
	good(PROTECTED);
	vmcb.save.efer |= EFER_LME;
	assert_non_null(strstr(explain(), "no check"));
}

#define FIELD(f) offsetof(struct vmcb, f), sizeof(vmcb.f)

static const struct {
	enum mode mode;
	size_t at, size;
	uint64_t value;
	const char *what;
} breakages[] = {
	{ PROTECTED, FIELD(save.cr0), CR0_PE | CR0_NW, "CR0: NW is set and CD is clear" },
	{ LONG, FIELD(save.cr0), 1ull << 32 | CR0_PE | CR0_PG, "CR0: bits 63:32" },
	{ REAL, FIELD(save.cr0), CR0_PG, "CR0: PG is set and PE is clear" },
	{ LONG, FIELD(save.cr3), 1ull << 52, "CR3: reserved" },
	{ LONG, FIELD(save.cr3), 1ull << 62, "CR3: reserved" },
	{ LONG, FIELD(save.cr4), CR4_PAE | CR4_VMXE, "CR4: reserved" },
	{ LONG, FIELD(save.cr4), CR4_PAE | CR4_SMXE, "CR4: reserved" },
	{ LONG, FIELD(save.cr4), CR4_PAE | 1ull << 15, "CR4: reserved" },
	{ LONG, FIELD(save.cr4), CR4_PAE | 1ull << 19, "CR4: reserved" },
	{ LONG, FIELD(save.cr4), CR4_PAE | 1ull << 25, "CR4: reserved" },
	{ LONG, FIELD(save.cr4), CR4_PAE | 1ull << 63, "CR4: reserved" },
	{ LONG, FIELD(save.dr6), 1ull << 32, "DR6: bits 63:32" },
	{ LONG, FIELD(save.dr7), 1ull << 63, "DR7: bits 63:32" },
	{ LONG, FIELD(save.efer), EFER_LME | EFER_LMA, "EFER: SVME is clear" },
	{ REAL, FIELD(save.efer), EFER_SVME | 2, "EFER: reserved" },
	{ REAL, FIELD(save.efer), EFER_SVME | 1ull << 16, "EFER: reserved" },
	{ LONG, FIELD(save.cr4), CR4_PGE, "CR4.PAE is clear" },
	{ LONG, FIELD(save.cs.attr), ATTR_PACKED_L | ATTR_PACKED_DB, "CS: L and D" },
	{ LONG, FIELD(control.intercept_2), ~1u, "the VMRUN intercept is clear" },
	{ LONG, FIELD(control.asid), 0, "ASID: 0" },
	{ LONG, FIELD(control.asid), 16, "ASID: 0, or more" },
	{ LONG, FIELD(control.event_injection), EVENT_VALID | 1 << EVENT_TYPE_SHIFT, "EVENTINJ" },
	{ LONG, FIELD(control.event_injection), EVENT_VALID | 5 << EVENT_TYPE_SHIFT, "EVENTINJ" },
	{ LONG, FIELD(control.event_injection), EVENT_VALID | 7 << EVENT_TYPE_SHIFT, "EVENTINJ" },
	{ LONG, FIELD(control.event_injection),
	  EVENT_VALID | SVM_EVENT_EXCEPTION << EVENT_TYPE_SHIFT | 32, "EVENTINJ" },
};

static void each_broken_field_is_named(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(breakages); i++) {
		char value[40];
		const char *text;

		good(breakages[i].mode);
		memcpy((char *)&vmcb + breakages[i].at, &breakages[i].value, breakages[i].size);
		text = explain();
		if (!strstr(text, breakages[i].what))
			fail_msg("%u: expected \"%s\", got \"%s\"", i, breakages[i].what, text);
		/* The value of the field, or of EFER where its bits ask for others. */
		snprintf(value, sizeof(value), "(%#lx)",
			 strstr(breakages[i].what, "CR4.PAE") ? (unsigned long)vmcb.save.efer
			 : breakages[i].size == 4 ? (unsigned long)(uint32_t)breakages[i].value
						  : (unsigned long)breakages[i].value);
		if (!strstr(text, value))
			fail_msg("%u: expected the value %s in \"%s\"", i, value, text);
		assert_null(strstr(text, "no check"));
	}
}

/* Each register with a value of its own is in the dump. */
static void the_dump_is_complete(void **state)
{
	const char *text;

	(void)state;
	good(LONG);
	for (unsigned i = 0; i < 10; i++)
		(&vmcb.save.es)[i] = (struct vmcb_segment){ .selector = (uint16_t)(0xd0 + i),
							    .attr = (uint16_t)(0x100 + i),
							    .limit = 0x5000 + i,
							    .base = 0x70000 + i };
	vmcb.save.cr2 = 0xc2c2;
	vmcb.save.cpl = 3;
	vmcb.control.exit_code = 0x4242;
	vmcb.control.nested_cr3 = 0xabc000;
	text = explain();
	for (unsigned i = 0; i < 10; i++) {
		char line[80];

		snprintf(line, sizeof(line), "%04x base %016x limit %08x attr %03x", 0xd0 + i,
			 0x70000 + i, 0x5000 + i, 0x100 + i);
		assert_non_null(strstr(text, line));
	}
	assert_non_null(strstr(text, "cr2 000000000000c2c2"));
	assert_non_null(strstr(text, "cpl 3"));
	assert_non_null(strstr(text, "exit 0x4242"));
	assert_non_null(strstr(text, "nested cr3 0xabc000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_states_pass),
		cmocka_unit_test(each_broken_field_is_named),
		cmocka_unit_test(the_dump_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: vmm/dump.c vmm/gwalk.c vmm/gmem.c tests/fake/virt.c tests/fake/log_record.c tests/fake/panic.c lib/printf.c */
/*
 * What is said of a crashed guest: all of it where the page tables lead there, and what is left
 * where they do not. Guest memory is only read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/cr.h"
#include "arch/x86_64/pte.h"
#include "tests/fake/log_record.h"
#include "tests/fake/virt.h"
#include "vmm/vm.h"

enum { RAM = 64 * 4096, PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, PT = 0x4000 };
enum { CODE = 0x10000, STACK = 0x11000 };

const char *const vm_exit_names[EXIT_KINDS] = { [EXIT_CPUID] = "CPUID", [EXIT_PIO] = "port" };

static struct vm vm;
static struct vcpu v;
static struct fake_virt *hw;
static uint8_t *ram;

void vcpu_walk_mode(const struct vcpu *vcpu, const struct virt_context *c, struct gwalk_mode *mode)
{
	(void)vcpu;
	*mode = (struct gwalk_mode){ .cr0 = c->cr0,
				     .cr3 = c->cr3,
				     .cr4 = c->cr4,
				     .efer = c->efer,
				     .cpl = (uint8_t)c->cpl,
				     .maxphyaddr = 40 };
}

enum insn_mode vcpu_insn_mode(const struct vcpu *vcpu, const struct virt_context *c)
{
	(void)vcpu;
	if (c->efer & EFER_LMA)
		return INSN_64;
	return c->cr0 & CR0_PE ? INSN_32 : INSN_16;
}

/* As if others ran, who leave nothing of this vCPU's on the CPU: all is there again after it. */
static unsigned breaths;

void vcpu_breathe(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &v);
	breaths++;
}

static void put_entry(uint64_t table, unsigned index, uint64_t value)
{
	memcpy(ram + table + index * 8, &value, sizeof(value));
}

static void put64(uint64_t at, uint64_t value)
{
	memcpy(ram + at, &value, sizeof(value));
}

/* Linear 0x5000 is CODE, 0x6000 is STACK, for the user too. */
static int setup(void **state)
{
	const uint64_t rights = PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D;
	struct gmem_slot slot = { gpa(0), RAM, NULL, 0, "ram" };

	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(&v, 0, sizeof(v));
	ram = aligned_alloc(4096, RAM);
	memset(ram, 0, RAM);
	slot.host = ram;
	v.vm = &vm;
	strcpy(vm.config.name, "victim");
	hw = fake_virt_attach(&v.hw);
	fake_virt_mode(&v.hw, FAKE_LONG, 3);
	hw->regs[VREG_CR3] = PML4;
	put_entry(PML4, 0, PDPT | rights);
	put_entry(PDPT, 0, PD | rights);
	put_entry(PD, 0, PT | rights);
	put_entry(PT, 5, CODE | rights);
	put_entry(PT, 6, STACK | rights);
	v.hw.rip = 0x5100;
	v.hw.gpr[RSP] = 0x6ff0;
	fake_log_clear();
	return gmem_add(&vm.mem, &slot);
}

static int teardown(void **state)
{
	(void)state;
	fake_virt_detach(&v.hw);
	free(ram);
	return 0;
}

static void expect(const char *text)
{
	if (!fake_log_has(LOG_RESULT, text))
		fail_msg("no line has \"%s\":\n%s", text, fake_log_text());
}

static void registers_and_code(void **state)
{
	(void)state;
	v.hw.gpr[R13] = 0x1234567890abcdef;
	v.hw.gpr[RAX] = 0xfeed;
	hw->regs[VREG_CR2] = 0xdeadbeef000;
	memcpy(ram + CODE + 0x100, "\x0f\x0b\x90\xcc", 4);
	dump_vcpu(&v, "when it was stopped");
	assert_true(fake_log_has(LOG_ERROR, "vm: victim: vCPU 0 when it was stopped:"));
	expect("victim: rax 000000000000feed rbx 0000000000000000");
	expect("r13 1234567890abcdef");
	expect("rip 0000000000005100");
	expect("cr2 00000deadbeef000 cr3 0000000000001000");
	expect("code at RIP: 0f 0b 90 cc 00");
	expect("gdtr 0000 base");
}

/* Others may speak in between, and other vCPUs' dumps: each line says whose it is. */
static void lines_have_a_name(void **state)
{
	unsigned lines = 0, named = 0;

	(void)state;
	v.id = 3;
	v.hw.gpr[RSP] = 0x6000;
	v.last.kind[255] = EXIT_CPUID;
	breaths = 0;
	dump_vcpu(&v, "when it was stopped");
	for (const char *at = fake_log_text(); *at; at = strchr(at, '\n') + 1) {
		lines++;
		named += strstr(at, "victim/3: ") && strstr(at, "victim/3: ") < strchr(at, '\n');
	}
	/* All but the first, which has it in words. */
	assert_true(fake_log_has(LOG_ERROR, "vm: victim: vCPU 3 when it was stopped:"));
	assert_int_equal(named, lines - 1);
	assert_true(lines > 20);
	/* Between any two of them; and more often where the stack is searched. */
	assert_true(breaths >= lines + 256 / 8);
}

static void exits_in_order(void **state)
{
	const char *newest, *before;

	(void)state;
	v.last.next = 3;
	v.last.kind[2] = EXIT_PIO;
	v.last.rip[2] = 0xaaaa;
	v.last.kind[1] = EXIT_CPUID;
	v.last.rip[1] = 0xbbbb;
	v.last.kind[250] = EXIT_CPUID;
	v.last.rip[250] = 0xcccc;
	v.last.kind[3] = EXIT_CPUID; /* 256 exits ago */
	v.last.rip[3] = 0xdddd;
	dump_vcpu(&v, "when it was stopped");
	newest = strstr(fake_log_text(), "at RIP 000000000000aaaa");
	before = strstr(fake_log_text(), "at RIP 000000000000bbbb");
	assert_non_null(newest);
	assert_non_null(before);
	assert_true(before < newest);
	assert_true(strstr(fake_log_text(), "cccc") < before);
	assert_null(strstr(fake_log_text(), "dddd"));
}

static void callers(void **state)
{
	(void)state;
	memcpy(ram + CODE + 0x203, "\xe8\x01\x02\x03\x04", 5); /* call, ends at 0x208 */
	memcpy(ram + CODE + 0x300, "\xff\xd0", 2);	       /* call rax, ends at 0x302 */
	put64(STACK + 0xff0, 0x5208);
	put64(STACK + 0xff8, 0x5302);
	dump_vcpu(&v, "when it was stopped");
	expect("#0  0000000000005208, at 0000000000006ff0");
	expect("#1  0000000000005302, at 0000000000006ff8");
	assert_null(strstr(fake_log_text(), "#2 "));
}

/* Words that point nowhere, or at what is no call, are not told as callers. */
static void no_callers(void **state)
{
	(void)state;
	put64(STACK + 0xff0, 0x5400);
	put64(STACK + 0xff8, 3);
	dump_vcpu(&v, "when it was stopped");
	expect("none in the first 256 words from 0000000000006ff0 on");
}

static void tables_that_lead_nowhere(void **state)
{
	uint8_t *before = malloc(RAM);

	(void)state;
	hw->regs[VREG_CR3] = 0xfffffff000;
	memcpy(before, ram, RAM);
	dump_vcpu(&v, "when it was stopped");
	expect("code at RIP: the guest's page tables do not lead there");
	expect("none in the first 256 words");
	assert_memory_equal(before, ram, RAM);
	free(before);
}

static void real_mode(void **state)
{
	(void)state;
	fake_virt_mode(&v.hw, FAKE_REAL, 0);
	hw->segments[VSEG_CS].base = CODE;
	hw->segments[VSEG_SS].base = STACK;
	v.hw.rip = 0x20;
	v.hw.gpr[RSP] = 0x80;
	memcpy(ram + CODE + 0x20, "\xf4\xeb\xfd", 3);
	dump_vcpu(&v, "when it was stopped");
	expect("code at RIP: f4 eb fd 00");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(registers_and_code, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_have_a_name, setup, teardown),
		cmocka_unit_test_setup_teardown(exits_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(callers, setup, teardown),
		cmocka_unit_test_setup_teardown(no_callers, setup, teardown),
		cmocka_unit_test_setup_teardown(tables_that_lead_nowhere, setup, teardown),
		cmocka_unit_test_setup_teardown(real_mode, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

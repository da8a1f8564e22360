/* SPDX-License-Identifier: MIT */
/* sources: vmm/exit_cr.c tests/fake/virt.c tests/fake/panic.c */
/*
 * Moves to and from control registers that exit: each rule of the manual once kept and once broken,
 * with the operands from the hardware and from the instruction.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/cr.h"
#include "lib/errno.h"
#include "tests/fake/virt.h"
#include "vmm/exit.h"
#include "vmm/vm.h"

static struct vm vm;
static struct vcpu v;
static struct fake_virt *hw;
static unsigned faults, skips, crashes, cpl, xsetbvs;
static bool is_64bit;
static uint8_t tpr;
static struct insn insn;
static const struct insn *fetched;
static int xsetbv_error;
static uint64_t xcr0;

void vcpu_raise_gp(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &v);
	faults++;
}

void exit_skip(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &v);
	skips++;
}

void vm_crash(struct vm *m, const char *fmt, ...)
{
	assert_ptr_equal(m, &vm);
	assert_non_null(fmt);
	crashes++;
}

bool vcpu_is_64bit(struct vcpu *vcpu)
{
	(void)vcpu;
	return is_64bit;
}

unsigned vcpu_cpl(struct vcpu *vcpu)
{
	(void)vcpu;
	return cpl;
}

/* Whether an interrupt can go now, or could if TPR fell further. */
static bool is_pending;
static uint8_t threshold;

bool irqchip_pending(struct vcpu *vcpu)
{
	(void)vcpu;
	return is_pending;
}

uint8_t vlapic_tpr_threshold(const struct vcpu *vcpu)
{
	(void)vcpu;
	return threshold;
}

void vlapic_set_tpr(struct vcpu *vcpu, uint8_t cr8)
{
	(void)vcpu;
	tpr = cr8;
}

const struct insn *fetch_insn(struct vcpu *vcpu)
{
	(void)vcpu;
	return fetched;
}

const char *insn_op_name(enum insn_op op)
{
	(void)op;
	return "an instruction";
}

int xsetbv_safe(uint64_t value)
{
	xsetbvs++;
	if (!xsetbv_error)
		xcr0 = value;
	return xsetbv_error;
}

static int setup(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(&v, 0, sizeof(v));
	faults = skips = crashes = cpl = xsetbvs = 0;
	is_64bit = true;
	fetched = NULL;
	xsetbv_error = 0;
	vm.cr4_allowed = CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_PSE;
	vm.cpuid.xcr0_allowed = XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512;
	v.vm = &vm;
	hw = fake_virt_attach(&v.hw);
	fake_virt_mode(&v.hw, FAKE_LONG, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_virt_detach(&v.hw);
	return 0;
}

/* Moves value to a CR as the hardware tells it; whether that was done. A fault changes nothing. */
static bool move(unsigned cr, uint64_t value)
{
	unsigned before = faults, done = skips;
	uint64_t regs[VREGS];

	memcpy(regs, hw->regs, sizeof(regs));
	v.hw.exit.cr =
		(struct exit_cr){ .cr = (uint8_t)cr, .op = CR_WRITE, .gpr = RBX, .known = true };
	v.hw.gpr[RBX] = value;
	exit_cr(&v);
	assert_int_equal(v.hw.gpr[RBX], value);
	assert_int_equal(faults - before + (skips - done), 1);
	assert_int_equal(crashes, 0);
	if (faults != before)
		assert_memory_equal(regs, hw->regs, sizeof(regs));
	return faults == before;
}

static void cr0_by_itself(void **state)
{
	(void)state;
	fake_virt_mode(&v.hw, FAKE_PROTECTED, 0);
	is_64bit = false;
	assert_true(move(0, CR0_PE));
	assert_int_equal(hw->regs[VREG_CR0], CR0_PE | CR0_ET); /* ET is always 1 */
	assert_true(move(0, CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_EM | CR0_TS | CR0_AM));
	assert_int_equal(hw->regs[VREG_CR0], CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_EM |
						     CR0_TS | CR0_AM | CR0_ET);
	assert_false(move(0, CR0_PG));
	assert_false(move(0, CR0_PE | CR0_NW));
	assert_true(move(0, CR0_PE | CR0_NW | CR0_CD));
	assert_true(move(0, CR0_PE | CR0_CD));
	assert_int_equal(hw->regs[VREG_CR0], CR0_PE | CR0_CD | CR0_ET);
	/* Reserved bits below 32 are ignored. */
	assert_true(move(0, CR0_PE | 1 << 6 | 1 << 15 | 1 << 17 | 1 << 19 | 1 << 28));
	assert_int_equal(hw->regs[VREG_CR0], CR0_PE | CR0_ET);
	/* Outside of 64-bit mode the upper half of the register is not looked at. */
	assert_true(move(0, 0xffffffff00000000 | CR0_PE | CR0_WP));
	is_64bit = true;
	for (unsigned bit = 32; bit < 64; bit++)
		assert_false(move(0, CR0_PE | 1ull << bit));
}

static void cr0_and_long_mode(void **state)
{
	(void)state;
	/* On: with PAE, and not from a 64-bit segment. */
	fake_virt_mode(&v.hw, FAKE_PROTECTED, 0);
	is_64bit = false;
	virt->set(&v.hw, VREG_EFER, EFER_LME);
	assert_false(move(0, CR0_PE | CR0_PG));
	virt->set(&v.hw, VREG_CR4, CR4_PAE);
	hw->segments[VSEG_CS].attr |= SEG_L;
	assert_false(move(0, CR0_PE | CR0_PG));
	hw->segments[VSEG_CS].attr &= (uint16_t)~SEG_L;
	assert_true(move(0, CR0_PE | CR0_PG));
	assert_true(hw->regs[VREG_EFER] & EFER_LMA);
	/* Paging stays on: nothing of that is asked again. */
	hw->segments[VSEG_CS].attr |= SEG_L;
	is_64bit = true;
	assert_true(move(0, CR0_PE | CR0_PG | CR0_WP));
	/* Off: not in 64-bit mode, not with PCIDs. */
	assert_false(move(0, CR0_PE));
	hw->segments[VSEG_CS].attr &= (uint16_t)~SEG_L;
	is_64bit = false;
	virt->set(&v.hw, VREG_CR4, CR4_PAE | CR4_PCIDE);
	assert_false(move(0, CR0_PE));
	virt->set(&v.hw, VREG_CR4, CR4_PAE);
	assert_true(move(0, CR0_PE));
	assert_false(hw->regs[VREG_EFER] & EFER_LMA);
	/* Without LME CS.L means nothing. */
	fake_virt_mode(&v.hw, FAKE_PROTECTED, 0);
	hw->segments[VSEG_CS].attr |= SEG_L;
	assert_true(move(0, CR0_PE | CR0_PG));
	assert_true(move(0, CR0_PE));
}

static void cr3(void **state)
{
	(void)state;
	assert_true(move(3, 0x123456000));
	assert_int_equal(hw->regs[VREG_CR3], 0x123456000);
	/* Bit 63 asks for no flush, and is not kept. */
	assert_true(move(3, CR3_NOFLUSH | 0x5001));
	assert_int_equal(hw->regs[VREG_CR3], 0x5001);
}

static void cr4(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		virt->set(&v.hw, VREG_CR4, CR4_PAE | CR4_PCIDE);
		assert_int_equal(move(4, CR4_PAE | CR4_PCIDE | 1ull << bit),
				 vm.cr4_allowed >> bit & 1);
	}
	assert_true(move(4, CR4_PAE | CR4_PGE));
	assert_int_equal(hw->regs[VREG_CR4], CR4_PAE | CR4_PGE);
	/* PAE stays on in long mode, also in its compatibility mode. */
	assert_false(move(4, CR4_PGE));
	is_64bit = false;
	assert_false(move(4, CR4_PGE));
	is_64bit = true;
	/* LA57 does not change in long mode even where it is offered. */
	vm.cr4_allowed |= CR4_LA57;
	assert_false(move(4, CR4_PAE | CR4_LA57));
	/* PCIDE: on in long mode only, with PCID 0 at the time. */
	virt->set(&v.hw, VREG_CR3, 0x1001);
	assert_false(move(4, CR4_PAE | CR4_PCIDE));
	virt->set(&v.hw, VREG_CR3, 0x1000);
	assert_true(move(4, CR4_PAE | CR4_PCIDE));
	virt->set(&v.hw, VREG_CR3, 0x1fff);
	assert_true(move(4, CR4_PAE | CR4_PCIDE | CR4_PGE));
	assert_true(move(4, CR4_PAE));
	fake_virt_mode(&v.hw, FAKE_PROTECTED, 0);
	is_64bit = false;
	virt->set(&v.hw, VREG_CR3, 0x1000);
	assert_false(move(4, CR4_PCIDE));
	assert_true(move(4, CR4_PAE));
	assert_true(move(4, 0));
	assert_true(move(4, CR4_LA57));
}

static void cr8(void **state)
{
	(void)state;
	for (unsigned value = 0; value < 16; value++) {
		is_pending = value & 1;
		threshold = value & 2;
		v.requests = 0;
		v.irq_wanted = !(value & 3);
		assert_true(move(8, value));
		assert_int_equal(tpr, value);
		assert_int_equal(hw->regs[VREG_TPR], value);
		/* What TPR held back is looked at before the next entry. */
		assert_true(v.requests & REQUEST_LOOK);
		assert_int_equal(v.irq_wanted, !!(value & 3));
	}
	for (unsigned bit = 4; bit < 64; bit++)
		assert_false(move(8, 1ull << bit));
	assert_int_equal(tpr, 15);
}

static void others_do_not_exist(void **state)
{
	static const uint8_t crs[] = { 1, 2, 5, 6, 7, 9, 15 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(crs); i++)
		assert_false(move(crs[i], 0));
}

static void reads(void **state)
{
	static const struct {
		uint8_t cr;
		enum vreg reg;
	} all[] = { { 0, VREG_CR0 }, { 3, VREG_CR3 }, { 4, VREG_CR4 }, { 8, VREG_TPR } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		hw->regs[all[i].reg] = 0x80000000 + i;
		v.hw.exit.cr = (struct exit_cr){
			.cr = all[i].cr, .op = CR_READ, .gpr = R9, .known = true
		};
		v.hw.gpr[R9] = ~0ull;
		exit_cr(&v);
		assert_int_equal(v.hw.gpr[R9], 0x80000000 + i);
		assert_int_equal(skips, i + 1);
	}
	assert_int_equal(faults, 0);
}

static void clts_and_lmsw(void **state)
{
	struct exit_cr *x = &v.hw.exit.cr;

	(void)state;
	fake_virt_mode(&v.hw, FAKE_REAL, 0);
	is_64bit = false;
	hw->regs[VREG_CR0] = CR0_ET | CR0_TS | CR0_MP | CR0_NE;
	*x = (struct exit_cr){ .op = CR_CLTS, .known = true };
	exit_cr(&v);
	assert_int_equal(hw->regs[VREG_CR0], CR0_ET | CR0_MP | CR0_NE);
	/* LMSW moves four bits; PE can be set and not cleared. */
	*x = (struct exit_cr){ .op = CR_LMSW, .known = true, .lmsw = 0xfff0 | CR0_PE | CR0_EM };
	exit_cr(&v);
	assert_int_equal(hw->regs[VREG_CR0], CR0_ET | CR0_NE | CR0_PE | CR0_EM);
	x->lmsw = CR0_TS;
	exit_cr(&v);
	assert_int_equal(hw->regs[VREG_CR0], CR0_ET | CR0_NE | CR0_PE | CR0_TS);
	assert_int_equal(skips, 3);
	assert_int_equal(faults, 0);
}

static void operands_from_the_instruction(void **state)
{
	(void)state;
	v.hw.exit.cr = (struct exit_cr){ .cr = 4, .op = CR_READ, .gpr = RSP, .known = false };
	insn = (struct insn){ .op = INSN_MOV_CR,
			      .dst = { .kind = OPERAND_CONTROL, .reg = 4 },
			      .src = { .kind = OPERAND_REG, .reg = R15 } };
	fetched = &insn;
	v.hw.gpr[R15] = CR4_PAE | CR4_SMEP;
	exit_cr(&v);
	assert_int_equal(hw->regs[VREG_CR4], CR4_PAE | CR4_SMEP);
	insn = (struct insn){ .op = INSN_MOV_CR,
			      .src = { .kind = OPERAND_CONTROL, .reg = 4 },
			      .dst = { .kind = OPERAND_REG, .reg = R14 } };
	exit_cr(&v);
	assert_int_equal(v.hw.gpr[R14], CR4_PAE | CR4_SMEP);
	assert_int_equal(skips, 2);
	/* A fault of the fetch is all there is. */
	fetched = NULL;
	exit_cr(&v);
	assert_int_equal(skips, 2);
	assert_int_equal(faults + crashes, 0);
	/* Anything else there is not to be guessed at. */
	insn.op = INSN_CPUID;
	fetched = &insn;
	exit_cr(&v);
	assert_int_equal(crashes, 1);
	assert_int_equal(skips, 2);
}

static void debug_registers_never_exit(void **state)
{
	(void)state;
	exit_dr(&v);
	assert_int_equal(crashes, 1);
}

static bool set_xcr0(uint32_t index, uint64_t value)
{
	unsigned before = faults, done = skips;

	v.hw.gpr[RCX] = 0xffffffff00000000 | index;
	v.hw.gpr[RAX] = 0xffffffff00000000 | (uint32_t)value;
	v.hw.gpr[RDX] = 0xffffffff00000000 | value >> 32;
	exit_xsetbv(&v);
	assert_int_equal(faults - before + (skips - done), 1);
	return faults == before;
}

static void xcr0_is_checked(void **state)
{
	const uint64_t sse = XCR0_X87 | XCR0_SSE, avx = sse | XCR0_AVX;

	(void)state;
	assert_true(set_xcr0(0, XCR0_X87));
	assert_true(set_xcr0(0, sse));
	assert_true(set_xcr0(0, avx));
	assert_true(set_xcr0(0, avx | XCR0_AVX512));
	assert_int_equal(xcr0, avx | XCR0_AVX512);
	assert_false(set_xcr0(0, 0));
	assert_false(set_xcr0(0, XCR0_SSE));
	assert_false(set_xcr0(0, XCR0_X87 | XCR0_AVX));
	assert_false(set_xcr0(0, sse | XCR0_AVX512));
	assert_false(set_xcr0(0, avx | XCR0_OPMASK));
	assert_false(set_xcr0(0, avx | XCR0_OPMASK | XCR0_ZMM_HI256));
	assert_false(set_xcr0(0, avx | XCR0_PKRU));
	assert_false(set_xcr0(0, avx | 1ull << 63));
	assert_false(set_xcr0(1, avx));
	/* What was refused did not reach the CPU. */
	assert_int_equal(xsetbvs, 4);
	cpl = 3;
	assert_false(set_xcr0(0, avx));
	cpl = 0;
	vm.cpuid.xcr0_allowed = sse;
	assert_false(set_xcr0(0, avx));
	assert_int_equal(xsetbvs, 4);
	/* The CPU itself may say no. */
	xsetbv_error = -EIO;
	assert_false(set_xcr0(0, sse));
	assert_int_equal(xcr0, avx | XCR0_AVX512);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cr0_by_itself),
		TEST(cr0_and_long_mode),
		TEST(cr3),
		TEST(cr4),
		TEST(cr8),
		TEST(others_do_not_exist),
		TEST(reads),
		TEST(clts_and_lmsw),
		TEST(operands_from_the_instruction),
		TEST(debug_registers_never_exit),
		TEST(xcr0_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

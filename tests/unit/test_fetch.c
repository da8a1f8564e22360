/* SPDX-License-Identifier: MIT */
/* sources: vmm/fetch.c vmm/gwalk.c vmm/gmem.c vmm/insn/decode.c vmm/insn/forms.c vmm/insn/general.c vmm/insn/opcodes.c vmm/insn/operand.c vmm/insn/alu.c tests/fake/virt.c tests/fake/panic.c */
/*
 * The instruction at which a guest exited: fetched through its page tables, across pages, in each
 * mode; and remembered without ever being taken for another one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/cr.h"
#include "arch/x86_64/pte.h"
#include "tests/fake/virt.h"
#include "vmm/recall.h"
#include "vmm/vm.h"

enum { RAM = 64 * 4096 };
/* Tables, one a level, and a second set; then code pages. */
enum { PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, PT = 0x4000, OTHER = 0x4000, CODE = 0x10000 };

/* Page 5 of the linear addresses is CODE. */
static const uint64_t linear = 0x5000;

static struct vm vm;
static struct vcpu v;
static struct fake_virt *hw;
static uint8_t *ram;
static unsigned uds, crashes;
static struct gwalk_fault fault;
static unsigned faults, slow;

void exit_skip(struct vcpu *vcpu)
{
	slow++;
	if (fetch_insn(vcpu))
		vcpu->hw.rip += vcpu->hw.exit.insn_len;
}

void vcpu_walk_mode(const struct vcpu *vcpu, const struct virt_context *c, struct gwalk_mode *mode)
{
	*mode = (struct gwalk_mode){ .cr0 = c->cr0,
				     .cr3 = c->cr3,
				     .cr4 = c->cr4,
				     .efer = c->efer,
				     .rflags = vcpu->hw.rflags,
				     .cpl = (uint8_t)c->cpl,
				     .maxphyaddr = 40,
				     .has_1g = true };
}

enum insn_mode vcpu_insn_mode(const struct vcpu *vcpu, const struct virt_context *c)
{
	(void)vcpu;
	if ((c->cs_attr & SEG_L) && (c->efer & EFER_LMA))
		return INSN_64;
	return c->cs_attr & SEG_DB ? INSN_32 : INSN_16;
}

void vcpu_raise_ud(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &v);
	uds++;
}

void vcpu_raise_pf(struct vcpu *vcpu, const struct gwalk_fault *f)
{
	assert_ptr_equal(vcpu, &v);
	fault = *f;
	faults++;
}

void vm_crash(struct vm *m, const char *fmt, ...)
{
	assert_ptr_equal(m, &vm);
	assert_non_null(fmt);
	crashes++;
}

static uint64_t *entry(uint64_t table, unsigned index)
{
	return (uint64_t *)(ram + table) + index;
}

/* The tables at base + 0x1000 … 0x4000, with code where told. */
static void map(uint64_t base, uint64_t code)
{
	*entry(base + PML4, 0) = (base + PDPT) | PTE_P | PTE_RW | PTE_A;
	*entry(base + PDPT, 0) = (base + PD) | PTE_P | PTE_RW | PTE_A;
	*entry(base + PD, 0) = (base + PT) | PTE_P | PTE_RW | PTE_A;
	*entry(base + PT, 5) = code | PTE_P | PTE_RW | PTE_A;
}

static int setup(void **state)
{
	struct gmem_slot slot = { gpa(0), RAM, NULL, 0, "ram" };

	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(&v, 0, sizeof(v));
	uds = crashes = faults = 0;
	ram = aligned_alloc(4096, RAM);
	memset(ram, 0, RAM);
	slot.host = ram;
	v.vm = &vm;
	hw = fake_virt_attach(&v.hw);
	fake_virt_mode(&v.hw, FAKE_LONG, 0);
	hw->regs[VREG_CR3] = PML4;
	map(0, CODE);
	v.hw.rip = linear;
	return gmem_add(&vm.mem, &slot);
}

static int teardown(void **state)
{
	(void)state;
	fake_virt_detach(&v.hw);
	free(ram);
	return 0;
}

/* What the backend says at each exit. */
static void note_exit(void)
{
	struct vm_exit *x = &v.hw.exit;
	bool is_64bit = (hw->regs[VREG_EFER] & EFER_LMA) && (hw->segments[VSEG_CS].attr & SEG_L);

	x->address_space = is_64bit ? hw->regs[VREG_CR3] : ADDRESS_SPACE_UNKNOWN;
	x->insn_len = 0;
	x->mem.bytes_n = 0;
}

/* How far an exit by opcode moves RIP, which then is where it was. */
static unsigned go_past(uint32_t opcode, unsigned len)
{
	uint64_t rip = v.hw.rip, after;

	note_exit();
	exit_skip_opcode(&v, opcode, len);
	after = v.hw.rip;
	v.hw.rip = rip;
	return (unsigned)(after - rip);
}

static const struct insn *fetch(void)
{
	const struct insn *in;

	note_exit();
	in = fetch_insn(&v);
	if (in)
		assert_int_equal(v.hw.exit.insn_len, in->len);
	return in;
}

static void put(uint64_t at, const char *bytes, size_t n)
{
	memcpy(ram + at, bytes, n);
}

#define assert_fetches(operation, length)             \
	do {                                          \
		const struct insn *in_ = fetch();     \
		assert_non_null(in_);                 \
		assert_int_equal(in_->op, operation); \
		assert_int_equal(in_->len, length);   \
	} while (0)

/* Twice: without a memo, and with one. */
#define assert_fetches_twice(operation, length)    \
	do {                                       \
		assert_fetches(operation, length); \
		assert_fetches(operation, length); \
	} while (0)

static void in_long_mode(void **state)
{
	(void)state;
	put(CODE, "\x0f\xa2", 2);
	put(CODE + 0x123, "\x48\x89\x03", 3); /* mov [rbx], rax */
	put(CODE + 0xff0, "\xf4", 1);
	assert_fetches_twice(INSN_CPUID, 2);
	v.hw.rip = linear + 0x123;
	assert_fetches_twice(INSN_MOV, 3);
	v.hw.rip = linear + 0xff0;
	assert_fetches_twice(INSN_HLT, 1);
	v.hw.rip = linear;
	assert_fetches_twice(INSN_CPUID, 2);
	/* In the upper half as well. */
	*entry(PML4, 511) = *entry(PML4, 0);
	v.hw.rip = 0xffffff8000005000;
	assert_fetches_twice(INSN_CPUID, 2);
	assert_int_equal(uds + faults + crashes, 0);
}

static void changed_bytes(void **state)
{
	(void)state;
	put(CODE, "\x0f\xa2", 2);
	assert_fetches_twice(INSN_CPUID, 2);
	put(CODE, "\xf4", 1);
	assert_fetches_twice(INSN_HLT, 1);
	/* Each of the 15 bytes that an instruction may have: the last of an immediate. */
	put(CODE, "\x48\xc7\x84\xcb\1\2\3\4\5\6\7\x08", 12); /* mov qword [rbx + rcx*8 + …], … */
	for (unsigned i = 4; i < 12; i++) {
		const struct insn *in;
		uint64_t imm;
		int64_t disp;

		assert_fetches_twice(INSN_MOV, 12);
		in = fetch();
		imm = in->imm;
		disp = in->disp;
		ram[CODE + i] ^= 0x40;
		in = fetch();
		assert_non_null(in);
		assert_int_equal(in->disp == disp, i >= 8);
		assert_int_equal(in->imm == imm, i < 8);
	}
	/* A prefix in front. */
	put(CODE, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x0f\xa2", 15);
	assert_fetches_twice(INSN_CPUID, 15);
	ram[CODE + 14] = 0x31;
	assert_fetches_twice(INSN_RDTSC, 15);
}

/* The page is elsewhere: by an entry of each level. */
static void changed_tables(void **state)
{
	static const struct {
		uint64_t table;
		unsigned index;
		uint64_t next;
	} levels[] = { { PML4, 0, PDPT }, { PDPT, 0, PD }, { PD, 0, PT }, { PT, 5, CODE } };

	(void)state;
	put(CODE, "\x0f\xa2", 2);
	put(CODE + 0x1000, "\xf4", 1);
	/* A second set of tables for each level's entry to lead to. */
	for (unsigned i = 0; i < ARRAY_SIZE(levels); i++) {
		uint64_t old = *entry(levels[i].table, levels[i].index);

		map(OTHER + 0x4000, CODE + 0x1000);
		assert_fetches_twice(INSN_CPUID, 2);
		*entry(levels[i].table, levels[i].index) =
			(i == 3 ? CODE + 0x1000 : OTHER + 0x4000 + levels[i].next) |
			(old & PAGE_MASK);
		assert_fetches_twice(INSN_HLT, 1);
		*entry(levels[i].table, levels[i].index) = old;
		assert_fetches_twice(INSN_CPUID, 2);
	}
}

static void changed_cr3(void **state)
{
	(void)state;
	put(CODE, "\x0f\xa2", 2);
	put(CODE + 0x1000, "\xf4", 1);
	map(OTHER + 0x4000, CODE + 0x1000);
	for (unsigned i = 0; i < 3; i++) {
		hw->regs[VREG_CR3] = PML4;
		assert_fetches_twice(INSN_CPUID, 2);
		hw->regs[VREG_CR3] = OTHER + 0x4000 + PML4;
		assert_fetches_twice(INSN_HLT, 1);
	}
	/* With a PCID, and the bits that are no address. */
	hw->regs[VREG_CR3] = PML4 | 0x123;
	hw->regs[VREG_CR4] |= CR4_PCIDE;
	assert_fetches_twice(INSN_CPUID, 2);
}

/* The same bytes mean something else in another mode; CPL and EFER change who may. */
static void changed_mode(void **state)
{
	(void)state;
	put(CODE, "\x48\x0f\xa2", 3); /* REX CPUID; or DEC EAX */
	assert_fetches_twice(INSN_CPUID, 3);
	hw->segments[VSEG_CS].attr = SEG_P | SEG_S | SEG_DB | 11;
	assert_fetches_twice(INSN_DEC, 1);
	hw->segments[VSEG_CS].attr = SEG_P | SEG_S | SEG_L | 11;
	assert_fetches_twice(INSN_CPUID, 3);
	/* Paging off: linear is physical. */
	put(linear, "\xf4", 1);
	fake_virt_mode(&v.hw, FAKE_PROTECTED, 0);
	assert_fetches_twice(INSN_HLT, 1);
}

static void large_pages(void **state)
{
	(void)state;
	put(0x5000, "\x0f\xa2", 2);
	*entry(PD, 0) = PTE_P | PTE_RW | PTE_A | PTE_PS;
	assert_fetches_twice(INSN_CPUID, 2);
	*entry(PDPT, 0) = PTE_P | PTE_RW | PTE_A | PTE_PS;
	assert_fetches_twice(INSN_CPUID, 2);
	/* In the second page of a large one. */
	put(0x6000 + 7, "\xf4", 1);
	v.hw.rip = 0x6007;
	assert_fetches_twice(INSN_HLT, 1);
	/* And back to tables. */
	*entry(PDPT, 0) = PD | PTE_P | PTE_RW | PTE_A;
	*entry(PD, 0) = PT | PTE_P | PTE_RW | PTE_A;
	put(CODE, "\x0f\x30", 2);
	v.hw.rip = linear;
	assert_fetches_twice(INSN_WRMSR, 2);
}

/* Tables and code where a zeroed memo would say that it knows them. */
static void everything_at_zero(void **state)
{
	(void)state;
	memset(ram, 0, 0x5000);
	/* The PML4 at 0; its first entry's tables map page 0 to itself. */
	*entry(0, 0) = PDPT | PTE_P | PTE_RW | PTE_A;
	*entry(PDPT, 0) = PD | PTE_P | PTE_RW | PTE_A;
	*entry(PD, 0) = PT | PTE_P | PTE_RW | PTE_A;
	*entry(PT, 0) = 0 | PTE_P | PTE_RW | PTE_A;
	put(0x800, "\x0f\xa2", 2);
	hw->regs[VREG_CR3] = 0;
	v.hw.rip = 0x800;
	assert_fetches_twice(INSN_CPUID, 2);
	assert_int_equal(go_past(OPCODE_CPUID, 2), 2);
	/* Zero bytes are ADD [RAX], AL. */
	v.hw.rip = 0x900;
	assert_fetches_twice(INSN_ADD, 2);
}

/* At each distance from the page's end: the second page is read only if the instruction is there.
 */
static void crossing_pages(void **state)
{
	(void)state;
	*entry(PT, 6) = (CODE + 0x3000) | PTE_P | PTE_RW | PTE_A;
	for (unsigned n = 1; n <= 15; n++) {
		char code[15];

		memset(code, 0x66, sizeof(code));
		memcpy(code + n - (n > 1 ? 2 : 1), n > 1 ? "\x0f\xa2" : "\xf4", n > 1 ? 2 : 1);
		for (unsigned before = 1; before <= 20; before++) {
			uint64_t at = 0x1000 - before;
			unsigned first = MIN(n, before);

			memset(ram + CODE + 0xf00, 0xcc, 0x100);
			memset(ram + CODE + 0x3000, 0xcc, 0x100);
			put(CODE + at, code, first);
			put(CODE + 0x3000, code + first, n - first);
			v.hw.rip = linear + at;
			assert_fetches_twice(n > 1 ? INSN_CPUID : INSN_HLT, n);
			/* Without the second page. */
			*entry(PT, 6) &= ~PTE_P;
			if (n <= before) {
				assert_fetches_twice(n > 1 ? INSN_CPUID : INSN_HLT, n);
				assert_int_equal(faults, 0);
			} else {
				assert_null(fetch());
				assert_int_equal(faults, 1);
				assert_int_equal(fault.address.raw, linear + 0x1000);
				assert_int_equal(fault.error, PF_I);
				faults = 0;
			}
			*entry(PT, 6) |= PTE_P;
		}
	}
}

static void page_faults(void **state)
{
	(void)state;
	put(CODE, "\x0f\xa2", 2);
	assert_fetches_twice(INSN_CPUID, 2);
	*entry(PT, 5) &= ~PTE_P;
	assert_null(fetch());
	assert_int_equal(faults, 1);
	assert_int_equal(fault.address.raw, linear);
	assert_int_equal(fault.error, PF_I);
	*entry(PT, 5) |= PTE_P;
	assert_fetches_twice(INSN_CPUID, 2);
	/* A level further up. */
	*entry(PDPT, 0) &= ~PTE_P;
	assert_null(fetch());
	assert_int_equal(faults, 2);
	assert_int_equal(uds + crashes, 0);
}

static void no_memory_behind(void **state)
{
	(void)state;
	put(CODE, "\x0f\xa2", 2);
	assert_fetches_twice(INSN_CPUID, 2);
	/* What is known of the page is forgotten, too. */
	*entry(PT, 5) = (RAM + 0x1000) | PTE_P | PTE_RW | PTE_A;
	assert_null(fetch());
	assert_null(fetch());
	assert_int_equal(crashes, 2);
	crashes = 1;
	*entry(PT, 5) = CODE | PTE_P | PTE_RW | PTE_A;
	*entry(PD, 0) = 0xffff000 | PTE_P | PTE_RW | PTE_A;
	assert_null(fetch());
	assert_int_equal(crashes, 2);
	assert_int_equal(faults + uds, 0);
}

static void what_is_no_instruction(void **state)
{
	(void)state;
	put(CODE, "\x06", 1); /* PUSH ES, not in 64-bit mode */
	assert_null(fetch());
	assert_null(fetch());
	assert_int_equal(uds, 2);
	/* Longer than 15 bytes. */
	memset(ram + CODE, 0x66, 32);
	assert_null(fetch());
	assert_int_equal(uds, 3);
	/* VEX: an instruction, but none of ours. */
	put(CODE, "\xc5\xf8\x77", 3);
	assert_null(fetch());
	assert_int_equal(crashes, 1);
	/* What it was before is not remembered for it. */
	put(CODE, "\x0f\xa2", 2);
	assert_fetches_twice(INSN_CPUID, 2);
	assert_int_equal(faults, 0);
}

/* Bytes that the hardware gave are used, and completed from memory where they end too early. */
static void bytes_of_the_hardware(void **state)
{
	const struct insn *in;

	(void)state;
	put(CODE, "\x48\x89\x03", 3);
	note_exit();
	v.hw.exit.kind = EXIT_MEM;
	v.hw.exit.mem.bytes_n = 15;
	memset(v.hw.exit.mem.bytes, 0x90, 15);
	memcpy(v.hw.exit.mem.bytes, "\x89\x48\x10", 3);
	in = fetch_insn(&v);
	assert_non_null(in);
	assert_int_equal(in->op, INSN_MOV);
	assert_int_equal(in->op_size, 4);
	assert_int_equal(v.hw.exit.insn_len, 3);
	note_exit();
	v.hw.exit.mem.bytes_n = 1;
	v.hw.exit.mem.bytes[0] = 0x48;
	in = fetch_insn(&v);
	assert_non_null(in);
	assert_int_equal(in->op_size, 8);
	assert_int_equal(in->len, 3);
	/* A fault while completing. */
	*entry(PT, 5) &= ~PTE_P;
	note_exit();
	v.hw.exit.mem.bytes_n = 1;
	assert_null(fetch_insn(&v));
	assert_int_equal(faults, 1);
	assert_int_equal(fault.address.raw, linear + 1);
}

static void segmented(void **state)
{
	(void)state;
	fake_virt_mode(&v.hw, FAKE_REAL, 0);
	hw->segments[VSEG_CS].base = 0xf000;
	v.hw.rip = 0x1234;
	put(0x10234, "\x66\x0f\xa2", 3);
	assert_fetches_twice(INSN_CPUID, 3);
	/* Wraps at 4 GiB. */
	fake_virt_mode(&v.hw, FAKE_PROTECTED, 0);
	hw->segments[VSEG_CS].base = 0xffff8000;
	v.hw.rip = 0x18234;
	assert_fetches_twice(INSN_CPUID, 3);
}

/* An exit that opcode makes: its bytes are looked at all the same. */
static void skips(void **state)
{
	static const struct {
		uint32_t opcode;
		unsigned n; /* of its bytes */
		const char *code;
		unsigned len;
	} cases[] = {
		{ OPCODE_CPUID, 2, "\x0f\xa2", 2 },	{ OPCODE_RDMSR, 2, "\x0f\x32", 2 },
		{ OPCODE_WRMSR, 2, "\x0f\x30", 2 },	{ OPCODE_HLT, 1, "\xf4", 1 },
		{ OPCODE_CPUID, 2, "\x66\x0f\xa2", 3 }, { OPCODE_HLT, 1, "\x48\xf4", 2 },
		{ OPCODE_WRMSR, 2, "\xf3\x0f\x30", 3 }, { OPCODE_RDMSR, 2, "\x2e\x3e\x0f\x32", 4 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(ram + CODE, 0x90, 32);
		put(CODE, cases[i].code, strlen(cases[i].code));
		for (unsigned turn = 0; turn < 3; turn++) {
			slow = 0;
			assert_int_equal(go_past(cases[i].opcode, cases[i].n), cases[i].len);
			/* The plain ones are known from the second time on. */
			assert_int_equal(slow,
					 turn == 0 && i == 0 ? 1 : cases[i].len != cases[i].n);
		}
	}
	/* TF has work at the instruction's end. */
	slow = 0;
	put(CODE, "\x0f\xa2", 2);
	v.hw.rflags |= RFLAGS_TF;
	assert_int_equal(go_past(OPCODE_CPUID, 2), 2);
	assert_int_equal(slow, 1);
	v.hw.rflags &= ~RFLAGS_TF;
	/* At the page's very end, and without a page. */
	put(CODE + 0xfff, "\xf4", 1);
	v.hw.rip = linear + 0xfff;
	assert_int_equal(go_past(OPCODE_HLT, 1), 1);
	v.hw.rip = 0x7000;
	assert_int_equal(go_past(OPCODE_HLT, 1), 0);
	assert_int_equal(faults, 1);
	/* In 16-bit mode. */
	fake_virt_mode(&v.hw, FAKE_REAL, 0);
	put(0x7000, "\x0f\xa2", 2);
	assert_int_equal(go_past(OPCODE_CPUID, 2), 2);
}

/* Many pages, many addresses: memos are thrown out, and never taken for another's. */
static void more_than_can_be_remembered(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (unsigned page = 0; page < 40; page++) {
		*entry(PT, 16 + page) = (CODE + page * 0x1000) | PTE_P | PTE_RW | PTE_A;
		/* So many prefixes that the length tells which page it is. */
		for (unsigned at = 0; at < 0x1000; at += 16) {
			memset(ram + CODE + page * 0x1000 + at, 0x66, 16);
			put(CODE + page * 0x1000 + at + page % 12, "\x0f\xa2", 2);
		}
	}
	for (unsigned i = 0; i < 20000; i++) {
		unsigned page, at;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		page = (seed >> 33) % 40;
		at = (seed >> 40) % 256 * 16;
		v.hw.rip = (16 + page) * 0x1000 + at;
		assert_fetches(INSN_CPUID, 2 + page % 12);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(in_long_mode),
		TEST(changed_bytes),
		TEST(changed_tables),
		TEST(changed_cr3),
		TEST(changed_mode),
		TEST(large_pages),
		TEST(everything_at_zero),
		TEST(crossing_pages),
		TEST(page_faults),
		TEST(no_memory_behind),
		TEST(what_is_no_instruction),
		TEST(bytes_of_the_hardware),
		TEST(segmented),
		TEST(skips),
		TEST(more_than_can_be_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: vmm/exit_mem.c vmm/exit_insn.c vmm/exit_pio.c vmm/fetch.c vmm/bus.c vmm/gwalk.c vmm/gmem.c vmm/insn/decode.c vmm/insn/forms.c vmm/insn/general.c vmm/insn/opcodes.c vmm/insn/operand.c vmm/insn/alu.c vmm/insn/exec.c vmm/insn/string.c tests/fake/virt.c tests/fake/log.c tests/fake/panic.c */
/*
 * From an access that exited to the device: the short way of plain moves, the executor's way,
 * ports; operands across pages, ROM, and what is no access of an instruction's at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/cr.h"
#include "arch/x86_64/pte.h"
#include "tests/fake/virt.h"
#include "vmm/exit.h"
#include "vmm/vm.h"

enum { RAM = 64 * 4096, ROM_AT = RAM, ROM = 4096, CODE = 0x10000, DATA = 0x18000, PORT = 0x3f8 };
enum { PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, PT = 0x4000 };

/* Linear pages: 5 code; 6 RAM; 7 the device; 8 its next page; 9 ROM; 10 RAM; 11 nothing; 12 the
 * APIC. */
#define DEVICE 0xd0000000ul
#define APIC   0xfee00000ul

static struct vm vm;
static struct vcpu v;
static struct fake_virt *hw;
static uint8_t *ram, *rom;

/* What reached a device. */
static struct {
	struct bus_access seen[8];
	unsigned n;
	uint64_t answer;
	unsigned eois, apic_accesses;
	struct bus_access apic;
} dev;

static unsigned crashes, faults, steps, raised;
static struct gwalk_fault fault;

void vcpu_walk_mode(const struct vcpu *vcpu, const struct virt_context *c, struct gwalk_mode *mode)
{
	*mode = (struct gwalk_mode){ .cr0 = c->cr0,
				     .cr3 = c->cr3,
				     .cr4 = c->cr4,
				     .efer = c->efer,
				     .rflags = vcpu->hw.rflags,
				     .cpl = (uint8_t)c->cpl,
				     .maxphyaddr = 40 };
}

enum insn_mode vcpu_insn_mode(const struct vcpu *vcpu, const struct virt_context *c)
{
	(void)vcpu;
	return (c->cs_attr & SEG_L) && (c->efer & EFER_LMA) ? INSN_64
	       : c->cs_attr & SEG_DB			    ? INSN_32
							    : INSN_16;
}

bool vcpu_is_64bit(struct vcpu *vcpu)
{
	struct virt_context c;

	virt->get_context(&vcpu->hw, &c);
	return vcpu_insn_mode(vcpu, &c) == INSN_64;
}

void vcpu_raise_ud(struct vcpu *vcpu)
{
	(void)vcpu;
	fail_msg("#UD");
}

void vcpu_raise(struct vcpu *vcpu, uint8_t vector, bool has_error, uint32_t error)
{
	(void)vcpu, (void)has_error, (void)error;
	raised = vector;
}

void vcpu_raise_pf(struct vcpu *vcpu, const struct gwalk_fault *f)
{
	(void)vcpu;
	fault = *f;
	faults++;
}

void vcpu_raise_step(struct vcpu *vcpu)
{
	(void)vcpu;
	steps++;
}

void vm_crash(struct vm *m, const char *fmt, ...)
{
	assert_ptr_equal(m, &vm);
	assert_false(lock_held(&m->lock));
	assert_non_null(fmt);
	crashes++;
}

bool vlapic_claims(const struct vcpu *vcpu, uint64_t addr)
{
	return addr - vcpu->lapic.mmio_page < PAGE_SIZE;
}

void vcpu_lapic_access(struct vcpu *vcpu, struct bus_access *a)
{
	assert_false(lock_held(&vcpu->vm->lock));
	dev.apic_accesses++;
	dev.apic = *a;
	if (!a->write)
		a->value = dev.answer;
}

void vlapic_eoi(struct vcpu *vcpu)
{
	(void)vcpu;
	dev.eois++;
}

static void access_device(struct vm *m, void *arg, struct bus_access *a)
{
	(void)arg;
	assert_true(lock_held(&m->lock));
	assert_true(dev.n < ARRAY_SIZE(dev.seen));
	/* What a device may rely on. */
	assert_true(a->size == 1 || a->size == 2 || a->size == 4 || a->size == 8);
	dev.seen[dev.n++] = *a;
	if (!a->write)
		a->value = dev.answer >> (dev.n - 1) * 8;
}

static uint64_t *entry(uint64_t table, unsigned index)
{
	return (uint64_t *)(ram + table) + index;
}

static int setup(void **state)
{
	const uint64_t flags = PTE_P | PTE_RW | PTE_A | PTE_D;
	struct gmem_slot slot = { gpa(0), RAM, NULL, 0, "ram" };
	struct gmem_slot rom_slot = { gpa(ROM_AT), ROM, NULL, GMEM_ROM, "rom" };

	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(&v, 0, sizeof(v));
	memset(&dev, 0, sizeof(dev));
	crashes = faults = steps = raised = 0;
	slot.host = ram = aligned_alloc(4096, RAM);
	rom_slot.host = rom = aligned_alloc(4096, ROM);
	memset(ram, 0, RAM);
	memset(rom, 0x77, ROM);
	assert_int_equal(gmem_add(&vm.mem, &slot), 0);
	assert_int_equal(gmem_add(&vm.mem, &rom_slot), 0);
	assert_int_equal(bus_register(&vm.mmio, DEVICE, 0x1800, "device", access_device, NULL), 0);
	assert_int_equal(bus_register(&vm.pio, PORT, 8, "uart", access_device, NULL), 0);
	*entry(PML4, 0) = PDPT | flags;
	*entry(PDPT, 0) = PD | flags;
	*entry(PD, 0) = PT | flags;
	*entry(PT, 5) = CODE | flags;
	*entry(PT, 6) = DATA | flags;
	*entry(PT, 7) = DEVICE | flags;
	*entry(PT, 8) = (DEVICE + 0x1000) | flags;
	*entry(PT, 9) = ROM_AT | flags;
	*entry(PT, 10) = (DATA + 0x1000) | flags;
	*entry(PT, 12) = APIC | flags;
	v.vm = &vm;
	v.lapic.mmio_page = APIC;
	hw = fake_virt_attach(&v.hw);
	fake_virt_mode(&v.hw, FAKE_LONG, 0);
	hw->regs[VREG_CR3] = PML4;
	v.hw.rip = 0x5000;
	v.hw.rflags = RFLAGS_FIXED;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_virt_detach(&v.hw);
	free(ram);
	free(rom);
	return 0;
}

/* The instruction at RIP has touched gpa. */
static void touch(const char *code, size_t n, uint64_t gpa_raw, uint32_t error)
{
	struct vm_exit *x = &v.hw.exit;

	memset(ram + CODE, 0x90, 64);
	memcpy(ram + CODE, code, n);
	v.hw.rip = 0x5000;
	memset(x, 0, sizeof(*x));
	x->kind = EXIT_MEM;
	x->address_space = PML4;
	x->mem = (struct exit_mem){ .gpa = gpa(gpa_raw), .error = error };
	dev.n = 0;
	exit_mem(&v);
	assert_false(lock_held(&vm.lock));
}

#define TOUCH(code, at, error) touch(code, sizeof(code) - 1, at, error)

#define assert_done(n)                                    \
	do {                                              \
		assert_int_equal(v.hw.rip, 0x5000 + (n)); \
		assert_int_equal(crashes + faults, 0);    \
	} while (0)

static void plain_moves(void **state)
{
	(void)state;
	v.hw.gpr[RBX] = 0x7010;
	v.hw.gpr[RAX] = 0xffffffff12345678;
	TOUCH("\x89\x03", DEVICE + 0x10, PF_W); /* mov [rbx], eax */
	assert_done(2);
	assert_int_equal(dev.n, 1);
	assert_int_equal(dev.seen[0].offset, 0x10);
	assert_int_equal(dev.seen[0].size, 4);
	assert_true(dev.seen[0].write);
	assert_int_equal(dev.seen[0].value, 0x12345678);
	dev.answer = 0xcafebabe;
	TOUCH("\x8b\x03", DEVICE + 0x10, 0); /* mov eax, [rbx]: the upper half is 0 then */
	assert_done(2);
	assert_int_equal(v.hw.gpr[RAX], 0xcafebabe);
	assert_false(dev.seen[0].write);
	TOUCH("\xc7\x03\xff\xff\xff\xff", DEVICE + 0x10, PF_W); /* mov dword [rbx], -1 */
	assert_done(6);
	assert_int_equal(dev.seen[0].value, 0xffffffff);
	/* Nothing is there: all ones. */
	v.hw.gpr[RBX] = 0x8800;
	TOUCH("\x8b\x03", DEVICE + 0x1800, 0);
	assert_done(2);
	assert_int_equal(v.hw.gpr[RAX], 0xffffffff);
	assert_int_equal(vm.mmio.unclaimed[false], 1);
}

static void other_sizes(void **state)
{
	(void)state;
	v.hw.gpr[RBX] = 0x7011;
	v.hw.gpr[RAX] = 0x1122334455667788;
	TOUCH("\x88\x03", DEVICE + 0x11, PF_W); /* mov [rbx], al */
	assert_done(2);
	assert_int_equal(dev.seen[0].size, 1);
	assert_int_equal(dev.seen[0].value, 0x88);
	dev.answer = 0xabcd;
	TOUCH("\x66\x8b\x03", DEVICE + 0x11, 0); /* mov ax, [rbx] */
	assert_done(3);
	assert_int_equal(dev.seen[0].size, 2);
	assert_int_equal(v.hw.gpr[RAX], 0x112233445566abcd);
	v.hw.gpr[RBX] = 0x7008;
	TOUCH("\x48\x89\x03", DEVICE + 8, PF_W); /* mov [rbx], rax */
	assert_done(3);
	assert_int_equal(dev.seen[0].size, 8);
	assert_int_equal(dev.seen[0].value, 0x112233445566abcd);
	/* A read-modify-write reads once and writes once. */
	dev.answer = 0x0f;
	TOUCH("\x83\x0b\x70", DEVICE + 8, PF_W); /* or dword [rbx], 0x70 */
	assert_done(3);
	assert_int_equal(dev.n, 2);
	assert_false(dev.seen[0].write);
	assert_true(dev.seen[1].write);
	assert_int_equal(dev.seen[1].value, 0x7f);
}

static void the_local_apic(void **state)
{
	(void)state;
	v.hw.gpr[RBX] = 0xc0b0;
	v.hw.gpr[RAX] = 0;
	TOUCH("\x89\x03", APIC + 0xb0, PF_W);
	assert_done(2);
	assert_int_equal(dev.eois, 1);
	assert_int_equal(dev.apic_accesses, 0);
	/* Reading EOI is no EOI; nor is another register, or another size. */
	dev.answer = 0x1234;
	TOUCH("\x8b\x03", APIC + 0xb0, 0);
	assert_int_equal(v.hw.gpr[RAX], 0x1234);
	v.hw.gpr[RBX] = 0xc380;
	TOUCH("\x89\x03", APIC + 0x380, PF_W);
	assert_int_equal(dev.apic.offset, 0x380);
	assert_true(dev.apic.write);
	assert_int_equal(dev.apic.value, 0x1234);
	v.hw.gpr[RBX] = 0xc0b0;
	TOUCH("\x88\x03", APIC + 0xb0, PF_W);
	assert_int_equal(dev.apic.size, 1);
	assert_int_equal(dev.apic.value, 0x34);
	assert_int_equal(dev.eois, 1);
	assert_int_equal(dev.apic_accesses, 3);
	/* Where the guest has moved it. */
	v.lapic.mmio_page = VLAPIC_NO_MMIO;
	TOUCH("\x89\x03", APIC + 0xb0, PF_W);
	assert_int_equal(dev.eois, 1);
	assert_int_equal(dev.apic_accesses, 3);
	assert_int_equal(vm.mmio.unclaimed[true], 1);
}

static void operands_across_pages(void **state)
{
	(void)state;
	/* RAM, then the device: three bytes and one. */
	ram[DATA + 0xffd] = 0x11;
	ram[DATA + 0xffe] = 0x22;
	ram[DATA + 0xfff] = 0x33;
	v.hw.gpr[RBX] = 0x6ffd;
	dev.answer = 0x44;
	TOUCH("\x8b\x03", DEVICE, 0);
	assert_done(2);
	assert_int_equal(v.hw.gpr[RAX], 0x44332211);
	assert_int_equal(dev.n, 1);
	assert_int_equal(dev.seen[0].offset, 0);
	v.hw.gpr[RAX] = 0x88776655;
	TOUCH("\x89\x03", DEVICE, PF_W);
	assert_done(2);
	assert_int_equal(dev.seen[0].value, 0x88);
	assert_memory_equal(ram + DATA + 0xffd, "\x55\x66\x77", 3);
	/* Device pages both: no device sees a size that no CPU has. */
	v.hw.gpr[RBX] = 0x7ffd;
	dev.answer = 0x99999999;
	TOUCH("\x8b\x03", DEVICE + 0xffd, 0);
	assert_done(2);
	v.hw.gpr[RBX] = 0x7ffb;
	TOUCH("\x48\x8b\x03", DEVICE + 0xffb, 0);
	assert_done(3);
	/* The second page is not there: nothing is touched. */
	*entry(PT, 8) = DEVICE | PTE_P | PTE_RW | PTE_A | PTE_D;
	*entry(PT, 9) = 0;
	v.hw.gpr[RBX] = 0x8ffe;
	TOUCH("\x89\x03", DEVICE + 0xffe, PF_W);
	assert_int_equal(faults, 1);
	assert_int_equal(fault.address.raw, 0x9000);
	assert_int_equal(fault.error & PF_W, PF_W);
	assert_int_equal(dev.n, 0);
	assert_int_equal(v.hw.rip, 0x5000);
}

static void rom_is_read_only(void **state)
{
	(void)state;
	v.hw.gpr[RBX] = 0x9010;
	v.hw.gpr[RAX] = 0;
	TOUCH("\x89\x03", ROM_AT + 0x10, PF_W);
	assert_done(2);
	assert_int_equal(rom[0x10], 0x77);
	assert_int_equal(vm.mmio.unclaimed[true], 1);
	/* An AND reads what is there, and its write vanishes; flags and all. */
	TOUCH("\x21\x03", ROM_AT + 0x10, PF_W);
	assert_done(2);
	assert_true(v.hw.rflags & RFLAGS_ZF);
	assert_int_equal(rom[0x10], 0x77);
}

/* A write that exited as a read has not been checked as one. */
static void writes_are_checked_as_writes(void **state)
{
	(void)state;
	*entry(PT, 7) &= ~PTE_RW;
	v.hw.gpr[RBX] = 0x7010;
	TOUCH("\x83\x0b\x70", DEVICE + 0x10, 0);
	assert_int_equal(faults, 1);
	assert_int_equal(fault.error, PF_P | PF_W);
	assert_int_equal(v.hw.rip, 0x5000);
	for (unsigned i = 0; i < dev.n; i++)
		assert_false(dev.seen[i].write);
}

static void string_moves(void **state)
{
	(void)state;
	memcpy(ram + DATA, "\1\2\3\4\5\6\7\x08", 8);
	v.hw.gpr[RSI] = 0x6000;
	v.hw.gpr[RDI] = 0x7020;
	v.hw.gpr[RCX] = 3;
	TOUCH("\xf3\xa4", DEVICE + 0x20, PF_W); /* rep movsb */
	assert_done(2);
	assert_int_equal(dev.n, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(dev.seen[i].offset, 0x20 + i);
		assert_int_equal(dev.seen[i].value, i + 1);
	}
	assert_int_equal(v.hw.gpr[RCX], 0);
	assert_int_equal(v.hw.gpr[RDI], 0x7023);
	/* The exit's address is of one of the two operands, though the other has the same offset.
	 */
	ram[DATA + 0x23] = 0x5a;
	v.hw.gpr[RSI] = 0x6023;
	TOUCH("\xa4", DEVICE + 0x23, PF_W);
	assert_done(1);
	assert_int_equal(dev.n, 1);
	assert_true(dev.seen[0].write);
	assert_int_equal(dev.seen[0].value, 0x5a);
}

static void no_accesses_of_instructions(void **state)
{
	(void)state;
	v.hw.gpr[RBX] = 0x7010;
	TOUCH("\x89\x03", DEVICE, PF_I);
	assert_int_equal(crashes, 1);
	struct vm_exit *x = &v.hw.exit;

	x->mem = (struct exit_mem){ .gpa = gpa(DEVICE), .walk = true };
	exit_mem(&v);
	assert_int_equal(crashes, 2);
	x->mem.walk = false;
	x->delivering.type = EVENT_INTERRUPT;
	exit_mem(&v);
	assert_int_equal(crashes, 3);
	x->delivering.type = EVENT_NONE;
	/* One that the executor does not do. */
	TOUCH("\x0f\x0b", DEVICE, 0);
	assert_int_equal(crashes, 4);
	assert_int_equal(dev.n, 0);
	assert_int_equal(v.hw.rip, 0x5000);
}

static void steps_and_shadows(void **state)
{
	(void)state;
	v.hw.rflags |= RFLAGS_TF;
	v.hw.gpr[RBX] = 0x7010;
	TOUCH("\x89\x03", DEVICE + 0x10, PF_W);
	assert_int_equal(steps, 1);
	TOUCH("\x83\x0b\x70", DEVICE + 0x10, PF_W);
	assert_int_equal(steps, 2);
	v.hw.rflags &= ~RFLAGS_TF;
	v.hw.exit.shadow = SHADOW_STI;
	v.hw.exit.insn_len = 1;
	exit_skip(&v);
	assert_int_equal(v.hw.exit.shadow, 0);
	assert_int_equal(steps, 2);
	/* RIP wraps where it has 32 bits, and not where it has 64. */
	v.hw.rip = 0xffffffff;
	v.hw.exit.insn_len = 3;
	exit_skip(&v);
	assert_int_equal(v.hw.rip, 0x100000002);
	hw->segments[VSEG_CS].attr = SEG_P | SEG_S | SEG_DB | 11;
	v.hw.rip = 0xffffffff;
	v.hw.exit.insn_len = 3;
	exit_skip(&v);
	assert_int_equal(v.hw.rip, 2);
}

/* Ports -----------------------------------------------------------------------------------------
 */

static void port(const char *code, size_t n, struct exit_pio p, unsigned len)
{
	memset(ram + CODE, 0x90, 64);
	memcpy(ram + CODE, code, n);
	v.hw.rip = 0x5000;
	memset(&v.hw.exit, 0, sizeof(v.hw.exit));
	v.hw.exit.kind = EXIT_PIO;
	v.hw.exit.address_space = ADDRESS_SPACE_UNKNOWN;
	v.hw.exit.insn_len = (uint8_t)len;
	v.hw.exit.pio = p;
	dev.n = 0;
	exit_pio(&v);
	assert_false(lock_held(&vm.lock));
}

static void ports(void **state)
{
	static const struct {
		uint8_t size;
		uint64_t rax;
	} reads[] = { { 1, 0x11223344556677a1 }, { 2, 0x112233445566b2a1 }, { 4, 0xd4c3b2a1 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(reads); i++) {
		v.hw.gpr[RAX] = 0x1122334455667788;
		dev.answer = 0xd4c3b2a1;
		port("\xec", 1, (struct exit_pio){ .port = PORT, .size = reads[i].size }, 1);
		assert_int_equal(dev.n, 1);
		assert_int_equal(dev.seen[0].size, reads[i].size);
		assert_int_equal(v.hw.gpr[RAX], reads[i].rax);
		assert_done(1);
		v.hw.gpr[RAX] = 0x1122334455667788;
		port("\xe6\xf8", 2,
		     (struct exit_pio){ .port = PORT + 1, .size = reads[i].size, .write = true },
		     2);
		assert_int_equal(dev.seen[0].offset, 1);
		assert_int_equal(dev.seen[0].value,
				 0x55667788 & (UINT64_MAX >> (64 - 8 * reads[i].size)));
		assert_int_equal(v.hw.gpr[RAX], 0x1122334455667788);
		assert_done(2);
	}
	port("\xec", 1, (struct exit_pio){ .port = 0x999, .size = 1 }, 1);
	assert_int_equal(v.hw.gpr[RAX], 0x11223344556677ff);
	assert_int_equal(vm.pio.unclaimed[false], 1);
}

static void string_ports(void **state)
{
	(void)state;
	memcpy(ram + DATA, "abc", 3);
	v.hw.gpr[RSI] = 0x6000;
	v.hw.gpr[RDX] = PORT;
	v.hw.gpr[RCX] = 3;
	port("\xf3\x6e", 2,
	     (struct exit_pio){
		     .port = PORT, .size = 1, .write = true, .string = true, .rep = true },
	     0);
	assert_done(2);
	assert_int_equal(dev.n, 3);
	assert_int_equal(dev.seen[2].value, 'c');
	/* Into a page that is not there: the port is not read. */
	v.hw.gpr[RDI] = 0xb000;
	port("\x6c", 1, (struct exit_pio){ .port = PORT, .size = 1, .string = true }, 0);
	assert_int_equal(dev.n, 0);
	assert_int_equal(faults, 1);
	assert_int_equal(v.hw.rip, 0x5000);
	/* Nor when only the last bytes have no page. */
	v.hw.gpr[RDI] = 0xaffe;
	port("\x6d", 1, (struct exit_pio){ .port = PORT, .size = 4, .string = true }, 0);
	assert_int_equal(dev.n, 0);
	assert_int_equal(faults, 2);
	assert_int_equal(fault.address.raw, 0xb000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plain_moves),	 TEST(other_sizes),
		TEST(the_local_apic),	 TEST(operands_across_pages),
		TEST(rom_is_read_only),	 TEST(writes_are_checked_as_writes),
		TEST(string_moves),	 TEST(no_accesses_of_instructions),
		TEST(steps_and_shadows), TEST(ports),
		TEST(string_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

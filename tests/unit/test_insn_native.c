/* SPDX-License-Identifier: MIT */
/* sources: vmm/insn/decode.c vmm/insn/general.c vmm/insn/forms.c vmm/insn/opcodes.c vmm/insn/exec.c vmm/insn/operand.c vmm/insn/string.c vmm/insn/alu.c */
/*
 * The executor beside the processor that runs this test: random instructions are run by both from
 * the same registers, flags and memory; afterwards all of these have to be the same. They run in
 * 64-bit user mode, so what needs another mode or privilege is in test_insn_exec.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>

#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/cr.h"
#include "vmm/insn/insn.h"

enum { CASES = 400000, REGION = 16384, REGION_MIDDLE = REGION / 2, CODE = 4096 };

#define REGION_BASE  0x10000000ull
#define CODE_BASE    0x10100000ull
#define STATUS_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

struct machine_state {
	uint64_t gpr[GPRS];
	uint64_t rflags;
};

/* What native_run() loads, and stores back; the instruction at native_code ends in native_return.
 */
struct machine_state native_state;
void *native_code;
uint64_t native_host_rsp;
void native_run(void);
extern char native_return[];

asm(".text\n"
    "native_run:\n"
    "	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "	push native_state+128(%rip); popfq\n"
    "	mov %rsp, native_host_rsp(%rip)\n"
    "	mov native_state+0(%rip), %rax; mov native_state+8(%rip), %rcx\n"
    "	mov native_state+16(%rip), %rdx; mov native_state+24(%rip), %rbx\n"
    "	mov native_state+32(%rip), %rsp; mov native_state+40(%rip), %rbp\n"
    "	mov native_state+48(%rip), %rsi; mov native_state+56(%rip), %rdi\n"
    "	mov native_state+64(%rip), %r8; mov native_state+72(%rip), %r9\n"
    "	mov native_state+80(%rip), %r10; mov native_state+88(%rip), %r11\n"
    "	mov native_state+96(%rip), %r12; mov native_state+104(%rip), %r13\n"
    "	mov native_state+112(%rip), %r14; mov native_state+120(%rip), %r15\n"
    "	jmp *native_code(%rip)\n"
    "native_return:\n"
    "	mov %rsp, native_state+32(%rip); mov native_host_rsp(%rip), %rsp\n"
    "	pushfq; pop native_state+128(%rip); cld\n"
    "	mov %rax, native_state+0(%rip); mov %rcx, native_state+8(%rip)\n"
    "	mov %rdx, native_state+16(%rip); mov %rbx, native_state+24(%rip)\n"
    "	mov %rbp, native_state+40(%rip)\n"
    "	mov %rsi, native_state+48(%rip); mov %rdi, native_state+56(%rip)\n"
    "	mov %r8, native_state+64(%rip); mov %r9, native_state+72(%rip)\n"
    "	mov %r10, native_state+80(%rip); mov %r11, native_state+88(%rip)\n"
    "	mov %r12, native_state+96(%rip); mov %r13, native_state+104(%rip)\n"
    "	mov %r14, native_state+112(%rip); mov %r15, native_state+120(%rip)\n"
    "	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "	ret\n");

static uint8_t *native_memory, *code, our_memory[REGION];
static unsigned accesses;
static bool has_movbe;
static uint64_t random_state = 0x2545f4914f6cdd1d;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static bool one_in(unsigned n)
{
	return (random_next() >> 20) % n == 0;
}

static int mem(void *ctx, gva_t addr, void *data, unsigned size, bool write, bool locked)
{
	uint64_t offset = addr.raw - REGION_BASE;

	(void)ctx;
	(void)locked;
	accesses++;
	assert_true(offset < REGION && size <= REGION - offset);
	if (write)
		memcpy(our_memory + offset, data, size);
	else
		memcpy(data, our_memory + offset, size);
	return 0;
}

static void raise_unexpected(void *ctx, uint8_t vector, bool has_error, uint32_t error)
{
	(void)ctx;
	(void)has_error;
	fail_msg("exception %u, error %x", vector, error);
}

static bool is_tested(const struct insn *in)
{
	return in->op >= INSN_MOV && in->op <= INSN_POP && in->seg != VSEG_FS &&
	       in->seg != VSEG_GS && !in->rip_relative;
}

static bool is_string(const struct insn *in)
{
	return in->op >= INSN_MOVS && in->op <= INSN_CMPS;
}

/* Random bytes that are one of the tested instructions. */
static void generate(uint8_t *bytes, struct insn *in)
{
	static const uint8_t prefixes[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x66 };

	do {
		unsigned n = 0;

		while (n < 4 && one_in(3))
			bytes[n++] = prefixes[(random_next() >> 20) % sizeof(prefixes)];
		if (!one_in(3))
			bytes[n++] = 0x40 | (random_next() >> 20 & 0xf);
		if (one_in(3))
			bytes[n++] = 0x0f;
		if (one_in(64)) {
			bytes[n++] = 0x0f;
			bytes[n++] = 0x38;
			bytes[n++] = 0xf0 | (random_next() >> 20 & 1);
		}
		for (; n < INSN_MAX; n++)
			bytes[n] = random_next() >> 20;
	} while (insn_decode(bytes, INSN_MAX, INSN_64, in) || !is_tested(in) ||
		 (in->op == INSN_MOVBE && !has_movbe));
}

/* A 32-bit address takes no notice of the upper half of its registers. */
static uint64_t address_register(const struct insn *in, uint64_t value)
{
	return in->addr_size == 4 ? (uint32_t)value | random_next() << 32 : value;
}

static uint64_t effective_address(const struct insn *in, const uint64_t *gpr)
{
	uint64_t a = in->disp;

	if (in->base != INSN_NO_REG)
		a += gpr[in->base];
	if (in->index != INSN_NO_REG)
		a += gpr[in->index] * in->scale;
	return in->addr_size == 4 ? (uint32_t)a : a;
}

static bool is_in_region(uint64_t address)
{
	return address - REGION_BASE >= 2048 && address - REGION_BASE < REGION - 2048;
}

/* Puts target where the displacement stands: at the end, or before an immediate. */
static void patch_displacement(const struct insn *in, uint8_t *bytes, uint64_t target)
{
	for (unsigned size = in->addr_size; size >= 4; size -= 4) {
		for (unsigned at = 1; at + size <= in->len; at++) {
			if (memcmp(bytes + at, &in->disp, size) == 0) {
				memcpy(bytes + at, &target, size);
				return;
			}
		}
	}
}

/* Sets registers so that all memory operands lie in the region. False where that cannot be. */
static bool place_operands(struct insn *in, uint8_t *bytes, uint64_t *gpr)
{
	uint64_t target = REGION_BASE + REGION_MIDDLE + (random_next() >> 20) % 512;

	gpr[RSP] = REGION_BASE + REGION_MIDDLE + (random_next() >> 20) % 512;
	if (is_string(in)) {
		gpr[RSI] = address_register(in, target);
		gpr[RDI] = address_register(in, target + (random_next() >> 20) % 64);
		gpr[RCX] = address_register(in, 1 + (random_next() >> 20) % 20);
		return true;
	}
	if (in->dst.kind != OPERAND_MEM && in->src.kind != OPERAND_MEM)
		return is_in_region(gpr[RSP]);

	bool bit_far = in->op >= INSN_BT && in->op <= INSN_BTC && in->src.kind == OPERAND_REG;

	if (bit_far)
		gpr[in->src.reg] = (int64_t)(random_next() >> 20) % 4096 - 2048;
	if (in->base == INSN_NO_REG && in->index == INSN_NO_REG) {
		patch_displacement(in, bytes, target);
		return insn_decode(bytes, INSN_MAX, INSN_64, in) == 0 &&
		       is_in_region(effective_address(in, gpr));
	}
	if (in->base == in->index)
		gpr[in->base] = (int64_t)(target - in->disp) / (in->scale + 1);
	else if (in->base == INSN_NO_REG)
		gpr[in->index] = (int64_t)(target - in->disp) / in->scale;
	else
		gpr[in->base] = address_register(
			in, target - in->disp -
				    (in->index == INSN_NO_REG ? 0 : gpr[in->index] * in->scale));
	if (bit_far && (int64_t)gpr[in->src.reg] / 2048 != 0)
		return false; /* the bit offset is also an address register */
	return is_in_region(effective_address(in, gpr)) &&
	       ((in->op != INSN_PUSH && in->op != INSN_POP) || is_in_region(gpr[RSP]));
}

static void run_native(const uint8_t *bytes, unsigned len)
{
	uint64_t to = (uint64_t)native_return;

	memcpy(code, bytes, len);
	memcpy(code + len, "\xff\x25\0\0\0\0", 6); /* JMP [RIP]: no register changes */
	memcpy(code + len + 6, &to, sizeof(to));
	native_code = code;
	native_run();
}

static void print_case(const struct insn *in, const uint8_t *bytes,
		       const struct machine_state *from, const struct machine_state *ours)
{
	printf("%s:", insn_op_name(in->op));
	for (unsigned i = 0; i < in->len; i++)
		printf(" %02x", bytes[i]);
	printf("\n");
	for (unsigned i = 0; i < GPRS; i++) {
		if (ours->gpr[i] != native_state.gpr[i])
			printf("  r%u: from %#llx ours %#llx processor %#llx\n", i,
			       (unsigned long long)from->gpr[i], (unsigned long long)ours->gpr[i],
			       (unsigned long long)native_state.gpr[i]);
	}
	printf("  flags: from %#llx ours %#llx processor %#llx; memory %s\n",
	       from->rflags & STATUS_FLAGS, ours->rflags & STATUS_FLAGS,
	       native_state.rflags & STATUS_FLAGS,
	       memcmp(native_memory, our_memory, REGION) ? "differs" : "same");
}

static void prepare(const struct insn *in, struct machine_state *from)
{
	for (unsigned i = 0; i < GPRS; i++)
		from->gpr[i] = one_in(4) ? random_next() & 0xff : random_next();
	from->rflags = RFLAGS_FIXED | RFLAGS_IF | (random_next() & (STATUS_FLAGS | RFLAGS_DF));
	for (unsigned i = 0; i < REGION; i += 8) {
		uint64_t word = is_string(in) && !one_in(16) ? 0 : random_next();

		memcpy(our_memory + i, &word, 8);
	}
	memcpy(native_memory, our_memory, REGION);
}

/* Half of the time CMPXCHG finds what it expects. */
static void place_expected(const struct insn *in, uint64_t *gpr)
{
	uint64_t address = effective_address(in, gpr), value;

	if (in->op != INSN_CMPXCHG || in->dst.kind != OPERAND_MEM || in->base == RAX ||
	    in->index == RAX || one_in(2))
		return;
	memcpy(&value, our_memory + (address - REGION_BASE), 8);
	gpr[RAX] = value;
}

static bool run_case(unsigned long *counts)
{
	struct machine_state from, ours;
	uint8_t bytes[INSN_MAX];
	struct insn in;
	uint64_t rip = CODE_BASE;

	do {
		generate(bytes, &in);
		prepare(&in, &from);
	} while (!place_operands(&in, bytes, from.gpr));
	place_expected(&in, from.gpr);

	ours = native_state = from;
	struct insn_machine m = { .gpr = ours.gpr,
				  .rip = &rip,
				  .rflags = &ours.rflags,
				  .mode = INSN_64,
				  .mem = mem,
				  .raise = raise_unexpected };

	run_native(bytes, in.len);
	assert_int_equal(insn_exec(&in, &m), INSN_DONE);
	assert_int_equal(rip, CODE_BASE + in.len);
	counts[in.op]++;
	if (memcmp(ours.gpr, native_state.gpr, sizeof(ours.gpr)) == 0 &&
	    ((ours.rflags ^ native_state.rflags) & (STATUS_FLAGS | RFLAGS_DF)) == 0 &&
	    memcmp(native_memory, our_memory, REGION) == 0)
		return true;
	print_case(&in, bytes, &from, &ours);
	return false;
}

static void agrees_with_the_processor(void **state)
{
	unsigned long counts[INSN_OPS] = { 0 };
	unsigned differences = 0;

	(void)state;
	for (unsigned i = 0; i < CASES && differences < 20; i++)
		differences += !run_case(counts);
	assert_int_equal(differences, 0);
	for (unsigned op = INSN_MOV; op <= INSN_POP; op++) {
		if (counts[op] < 100)
			print_message("only %lu of %s\n", counts[op], insn_op_name(op));
		assert_true(counts[op] >= 100 || (op == INSN_MOVBE && !has_movbe));
	}
	assert_true(accesses > CASES / 4);
}

static int setup(void **state)
{
	(void)state;
	has_movbe = cpuid(1, 0).ecx & CPUID_1_ECX_MOVBE;
	native_memory = mmap((void *)REGION_BASE, REGION, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	code = mmap((void *)CODE_BASE, CODE, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	return native_memory == MAP_FAILED || code == MAP_FAILED;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_processor),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

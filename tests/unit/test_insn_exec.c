/* SPDX-License-Identifier: MIT */
/* sources: vmm/insn/decode.c vmm/insn/general.c vmm/insn/forms.c vmm/insn/opcodes.c vmm/insn/exec.c vmm/insn/operand.c vmm/insn/string.c vmm/insn/alu.c */
/*
 * The executor where the processor under the tests cannot be asked: segments, 16 and 32-bit modes,
 * ports, faults in the middle, and how often a device is touched. Results in 64-bit mode are
 * test_insn_native.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/cr.h"
#include "lib/errno.h"
#include "vmm/insn/insn.h"

enum {
	MEMORY = 65536,
	LOG = 64,
	CODE_SEGMENT = SEG_P | SEG_S | 0xb,
	DATA_SEGMENT = SEG_P | SEG_S | 3
};

struct access {
	char kind; /* r, w; i, o for ports */
	bool locked;
	unsigned size;
	uint64_t addr;
};

struct fixture {
	struct insn_machine m;
	uint64_t gpr[GPRS], rip, rflags;
	struct segment segments[VSEGS];
	uint8_t memory[MEMORY];
	uint64_t base; /* the linear address of memory[0] */
	struct access log[LOG];
	unsigned n;
	unsigned fault_at; /* the access that faults; 0: none */
	int raised;	   /* the vector, or -1 */
	uint32_t port_value;
	bool probe_faults;
};

static bool log_access(struct fixture *f, char kind, uint64_t addr, unsigned size, bool locked)
{
	if (f->n < LOG)
		f->log[f->n] = (struct access){ kind, locked, size, addr };
	f->n++;
	return f->n != f->fault_at;
}

static int mem(void *ctx, gva_t addr, void *data, unsigned size, bool write, bool locked)
{
	struct fixture *f = ctx;
	uint8_t *p = f->memory + (addr.raw - f->base) % (MEMORY / 2);

	if (!log_access(f, write ? 'w' : 'r', addr.raw, size, locked))
		return INSN_FAULT;
	memcpy(write ? (void *)p : data, write ? data : (void *)p, size);
	return 0;
}

static int io(void *ctx, uint16_t port, uint32_t *data, unsigned size, bool write)
{
	struct fixture *f = ctx;

	if (!log_access(f, write ? 'o' : 'i', port, size, false))
		return INSN_FAULT;
	if (write)
		f->port_value = *data;
	else
		*data = f->port_value++;
	return 0;
}

static int probe(void *ctx, gva_t addr, unsigned size, bool write)
{
	struct fixture *f = ctx;

	(void)addr;
	(void)size;
	assert_true(write);
	return f->probe_faults ? INSN_FAULT : 0;
}

static void segment(void *ctx, enum vseg seg, struct segment *s)
{
	*s = ((struct fixture *)ctx)->segments[seg];
}

static void raise(void *ctx, uint8_t vector, bool has_error, uint32_t error)
{
	struct fixture *f = ctx;

	assert_true(has_error);
	assert_int_equal(error, 0);
	f->raised = vector;
}

static void reset(struct fixture *f, enum insn_mode mode)
{
	memset(f, 0, sizeof(*f));
	f->m = (struct insn_machine){
		.gpr = f->gpr,
		.rip = &f->rip,
		.rflags = &f->rflags,
		.mode = mode,
		.ctx = f,
		.mem = mem,
		.io = io,
		.segment = segment,
		.raise = raise,
	};
	f->rip = 0x1000;
	f->rflags = RFLAGS_FIXED | RFLAGS_RF;
	f->raised = -1;
	for (unsigned i = 0; i < VSEGS; i++)
		f->segments[i] = (struct segment){ .limit = 0xffff, .attr = DATA_SEGMENT };
	f->segments[VSEG_CS].attr = CODE_SEGMENT;
}

static int setup(void **state)
{
	*state = malloc(sizeof(struct fixture));
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

/* Decodes and executes; the string is the instruction's bytes. */
#define RUN(f, bytes) run(f, (const uint8_t *)bytes, sizeof(bytes) - 1)

static int run(struct fixture *f, const uint8_t *bytes, unsigned n)
{
	struct insn in;

	assert_int_equal(insn_decode(bytes, n, f->m.mode, &in), 0);
	assert_int_equal(in.len, n);
	f->n = 0;
	f->raised = -1;
	return insn_exec(&in, &f->m);
}

static void assert_access(const struct fixture *f, unsigned i, char kind, uint64_t addr,
			  unsigned size)
{
	assert_true(i < f->n);
	assert_int_equal(f->log[i].kind, kind);
	assert_int_equal(f->log[i].addr, addr);
	assert_int_equal(f->log[i].size, size);
}

static void devices_are_touched_once(void **state)
{
	struct fixture *f = *state;

	reset(f, INSN_64);
	f->gpr[RDI] = 0x100;
	f->gpr[RAX] = 0x1122334455667788;
	assert_int_equal(RUN(f, "\x89\x47\x08"), INSN_DONE); /* MOV [RDI+8], EAX */
	assert_int_equal(f->n, 1);
	assert_access(f, 0, 'w', 0x108, 4);
	assert_int_equal(f->rip, 0x1003);
	assert_int_equal(f->rflags, RFLAGS_FIXED);	     /* RF is gone */
	assert_int_equal(RUN(f, "\x8a\x67\x08"), INSN_DONE); /* MOV AH, [RDI+8] */
	assert_int_equal(f->n, 1);
	assert_access(f, 0, 'r', 0x108, 1);
	assert_int_equal(f->gpr[RAX], 0x1122334455668888);

	assert_int_equal(RUN(f, "\x01\x07"),
			 INSN_DONE); /* ADD [RDI], EAX: once read, once written */
	assert_int_equal(f->n, 2);
	assert_access(f, 0, 'r', 0x100, 4);
	assert_access(f, 1, 'w', 0x100, 4);
	assert_false(f->log[0].locked);
	assert_int_equal(RUN(f, "\xf0\x01\x07"), INSN_DONE);
	assert_true(f->log[0].locked && f->log[1].locked);
	assert_int_equal(RUN(f, "\x87\x07"), INSN_DONE); /* XCHG locks by itself */
	assert_true(f->log[0].locked && f->log[1].locked);
	assert_int_equal(RUN(f, "\x3b\x07"), INSN_DONE); /* CMP reads only */
	assert_int_equal(f->n, 1);
	assert_int_equal(RUN(f, "\x0f\xba\x27\x03"), INSN_DONE); /* BT too */
	assert_int_equal(f->n, 1);
	/* An operand that crosses a page is one access: mem() splits it. */
	f->gpr[RDI] = 0x1ffc;
	assert_int_equal(RUN(f, "\x48\x89\x07"), INSN_DONE);
	assert_int_equal(f->n, 1);
	assert_access(f, 0, 'w', 0x1ffc, 8);
}

static void addresses_are_canonical(void **state)
{
	struct fixture *f = *state;

	reset(f, INSN_64);
	f->gpr[RDI] = f->gpr[RSP] = 0x800000000000;
	assert_int_equal(RUN(f, "\x8b\x07"), INSN_FAULT);
	assert_int_equal(f->raised, VEC_GP);
	assert_int_equal(RUN(f, "\x8b\x04\x24"), INSN_FAULT); /* [RSP] is SS: */
	assert_int_equal(f->raised, VEC_SS);
	f->gpr[RDI] = 0x7ffffffffffd; /* the last byte is not */
	assert_int_equal(RUN(f, "\x8b\x07"), INSN_FAULT);
	assert_int_equal(f->raised, VEC_GP);
	assert_int_equal(f->n, 0);
	assert_int_equal(f->rip, 0x1000);
	f->gpr[RDI] = 0xffff800000000000;
	assert_int_equal(RUN(f, "\x8b\x07"), INSN_DONE);

	/* Only FS and GS have a base; RIP-relative is from the next instruction; 67 cuts to 32
	 * bits. */
	f->segments[VSEG_DS].base = 0x5000;
	f->segments[VSEG_GS].base = 0x7000;
	f->gpr[RDI] = 0xabcdef0100000200;
	assert_int_equal(RUN(f, "\x67\x65\x8b\x07"), INSN_DONE);
	assert_access(f, 0, 'r', 0x7200, 4);
	assert_int_equal(RUN(f, "\x67\x3e\x8b\x07"), INSN_DONE);
	assert_access(f, 0, 'r', 0x200, 4);
	f->rip = 0x2000;
	assert_int_equal(RUN(f, "\x8b\x05\x10\x00\x00\x00"), INSN_DONE);
	assert_access(f, 0, 'r', 0x2016, 4);
}

static int read_ds(struct fixture *f, uint32_t offset)
{
	f->gpr[RDI] = offset;
	return RUN(f, "\x8b\x07");
}

static int write_ds(struct fixture *f, uint32_t offset)
{
	f->gpr[RDI] = offset;
	return RUN(f, "\x89\x07");
}

static void segments_have_limits_and_types(void **state)
{
	struct fixture *f = *state;
	struct segment *ds = &f->segments[VSEG_DS];

	reset(f, INSN_32);
	ds->base = 0xfffff000;
	assert_int_equal(read_ds(f, 0x2000), INSN_DONE);
	assert_access(f, 0, 'r', 0x1000, 4); /* linear addresses wrap at 4 GiB */
	assert_int_equal(read_ds(f, 0xfffc), INSN_DONE);
	assert_int_equal(read_ds(f, 0xfffd), INSN_FAULT);
	assert_int_equal(f->raised, VEC_GP);
	ds->limit = UINT32_MAX;
	assert_int_equal(read_ds(f, 0xfffffffd), INSN_FAULT); /* the operand wraps */
	assert_int_equal(read_ds(f, 0xfffffffc), INSN_DONE);
	f->gpr[RBP] = 0x10000;
	assert_int_equal(RUN(f, "\x8b\x45\x00"), INSN_FAULT); /* [EBP] is SS: */
	assert_int_equal(f->raised, VEC_SS);

	ds->attr = SEG_P | SEG_S | 1; /* read-only data */
	assert_int_equal(read_ds(f, 0), INSN_DONE);
	assert_int_equal(write_ds(f, 0), INSN_FAULT);
	ds->attr = SEG_P | SEG_S | 0xb; /* code, readable */
	assert_int_equal(read_ds(f, 0), INSN_DONE);
	assert_int_equal(write_ds(f, 0), INSN_FAULT);
	ds->attr = SEG_P | SEG_S | 9; /* code, execute-only */
	assert_int_equal(read_ds(f, 0), INSN_FAULT);
	ds->attr = SEG_S | 3; /* not present: unusable */
	assert_int_equal(read_ds(f, 0), INSN_FAULT);
	ds->attr = SEG_P | SEG_S | 7; /* expand-down, 16-bit */
	ds->limit = 0xfff;
	assert_int_equal(write_ds(f, 0xfff), INSN_FAULT);
	assert_int_equal(write_ds(f, 0x1000), INSN_DONE);
	assert_int_equal(write_ds(f, 0xfffd), INSN_FAULT);
	ds->attr |= SEG_DB;
	assert_int_equal(write_ds(f, 0xfffffffc), INSN_DONE);
	assert_int_equal(f->gpr[RAX], 0);
}

static void mode_16_bit(void **state)
{
	struct fixture *f = *state;

	reset(f, INSN_16);
	f->segments[VSEG_DS].base = 0x12340;
	f->segments[VSEG_SS].base = 0x50000;
	f->segments[VSEG_CS].base = 0x70000;
	f->gpr[RBX] = 0xffff8000;
	f->gpr[RSI] = 0x9000;
	f->gpr[RBP] = 0x10;
	f->gpr[RAX] = 0xaaaabbbb;
	assert_int_equal(RUN(f, "\x89\x00"), INSN_DONE); /* MOV [BX+SI], AX wraps at 64 KiB */
	assert_access(f, 0, 'w', 0x13340, 2);
	assert_int_equal(RUN(f, "\x66\x89\x42\xf0"), INSN_DONE); /* MOV [BP+SI-16], EAX */
	assert_access(f, 0, 'w', 0x59000, 4);
	assert_int_equal(RUN(f, "\xa3\x34\x12"), INSN_DONE); /* MOV [1234h], AX */
	assert_access(f, 0, 'w', 0x13574, 2);
	assert_int_equal(RUN(f, "\x2e\xa3\x34\x12"), INSN_DONE); /* to CS:, as real mode allows */
	assert_access(f, 0, 'w', 0x71234, 2);
	f->gpr[RBX] = 0xffff;
	assert_int_equal(RUN(f, "\x89\x07"), INSN_FAULT); /* a word at FFFF */
	assert_int_equal(f->raised, VEC_GP);
	assert_int_equal(RUN(f, "\x67\x89\x03"), INSN_FAULT);
	f->gpr[RBX] = 0x100;
	assert_int_equal(RUN(f, "\x67\x89\x03"), INSN_DONE); /* MOV [EBX], AX */
	assert_access(f, 0, 'w', 0x12440, 2);
	f->rip = 0xfffffffe;
	assert_int_equal(RUN(f, "\x89\x07"), INSN_DONE);
	assert_int_equal(f->rip, 0);
}

static void stacks_of_all_widths(void **state)
{
	struct fixture *f = *state;

	reset(f, INSN_16);
	f->segments[VSEG_SS].base = 0x1000;
	f->gpr[RSP] = 0xabcd0000;
	f->gpr[RCX] = 0x11223344;
	assert_int_equal(RUN(f, "\x51"), INSN_DONE); /* PUSH CX: SP wraps, ESP's upper half stays */
	assert_access(f, 0, 'w', 0x10ffe, 2);
	assert_int_equal(f->gpr[RSP], 0xabcdfffe);
	assert_int_equal(RUN(f, "\x66\x5a"), INSN_FAULT); /* POP EDX: beyond the limit */
	assert_int_equal(f->raised, VEC_SS);
	assert_int_equal(RUN(f, "\x5a"), INSN_DONE);
	assert_int_equal(f->gpr[RDX], 0x3344);
	assert_int_equal(f->gpr[RSP], 0xabcd0000);

	reset(f, INSN_32);
	f->segments[VSEG_SS].attr |= SEG_DB;
	f->gpr[RSP] = 0x2000;
	assert_int_equal(RUN(f, "\x6a\xff"), INSN_DONE); /* PUSH -1 */
	assert_access(f, 0, 'w', 0x1ffc, 4);
	f->gpr[RDI] = 0x3000;
	assert_int_equal(RUN(f, "\x8f\x44\x24\x04"), INSN_DONE); /* POP [ESP+4]: with the new ESP */
	assert_access(f, 0, 'r', 0x1ffc, 4);
	assert_access(f, 1, 'w', 0x2004, 4);
	f->fault_at = 2;
	f->gpr[RSP] = 0x1ffc;
	assert_int_equal(RUN(f, "\x8f\x44\x24\x04"), INSN_FAULT);
	assert_int_equal(f->gpr[RSP], 0x1ffc);
}

static void ports(void **state)
{
	struct fixture *f = *state;

	reset(f, INSN_64);
	f->gpr[RAX] = 0x1122334455667788;
	f->gpr[RDX] = 0xffff0000000003f8;
	f->port_value = 0xaabbccdd;
	assert_int_equal(RUN(f, "\xec"), INSN_DONE); /* IN AL, DX */
	assert_access(f, 0, 'i', 0x3f8, 1);
	assert_int_equal(f->gpr[RAX], 0x11223344556677dd);
	assert_int_equal(RUN(f, "\xe5\xf0"), INSN_DONE); /* IN EAX, F0h */
	assert_access(f, 0, 'i', 0xf0, 4);
	assert_int_equal(f->gpr[RAX], 0xaabbccde);
	assert_int_equal(RUN(f, "\x66\xef"), INSN_DONE); /* OUT DX, AX */
	assert_access(f, 0, 'o', 0x3f8, 2);
	assert_int_equal(f->port_value, 0xccde);
	assert_int_equal(RUN(f, "\xe6\x80"), INSN_DONE);
	assert_access(f, 0, 'o', 0x80, 1);
	f->fault_at = 1;
	f->rip = 0x1000;
	assert_int_equal(RUN(f, "\xec"), INSN_FAULT);
	assert_int_equal(f->rip, 0x1000);
	assert_int_equal(f->gpr[RAX], 0xaabbccde);
}

static void string_ports(void **state)
{
	struct fixture *f = *state;

	reset(f, INSN_32);
	f->segments[VSEG_ES].base = 0x4000;
	f->segments[VSEG_FS].base = 0x8000 - 0x4000;
	f->gpr[RDX] = 0x1f0;
	f->gpr[RCX] = 3;
	f->gpr[RDI] = f->gpr[RSI] = 0x10;
	f->port_value = 0x100;
	assert_int_equal(RUN(f, "\xf3\x66\x6d"), INSN_DONE); /* REP INSW */
	assert_int_equal(f->n, 6);
	assert_access(f, 4, 'i', 0x1f0, 2);
	assert_access(f, 5, 'w', 0x4014, 2);
	assert_int_equal(f->memory[0x4014], 2);
	assert_int_equal(f->gpr[RDI], 0x16);
	assert_int_equal(f->gpr[RCX], 0);
	f->rflags |= RFLAGS_DF;
	f->gpr[RCX] = 2;
	assert_int_equal(RUN(f, "\x64\xf3\x6f"), INSN_DONE); /* REP OUTS DX, FS:[ESI], backwards */
	assert_access(f, 0, 'r', 0x4010, 4);
	assert_access(f, 1, 'o', 0x1f0, 4);
	assert_access(f, 2, 'r', 0x400c, 4);
	assert_int_equal(f->gpr[RSI], 8);
	/* A page fault to come is found before the port is read. */
	f->m.probe = probe;
	f->probe_faults = true;
	f->gpr[RCX] = 2;
	assert_int_equal(RUN(f, "\xf3\x6c"), INSN_FAULT);
	assert_int_equal(f->n, 0);
	f->probe_faults = false;
	assert_int_equal(RUN(f, "\xf3\x6c"), INSN_DONE);
	assert_int_equal(f->n, 4);
	f->gpr[RDI] = 0x10000;
	assert_int_equal(RUN(f, "\x6c"), INSN_FAULT); /* nor is it with a segment fault */
	assert_int_equal(f->n, 0);
	assert_int_equal(f->raised, VEC_GP);
}

static void repeats_stop_and_go_on(void **state)
{
	struct fixture *f = *state;

	reset(f, INSN_64);
	f->gpr[RCX] = 10000;
	f->gpr[RDI] = 0x100;
	f->gpr[RAX] = 0x55;
	assert_int_equal(RUN(f, "\xf3\xaa"), INSN_AGAIN); /* REP STOSB */
	assert_int_equal(f->rip, 0x1000);
	assert_int_equal(f->gpr[RCX], 10000 - 64);
	assert_int_equal(f->gpr[RDI], 0x100 + 64);
	for (unsigned i = 2; i <= 10000 / 64; i++)
		assert_int_equal(RUN(f, "\xf3\xaa"), INSN_AGAIN);
	assert_int_equal(RUN(f, "\xf3\xaa"), INSN_DONE);
	assert_int_equal(f->rip, 0x1002);
	assert_int_equal(f->gpr[RDI], 0x100 + 10000);

	/* A fault in the third iteration leaves two done. */
	f->rip = 0x1000;
	f->gpr[RCX] = 5;
	f->gpr[RSI] = 0x100, f->gpr[RDI] = 0x200;
	f->fault_at = 6;
	assert_int_equal(RUN(f, "\xf3\xa5"), INSN_FAULT); /* REP MOVSD */
	assert_int_equal(f->gpr[RCX], 3);
	assert_int_equal(f->gpr[RSI], 0x108);
	assert_int_equal(f->gpr[RDI], 0x208);
	assert_int_equal(f->rip, 0x1000);

	/* None at all: nothing is touched, not even checked. */
	f->fault_at = 0;
	f->gpr[RCX] = 0;
	f->gpr[RDI] = 0x800000000000;
	assert_int_equal(RUN(f, "\xf3\xaa"), INSN_DONE);
	assert_int_equal(f->n, 0);

	/* The count has the address's width. */
	reset(f, INSN_16);
	f->gpr[RCX] = 0x70002;
	assert_int_equal(RUN(f, "\xf3\xaa"), INSN_DONE);
	assert_int_equal(f->n, 2);
	assert_int_equal(f->gpr[RCX], 0x70000);
}

static void others_are_refused(void **state)
{
	static const char *const codes[] = { "\x0f\xa2",     "\xf4",	     "\x0f\x30",
					     "\x0f\x22\xc0", "\x0f\x01\xc1", "\xd3\xe0" };
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(codes); i++) {
		reset(f, INSN_64);
		assert_int_equal(run(f, (const uint8_t *)codes[i], strlen(codes[i])), -ENOTSUP);
		assert_int_equal(f->rip, 0x1000);
	}
}

static uint64_t random_state = 0x123456789abcdef1;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Whichever access of whichever instruction faults, all is as before it: only strings have steps.
 */
static void faults_change_nothing(void **state)
{
	static const enum insn_mode modes[] = { INSN_16, INSN_32, INSN_64 };
	struct fixture *f = *state;
	unsigned faults = 0;

	reset(f, INSN_64);
	for (unsigned i = 0; i < 300000; i++) {
		uint64_t before[GPRS], rip = f->rip, rflags;
		uint8_t bytes[INSN_MAX];
		struct insn in;

		f->m.mode = modes[random_next() % 3];
		f->fault_at = 1 + (random_next() >> 20) % 2;
		f->n = 0;
		f->rflags = rflags = random_next() & (RFLAGS_CF | RFLAGS_ZF | RFLAGS_DF);
		for (unsigned j = 0; j < INSN_MAX; j++)
			bytes[j] = random_next() >> 20;
		for (unsigned j = 0; j < GPRS; j++)
			f->gpr[j] = before[j] = random_next() & 0x3fff;
		if (insn_decode(bytes, INSN_MAX, f->m.mode, &in))
			continue;
		if (insn_exec(&in, &f->m) != INSN_FAULT || (in.prefixes & (INSN_REP | INSN_REPNE)))
			continue;
		assert_memory_equal(before, f->gpr, sizeof(before));
		assert_int_equal(f->rip, rip);
		assert_int_equal(f->rflags, rflags);
		faults++;
	}
	assert_true(faults > 30000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(devices_are_touched_once),
		TEST(addresses_are_canonical),
		TEST(segments_have_limits_and_types),
		TEST(mode_16_bit),
		TEST(stacks_of_all_widths),
		TEST(ports),
		TEST(string_ports),
		TEST(repeats_stop_and_go_on),
		TEST(others_are_refused),
		TEST(faults_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

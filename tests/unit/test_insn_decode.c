/* SPDX-License-Identifier: MIT */
/* sources: vmm/insn/decode.c vmm/insn/general.c vmm/insn/forms.c vmm/insn/opcodes.c */
/* libs: -lZydis */
/*
 * The decoder beside libzydis: every opcode with every ModRM byte and the prefixes that matter, in
 * three modes, and random instructions of a fixed seed. Where libzydis has an instruction, ours has
 * the same length, and for the operations that Plinth acts on the same operands; where libzydis has
 * none, ours has none of those operations either.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <Zydis/Zydis.h>

#include "lib/errno.h"
#include "vmm/insn/insn.h"

enum { RANDOM_STRUCTURED = 600000, RANDOM_BYTES = 200000 };

struct comparison {
	enum insn_mode mode;
	ZydisDecoder decoder;
	unsigned long compared, acted_on[INSN_OPS];
};

static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static const ZydisMnemonic mnemonics[INSN_OPS][10] = {
	[INSN_MOV] = { ZYDIS_MNEMONIC_MOV, ZYDIS_MNEMONIC_MOVNTI },
	[INSN_MOVZX] = { ZYDIS_MNEMONIC_MOVZX },
	[INSN_MOVSX] = { ZYDIS_MNEMONIC_MOVSX, ZYDIS_MNEMONIC_MOVSXD },
	[INSN_MOVBE] = { ZYDIS_MNEMONIC_MOVBE },
	[INSN_MOVS] = { ZYDIS_MNEMONIC_MOVSB, ZYDIS_MNEMONIC_MOVSW, ZYDIS_MNEMONIC_MOVSD,
			ZYDIS_MNEMONIC_MOVSQ },
	[INSN_STOS] = { ZYDIS_MNEMONIC_STOSB, ZYDIS_MNEMONIC_STOSW, ZYDIS_MNEMONIC_STOSD,
			ZYDIS_MNEMONIC_STOSQ },
	[INSN_LODS] = { ZYDIS_MNEMONIC_LODSB, ZYDIS_MNEMONIC_LODSW, ZYDIS_MNEMONIC_LODSD,
			ZYDIS_MNEMONIC_LODSQ },
	[INSN_SCAS] = { ZYDIS_MNEMONIC_SCASB, ZYDIS_MNEMONIC_SCASW, ZYDIS_MNEMONIC_SCASD,
			ZYDIS_MNEMONIC_SCASQ },
	[INSN_CMPS] = { ZYDIS_MNEMONIC_CMPSB, ZYDIS_MNEMONIC_CMPSW, ZYDIS_MNEMONIC_CMPSD,
			ZYDIS_MNEMONIC_CMPSQ },
	[INSN_AND] = { ZYDIS_MNEMONIC_AND },
	[INSN_OR] = { ZYDIS_MNEMONIC_OR },
	[INSN_XOR] = { ZYDIS_MNEMONIC_XOR },
	[INSN_ADD] = { ZYDIS_MNEMONIC_ADD },
	[INSN_ADC] = { ZYDIS_MNEMONIC_ADC },
	[INSN_SUB] = { ZYDIS_MNEMONIC_SUB },
	[INSN_SBB] = { ZYDIS_MNEMONIC_SBB },
	[INSN_CMP] = { ZYDIS_MNEMONIC_CMP },
	[INSN_TEST] = { ZYDIS_MNEMONIC_TEST },
	[INSN_INC] = { ZYDIS_MNEMONIC_INC },
	[INSN_DEC] = { ZYDIS_MNEMONIC_DEC },
	[INSN_NOT] = { ZYDIS_MNEMONIC_NOT },
	[INSN_NEG] = { ZYDIS_MNEMONIC_NEG },
	[INSN_XCHG] = { ZYDIS_MNEMONIC_XCHG },
	[INSN_XADD] = { ZYDIS_MNEMONIC_XADD },
	[INSN_CMPXCHG] = { ZYDIS_MNEMONIC_CMPXCHG },
	[INSN_BT] = { ZYDIS_MNEMONIC_BT },
	[INSN_BTS] = { ZYDIS_MNEMONIC_BTS },
	[INSN_BTR] = { ZYDIS_MNEMONIC_BTR },
	[INSN_BTC] = { ZYDIS_MNEMONIC_BTC },
	[INSN_PUSH] = { ZYDIS_MNEMONIC_PUSH },
	[INSN_POP] = { ZYDIS_MNEMONIC_POP },
	[INSN_INS] = { ZYDIS_MNEMONIC_INSB, ZYDIS_MNEMONIC_INSW, ZYDIS_MNEMONIC_INSD },
	[INSN_OUTS] = { ZYDIS_MNEMONIC_OUTSB, ZYDIS_MNEMONIC_OUTSW, ZYDIS_MNEMONIC_OUTSD },
	[INSN_IN] = { ZYDIS_MNEMONIC_IN },
	[INSN_OUT] = { ZYDIS_MNEMONIC_OUT },
	[INSN_CPUID] = { ZYDIS_MNEMONIC_CPUID },
	[INSN_HLT] = { ZYDIS_MNEMONIC_HLT },
	[INSN_RDMSR] = { ZYDIS_MNEMONIC_RDMSR },
	[INSN_WRMSR] = { ZYDIS_MNEMONIC_WRMSR },
	[INSN_RDTSC] = { ZYDIS_MNEMONIC_RDTSC },
	[INSN_RDTSCP] = { ZYDIS_MNEMONIC_RDTSCP },
	[INSN_RDPMC] = { ZYDIS_MNEMONIC_RDPMC },
	[INSN_MOV_CR] = { ZYDIS_MNEMONIC_MOV },
	[INSN_MOV_DR] = { ZYDIS_MNEMONIC_MOV },
	[INSN_CLTS] = { ZYDIS_MNEMONIC_CLTS },
	[INSN_LMSW] = { ZYDIS_MNEMONIC_LMSW },
	[INSN_SMSW] = { ZYDIS_MNEMONIC_SMSW },
	[INSN_INVLPG] = { ZYDIS_MNEMONIC_INVLPG },
	[INSN_INVD] = { ZYDIS_MNEMONIC_INVD },
	[INSN_WBINVD] = { ZYDIS_MNEMONIC_WBINVD },
	[INSN_XSETBV] = { ZYDIS_MNEMONIC_XSETBV },
	[INSN_VMCALL] = { ZYDIS_MNEMONIC_VMCALL },
	[INSN_VMMCALL] = { ZYDIS_MNEMONIC_VMMCALL },
	[INSN_PAUSE] = { ZYDIS_MNEMONIC_PAUSE },
	[INSN_MONITOR] = { ZYDIS_MNEMONIC_MONITOR },
	[INSN_MWAIT] = { ZYDIS_MNEMONIC_MWAIT },
};

static bool mnemonic_matches(const struct insn *in, ZydisMnemonic m)
{
	for (unsigned i = 0; i < ARRAY_SIZE(mnemonics[0]) && mnemonics[in->op][i]; i++) {
		if (mnemonics[in->op][i] == m)
			return true;
	}
	return false;
}

/* Whether Plinth acts on what libzydis found: then ours may not say INSN_OTHER. */
static bool is_ours(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *zo)
{
	if (z->mnemonic == ZYDIS_MNEMONIC_MOVSD && z->operand_count_visible == 2 &&
	    zo[0].type == ZYDIS_OPERAND_TYPE_REGISTER)
		return false; /* SSE2's */
	for (unsigned i = 0; i < z->operand_count_visible; i++) {
		if (zo[i].type != ZYDIS_OPERAND_TYPE_REGISTER)
			continue;
		ZydisRegisterClass c = ZydisRegisterGetClass(zo[i].reg.value);

		if (c == ZYDIS_REGCLASS_SEGMENT || c == ZYDIS_REGCLASS_XMM)
			return false;
	}
	if (z->opcode_map == ZYDIS_OPCODE_MAP_0F && (z->opcode & 0xfe) == 0x10)
		return false; /* MOVSD to memory */
	if (z->opcode_map == ZYDIS_OPCODE_MAP_0F && z->opcode == 0xc2)
		return false; /* CMPSD */
	for (unsigned op = INSN_MOV; op < INSN_OPS; op++) {
		struct insn in = { .op = op };

		if (mnemonic_matches(&in, z->mnemonic))
			return true;
	}
	return false;
}

static bool reg_equals(const struct insn_operand *o, ZydisRegister r)
{
	if (r >= ZYDIS_REGISTER_AL && r <= ZYDIS_REGISTER_BL)
		return o->size == 1 && !o->high && o->reg == r - ZYDIS_REGISTER_AL;
	if (r >= ZYDIS_REGISTER_AH && r <= ZYDIS_REGISTER_BH)
		return o->size == 1 && o->high && o->reg == r - ZYDIS_REGISTER_AH;
	if (r >= ZYDIS_REGISTER_SPL && r <= ZYDIS_REGISTER_R15B)
		return o->size == 1 && !o->high && o->reg == r - ZYDIS_REGISTER_SPL + RSP;
	return !o->high && o->reg == ZydisRegisterGetId(r) &&
	       o->size * 8 == ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, r);
}

static bool address_reg_equals(uint8_t reg, ZydisRegister r)
{
	return r == ZYDIS_REGISTER_NONE ? reg == INSN_NO_REG : reg == ZydisRegisterGetId(r);
}

static bool mem_equals(const struct insn *in, const struct insn_operand *o,
		       const ZydisDecodedOperand *z)
{
	ZydisRegister base = z->mem.base;
	bool rip = base == ZYDIS_REGISTER_RIP || base == ZYDIS_REGISTER_EIP;
	bool second =
		(in->op == INSN_MOVS && o == &in->dst) || (in->op == INSN_CMPS && o == &in->src);

	/* MOVSXD r16 takes r/m16 by the SDM, r/m32 by libzydis. */
	if (in->op != INSN_INVLPG && !(in->op == INSN_MOVSX && in->op_size == 2) &&
	    o->size * 8 != z->size)
		return false;
	if (second)
		return address_reg_equals(RDI, base) && z->mem.segment == ZYDIS_REGISTER_ES;
	return in->rip_relative == rip && (rip || address_reg_equals(in->base, base)) &&
	       (!rip || in->base == INSN_NO_REG) && address_reg_equals(in->index, z->mem.index) &&
	       (in->index == INSN_NO_REG || in->scale == z->mem.scale) &&
	       in->disp == (z->mem.disp.has_displacement ? z->mem.disp.value : 0) &&
	       in->seg == ZydisRegisterGetId(z->mem.segment);
}

static bool operand_equals(const struct insn *in, const struct insn_operand *o,
			   const ZydisDecodedOperand *z)
{
	bool is_bit_offset = in->op >= INSN_BT && in->op <= INSN_BTC;
	unsigned unused = 64 - (is_bit_offset ? 8 : in->op_size * 8);

	switch (o->kind) {
	case OPERAND_REG:
		return z->type == ZYDIS_OPERAND_TYPE_REGISTER && reg_equals(o, z->reg.value);
	case OPERAND_CONTROL:
		return z->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		       ZydisRegisterGetClass(z->reg.value) == (in->op == INSN_MOV_CR
								       ? ZYDIS_REGCLASS_CONTROL
								       : ZYDIS_REGCLASS_DEBUG) &&
		       o->reg == ZydisRegisterGetId(z->reg.value);
	case OPERAND_MEM: return z->type == ZYDIS_OPERAND_TYPE_MEMORY && mem_equals(in, o, z);
	case OPERAND_IMM:
		return z->type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
		       in->imm << unused == z->imm.value.u << unused;
	default: return false;
	}
}

static bool operands_equal(const struct insn *in, const ZydisDecodedOperand *z)
{
	if (in->dst.kind != OPERAND_NONE && !operand_equals(in, &in->dst, z++))
		return false;
	return in->src.kind == OPERAND_NONE || operand_equals(in, &in->src, z);
}

static bool prefixes_equal(const struct insn *in, const ZydisDecodedInstruction *z)
{
	return !(in->prefixes & INSN_LOCK) == !(z->attributes & ZYDIS_ATTRIB_HAS_LOCK) &&
	       in->addr_size * 8 == z->address_width;
}

static bool is_unknown_encoding(const ZydisDecodedInstruction *z)
{
	return z->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY &&
	       z->encoding != ZYDIS_INSTRUCTION_ENCODING_3DNOW;
}

/*
 * What libzydis 4.0 has wrong; processors agree with ours, see the test below. REX.B makes PAUSE an
 * XCHG with R8; and it does not make a base of "no base, 32-bit displacement" with address size 32.
 */
static bool is_known_error(const struct insn *in, const ZydisDecodedInstruction *z)
{
	if (in->op == INSN_XCHG && z->mnemonic == ZYDIS_MNEMONIC_PAUSE)
		return true;
	return in->base == INSN_NO_REG && z->address_width == 32 && z->raw.modrm.mod == 0 &&
	       z->raw.sib.base == 5 && z->raw.rex.B == 1;
}

static void processor_agrees_where_libzydis_does_not(void **state)
{
	static const uint8_t xchg[] = { 0xf3, 0x49, 0x90 };
	static const uint8_t lea[] = { 0x67, 0x43, 0x8d, 0x04, 0x05, 0x20, 0, 0, 0 };
	uint64_t a, b;
	struct insn in;

	(void)state;
	asm volatile("mov $1, %%eax; mov $2, %%r8d; .byte 0xf3, 0x49, 0x90; mov %%r8, %%rcx"
		     : "=a"(a), "=c"(b)
		     :
		     : "r8");
	assert_int_equal(a, 2);
	assert_int_equal(b, 1);
	assert_int_equal(insn_decode(xchg, sizeof(xchg), INSN_64, &in), 0);
	assert_int_equal(in.op, INSN_XCHG);

	asm volatile("mov $0x1000, %%r13d; mov $0x100, %%r8d;"
		     ".byte 0x67, 0x43, 0x8d, 0x04, 0x05, 0x20, 0, 0, 0"
		     : "=a"(a)
		     :
		     : "r8", "r13");
	assert_int_equal(a, 0x120);
	assert_int_equal(insn_decode(lea, sizeof(lea), INSN_64, &in), 0);
	assert_int_equal(in.len, sizeof(lea));
	assert_int_equal(in.base, INSN_NO_REG);
	assert_int_equal(in.index, R8);
}

static const char *difference(struct comparison *c, const uint8_t *bytes)
{
	static ZydisDecodedOperand zo[ZYDIS_MAX_OPERAND_COUNT];
	static ZydisDecodedInstruction z;
	struct insn in;
	int r = insn_decode(bytes, INSN_MAX, c->mode, &in);
	bool valid = ZYAN_SUCCESS(ZydisDecoderDecodeFull(&c->decoder, bytes, INSN_MAX, &z, zo));

	c->compared++;
	if (!valid) {
		if (r == 0 && in.op != INSN_OTHER)
			return "ours has an instruction where there is none";
		return r == 0 || r == -EINVAL || r == -ENOTSUP ? NULL : "ours has a wrong error";
	}
	if (is_unknown_encoding(&z))
		return r == -ENOTSUP ? NULL : "not refused";
	if (r)
		return "ours has no instruction";
	if (in.len != z.length)
		return "length";
	if (is_known_error(&in, &z))
		return NULL;
	if (in.op == INSN_OTHER ? is_ours(&z, zo) : !mnemonic_matches(&in, z.mnemonic))
		return "operation";
	if (in.op != INSN_OTHER && !operands_equal(&in, zo))
		return "operands";
	if (in.op != INSN_OTHER && !prefixes_equal(&in, &z))
		return "prefixes";
	c->acted_on[in.op]++;
	for (unsigned n = 0; n < in.len; n++) {
		struct insn cut;

		if (insn_decode(bytes, n, c->mode, &cut) != -EAGAIN)
			return "not -EAGAIN where it is cut";
	}
	return NULL;
}

static void print_difference(const struct comparison *c, const uint8_t *bytes, const char *what)
{
	ZydisDisassembledInstruction text;
	struct insn in = { 0 };
	int r = insn_decode(bytes, INSN_MAX, c->mode, &in);

	printf("mode %d: %s:", c->mode * 8, what);
	for (unsigned i = 0; i < INSN_MAX; i++)
		printf(" %02x", bytes[i]);
	if (!ZYAN_SUCCESS(
		    ZydisDisassembleIntel(c->decoder.machine_mode, 0, bytes, INSN_MAX, &text)))
		strcpy(text.text, "none");
	printf("\n  libzydis %u: %s; ours: %d, len %u, %s\n", text.info.length, text.text, r,
	       in.len, insn_op_name(in.op));
}

static unsigned compare(struct comparison *c, const uint8_t *bytes)
{
	const char *what = difference(c, bytes);

	if (what)
		print_difference(c, bytes, what);
	return what != NULL;
}

static void comparison_init(struct comparison *c, enum insn_mode mode)
{
	memset(c, 0, sizeof(*c));
	c->mode = mode;
	if (mode == INSN_64)
		ZydisDecoderInit(&c->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	else if (mode == INSN_32)
		ZydisDecoderInit(&c->decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	else
		ZydisDecoderInit(&c->decoder, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	random_state = 0x9e3779b97f4a7c15;
}

static void fill_random(uint8_t *bytes, unsigned from)
{
	for (; from < INSN_MAX; from++)
		bytes[from] = random_next() >> 24;
}

/* Every opcode of both maps with every ModRM byte, behind each of a few prefixes. */
static unsigned compare_all(struct comparison *c)
{
	static const uint8_t prefixes[][3] = {
		{ 0 },	     { 1, 0x66 },	{ 1, 0x67 }, { 1, 0xf2 }, { 1, 0xf3 },
		{ 1, 0x4f }, { 2, 0x66, 0x48 }, { 1, 0xf0 }, { 1, 0x64 },
	};
	unsigned differences = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(prefixes) * 512 * 256; i++) {
		const uint8_t *prefix = prefixes[i / (512 * 256)];
		unsigned n = prefix[0], opcode = i / 256 % 512;
		uint8_t bytes[INSN_MAX];

		memcpy(bytes, prefix + 1, n);
		if (opcode >= 256)
			bytes[n++] = 0x0f;
		bytes[n++] = opcode;
		bytes[n++] = i;
		fill_random(bytes, n);
		differences += compare(c, bytes);
		if (differences > 20)
			break;
	}
	return differences;
}

static unsigned compare_random(struct comparison *c)
{
	static const uint8_t prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
					    0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x66 };
	unsigned differences = 0;

	for (unsigned i = 0; i < RANDOM_STRUCTURED && differences < 20; i++) {
		uint8_t bytes[INSN_MAX];
		unsigned n = 0;

		while (n < 6 && random_next() >> 13 & 1)
			bytes[n++] = prefixes[(random_next() >> 20) % sizeof(prefixes)];
		if (c->mode == INSN_64 && (random_next() >> 13 & 1))
			bytes[n++] = 0x40 | (random_next() >> 13 & 0xf);
		if (random_next() >> 13 & 1) {
			bytes[n++] = 0x0f;
			if ((random_next() >> 13 & 7) == 0)
				bytes[n++] = random_next() >> 13 & 1 ? 0x38 : 0x3a;
		}
		fill_random(bytes, n);
		differences += compare(c, bytes);
	}
	for (unsigned i = 0; i < RANDOM_BYTES && differences < 20; i++) {
		uint8_t bytes[INSN_MAX];

		fill_random(bytes, 0);
		differences += compare(c, bytes);
	}
	return differences;
}

static void compare_mode(enum insn_mode mode)
{
	static struct comparison c;

	comparison_init(&c, mode);
	assert_int_equal(compare_all(&c), 0);
	assert_int_equal(compare_random(&c), 0);
	for (unsigned op = 0; op < INSN_OPS; op++) {
		if (!c.acted_on[op])
			print_message("no %s was seen\n", insn_op_name(op));
		assert_true(c.acted_on[op]);
	}
	print_message("%lu instructions compared\n", c.compared);
}

static void agrees_with_libzydis_16(void **state)
{
	(void)state;
	compare_mode(INSN_16);
}

static void agrees_with_libzydis_32(void **state)
{
	(void)state;
	compare_mode(INSN_32);
}

static void agrees_with_libzydis_64(void **state)
{
	(void)state;
	compare_mode(INSN_64);
}

static void length_limit_is_15(void **state)
{
	uint8_t bytes[32];
	struct insn in;

	(void)state;
	memset(bytes, 0x66, sizeof(bytes));
	for (unsigned n = 0; n < INSN_MAX; n++)
		assert_int_equal(insn_decode(bytes, n, INSN_64, &in), -EAGAIN);
	assert_int_equal(insn_decode(bytes, 15, INSN_64, &in), -EINVAL);
	assert_int_equal(insn_decode(bytes, 32, INSN_64, &in), -EINVAL);
	bytes[14] = 0x90;
	assert_int_equal(insn_decode(bytes, 15, INSN_64, &in), 0);
	assert_int_equal(in.len, 15);
	bytes[14] = 0x04; /* ADD AL, imm8: the immediate would be byte 16 */
	assert_int_equal(insn_decode(bytes, 16, INSN_64, &in), -EINVAL);
}

static void every_operation_has_a_name(void **state)
{
	(void)state;
	for (unsigned op = 0; op < INSN_OPS; op++)
		assert_non_null(insn_op_name(op));
	assert_string_equal(insn_op_name(INSN_CMPXCHG), "cmpxchg");
	assert_string_equal(insn_op_name(INSN_OPS), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(length_limit_is_15),
		cmocka_unit_test(every_operation_has_a_name),
		cmocka_unit_test(processor_agrees_where_libzydis_does_not),
		cmocka_unit_test(agrees_with_libzydis_16),
		cmocka_unit_test(agrees_with_libzydis_32),
		cmocka_unit_test(agrees_with_libzydis_64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

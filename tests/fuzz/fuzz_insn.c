/* SPDX-License-Identifier: MIT */
/* sources: vmm/insn/decode.c vmm/insn/general.c vmm/insn/forms.c vmm/insn/opcodes.c vmm/insn/exec.c vmm/insn/operand.c vmm/insn/string.c vmm/insn/alu.c */
/* runs: 200000 */
/*
 * Any bytes as an instruction, from any registers, against a tiny memory. Whatever they are: what
 * is decoded is well-formed, accesses are of sizes and addresses that the mode has, and an
 * instruction that is not done has not moved RIP.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/cr.h"
#include "lib/errno.h"
#include "vmm/insn/insn.h"

enum { MEMORY = 4096, REGISTERS = 8, CHOICES = 4 + REGISTERS * 2, RIP = 0x1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t memory[MEMORY];
static enum insn_mode mode;
static unsigned accesses, accesses_allowed;

static void check(bool good)
{
	if (!good)
		abort();
}

static bool is_size(unsigned size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static int mem(void *ctx, gva_t addr, void *data, unsigned size, bool write, bool locked)
{
	uint64_t at = addr.raw % (MEMORY - 8);

	(void)ctx;
	(void)locked;
	check(is_size(size));
	check(mode == INSN_64 ? (uint64_t)((int64_t)(addr.raw << 16) >> 16) == addr.raw
			      : addr.raw <= UINT32_MAX);
	if (accesses++ >= accesses_allowed)
		return INSN_FAULT;
	memcpy(write ? (void *)(memory + at) : data, write ? data : (void *)(memory + at), size);
	return 0;
}

static int io(void *ctx, uint16_t port, uint32_t *data, unsigned size, bool write)
{
	(void)ctx;
	check(size == 1 || size == 2 || size == 4);
	if (!write)
		*data = port * 0x01010101u;
	return accesses++ >= accesses_allowed ? INSN_FAULT : 0;
}

static int probe(void *ctx, gva_t addr, unsigned size, bool write)
{
	(void)ctx;
	(void)addr;
	check(is_size(size) && write);
	return 0;
}

static void segment(void *ctx, enum vseg seg, struct segment *s)
{
	*s = *(struct segment *)ctx;
	check(seg <= VSEG_GS);
}

static void raise(void *ctx, uint8_t vector, bool has_error, uint32_t error)
{
	(void)ctx;
	check((vector == VEC_GP || vector == VEC_SS) && has_error && error == 0);
}

static void check_operand(const struct insn *in, const struct insn_operand *o)
{
	check(o->kind <= OPERAND_CONTROL);
	if (o->kind != OPERAND_NONE)
		check(is_size(o->size));
	if (o->kind == OPERAND_REG || o->kind == OPERAND_CONTROL)
		check(o->reg < GPRS);
	if (o->high)
		check(o->size == 1 && o->reg < 4);
	if (o->kind == OPERAND_MEM)
		check(in->seg <= VSEG_GS && (in->base < GPRS || in->base == INSN_NO_REG));
}

static void check_decoded(const uint8_t *bytes, unsigned n, const struct insn *in)
{
	struct insn again;

	check(in->len >= 1 && in->len <= n && in->len <= INSN_MAX && in->op < INSN_OPS);
	check(is_size(in->op_size));
	check(in->addr_size == 2 || in->addr_size == 4 || in->addr_size == 8);
	check(mode == INSN_64 ? in->addr_size != 2 : in->addr_size != 8);
	check(in->index == INSN_NO_REG || (in->index < GPRS && is_size(in->scale)));
	check_operand(in, &in->dst);
	check_operand(in, &in->src);
	/* Its own bytes are all that it depends on. */
	check(insn_decode(bytes, in->len, mode, &again) == 0);
	check(memcmp(&again, in, sizeof(again)) == 0);
	check(insn_decode(bytes, in->len - 1u, mode, &again) == -EAGAIN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum insn_mode modes[] = { INSN_16, INSN_32, INSN_64, INSN_64 };
	uint64_t gpr[GPRS], rip = RIP, rflags;
	struct segment seg = { 0 };
	struct insn in;

	if (size < CHOICES)
		return 0;
	mode = modes[data[0] % ARRAY_SIZE(modes)];
	seg.attr = SEG_P | SEG_S | (data[0] >> 2 & SEG_TYPE);
	seg.limit = (uint32_t)data[1] << (data[0] & 3) * 8 | 0xff;
	seg.base = data[1] * 0x10001;
	rflags = RFLAGS_FIXED | (data[2] & 1 ? RFLAGS_DF : 0) | (data[2] & 2 ? RFLAGS_CF : 0);
	accesses = 0;
	accesses_allowed = data[3];
	for (unsigned i = 0; i < GPRS; i++) {
		const uint8_t *p = data + 4 + i % REGISTERS * 2;

		gpr[i] = (uint64_t)p[0] << (p[1] & 63) | (p[1] & 64 ? ~0xffffull : 0);
	}
	data += CHOICES, size -= CHOICES;

	/* An exact block, so that a read beyond it shows. */
	unsigned n = MIN(size, INSN_MAX);
	uint8_t *bytes = malloc(n + !n);

	memcpy(bytes, data, n);
	if (insn_decode(bytes, n, mode, &in) == 0) {
		struct insn_machine m = { .gpr = gpr,
					  .rip = &rip,
					  .rflags = &rflags,
					  .mode = mode,
					  .ctx = &seg,
					  .mem = mem,
					  .io = io,
					  .segment = segment,
					  .raise = raise,
					  .probe = data[-1] & 1 ? probe : NULL };

		check_decoded(bytes, n, &in);

		int r = insn_exec(&in, &m);

		check(r == INSN_DONE || r == INSN_FAULT || r == INSN_AGAIN || r == -ENOTSUP);
		check(rip == (r == INSN_DONE ? RIP + in.len : (uint64_t)RIP));
	}
	free(bytes);
	return 0;
}

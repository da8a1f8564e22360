// SPDX-License-Identifier: MIT
/* x87, SSE, AVX and AVX-512 registers outlive exits and sleep; MXCSR, XCR0 and XSETBV's rules. */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

void fpu_load_xmm(const void *from);
void fpu_store_xmm(void *to);
void fpu_load_ymm(const void *from);
void fpu_store_ymm(void *to);
void fpu_load_zmm(const void *from);
void fpu_store_zmm(void *to);
void fpu_load_x87(const void *from);
void fpu_store_x87(void *to);

enum { XCR0_X87 = 1, XCR0_SSE = 2, XCR0_AVX = 4, XCR0_AVX512 = 0xe0, XSAVE_BIT = 26, TURNS = 50 };
enum { MXCSR_DEFAULT = 0x1f80, MXCSR_ROUND_UP = 0x5f80, MXCSR_RESERVED = 0x10000 };

static uint8_t want[1024] __attribute__((aligned(64))), got[1024] __attribute__((aligned(64)));

struct file {
	const char *name;
	void (*load)(const void *from);
	void (*store)(void *to);
	unsigned bytes;
	uint64_t xcr0;
};

static const struct file files[] = {
	{ "x87", fpu_load_x87, fpu_store_x87, 64, XCR0_X87 },
	{ "SSE", fpu_load_xmm, fpu_store_xmm, 256, XCR0_X87 | XCR0_SSE },
	{ "AVX", fpu_load_ymm, fpu_store_ymm, 512, XCR0_X87 | XCR0_SSE | XCR0_AVX },
	{ "AVX-512", fpu_load_zmm, fpu_store_zmm, 1024,
	  XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512 },
};

static void many_exits(void)
{
	for (int i = 0; i < TURNS; i++) {
		cpuid(0, 0);
		inb(PORT_61);
		outb(COM1 + UART_SCR, 0);
		rdmsr(MSR_APIC_BASE);
		mmio_read32(IOAPIC_BASE);
	}
}

static void sleep(void)
{
	time_sleep_ms(6);
}

static void test_file(const struct file *f, void (*disturb)(void), const char *how)
{
	for (unsigned i = 0; i < f->bytes; i++)
		want[i] = (uint8_t)(i * 7 + 1) & 0x7f;
	memset(got, 0, sizeof(got));
	f->load(want);
	disturb();
	f->store(got);
	if (!check_true("registers are kept", !memcmp(want, got, f->bytes)))
		print("  (%s, %s)\n", f->name, how);
}

static uint32_t read_mxcsr(void)
{
	uint32_t v;

	asm volatile("stmxcsr %0" : "=m"(v));
	return v;
}

static void write_mxcsr(uint64_t v)
{
	uint32_t low = (uint32_t)v;

	asm volatile("ldmxcsr %0" ::"m"(low));
}

static void test_control_words(void)
{
	uint16_t fcw = 0x27f, seen;

	write_mxcsr(MXCSR_ROUND_UP);
	asm volatile("fninit; fldcw %0" ::"m"(fcw));
	many_exits();
	sleep();
	check_eq("MXCSR is kept", MXCSR_ROUND_UP, read_mxcsr());
	asm volatile("fnstcw %0" : "=m"(seen));
	check_eq("the x87's control word is kept", fcw, seen);
	check_known("MXCSR with a reserved bit", VEC_GP, trap_run(write_mxcsr, MXCSR_RESERVED),
		    VEC_NONE, "QEMU TCG");
	write_mxcsr(MXCSR_DEFAULT);
	asm volatile("fninit");
}

static void do_xsetbv0(uint64_t v)
{
	xsetbv(0, v);
}

static void do_xsetbv1(uint64_t v)
{
	xsetbv(1, v);
}

static void do_avx(uint64_t arg)
{
	(void)arg;
	asm volatile("vpxor %xmm0, %xmm0, %xmm0");
}

static void test_xsetbv(uint64_t all)
{
	struct {
		const char *name;
		uint64_t value;
		bool offered;
	} const bad[] = {
		{ "XCR0 = 0", 0, true },
		{ "XCR0 without x87", XCR0_SSE, true },
		{ "XCR0 with AVX, without SSE", XCR0_X87 | XCR0_AVX, all & XCR0_AVX },
		{ "XCR0 with a part of AVX-512", XCR0_X87 | XCR0_SSE | XCR0_AVX | 0x20, true },
		{ "XCR0 with a bit that is not offered", all | 1ull << 62, true },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (bad[i].offered)
			check_known(bad[i].name, VEC_GP, trap_run(do_xsetbv0, bad[i].value),
				    VEC_NONE, "QEMU TCG");
		check_eq("XCR0 afterwards", XCR0_X87 | XCR0_SSE, xgetbv(0));
	}
	check_eq("XCR1", VEC_GP, trap_run(do_xsetbv1, 1));
	if (!(all & XCR0_AVX))
		return;
	check_eq("AVX with its XCR0 bit off", VEC_UD, trap_run(do_avx, 0));
	xsetbv(0, XCR0_X87 | XCR0_SSE | XCR0_AVX);
	check_eq("AVX with its XCR0 bit on", VEC_NONE, trap_run(do_avx, 0));
	many_exits();
	sleep();
	check_eq("XCR0 is kept", XCR0_X87 | XCR0_SSE | XCR0_AVX, xgetbv(0));
	xsetbv(0, XCR0_X87 | XCR0_SSE);
}

void guest_main(void)
{
	uint64_t all = XCR0_X87 | XCR0_SSE;
	bool xsave = cpuid(1, 0).ecx & 1u << XSAVE_BIT;

	apic_init();
	time_tsc_per_ms();
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	test_control_words();
	if (!xsave)
		check_eq("XSETBV without CR4.OSXSAVE", VEC_UD, trap_run(do_xsetbv0, 1));
	if (xsave) {
		write_cr4(read_cr4() | CR4_OSXSAVE);
		all = (uint64_t)cpuid(0xd, 0).edx << 32 | cpuid(0xd, 0).eax;
		check_eq("XCR0 at the start", XCR0_X87, (xgetbv(0) & ~(uint64_t)XCR0_SSE));
		xsetbv(0, XCR0_X87 | XCR0_SSE);
		test_xsetbv(all);
	}
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if ((files[i].xcr0 & all) != files[i].xcr0)
			continue;
		if (xsave)
			xsetbv(0, files[i].xcr0 | XCR0_SSE);
		print("%s\n", files[i].name);
		test_file(&files[i], many_exits, "many exits");
		test_file(&files[i], sleep, "HLT and a timer");
	}
}

// SPDX-License-Identifier: MIT
/* Debug registers: they hold, breakpoints fire on code, data and across exits, and DR7.GD works. */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { DR7_L0 = 1, DR7_L1 = 4, DR7_RW_WRITE = 1, DR7_RW_ACCESS = 3 };
enum { DR7_RW0 = 16, DR7_LEN0 = 18, LEN4 = 3, DR6_B0 = 1, DR6_B1 = 2 };

static volatile uint64_t dr6_seen, rip_seen, hits;
static volatile uint32_t target;

extern char debug_here[], debug_there[];
asm("debug_here: nop\n	ret\n"
    "debug_there: cpuid\n	ret\n");

static void take(struct trap_frame *f)
{
	dr6_seen = read_dr6();
	rip_seen = f->rip;
	hits++;
	write_dr6(DR6_FIXED);
	f->rflags |= RFLAGS_RF;
}

static void test_hold(void)
{
	write_dr0(0x1000);
	write_dr1(0xffff800000001234);
	write_dr2(0x3000);
	write_dr3(0x4000);
	cpuid(0, 0);
	time_sleep_ms(4);
	check_eq("DR0", 0x1000, read_dr0());
	check_eq("DR1", 0xffff800000001234, read_dr1());
	check_eq("DR2", 0x3000, read_dr2());
	check_eq("DR3", 0x4000, read_dr3());
	check_eq("DR7 at the start", DR7_FIXED, read_dr7());
	write_dr6(DR6_FIXED | DR6_B1);
	check_eq("DR6 holds", DR6_FIXED | DR6_B1, read_dr6());
	write_dr6(DR6_FIXED);
	check_eq("DR6 clear", DR6_FIXED, read_dr6());
}

static void call(const char *code)
{
	asm volatile("push %%rbx; call *%0; pop %%rbx" ::"r"(code), "a"(0), "c"(0)
		     : "rdx", "memory", "cc");
}

static void test_code(void)
{
	hits = 0;
	write_dr0((uint64_t)debug_here);
	write_dr7(DR7_FIXED | DR7_L0);
	call(debug_here);
	check_eq("a breakpoint on code: hits", 1, hits);
	check_eq("  RIP", (uint64_t)debug_here, rip_seen);
	check_eq("  DR6", DR6_B0, dr6_seen & 15);
	hits = 0;
	write_dr0((uint64_t)debug_there);
	call(debug_there);
	check_eq("a breakpoint on CPUID: hits", 1, hits);
	check_eq("  RIP", (uint64_t)debug_there, rip_seen);
	write_dr7(DR7_FIXED);
	hits = 0;
	call(debug_there);
	check_eq("a breakpoint that is off: hits", 0, hits);
}

static void test_data(void)
{
	write_dr1((uint64_t)&target);
	write_dr7(DR7_FIXED | DR7_L1 | DR7_RW_WRITE << (DR7_RW0 + 4) | LEN4 << (DR7_LEN0 + 4));
	cpuid(0, 0);
	inb(PORT_61);
	time_sleep_ms(4);
	hits = 0;
	target = 1;
	check_eq("a breakpoint on a store: hits", 1, hits);
	check_eq("  DR6", DR6_B1, dr6_seen & 15);
	hits = target & 0;
	check_eq("a load does not hit it", 0, hits);
	write_dr7(DR7_FIXED | DR7_L1 | DR7_RW_ACCESS << (DR7_RW0 + 4) | LEN4 << (DR7_LEN0 + 4));
	hits = 0;
	(void)target;
	check_eq("a breakpoint on access: hits of a load", 1, hits);
	write_dr7(DR7_FIXED);
}

static void read_a_debug_register(uint64_t arg)
{
	(void)arg;
	read_dr0();
}

static void test_general_detect(void)
{
	trap_set_handler(VEC_DB, 0);
	write_dr7(DR7_FIXED | DR7_GD);
	check_known("DR7.GD: an access to a debug register", VEC_DB,
		    trap_run(read_a_debug_register, 0), VEC_NONE, "QEMU TCG");
	if (trap_last.frame.vector == VEC_DB) {
		check_eq("  DR6.BD", DR6_BD, trap_last.dr6 & DR6_BD);
		check_eq("  DR7.GD is off in the handler", 0, read_dr7() & DR7_GD);
	}
	write_dr7(DR7_FIXED);
	write_dr6(DR6_FIXED);
}

static void access_dr4(uint64_t arg)
{
	(void)arg;
	asm volatile("mov %%dr4, %%rax" ::: "rax");
}

static void write_dr7_high(uint64_t v)
{
	write_dr7(v);
}

void guest_main(void)
{
	apic_init();
	time_tsc_per_ms();
	trap_set_handler(VEC_DB, take);
	test_hold();
	test_code();
	test_data();
	test_general_detect();
	write_cr4(read_cr4() | CR4_DE);
	check_eq("DR4 with CR4.DE", VEC_UD, trap_run(access_dr4, 0));
	write_cr4(read_cr4() & ~CR4_DE);
	check_eq("DR4 without CR4.DE is DR6", VEC_NONE, trap_run(access_dr4, 0));
	check_known("DR7's high half", VEC_GP, trap_run(write_dr7_high, DR7_FIXED | 1ull << 32),
		    VEC_NONE, "QEMU TCG");
	write_dr7(DR7_FIXED);
}

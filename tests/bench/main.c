// SPDX-License-Identifier: MIT
/*
 * What instructions that a hypervisor may have to emulate cost their guest: RDTSC before and after,
 * the least of many runs, less what the pair of RDTSC costs itself. With an emulator that counts
 * instructions the numbers are instructions, and the same in every run. It needs nothing but a PC.
 * A line a kind: `name instructions`, or `name -` where this machine does not have it.
 */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/trap.h"

enum {
	RUNS = 60,
	IPI_VECTOR = 0x50,
	EOI_VECTOR = 0x51,
	TIMER_VECTOR = 0x52,
	ABSENT_PAGE = 0x100000,
	TOUCH_FROM = 32 << 20,
	TOUCH_STEP = 2 << 20,
	TOUCH_KIB = 100 << 10, /* memory above 1 MiB that first-touch needs */
	HLT_COUNT = 200000,
};

void bench_irq(void);
void bench_irq_x2apic(void);
void bench_page_fault(void);
void bench_load(uint64_t va);
void bench_syscall(void);
void bench_syscall_entry(void);
void bench_sysret(uint64_t user_rip);
void bench_sysret_entry(void);
extern volatile uint32_t bench_taken;

static uint32_t emulated_msr, eoi_ticks, touch_next, tsc_per_256_counts;
static uint64_t user_code;
static bool amd;

/* No LFENCE: it would be counted, and where instructions are counted it orders nothing. */
static inline uint32_t ticks(void)
{
	uint32_t lo;

	asm volatile("rdtsc" : "=a"(lo)::"edx", "memory");
	return lo;
}

/* Makes the function that times one statement. */
#define TIMED(name, statement)            \
	static uint32_t time_##name(void) \
	{                                 \
		uint32_t start = ticks(); \
		statement;                \
		return ticks() - start;   \
	}

TIMED(nothing, )
TIMED(cpuid, cpuid(0, 0))
TIMED(vmcall, asm volatile("vmcall" ::"a"(0) : "memory"))
TIMED(vmmcall, asm volatile("vmmcall" ::"a"(0) : "memory"))
TIMED(port_read, inb(COM1 + UART_SCR))
TIMED(port_write, outb(COM1 + UART_SCR, 0))
TIMED(port_unclaimed, inb(PORT_UNCLAIMED))
TIMED(port_unclaimed_write, outb(PORT_UNCLAIMED, 0))
TIMED(msr_read, rdmsr(emulated_msr))
TIMED(msr_write, wrmsr(MSR_TSC_ADJUST, 0))
TIMED(apic_base_read, rdmsr(MSR_APIC_BASE))
TIMED(apic_tpr_write, mmio_write32(LAPIC_BASE + LAPIC_TPR, 0))
TIMED(timer_arm, mmio_write32(LAPIC_BASE + LAPIC_TIMER_INIT, 0x7fffffff))
TIMED(x2apic_timer_arm, wrmsr(MSR_X2APIC + LAPIC_TIMER_INIT / 16, 0x7fffffff))
TIMED(tsc_deadline_arm, wrmsr(MSR_TSC_DEADLINE, ~0ull >> 1))
TIMED(mmio_store, mmio_write32(IOAPIC_BASE + IOREGSEL, 0))
TIMED(mmio_load, mmio_read32(IOAPIC_BASE + IOREGSEL))
TIMED(cr3_write, write_cr3((uint64_t)paging_pml4))
TIMED(cr8_write, write_cr8(0))
TIMED(invlpg, invlpg(PAGING_FREE_VA))
TIMED(page_fault, bench_load(PAGING_FREE_VA + ABSENT_PAGE))
TIMED(rdtsc, asm volatile("rdtsc" ::: "eax", "edx", "memory"))
TIMED(rdtscp, asm volatile("rdtscp" ::: "eax", "ecx", "edx", "memory"))
TIMED(fs_base, wrmsr(MSR_FS_BASE, 0))
TIMED(gs_base, wrmsr(MSR_GS_BASE, 0))
TIMED(efer_read, rdmsr(MSR_EFER))
TIMED(swapgs, asm volatile("swapgs" ::: "memory"))
TIMED(syscall, asm volatile("call bench_syscall" ::: "rcx", "r11", "memory"))
TIMED(sysret, asm volatile("call bench_sysret" ::"D"(user_code) : "rcx", "r11", "memory"))
TIMED(wp, write_cr0(read_cr0() & ~CR0_WP); write_cr0(read_cr0() | CR0_WP))
TIMED(pge, write_cr4(read_cr4() & ~CR4_PGE); write_cr4(read_cr4() | CR4_PGE))
TIMED(ts, write_cr0(read_cr0() | CR0_TS); asm volatile("clts"))
TIMED(wbinvd, asm volatile("wbinvd" ::: "memory"))
TIMED(pause, asm volatile("pause"))
TIMED(dr7_write, write_dr7(DR7_FIXED))
TIMED(pic_read, inb(PIC1_DATA))

static uint32_t time_first_touch(void)
{
	volatile uint8_t *at = (volatile uint8_t *)(uint64_t)touch_next;
	uint32_t start;

	touch_next += TOUCH_STEP;
	start = ticks();
	*at = 1;
	return ticks() - start;
}

static uint32_t time_ipi(void)
{
	uint32_t start, before = bench_taken;

	asm volatile("sti; nop");
	start = ticks();
	mmio_write32(LAPIC_BASE + LAPIC_ICR, ICR_SELF | ICR_ASSERT | IPI_VECTOR);
	while (bench_taken == before)
		;
	start = ticks() - start;
	irq_disable();
	return start;
}

static uint32_t time_ipi_hlt(void)
{
	uint32_t start;

	start = ticks();
	mmio_write32(LAPIC_BASE + LAPIC_ICR, ICR_SELF | ICR_ASSERT | IPI_VECTOR);
	asm volatile("sti; hlt" ::: "memory");
	start = ticks() - start;
	irq_disable();
	return start;
}

static uint32_t time_x2apic_ipi(void)
{
	uint32_t start, before = bench_taken;

	asm volatile("sti; nop");
	start = ticks();
	wrmsr(MSR_X2APIC + LAPIC_SELF_IPI / 16, IPI_VECTOR);
	while (bench_taken == before)
		;
	start = ticks() - start;
	irq_disable();
	return start;
}

static uint32_t time_x2apic_ipi_hlt(void)
{
	uint32_t start;

	start = ticks();
	wrmsr(MSR_X2APIC + LAPIC_SELF_IPI / 16, IPI_VECTOR);
	asm volatile("sti; hlt" ::: "memory");
	start = ticks() - start;
	irq_disable();
	return start;
}

static void eoi_by_mmio(struct trap_frame *f)
{
	uint32_t start = ticks();

	(void)f;
	mmio_write32(LAPIC_BASE + LAPIC_EOI, 0);
	eoi_ticks = ticks() - start;
}

static void eoi_by_msr(struct trap_frame *f)
{
	uint32_t start = ticks();

	(void)f;
	wrmsr(MSR_X2APIC + LAPIC_EOI / 16, 0);
	eoi_ticks = ticks() - start;
}

static uint32_t time_eoi(void)
{
	uint32_t before = trap_count[EOI_VECTOR];

	apic_send_self(EOI_VECTOR);
	irq_enable();
	while (trap_count[EOI_VECTOR] == before)
		pause();
	irq_disable();
	return eoi_ticks;
}

/* From the moment at which the timer runs out to the instruction behind the HLT. */
static uint32_t time_hlt_wake(void)
{
	uint32_t start;

	start = ticks();
	mmio_write32(LAPIC_BASE + LAPIC_TIMER_INIT, HLT_COUNT);
	asm volatile("sti; hlt" ::: "memory");
	start = ticks() - start;
	irq_disable();
	return start - (uint32_t)((uint64_t)HLT_COUNT * tsc_per_256_counts / 256);
}

/* How the APIC timer's clock relates to the TSC. */
static void calibrate_timer(void)
{
	uint32_t count, start;

	apic_write(LAPIC_LVT_TIMER, LVT_MASKED | TIMER_VECTOR);
	apic_write(LAPIC_TIMER_INIT, 0xffffffff);
	count = apic_read(LAPIC_TIMER_CURRENT);
	start = ticks();
	for (int i = 0; i < 3000000; i++)
		pause();
	count -= apic_read(LAPIC_TIMER_CURRENT);
	start = ticks() - start;
	apic_write(LAPIC_TIMER_INIT, 0);
	tsc_per_256_counts = count ? (uint32_t)((uint64_t)start * 256 / count) : 0;
}

static uint32_t overhead;

static void report(const char *name, uint32_t (*time)(void), unsigned runs)
{
	uint32_t least = ~0u, t;

	for (unsigned i = 0; i < runs; i++) {
		t = time();
		least = t < least ? t : least;
	}
	print("%s %u\n", name, least > overhead ? least - overhead : 0);
}

static void report_if(bool offered, const char *name, uint32_t (*time)(void))
{
	if (offered)
		report(name, time, RUNS);
	else
		print("%s -\n", name);
}

static void try_hypercall(uint64_t arg)
{
	(void)arg;
	if (amd)
		asm volatile("vmmcall" ::"a"(0) : "memory");
	else
		asm volatile("vmcall" ::"a"(0) : "memory");
}

static void try_rdmsr(uint64_t msr)
{
	rdmsr((uint32_t)msr);
}

static void try_rdtscp(uint64_t arg)
{
	(void)arg;
	asm volatile("rdtscp" ::: "eax", "ecx", "edx");
}

static void set_up(void)
{
	uint8_t *code = page_alloc();

	amd = cpuid(0, 0).ebx == 0x68747541; /* "Auth" of AuthenticAMD */
	code[0] = 0x0f;			     /* syscall */
	code[1] = 0x05;
	user_code = PAGING_FREE_VA;
	page_map(user_code, (uint64_t)code, PTE_P | PTE_U);
	page_map(PAGING_FREE_VA + ABSENT_PAGE, 0, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_STAR, (uint64_t)(SEL_USER_CODE32 | RPL3) << 48 | (uint64_t)SEL_CODE64 << 32);
	wrmsr(MSR_SFMASK, RFLAGS_IF);
	apic_init();
	calibrate_timer();
	trap_set_stub(IPI_VECTOR, bench_irq);
	trap_set_stub(TIMER_VECTOR, bench_irq);
	trap_set_handler(EOI_VECTOR, eoi_by_mmio);
	overhead = time_nothing();
	for (int i = 0; i < RUNS; i++) {
		uint32_t t = time_nothing();

		overhead = t < overhead ? t : overhead;
	}
	print("overhead %u\n", overhead);
}

static void bench_exits(void)
{
	bool has_adjust = trap_run(try_rdmsr, MSR_TSC_ADJUST) == VEC_NONE;

	emulated_msr = has_adjust ? MSR_TSC_ADJUST : MSR_APIC_BASE;
	report("cpuid", time_cpuid, RUNS);
	report_if(trap_run(try_hypercall, 0) == VEC_NONE, "hypercall",
		  amd ? time_vmmcall : time_vmcall);
	report("port-read", time_port_read, RUNS);
	report("port-write", time_port_write, RUNS);
	report("port-unclaimed", time_port_unclaimed, RUNS);
	report("port-unclaimed-write", time_port_unclaimed_write, RUNS);
	report("pic-read", time_pic_read, RUNS);
	report("msr-read", time_msr_read, RUNS);
	report_if(has_adjust, "msr-write", time_msr_write);
	report("apic-base-read", time_apic_base_read, RUNS);
	report("mmio-store", time_mmio_store, RUNS);
	report("mmio-load", time_mmio_load, RUNS);
	report("wbinvd", time_wbinvd, RUNS);
}

static void bench_apic(void)
{
	report("apic-eoi", time_eoi, RUNS);
	report("apic-tpr-write", time_apic_tpr_write, RUNS);
	report("apic-timer-arm", time_timer_arm, RUNS);
	apic_write(LAPIC_TIMER_INIT, 0);
	report("self-ipi", time_ipi, RUNS);
	report("self-ipi-hlt", time_ipi_hlt, RUNS);
	apic_write(LAPIC_LVT_TIMER, TIMER_VECTOR);
	report("hlt-wake", time_hlt_wake, RUNS);
	if (apic_has_tsc_deadline())
		apic_write(LAPIC_LVT_TIMER, LVT_TSC_DEADLINE | TIMER_VECTOR);
	report_if(apic_has_tsc_deadline(), "tsc-deadline-arm", time_tsc_deadline_arm);
	apic_write(LAPIC_LVT_TIMER, LVT_MASKED);
}

static void bench_x2apic(void)
{
	bool offered = apic_has_x2apic();

	if (offered) {
		apic_enter_x2apic();
		trap_set_stub(IPI_VECTOR, bench_irq_x2apic);
		trap_set_handler(EOI_VECTOR, eoi_by_msr);
	}
	report_if(offered, "x2apic-eoi", time_eoi);
	report_if(offered, "x2apic-timer-arm", time_x2apic_timer_arm);
	report_if(offered, "x2apic-self-ipi", time_x2apic_ipi);
	report_if(offered, "x2apic-self-ipi-hlt", time_x2apic_ipi_hlt);
	if (offered) {
		apic_write(LAPIC_TIMER_INIT, 0);
		apic_leave_x2apic();
	}
}

/* What hardware can spare the exit: each should cost about what it costs on the bare machine. */
static void bench_no_exits(void)
{
	trap_set_stub(VEC_PF, bench_page_fault);
	report("cr3-write", time_cr3_write, RUNS);
	report("cr8-write", time_cr8_write, RUNS);
	report("invlpg", time_invlpg, RUNS);
	report("page-fault", time_page_fault, RUNS);
	report("rdtsc", time_rdtsc, RUNS);
	report_if(trap_run(try_rdtscp, 0) == VEC_NONE, "rdtscp", time_rdtscp);
	report("fs-base-write", time_fs_base, RUNS);
	report("gs-base-write", time_gs_base, RUNS);
	report("efer-read", time_efer_read, RUNS);
	report("swapgs", time_swapgs, RUNS);
	wrmsr(MSR_LSTAR, (uint64_t)bench_syscall_entry);
	report("syscall", time_syscall, RUNS);
	wrmsr(MSR_LSTAR, (uint64_t)bench_sysret_entry);
	report("sysret-syscall", time_sysret, RUNS);
	report("cr0-wp-twice", time_wp, RUNS);
	report("cr4-pge-twice", time_pge, RUNS);
	report("cr0-ts-twice", time_ts, RUNS);
	report("dr7-write", time_dr7_write, RUNS);
	report("pause", time_pause, RUNS);
}

/* The 2 MiB steps find memory that no larger page of the nested tables has brought in yet. */
static void bench_memory(void)
{
	enum { MEM_UPPER = 8, TOUCHES = 20 };
	const uint8_t *info = (const uint8_t *)(uint64_t)boot_multiboot_info;
	uint32_t upper_kib = 0;

	if (info)
		memcpy(&upper_kib, info + MEM_UPPER, sizeof(upper_kib));
	touch_next = TOUCH_FROM;
	if (upper_kib >= TOUCH_KIB)
		report("first-touch", time_first_touch, TOUCHES);
	else
		print("first-touch -\n");
}

void guest_main(void)
{
	set_up();
	bench_memory();
	bench_exits();
	bench_apic();
	bench_x2apic();
	bench_no_exits();
}

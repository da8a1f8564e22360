// SPDX-License-Identifier: MIT
/*
 * Rounds whose code is the guest's own and only the operands are bad. Each act runs in trap_run(),
 * so that a fault ends that act and no more.
 */
#include "hostile.h"
#include "lib/apic.h"
#include "lib/cmos.h"
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/trap.h"

enum { ACTS = 24, PM1_CONTROL = 0x604, PORT_BYTES = 4 };
enum { NMIS_MAX = 50 };

/*
 * Whether an access of up to 4 bytes there would end the machine for good or undo the counting of
 * rounds: the exit port, the sleep register, CMOS. To cut off the branch one sits on is no attack.
 */
bool is_spared(uint16_t port)
{
	static const uint16_t spared[] = { PORT_EXIT,	PORT_EXIT + PORT_BYTES - 1,
					   PM1_CONTROL, PM1_CONTROL + 1,
					   CMOS_INDEX,	CMOS_DATA };

	for (unsigned i = 0; i < sizeof(spared) / sizeof(spared[0]); i++) {
		if ((uint16_t)(spared[i] - port) < PORT_BYTES)
			return true;
	}
	return false;
}

static uint16_t random_port(void)
{
	static const uint16_t known[] = {
		0x00,  0x20,  0x21,  0x40,  0x42,  0x43,  0x60,	 0x61,	 0x64,
		0x80,  0x92,  0xa0,  0xa1,  0xe9,  0x2f8, 0x3f8, 0x3fa,	 0x3fb,
		0x4d0, 0x600, 0x601, 0x608, 0xcf8, 0xcf9, 0xcfc, 0xffff, 0x5658,
	};
	uint16_t port;

	do {
		port = (uint16_t)random_next();
		if (random_below(2))
			port = (uint16_t)(known[port % (sizeof(known) / sizeof(known[0]))] +
					  random_below(8) - 2);
	} while (is_spared(port));
	return port;
}

/* Restarting the machine is one act too many for each round to have it. */
bool is_reset_likely(uint16_t port)
{
	return port == I8042_CMD || (uint16_t)(PORT_92 - port) < PORT_BYTES ||
	       (uint16_t)(PORT_CF9 - port) < PORT_BYTES;
}

void round_ports(void)
{
	for (unsigned i = 0; i < 8 * ACTS; i++) {
		uint16_t port = random_port();
		uint32_t value = (uint32_t)random_value();

		if (is_reset_likely(port) && random_below(16))
			continue;
		switch (random_below(6)) {
		case 0: outb(port, (uint8_t)value); break;
		case 1: outw(port, (uint16_t)value); break;
		case 2: outl(port, value); break;
		case 3: inb(port); break;
		case 4: inw(port); break;
		default: inl(port); break;
		}
	}
}

void run_form(uint64_t arg)
{
	const struct form *f = (const struct form *)arg;

	f->run(f->a, f->b, f->count);
}

uint64_t random_count(void)
{
	static const uint64_t counts[] = {
		0, 1, 2, 255, 256, 257, 4096, 100000, 0xffffffff, ~0ull
	};

	return random_below(4) ? random_below(16)
			       : counts[random_below(sizeof(counts) / sizeof(counts[0]))];
}

uint64_t window_address(void)
{
	return WINDOW + random_below(2 * PAGE_SIZE + 16) - 8;
}

void map_window(uint64_t pa)
{
	page_map(WINDOW, pa & PTE_ADDR, PTE_P | PTE_W | PTE_U);
	page_map(WINDOW + PAGE_SIZE, (pa + PAGE_SIZE) & PTE_ADDR, PTE_P | PTE_W | PTE_U);
}

static void act(const struct form *f)
{
	wrmsr(MSR_FS_BASE, random_below(2) ? 0 : random_next() >> 17);
	wrmsr(MSR_GS_BASE, random_below(2) ? 0 : random_next() >> 17);
	watchdog_start();
	trap_run(run_form, (uint64_t)f);
}

void round_string_io(void)
{
	map_window(BUFFER);
	for (unsigned i = 0; i < ACTS; i++) {
		struct form f = { .run = string_forms[random_below(string_form_count)],
				  .a = window_address(),
				  .count = random_count() };

		do
			f.b = random_port();
		while (is_reset_likely((uint16_t)f.b));
		act(&f);
	}
}

static void msr_read(uint64_t msr)
{
	rdmsr((uint32_t)msr);
}

static uint64_t msr_value;

static void msr_write(uint64_t msr)
{
	wrmsr((uint32_t)msr, msr_value);
}

/* EFER and the APIC's base have rounds of their own. */
void round_msrs(void)
{
	static const struct {
		uint32_t first, count;
	} ranges[] = { { 0, 0x20 },	     { 0x30, 0x60 },	   { 0xc0, 0x50 },
		       { 0x170, 0x40 },	     { 0x1a0, 0x10 },	   { 0x1d0, 0x20 },
		       { 0x200, 0x100 },     { 0x300, 0x20 },	   { 0x380, 0x20 },
		       { 0x400, 0x80 },	     { 0x480, 0x20 },	   { 0x600, 0x40 },
		       { 0x6e0, 1 },	     { 0x800, 0x100 },	   { 0xd90, 0x30 },
		       { 0xc0000080, 0x10 }, { 0xc0000100, 8 },	   { 0xc0010000, 0x80 },
		       { 0xc0010100, 0x40 }, { 0xc0011000, 0x40 }, { 0x40000000, 0x120 },
		       { 0x4b564d00, 8 },    { 0, 0xffffffff } };
	uint32_t msr;

	for (unsigned i = 0; i < 4 * ACTS; i++) {
		unsigned r = random_below(sizeof(ranges) / sizeof(ranges[0]));

		msr = ranges[r].first + random_below(ranges[r].count);
		trap_run(msr_read, msr);
		msr_value = random_value();
		trap_run(msr_write, msr);
		/* SYSCALL's and the segments' bases are put back by nobody else. */
		asm volatile("mov %w0, %%fs; mov %w0, %%gs" ::"r"(0));
	}
	/* All of the APIC's in its other mode. */
	wrmsr(MSR_APIC_BASE, LAPIC_BASE | 1 << 8 | 3 << 10);
	for (unsigned i = 0; i < ACTS; i++) {
		msr = MSR_X2APIC + random_below(0x40);
		msr_value = msr == MSR_X2APIC + LAPIC_ICR / 16 ? random_below(256) : random_value();
		trap_run(msr_read, msr);
		trap_run(msr_write, msr);
	}
	msr_value = random_value() & ~(1ull << 11);
	trap_run(msr_write, MSR_APIC_BASE);
	msr_value |= LAPIC_BASE | 1 << 11;
	trap_run(msr_write, MSR_APIC_BASE);
}

/* Physical addresses: devices below 4 GiB as they are, others through the window. */
static uint64_t device_address(void)
{
	static const unsigned widths[] = { 27, 28, 32, 33, 36, 39, 40, 46, 48, 51 };
	uint64_t pa = 1ull << widths[random_below(sizeof(widths) / sizeof(widths[0]))];

	if (random_below(3))
		return random_device();
	map_window(pa - (random_below(2) ? PAGE_SIZE : 0));
	return window_address();
}

void round_devices(void)
{
	for (unsigned i = 0; i < 3 * ACTS; i++) {
		struct form f = { .run = access_forms[random_below(access_form_count)],
				  .a = device_address(),
				  .count = random_count() };

		f.b = random_below(2) ? BUFFER : random_device();
		watchdog_start_hard();
		trap_run(run_form, (uint64_t)&f);
		state_restore();
	}
}

static void write_control(uint64_t which)
{
	switch (which) {
	case 0: write_cr0(msr_value); break;
	case 1: write_cr4(msr_value); break;
	case 2: write_cr8(msr_value); break;
	case 3: xsetbv((uint32_t)(msr_value >> 60), msr_value); break;
	case 4: wrmsr(MSR_EFER, msr_value); break;
	case 5: write_dr6(msr_value); break;
	case 6: write_dr7(msr_value & ~DR7_GD); break;
	case 7: write_dr0(msr_value); break;
	case 8: asm volatile("lmsw %w0" ::"r"(msr_value | 1)); break;
	default: write_cr3(read_cr3() | (msr_value & 0xfff) | (msr_value & 1ull << 63)); break;
	}
}

/*
 * QEMU's emulated CPU takes a CR0 that a CPU answers with #GP, and refuses the next VMRUN for it;
 * Plinth leaves CR0 to the guest under SVM, and stops the VM then. CR3 is the same.
 */
static uint64_t without_emulator_faults(unsigned which, uint64_t value)
{
	bool is_amd = cpuid(0, 0).ecx == 0x444d4163; /* "cAMD" */

	if (!is_amd || (which != 0 && which != 9))
		return value;
	if (which == 0)
		value |= CR0_PG | CR0_PE | (value & CR0_NW ? CR0_CD : 0);
	return (uint32_t)value;
}

/* From the present value some bits away, and anything. What takes the paging away resets. */
void round_controls(void)
{
	const uint64_t cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4(), efer = rdmsr(MSR_EFER);

	for (unsigned i = 0; i < 2 * ACTS; i++) {
		unsigned which = random_below(10);
		uint64_t now[] = { cr0, cr4, 0, 3, efer, DR6_FIXED, DR7_FIXED, 0, cr0, 0 };

		msr_value =
			random_below(4) ? now[which] ^ 1ull << random_below(64) : random_value();
		msr_value = without_emulator_faults(which, msr_value);
		trap_run(write_control, which);
		trap_run(msr_read, MSR_EFER);
		write_cr0(cr0);
		write_cr3(cr3);
		write_cr4(cr4);
		wrmsr(MSR_EFER, efer);
		write_dr7(DR7_FIXED);
	}
}

static void fault(uint64_t how)
{
	switch (how) {
	case 0: asm volatile("ud2"); break;
	case 1: asm volatile("int3"); break;
	case 2: asm volatile("int $0x80"); break;
	case 3: asm volatile("mov %w0, %%ds" ::"r"(0x1ff8)); break;
	case 4: asm volatile("mov %w0, %%fs" ::"r"(random_next() & 0xff)); break;
	case 5: asm volatile("lldt %w0" ::"r"(random_next() & 0xff)); break;
	case 6: asm volatile("ltr %w0" ::"r"(random_next() & 0xff)); break;
	case 7: apic_send_icr(ICR_NMI | ICR_ASSERT); break;
	case 8: *(volatile uint8_t *)WINDOW_END = 0; break;
	default:
		asm volatile("push %0; push %1; lretq" ::"r"(random_next() & 0xff), "r"(fault));
		break;
	}
}

/* Tables of noise, or in strange places, and then an exception: nearly always a triple fault. */
void round_tables(void)
{
	uint64_t *noise = (uint64_t *)BUFFER;
	unsigned how = random_below(10);

	for (unsigned i = 0; i < 1024; i++)
		noise[i] = random_next() & random_value();
	switch (random_below(4)) {
	case 0: trap_load_idt(noise, (uint16_t)random_value()); break;
	case 1: trap_load_idt((void *)(random_next() >> 17), 0xffff); break;
	case 2:
		/* The segments in use stay what they are; all others are noise. */
		for (unsigned i = 3; i < SEL_BYTES / 8; i++)
			start_gdt[i] ^= random_next() & random_next();
		break;
	default:
		for (unsigned i = 0; i < 64; i++) {
			uint8_t v = (uint8_t)random_next();

			trap_break_gate(v, (uint16_t)(random_next() & 0xff), random_below(4));
		}
	}
	trap_run(fault, how);
}

static void count_only(struct trap_frame *f)
{
	(void)f;
	apic_eoi();
}

static void spin(uint64_t turns)
{
	for (; turns; turns--)
		pause();
}

static void spin_open(uint64_t turns)
{
	irq_enable();
	spin(turns);
	irq_disable();
}

static void send_random(uint64_t with_init)
{
	uint32_t low = (uint32_t)random_next() & 0xcffff;
	unsigned mode = low >> 8 & 7;

	/* INIT resets the machine: not in each round. */
	if (mode == 5 && !with_init)
		low &= ~(1u << 8);
	apic_write(LAPIC_ICR_HIGH, random_below(2) ? 0 : (uint32_t)random_next());
	apic_write(LAPIC_ICR, low);
}

void round_ipis(void)
{
	uint64_t with_init = random_below(8) == 0;

	for (unsigned v = 32; v < 256; v++)
		trap_set_handler((uint8_t)v, random_below(8) ? count_only : 0);
	apic_write(LAPIC_TPR, random_below(2) ? 0 : random_below(256));
	for (unsigned i = 0; i < 4 * ACTS; i++) {
		trap_run(send_random, with_init);
		if (random_below(8) == 0)
			trap_run(spin_open, 50);
	}
	trap_run(spin_open, 500);
	for (unsigned i = 0; i < 256; i++)
		apic_eoi();
	for (unsigned v = 32; v < 256; v++)
		trap_set_handler((uint8_t)v, 0);
}

static uint64_t random_deadline(void)
{
	uint64_t now = rdtsc();

	switch (random_below(5)) {
	case 0: return 1;
	case 1: return now - 1;
	case 2: return now + random_below(3000);
	case 3: return ~0ull;
	default: return random_value();
	}
}

static void set_lapic_timer(uint64_t unused)
{
	static const uint32_t counts[] = {
		0, 1, 2, 100, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff
	};

	(void)unused;
	apic_write(LAPIC_TIMER_DIVIDE, random_below(16));
	apic_write(LAPIC_LVT_TIMER, (0x40 + random_below(0x80)) | random_below(4) << 17);
	apic_write(LAPIC_TIMER_INIT, counts[random_below(8)]);
	wrmsr(MSR_TSC_DEADLINE, random_deadline());
	apic_read(LAPIC_TIMER_CURRENT);
	if (random_below(8) == 0)
		wrmsr(MSR_TSC, random_value());
	if (random_below(8) == 0)
		wrmsr(MSR_TSC_ADJUST, random_value());
}

static void set_slow_timers(void)
{
	unsigned channel = random_below(4);

	/* All devices at once, as fast as they go, in ExtINT and by the I/O APIC; nobody answers.
	 */
	outb(PIT_CMD, (uint8_t)(channel << 6 | random_below(64)));
	outb((uint16_t)(PIT_CH0 + random_below(3)), (uint8_t)random_below(4));
	outb((uint16_t)(PIT_CH0 + random_below(3)), 0);
	outb(PORT_61, (uint8_t)random_next());
	cmos_write(RTC_A, (uint8_t)(RTC_A_32KHZ | random_below(16)));
	cmos_write(RTC_B, RTC_B_PIE | RTC_B_UIE | RTC_B_AIE | (uint8_t)random_below(8));
	outb(PIC1_DATA, (uint8_t)random_next());
	outb(PIC2_DATA, (uint8_t)random_next());
	ioapic_set(random_below(24), (uint32_t)random_next() & 0x1e0ff);
	apic_write(LAPIC_LVT_LINT0, (uint32_t)random_next() & 0x1e7ff);
}

void round_timers(void)
{
	for (unsigned i = 0; i < ACTS; i++) {
		if (random_below(2))
			trap_run(set_lapic_timer, 0);
		else
			set_slow_timers();
		trap_run(spin_open, 200);
		if (random_below(4) == 0)
			watchdog_start();
	}
}

static unsigned nmis;

/*
 * An NMI that sends itself on and lets the next in by an IRET of its own. Nested ones share a stack
 * and cannot all go back, so the last ends them all.
 */
static void nmi_again(struct trap_frame *f)
{
	if (++nmis == NMIS_MAX) {
		unwind(f);
		return;
	}
	apic_send_icr(ICR_NMI | ICR_ASSERT);
	cpuid(0, 0);
	if (nmis % 3 == 0)
		unblock_nmis();
}

static void storm(uint64_t turns)
{
	for (; turns; turns--) {
		apic_send_icr(ICR_NMI | ICR_ASSERT);
		asm volatile("int $2");
		asm volatile("mov %%ss, %%eax; mov %%eax, %%ss; cpuid" ::
				     : "rax", "rbx", "rcx", "rdx");
		asm volatile("sti; cpuid; cli" ::: "rax", "rbx", "rcx", "rdx");
	}
}

static void step_storm(uint64_t turns)
{
	asm volatile("pushfq; orq $0x100, (%rsp); popfq");
	storm(turns);
	asm volatile("pushfq; andq $~0x100, (%rsp); popfq");
}

void round_nmis(void)
{
	trap_set_handler(VEC_NMI, nmi_again);
	for (unsigned i = 0; i < ACTS; i++) {
		nmis = 0;
		trap_run(storm, 20);
	}
	/* Step by step through exits and NMIs. */
	watchdog_start();
	trap_set_handler(VEC_DB, count_only);
	trap_run(step_storm, 3);
	watchdog_start();
}

/* Not those that end a round at once only to have it begin again. */
void round_strange(void)
{
	for (unsigned i = 0; i < ACTS; i++) {
		struct form f = { .run = strange_insns[random_below(strange_insn_count)],
				  .a = random_below(2) ? random_value() : BUFFER,
				  .b = random_value(),
				  .count = random_value() & 0xffff };

		watchdog_start_hard();
		write_cr3(make_tables());
		trap_run(run_form, (uint64_t)&f);
		state_restore();
	}
}

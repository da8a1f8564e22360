// SPDX-License-Identifier: MIT
/* Rounds that go through all there is of something, a part each round: ports, MSRs, CPUID's leaves.
 */
#include "hostile.h"
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/test.h"
#include "lib/trap.h"

enum { PORTS = 0x10000, PORTS_A_ROUND = 2048, STRING_PORTS_A_ROUND = 1024 };
enum { MSRS_A_ROUND = 1024, MSR_KVM = 0x4b564d00, MSR_KVM_WALL_CLOCK = 0x11, MSR_KVM_TIME = 0x12 };
enum { LEAVES_A_ROUND = 128, SUBLEAVES = 8, ICR_MODE = 7 << 8 };
enum { PM1_CONTROL = 0x604, ENDS_A_ROUND = 16 };

void round_every_port(void)
{
	uint32_t first = round_part * PORTS_A_ROUND % PORTS;

	for (uint32_t p = first; p < first + PORTS_A_ROUND; p++) {
		uint16_t port = (uint16_t)p;
		uint32_t value = (uint32_t)random_value();

		if (is_spared(port) || is_reset_likely(port))
			continue;
		inb(port);
		inw(port);
		inl(port);
		outb(port, (uint8_t)value);
		outw(port, (uint16_t)value);
		outl(port, value);
	}
}

void round_every_string_port(void)
{
	uint32_t first = round_part * STRING_PORTS_A_ROUND % PORTS;

	map_window(BUFFER);
	for (uint32_t p = first; p < first + STRING_PORTS_A_ROUND; p++) {
		struct form f = { .run = string_forms[random_below(string_form_count)],
				  .a = window_address(),
				  .b = p,
				  .count = random_below(8) };

		if (!is_spared((uint16_t)p) && !is_reset_likely((uint16_t)p))
			trap_run(run_form, (uint64_t)&f);
	}
}

static struct {
	uint32_t number;
	uint64_t value;
	bool was_read;
} msr;

static void msr_read(uint64_t number)
{
	msr.value = rdmsr((uint32_t)number);
	msr.was_read = true;
}

static void msr_write(uint64_t number)
{
	wrmsr((uint32_t)number, msr.value);
}

/*
 * A value to write. What a paravirtual MSR names is memory that the hypervisor writes to: then not
 * that which this program is in. An INIT by the ICR restarts the machine: not each time.
 */
static uint64_t msr_value(uint32_t number, uint64_t now)
{
	uint64_t v = random_change(now);

	if ((number & ~0xffu) == MSR_KVM || number == MSR_KVM_WALL_CLOCK || number == MSR_KVM_TIME)
		return random_below(2) ? BUFFER | (v & 0xfff) : random_device() | (v & 3);
	if (number == MSR_X2APIC + LAPIC_ICR / 16 && random_below(8))
		v &= ~(uint64_t)ICR_MODE;
	return v;
}

static void msr_try(uint32_t number)
{
	msr.value = 0;
	msr.was_read = false;
	trap_run(msr_read, number);
	msr.value = msr_value(number, msr.value);
	trap_run(msr_write, number);
	if (number == MSR_APIC_BASE || number == MSR_EFER || number == MSR_PAT) {
		/* What was set may hold for a moment, and is then put back. */
		trap_run(msr_read, number);
		state_restore();
	}
	if (number == MSR_FS_BASE || number == MSR_GS_BASE)
		wrmsr(number, 0);
}

/* Both ranges of the permission maps, hypervisors' numbers, and any; in both modes of the APIC. */
void round_every_msr(void)
{
	static const uint32_t firsts[] = { 0x0,	       0x400,	   0x800,      0xc00,
					   0x1000,     0x1400,	   0x1800,     0x1c00,
					   0xc0000000, 0xc0000400, 0xc0000800, 0xc0000c00,
					   0xc0001000, 0xc0001400, 0xc0001800, 0xc0001c00,
					   0x40000000, 0xc0010000, 0x4b564d00 };
	enum { FIRSTS = sizeof(firsts) / sizeof(firsts[0]) };
	unsigned at = round_part % (FIRSTS + 1);

	if (round_part / (FIRSTS + 1) % 2 && apic_has_x2apic())
		apic_enter_x2apic();
	for (uint32_t i = 0; i < MSRS_A_ROUND; i++)
		msr_try(at < FIRSTS ? firsts[at] + i : (uint32_t)random_value());
}

/* The same question has the same answer, whatever the leaf is. */
static void ask(uint32_t leaf, uint32_t sub)
{
	struct cpuid_regs a = cpuid(leaf, sub), b = cpuid(leaf, sub);

	if (memcmp(&a, &b, sizeof(a)))
		print("leaf 0x%x, %u\n", leaf, sub);
	check_true("CPUID says the same twice", !memcmp(&a, &b, sizeof(a)));
}

void round_every_leaf(void)
{
	static const uint32_t firsts[] = { 0x0,	       0x80,	   0x40000000, 0x40000080,
					   0x40000100, 0x80000000, 0x80000080, 0xc0000000,
					   0x20000000, 0x7fffff80, 0xffffff80 };
	enum { FIRSTS = sizeof(firsts) / sizeof(firsts[0]) };
	uint32_t first = firsts[round_part % FIRSTS];

	for (uint32_t leaf = first; leaf < first + LEAVES_A_ROUND; leaf++) {
		for (uint32_t sub = 0; sub < SUBLEAVES; sub++)
			ask(leaf, sub);
		ask(leaf, (uint32_t)random_value());
		ask((uint32_t)random_value(), (uint32_t)random_value());
	}
}

/* The ports that the others keep away from: most of what is written there is a good end. */
void round_ends(void)
{
	static const uint16_t ports[] = { PORT_EXIT,	 PM1_CONTROL, PM1_CONTROL + 1, I8042_CMD,
					  PORT_92,	 PORT_CF9,    I8042_CMD,       I8042_DATA,
					  PORT_EXIT - 3, PORT_92 - 1, PORT_CF9 - 1 };

	for (unsigned i = 0; i < ENDS_A_ROUND; i++) {
		uint16_t port = ports[random_below(sizeof(ports) / sizeof(ports[0]))];
		uint32_t value = (uint32_t)random_value();

		/* A keyboard's reset by its number is one of 256. */
		if (port == I8042_CMD && random_below(2))
			value = 0xf0 | random_below(16);
		switch (random_below(3)) {
		case 0: outb(port, (uint8_t)value); break;
		case 1: outw(port, (uint16_t)value); break;
		default: outl(port, value); break;
		}
	}
}

/* Once each round, in one of the ways that a PC has. */
void round_resets(void)
{
	switch (random_below(4)) {
	case 0: outb(PORT_CF9, 6); break;
	case 1: outb(I8042_CMD, 0xfe); break;
	case 2: apic_send_icr(ICR_INIT | ICR_ASSERT); break;
	default: break;
	}
	trap_load_idt(0, 0);
	asm volatile("int3");
}

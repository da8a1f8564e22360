// SPDX-License-Identifier: MIT
/*
 * A guest that means harm: rounds of random and of well-chosen abuse. It holds when the machine is
 * still there after all of them; many end in a reset, so CMOS counts which are done.
 *
 * The code that is noise now and then undoes what the rounds rest on: CMOS, this program, and,
 * since QEMU's CPU takes a CR0 with which no CPU has paging, the tables that keep devices out of
 * reach. With SEED it does not come to that; with others a round may begin the count again or stop
 * the VM.
 *
 * Command line: "attack=NAME" one attack instead of the mixture, "seed=N" other random numbers
 * (decimal or 0x…), "first=N" (or "first=clock") and "rounds=N" which rounds (0: for ever),
 * "fatal=N" what may stop the VM (fatal.c). A round is the same for the same attack, seed and
 * number, whatever came before.
 */
#include "hostile.h"
#include "lib/apic.h"
#include "lib/cmdline.h"
#include "lib/cmos.h"
#include "lib/cpu.h"
#include "lib/reset.h"
#include "lib/test.h"
#include "lib/trap.h"

enum {
	NAME = 'H',
	ROUNDS = 48,
	SEED = 6,
	MIXED = 16,
	VECTORS = 256,
};

/* The mixture is of the first MIXED; the others are made of many parts, and want more rounds. */
static const struct {
	const char *attack, *name;
	void (*run)(void);
} kinds[] = {
	{ "ports", "ports", round_ports },
	{ "ports", "string I/O", round_string_io },
	{ "msrs", "MSRs", round_msrs },
	{ "memory", "devices", round_devices },
	{ "registers", "controls", round_controls },
	{ "registers", "tables", round_tables },
	{ "interrupts", "IPIs", round_ipis },
	{ "interrupts", "timers", round_timers },
	{ "interrupts", "NMIs", round_nmis },
	{ "opcodes", "strange", round_strange },
	{ "opcodes", "wild kernel", round_wild_kernel },
	{ "opcodes", "wild user", round_wild_user },
	{ "opcodes", "wild 32", round_wild_32 },
	{ "opcodes", "wild PAE", round_wild_pae },
	{ "opcodes", "wild real", round_wild_16 },
	{ "memory", "paging", round_paging },
	{ "memory", "addresses", round_addresses },
	{ "memory", "holes", round_holes },
	{ "memory", "loops", round_loops },
	{ "memory", "flat", round_flat },
	{ "memory", "large pages", round_large_pages },
	{ "memory", "real mode", round_real },
	{ "ports", "every port", round_every_port },
	{ "ports", "every port by strings", round_every_string_port },
	{ "msrs", "every MSR", round_every_msr },
	{ "cpuid", "every leaf", round_every_leaf },
	{ "registers", "segments", round_segments },
	{ "registers", "system registers", round_system_registers },
	{ "interrupts", "every vector", round_every_vector },
	{ "interrupts", "APIC", round_apic },
	{ "interrupts", "x2APIC", round_x2apic },
	{ "interrupts", "I/O APIC", round_ioapic },
	{ "interrupts", "INIT", round_init },
	{ "opcodes", "every opcode", round_opcodes },
	{ "selfmod", "aliases", round_aliases },
	{ "selfmod", "strings over code", round_string_over_code },
	{ "selfmod", "strings over tables", round_string_over_tables },
	{ "devices", "opcodes on devices", round_device_opcodes },
	{ "crowd", "crowd on code", round_crowd_code },
	{ "crowd", "crowd on tables", round_crowd_tables },
	{ "crowd", "crowd of IPIs", round_crowd_ipis },
	{ "crowd", "crowd on one word", round_crowd_hot },
	{ "hogs", "hogs", round_hogs },
	{ "timers", "nothing but timers", round_timers_only },
	{ "ends", "ends", round_ends },
	{ "resets", "resets", round_resets },
	{ "fatal", "fatal", round_fatal },
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

unsigned round_part;

/* The command line is in memory that a string of 32-bit addresses may come by. */
static const char *keep_attack(void)
{
	static char kept[16];
	const char *attack = cmdline_text("attack=");
	unsigned n = attack ? cmdline_length(attack) : 0;

	memcpy(kept, attack, n < sizeof(kept) ? n : sizeof(kept) - 1);
	return attack ? kept : 0;
}

static const char mixture[] = "mixture";

static bool is_of(unsigned kind, const char *attack)
{
	unsigned n;

	if (!attack)
		return kind < MIXED;
	n = cmdline_length(attack);
	if (n == cmdline_length(mixture) && !memcmp(attack, mixture, n))
		return kind < MIXED;
	return cmdline_length(kinds[kind].attack) == n && !memcmp(kinds[kind].attack, attack, n);
}

/* The kinds of an attack take turns; each counts its own as parts. */
static unsigned choose_kind(unsigned round, const char *attack)
{
	unsigned n = 0, turn;

	for (unsigned k = 0; k < KINDS; k++)
		n += is_of(k, attack);
	if (!n) {
		check_true("the attack on the command line is one that there is", false);
		test_end();
	}
	turn = round % n;
	round_part = round / n;
	for (unsigned k = 0;; k++)
		if (is_of(k, attack) && !turn--)
			return k;
}

static void run_round(unsigned round, unsigned seed, const char *attack)
{
	unsigned kind = choose_kind(round, attack);

	watchdog_stop();
	reset_note(NAME);
	print("%u %s\n", round, kinds[kind].name);
	random_seed((uint64_t)seed << 32 | round);
	watchdog_start();
	/* What the round before left in service would hold back this one's interrupts. */
	for (unsigned i = 0; i < VECTORS; i++)
		apic_eoi();
	kinds[kind].run();
	state_restore();
}

/*
 * "first=clock": where a guest that Plinth has stopped and starts again is not to make the same
 * end at once, it goes on with other rounds.
 */
static unsigned first_round(void)
{
	enum { ROUNDS_A_SECOND = 16, MINUTE = 60 };
	const char *at = cmdline_text("first=");

	if (!at || *at != 'c')
		return cmdline_number("first=", 0);
	cmos_write(RTC_B, RTC_B_24H | RTC_B_BINARY);
	return ROUNDS_A_SECOND * (MINUTE * cmos_read(RTC_MINUTES) + cmos_read(RTC_SECONDS));
}

void guest_main(void)
{
	unsigned first = first_round(), round = first + reset_count(NAME);
	unsigned seed = cmdline_number("seed=", SEED), fatal = cmdline_number("fatal=", 0);
	unsigned rounds = cmdline_number("rounds=", ROUNDS);
	const char *attack = keep_attack();

	if (!test_has_hypervisor()) {
		print("not without a hypervisor: emulators need not stand this\n");
		return;
	}
	if (fatal) {
		watchdog_start();
		fatal_run(fatal);
		return;
	}
	print("%s with seed=0x%x\n", round > first ? "restarted" : "begins", seed);
	for (; !rounds || round < first + rounds; round++)
		run_round(round, seed, attack);
	watchdog_stop();
	reset_forget();
}

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
 * Command line: "seed=N" other random numbers, "kind=N" only rounds of this kind, "first=N" and
 * "rounds=N" which rounds, "fatal=N" what may stop the VM (fatal.c).
 */
#include "hostile.h"
#include "lib/cmos.h"
#include "lib/cpu.h"
#include "lib/reset.h"
#include "lib/test.h"
#include "lib/trap.h"

enum { NAME = 'H', ROUNDS = 48, SEED = 6, NO_KIND = ~0u, MULTIBOOT_HAS_CMDLINE = 1 << 2 };

static const struct {
	const char *name;
	void (*run)(void);
} kinds[] = {
	{ "ports", round_ports },
	{ "string I/O", round_string_io },
	{ "MSRs", round_msrs },
	{ "devices", round_devices },
	{ "controls", round_controls },
	{ "tables", round_tables },
	{ "IPIs", round_ipis },
	{ "timers", round_timers },
	{ "NMIs", round_nmis },
	{ "strange", round_strange },
	{ "wild kernel", round_wild_kernel },
	{ "wild user", round_wild_user },
	{ "wild 32", round_wild_32 },
	{ "wild PAE", round_wild_pae },
	{ "wild real", round_wild_16 },
	{ "paging", round_paging },
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* The number behind `word` in the command line, or `otherwise`. */
static unsigned option(const char *word, unsigned otherwise)
{
	const uint32_t *info = (const uint32_t *)(uint64_t)boot_multiboot_info;
	const char *at;
	size_t n = 0;

	if (!info || !(info[0] & MULTIBOOT_HAS_CMDLINE))
		return otherwise;
	while (word[n])
		n++;
	for (at = (const char *)(uint64_t)info[4]; *at; at++) {
		unsigned value = 0;

		if (memcmp(at, word, n))
			continue;
		for (at += n; *at >= '0' && *at <= '9'; at++)
			value = value * 10 + (unsigned)(*at - '0');
		return value;
	}
	return otherwise;
}

static void run_round(unsigned round, unsigned seed, unsigned only)
{
	unsigned kind = only == NO_KIND ? round % KINDS : only % KINDS;

	reset_note(NAME);
	print("%u %s\n", round, kinds[kind].name);
	random_seed((uint64_t)seed << 32 | round);
	watchdog_start();
	kinds[kind].run();
	state_restore();
}

void guest_main(void)
{
	unsigned first = option("first=", 0), round = first + reset_count(NAME);
	unsigned seed = option("seed=", SEED), fatal = option("fatal=", 0);
	unsigned rounds = option("rounds=", ROUNDS), only = option("kind=", NO_KIND);

	if (!test_has_hypervisor()) {
		print("not without a hypervisor: emulators need not stand this\n");
		return;
	}
	if (fatal) {
		watchdog_start();
		fatal_run(fatal);
		return;
	}
	if (round > first)
		print("restarted\n");
	for (; round < first + rounds; round++)
		run_round(round, seed, only);
	reset_forget();
}

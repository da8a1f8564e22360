/* SPDX-License-Identifier: MIT */
/*
 * Two CPUs take turns under a lock to read their TSC and to compare it with what the other has just
 * read. Time that goes back tells which of them is behind, and by how much at least.
 */
#include "arch/x86_64/tsc_sync.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/tsc.h"
#include "lib/lock.h"

enum { TURNS = 2000, TRIES = 4 };
enum side { SOURCE, TARGET, SIDES };

static struct {
	struct lock lock;
	uint64_t last;		 /* what either has read last */
	uint64_t seen[SIDES];	 /* how far back time has gone for it */
	unsigned arrived[SIDES]; /* how many meetings it has come to */
	int64_t moved;
	bool apart; /* some pair did not come to agree */
} sync;

static uint64_t read_ordered(void)
{
	__asm__ volatile("lfence" : : : "memory");
	return rdtsc();
}

/* A barrier for both. Release and acquire: what one wrote before it, the other sees after it. */
static bool meet(enum side side)
{
	unsigned mine = __atomic_add_fetch(&sync.arrived[side], 1, __ATOMIC_RELEASE);
	uint64_t start = rdtsc();

	while (__atomic_load_n(&sync.arrived[!side], __ATOMIC_ACQUIRE) < mine) {
		if (rdtsc() - start > tsc_host.hz)
			return false;
		__builtin_ia32_pause();
	}
	return true;
}

static void take_turns(enum side side)
{
	uint64_t worst = 0;

	for (unsigned i = 0; i < TURNS; i++) {
		uint64_t now, before;

		lock_take(&sync.lock);
		before = sync.last;
		sync.last = now = read_ordered();
		lock_drop(&sync.lock);
		if (before > now && before - now > worst)
			worst = before - now;
	}
	sync.seen[side] = worst;
}

int64_t tsc_sync_move(uint64_t seen_by_source, uint64_t seen_by_target)
{
	/* Both only where the clocks jump: then none is right, and the larger is taken. */
	return seen_by_target >= seen_by_source ? (int64_t)seen_by_target
						: -(int64_t)seen_by_source;
}

static void move(int64_t by)
{
	if (feature(WORD_7_0_EBX, CPUID_7_0_EBX_TSC_ADJUST))
		wrmsr(MSR_TSC_ADJUST, rdmsr(MSR_TSC_ADJUST) + (uint64_t)by);
	else
		wrmsr(MSR_TSC, rdtsc() + (uint64_t)by);
	sync.moved += by;
}

static bool agree(enum side side)
{
	for (unsigned i = 0; i < TRIES; i++) {
		int64_t by;

		if (side == SOURCE)
			sync.last = 0;
		if (!meet(side))
			return false;
		take_turns(side);
		if (!meet(side))
			return false;
		by = tsc_sync_move(sync.seen[SOURCE], sync.seen[TARGET]);
		if (!by)
			return true;
		if (side == TARGET && i + 1 < TRIES)
			move(by);
		if (!meet(side))
			return false;
	}
	if (side == SOURCE)
		sync.apart = true;
	return true;
}

void tsc_sync_begin(void)
{
	sync.arrived[SOURCE] = sync.arrived[TARGET] = 0;
	sync.seen[SOURCE] = sync.seen[TARGET] = 0;
	sync.moved = 0;
}

bool tsc_sync_source(void)
{
	return agree(SOURCE);
}

bool tsc_sync_target(void)
{
	return agree(TARGET);
}

bool tsc_sync_all(void)
{
	return !sync.apart;
}

int64_t tsc_sync_moved(void)
{
	return sync.moved;
}

uint64_t tsc_sync_rest(void)
{
	return sync.seen[SOURCE] > sync.seen[TARGET] ? sync.seen[SOURCE] : sync.seen[TARGET];
}

/* SPDX-License-Identifier: MIT */
/*
 * A machine of fake CPUs on a fake clock (tests/fake/simulate.c), to drive the real scheduler: no
 * stacks, no switches; a thread that "runs" does so by being a CPU's thread while time passes.
 */
#ifndef FAKE_SIMULATE_H
#define FAKE_SIMULATE_H

#include "core/runq.h"

enum { SIM_CPUS = 8, SIM_THREADS = 128 };
#define MS     1000000ull
#define SECOND (1000 * MS)

/* A thread and what it does: runs for so long, sleeps for so long, and again. run 0: never sleeps.
 */
struct sim_thread {
	struct thread t;
	uint64_t run_ns, sleep_ns;
	uint64_t left;	/* of its run */
	uint64_t got;	/* as the simulation has counted it */
	uint64_t waits; /* since when it has been ready; 0: it is not */
	uint64_t wait_most, wakes, wake_wait_most;
	bool woken;	 /* its wait began with a wake-up */
	uint64_t ran_on; /* bit n: has run on CPU n */
	struct timer wake;
	unsigned spills;
};

struct sim {
	struct cpu cpu[SIM_CPUS];
	unsigned cpus;
	struct sim_thread threads[SIM_THREADS];
	unsigned n;
	uint64_t kicks, decisions;
};

extern struct sim sim;

void sim_start(unsigned cpus);
/* A thread that is ready at once. */
struct sim_thread *sim_add(unsigned weight, uint64_t pin, struct sched_group *g);
struct sim_thread *sim_add_sleeper(unsigned weight, uint64_t run_ns, uint64_t sleep_ns);
void sim_run(uint64_t ns);
/* Forgets what was counted. */
void sim_clear(void);
/* The one that runs on this CPU goes to sleep for good, or ends. */
void sim_leave(struct sim_thread *s, enum thread_state state);
void sim_end(void);

#endif

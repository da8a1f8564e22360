/* SPDX-License-Identifier: MIT */
/* The machine's processors: how busy they are between two looks, and the command that lists them.
 */
#include "core/cpus.h"

#include "core/thread.h"

/* Each line's own: its commands come one after the other. */
static struct cpus_look looks[REPLY_LINES];

unsigned cpus_busy(struct cpus_look *look, unsigned n, struct sched_view *now)
{
	uint64_t at = time_ns(), ns, idle;

	sched_look(cpus[n], now);
	ns = at - look->cpus[n].at;
	idle = now->idle_ns - look->cpus[n].idle;
	look->cpus[n].at = at;
	look->cpus[n].idle = now->idle_ns;
	/* Two CPUs' clocks may differ by a little. */
	return ns && idle < ns ? (unsigned)((ns - idle) * 100 / ns) : 0;
}

static void run_cpus(struct reply *r, unsigned argc, char **argv)
{
	static const struct reply_column columns[] = { { "cpu", -3 },	 { "apic", -6 },
						       { "state", 5 },	 { "busy", -4 },
						       { "ready", -5 },	 { "interrupts", -10 },
						       { "timer", -10 }, { "runs", 0 } };
	struct sched_view now;

	(void)argc;
	(void)argv;
	reply_table(r, "cpus", columns, ARRAY_SIZE(columns));
	for (unsigned i = 0; i < cpu_count; i++) {
		unsigned busy = cpus_busy(&looks[r->line % REPLY_LINES], i, &now);

		reply_row(r);
		reply_number(r, NULL, cpus[i]->id);
		reply_number(r, NULL, cpus[i]->apic_id);
		reply_text(r, NULL, "%s", now.idle ? "idle" : "busy");
		reply_number(r, NULL, busy);
		reply_number(r, NULL, now.ready);
		reply_number(r, NULL, __atomic_load_n(&cpus[i]->irqs, __ATOMIC_RELAXED));
		reply_number(r, NULL, __atomic_load_n(&cpus[i]->timer_irqs, __ATOMIC_RELAXED));
		reply_text(r, NULL, "%s", now.runs);
	}
	reply_table_end(r);
}

static const struct shell_command commands[] = {
	{ .name = "cpus",
	  .help = "Shows what each processor does, and how busy it was",
	  .run = run_cpus },
};

const struct shell_table cpus_commands = { commands, ARRAY_SIZE(commands) };

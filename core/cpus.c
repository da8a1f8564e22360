/* SPDX-License-Identifier: MIT */
/* The command that lists the machine's processors. */
#include "core/cpus.h"

#include "core/thread.h"

static void run_cpus(struct reply *r, unsigned argc, char **argv)
{
	static const struct reply_column columns[] = { { "cpu", -3 },
						       { "apic", -6 },
						       { "state", 5 } };

	(void)argc;
	(void)argv;
	reply_table(r, "cpus", columns, ARRAY_SIZE(columns));
	for (unsigned i = 0; i < cpu_count; i++) {
		const struct cpu *c = cpus[i];

		reply_row(r);
		reply_number(r, NULL, c->id);
		reply_number(r, NULL, c->apic_id);
		reply_text(r, NULL, "%s", c->thread == c->idle ? "idle" : "busy");
	}
	reply_table_end(r);
}

static const struct shell_command commands[] = {
	{ .name = "cpus", .help = "Lists the machine's processors", .run = run_cpus },
};

const struct shell_table cpus_commands = { commands, ARRAY_SIZE(commands) };

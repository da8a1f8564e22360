/* SPDX-License-Identifier: MIT */
/*
 * Where time and exits go. A vCPU's times add up to all the time that its thread has been there, so
 * their differences are also the time between two looks: no clock is read, and a vCPU that came
 * in between is measured from its beginning.
 */
#include "vmm/top.h"

#include "core/cpus.h"
#include "core/pmem.h"
#include "core/thread.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vmm/vm.h"
#include "vmm/vms.h"

enum { LIVE_MS = 1000, NS_PER_MS = 1000000, MOST = 3, MOST_TEXT = 96 };
#define NS_IN_A_SECOND 1000000000ul

/* Each line's own: its commands come one after the other. */
static struct {
	uint64_t at; /* ns */
	struct cpus_look cpus;
} lines[REPLY_LINES];

/* What one guest, or all of them, did. */
struct sums {
	struct top_rates rates;
	uint64_t kinds[EXIT_KINDS];
};

/* The difference; counters wrap. */
static uint64_t advance(uint64_t *last, uint64_t now)
{
	uint64_t by = now - *last;

	*last = now;
	return by;
}

static unsigned percent(uint64_t part, uint64_t whole)
{
	return whole ? (unsigned)((part * 100 + whole / 2) / whole) : 0;
}

static uint64_t per_second(uint64_t n, uint64_t ns)
{
	return ns ? n * NS_IN_A_SECOND / ns : 0;
}

void top_look(struct vcpu *v, unsigned line, uint64_t kinds[EXIT_KINDS])
{
	struct top_look *l = &v->looks[line];
	uint64_t run, steal, wait, all, exits = 0;
	struct thread_times now;

	l->rates = (struct top_rates){ 0 };
	if (!v->thread)
		return;
	thread_times(v->thread, &now);
	run = advance(&l->run, now.running);
	steal = advance(&l->steal, now.ready);
	wait = advance(&l->wait, now.blocked);
	all = run + steal + wait;
	for (unsigned k = 0; k < EXIT_KINDS; k++) {
		uint64_t n = advance(&l->counts[k], v->counts[k]);

		kinds[k] += per_second(n, all);
		exits += n;
	}
	l->rates = (struct top_rates){ percent(run, all), percent(steal, all), percent(wait, all),
				       per_second(exits, all) };
}

static void sum(struct vm *vm, unsigned line, struct sums *s)
{
	*s = (struct sums){ 0 };
	lock_take(&vm->lock);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		const struct top_rates *of = &vm->vcpus[i]->looks[line].rates;

		top_look(vm->vcpus[i], line, s->kinds);
		s->rates.run += of->run;
		s->rates.steal += of->steal;
		s->rates.wait += of->wait;
		s->rates.exits += of->exits;
	}
	lock_drop(&vm->lock);
}

/* The most frequent kinds, as "CPUID 120, HLT 80"; takes them out of kinds. */
static void name_most(uint64_t kinds[EXIT_KINDS], char text[MOST_TEXT])
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned n = 0; n < MOST; n++) {
		unsigned most = 0;

		for (unsigned k = 1; k < EXIT_KINDS; k++)
			most = kinds[k] > kinds[most] ? k : most;
		if (!kinds[most])
			return;
		used += (size_t)fmt_print(text + used, MOST_TEXT - used, "%s%s %lu", n ? ", " : "",
					  vm_exit_names[most], (unsigned long)kinds[most]);
		used = MIN(used, (size_t)MOST_TEXT - 1);
		kinds[most] = 0;
	}
}

static void put_rates(struct reply *r, const struct top_rates *of)
{
	reply_number(r, NULL, of->run);
	reply_number(r, NULL, of->steal);
	reply_number(r, NULL, of->wait);
	reply_number(r, NULL, of->exits);
}

static void put_cpus(struct reply *r, struct cpus_look *look)
{
	static const struct reply_column columns[] = {
		{ "cpu", -3 }, { "busy", -4 }, { "idle", -4 }, { "ready", -5 }, { "runs", 0 }
	};
	struct sched_view now;

	reply_table(r, "cpus", columns, ARRAY_SIZE(columns));
	for (unsigned i = 0; i < cpu_count; i++) {
		unsigned busy = cpus_busy(look, i, &now);

		reply_row(r);
		reply_number(r, NULL, i);
		reply_number(r, NULL, busy);
		reply_number(r, NULL, 100 - busy);
		reply_number(r, NULL, now.ready);
		reply_text(r, NULL, "%s", now.runs);
	}
	reply_table_end(r);
}

static void put_guests(struct reply *r, unsigned line)
{
	static const struct reply_column columns[] = { { "guest", 12 },	  { "state", 7 },
						       { "memory", -8 },  { "run", -4 },
						       { "steal", -5 },	  { "wait", -4 },
						       { "exits/s", -7 }, { "most frequent", 0 } };
	char most[MOST_TEXT];
	struct sums s;

	reply_table(r, "guests", columns, ARRAY_SIZE(columns));
	for (struct vm *vm = vm_next(NULL); vm; vm = vm_next(vm)) {
		sum(vm, line, &s);
		name_most(s.kinds, most);
		reply_row(r);
		reply_text(r, NULL, "%s", vm->config.name);
		reply_text(r, NULL, "%s", life_state_names[vm->life.state]);
		reply_size(r, NULL, vm->vcpu_count ? vm->config.memory : 0);
		put_rates(r, &s.rates);
		reply_text(r, NULL, "%s", most);
	}
	reply_table_end(r);
}

/* Of those that put_guests() has looked at; one that came since has rates of 0. */
static bool put_vcpu(struct reply *r, struct vm *vm, unsigned i, unsigned line)
{
	struct vcpu_glimpse g;
	struct top_rates of;

	if (!vms_glimpse(vm, i, &g))
		return false;
	lock_take(&vm->lock);
	of = i < vm->vcpu_count ? vm->vcpus[i]->looks[line].rates : (struct top_rates){ 0 };
	lock_drop(&vm->lock);
	reply_row(r);
	reply_text(r, NULL, "%s", vm->config.name);
	reply_number(r, NULL, i);
	reply_text(r, NULL, "%s", vms_glimpse_state(&g));
	reply_number(r, NULL, g.cpu);
	put_rates(r, &of);
	return true;
}

static void put_vcpus(struct reply *r, unsigned line)
{
	static const struct reply_column columns[] = { { "guest", 12 }, { "vcpu", -4 },
						       { "state", 7 },	{ "cpu", -3 },
						       { "run", -4 },	{ "steal", -5 },
						       { "wait", -4 },	{ "exits/s", -7 } };

	reply_table(r, "vcpus", columns, ARRAY_SIZE(columns));
	for (struct vm *vm = vm_next(NULL); vm; vm = vm_next(vm))
		for (unsigned i = 0; put_vcpu(r, vm, i, line);)
			i++;
	reply_table_end(r);
}

static void run_top(struct reply *r, unsigned argc, char **argv)
{
	unsigned line = r->line % REPLY_LINES;

	(void)argc;
	(void)argv;
	reply_number(r, "interval-ms", advance(&lines[line].at, time_ns()) / NS_PER_MS);
	reply_size(r, "memory-total", pmem_total());
	reply_size(r, "memory-free", pmem_free());
	put_cpus(r, &lines[line].cpus);
	put_guests(r, line);
	put_vcpus(r, line);
}

static const struct shell_command commands[] = {
	{ .name = "top",
	  .help = "Shows where the time goes, since the last look",
	  .run = run_top,
	  .live_ms = LIVE_MS },
};

const struct shell_table top_commands = { commands, ARRAY_SIZE(commands) };

/* SPDX-License-Identifier: MIT */
/* The commands that change a guest's life, and its share of the machine. */
#include "lib/errno.h"
#include "lib/string.h"
#include "vmm/vm.h"
#include "vmm/vms.h"

static void order(struct reply *r, char **argv, enum life_verb verb)
{
	struct vm *vm = vms_find_for(r, argv[1]);
	struct life_error e;

	if (!vm)
		return;
	vm_put(vm);
	life_order(argv[1], verb, &e);
	if (e.code)
		reply_error(r, e.code, "%s", e.text);
}

static void run_start(struct reply *r, unsigned argc, char **argv)
{
	(void)argc;
	order(r, argv, LIFE_START);
}

static void run_pause(struct reply *r, unsigned argc, char **argv)
{
	(void)argc;
	order(r, argv, LIFE_PAUSE);
}

static void run_resume(struct reply *r, unsigned argc, char **argv)
{
	(void)argc;
	order(r, argv, LIFE_RESUME);
}

static void run_reset(struct reply *r, unsigned argc, char **argv)
{
	(void)argc;
	order(r, argv, LIFE_RESET);
}

static void run_button(struct reply *r, unsigned argc, char **argv)
{
	(void)argc;
	order(r, argv, LIFE_BUTTON);
}

static void run_stop(struct reply *r, unsigned argc, char **argv)
{
	(void)argc;
	order(r, argv, LIFE_STOP);
}

static void run_destroy(struct reply *r, unsigned argc, char **argv)
{
	(void)argc;
	order(r, argv, LIFE_DESTROY);
}

/*
 * For all of a guest's threads, those that there are and those to come. Under vm->lock: the ones do
 * not go meanwhile, and the others look at the config under it when they begin.
 */
static void set_share(struct vm *vm, void (*keep)(struct vm_config *c, uint64_t value),
		      int (*set)(struct thread *t, uint64_t value), uint64_t value)
{
	lock_take(&vm->lock);
	keep(&vm->config, value);
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		if (vm->vcpus[i]->thread)
			(void)set(vm->vcpus[i]->thread, value);
	lock_drop(&vm->lock);
}

static void keep_weight(struct vm_config *c, uint64_t value)
{
	c->weight = (unsigned)value;
}

static void keep_pin(struct vm_config *c, uint64_t value)
{
	c->pin = value == PIN_ALL ? 0 : value;
}

static int set_weight(struct thread *t, uint64_t value)
{
	return sched_set_weight(t, (unsigned)value);
}

static int set_pin(struct thread *t, uint64_t value)
{
	return sched_set_pin(t, value);
}

static void run_weight(struct reply *r, unsigned argc, char **argv)
{
	struct vm *vm = vms_find_for(r, argv[1]);
	uint64_t weight;

	(void)argc;
	if (!vm)
		return;
	if (str_to_u64(argv[2], &weight) || weight < WEIGHT_MIN || weight > WEIGHT_MAX) {
		reply_error(r, "bad-argument", "weight %.20s: %u to %u would be right", argv[2],
			    WEIGHT_MIN, WEIGHT_MAX);
	} else {
		set_share(vm, keep_weight, set_weight, weight);
	}
	vm_put(vm);
}

static void run_cap(struct reply *r, unsigned argc, char **argv)
{
	struct vm *vm = vms_find_for(r, argv[1]);
	uint64_t cap;

	(void)argc;
	if (!vm)
		return;
	if (str_to_u64(argv[2], &cap) || cap > CONFIG_CAP_MAX) {
		reply_error(r, "bad-argument",
			    "cap %.20s: percent of one CPU, 1 to %u, would be right; 0 for none",
			    argv[2], CONFIG_CAP_MAX);
	} else {
		vm->config.cap = (unsigned)cap;
		sched_group_set_cap(vm->group, (unsigned)cap);
	}
	vm_put(vm);
}

/* A processor's number; cpu_count where there is none. */
static unsigned parse_cpu(const char **s)
{
	unsigned n = 0;

	if (**s < '0' || **s > '9')
		return cpu_count;
	for (; **s >= '0' && **s <= '9'; ++*s)
		n = MIN(n * 10 + (unsigned)(**s - '0'), cpu_count);
	return n;
}

/* "0-3,6", or "all". 0 where it is wrong. */
static uint64_t parse_pin(const char *s)
{
	uint64_t pin = 0;

	if (!strcmp(s, "all"))
		return PIN_ALL;
	for (;; s++) {
		unsigned from = parse_cpu(&s), to = from;

		if (*s == '-') {
			s++;
			to = parse_cpu(&s);
		}
		if (to < from || to >= cpu_count)
			return 0;
		for (unsigned i = from; i <= to; i++)
			pin |= BIT(i);
		if (!*s)
			return pin;
		if (*s != ',')
			return 0;
	}
}

static void run_pin(struct reply *r, unsigned argc, char **argv)
{
	struct vm *vm = vms_find_for(r, argv[1]);
	uint64_t pin = parse_pin(argv[2]);

	(void)argc;
	if (!vm)
		return;
	if (!pin) {
		reply_error(r, "bad-argument",
			    "pin %.40s: processors from 0 to %u, as in 0-%u or 0,%u, or \"all\", "
			    "would be right",
			    argv[2], cpu_count - 1, cpu_count - 1, cpu_count - 1);
	} else {
		set_share(vm, keep_pin, set_pin, pin);
	}
	vm_put(vm);
}

#define VERB(verb, what)                                                             \
	{                                                                            \
		.name = #verb, .arguments = "NAME", .help = what, .run = run_##verb, \
		.complete = vms_complete,                                            \
	}
#define SHARE(key, values, what)                                                           \
	{                                                                                  \
		.name = #key, .arguments = "NAME " values, .help = what, .run = run_##key, \
		.complete = vms_complete,                                                  \
	}

static const struct shell_command commands[] = {
	VERB(start, "Starts a guest that is stopped or has crashed"),
	VERB(pause, "Has a guest, and its time, stand still"),
	VERB(resume, "Lets a paused guest go on"),
	VERB(reset, "Pulls a guest's reset line"),
	VERB(button, "Presses a guest's power button: it may shut itself down"),
	VERB(stop, "Takes a guest's power away"),
	VERB(destroy, "Stops a guest and forgets it"),
	SHARE(weight, "WEIGHT", "Sets the share of each of a guest's virtual CPUs, 100 by default"),
	SHARE(cap, "PERCENT", "Limits a guest to so many percent of one processor; 0: no limit"),
	SHARE(pin, "CPUS", "Binds a guest to processors, as in 0-1,3, or \"all\""),
};

const struct shell_table life_commands = { commands, ARRAY_SIZE(commands) };

/* SPDX-License-Identifier: MIT */
/* The list of VMs, and the commands that look into it: vms, vm, exits. */
#include "vmm/vms.h"

#include "lib/errno.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vmm/vm.h"

static struct {
	struct lock lock; /* of the list, and of taking a hold */
	struct list list;
	struct wait_queue unheld; /* somebody has let go of a VM */
} vms = { .list = { &vms.list, &vms.list },
	  .unheld = { .waiters = { &vms.unheld.waiters, &vms.unheld.waiters } } };

/* Caller holds the lock. */
static struct vm *find(const char *name)
{
	list_for_each (at, &vms.list) {
		struct vm *vm = container_of(at, struct vm, link);

		if (!strcmp(vm->config.name, name))
			return vm;
	}
	return NULL;
}

int vms_add(struct vm *vm)
{
	int err = 0;

	lock_take(&vms.lock);
	if (find(vm->config.name))
		err = -EEXIST;
	else
		list_insert_before(&vms.list, &vm->link);
	lock_drop(&vms.lock);
	return err;
}

static bool is_unheld(void *arg)
{
	const struct vm *vm = arg;

	return !__atomic_load_n(&vm->holds, __ATOMIC_ACQUIRE);
}

void vms_remove(struct vm *vm)
{
	lock_take(&vms.lock);
	list_remove(&vm->link);
	lock_drop(&vms.lock);
	wait_until(&vms.unheld, is_unheld, vm);
}

static void hold(struct vm *vm)
{
	__atomic_fetch_add(&vm->holds, 1, __ATOMIC_RELAXED);
}

void vm_put(struct vm *vm)
{
	/* Release: our reads of the VM come before vms_remove() sees that it is free. */
	__atomic_fetch_sub(&vm->holds, 1, __ATOMIC_RELEASE);
	wait_wake_all(&vms.unheld);
}

struct vm *vm_find(const char *name)
{
	struct vm *found;

	lock_take(&vms.lock);
	found = find(name);
	if (found)
		hold(found);
	lock_drop(&vms.lock);
	return found;
}

struct vm *vm_next(struct vm *vm)
{
	struct vm *next = NULL;
	struct list *at;

	lock_take(&vms.lock);
	at = vm ? vm->link.next : vms.list.next;
	/* A VM that was taken out of the list meanwhile ends the walk: its link is its own. */
	if (at != &vms.list && (!vm || at != &vm->link)) {
		next = container_of(at, struct vm, link);
		hold(next);
	}
	lock_drop(&vms.lock);
	if (vm)
		vm_put(vm);
	return next;
}

bool vms_complete(unsigned argument, unsigned n, char word[SHELL_CANDIDATE])
{
	struct vm *vm = argument ? NULL : vm_next(NULL);

	while (vm && n--)
		vm = vm_next(vm);
	if (!vm)
		return false;
	str_copy(word, vm->config.name, SHELL_CANDIDATE);
	vm_put(vm);
	return true;
}

struct vm *vms_find_for(struct reply *r, const char *name)
{
	struct vm *vm = vm_find(name), *first;

	if (vm)
		return vm;
	first = vm_next(NULL);
	if (first)
		reply_error(r, "not-found",
			    "there is no guest \"%.40s\"; \"vms\" lists those that there are, such "
			    "as \"%s\"",
			    name, first->config.name);
	else
		reply_error(r, "not-found", "there is no guest at all");
	if (first)
		vm_put(first);
	return NULL;
}

/* What a machine's vCPUs have counted; all 0 where there is none. */
struct sums {
	uint64_t counts[EXIT_KINDS], total;
};

static void sum_exits(struct vm *vm, struct sums *s)
{
	*s = (struct sums){ 0 };
	lock_take(&vm->lock);
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		for (unsigned k = 0; k < EXIT_KINDS; k++)
			s->counts[k] += vm->vcpus[i]->counts[k];
	lock_drop(&vm->lock);
	for (unsigned k = 0; k < EXIT_KINDS; k++)
		s->total += s->counts[k];
}

/* After the end: what its threads had of the CPUs. */
static void print_times(const struct vm *vm)
{
	const uint64_t ns_per_us = 1000;

	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		const struct thread_times *t = &vm->vcpus[i]->times;

		log_result("times: vCPU %u ran %lu us on CPUs %#lx, waited %lu us, %lu us at most, "
			   "slept %lu us",
			   i, (unsigned long)(t->running / ns_per_us), (unsigned long)t->cpus,
			   (unsigned long)(t->ready / ns_per_us),
			   (unsigned long)(t->longest_wait / ns_per_us),
			   (unsigned long)(t->blocked / ns_per_us));
	}
}

void vms_print_exits(struct vm *vm)
{
	struct sums s;

	sum_exits(vm, &s);
	log_result("exits: %lu", (unsigned long)s.total);
	for (unsigned k = 0; k < EXIT_KINDS; k++)
		if (s.counts[k]) {
			log_result("exits: %10lu %s", (unsigned long)s.counts[k], vm_exit_names[k]);
			sched_breathe();
		}
	print_times(vm);
}

static void run_vms(struct reply *r, unsigned argc, char **argv)
{
	static const struct reply_column columns[] = {
		{ "name", 16 },	   { "state", 8 },   { "vcpus", -5 },
		{ "memory", -10 }, { "exits", -14 },
	};

	(void)argc;
	(void)argv;
	reply_table(r, "vms", columns, ARRAY_SIZE(columns));
	for (struct vm *vm = vm_next(NULL); vm; vm = vm_next(vm)) {
		struct sums s;

		sum_exits(vm, &s);
		reply_row(r);
		reply_text(r, NULL, "%s", vm->config.name);
		reply_text(r, NULL, "%s", life_state_names[vm->life.state]);
		reply_number(r, NULL, vm->config.cpus);
		reply_size(r, NULL, vm->config.memory);
		reply_number(r, NULL, s.total);
	}
	reply_table_end(r);
}

/* A vCPU's thread does not go while the lock is held. */
bool vms_glimpse(struct vm *vm, unsigned i, struct vcpu_glimpse *g)
{
	const struct vcpu *v;

	*g = (struct vcpu_glimpse){ 0 };
	lock_take(&vm->lock);
	v = i < vm->vcpu_count ? vm->vcpus[i] : NULL;
	if (v) {
		g->is_there = v->thread;
		g->halted = v->halted;
		g->waits = v->waits_for_sipi;
		for (unsigned k = 0; k < EXIT_KINDS; k++)
			g->exits += v->counts[k];
	}
	if (g->is_there) {
		g->cpu = v->thread->cpu->id;
		thread_times(v->thread, &g->times);
	}
	lock_drop(&vm->lock);
	return v;
}

const char *vms_glimpse_state(const struct vcpu_glimpse *g)
{
	if (!g->is_there)
		return "gone";
	return g->waits ? "off" : g->halted ? "halted" : "running";
}

static void put_vcpus(struct reply *r, struct vm *vm)
{
	static const struct reply_column columns[] = { { "vcpu", -4 },	     { "state", 8 },
						       { "cpu", -3 },	     { "exits", -14 },
						       { "run-ms", -10 },    { "steal-ms", -8 },
						       { "blocked-ms", -10 } };
	const uint64_t ns_per_ms = 1000000;
	struct vcpu_glimpse g;

	reply_table(r, "vcpus", columns, ARRAY_SIZE(columns));
	for (unsigned i = 0; vms_glimpse(vm, i, &g); i++) {
		reply_row(r);
		reply_number(r, NULL, i);
		reply_text(r, NULL, "%s", vms_glimpse_state(&g));
		reply_number(r, NULL, g.cpu);
		reply_number(r, NULL, g.exits);
		reply_number(r, NULL, g.times.running / ns_per_ms);
		reply_number(r, NULL, g.times.ready / ns_per_ms);
		reply_number(r, NULL, g.times.blocked / ns_per_ms);
	}
	reply_table_end(r);
}

/* As `pin` takes it: "all", or "0-1,3". */
static void put_pin(struct reply *r, uint64_t pin)
{
	char text[CPUS_MAX * 3 + 1] = "all";
	int n = 0;

	for (unsigned from = 0; from < CPUS_MAX; from++) {
		unsigned to = from;

		if (!(pin & BIT(from)))
			continue;
		while (to + 1 < CPUS_MAX && (pin & BIT(to + 1)))
			to++;
		n += fmt_print(text + n, sizeof(text) - (size_t)n, "%s%u", n ? "," : "", from);
		if (to > from)
			n += fmt_print(text + n, sizeof(text) - (size_t)n, "-%u", to);
		from = to;
	}
	reply_text(r, "pin", "%s", text);
}

static void run_vm(struct reply *r, unsigned argc, char **argv)
{
	struct vm *vm = vms_find_for(r, argv[1]);

	(void)argc;
	if (!vm)
		return;
	reply_text(r, "name", "%s", vm->config.name);
	reply_text(r, "state", "%s", life_state_names[vm->life.state]);
	if (vm->end_reason[0])
		reply_text(r, "reason", "%s", vm->end_reason);
	reply_size(r, "memory", vm->config.memory);
	reply_size(r, "kernel", vm->config.kernel_size);
	reply_size(r, "initrd", vm->config.initrd_size);
	reply_text(r, "cmdline", "%s", vm->config.cmdline);
	reply_number(r, "weight", vm->config.weight);
	reply_number(r, "cap", vm->config.cap);
	put_pin(r, vm->config.pin);
	reply_bool(r, "on-terminal", vconsole_is_attached(&vm->console, LINE_TERMINAL));
	put_vcpus(r, vm);
	vm_put(vm);
}

static void run_exits(struct reply *r, unsigned argc, char **argv)
{
	static const struct reply_column columns[] = { { "kind", 20 }, { "exits", -14 } };
	struct vm *vm = vms_find_for(r, argv[1]);
	struct sums s;

	(void)argc;
	if (!vm)
		return;
	sum_exits(vm, &s);
	reply_table(r, "exits", columns, ARRAY_SIZE(columns));
	for (unsigned k = 0; k < EXIT_KINDS; k++) {
		if (!s.counts[k])
			continue;
		reply_row(r);
		reply_text(r, NULL, "%s", vm_exit_names[k]);
		reply_number(r, NULL, s.counts[k]);
	}
	reply_table_end(r);
	reply_number(r, "total", s.total);
	vm_put(vm);
}

static const struct shell_command commands[] = {
	{ .name = "vms", .help = "Lists the guests", .run = run_vms },
	{ .name = "vm",
	  .arguments = "NAME",
	  .help = "Shows one guest and its virtual CPUs",
	  .run = run_vm,
	  .complete = vms_complete },
	{ .name = "exits",
	  .arguments = "NAME",
	  .help = "Shows why a guest has left to Plinth, and how often",
	  .run = run_exits,
	  .complete = vms_complete },
};

const struct shell_table vms_commands = { commands, ARRAY_SIZE(commands) };

/* SPDX-License-Identifier: MIT */
/* The list of VMs, and the commands that look into it: vms, vm, exits. */
#include "vmm/vms.h"

#include "lib/string.h"
#include "vmm/vm.h"

static struct {
	struct lock lock; /* of the list, and of taking a hold */
	struct list list;
	struct wait_queue unheld; /* somebody has let go of a VM */
} vms = { .list = { &vms.list, &vms.list },
	  .unheld = { .waiters = { &vms.unheld.waiters, &vms.unheld.waiters } } };

void vms_add(struct vm *vm)
{
	lock_take(&vms.lock);
	list_insert_before(&vms.list, &vm->link);
	lock_drop(&vms.lock);
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
	struct vm *found = NULL;

	lock_take(&vms.lock);
	list_for_each (at, &vms.list) {
		struct vm *vm = container_of(at, struct vm, link);

		if (!strcmp(vm->config.name, name))
			found = vm;
	}
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

static const char *state_name(const struct vm *vm)
{
	static const char *const ends[] = { [VM_RUNNING] = "running",
					    [VM_POWERED_OFF] = "powered-off",
					    [VM_RESET] = "reset",
					    [VM_EXIT_PORT] = "exit-port",
					    [VM_CRASHED] = "crashed" };

	return ends[vm->end];
}

static uint64_t count_exits(const struct vcpu *v)
{
	uint64_t total = 0;

	for (unsigned k = 0; k < EXIT_KINDS; k++)
		total += v->counts[k];
	return total;
}

static void run_vms(struct reply *r, unsigned argc, char **argv)
{
	static const struct reply_column columns[] = {
		{ "name", 16 },	   { "state", 12 },  { "vcpus", -5 },
		{ "memory", -10 }, { "exits", -14 },
	};

	(void)argc;
	(void)argv;
	reply_table(r, "vms", columns, ARRAY_SIZE(columns));
	for (struct vm *vm = vm_next(NULL); vm; vm = vm_next(vm)) {
		uint64_t exits = 0;

		for (unsigned i = 0; i < vm->vcpu_count; i++)
			exits += count_exits(vm->vcpus[i]);
		reply_row(r);
		reply_text(r, NULL, "%s", vm->config.name);
		reply_text(r, NULL, "%s", state_name(vm));
		reply_number(r, NULL, vm->vcpu_count);
		reply_size(r, NULL, vm->config.memory);
		reply_number(r, NULL, exits);
	}
	reply_table_end(r);
}

static void put_vcpus(struct reply *r, struct vm *vm)
{
	static const struct reply_column columns[] = {
		{ "vcpu", -4 }, { "state", 8 }, { "cpu", -3 }, { "exits", -14 }
	};

	reply_table(r, "vcpus", columns, ARRAY_SIZE(columns));
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		const struct vcpu *v = vm->vcpus[i];
		bool is_there;
		unsigned cpu = 0;

		/* Its thread does not go while the lock is held: vm_leave(). */
		lock_take(&vm->lock);
		is_there = v->thread;
		if (is_there)
			cpu = v->thread->cpu->id;
		lock_drop(&vm->lock);
		reply_row(r);
		reply_number(r, NULL, v->id);
		reply_text(r, NULL, "%s", !is_there ? "gone" : v->halted ? "halted" : "running");
		reply_number(r, NULL, cpu);
		reply_number(r, NULL, count_exits(v));
	}
	reply_table_end(r);
}

static void run_vm(struct reply *r, unsigned argc, char **argv)
{
	struct vm *vm = vms_find_for(r, argv[1]);

	(void)argc;
	if (!vm)
		return;
	reply_text(r, "name", "%s", vm->config.name);
	reply_text(r, "state", "%s", state_name(vm));
	if (vm->end != VM_RUNNING)
		reply_text(r, "reason", "%s", vm->end_reason);
	reply_size(r, "memory", vm->config.memory);
	reply_size(r, "kernel", vm->config.kernel_size);
	reply_size(r, "initrd", vm->config.initrd_size);
	reply_text(r, "cmdline", "%s", vm->config.cmdline);
	reply_bool(r, "on-terminal", vconsole_is_attached(&vm->console, LINE_TERMINAL));
	put_vcpus(r, vm);
	vm_put(vm);
}

static void run_exits(struct reply *r, unsigned argc, char **argv)
{
	static const struct reply_column columns[] = { { "kind", 20 }, { "exits", -14 } };
	struct vm *vm = vms_find_for(r, argv[1]);
	uint64_t total = 0;

	(void)argc;
	if (!vm)
		return;
	reply_table(r, "exits", columns, ARRAY_SIZE(columns));
	for (unsigned k = 0; k < EXIT_KINDS; k++) {
		uint64_t count = 0;

		for (unsigned i = 0; i < vm->vcpu_count; i++)
			count += vm->vcpus[i]->counts[k];
		if (!count)
			continue;
		reply_row(r);
		reply_text(r, NULL, "%s", vm_exit_names[k]);
		reply_number(r, NULL, count);
		total += count;
	}
	reply_table_end(r);
	reply_number(r, "total", total);
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

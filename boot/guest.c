/* SPDX-License-Identifier: MIT */
/* The guest that runs, of those that boot/config.c makes; and the summary at the end. */
#include "boot/guest.h"
#include "boot/config.h"
#include "core/pmem.h"
#include "core/timer.h"
#include "drivers/end.h"
#include "lib/log.h"
#include "vmm/vm.h"

enum { STATUS_OK = 0, STATUS_CRASHED = 0x7e, STATUS_FAILED = 0x7f };

_Static_assert((int)CONFIG_CPUS == (int)VM_VCPUS, "what a config may ask for can be had");

/* What Plinth itself takes: the image, and all memory that is neither free nor the guest's. */
static void print_cost(const struct vm_config *c)
{
	extern const char image_load[], image_load_end[];
	uint64_t used = 0;

	for (enum mem_owner o = 0; o < MEM_OWNERS; o++)
		used += o == MEM_GUEST ? 0 : pmem_used(o);
	log_info("vm: %s starts with %lu MiB; %lu MiB are free", c->name, c->memory / MIB,
		 pmem_free() / MIB);
	log_info("plinth: image %lu KiB, %lu KiB of memory in use with one guest",
		 (image_load_end - image_load) / KIB, used / KIB);
	log_info("plinth: %lu TSC ticks from entry to the guest's first instruction",
		 time_tsc() - time_ns_to_tsc(0));
}

static void print_exits(const struct vm *vm)
{
	uint64_t counts[EXIT_KINDS] = { 0 }, total = 0;

	for (unsigned i = 0; i < vm->vcpu_count; i++)
		for (unsigned k = 0; k < EXIT_KINDS; k++)
			counts[k] += vm->vcpus[i]->counts[k];
	for (unsigned k = 0; k < EXIT_KINDS; k++)
		total += counts[k];
	log_result("exits: %lu", (unsigned long)total);
	for (unsigned k = 0; k < EXIT_KINDS; k++)
		if (counts[k])
			log_result("exits: %10lu %s", (unsigned long)counts[k], vm_exit_names[k]);
}

static uint8_t print_end(enum vm_end end, uint8_t exit_status)
{
	static const char *const hows[] = { [VM_POWERED_OFF] = "powered off",
					    [VM_RESET] = "reset",
					    [VM_EXIT_PORT] = "exit port",
					    [VM_CRASHED] = "stopped by Plinth" };
	uint8_t status = end == VM_EXIT_PORT ? exit_status
			 : end == VM_CRASHED ? STATUS_CRASHED
					     : STATUS_OK;

	log_result("plinth: guest ended: %s, status %u", hows[end], status);
	return status;
}

/*
 * Whatever the guest had must be back. Plinth's own page tables are left out: they keep what they
 * have grown to, since a CPU may have cached the way through them, and the next guest uses it
 * again.
 */
static void print_memory_after(const uint64_t before[MEM_OWNERS])
{
	bool all = true;

	for (enum mem_owner o = 0; o < MEM_OWNERS; o++) {
		if (pmem_used(o) == before[o] || o == MEM_SPACE)
			continue;
		all = false;
		log_error("memory: %s: %lu KiB in use before the guest, %lu KiB after it",
			  mem_owner_names[o], before[o] / KIB, pmem_used(o) / KIB);
	}
	if (all)
		log_info("memory: all that the guest had is free again");
}

/* What a config may ask for and is not done so far; each is said, so that nobody waits for it. */
static void warn_not_done(const struct config *c, const struct vm_config *vm)
{
	for (unsigned i = 0; i < c->vm_count; i++)
		if (c->vms[i].autostart && &c->vms[i] != vm)
			log_warn("boot: the guest %s is not started: one guest is run so far, and "
				 "%s is the first",
				 c->vms[i].name, vm->name);
	if (vm->on_poweroff == CONFIG_RESTART || vm->on_crash == CONFIG_RESTART)
		log_warn("boot: %s: \"restart\" is done for on_reboot only so far", vm->name);
	if (c->host.when_last_ends != CONFIG_END_POWEROFF)
		log_warn("boot: when_last_ends: only \"poweroff\" is done so far");
	if (c->host.console_count > 1)
		log_warn("boot: consoles: only the first is used so far");
}

/* The first that starts by itself; NULL: there is none, as was told. */
static const struct vm_config *choose(const struct config *c)
{
	for (unsigned i = 0; i < c->vm_count; i++) {
		const struct vm_config *vm = &c->vms[i];

		if (!vm->autostart)
			continue;
		warn_not_done(c, vm);
		return vm;
	}
	log_error("boot: no guest of the config starts by itself: autostart = true would do it");
	return NULL;
}

uint8_t guest_run(const struct boot_info *info, const struct options *o)
{
	const struct config *config = boot_config_make(info, o);
	const struct vm_config *vm_config = config ? choose(config) : NULL;
	uint64_t before[MEM_OWNERS];
	enum vm_end vm_end;
	uint8_t exit_status;
	struct vm *vm;

	/* What is wrong with a config has to be read: a real machine stays on. */
	if (!vm_config)
		end_failed();
	for (enum mem_owner owner = 0; owner < MEM_OWNERS; owner++)
		before[owner] = pmem_used(owner);
	vm = vm_create(vm_config);
	if (vm)
		vconsole_attach(LINE_TERMINAL, &vm->console, true);
	if (!vm || vm_start(vm)) {
		log_result("plinth: guest ended: not started, status %u", STATUS_FAILED);
		return STATUS_FAILED;
	}
	print_cost(vm_config);
	vm_wait(vm);
	print_exits(vm);
	vm_end = vm->end;
	exit_status = (uint8_t)vm->exit_status;
	vm_destroy(vm);
	print_memory_after(before);
	return print_end(vm_end, exit_status);
}

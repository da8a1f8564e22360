/* SPDX-License-Identifier: MIT */
/* From boot modules to a struct vm_config; and the summary at the end. */
#include "boot/guest.h"
#include "arch/x86_64/layout.h"
#include "core/pmem.h"
#include "core/timer.h"
#include "core/ramlist.h"
#include "drivers/acpi.h"
#include "drivers/rtc.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/vm.h"

enum { STATUS_OK = 0, STATUS_CRASHED = 0x7e, STATUS_FAILED = 0x7f };

/*
 * For Plinth itself when the guest may have the rest: page tables, devices, what later guests need.
 */
#define RESERVE (32 * MIB)

static uint64_t default_memory(void)
{
	uint64_t free = pmem_free();

	return free > RESERVE ? ALIGN_DOWN(free - RESERVE, 2 * MIB) : 0;
}

/* Whether a loader has put the module where the direct map reaches it. */
static bool is_in_ram(const struct boot_info *info, const struct boot_module *m)
{
	const struct ramlist ram = { .regions = info->regions,
				     .region_count = info->region_count,
				     .end = DIRECT_SIZE };
	uint64_t start = m->start.raw;
	struct boot_region run;

	return !m->size || (ramlist_next(&ram, ALIGN_DOWN(start, PAGE_SIZE), &run) &&
			    run.base <= start && m->size <= run.size - (start - run.base));
}

static int check_modules(const struct boot_info *info)
{
	for (unsigned i = 0; i < info->module_count; i++) {
		const struct boot_module *m = &info->modules[i];

		/* A line that was cut is worse than none: what is missing may be what mattered. */
		if (m->cmdline_cut) {
			log_error("boot: the command line of module %u is longer than %u bytes, "
				  "the most that Plinth takes: shorten it",
				  i + 1, BOOT_STRING - 1);
			return -E2BIG;
		}
		if (is_in_ram(info, m))
			continue;
		log_error("boot: module %u, %lu bytes at %#lx, lies where the boot loader's map "
			  "has no RAM",
			  i + 1, (unsigned long)m->size, (unsigned long)m->start.raw);
		return -EFAULT;
	}
	return 0;
}

static void use_modules(const struct boot_info *info, struct vm_config *c)
{
	const struct boot_module *kernel = &info->modules[0], *initrd = &info->modules[1];

	if (info->module_count > 0) {
		c->kernel = hpa_ptr(kernel->start);
		c->kernel_size = kernel->size;
		str_copy(c->cmdline, kernel->cmdline, sizeof(c->cmdline));
	}
	if (info->module_count > 1) {
		c->initrd = hpa_ptr(initrd->start);
		c->initrd_size = initrd->size;
	}
	if (info->module_count > 2)
		log_warn("boot: %u boot modules: only the first two (kernel, initrd) are used",
			 info->module_count);
}

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

uint8_t guest_run(const struct boot_info *info, const struct options *o)
{
	struct vm_config config = { .name = "guest",
				    .memory = o->memory ? o->memory : default_memory(),
				    .cpus = o->cpus,
				    .debug_ports = o->debug_ports,
				    .end_on_reset = o->end_on_reset };
	uint64_t before[MEM_OWNERS];
	enum vm_end vm_end;
	uint8_t exit_status;
	struct vm *vm;

	for (enum mem_owner owner = 0; owner < MEM_OWNERS; owner++)
		before[owner] = pmem_used(owner);
	if (rtc_read(acpi_info.century, &config.boot_time))
		log_warn("boot: the machine's clock cannot be read; the guest's begins in 1970");
	use_modules(info, &config);
	if (!config.memory)
		log_error("boot: the machine has %lu MiB of free memory, of which Plinth keeps "
			  "%lu: too little for a guest",
			  pmem_free() / MIB, RESERVE / MIB);
	vm = !config.memory || check_modules(info) ? NULL : vm_create(&config);
	if (!vm || vm_start(vm)) {
		log_result("plinth: guest ended: not started, status %u", STATUS_FAILED);
		return STATUS_FAILED;
	}
	print_cost(&config);
	vm_wait(vm);
	print_exits(vm);
	vm_end = vm->end;
	exit_status = (uint8_t)vm->exit_status;
	vm_destroy(vm);
	print_memory_after(before);
	return print_end(vm_end, exit_status);
}

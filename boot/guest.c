/* SPDX-License-Identifier: MIT */
/* From boot modules to a struct vm_config; and the summary at the end. */
#include "boot/guest.h"
#include "core/pmem.h"
#include "drivers/acpi.h"
#include "drivers/rtc.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/vm.h"

enum { STATUS_OK = 0, STATUS_CRASHED = 0x7e, STATUS_FAILED = 0x7f };

/* For Plinth itself when the guest may have the rest: page tables, devices, what later guests need. */
#define RESERVE (32 * MIB)

static uint64_t default_memory(void)
{
	uint64_t free = pmem_free();

	return free > RESERVE ? ALIGN_DOWN(free - RESERVE, 2 * MIB) : 0;
}

static void use_modules(const struct boot_info *info, struct vm_config *c)
{
	const struct boot_module *kernel = &info->modules[0], *initrd = &info->modules[1];

	if (info->module_count > 0) {
		c->kernel = hpa_ptr(kernel->start);
		c->kernel_size = kernel->size;
		str_copy(c->cmdline, kernel->cmdline, sizeof(c->cmdline));
		if (kernel->cmdline_cut)
			log_warn("boot: the guest's command line was cut to %zu bytes",
				 strlen(c->cmdline));
	}
	if (info->module_count > 1) {
		c->initrd = hpa_ptr(initrd->start);
		c->initrd_size = initrd->size;
	}
	if (info->module_count > 2)
		log_warn("boot: %u boot modules: only the first two (kernel, initrd) are used",
			 info->module_count);
}

static void print_exits(const struct vcpu *v)
{
	uint64_t total = 0;

	for (unsigned k = 0; k < EXIT_KINDS; k++)
		total += v->counts[k];
	log_info("exits: %lu", (unsigned long)total);
	for (unsigned k = 0; k < EXIT_KINDS; k++)
		if (v->counts[k])
			log_info("exits: %10lu %s", (unsigned long)v->counts[k], vm_exit_names[k]);
}

static uint8_t print_end(const struct vm *vm)
{
	static const char *const hows[] = { [VM_POWERED_OFF] = "powered off",
					    [VM_RESET] = "reset",
					    [VM_EXIT_PORT] = "exit port",
					    [VM_CRASHED] = "stopped by Plinth" };
	uint8_t status = vm->end == VM_EXIT_PORT ? (uint8_t)vm->exit_status :
			 vm->end == VM_CRASHED	 ? STATUS_CRASHED :
						   STATUS_OK;

	log_info("plinth: guest ended: %s, status %u", hows[vm->end], status);
	return status;
}

uint8_t guest_run(const struct boot_info *info, const struct options *o)
{
	struct vm_config config = { .name = "guest",
				    .memory = o->memory ? o->memory : default_memory(),
				    .debug_ports = o->debug_ports,
				    .end_on_reset = o->end_on_reset };
	struct vm *vm;
	uint8_t status;

	if (rtc_read(acpi_info.century, &config.boot_time))
		log_warn("boot: the machine's clock cannot be read; the guest's begins in 1970");
	use_modules(info, &config);
	vm = vm_create(&config);
	if (!vm || vm_start(vm)) {
		log_error("plinth: guest ended: not started, status %u", STATUS_FAILED);
		return STATUS_FAILED;
	}
	log_info("vm: %s starts with %lu MiB; Plinth has %lu MiB free", config.name,
		 config.memory / MIB, pmem_free() / MIB);
	vm_wait(vm);
	print_exits(vm->vcpus[0]);
	status = print_end(vm);
	vm_destroy(vm);
	return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * A VM: what it keeps from create to destroy, and the machine that it has from start to stop, made
 * on one ladder of steps and taken down by the same ladder.
 */
#include "vmm/vm.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/ptab.h"
#include "arch/x86_64/tsc.h"
#include "core/alloc.h"
#include "core/timer.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "vmm/acpi/acpi.h"
#include "vmm/load/load.h"

/* What firmware does on a PC: tables, then the kernel. */
int vm_load(struct vm *vm)
{
	struct load_regs regs;
	int err = acpi_build(vm);

	if (!err)
		err = smbios_build(vm);
	if (!err)
		err = load_kernel(vm, &regs);
	if (!err)
		vcpu_set_regs(vm->vcpus[0], &regs);
	return err;
}

static int nested_init(struct vm *vm)
{
	int err;

	vm->hw.nested = mem_alloc(sizeof(*vm->hw.nested), MEM_VM);
	if (!vm->hw.nested)
		return -ENOMEM;
	err = ptab_init(vm->hw.nested, virt->nested_format, MEM_PTAB);
	if (err)
		mem_free(vm->hw.nested);
	vm->tsc_offset = -rdtsc();
	return err;
}

static void nested_fini(struct vm *vm)
{
	ptab_fini(vm->hw.nested);
	mem_free(vm->hw.nested);
}

/* Those who look at vCPUs from elsewhere do so under the lock: there are none from here on. */
static void vcpus_destroy(struct vm *vm)
{
	unsigned n = vm->vcpu_count;

	lock_take(&vm->lock);
	vm->vcpu_count = 0;
	lock_drop(&vm->lock);
	while (n--) {
		vcpu_destroy(vm->vcpus[n]);
		vm->vcpus[n] = NULL;
	}
}

static int vcpus_create(struct vm *vm)
{
	for (unsigned i = 0; i < vm->config.cpus; i++) {
		struct vcpu *v = vcpu_create(vm, i);

		if (!v) {
			vcpus_destroy(vm);
			return -ENOMEM;
		}
		lock_take(&vm->lock);
		vm->vcpus[i] = v;
		vm->vcpu_count = i + 1;
		lock_drop(&vm->lock);
	}
	return 0;
}

static void console_input(void *arg, uint8_t byte)
{
	struct vm *vm = arg;

	/* A guest that is off hears nothing. */
	lock_take(&vm->lock);
	if (vm->has_devices && !vuart_receive(vm, 0, &byte, 1))
		vuart_overrun(vm, 0);
	lock_drop(&vm->lock);
}

static void console_ready(void *arg)
{
	struct vm *vm = arg;

	lock_take(&vm->lock);
	if (vm->has_devices)
		vuart_transmit_ready(vm, 0);
	lock_drop(&vm->lock);
}

static const struct vconsole_ops console_ops = { .ready = console_ready, .input = console_input };

/* Whether those who type at its console reach its serial port. */
static void set_devices(struct vm *vm, bool has)
{
	lock_take(&vm->lock);
	vm->has_devices = has;
	lock_drop(&vm->lock);
}

/* As if it had never run. */
static void forget(struct vm *vm)
{
	vm->end = VM_RUNNING;
	vm->exit_status = 0;
	vm->end_reason[0] = '\0';
	vm->resetting = vm->pausing = false;
	vm->parked = vm->paused = vm->left = vm->gone = 0;
	vm->resets = 0;
	vm->triple_faults = vm->triple_faults_told = 0;
	vm->begun_ns = time_ns();
	vm->frozen = false;
	vm->pv_wall_msr = 0;
	vm->hw.vcpu_count = vm->config.cpus;
	cpuid_init(vm);
}

/* Its clock shows the time of day. */
static void set_clock(struct vm *vm)
{
	vm->boot_time = vm->config.boot_time + time_ns() / NS_PER_S;
	vrtc_set_time(vm, vm->boot_time);
}

int vm_build(struct vm *vm)
{
	int err;

	forget(vm);
	err = nested_init(vm);
	if (err)
		goto err_nested;
	err = vm_memory_init(vm);
	if (err)
		goto err_memory;
	err = virt->vm_init(&vm->hw);
	if (err)
		goto err_virt;
	msr_pass(vm);
	err = vcpus_create(vm);
	if (err)
		goto err_vcpus;
	err = devices_init(vm);
	if (err)
		goto err_devices;
	set_clock(vm);
	err = vm_load(vm);
	if (err)
		goto err_load;
	set_devices(vm, true);
	return 0;
err_load:
	devices_fini(vm);
err_devices:
	vcpus_destroy(vm);
err_vcpus:
	virt->vm_fini(&vm->hw);
err_virt:
	vm_memory_fini(vm);
err_memory:
	nested_fini(vm);
err_nested:
	log_error("vm: %s was not started", vm->config.name);
	return err;
}

void vm_dismantle(struct vm *vm)
{
	set_devices(vm, false);
	devices_fini(vm);
	vcpus_destroy(vm);
	virt->vm_fini(&vm->hw);
	vm_memory_fini(vm);
	nested_fini(vm);
}

struct vm *vm_create(const struct vm_config *config)
{
	struct vm *vm;

	if (config->cpus < 1 || config->cpus > VM_VCPUS) {
		log_error("vm: %s: %u CPUs: 1 to %u would be right", config->name, config->cpus,
			  VM_VCPUS);
		return NULL;
	}
	vm = mem_alloc(sizeof(*vm), MEM_VM);
	if (!vm)
		goto err_vm;
	vm->config = *config;
	list_init(&vm->link);
	wait_init(&vm->ended);
	wait_init(&vm->gathered);
	vm->group = sched_group_create();
	if (!vm->group)
		goto err_group;
	sched_group_set_cap(vm->group, config->cap);
	if (vconsole_init(&vm->console, vm->config.name, &console_ops, vm, false))
		goto err_console;
	return vm;
err_console:
	sched_group_put(vm->group);
err_group:
	mem_free(vm);
err_vm:
	log_error("vm: %s was not created: there is no memory for it", config->name);
	return NULL;
}

void vm_destroy(struct vm *vm)
{
	vconsole_fini(&vm->console);
	sched_group_put(vm->group);
	mem_free(vm);
}

/* Nobody listens at COM2. */
bool vm_console_write(struct vm *vm, unsigned port, uint8_t byte)
{
	return port != 0 || vconsole_put(&vm->console, byte);
}

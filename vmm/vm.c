/* SPDX-License-Identifier: MIT */
/*
 * A VM's life: made on one ladder of steps, started, reset, ended, and taken down by the same
 * ladder.
 */
#include "vmm/vm.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/ptab.h"
#include "core/alloc.h"
#include "drivers/console.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vmm/acpi/acpi.h"
#include "vmm/load/load.h"

/* What firmware does on a PC: tables, then the kernel. */
static int load(struct vm *vm)
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

struct vm *vm_create(const struct vm_config *config)
{
	struct vm *vm = mem_alloc(sizeof(*vm), MEM_VM);

	if (!vm)
		goto err_vm;
	vm->config = *config;
	wait_init(&vm->ended);
	cpuid_init(vm);
	if (nested_init(vm))
		goto err_nested;
	if (vm_memory_init(vm))
		goto err_memory;
	if (virt->vm_init(&vm->hw))
		goto err_virt;
	msr_pass(vm);
	vm->vcpus[0] = vcpu_create(vm, 0);
	if (!vm->vcpus[0])
		goto err_vcpu;
	vm->vcpu_count = VM_VCPUS;
	if (devices_init(vm))
		goto err_devices;
	vrtc_set_time(vm, config->boot_time);
	if (load(vm))
		goto err_load;
	return vm;
err_load:
	devices_fini(vm);
err_devices:
	vcpu_destroy(vm->vcpus[0]);
err_vcpu:
	virt->vm_fini(&vm->hw);
err_virt:
	vm_memory_fini(vm);
err_memory:
	nested_fini(vm);
err_nested:
	mem_free(vm);
err_vm:
	log_error("vm: %s was not created", config->name);
	return NULL;
}

void vm_destroy(struct vm *vm)
{
	devices_fini(vm);
	vcpu_destroy(vm->vcpus[0]);
	virt->vm_fini(&vm->hw);
	vm_memory_fini(vm);
	nested_fini(vm);
	mem_free(vm);
}

static void input(void *arg, uint8_t byte)
{
	struct vm *vm = arg;

	lock_take(&vm->lock);
	vuart_receive(vm, 0, &byte, 1);
	lock_drop(&vm->lock);
}

int vm_start(struct vm *vm)
{
	struct vcpu *v = vm->vcpus[0];

	v->thread = thread_create(vm->config.name, vcpu_loop, v);
	if (!v->thread)
		return -ENOMEM;
	console_set_input(input, vm);
	return 0;
}

static bool has_ended(void *arg)
{
	const struct vm *vm = arg;

	return vm->vcpu_gone;
}

void vm_wait(struct vm *vm)
{
	wait_until(&vm->ended, has_ended, vm);
}

void vm_ended(struct vm *vm)
{
	console_set_input(NULL, NULL);
	lock_take(&vm->ended.lock);
	vm->vcpu_gone = true;
	lock_drop(&vm->ended.lock);
	wait_wake_all(&vm->ended);
}

int vm_reset(struct vm *vm)
{
	int err;

	/* An INIT, as the guest sends it by its APICs, comes without a reason. */
	log_info("vm: %s is reset (%s)", vm->config.name,
		 vm->end_reason[0] ? vm->end_reason : "INIT");
	lock_take(&vm->lock);
	vm->end_reason[0] = '\0';
	devices_reset(vm);
	lock_drop(&vm->lock);
	vcpu_reset(vm->vcpus[0]);
	err = load(vm);
	if (err)
		vm_crash(vm, "its kernel could not be loaded again");
	return err;
}

void vm_request_end(struct vm *vm, enum vm_end how, const char *reason)
{
	bool reset = how == VM_RESET && !vm->config.end_on_reset;

	if (vm->end != VM_RUNNING)
		return; /* the first reason is the one that counts */
	str_copy(vm->end_reason, reason, sizeof(vm->end_reason));
	if (!reset)
		vm->end = how;
	vcpu_request(vm->vcpus[0], reset ? REQUEST_RESET : REQUEST_STOP);
}

/* Of the vCPU whose thread has crashed it; only the first crash counts. */
static void dump_own(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		if (vm->end == VM_RUNNING && vm->vcpus[i]->thread == thread_self())
			dump_vcpu(vm->vcpus[i]);
}

void vm_crash(struct vm *vm, const char *fmt, ...)
{
	char text[sizeof(vm->end_reason)];
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_error("vm: %s is stopped: %s", vm->config.name, text);
	dump_own(vm);
	lock_take(&vm->lock);
	vm_request_end(vm, VM_CRASHED, text);
	lock_drop(&vm->lock);
}

/* COM1 is the machine's console; nobody listens at COM2. */
void vm_console_write(struct vm *vm, unsigned port, uint8_t byte)
{
	(void)vm;
	if (port == 0)
		console_putc(byte);
}

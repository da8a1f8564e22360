/* SPDX-License-Identifier: MIT */
/*
 * A VM's life: made on one ladder of steps, started, reset, ended, and taken down by the same
 * ladder.
 */
#include "vmm/vm.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/ptab.h"
#include "core/alloc.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vmm/acpi/acpi.h"
#include "vmm/load/load.h"
#include "vmm/vms.h"

enum { RESETS_TOLD = 16 };

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

static void vcpus_destroy(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vcpu_destroy(vm->vcpus[i]);
}

static int vcpus_create(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		vm->vcpus[i] = vcpu_create(vm, i);
		if (!vm->vcpus[i]) {
			vcpus_destroy(vm);
			return -ENOMEM;
		}
	}
	return 0;
}

/* What needs no step back. */
static int settings_init(struct vm *vm, const struct vm_config *config)
{
	if (config->cpus < 1 || config->cpus > VM_VCPUS) {
		log_error("vm: %s: %u CPUs: 1 to %u would be right", config->name, config->cpus,
			  VM_VCPUS);
		return -EINVAL;
	}
	vm->config = *config;
	vm->vcpu_count = vm->hw.vcpu_count = config->cpus;
	wait_init(&vm->ended);
	wait_init(&vm->gathered);
	cpuid_init(vm);
	return 0;
}

static void console_input(void *arg, uint8_t byte)
{
	struct vm *vm = arg;

	lock_take(&vm->lock);
	vuart_receive(vm, 0, &byte, 1);
	lock_drop(&vm->lock);
}

static void console_ready(void *arg)
{
	struct vm *vm = arg;

	lock_take(&vm->lock);
	vuart_transmit_ready(vm, 0);
	lock_drop(&vm->lock);
}

static const struct vconsole_ops console_ops = { .ready = console_ready, .input = console_input };

struct vm *vm_create(const struct vm_config *config)
{
	struct vm *vm = mem_alloc(sizeof(*vm), MEM_VM);

	if (!vm)
		goto err_vm;
	if (settings_init(vm, config) || nested_init(vm))
		goto err_nested;
	if (vm_memory_init(vm))
		goto err_memory;
	if (virt->vm_init(&vm->hw))
		goto err_virt;
	msr_pass(vm);
	if (vcpus_create(vm))
		goto err_vcpus;
	if (devices_init(vm))
		goto err_devices;
	vrtc_set_time(vm, config->boot_time);
	if (load(vm))
		goto err_load;
	if (vconsole_init(&vm->console, vm->config.name, &console_ops, vm, false))
		goto err_load;
	vms_add(vm);
	return vm;
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
	mem_free(vm);
err_vm:
	log_error("vm: %s was not created", config->name);
	return NULL;
}

void vm_destroy(struct vm *vm)
{
	vms_remove(vm);
	vconsole_fini(&vm->console);
	devices_fini(vm);
	vcpus_destroy(vm);
	virt->vm_fini(&vm->hw);
	vm_memory_fini(vm);
	nested_fini(vm);
	mem_free(vm);
}

/* The vCPU sets v->thread itself, before it looks at its requests: vcpu_loop(). */
static bool start_vcpu(struct vcpu *v)
{
	char name[sizeof(v->vm->config.name) + 8];

	if (v->id)
		fmt_print(name, sizeof(name), "%s/%u", v->vm->config.name, v->id);
	else
		str_copy(name, v->vm->config.name, sizeof(name));
	return thread_create(name, vcpu_loop, v);
}

int vm_start(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		if (start_vcpu(vm->vcpus[i]))
			continue;
		lock_take(&vm->lock);
		vm_request_end(vm, VM_CRASHED, "no memory for its threads");
		lock_drop(&vm->lock);
		/* Those that were never started have left already. */
		lock_take(&vm->ended.lock);
		vm->left += vm->vcpu_count - i;
		vm->gone += vm->vcpu_count - i;
		lock_drop(&vm->ended.lock);
		wait_wake_all(&vm->ended);
		vm_wait(vm);
		return -ENOMEM;
	}
	return 0;
}

static bool all_left(void *arg)
{
	const struct vm *vm = arg;

	return vm->left == vm->vcpu_count;
}

static bool all_gone(void *arg)
{
	const struct vm *vm = arg;

	return vm->gone == vm->vcpu_count;
}

void vm_wait(struct vm *vm)
{
	wait_until(&vm->ended, all_gone, vm);
	vconsole_drain(&vm->console);
}

static void leave(void *arg)
{
	struct vm *vm = arg;

	vm->left++;
}

static void go(void *arg)
{
	struct vm *vm = arg;

	vm->gone++;
}

/*
 * Whoever asks something of a vCPU wakes its thread, which must be there then. It is asked by its
 * own timer, by the other vCPUs, and by devices: so it goes when its timer is off, all others have
 * left the guest for good, and under vm->lock.
 */
void vm_leave(struct vcpu *v)
{
	struct vm *vm = v->vm;

	vlapic_fini(v);
	wait_post(&vm->ended, leave, vm);
	wait_until(&vm->ended, all_left, vm);
	lock_take(&vm->lock);
	v->thread = NULL;
	lock_drop(&vm->lock);
	wait_post(&vm->ended, go, vm);
}

/* What was asked of a vCPU before the reset is over, but for the end. */
static void forget_requests(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		__atomic_fetch_and(&vm->vcpus[i]->requests, REQUEST_STOP | REQUEST_LOOK,
				   __ATOMIC_RELAXED);
}

/* A guest may do nothing else: of many resets, only each that doubles their number is told. */
static void tell_reset(const struct vm *vm)
{
	uint32_t n = vm->resets + 1;

	if (n <= RESETS_TOLD)
		log_info("vm: %s is reset (%s)", vm->config.name, vm->end_reason);
	else if (!(n & (n - 1)))
		log_info("vm: %s is reset (%s), %u times by now; not all are told", vm->config.name,
			 vm->end_reason, n);
}

/* All vCPUs are parked but the one whose thread this is. */
static void reset_machine(struct vm *vm)
{
	tell_reset(vm);
	lock_take(&vm->lock);
	devices_reset(vm);
	lock_drop(&vm->lock);
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vcpu_reset(vm->vcpus[i]);
	if (load(vm))
		vm_crash(vm, "its kernel could not be loaded again");
	lock_take(&vm->lock);
	forget_requests(vm);
	vm->parked = 0;
	vm->resetting = false;
	lock_drop(&vm->lock);
}

static void reset_done(void *arg)
{
	struct vm *vm = arg;

	vm->resets++;
}

struct parked {
	const struct vcpu *v;
	uint32_t resets; /* before the one that it waits for */
};

static bool may_go_on(void *arg)
{
	const struct parked *p = arg;

	return p->v->vm->resets != p->resets ||
	       __atomic_load_n(&p->v->requests, __ATOMIC_ACQUIRE) & REQUEST_STOP;
}

void vm_join_reset(struct vcpu *v)
{
	struct vm *vm = v->vm;
	struct parked p = { .v = v };
	bool last;

	lock_take(&vm->lock);
	/* It does not move on before this vCPU is parked too. */
	p.resets = vm->resets;
	last = ++vm->parked == vm->vcpu_count;
	lock_drop(&vm->lock);
	if (last) {
		reset_machine(vm);
		wait_post(&vm->gathered, reset_done, vm);
	} else {
		wait_until(&vm->gathered, may_go_on, &p);
	}
}

void vm_request_all(struct vm *vm, unsigned requests)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vcpu_request(vm->vcpus[i], requests);
}

void vm_request_end(struct vm *vm, enum vm_end how, const char *reason)
{
	bool reset = how == VM_RESET && !vm->config.end_on_reset;

	/* The first reason is the one that counts. */
	if (vm->end != VM_RUNNING || (reset && vm->resetting))
		return;
	str_copy(vm->end_reason, reason, sizeof(vm->end_reason));
	if (reset) {
		vm->resetting = true;
		vm_request_all(vm, REQUEST_RESET);
	} else {
		vm->end = how;
		vm_request_all(vm, REQUEST_STOP);
		wait_wake_all(&vm->gathered); /* those that are parked hear no requests */
	}
}

void vm_flush_nested(struct vm *vm, struct vcpu *self)
{
	/* Whoever waits here, too, is not in the guest: nobody need wait for it. */
	__atomic_store_n(&self->waits, true, __ATOMIC_SEQ_CST);
	vm_request_all(vm, REQUEST_FLUSH);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		const struct vcpu *v = vm->vcpus[i];

		while (v != self && vcpu_may_be_inside(v) &&
		       __atomic_load_n(&v->requests, __ATOMIC_ACQUIRE) & REQUEST_FLUSH)
			__builtin_ia32_pause();
	}
	__atomic_store_n(&self->waits, false, __ATOMIC_RELEASE);
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

/* Nobody listens at COM2. */
bool vm_console_write(struct vm *vm, unsigned port, uint8_t byte)
{
	return port != 0 || vconsole_put(&vm->console, byte);
}

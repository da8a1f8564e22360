/* SPDX-License-Identifier: MIT */
/* The machine around a device under test. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/panic.h"
#include "tests/fake/timer.h"
#include "tests/fake/vm.h"

static struct vcpu *self;

struct fake_vm *fake_vm_new(void)
{
	struct fake_vm *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	f->vm.vcpus[0] = calloc(1, sizeof(struct vcpu));
	if (!f->vm.vcpus[0])
		abort();
	f->vm.vcpus[0]->vm = &f->vm;
	f->vm.vcpu_count = 1;
	fake_vm_runs(f, true);
	fake_time_set(1000000000);
	return f;
}

void fake_vm_free(struct fake_vm *f)
{
	free(f->vm.vcpus[0]);
	free(f);
}

void fake_vm_runs(struct fake_vm *f, bool runs)
{
	self = runs ? f->vm.vcpus[0] : NULL;
}

struct vcpu *vcpu_self(void)
{
	return self;
}

bool vcpu_may_be_inside(const struct vcpu *v)
{
	return v == self;
}

void vcpu_request(struct vcpu *v, unsigned requests)
{
	v->requests |= requests;
}

void fake_vm_plug(struct fake_vm *f, const struct dev_class *class)
{
	for (const struct dev_ports *p = class->ports; p && p->size; p++)
		assert(!bus_register(&f->vm.pio, p->base, p->size, p->name, p->access, NULL));
	lock_take(&f->vm.lock);
	assert(!class->init(&f->vm));
	lock_drop(&f->vm.lock);
}

uint32_t fake_in(struct fake_vm *f, uint16_t port, unsigned size)
{
	struct bus_access a = { .size = (uint8_t)size, .value = UINT64_MAX };

	lock_take(&f->vm.lock);
	bus_access(&f->vm, &f->vm.pio, port, &a);
	lock_drop(&f->vm.lock);
	return (uint32_t)(a.value & (UINT64_MAX >> (64 - 8 * size)));
}

void fake_out(struct fake_vm *f, uint16_t port, unsigned size, uint32_t value)
{
	struct bus_access a = { .size = (uint8_t)size, .value = value, .write = true };

	lock_take(&f->vm.lock);
	bus_access(&f->vm, &f->vm.pio, port, &a);
	lock_drop(&f->vm.lock);
}

void vm_request_end(struct vm *vm, enum vm_end how, const char *reason)
{
	struct fake_vm *f = container_of(vm, struct fake_vm, vm);

	assert(lock_held(&vm->lock));
	f->ends++;
	vm->end = how;
	snprintf(vm->end_reason, sizeof(vm->end_reason), "%s", reason);
}

void vm_crash(struct vm *vm, const char *fmt, ...)
{
	struct fake_vm *f = container_of(vm, struct fake_vm, vm);
	va_list ap;

	f->ends++;
	vm->end = VM_CRASHED;
	va_start(ap, fmt);
	vsnprintf(vm->end_reason, sizeof(vm->end_reason), fmt, ap);
	va_end(ap);
}

bool vm_console_write(struct vm *vm, unsigned port, uint8_t byte)
{
	struct fake_vm *f = container_of(vm, struct fake_vm, vm);

	assert(lock_held(&vm->lock) && port < FAKE_PORTS);
	if (f->console_count[port] < FAKE_CONSOLE)
		f->console[port][f->console_count[port]++] = byte;
	return !f->console_behind;
}

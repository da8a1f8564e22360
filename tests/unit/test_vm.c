/* SPDX-License-Identifier: MIT */
/* sources: vmm/vm.c tests/fake/virt.c tests/fake/log_record.c tests/fake/panic.c */
/*
 * The ladder on which a machine is made: each step fails in its turn, and what was made before it
 * is undone, in reverse order, and nothing else. The steps themselves are marks in a list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86_64/ptab.h"
#include "core/alloc.h"
#include "core/timer.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "tests/fake/log_record.h"
#include "tests/fake/virt.h"
#include "vmm/acpi/acpi.h"
#include "vmm/load/load.h"
#include "vmm/vm.h"

enum { VCPUS_N = 3, STEPS_MAX = 64 };

static struct {
	char made[STEPS_MAX]; /* a letter each, as a stack */
	unsigned n;
	int left; /* steps that succeed; negative: all */
	unsigned allocations, steps;
} fake;

static int make(char what)
{
	fake.steps++;
	if (!fake.left)
		return -ENOMEM;
	if (fake.left > 0)
		fake.left--;
	fake.made[fake.n++] = what;
	return 0;
}

static void undo(char what)
{
	assert_true(fake.n > 0);
	assert_int_equal(fake.made[--fake.n], what);
}

void *mem_alloc(size_t size, enum mem_owner owner)
{
	assert_int_equal(owner, MEM_VM);
	if (!fake.left)
		return NULL;
	if (fake.left > 0)
		fake.left--;
	fake.steps++;
	fake.allocations++;
	return calloc(1, size);
}

void mem_free(void *p)
{
	fake.allocations -= !!p;
	free(p);
}

int ptab_init(struct ptab *t, const struct ptab_format *f, enum mem_owner owner)
{
	(void)t;
	(void)f;
	assert_int_equal(owner, MEM_PTAB);
	return make('p');
}

void ptab_fini(struct ptab *t)
{
	(void)t;
	undo('p');
}

int vm_memory_init(struct vm *vm)
{
	(void)vm;
	return make('m');
}

void vm_memory_fini(struct vm *vm)
{
	(void)vm;
	undo('m');
}

struct vcpu *vcpu_create(struct vm *vm, unsigned id)
{
	static struct vcpu vcpus[VCPUS_N];

	/* The ladder before it: tables, memory, the backend's half. */
	assert_int_equal(fake_virt_vms, 1);
	assert_int_equal(vm->vcpu_count, id);
	return make((char)('0' + id)) ? NULL : &vcpus[id];
}

void vcpu_destroy(struct vcpu *v)
{
	(void)v;
	undo((char)('0' + fake.n - 5)); /* above: g, c, p, m */
}

int devices_init(struct vm *vm)
{
	assert_int_equal(vm->vcpu_count, VCPUS_N);
	return make('d');
}

void devices_fini(struct vm *vm)
{
	assert_int_equal(vm->vcpu_count, VCPUS_N);
	undo('d');
}

/* They leave nothing that would have to be undone. */
static int load_step(void)
{
	int err = make('l');

	if (!err)
		fake.n--;
	return err;
}

int acpi_build(struct vm *vm)
{
	(void)vm;
	return load_step();
}

int smbios_build(struct vm *vm)
{
	(void)vm;
	return load_step();
}

int load_kernel(struct vm *vm, struct load_regs *regs)
{
	(void)vm;
	(void)regs;
	return load_step();
}

void vcpu_set_regs(struct vcpu *v, const struct load_regs *regs)
{
	(void)v;
	(void)regs;
}

struct sched_group *sched_group_create(void)
{
	return make('g') ? NULL : (struct sched_group *)&fake;
}

void sched_group_put(struct sched_group *g)
{
	(void)g;
	undo('g');
}

void sched_group_set_cap(struct sched_group *g, unsigned percent)
{
	(void)g;
	assert_int_equal(percent, 150);
}

static const struct vconsole_ops *console_ops;
static unsigned room, overruns; /* of the serial port */

int vconsole_init(struct vconsole *c, const char *name, const struct vconsole_ops *ops, void *arg,
		  bool held)
{
	(void)c;
	(void)name;
	console_ops = ops;
	(void)arg;
	(void)held;
	return make('c');
}

void vconsole_fini(struct vconsole *c)
{
	(void)c;
	undo('c');
}

void wait_init(struct wait_queue *q)
{
	list_init(&q->waiters);
}

void cpuid_init(struct vm *vm)
{
	(void)vm;
}

void msr_pass(struct vm *vm)
{
	(void)vm;
}

void vrtc_set_time(struct vm *vm, uint64_t seconds)
{
	assert_int_equal(vm->boot_time, seconds);
}

uint64_t time_ns(void)
{
	return 5000000000;
}

void vuart_overrun(struct vm *vm, unsigned port)
{
	assert_true(lock_held(&vm->lock));
	assert_int_equal(port, 0);
	overruns++;
}

unsigned vuart_receive(struct vm *vm, unsigned port, const uint8_t *bytes, unsigned n)
{
	assert_true(lock_held(&vm->lock));
	assert_int_equal(port, 0);
	assert_int_equal(*bytes, 'x');
	n = MIN(n, room);
	room -= n;
	return n;
}

void vuart_transmit_ready(struct vm *vm, unsigned port)
{
	(void)vm;
	(void)port;
}

bool vconsole_put(struct vconsole *c, uint8_t byte)
{
	(void)c;
	(void)byte;
	return true;
}

static const struct vm_config config = { .name = "a", .cpus = VCPUS_N, .cap = 150 };

static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.left = -1;
	fake_virt_fail_after(-1);
	fake_log_clear();
	return 0;
}

static void create_fails_at_each_step(void **state)
{
	struct vm_config c = config;
	struct vm *vm = NULL;
	unsigned failures = 0;

	(void)state;
	for (int n = 0; !vm; n++) {
		fake_log_clear();
		fake.left = n;
		vm = vm_create(&config);
		if (vm)
			break;
		failures++;
		assert_int_equal(fake.n, 0);
		assert_int_equal(fake.allocations, 0);
		assert_true(fake_log_has(LOG_ERROR, "a was not created: there is no memory"));
	}
	assert_int_equal(failures, 3); /* itself, its group, its console */
	vm_destroy(vm);
	assert_int_equal(fake.n, 0);
	assert_int_equal(fake.allocations, 0);
	for (c.cpus = 0; c.cpus <= VM_VCPUS + 1; c.cpus += VM_VCPUS + 1)
		assert_null(vm_create(&c));
	assert_true(fake_log_has(LOG_ERROR, "a: 65 CPUs: 1 to 64 would be right"));
}

static void build_fails_at_each_step(void **state)
{
	struct vm *vm = vm_create(&config);
	unsigned failures = 0, before = fake.n;

	(void)state;
	fake_log_clear();
	for (int n = 0;; n++) {
		int err;

		fake.left = n;
		err = vm_build(vm);
		if (!err)
			break;
		failures++;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(fake.n, before);
		assert_int_equal(fake.allocations, 1);
		assert_int_equal(fake_virt_vms, 0);
		assert_int_equal(vm->vcpu_count, 0);
		assert_null(vm->vcpus[0]);
		assert_true(fake_log_has(LOG_ERROR, "a was not started"));
		fake_log_clear();
	}
	/* The tables twice, the memory, three vCPUs, the devices, and three loads. */
	assert_int_equal(failures, 2 + 1 + VCPUS_N + 1 + 3);
	vm_dismantle(vm);
	fake.left = -1;
	fake_virt_fail_after(0);
	assert_int_equal(vm_build(vm), -ENOMEM);
	assert_int_equal(fake.n, before);
	fake_virt_fail_after(-1);
	vm_destroy(vm);
	assert_int_equal(fake.n, 0);
	assert_int_equal(fake.allocations, 0);
}

/* What is typed goes to COM1 of a guest that is on; of what finds no room there it hears. */
static void typed(void **state)
{
	struct vm *vm = vm_create(&config);

	(void)state;
	assert_non_null(vm);
	room = 2;
	overruns = 0;
	console_ops->input(vm, 'x');
	assert_int_equal(room, 2);
	assert_int_equal(vm_build(vm), 0);
	for (unsigned i = 0; i < 3; i++)
		console_ops->input(vm, 'x');
	assert_int_equal(room, 0);
	assert_int_equal(overruns, 1);
	vm_dismantle(vm);
	console_ops->input(vm, 'x');
	assert_int_equal(overruns, 1);
	vm_destroy(vm);
}

/* The second life knows nothing of the first. */
static void again(void **state)
{
	struct vm *vm = vm_create(&config);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(vm_build(vm), 0);
		assert_int_equal(vm->vcpu_count, VCPUS_N);
		assert_int_equal(vm->end, VM_RUNNING);
		assert_int_equal(vm->exit_status + vm->resets + vm->parked + vm->paused + vm->left +
					 vm->gone + vm->triple_faults + vm->triple_faults_told,
				 0);
		assert_false(vm->resetting || vm->pausing || vm->frozen || vm->end_reason[0] ||
			     vm->pv_wall_msr);
		assert_int_equal(vm->begun_ns, time_ns());
		vm->end = VM_CRASHED;
		strcpy(vm->end_reason, "it did");
		vm->exit_status = vm->resets = vm->parked = vm->paused = 3;
		vm->left = vm->gone = vm->triple_faults = vm->triple_faults_told = 3;
		vm->resetting = vm->pausing = vm->frozen = true;
		vm->pv_wall_msr = 1;
		vm_dismantle(vm);
		assert_int_equal(vm->vcpu_count, 0);
		assert_int_equal(fake_virt_vms, 0);
		/* Who looks at the guest afterwards sees why it ended. */
		assert_string_equal(vm->end_reason, "it did");
	}
	vm_destroy(vm);
	assert_int_equal(fake.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(create_fails_at_each_step, setup),
		cmocka_unit_test_setup(build_fails_at_each_step, setup),
		cmocka_unit_test_setup(typed, setup),
		cmocka_unit_test_setup(again, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

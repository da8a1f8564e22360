/* SPDX-License-Identifier: MIT */
/* sources: vmm/vm_pause.c tests/fake/virt.c tests/fake/panic.c tests/fake/wait.c */
/*
 * Threads of the host are the vCPUs; the wait queues are theirs. While the VM is paused none of
 * them runs, and afterwards all clocks have lost the same time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <cmocka.h>

#include "core/timer.h"
#include "tests/fake/virt.h"
#include "tests/fake/wait.h"
#include "vmm/vm.h"

enum { VCPUS_N = 4, ROUNDS = 200 };

static struct vm vm;
static struct vcpu vcpus[VCPUS_N];
static uint64_t now_ns, thawed_ns;
static unsigned freezes, thaws;
static bool frozen[VCPUS_N];
static uint64_t turns[VCPUS_N]; /* atomic */

uint64_t time_ns(void)
{
	return now_ns;
}

void devices_freeze(struct vm *m)
{
	for (unsigned i = 0; m->end == VM_RUNNING && i < m->vcpu_count; i++)
		assert_true(frozen[i]);
	freezes++;
}

void devices_thaw(struct vm *m, uint64_t ns)
{
	(void)m;
	thaws++;
	thawed_ns = ns;
}

void vcpu_unload(struct vcpu *v)
{
	(void)v;
}

void vlapic_timer_freeze(struct vcpu *v)
{
	frozen[v->id] = true;
}

void vlapic_timer_thaw(struct vcpu *v)
{
	frozen[v->id] = false;
}

void vm_request_all(struct vm *m, unsigned requests)
{
	for (unsigned i = 0; i < m->vcpu_count; i++)
		__atomic_fetch_or(&m->vcpus[i]->requests, requests, __ATOMIC_SEQ_CST);
	mtx_lock(&fake_wait.mutex);
	cnd_broadcast(&fake_wait.changed);
	mtx_unlock(&fake_wait.mutex);
}

static int vcpu_body(void *arg)
{
	struct vcpu *v = arg;

	for (;;) {
		uint32_t r = __atomic_exchange_n(&v->requests, 0, __ATOMIC_ACQUIRE);

		if (r & REQUEST_STOP)
			return 0;
		if (r & REQUEST_PAUSE)
			vm_join_pause(v);
		else
			__atomic_fetch_add(&turns[v->id], 1, __ATOMIC_RELAXED);
	}
}

static int setup(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	freezes = thaws = 0;
	vm.vcpu_count = VCPUS_N;
	for (unsigned i = 0; i < VCPUS_N; i++) {
		memset(&vcpus[i], 0, sizeof(vcpus[i]));
		vcpus[i].vm = &vm;
		vcpus[i].id = i;
		vcpus[i].tsc_offset = 1000 * i;
		fake_virt_attach(&vcpus[i].hw);
		vm.vcpus[i] = &vcpus[i];
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VCPUS_N; i++)
		fake_virt_detach(&vcpus[i].hw);
	return 0;
}

static uint64_t all_turns(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < VCPUS_N; i++)
		sum += __atomic_load_n(&turns[i], __ATOMIC_RELAXED);
	return sum;
}

static void none_runs(void **state)
{
	thrd_t threads[VCPUS_N];

	(void)state;
	for (unsigned i = 0; i < VCPUS_N; i++)
		assert_int_equal(thrd_create(&threads[i], vcpu_body, &vcpus[i]), thrd_success);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t before;

		vm_pause(&vm);
		assert_true(vm_is_pausing(&vm));
		before = all_turns();
		thrd_yield();
		assert_int_equal(all_turns(), before);
		now_ns += 500;
		vm_resume(&vm);
		assert_int_equal(thawed_ns, 500);
		/* Some of these pauses come while vCPUs still leave the last one. */
		if (round % 2)
			while (all_turns() == before)
				thrd_yield();
	}
	vm_request_all(&vm, REQUEST_STOP);
	for (unsigned i = 0; i < VCPUS_N; i++)
		thrd_join(threads[i], NULL);
	assert_int_equal(freezes, ROUNDS);
	assert_int_equal(thaws, ROUNDS);
	assert_true((int64_t)vm.tsc_offset < 0);
	for (unsigned i = 0; i < VCPUS_N; i++) {
		assert_int_equal(vcpus[i].tsc_offset, vm.tsc_offset + 1000 * i);
		assert_int_equal(fake_virt_of(&vcpus[i].hw)->regs[VREG_TSC_OFFSET],
				 vcpus[i].tsc_offset);
	}
}

/* A VM that ends while it is told to pause: whoever waits for it does not wait for ever. */
static void an_end_goes_before(void **state)
{
	(void)state;
	vm.end = VM_CRASHED;
	vm_pause(&vm);
	/* A vCPU that has come to pause leaves, when it is to stop. */
	vcpus[0].requests = REQUEST_STOP;
	vm_join_pause(&vcpus[0]);
	vcpus[1].requests = REQUEST_RESET;
	vm_join_pause(&vcpus[1]);
	assert_int_equal(vm.paused, 0);
}

/* What a reset begins to count while clocks stand still, they are not set back behind. */
static void a_reset_in_a_pause(void **state)
{
	uint64_t offset;

	(void)state;
	vm.vcpu_count = 0; /* so that nobody has to be waited for */
	lock_take(&vm.lock);
	vm_catch_up(&vm);
	lock_drop(&vm.lock);
	assert_int_equal(thaws, 0);
	vm_pause(&vm);
	now_ns += 500;
	lock_take(&vm.lock);
	vm_catch_up(&vm);
	lock_drop(&vm.lock);
	assert_int_equal(thawed_ns, 500);
	offset = vm.tsc_offset;
	assert_true((int64_t)offset < 0);
	now_ns += 300;
	vm_resume(&vm);
	assert_int_equal(thawed_ns, 300);
	assert_int_equal(thaws, 2);
	assert_true((int64_t)(vm.tsc_offset - offset) < 0);
	lock_take(&vm.lock);
	vm_catch_up(&vm);
	lock_drop(&vm.lock);
	assert_int_equal(thaws, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(none_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(an_end_goes_before, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reset_in_a_pause, setup, teardown),
	};

	fake_wait_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* sources: vmm/vm_run.c lib/printf.c lib/str.c tests/fake/log_record.c tests/fake/cpu.c tests/fake/panic.c tests/fake/wait.c */
/*
 * Threads of the host are the vCPUs. They gather for resets, whoever asks and how many at once, and
 * leave together; a start that fails on the way ends those that were started; and triple faults are
 * told, and bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <cmocka.h>

#include "core/timer.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "tests/fake/cpu.h"
#include "tests/fake/log_record.h"
#include "tests/fake/wait.h"
#include "vmm/vm.h"

enum { VCPUS_N = 4, RESETS = 200 };
#define SECOND 1000000000ull

static struct vm vm;
static struct vcpu vcpus[VCPUS_N];
static struct cpu cpu;
static struct {
	uint64_t now;
	unsigned threads_left; /* that there is memory for */
	thrd_t threads[VCPUS_N];
	unsigned threads_n;
	unsigned device_resets, loads, dumps, dismantles, catch_ups;
	const char *dumped;
	int build_error, load_error;
	unsigned weight_set_late; /* when a thread was made, and has not begun */
	unsigned inside;	  /* atomic: vCPUs that are in their guest */
	unsigned asked_in_load,
		asked; /* atomic: of vCPU 1, while the machine is loaded; what came */
} fake;

/* The host's threads ------------------------------------------------------------------------ */

struct body {
	struct thread t;
	struct cpu cpu;
	unsigned weight;
	void (*run)(void *arg);
	void *arg;
};

static struct body bodies[VCPUS_N];

struct thread *thread_new(const char *name, void (*body)(void *arg), void *arg)
{
	struct body *b = &bodies[fake.threads_n];

	(void)name;
	if (!fake.threads_left)
		return NULL;
	fake.threads_left--;
	fake.threads_n++;
	*b = (struct body){ .run = body, .arg = arg };
	return &b->t;
}

static int run_body(void *arg)
{
	struct body *b = arg;

	b->cpu.thread = &b->t;
	fake_cpu_use(&b->cpu);
	b->run(b->arg);
	return 0;
}

void thread_wake(struct thread *t)
{
	struct body *b = container_of(t, struct body, t);

	if (fake.weight_set_late)
		vm.config.weight = fake.weight_set_late;
	assert(thrd_create(&fake.threads[b - bodies], run_body, b) == thrd_success);
}

void sched_set_group(struct thread *t, struct sched_group *g)
{
	(void)t;
	(void)g;
}

int sched_set_weight(struct thread *t, unsigned weight)
{
	container_of(t, struct body, t)->weight = weight;
	return 0;
}

int sched_set_pin(struct thread *t, uint64_t pin)
{
	(void)t;
	assert(pin == PIN_ALL);
	return 0;
}

void thread_times(struct thread *t, struct thread_times *times)
{
	(void)t;
	*times = (struct thread_times){ 0 };
}

uint64_t time_ns(void)
{
	return fake.now;
}

/* The machine ------------------------------------------------------------------------------- */

int vm_build(struct vm *m)
{
	m->vcpu_count = fake.build_error ? 0 : VCPUS_N;
	return fake.build_error;
}

void vm_dismantle(struct vm *m)
{
	assert(m->gone == m->vcpu_count);
	fake.dismantles++;
}

int vm_load(struct vm *m)
{
	(void)m;
	fake.loads++;
	__atomic_fetch_or(&vcpus[1].requests, fake.asked_in_load, __ATOMIC_SEQ_CST);
	return fake.load_error;
}

void vm_catch_up(struct vm *m)
{
	assert(lock_held(&m->lock));
	fake.catch_ups++;
}

void devices_reset(struct vm *m)
{
	assert(lock_held(&m->lock) && fake.catch_ups == fake.device_resets + 1);
	fake.device_resets++;
}

void vcpu_reset(struct vcpu *v)
{
	/* No vCPU is in the guest while the machine is reset. */
	assert(v->vm == &vm && !__atomic_load_n(&fake.inside, __ATOMIC_SEQ_CST));
}

void vconsole_drain(struct vconsole *c)
{
	(void)c;
}

void vlapic_fini(struct vcpu *v)
{
	(void)v;
}

bool vcpu_may_be_inside(const struct vcpu *v)
{
	(void)v;
	return false;
}

void dump_vcpu(struct vcpu *v, const char *when)
{
	(void)v;
	fake.dumps++;
	fake.dumped = when;
}

void vcpu_request(struct vcpu *v, unsigned requests)
{
	__atomic_fetch_or(&v->requests, requests, __ATOMIC_SEQ_CST);
	wait_wake_all(NULL);
}

void vcpu_loop(struct vcpu *v)
{
	assert(v->thread == &bodies[v->id].t);
	for (;;) {
		uint32_t r = __atomic_exchange_n(&v->requests, 0, __ATOMIC_ACQUIRE);

		if (r & REQUEST_STOP)
			break;
		if (r & REQUEST_RESET) {
			vm_join_reset(v);
			continue;
		}
		__atomic_fetch_or(&fake.asked, r, __ATOMIC_SEQ_CST);
		if (r)
			wait_wake_all(NULL);
		__atomic_fetch_add(&fake.inside, 1, __ATOMIC_SEQ_CST);
		thrd_yield();
		__atomic_fetch_sub(&fake.inside, 1, __ATOMIC_SEQ_CST);
	}
	vm_leave(v);
}

static int setup(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(&fake, 0, sizeof(fake));
	memset(vcpus, 0, sizeof(vcpus));
	strcpy(vm.config.name, "a");
	vm.config.weight = 100;
	fake.threads_left = VCPUS_N;
	for (unsigned i = 0; i < VCPUS_N; i++) {
		vcpus[i].vm = &vm;
		vcpus[i].id = i;
		vm.vcpus[i] = &vcpus[i];
	}
	fake_cpu_use(&cpu);
	fake_log_clear();
	return 0;
}

static void join(void)
{
	for (unsigned i = 0; i < fake.threads_n; i++)
		thrd_join(fake.threads[i], NULL);
	for (unsigned i = 0; i < VCPUS_N; i++)
		assert_null(vcpus[i].thread);
}

static void ask(enum vm_end how, const char *reason)
{
	lock_take(&vm.lock);
	vm_request_end(&vm, how, reason);
	lock_drop(&vm.lock);
}

/* A weight that is set after the threads were made, and before they begin. */
static void a_late_weight(void **state)
{
	(void)state;
	fake.weight_set_late = 250;
	assert_int_equal(vm_start(&vm), 0);
	ask(VM_POWERED_OFF, "enough");
	vm_wait(&vm);
	join();
	for (unsigned i = 0; i < VCPUS_N; i++)
		assert_int_equal(bodies[i].weight, 250);
}

static bool is_reset(void *arg)
{
	return vm.resets > *(uint32_t *)arg;
}

static void many_resets(void **state)
{
	(void)state;
	assert_int_equal(vm_start(&vm), 0);
	for (uint32_t n = 0; n < RESETS; n++) {
		ask(VM_RESET, "first");
		if (n % 3 == 0)
			ask(VM_RESET, "second"); /* part of the first, or one more */
		wait_until(NULL, is_reset, &n);
	}
	ask(VM_POWERED_OFF, "enough");
	ask(VM_CRASHED, "too late");
	vm_wait(&vm);
	join();
	assert_int_equal(vm.end, VM_POWERED_OFF);
	assert_string_equal(vm.end_reason, "enough");
	assert_in_range(vm.resets, RESETS, 2 * RESETS);
	assert_int_equal(fake.loads, fake.device_resets);
	assert_true(fake_log_has(LOG_INFO, "a is reset (first), 64 times by now"));
}

static bool is_asked(void *arg)
{
	return __atomic_load_n(&fake.asked, __ATOMIC_SEQ_CST) & *(unsigned *)arg;
}

/* What a reset forgets is what was before it: timers that it set may have fired since. */
static void what_a_reset_forgets(void **state)
{
	unsigned kept = REQUEST_TIMER;
	uint32_t n = 0;

	(void)state;
	fake.asked_in_load = REQUEST_TIMER | REQUEST_NMI;
	assert_int_equal(vm_start(&vm), 0);
	ask(VM_RESET, "reset");
	wait_until(NULL, is_reset, &n);
	wait_until(NULL, is_asked, &kept);
	ask(VM_POWERED_OFF, "enough");
	vm_wait(&vm);
	join();
	assert_false(fake.asked & REQUEST_NMI);
}

/* An end that comes while vCPUs wait for others to join a reset. */
static void an_end_in_a_reset(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RESETS; i++) {
		setup(NULL);
		assert_int_equal(vm_start(&vm), 0);
		ask(VM_RESET, "reset");
		ask(VM_POWERED_OFF, "off");
		vm_wait(&vm);
		join();
		assert_string_equal(vm.end_reason, "off");
	}
}

static void a_kernel_that_does_not_load_again(void **state)
{
	(void)state;
	assert_int_equal(vm_start(&vm), 0);
	fake.load_error = -EINVAL;
	ask(VM_RESET, "reset");
	vm_wait(&vm);
	join();
	assert_int_equal(vm.end, VM_CRASHED);
	assert_string_equal(vm.end_reason, "its kernel could not be loaded again");
}

static void a_reset_that_is_an_end(void **state)
{
	(void)state;
	vm.config.end_on_reset = true;
	assert_int_equal(vm_start(&vm), 0);
	ask(VM_RESET, "line");
	vm_wait(&vm);
	join();
	assert_int_equal(vm.end, VM_RESET);
	assert_int_equal(fake.device_resets, 0);
}

static void a_start_that_fails(void **state)
{
	(void)state;
	for (unsigned n = 0; n < VCPUS_N; n++) {
		setup(NULL);
		fake.threads_left = n;
		assert_int_equal(vm_start(&vm), -ENOMEM);
		join();
		assert_int_equal(fake.dismantles, 1);
		assert_int_equal(fake.threads_n, n);
	}
	setup(NULL);
	fake.build_error = -EINVAL;
	assert_int_equal(vm_start(&vm), -EINVAL);
	assert_int_equal(fake.threads_n + fake.dismantles, 0);
}

/* As the machine has it: the fault, then the reset. */
static void triple_fault(uint64_t after)
{
	fake.now += after;
	vm.resetting = false;
	vm_triple_fault(&vcpus[0]);
	if (vm.end != VM_RUNNING)
		return;
	assert_true(vm.resetting);
	assert_string_equal(vm.end_reason, "triple fault");
	vm.resets++;
	vm.begun_ns = fake.now;
}

static void triple_faults_are_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		triple_fault(SECOND);
		assert_int_equal(vm.end, VM_RUNNING);
	}
	assert_int_equal(fake.dumps, 2);
	assert_string_equal(fake.dumped, "at its triple fault");
	triple_fault(SECOND);
	assert_int_equal(vm.end, VM_CRASHED);
	assert_string_equal(vm.end_reason,
			    "10 triple faults in a row, each within 2 s of its start");
}

/* Slow ones, and those with another reset between, are a PC's own affair. */
static void triple_faults_that_go_on(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 50; i++)
		triple_fault(2 * SECOND);
	assert_int_equal(vm.end, VM_RUNNING);
	for (unsigned i = 0; i < 50; i++) {
		triple_fault(1);
		if (i % 8 == 7)
			vm.resets++;
	}
	assert_int_equal(vm.end, VM_RUNNING);
	assert_int_equal(fake.dumps, 2);
}

/* Several vCPUs at once bring one reset, and count once. */
static void triple_faults_at_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		vm.resetting = false;
		for (unsigned v = 0; v < VCPUS_N; v++)
			vm_triple_fault(&vcpus[v]);
		vm.resets++;
		assert_int_equal(vm.end, VM_RUNNING);
	}
	vm_triple_fault(&vcpus[3]);
	assert_int_equal(vm.end, VM_CRASHED);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_late_weight),
		TEST(many_resets),
		TEST(what_a_reset_forgets),
		TEST(an_end_in_a_reset),
		TEST(a_kernel_that_does_not_load_again),
		TEST(a_reset_that_is_an_end),
		TEST(a_start_that_fails),
		TEST(triple_faults_are_bounded),
		TEST(triple_faults_that_go_on),
		TEST(triple_faults_at_once),
	};

	fake_wait_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

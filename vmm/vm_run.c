/* SPDX-License-Identifier: MIT */
/*
 * A VM while it runs: its threads begin, gather for a reset, and end. Whoever ends or resets it
 * only asks; the vCPUs do it, each when it comes out of the guest.
 */
#include "arch/x86_64/tsc.h"
#include "core/timer.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vmm/vm.h"

enum { RESETS_TOLD = 16 };
/* A guest whose CPU shuts down so often in a row, each time so soon after a start, stays down. */
enum { TRIPLE_FAULTS = 10, TRIPLE_FAULTS_TOLD = 2 };
#define TRIPLE_FAULT_NS 2000000000ull

static void take_share(struct thread *t, const struct vm_config *c)
{
	if (sched_set_weight(t, c->weight) || sched_set_pin(t, c->pin ? c->pin : PIN_ALL))
		log_error("vm: %s: weight %u or pin %#lx is not taken", c->name, c->weight, c->pin);
}

/*
 * The body of a vCPU's thread. Whoever sets the guest's share under the lock sees the thread, or is
 * seen here.
 */
static void run_vcpu(void *vcpu)
{
	struct vcpu *v = vcpu;
	struct vm *vm = v->vm;

	lock_take(&vm->lock);
	__atomic_store_n(&v->thread, thread_self(), __ATOMIC_SEQ_CST);
	take_share(v->thread, &vm->config);
	lock_drop(&vm->lock);
	vcpu_loop(v);
}

static bool start_vcpu(struct vcpu *v)
{
	const struct vm_config *c = &v->vm->config;
	char name[sizeof(c->name) + 8];
	struct thread *t;

	if (v->id)
		fmt_print(name, sizeof(name), "%s/%u", c->name, v->id);
	else
		str_copy(name, c->name, sizeof(name));
	t = thread_new(name, run_vcpu, v);
	if (!t)
		return false;
	sched_set_group(t, v->vm->group);
	/* Not a moment on a CPU that it is not to have. */
	take_share(t, c);
	thread_wake(t);
	return true;
}

static int start_vcpus(struct vm *vm)
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

int vm_start(struct vm *vm)
{
	int err = vm_build(vm);

	if (err)
		return err;
	err = start_vcpus(vm);
	if (err)
		vm_dismantle(vm);
	return err;
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

	thread_times(v->thread, &v->times);
	vlapic_fini(v);
	wait_post(&vm->ended, leave, vm);
	wait_until(&vm->ended, all_left, vm);
	lock_take(&vm->lock);
	v->thread = NULL;
	lock_drop(&vm->lock);
	wait_post(&vm->ended, go, vm);
}

/* What was asked of a vCPU before the reset is over, but for the end, and for timers set since. */
static void forget_requests(struct vm *vm)
{
	const uint32_t kept = REQUEST_STOP | REQUEST_LOOK | REQUEST_TIMER;

	for (unsigned i = 0; i < vm->vcpu_count; i++)
		__atomic_fetch_and(&vm->vcpus[i]->requests, kept, __ATOMIC_RELAXED);
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
	vm_catch_up(vm);
	devices_reset(vm);
	vm->begun_ns = time_ns();
	lock_drop(&vm->lock);
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vcpu_reset(vm->vcpus[i]);
	if (vm_load(vm))
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

void vm_request_reset(struct vm *vm, const char *reason)
{
	if (vm->end != VM_RUNNING || vm->resetting)
		return;
	str_copy(vm->end_reason, reason, sizeof(vm->end_reason));
	vm->resetting = true;
	vm_request_all(vm, REQUEST_RESET);
	wait_wake_all(&vm->gathered); /* those that are parked for a pause hear no requests */
}

void vm_request_end(struct vm *vm, enum vm_end how, const char *reason)
{
	if (how == VM_RESET && !vm->config.end_on_reset) {
		vm_request_reset(vm, reason);
		return;
	}
	/* The first reason is the one that counts. */
	if (vm->end != VM_RUNNING)
		return;
	str_copy(vm->end_reason, reason, sizeof(vm->end_reason));
	vm->end = how;
	vm_request_all(vm, REQUEST_STOP);
	wait_wake_all(&vm->gathered); /* those that are parked hear no requests */
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

/* Of the vCPU whose thread has crashed it. */
static void dump_own(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		if (vm->vcpus[i]->thread == thread_self())
			dump_vcpu(vm->vcpus[i], "when it was stopped");
}

void vm_crash(struct vm *vm, const char *fmt, ...)
{
	char text[sizeof(vm->end_reason)];
	bool first;
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_error("vm: %s is stopped: %s", vm->config.name, text);
	/* Its other vCPUs stop before they do more harm, or crash as well: only the first counts.
	 */
	lock_take(&vm->lock);
	first = vm->end == VM_RUNNING;
	vm_request_end(vm, VM_CRASHED, text);
	lock_drop(&vm->lock);
	if (first)
		dump_own(vm);
}

/*
 * How many in a row by now: with no other reset between, each soon after the one before. Those of
 * several vCPUs at once are one. *told: this one is to be told with all registers.
 */
static unsigned count_triple_fault(struct vm *vm, bool *told)
{
	unsigned n;

	lock_take(&vm->lock);
	if (!vm->triple_faults || vm->resets != vm->triple_fault_at) {
		bool follows = vm->resets == vm->triple_fault_at + 1 &&
			       time_ns() - vm->begun_ns < TRIPLE_FAULT_NS;

		vm->triple_faults = follows ? vm->triple_faults + 1 : 1;
		vm->triple_fault_at = vm->resets;
	}
	n = vm->triple_faults;
	*told = vm->triple_faults_told < TRIPLE_FAULTS_TOLD;
	vm->triple_faults_told += *told;
	lock_drop(&vm->lock);
	return n;
}

/* It pulls the reset line of a PC. */
void vm_triple_fault(struct vcpu *v)
{
	struct vm *vm = v->vm;
	bool told;

	if (count_triple_fault(vm, &told) >= TRIPLE_FAULTS) {
		vm_crash(vm, "%u triple faults in a row, each within %llu s of its start",
			 TRIPLE_FAULTS, TRIPLE_FAULT_NS / NS_PER_S);
		return;
	}
	if (told)
		dump_vcpu(v, "at its triple fault");
	lock_take(&vm->lock);
	vm_request_end(vm, VM_RESET, "triple fault");
	lock_drop(&vm->lock);
}

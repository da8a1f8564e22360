/* SPDX-License-Identifier: MIT */
/*
 * A pause: time stands still for the guest. Each vCPU parks, its timer stopped; then the devices'
 * clocks stop. On resuming, TSCs and clocks are set back by as long as it took. The real-time clock
 * alone goes on, as a PC's does on its battery.
 */
#include "arch/x86_64/asm.h"
#include "core/timer.h"
#include "vmm/vm.h"

static void begin(void *arg)
{
	struct vm *vm = arg;

	vm->pausing = true;
}

static void finish(void *arg)
{
	struct vm *vm = arg;

	vm->pausing = false;
}

static void come(void *arg)
{
	struct vm *vm = arg;

	vm->paused++;
}

/* The end and a reset go before. Leaving is counted under the same lock as the next pause begins.
 */
static bool may_leave(void *arg)
{
	const struct vcpu *v = arg;
	const uint32_t first = REQUEST_STOP | REQUEST_RESET;

	if (v->vm->pausing && !(__atomic_load_n(&v->requests, __ATOMIC_ACQUIRE) & first))
		return false;
	v->vm->paused--;
	return true;
}

void vm_join_pause(struct vcpu *v)
{
	uint64_t tsc_offset = v->vm->tsc_offset;

	vcpu_unload(v);
	vlapic_timer_freeze(v);
	wait_post(&v->vm->gathered, come, v->vm);
	wait_until(&v->vm->gathered, may_leave, v);
	/* All vCPUs by the same: what the guest has set each of them to stays. */
	v->tsc_offset += v->vm->tsc_offset - tsc_offset;
	virt->set(&v->hw, VREG_TSC_OFFSET, v->tsc_offset);
	vlapic_timer_thaw(v);
}

bool vm_is_pausing(const struct vm *vm)
{
	return __atomic_load_n(&vm->pausing, __ATOMIC_ACQUIRE);
}

static bool all_stand_still(void *arg)
{
	const struct vm *vm = arg;

	return vm->paused == vm->vcpu_count || vm->end != VM_RUNNING;
}

void vm_pause(struct vm *vm)
{
	wait_post(&vm->gathered, begin, vm);
	lock_take(&vm->lock);
	vm_request_all(vm, REQUEST_PAUSE);
	lock_drop(&vm->lock);
	wait_until(&vm->gathered, all_stand_still, vm);
	devices_freeze(vm);
	lock_take(&vm->lock);
	vm->paused_at_ns = time_ns();
	vm->paused_at_tsc = rdtsc();
	vm->frozen = true;
	lock_drop(&vm->lock);
}

/*
 * Of a reset that comes while they stand still, too: it begins counts, which no clock may be set
 * back behind. Timers that it sets going fire, and the guest hears of it later.
 */
void vm_catch_up(struct vm *vm)
{
	uint64_t now = time_ns(), tsc = rdtsc();

	if (!vm->frozen)
		return;
	devices_thaw(vm, now - vm->paused_at_ns);
	vm->tsc_offset -= tsc - vm->paused_at_tsc;
	vm->paused_at_ns = now;
	vm->paused_at_tsc = tsc;
}

void vm_resume(struct vm *vm)
{
	lock_take(&vm->lock);
	vm_catch_up(vm);
	vm->frozen = false;
	lock_drop(&vm->lock);
	wait_post(&vm->gathered, finish, vm);
}

/* SPDX-License-Identifier: MIT */
/*
 * The clock: the guest reads its TSC and works out the time by what the page says.
 *
 * The one idea: the clock is 0 where the VM's first TSC was, and runs as the host's TSC does. So
 * all vCPUs' pages say the same time at the same moment, wherever each has set its own TSC, and no
 * page is ever written again to correct anything.
 */
#include "arch/x86_64/tsc.h"
#include "arch/x86_64/tsc_sync.h"
#include "core/timer.h"
#include "vmm/pv.h"
#include "vmm/vm.h"

/*
 * A tick is mul · 2^(shift - 32) ns; mul's top bit is set, so that all of its places count.
 */
void pv_clock_scale(uint64_t hz, uint32_t *mul, int8_t *shift)
{
	struct ratio r = ratio_make(NS_PER_S, hz);

	*shift = 0;
	while (r.whole) {
		r.fraction = r.fraction >> 1 | r.whole << 63;
		r.whole >>= 1;
		++*shift;
	}
	while (!(r.fraction >> 63)) {
		r.fraction <<= 1;
		--*shift;
	}
	*mul = (uint32_t)(r.fraction >> 32);
}

/* A page of time, or of the wall clock, is odd while it is written: readers try again. */
static uint32_t version_begin(uint32_t *version)
{
	uint32_t odd = (__atomic_load_n(version, __ATOMIC_RELAXED) + 1) | 1;

	__atomic_store_n(version, odd, __ATOMIC_RELAXED);
	/* The version before all that follows; the reader reads them in this order. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return odd;
}

static void version_end(uint32_t *version, uint32_t odd)
{
	/* All that was written before the version; the reader reads it last. */
	__atomic_store_n(version, odd + 1, __ATOMIC_RELEASE);
}

void pv_clock_write(struct vcpu *v)
{
	uint64_t addr = v->pv.time_msr & ~(uint64_t)KVM_MSR_ENABLED;
	struct pvclock_time *t;
	uint32_t odd;

	/* Within a page: the version's word is whole, and so is each field. */
	if (!(v->pv.time_msr & KVM_MSR_ENABLED) || addr % PAGE_SIZE > PAGE_SIZE - sizeof(*t) ||
	    addr % sizeof(uint32_t))
		return;
	t = gmem_ptr(&v->vm->mem, gpa(addr), sizeof(*t), true);
	if (!t)
		return;
	odd = version_begin(&t->version);
	t->tsc_timestamp = v->tsc_offset - v->vm->tsc_offset;
	t->system_time = 0;
	pv_clock_scale(time_tsc_hz(), &t->tsc_to_system_mul, &t->tsc_shift);
	/* It is never told that it was stopped: its time stands still with it (vm_pause.c). */
	t->flags = tsc_sync_all() ? PVCLOCK_TSC_STABLE_BIT : 0;
	version_end(&t->version, odd);
}

void pv_clock_tsc_moved(struct vcpu *v)
{
	if (v->pv.time_msr & KVM_MSR_ENABLED)
		pv_clock_write(v);
}

void pv_clock_write_wall(struct vm *vm, uint64_t addr)
{
	struct pvclock_wall *w;
	uint32_t odd;

	if (addr % sizeof(uint32_t) || addr % PAGE_SIZE > PAGE_SIZE - sizeof(*w))
		return;
	w = gmem_ptr(&vm->mem, gpa(addr), sizeof(*w), true);
	if (!w)
		return;
	/* Two vCPUs may ask at once. */
	lock_take(&vm->lock);
	odd = version_begin(&w->version);
	w->sec = (uint32_t)vm->boot_time;
	w->nsec = 0;
	version_end(&w->version, odd);
	lock_drop(&vm->lock);
}

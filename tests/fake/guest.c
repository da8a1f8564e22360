/* SPDX-License-Identifier: MIT */
/* Guest memory for host tests: mapped lazily, so that a guest may have more than the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "tests/fake/guest.h"
#include "vmm/load/e820.h"

static void slot_add(struct vm *vm, uint64_t base, uint64_t size, const char *name)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	struct gmem_slot s = { .base = gpa(base), .size = size, .name = name };

	if (!size)
		return;
	s.host = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
	assert_true(s.host != MAP_FAILED);
	assert_int_equal(gmem_add(&vm->mem, &s), 0);
}

struct vm *fake_guest_new(uint64_t memory)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	uint64_t low = MIN(memory, GUEST_PCI_HOLE);

	assert_non_null(vm);
	vm->config.memory = memory;
	vm->vcpu_count = 1;
	slot_add(vm, 0, low, "low");
	slot_add(vm, GUEST_PCI_HOLE_END, memory - low, "high");
	return vm;
}

void fake_guest_free(struct vm *vm)
{
	for (unsigned i = 0; i < vm->mem.count; i++)
		munmap(vm->mem.slots[i].host, vm->mem.slots[i].size);
	free(vm);
}

void *fake_guest_at(struct vm *vm, uint64_t at, uint64_t n)
{
	void *p = gmem_ptr(&vm->mem, gpa(at), n, false);

	assert_non_null(p);
	return p;
}

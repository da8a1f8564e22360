/* SPDX-License-Identifier: MIT */
/*
 * The host memory behind a guest's RAM: the largest blocks that fit, each as aligned as the guest
 * address that it backs, so that the nested tables can use pages as large; and side by side in the
 * host's own address space, so that a slot is one run of bytes for gmem.c.
 */
#include "arch/x86_64/layout.h"
#include "arch/x86_64/ptab.h"
#include "core/pmem.h"
#include "core/space.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmm/load/e820.h"
#include "vmm/vm.h"

/* The largest order that guest offset at and what is left of the size allow. */
static unsigned order_for(uint64_t at, uint64_t left)
{
	unsigned order = ORDER_1G;

	while (order && (!IS_ALIGNED(at, PAGE_SIZE << order) || PAGE_SIZE << order > left))
		order--;
	return order;
}

/* A block of this order, or of the next smaller one that there is. */
static void *block_take(unsigned *order)
{
	void *p = page_alloc_yielding(*order, MEM_GUEST);

	while (!p && *order > ORDER_2M) {
		(*order)--;
		p = page_alloc_yielding(*order, MEM_GUEST);
	}
	return p;
}

static int take_blocks(struct vm *vm)
{
	struct vm_memory *m = &vm->memory;
	uint64_t at = 0;

	while (at < m->size) {
		unsigned order = order_for(at, m->size - at);
		void *p = m->count < VM_BLOCKS ? block_take(&order) : NULL;

		if (!p)
			return -ENOMEM;
		m->blocks[m->count++] = (struct vm_block){ .at = p, .order = (uint8_t)order };
		at += PAGE_SIZE << order;
	}
	return 0;
}

static void give_blocks(struct vm_memory *m)
{
	while (m->count) {
		m->count--;
		page_free(m->blocks[m->count].at, m->blocks[m->count].order, MEM_GUEST);
	}
}

static int map_host(struct vm_memory *m)
{
	uint64_t at = 0;
	int err = 0;

	m->base = space_window_alloc(m->size);
	if (!m->base)
		return -ENOSPC;
	for (unsigned i = 0; i < m->count && !err; i++) {
		err = space_window_map(m->base + at, hpa_of(m->blocks[i].at),
				       PAGE_SIZE << m->blocks[i].order);
		at += PAGE_SIZE << m->blocks[i].order;
	}
	return err;
}

/* The guest physical address of RAM's byte at offset: memory above the PCI hole moves behind it. */
static uint64_t guest_address(uint64_t offset)
{
	return offset < GUEST_PCI_HOLE ? offset : offset - GUEST_PCI_HOLE + GUEST_PCI_HOLE_END;
}

/* Maps [begin, end) of RAM, offsets from its start, into the nested tables. */
static int map_nested(struct vm *vm, uint64_t begin, uint64_t end, unsigned perms)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < vm->memory.count; i++) {
		const struct vm_block *b = &vm->memory.blocks[i];
		uint64_t size = PAGE_SIZE << b->order;
		uint64_t from = MAX(at, begin), to = MIN(at + size, end);
		int err = 0;

		if (from < to)
			err = ptab_map(vm->hw.nested, guest_address(from),
				       hpa(hpa_of(b->at).raw + (from - at)), to - from, perms);
		if (err)
			return err;
		at += size;
	}
	return 0;
}

static int add_slot(struct vm *vm, uint64_t begin, uint64_t end, const char *name, unsigned flags)
{
	struct gmem_slot slot = { .base = gpa(guest_address(begin)),
				  .size = end - begin,
				  .host = vm->memory.base + begin,
				  .flags = flags,
				  .name = name };
	int err;

	if (begin >= end)
		return 0;
	err = gmem_add(&vm->mem, &slot);
	if (err)
		return err;
	return map_nested(vm, begin, end, PTAB_R | PTAB_X | (flags & GMEM_ROM ? 0 : PTAB_W));
}

/*
 * Where adapters have their ROMs there is none: all ones, as on a PC. A kernel looks for them,
 * 16,000 reads; so it gets the bytes themselves and not an exit each.
 */
static int add_empty_roms(struct vm *vm)
{
	memset(vm->memory.base + GUEST_ROMS, UINT8_MAX, GUEST_ACPI - GUEST_ROMS);
	return add_slot(vm, GUEST_ROMS, GUEST_ACPI, "empty ROMs", GMEM_ROM);
}

static int add_slots(struct vm *vm)
{
	uint64_t size = vm->memory.size;
	int err = add_slot(vm, 0, GUEST_LOW_END, "low RAM", 0);

	if (!err)
		err = add_empty_roms(vm);
	if (!err)
		err = add_slot(vm, GUEST_ACPI, MIN(size, GUEST_PCI_HOLE), "RAM", 0);
	if (!err)
		err = add_slot(vm, GUEST_PCI_HOLE, size, "high RAM", 0);
	return err;
}

int vm_memory_init(struct vm *vm)
{
	struct vm_memory *m = &vm->memory;
	int err;

	m->size = vm->config.memory;
	if (m->size < VM_MEMORY_MIN || !IS_ALIGNED(m->size, 2 * MIB)) {
		log_error("vm: %s: %lu KiB of memory: at least %lu MiB, and a multiple of 2 MiB, "
			  "would be right",
			  vm->config.name, m->size / KIB, VM_MEMORY_MIN / MIB);
		return -EINVAL;
	}
	if (m->size > pmem_free()) {
		log_error("vm: %s asks for %lu MiB of memory, and the machine has %lu MiB free: "
			  "give it less (mem=…)",
			  vm->config.name, m->size / MIB, pmem_free() / MIB);
		return -ENOMEM;
	}
	if (m->size > WINDOW_SIZE) {
		log_error("vm: %s asks for %lu GiB of memory: Plinth gives a guest %lu GiB at most",
			  vm->config.name, m->size / GIB, WINDOW_SIZE / GIB);
		return -EINVAL;
	}
	err = take_blocks(vm);
	if (!err)
		err = map_host(m);
	if (!err)
		err = add_slots(vm);
	if (err) {
		log_error("vm: %s: %lu MiB of memory: error %d", vm->config.name, m->size / MIB,
			  err);
		vm_memory_fini(vm);
	}
	return err;
}

void vm_memory_fini(struct vm *vm)
{
	if (vm->memory.base)
		space_window_free(vm->memory.base, vm->memory.size);
	vm->memory.base = NULL;
	give_blocks(&vm->memory);
	vm->mem = (struct gmem){ 0 };
}

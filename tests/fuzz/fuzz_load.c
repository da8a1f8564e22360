/* SPDX-License-Identifier: MIT */
/* sources: vmm/load/load.c vmm/load/linux.c vmm/load/multiboot.c vmm/load/state.c tests/fake/sched.c vmm/load/bios.c vmm/load/e820.c vmm/gmem.c lib/elf.c tests/fake/log.c */
/* runs: 400000 */
/*
 * Any bytes as a kernel. Whatever they are: no read outside of them, no write outside of the
 * guest's RAM, and a kernel that is taken starts in RAM. The first bytes say how the guest is made.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/load/e820.h"
#include "vmm/load/load.h"
#include "vmm/vm.h"

enum {
	CHOICES = 3, /* bytes of the input: memory, initrd, command line */
	MEMORY = 4 * 1024 * 1024,
	PATTERN = 0xa5,
	INITRD_UNIT = 4 * 1024,
	CMDLINE_UNIT = 8,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t memory[MEMORY] aligned(4096);
static uint8_t initrd[256 * INITRD_UNIT];

/* What is reserved, and the hole before it, is not the loader's. */
static void holes_check(void)
{
	const uint8_t *hole = memory + GUEST_LOW_END;
	size_t n = GUEST_SMBIOS_END - GUEST_LOW_END;

	/* Each byte is as the next, and the first is as it was. */
	if (hole[0] != PATTERN || memcmp(hole, hole + 1, n - 1))
		abort();
}

static void result_check(const struct vm *vm, const struct load_regs *r)
{
	struct e820 map;

	e820_build(&map, &vm->mem);
	if (!e820_is_ram(&map, r->rip, 1))
		abort();
	if (!e820_is_ram(&map, r->segments[VSEG_GDTR].base, 8))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t sizes[] = { 0x1000, 0xa0000, 0x100000, 0x180000, 0x200000, MEMORY };
	static struct vm vm;
	struct gmem_slot slot = { .host = memory, .name = "ram" };
	struct load_regs regs;

	if (size < CHOICES)
		return 0;
	slot.size = sizes[data[0] % ARRAY_SIZE(sizes)];
	memset(&vm, 0, sizeof(vm));
	if (gmem_add(&vm.mem, &slot))
		abort();
	vm.config.memory = slot.size;
	vm.config.initrd = initrd;
	vm.config.initrd_size = (uint64_t)data[1] * INITRD_UNIT;
	memset(vm.config.cmdline, 'c', data[2] * CMDLINE_UNIT);
	vm.config.kernel = data + CHOICES;
	vm.config.kernel_size = size - CHOICES;

	memset(memory + GUEST_LOW_END, PATTERN, GUEST_SMBIOS_END - GUEST_LOW_END);
	if (!load_kernel(&vm, &regs))
		result_check(&vm, &regs);
	holes_check();
	return 0;
}

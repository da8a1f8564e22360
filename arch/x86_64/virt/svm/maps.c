/* SPDX-License-Identifier: MIT */
/* The permission maps: a set bit is an exit (APM 2, "I/O Intercepts" and "MSR Intercepts"). */
#include "arch/x86_64/msr.h"
#include "arch/x86_64/pages.h"
#include "arch/x86_64/ptab.h"
#include "arch/x86_64/virt/svm/svm.h"
#include "lib/errno.h"
#include "lib/string.h"

enum { IO_MAP_ORDER = 2 /* 12 KiB and 1 bit are used */, MSR_MAP_ORDER = 1 };
enum { MSR_RANGE = 0x2000, MSR_RANGE_BYTES = 0x800 };

int svm_vm_init(struct virt_vm *vm)
{
	vm->io_map = page_alloc(IO_MAP_ORDER, MEM_VM);
	vm->msr_map = page_alloc(MSR_MAP_ORDER, MEM_VM);
	if (!vm->io_map || !vm->msr_map) {
		svm_vm_fini(vm);
		return -ENOMEM;
	}
	memset(vm->io_map, 0xff, PAGE_SIZE << IO_MAP_ORDER);
	memset(vm->msr_map, 0xff, PAGE_SIZE << MSR_MAP_ORDER);
	return 0;
}

void svm_vm_fini(struct virt_vm *vm)
{
	page_free(vm->io_map, IO_MAP_ORDER, MEM_VM);
	page_free(vm->msr_map, MSR_MAP_ORDER, MEM_VM);
	vm->io_map = NULL;
	vm->msr_map = NULL;
}

/* One bit for both directions: a port that exits in one exits in both. */
void svm_pass_io(struct virt_vm *vm, uint16_t port, enum virt_pass pass)
{
	uint8_t bit = (uint8_t)(1 << port % 8);

	if (pass == PASS_BOTH)
		vm->io_map[port / 8] &= (uint8_t)~bit;
	else
		vm->io_map[port / 8] |= bit;
}

/* Three ranges of 8192 MSRs, two bits each: read, write. An MSR outside of them always exits. */
void svm_pass_msr(struct virt_vm *vm, uint32_t msr, enum virt_pass pass)
{
	static const uint32_t ranges[] = { 0, 0xc0000000, 0xc0010000 };

	for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
		uint32_t n = msr - ranges[i];
		uint8_t *byte = vm->msr_map + i * MSR_RANGE_BYTES + n / 4;
		unsigned shift = n % 4 * 2;

		if (msr < ranges[i] || n >= MSR_RANGE)
			continue;
		*byte |= (uint8_t)(PASS_BOTH << shift);
		*byte &= (uint8_t) ~((unsigned)pass << shift);
	}
}

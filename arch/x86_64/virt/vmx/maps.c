/* SPDX-License-Identifier: MIT */
/*
 * The I/O and MSR bitmaps (SDM 3, "I/O-Bitmap Addresses" and "MSR-Bitmap Address"). A set bit
 * exits; all are set until the policy above says otherwise. What no bitmap covers always exits.
 */
#include "arch/x86_64/virt/vmx/vmx.h"

#include "arch/x86_64/pages.h"
#include "lib/errno.h"
#include "lib/string.h"

enum {
	IO_ORDER = 1, /* two pages: A has the ports below 8000h, B the rest */
	MSR_ORDER = 0,
	MSR_RANGE = 0x2000, /* MSRs that one of the four maps covers */
	MSR_HIGH_FIRST = 0xc0000000,
	/* The maps' offsets in the page. */
	MSR_READ = 0x000,
	MSR_READ_HIGH = 0x400,
	MSR_WRITE = 0x800,
};

int vmx_vm_init(struct virt_vm *vm)
{
	vm->io_map = page_alloc(IO_ORDER, MEM_VM);
	vm->msr_map = page_alloc(MSR_ORDER, MEM_VM);
	vm->apic_access = page_alloc(ORDER_4K, MEM_VM);
	if (!vm->io_map || !vm->msr_map || !vm->apic_access) {
		vmx_vm_fini(vm);
		return -ENOMEM;
	}
	memset(vm->io_map, UINT8_MAX, PAGE_SIZE << IO_ORDER);
	memset(vm->msr_map, UINT8_MAX, PAGE_SIZE << MSR_ORDER);
	return 0;
}

void vmx_vm_fini(struct virt_vm *vm)
{
	if (vm->io_map)
		page_free(vm->io_map, IO_ORDER, MEM_VM);
	if (vm->msr_map)
		page_free(vm->msr_map, MSR_ORDER, MEM_VM);
	if (vm->apic_access)
		page_free(vm->apic_access, ORDER_4K, MEM_VM);
	vm->io_map = vm->msr_map = NULL;
	vm->apic_access = NULL;
}

static void bit_set(uint8_t *map, unsigned n, bool exits)
{
	uint8_t bit = 1u << n % 8;

	map[n / 8] = (map[n / 8] & ~bit) | (exits ? bit : 0);
}

/* VMX knows no direction: a port passes when both do. */
void vmx_pass_io(struct virt_vm *vm, uint16_t port, enum virt_pass pass)
{
	bit_set(vm->io_map, port, pass != PASS_BOTH);
}

void vmx_pass_msr(struct virt_vm *vm, uint32_t msr, enum virt_pass pass)
{
	uint8_t *map = vm->msr_map;

	if (msr - MSR_HIGH_FIRST < MSR_RANGE)
		map += MSR_READ_HIGH;
	else if (msr >= MSR_RANGE)
		return;
	bit_set(map + MSR_READ, msr % MSR_RANGE, !(pass & PASS_READ));
	bit_set(map + MSR_WRITE, msr % MSR_RANGE, !(pass & PASS_WRITE));
}

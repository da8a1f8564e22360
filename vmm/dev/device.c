/* SPDX-License-Identifier: MIT */
/* What several devices share. */
#include "vmm/dev/device.h"

void device_split(struct vm *vm, void *dev, struct bus_access *a, bus_access_fn *byte_access)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < a->size; i++) {
		struct bus_access byte = { .offset = a->offset + i, .size = 1, .write = a->write };

		byte.value = a->write ? (uint8_t)(a->value >> 8 * i) : UINT64_MAX;
		byte_access(vm, dev, &byte);
		value |= (byte.value & UINT8_MAX) << 8 * i;
	}
	if (!a->write)
		a->value = value;
}

/* SPDX-License-Identifier: MIT */
/* sources: vmm/dev/devices.c vmm/dev/device.c vmm/dev/vpic.c vmm/dev/vpit.c vmm/dev/vrtc.c vmm/dev/calendar.c vmm/dev/vuart.c vmm/dev/vi8042.c vmm/dev/vkeyboard.c vmm/dev/vmouse.c vmm/dev/vpm.c vmm/dev/vpci.c vmm/dev/vdebug.c vmm/dev/vioapic.c vmm/bus.c vmm/gmem.c tests/fake/vm.c tests/fake/timer.c tests/fake/log.c */
/* runs: 5000 */
/*
 * Any accesses to the ports of a PC, any input, any moments. Whatever they are: no device reads or
 * writes out of bounds, none leaves the lock taken, and the host's timers do not come in a storm.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/panic.h"
#include "tests/fake/timer.h"
#include "tests/fake/vm.h"

enum { RECORD = 6, TIMERS_PER_MS = 25, TIMERS_PER_RECORD = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where the devices are, and one port beside each. */
static const uint16_t ports[] = {
	0x020, 0x021, 0x0a0, 0x0a1, 0x4d0, 0x4d1, 0x040, 0x041, 0x042, 0x043, 0x061, 0x060,
	0x064, 0x092, 0x070, 0x071, 0x080, 0x08f, 0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd,
	0x3fe, 0x3ff, 0x2f8, 0x2f9, 0x2fa, 0x2fc, 0x600, 0x602, 0x604, 0x605, 0x608, 0xcf8,
	0xcf9, 0xcfc, 0xcff, 0x0e9, 0x0f4, 0x022, 0x06f, 0x3f7, 0x5ff,
};

void panic(const char *fmt, ...)
{
	puts(fmt);
	abort();
}

void irqchip_line(struct vm *vm, unsigned isa_irq, bool level)
{
	assert(lock_held(&vm->lock));
	vpic_line(vm, isa_irq, level);
	vioapic_line(vm, isa_irq == IRQ_PIT ? IRQ_CASCADE : isa_irq, level);
}

void irqchip_pic_output(struct vm *vm, bool level)
{
	assert(lock_held(&vm->lock) && vpic_pending(vm) == level);
}

unsigned vlapic_deliver(struct vm *vm, const struct apic_message *m)
{
	assert(lock_held(&vm->lock) && m);
	return 1;
}

static void typed(struct vm *vm, const uint8_t *data)
{
	uint8_t text[256];
	unsigned n = data[2], taken;

	memset(text, data[3], sizeof(text));
	lock_take(&vm->lock);
	taken = vuart_receive(vm, data[1] & 3, text, n);
	assert(taken <= n);
	lock_drop(&vm->lock);
}

static void waited(const uint8_t *data)
{
	/* 1 ns … 2 s, all magnitudes alike. */
	uint64_t ns = (1 + ((uint64_t)data[2] << 8 | data[3])) << (data[1] & 15);
	unsigned before = fake_timers_fired();

	fake_time_advance(ns);
	assert(fake_timers_fired() - before <=
	       TIMERS_PER_RECORD + ns / 1000000 * TIMERS_PER_MS + TIMERS_PER_MS);
}

static void record_run(struct fake_vm *f, const uint8_t *data)
{
	struct vm *vm = &f->vm;
	unsigned size = 1u << (data[0] >> 3) % 3;
	uint16_t port = ports[data[1] % ARRAY_SIZE(ports)];
	uint32_t value;

	memcpy(&value, data + 2, sizeof(value));
	switch (data[0] & 7) {
	case 0: typed(vm, data); break;
	case 1: waited(data); break;
	case 2:
		lock_take(&vm->lock);
		if (vpic_pending(vm))
			vpic_acknowledge(vm);
		lock_drop(&vm->lock);
		break;
	case 3: fake_in(f, port, size); break;
	case 4: fake_in(f, port, 1); break;
	default: fake_out(f, port, data[0] & 0x80 ? size : 1, value); break;
	}
	assert(!lock_held(&vm->lock));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake_vm *f = fake_vm_new();

	f->vm.config.debug_ports = true;
	assert(!devices_init(&f->vm));
	for (; size >= RECORD; data += RECORD, size -= RECORD)
		record_run(f, data);
	lock_take(&f->vm.lock);
	devices_reset(&f->vm);
	lock_drop(&f->vm.lock);
	devices_fini(&f->vm);
	assert(!fake_timers_armed());
	fake_vm_free(f);
	return 0;
}

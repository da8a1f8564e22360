/* SPDX-License-Identifier: MIT */
/*
 * What a device's test needs of a VM: the struct, and what the device says to the rest of it,
 * written down. tests/fake/vm.c has the machine's side, tests/fake/irqchip.c the interrupt lines.
 */
#ifndef FAKE_VM_H
#define FAKE_VM_H

#include "vmm/irqchip.h"
#include "vmm/vm.h"

enum { FAKE_CONSOLE = 8192, FAKE_PORTS = 2 };

struct fake_vm {
	struct vm vm;
	unsigned ends; /* calls of vm_request_end() and vm_crash() */
	uint8_t console[FAKE_PORTS][FAKE_CONSOLE];
	unsigned console_count[FAKE_PORTS];
	bool console_behind; /* what vm_console_write() answers */
	/* irqchip.c */
	bool lines[16];
	unsigned rises[16], falls[16];
	bool pic_output;
	unsigned pic_rises;
};

/*
 * A zeroed VM with a vCPU without an APIC, at 1 s of the fake clock; freed by fake_vm_free(). Only
 * one at a time.
 */
struct fake_vm *fake_vm_new(void);
void fake_vm_free(struct fake_vm *f);
/* Whether interrupts come in the time of its vCPU, as they do at first. */
void fake_vm_runs(struct fake_vm *f, bool runs);

/* Claims the class's ports and calls its init(), as devices.c would. */
void fake_vm_plug(struct fake_vm *f, const struct dev_class *class);

/* A guest's IN and OUT, with vm->lock held meanwhile. */
uint32_t fake_in(struct fake_vm *f, uint16_t port, unsigned size);
void fake_out(struct fake_vm *f, uint16_t port, unsigned size, uint32_t value);
static inline uint8_t fake_inb(struct fake_vm *f, uint16_t port)
{
	return (uint8_t)fake_in(f, port, 1);
}
static inline void fake_outb(struct fake_vm *f, uint16_t port, uint8_t value)
{
	fake_out(f, port, 1, value);
}

#endif

/* SPDX-License-Identifier: MIT */
/* A virtual machine: all of it hangs off this struct. */
#ifndef VMM_VM_H
#define VMM_VM_H

#include "lib/lock.h"
#include "vmm/bus.h"
#include "vmm/dev/vdebug.h"
#include "vmm/dev/vi8042.h"
#include "vmm/dev/vioapic.h"
#include "vmm/dev/vpci.h"
#include "vmm/dev/vpic.h"
#include "vmm/dev/vpit.h"
#include "vmm/dev/vpm.h"
#include "vmm/dev/vrtc.h"
#include "vmm/dev/vuart.h"
#include "vmm/gmem.h"
#include "vmm/vcpu.h"

enum { VM_VCPUS = 1 };

/* How a VM ended. */
enum vm_end { VM_RUNNING, VM_POWERED_OFF, VM_RESET, VM_EXIT_PORT, VM_CRASHED };

struct vm_config {
	char name[32];
	uint64_t memory;	 /* bytes */
	const uint8_t *kernel;	 /* host virtual */
	uint64_t kernel_size;
	const uint8_t *initrd;	 /* the first module after the kernel; NULL: none */
	uint64_t initrd_size;
	char cmdline[2048];
	bool debug_ports; /* 0xE9 and 0xF4, as QEMU has them */
};

/*
 * Locks: (D) vm->lock, (v) the vCPU's own thread only, (c) constant after vm_create, (a) atomic.
 */
struct vm {
	struct lock lock; /* all device state; the exit handlers take it around bus_access(), a device in its timers */
	struct vm_config config;   /* (c) */
	struct virt_vm hw;	   /* (c) */
	struct gmem mem;	   /* (c) */
	struct bus pio, mmio;	   /* (c) but for counters */
	struct vcpu *vcpus[VM_VCPUS]; /* (c) */
	unsigned vcpu_count;
	enum vm_end end;	   /* (D) */
	unsigned exit_status;	   /* (D) what the guest wrote to the exit port */
	char end_reason[160];

	struct vpic vpic;	   /* (D) from here on */
	struct vpit vpit;
	struct vioapic vioapic;
	struct vrtc vrtc;
	struct vuart vuart[2];	   /* COM1, COM2 */
	struct vi8042 vi8042;
	struct vpm vpm;
	struct vpci vpci;
	struct vdebug vdebug;
};

/* Ends or resets the machine: what a device calls for power-off, reset line, exit port. Caller holds vm->lock. */
void vm_request_end(struct vm *vm, enum vm_end how, const char *reason);
/* Stops this one VM, with a message on the log that says what happened; the format is printf's. */
void vm_crash(struct vm *vm, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * The other end of the guest's serial ports (core's console on the machine, a buffer in host tests).
 * vm_console_write(): a byte that the guest sent. Input comes in by vuart_receive().
 */
void vm_console_write(struct vm *vm, unsigned port, uint8_t byte);

#endif

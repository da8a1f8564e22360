/* SPDX-License-Identifier: MIT */
/* A virtual machine: all of it hangs off this struct. */
#ifndef VMM_VM_H
#define VMM_VM_H

#include "core/thread.h"
#include "lib/lock.h"
#include "vmm/bus.h"
#include "vmm/config/config.h"
#include "vmm/cpuid.h"
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
#include "vmm/life.h"
#include "vmm/vconsole.h"
#include "vmm/vcpu.h"

/* vCPUs of a VM, at most. */
enum { VM_VCPUS = 64 };

/* How a VM ended. */
enum vm_end { VM_RUNNING, VM_POWERED_OFF, VM_RESET, VM_EXIT_PORT, VM_CRASHED };

/*
 * A guest's RAM in host memory: blocks of pages, mapped side by side in the host's address space.
 */
enum { VM_BLOCKS = 1024 };
#define VM_MEMORY_MIN CONFIG_MEMORY_MIN

struct vm_memory {
	struct vm_block {
		void *at;
		uint8_t order;
	} blocks[VM_BLOCKS];
	unsigned count;
	uint8_t *base; /* host virtual; NULL: none */
	uint64_t size;
};

/*
 * Locks: (D) vm->lock, (E) ended.lock, (R) gathered.lock, (v) the vCPU's own thread only, (c)
 * constant after vm_create, (a) atomic. docs/locking.md has the order.
 */
struct vm {
	struct lock lock; /* all device state; the exit handlers take it around bus_access(), a
			     device in its timers */
	struct vm_config config; /* (c) */
	struct virt_vm hw;	 /* (c) */
	uint64_t tsc_offset;  /* (D) the guest's clock: 0 when it was made, still while it pauses */
	uint64_t pv_wall_msr; /* (a) MSR_KVM_WALL_CLOCK as it was written last */
	struct gmem mem;      /* (c) */
	struct bus pio, mmio; /* (c) but for counters */
	struct vcpuid cpuid;  /* (c) */
	uint64_t cr4_allowed, efer_allowed; /* (c) what the guest may set */
	struct vm_memory memory;	    /* (c) the host memory behind mem */
	struct vcpu *vcpus[VM_VCPUS];	    /* (c) */
	unsigned vcpu_count;		    /* (c) */
	bool has_devices;		    /* (D) */
	unsigned lowest_turn;	  /* (a) who is asked first to take a lowest-priority interrupt */
	enum vm_end end;	  /* (D) */
	unsigned exit_status;	  /* (D) what the guest wrote to the exit port */
	char end_reason[160];	  /* (D) */
	bool resetting;		  /* (D) a reset was asked for and is not done */
	unsigned parked;	  /* (D) vCPUs that wait for it */
	uint32_t resets;	  /* (R) how many were done */
	uint64_t begun_ns;	  /* (D) its start, or its last reset */
	unsigned triple_faults;	  /* (D) in a row, each soon after that */
	uint32_t triple_fault_at; /* (D) `resets` at the last one */
	unsigned triple_faults_told;	      /* (D) with all registers, since its start */
	bool pausing;			      /* (R) no vCPU is to run; also read without */
	unsigned paused;		      /* (R) vCPUs that have parked for it */
	bool frozen;			      /* (D) the devices' clocks and the TSC stand still */
	uint64_t paused_at_ns, paused_at_tsc; /* (D) since when */
	struct wait_queue gathered;	      /* the parked vCPUs, and who waits for them */
	struct wait_queue ended;	      /* for vm_wait() */
	unsigned left, gone; /* (E) vCPUs that have left the loop; that nobody reaches any more */
	struct list link;    /* vmm/vms.c's */
	unsigned holds;	     /* (a) vmm/vms.c's: who looks at it */
	struct vconsole console;   /* what COM1 is connected to */
	struct sched_group *group; /* (c) its vCPUs' threads, for their cap */
	struct life life;
	uint64_t boot_time; /* (c) while it runs: seconds since 1970 at its start */

	struct vpic vpic; /* (D) from here on */
	struct vpit vpit;
	struct vioapic vioapic;
	struct vrtc vrtc;
	struct vuart vuart[2]; /* COM1, COM2 */
	struct vi8042 vi8042;
	struct vpm vpm;
	struct vpci vpci;
	struct vdebug vdebug;
};

/*
 * What a VM keeps while it does not run: its config, its console. NULL: no memory, or no such
 * number of CPUs (logged). The rest of this is for its keeper: vmm/life.h.
 */
must_check struct vm *vm_create(const struct vm_config *config);
void vm_destroy(struct vm *vm);
/*
 * Its machine, with everything that the config says, and its kernel loaded; then the vCPUs'
 * threads. 0, or a negative errno, with the reason logged and nothing left behind.
 */
must_check int vm_start(struct vm *vm);
must_check int vm_build(struct vm *vm);
/* After vm_wait(): the machine goes, with its memory. */
void vm_dismantle(struct vm *vm);
/* ACPI tables, SMBIOS and the kernel, and vCPU 0's registers, as at the start. 0, or an errno. */
must_check int vm_load(struct vm *vm);
/*
 * Waits until the VM has ended, all vCPUs have stopped, and its last words are shown; how is in
 * vm->end.
 */
void vm_wait(struct vm *vm);
/*
 * By a vCPU's thread that has seen REQUEST_RESET, its registers not on any CPU: waits until all
 * have come here; the last one does the machine's reset for all. When it returns the vCPU is as
 * after RESET, or REQUEST_STOP is set.
 */
void vm_join_reset(struct vcpu *v);
/*
 * vmm/vm_pause.c. By one thread at a time, which holds no lock, while the VM runs; vm_pause()
 * returns when all vCPUs stand still, or the VM has ended meanwhile (then there is nothing to
 * resume).
 */
void vm_pause(struct vm *vm);
void vm_resume(struct vm *vm);
bool vm_is_pausing(const struct vm *vm);
/* The clocks show what they would if it were resumed now. Caller holds vm->lock. */
void vm_catch_up(struct vm *vm);
/* By a vCPU's thread that has seen REQUEST_PAUSE: until it is over, or an end or a reset comes. */
void vm_join_pause(struct vcpu *v);
/* By a vCPU's thread, last. */
void vm_leave(struct vcpu *v);

/*
 * What was taken out of the nested tables before the call, no vCPU uses after it: each forgets what
 * its CPU has cached before it enters the guest again, and those that are in the guest are made to
 * come out. By the thread of self, which holds no lock.
 */
void vm_flush_nested(struct vm *vm, struct vcpu *self);

/* Caller holds vm->lock. */
void vm_request_all(struct vm *vm, unsigned requests);

/* The host memory behind the guest's RAM: vmm/vm_memory.c. 0; -ENOMEM, -ENOSPC (logged). */
must_check int vm_memory_init(struct vm *vm);
void vm_memory_fini(struct vm *vm);

/*
 * Ends or resets the machine: what a device calls for power-off, reset line, exit port. Caller
 * holds vm->lock.
 */
void vm_request_end(struct vm *vm, enum vm_end how, const char *reason);
/* A reset, whatever the config says of the guest's own. Caller holds vm->lock. */
void vm_request_reset(struct vm *vm, const char *reason);
/* A triple fault of v's, by its own thread: told, and a reset, unless it goes on like that. */
void vm_triple_fault(struct vcpu *v);
/* Stops this one VM, with a message on the log that says what happened; the format is printf's. */
void vm_crash(struct vm *vm, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * The other end of the guest's serial ports (vmm/vconsole.h on the machine, a buffer in host
 * tests). vm_console_write(): a byte that the guest sent; false: it is taken, but no more is to be
 * sent until vuart_transmit_ready(). Input comes in by vuart_receive(). Caller holds vm->lock.
 */
bool vm_console_write(struct vm *vm, unsigned port, uint8_t byte);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Puts a kernel into a guest's memory and says in which state the first vCPU is to start it. A
 * loader only writes to guest memory and struct load_regs; the caller sets the vCPU's registers.
 */
#ifndef VMM_LOAD_LOAD_H
#define VMM_LOAD_LOAD_H

#include "arch/x86_64/virt/virt.h"

struct vm;

/* The state of the CPU at the kernel's entry. What is not in it is as after RESET. */
struct load_regs {
	uint64_t rip, rflags;
	uint64_t gpr[GPRS];
	uint64_t cr0, cr3, cr4, efer;
	struct segment segments[VSEGS];
};

/*
 * Loads vm->config's kernel (a Linux bzImage or a multiboot 1 kernel), initrd and command line, and
 * makes the BIOS data area. May be called again to start over. acpi_build() and smbios_build() are
 * the caller's. 0; or what is wrong is logged: -ENOENT: no kernel; -EINVAL: it is none, or damaged;
 * -ENOTSUP: of a kind that Plinth does not start; -ENOSPC: it does not fit in the guest's memory;
 * -E2BIG: the command line is too long; -EFAULT: the guest has no memory where a PC has it.
 */
must_check int load_kernel(struct vm *vm, struct load_regs *regs);

#endif

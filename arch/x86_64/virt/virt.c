/* SPDX-License-Identifier: MIT */
/* Which backend this machine has. */
#include "arch/x86_64/virt/virt.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpuid.h"
#include "lib/errno.h"
#include "lib/log.h"

const struct virt_ops *virt;

const char *const vm_exit_names[EXIT_KINDS] = {
	[EXIT_HOST_IRQ] = "host interrupt",
	[EXIT_PIO] = "port",
	[EXIT_MEM] = "memory",
	[EXIT_CPUID] = "CPUID",
	[EXIT_RDMSR] = "RDMSR",
	[EXIT_WRMSR] = "WRMSR",
	[EXIT_CR] = "control register",
	[EXIT_DR] = "debug register",
	[EXIT_XSETBV] = "XSETBV",
	[EXIT_HLT] = "HLT",
	[EXIT_PAUSE] = "PAUSE",
	[EXIT_HYPERCALL] = "hypercall",
	[EXIT_EXCEPTION] = "exception",
	[EXIT_WINDOW] = "window",
	[EXIT_CACHE] = "INVD/WBINVD",
	[EXIT_RDTSC] = "RDTSC",
	[EXIT_RDPMC] = "RDPMC",
	[EXIT_UD] = "no such instruction",
	[EXIT_TASK_SWITCH] = "task switch",
	[EXIT_APIC_WRITE] = "APIC write",
	[EXIT_EOI] = "EOI",
	[EXIT_TPR] = "TPR",
	[EXIT_SHUTDOWN] = "shutdown",
	[EXIT_INIT] = "INIT",
	[EXIT_FAIL] = "failed entry",
	[EXIT_UNKNOWN] = "unknown",
};

int virt_init(void)
{
	const struct virt_ops *ops = NULL;
	int err;

	if (cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_VMX)
		ops = &vmx_ops;
	else if (cpuid(CPUID_EXT_MAX, 0).eax >= CPUID_EXT_FEATURES &&
		 (cpuid(CPUID_EXT_FEATURES, 0).ecx & CPUID_80000001_ECX_SVM))
		ops = &svm_ops;
	if (!ops) {
		log_error("virt: this CPU offers neither Intel VMX nor AMD SVM; switch on "
			  "\"VT-x\", \"AMD-V\" or \"SVM\" in the firmware's setup, or in an "
			  "emulator give the CPU that feature (QEMU: -cpu EPYC,+svm,+npt)");
		return -ENODEV;
	}
	err = ops->probe();
	if (!err)
		err = ops->cpu_on();
	if (!err)
		virt = ops;
	return err;
}

/* SPDX-License-Identifier: MIT */
/*
 * Hardware task switches are not virtualised: no 64-bit system has them, and 32-bit ones keep them
 * for double faults.
 */
#include "vmm/exit.h"
#include "vmm/vm.h"

void exit_task_switch(struct vcpu *v)
{
	static const char *const sources[] = { [TASK_CALL] = "CALL",
					       [TASK_IRET] = "IRET",
					       [TASK_JMP] = "JMP",
					       [TASK_GATE] = "a task gate" };

	vm_crash(v->vm,
		 "a hardware task switch to selector %#x by %s at RIP %#lx: Plinth does not "
		 "virtualise these (docs/6-pitfalls.md)",
		 v->hw.exit.task.selector, sources[v->hw.exit.task.source & 3],
		 (unsigned long)v->hw.rip);
}

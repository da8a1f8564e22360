/* SPDX-License-Identifier: MIT */
/* See tests/fake/cpu.h. */
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/panic.h"
#include "tests/fake/cpu.h"

void fake_cpu_use(struct cpu *c)
{
	c->self = c;
	/* The compiler may not keep what this_cpu() gave before. */
	__asm__ volatile("" : : : "memory");
	assert(!syscall(SYS_arch_prctl, ARCH_SET_GS, c));
}

// SPDX-License-Identifier: MIT
/* The smallest guest: it boots, reaches 64-bit mode, prints and ends. */
#include "lib/test.h"
#include "lib/cpu.h"

void guest_main(void)
{
	check_true("booted by a multiboot 1 loader", boot_multiboot_info != 0);
	check_eq("EFER.LMA", EFER_LMA, rdmsr(MSR_EFER) & EFER_LMA);
	print("hello\n");
}

/* SPDX-License-Identifier: MIT */
/* The map of Plinth's own address space; also read by assembly. */
#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#define KERNEL_BASE 0xffffffff80000000

/* All RAM, read-write, never executable. */
#define DIRECT_BASE 0xffff800000000000
#define DIRECT_SIZE 0x0000400000000000
#define DIRECT_PML4 256
/* Device memory, uncacheable: mmio_map(). */
#define MMIO_BASE 0xffffc00000000000
#define MMIO_SIZE 0x0000000100000000
/* Stacks, each after an unmapped guard page. */
#define STACK_BASE  0xffffd00000000000
#define STACK_SIZE  0x4000
#define STACK_SLOT  0x8000
#define STACK_SLOTS 4096

/* Guests' RAM once more, a window a guest, 256 GiB each at most. */
#define WINDOW_BASE 0xffffe00000000000
#define WINDOW_SIZE 0x0000004000000000
#define WINDOWS	    64

#endif

/* SPDX-License-Identifier: MIT */
/* Plinth's own address space (arch/x86_64/layout.h is its map). */
#ifndef CORE_SPACE_H
#define CORE_SPACE_H

#include "boot/boot_info.h"

/* Builds it and switches this CPU to it: W^X, no alias through which code could be written. */
void space_init(const struct boot_info *info);
/* Switches a further CPU to it. */
void space_load(void);

/* Whether n bytes at addr are in the direct map. */
bool space_is_mapped(hpa_t addr, uint64_t n);

/*
 * Mappings that have gone are forgotten by each CPU in its own time: after a kick, or whenever it
 * calls this. What they had covered is not given out again before all CPUs have done so.
 */
void space_sync(void);

/*
 * Address space for a guest's RAM, 1 GiB-aligned so that large pages fit: reserved, then filled
 * block by block. alloc: NULL when there is none; map: 0, -ENOMEM.
 */
uint8_t *space_window_alloc(uint64_t size) must_check;
must_check int space_window_map(uint8_t *at, hpa_t pa, uint64_t size);
void space_window_free(uint8_t *base, uint64_t size);

/*
 * A stack of STACK_SIZE bytes between unmapped guard pages: its top, or NULL. The guard below makes
 * an overflow a double fault with a message.
 */
void *stack_alloc(void) must_check;
void stack_free(void *top);
/* Whether addr lies in a guard page. */
bool stack_is_guard(uint64_t addr);

#endif

/* SPDX-License-Identifier: MIT */
/* Device memory of the host; core/space.c maps it. */
#ifndef ARCH_MMIO_H
#define ARCH_MMIO_H

#include "lib/addr.h"

/*
 * An uncacheable mapping of [addr, addr + size), kept for good; NULL (logged) when there is no
 * room.
 */
void *mmio_map(hpa_t addr, uint64_t size) must_check;

static inline uint32_t mmio_read32(const volatile void *p)
{
	return *(const volatile uint32_t *)p;
}

static inline void mmio_write32(volatile void *p, uint32_t v)
{
	*(volatile uint32_t *)p = v;
}

#endif

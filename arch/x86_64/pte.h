/* SPDX-License-Identifier: MIT */
/*
 * The entries of x86-64 page tables, host's and NPT's alike (SDM 3, "4-Level Paging"; APM 2,
 * "Long-Mode Page Translation").
 */
#ifndef ARCH_PTE_H
#define ARCH_PTE_H

#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/ptab.h"

#define PTE_P	(1ull << 0)
#define PTE_RW	(1ull << 1)
#define PTE_US	(1ull << 2)
#define PTE_PWT (1ull << 3)
#define PTE_PCD (1ull << 4)
#define PTE_A	(1ull << 5)
#define PTE_D	(1ull << 6)
#define PTE_PS	(1ull << 7) /* levels 2 and 3: a page */
#define PTE_NX	(1ull << 63)

static inline bool pte_present(uint64_t entry)
{
	return entry & PTE_P;
}

static inline bool pte_is_leaf(uint64_t entry, unsigned level)
{
	return level == 1 || (level <= 3 && (entry & PTE_PS));
}

static inline unsigned pte_perms(uint64_t entry)
{
	return PTAB_R | (entry & PTE_RW ? PTAB_W : 0) | (entry & PTE_NX ? 0 : PTAB_X) |
	       (entry & PTE_PCD ? PTAB_UC : 0);
}

static inline bool pte_has_1g(void)
{
	return cpuid(CPUID_EXT_FEATURES, 0).edx & CPUID_80000001_EDX_PAGE1GB;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * AMD's nested page tables (APM 2, "Nested Paging"): the host's format, but the walk counts as a
 * user's access at every level, so all entries are user's.
 */
#include "arch/x86_64/ptab.h"

#include "arch/x86_64/pte.h"

static uint64_t npt_leaf(hpa_t page, unsigned level, unsigned perms)
{
	return page.raw | PTE_P | PTE_US | PTE_A | PTE_D | (perms & PTAB_W ? PTE_RW : 0) |
	       (perms & PTAB_X ? 0 : PTE_NX) | (perms & PTAB_UC ? PTE_PCD | PTE_PWT : 0) |
	       (level > 1 ? PTE_PS : 0);
}

static uint64_t npt_table(hpa_t table)
{
	return table.raw | PTE_P | PTE_RW | PTE_US | PTE_A;
}

const struct ptab_format ptab_npt = {
	.name = "NPT",
	.leaf = npt_leaf,
	.table = npt_table,
	.present = pte_present,
	.is_leaf = pte_is_leaf,
	.perms = pte_perms,
	.has_1g = pte_has_1g,
	.store = ptab_store,
};

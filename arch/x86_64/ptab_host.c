/* SPDX-License-Identifier: MIT */
/*
 * Plinth's own page tables (SDM 3, "4-Level Paging"). Accessed and dirty are set from the start:
 * nobody reads them, so the CPU need not write them.
 */
#include "arch/x86_64/ptab.h"

#include "arch/x86_64/pte.h"

static uint64_t host_leaf(hpa_t page, unsigned level, unsigned perms)
{
	return page.raw | PTE_P | PTE_A | PTE_D | (perms & PTAB_W ? PTE_RW : 0) |
	       (perms & PTAB_X ? 0 : PTE_NX) | (perms & PTAB_UC ? PTE_PCD | PTE_PWT : 0) |
	       (level > 1 ? PTE_PS : 0);
}

static uint64_t host_table(hpa_t table)
{
	return table.raw | PTE_P | PTE_RW | PTE_A;
}

const struct ptab_format ptab_host = {
	.name = "host",
	.leaf = host_leaf,
	.table = host_table,
	.present = pte_present,
	.is_leaf = pte_is_leaf,
	.perms = pte_perms,
	.has_1g = pte_has_1g,
	.store = ptab_store,
};

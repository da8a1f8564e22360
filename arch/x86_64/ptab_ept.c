/* SPDX-License-Identifier: MIT */
/*
 * Intel's extended page tables (SDM 3, "The Extended Page Table Mechanism (EPT)"). Present means
 * any of R, W, X; W without R is a misconfiguration, so R is always there.
 */
#include "arch/x86_64/ptab.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/msr.h"

#define EPT_R	      (1ull << 0)
#define EPT_W	      (1ull << 1)
#define EPT_X	      (1ull << 2)
#define EPT_RWX	      (EPT_R | EPT_W | EPT_X)
#define EPT_TYPE_UC   (0ull << 3)
#define EPT_TYPE_WB   (6ull << 3)
#define EPT_TYPE_MASK (7ull << 3)
#define EPT_PAGE      (1ull << 7) /* levels 2 and 3 */
#define EPT_A	      (1ull << 8)
#define EPT_D	      (1ull << 9)
#define EPT_CAP_1G    (1ull << 17)

/* A and D are ignored where the CPU has them switched off; set, they spare it writing them. */
static uint64_t ept_leaf(hpa_t page, unsigned level, unsigned perms)
{
	return page.raw | EPT_R | EPT_A | EPT_D | (perms & PTAB_W ? EPT_W : 0) |
	       (perms & PTAB_X ? EPT_X : 0) | (perms & PTAB_UC ? EPT_TYPE_UC : EPT_TYPE_WB) |
	       (level > 1 ? EPT_PAGE : 0);
}

static uint64_t ept_table(hpa_t table)
{
	return table.raw | EPT_RWX | EPT_A;
}

static bool ept_present(uint64_t entry)
{
	return entry & EPT_RWX;
}

static bool ept_is_leaf(uint64_t entry, unsigned level)
{
	return level == 1 || (level <= 3 && (entry & EPT_PAGE));
}

static unsigned ept_perms(uint64_t entry)
{
	return PTAB_R | (entry & EPT_W ? PTAB_W : 0) | (entry & EPT_X ? PTAB_X : 0) |
	       ((entry & EPT_TYPE_MASK) == EPT_TYPE_UC ? PTAB_UC : 0);
}

static bool ept_has_1g(void)
{
	return rdmsr(MSR_VMX_EPT_VPID_CAP) & EPT_CAP_1G;
}

const struct ptab_format ptab_ept = {
	.name = "EPT",
	.leaf = ept_leaf,
	.table = ept_table,
	.present = ept_present,
	.is_leaf = ept_is_leaf,
	.perms = ept_perms,
	.has_1g = ept_has_1g,
	.store = ptab_store,
};

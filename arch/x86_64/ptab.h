/* SPDX-License-Identifier: MIT */
/*
 * One generic page-table walker; what differs between the host's tables, EPT and NPT is a const
 * struct ptab_format.
 */
#ifndef ARCH_PTAB_H
#define ARCH_PTAB_H

#include "arch/x86_64/pages.h"

enum ptab_perm {
	PTAB_R = 1, /* implied: what is mapped can be read */
	PTAB_W = 2,
	PTAB_X = 4,
	PTAB_UC = 8, /* device memory: uncacheable; without it, write-back */
};

struct ptab_format {
	const char *name;
	/* The entry for a page (leaf) at level 1, 2, 3 with these permissions. */
	uint64_t (*leaf)(hpa_t page, unsigned level, unsigned perms);
	uint64_t (*table)(hpa_t table);
	bool (*present)(uint64_t entry);
	bool (*is_leaf)(uint64_t entry, unsigned level);
	unsigned (*perms)(uint64_t entry);
	bool (*has_1g)(void);
	/* Writes an entry that a CPU may be walking: ptab_store(), but in tests. */
	void (*store)(uint64_t *entry, uint64_t value);
};

extern const struct ptab_format ptab_host, ptab_ept, ptab_npt;

struct ptab {
	const struct ptab_format *format;
	uint64_t *root;
	enum mem_owner owner;
};

/* One 8-byte store, after all that the caller wrote before. */
void ptab_store(uint64_t *entry, uint64_t value);

/* 0 or -ENOMEM. */
must_check int ptab_init(struct ptab *t, const struct ptab_format *format, enum mem_owner owner);
/* Frees the tables, not what they map. */
void ptab_fini(struct ptab *t);
/*
 * Maps [va, va + size) to pa in the largest pages that alignment allows. All 4 KiB-aligned. -EEXIST
 * when something there is mapped already, -ENOMEM, -EINVAL; on failure nothing is mapped that was
 * not before. Every intermediate state of the tables is valid for a CPU that walks them meanwhile.
 */
must_check int ptab_map(struct ptab *t, uint64_t va, hpa_t pa, uint64_t size, unsigned perms);
/*
 * Both split larger pages at the edges, and pass over what is not mapped. -ENOMEM or -EINVAL, and
 * then nothing has changed. The caller flushes TLBs.
 */
must_check int ptab_unmap(struct ptab *t, uint64_t va, uint64_t size);
must_check int ptab_protect(struct ptab *t, uint64_t va, uint64_t size, unsigned perms);
/* 0 and what is there, or -ENOENT. Any of the out pointers may be NULL. */
int ptab_lookup(const struct ptab *t, uint64_t va, hpa_t *pa, unsigned *perms, uint64_t *page_size);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The walker for every kind of page table. The one idea: another CPU may be walking the tables at
 * any moment, so each change is one store that takes them from one valid state to the next, and a
 * table once linked is not freed before ptab_fini() (paging-structure caches may still name it).
 */
#include "arch/x86_64/ptab.h"

#include "lib/errno.h"

enum { LEVELS = 4, ENTRIES = 512, INDEX_BITS = 9, PAGE_BITS = 12 };

#define VA_SIZE	   BIT(PAGE_BITS + LEVELS * INDEX_BITS)
#define PA_SIZE	   BIT(52)
#define ENTRY_ADDR (PA_SIZE - PAGE_SIZE)

/* A stretch of addresses at work, and what is to become of it. */
struct range {
	struct ptab *t;
	uint64_t va, end;
	uint64_t delta; /* physical minus virtual */
	unsigned perms;
};

/* How many bytes one entry of a table at this level stands for; level 1 is the lowest. */
static uint64_t span_of(unsigned level)
{
	return BIT(PAGE_BITS + (level - 1) * INDEX_BITS);
}

static unsigned index_of(uint64_t va, unsigned level)
{
	return va / span_of(level) % ENTRIES;
}

static uint64_t *table_of(uint64_t entry)
{
	return hpa_ptr(hpa(entry & ENTRY_ADDR));
}

/* The end of va's entry, or of the range where that comes first. */
static uint64_t next_of(uint64_t va, uint64_t end, unsigned level)
{
	return MIN(ALIGN_DOWN(va, span_of(level)) + span_of(level), end);
}

void ptab_store(uint64_t *entry, uint64_t value)
{
	/* Release: a walker that sees this entry sees what it points to. */
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

int ptab_init(struct ptab *t, const struct ptab_format *format, enum mem_owner owner)
{
	t->format = format;
	t->owner = owner;
	t->root = page_alloc(ORDER_4K, owner);
	return t->root ? 0 : -ENOMEM;
}

static void table_free(struct ptab *t, uint64_t *table, unsigned level)
{
	const struct ptab_format *f = t->format;

	for (unsigned i = 0; level > 1 && i < ENTRIES; i++) {
		if (f->present(table[i]) && !f->is_leaf(table[i], level))
			table_free(t, table_of(table[i]), level - 1);
	}
	page_free(table, ORDER_4K, t->owner);
}

void ptab_fini(struct ptab *t)
{
	if (t->root)
		table_free(t, t->root, LEVELS);
	t->root = NULL;
}

/* Fills r, or -EINVAL. The sign extension of the host's upper half is dropped. */
static int range_set(struct range *r, struct ptab *t, uint64_t va, uint64_t size, unsigned perms)
{
	va %= VA_SIZE;
	if (!size || !IS_ALIGNED(va | size, PAGE_SIZE) || size > VA_SIZE - va)
		return -EINVAL;
	*r = (struct range){ .t = t, .va = va, .end = va + size, .perms = perms };
	return 0;
}

typedef void leaf_fn(const struct range *r, uint64_t *entry, unsigned level);

/*
 * Calls fn for each leaf in [va, end), or without fn stops at the first; returns whether there was
 * one.
 */
static bool leaves_visit(const struct range *r, uint64_t *table, unsigned level, uint64_t va,
			 uint64_t end, leaf_fn *fn)
{
	const struct ptab_format *f = r->t->format;
	bool any = false;

	for (uint64_t next; va < end && (fn || !any); va = next) {
		uint64_t *e = &table[index_of(va, level)];

		next = next_of(va, end, level);
		if (!f->present(*e))
			continue;
		if (!f->is_leaf(*e, level)) {
			any |= leaves_visit(r, table_of(*e), level - 1, va, next, fn);
			continue;
		}
		any = true;
		if (fn)
			fn(r, e, level);
	}
	return any;
}

static void leaf_clear(const struct range *r, uint64_t *entry, unsigned level)
{
	(void)level;
	r->t->format->store(entry, 0);
}

static hpa_t leaf_page(uint64_t entry, unsigned level)
{
	return hpa(ALIGN_DOWN(entry & ENTRY_ADDR, span_of(level)));
}

static void leaf_protect(const struct range *r, uint64_t *entry, unsigned level)
{
	const struct ptab_format *f = r->t->format;

	f->store(entry, f->leaf(leaf_page(*entry, level), level, r->perms));
}

/* Whether one leaf at this level may map what begins at va. */
static bool leaf_fits(const struct range *r, unsigned level, uint64_t va, uint64_t end)
{
	if (level == 1)
		return true;
	return level <= 3 && (level < 3 || r->t->format->has_1g()) &&
	       IS_ALIGNED(va | (va + r->delta), span_of(level)) && end - va >= span_of(level);
}

static int level_map(const struct range *r, uint64_t *table, unsigned level, uint64_t va,
		     uint64_t end)
{
	const struct ptab_format *f = r->t->format;

	for (uint64_t next; va < end; va = next) {
		uint64_t *e = &table[index_of(va, level)];

		next = next_of(va, end, level);
		if (!f->present(*e) && leaf_fits(r, level, va, next)) {
			f->store(e, f->leaf(hpa(va + r->delta), level, r->perms));
			continue;
		}
		if (!f->present(*e)) {
			uint64_t *lower = page_alloc(ORDER_4K, r->t->owner);

			if (!lower)
				return -ENOMEM;
			f->store(e, f->table(hpa_of(lower)));
		}
		int error = level_map(r, table_of(*e), level - 1, va, next);

		if (error)
			return error;
	}
	return 0;
}

int ptab_map(struct ptab *t, uint64_t va, hpa_t pa, uint64_t size, unsigned perms)
{
	struct range r;
	int error = range_set(&r, t, va, size, perms);

	if (error)
		return error;
	if (!IS_ALIGNED(pa.raw, PAGE_SIZE) || pa.raw >= PA_SIZE || size > PA_SIZE - pa.raw)
		return -EINVAL;
	if (leaves_visit(&r, t->root, LEVELS, r.va, r.end, NULL))
		return -EEXIST;
	r.delta = pa.raw - r.va;
	error = level_map(&r, t->root, LEVELS, r.va, r.end);
	if (error)
		leaves_visit(&r, t->root, LEVELS, r.va, r.end, leaf_clear);
	return error;
}

/* Makes a leaf a table of the next smaller pages, which says the same. */
static int leaf_split(struct ptab *t, uint64_t *entry, unsigned level)
{
	const struct ptab_format *f = t->format;
	uint64_t *lower = page_alloc(ORDER_4K, t->owner);
	hpa_t page = leaf_page(*entry, level);

	if (!lower)
		return -ENOMEM;
	for (unsigned i = 0; i < ENTRIES; i++)
		lower[i] = f->leaf(hpa(page.raw + i * span_of(level - 1)), level - 1,
				   f->perms(*entry));
	f->store(entry, f->table(hpa_of(lower)));
	return 0;
}

/* Splits leaves until none reaches across va. */
static int edge_split(struct ptab *t, uint64_t va)
{
	const struct ptab_format *f = t->format;
	uint64_t *table = t->root;

	for (unsigned level = LEVELS; !IS_ALIGNED(va, span_of(level)); level--) {
		uint64_t *e = &table[index_of(va, level)];

		if (!f->present(*e))
			return 0;
		if (f->is_leaf(*e, level) && leaf_split(t, e, level))
			return -ENOMEM;
		table = table_of(*e);
	}
	return 0;
}

/* Splits first, which is all that can fail, then changes. */
static int range_change(struct ptab *t, uint64_t va, uint64_t size, unsigned perms, leaf_fn *fn)
{
	struct range r;
	int error = range_set(&r, t, va, size, perms);

	if (!error)
		error = edge_split(t, r.va);
	if (!error)
		error = edge_split(t, r.end);
	if (!error)
		leaves_visit(&r, t->root, LEVELS, r.va, r.end, fn);
	return error;
}

int ptab_unmap(struct ptab *t, uint64_t va, uint64_t size)
{
	return range_change(t, va, size, 0, leaf_clear);
}

int ptab_protect(struct ptab *t, uint64_t va, uint64_t size, unsigned perms)
{
	return range_change(t, va, size, perms, leaf_protect);
}

int ptab_lookup(const struct ptab *t, uint64_t va, hpa_t *pa, unsigned *perms, uint64_t *page_size)
{
	const struct ptab_format *f = t->format;
	const uint64_t *table = t->root;

	for (unsigned level = LEVELS; level; level--) {
		uint64_t e = table[index_of(va, level)];

		if (!f->present(e))
			return -ENOENT;
		if (!f->is_leaf(e, level)) {
			table = table_of(e);
			continue;
		}
		if (pa)
			*pa = hpa(leaf_page(e, level).raw + va % span_of(level));
		if (perms)
			*perms = f->perms(e);
		if (page_size)
			*page_size = span_of(level);
		return 0;
	}
	return -ENOENT;
}

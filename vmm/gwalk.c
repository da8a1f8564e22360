/* SPDX-License-Identifier: MIT */
/*
 * Walks a guest's own page tables as the processor would. walk() knows every paging mode, right and
 * fault. Nearly all walks find 4-level tables whose entries are present, accessed and allowed: for
 * them walk_usual() looks at the same entries in a straight line, and leaves the rest to walk().
 */
#include "vmm/gwalk.h"

#include "arch/x86_64/cr.h"
#include "lib/errno.h"
#include "lib/string.h"

/* An entry's bits, the same in all formats (SDM 3, "Paging", figures of the entries). */
enum {
	ENTRY_P = 1 << 0,
	ENTRY_RW = 1 << 1,
	ENTRY_US = 1 << 2,
	ENTRY_A = 1 << 5,
	ENTRY_D = 1 << 6,
	ENTRY_PS = 1 << 7,
};

#define ENTRY_NX      BIT(63)
#define ENTRY_ADDRESS (BIT(52) - BIT(12))
#define ADDRESS_32    (BIT(32) - BIT(12))

enum {
	CPL_USER = 3,
	PAE_CR3_ALIGN = 32,
	PSE36_LOW = 13, /* the bit of a 4 MiB entry that is address bit 32 */
	PSE36_BITS = 8,
	INDEX_BITS = 9,
	INDEX_BITS_32 = 10,
	INDEX_MASK = (1 << INDEX_BITS) - 1,
	LEVEL_PT = 1,
	LEVEL_PD = 2,
	LEVEL_PDPT = 3,
	LEVEL_PML4 = 4,
	LEVEL_PML5 = 5,
};

static always_inline bool is_user(const struct gwalk_mode *mode, unsigned access)
{
	return mode->cpl == CPL_USER && !(access & WALK_SYSTEM);
}

/* How a mode's tables are laid out, and where the walk stands. */
struct walk {
	const struct gmem *m;
	const struct gwalk_mode *mode;
	uint64_t addr;
	unsigned access;
	unsigned level;	     /* of the next table */
	unsigned index_bits; /* per level */
	unsigned entry_size; /* 4 or 8 */
	bool pae_root;	     /* the next entry is a PAE PDPTE */
	uint64_t table;	     /* guest physical */
	uint64_t rights;     /* US and RW, and-ed over the levels */
	uint64_t no_execute; /* NX, or-ed */
};

static int fail(const struct walk *w, uint32_t error, struct gwalk_fault *fault)
{
	const struct gwalk_mode *mode = w->mode;
	bool tells_fetch =
		(mode->cr4 & CR4_SMEP) || ((mode->cr4 & CR4_PAE) && (mode->efer & EFER_NXE));

	if (w->access & WALK_WRITE)
		error |= PF_W;
	if (is_user(mode, w->access))
		error |= PF_U;
	if ((w->access & WALK_FETCH) && tells_fetch)
		error |= PF_I;
	*fault = (struct gwalk_fault){ .error = error, .address = gva(w->addr) };
	return -EFAULT;
}

static int fail_no_memory(uint64_t addr, struct gwalk_fault *fault)
{
	*fault = (struct gwalk_fault){ .address = gva(addr), .no_memory = true };
	return -EFAULT;
}

static void walk_init(struct walk *w)
{
	const struct gwalk_mode *mode = w->mode;

	w->rights = ENTRY_RW | ENTRY_US;
	w->index_bits = INDEX_BITS;
	w->entry_size = 8;
	w->table = mode->cr3 & ENTRY_ADDRESS;
	if (mode->efer & EFER_LMA) {
		w->level = mode->cr4 & CR4_LA57 ? LEVEL_PML5 : LEVEL_PML4;
		return;
	}
	w->addr = (uint32_t)w->addr;
	if (mode->cr4 & CR4_PAE) {
		w->level = LEVEL_PDPT;
		w->pae_root = true;
		w->table = ALIGN_DOWN((uint32_t)mode->cr3, PAE_CR3_ALIGN);
	} else {
		w->level = LEVEL_PD;
		w->index_bits = INDEX_BITS_32;
		w->entry_size = 4;
		w->table = mode->cr3 & ADDRESS_32;
	}
}

/* How far an entry of this level reaches: the lowest address bit that the level indexes. */
static unsigned level_shift(const struct walk *w)
{
	return 12 + (w->level - 1) * w->index_bits;
}

static bool is_leaf(const struct walk *w, uint64_t entry)
{
	if (w->level == LEVEL_PT)
		return true;
	if (!(entry & ENTRY_PS) || w->pae_root)
		return false;
	if (w->level == LEVEL_PDPT)
		return w->mode->has_1g;
	return w->level == LEVEL_PD && (w->entry_size == 8 || (w->mode->cr4 & CR4_PSE));
}

/* Bits that must be zero in an entry of 4 bytes: only 4 MiB pages have such. */
static uint64_t reserved_bits_32(const struct walk *w, bool leaf)
{
	unsigned usable = w->mode->maxphyaddr <= 32 ? 0 : w->mode->maxphyaddr - 32u;

	if (!leaf || w->level == LEVEL_PT)
		return 0;
	return BIT(22) - BIT(PSE36_LOW + MIN(usable, (unsigned)PSE36_BITS));
}

/* The same of an entry of 8 bytes. */
static uint64_t reserved_bits(const struct walk *w, bool leaf)
{
	uint64_t above = BIT(52) - BIT(MIN(w->mode->maxphyaddr, 52));

	/* A is reserved there as well; but QEMU's own walk sets it, and would trip over ours. */
	if (w->pae_root)
		return above | (BIT(63) - BIT(52)) | ENTRY_NX | ENTRY_RW | ENTRY_US |
		       (BIT(9) - ENTRY_D);
	if (!(w->mode->efer & EFER_LMA))
		above |= BIT(63) - BIT(52);
	if (!(w->mode->efer & EFER_NXE))
		above |= ENTRY_NX;
	if (leaf && w->level > LEVEL_PT)
		return above | (BIT(level_shift(w)) - BIT(13));
	return leaf || w->level == LEVEL_PD ? above : above | ENTRY_PS;
}

/* SDM 3, "Determination of Access Rights": of a page whose levels together give rights. */
static bool is_allowed(const struct walk *w, uint64_t rights, bool executable)
{
	const struct gwalk_mode *mode = w->mode;
	bool user_page = rights & ENTRY_US, writable = rights & ENTRY_RW;

	if ((w->access & WALK_FETCH) && !executable)
		return false;
	if (is_user(mode, w->access))
		return user_page && (writable || !(w->access & WALK_WRITE));
	if (user_page && (w->access & WALK_FETCH))
		return !(mode->cr4 & CR4_SMEP);
	/* SMAP: AC opens user pages to explicit accesses only. */
	if (user_page && (mode->cr4 & CR4_SMAP) &&
	    ((w->access & WALK_SYSTEM) || !(mode->rflags & RFLAGS_AC)))
		return false;
	return writable || !(w->access & WALK_WRITE) || !(mode->cr0 & CR0_WP);
}

static uint64_t entry_read(const struct walk *w, const void *p)
{
	return w->entry_size == 8 ? __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED)
				  : __atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED);
}

/*
 * Sets bits in an entry as the processor does, by a locked exchange against what was read: false
 * when another CPU has changed it meanwhile. Tables in ROM stay as they are.
 */
static bool entry_set(const struct walk *w, gpa_t at, uint64_t entry, uint64_t bits)
{
	void *p = gmem_ptr(w->m, at, w->entry_size, true);
	uint32_t entry_32 = entry;

	if (!p || (entry & bits) == bits)
		return true;
	if (w->entry_size == 8)
		return __atomic_compare_exchange_n((uint64_t *)p, &entry, entry | bits, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	return __atomic_compare_exchange_n((uint32_t *)p, &entry_32, entry_32 | (uint32_t)bits,
					   false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static uint64_t leaf_address(const struct walk *w, uint64_t entry)
{
	unsigned shift = level_shift(w);
	uint64_t page = entry & ENTRY_ADDRESS;

	if (w->entry_size == 4 && w->level == LEVEL_PD) {
		uint64_t high = entry >> PSE36_LOW & (BIT(PSE36_BITS) - 1);

		page = (entry & ADDRESS_32) | high << 32;
	}
	return ALIGN_DOWN(page, BIT(shift)) | (w->addr & (BIT(shift) - 1));
}

static int check_entry(const struct walk *w, uint64_t entry, bool leaf, struct gwalk_fault *fault)
{
	bool wide = w->entry_size == 8;

	if (!(entry & ENTRY_P))
		return fail(w, 0, fault);
	if (entry & (wide ? reserved_bits(w, leaf) : reserved_bits_32(w, leaf)))
		return fail(w, PF_P | PF_RSVD, fault);
	if (leaf &&
	    !is_allowed(w, w->rights & entry, !((w->no_execute | (wide ? entry : 0)) & ENTRY_NX)))
		return fail(w, PF_P, fault);
	return 0;
}

static void go_down(struct walk *w, uint64_t entry)
{
	/* A PDPTE of PAE has neither rights nor NX. */
	if (!w->pae_root) {
		w->rights &= entry;
		w->no_execute |= w->entry_size == 8 ? entry : 0;
	}
	w->pae_root = false;
	w->table = entry & (w->entry_size == 8 ? ENTRY_ADDRESS : ADDRESS_32);
	w->level--;
}

static int walk(struct walk *w, gpa_t *out, struct gwalk_fault *fault)
{
	walk_init(w);
	for (;;) {
		uint64_t index = w->addr >> level_shift(w) & (BIT(w->index_bits) - 1);
		gpa_t at = gpa(w->table + index * w->entry_size);
		const void *p = gmem_ptr(w->m, at, w->entry_size, false);

		if (!p)
			return fail_no_memory(w->addr, fault);

		uint64_t entry = entry_read(w, p);
		bool leaf = is_leaf(w, entry);
		uint64_t marks = leaf && (w->access & WALK_WRITE) ? ENTRY_A | ENTRY_D : ENTRY_A;
		int r = check_entry(w, entry, leaf, fault);

		if (r)
			return r;
		if (!w->pae_root && !entry_set(w, at, entry, marks))
			continue; /* it has changed since: look again */
		if (leaf) {
			*out = gpa(leaf_address(w, entry));
			return 0;
		}
		go_down(w, entry);
	}
}

static __attribute__((noinline)) int walk_general(const struct gmem *m,
						  const struct gwalk_mode *mode, gva_t addr,
						  unsigned access, gpa_t *out,
						  struct gwalk_fault *fault)
{
	struct walk w = { .m = m, .mode = mode, .addr = addr.raw, .access = access };

	if (!(mode->cr0 & CR0_PG)) {
		*out = gpa((uint32_t)addr.raw);
		return 0;
	}
	return walk(&w, out, fault);
}

/*
 * The entry that addr selects in the table that *entry points to; false when that is not in the
 * main slot. all and any gather the bits that all entries, and any of them, have. Entries are
 * judged only at the end: following one that is not present reads some other word of the guest's,
 * which does no harm, since what does not satisfy in the end is walked again by walk().
 */
static always_inline bool usual_entry(const struct gmem *m, uint64_t addr, unsigned shift,
				      uint64_t *entry, uint64_t *all, uint64_t *any)
{
	uint64_t offset = (*entry & ENTRY_ADDRESS) - m->main.base.raw;
	const uint64_t *table;

	if (unlikely(offset >= m->main.size))
		return false;
	table = (const uint64_t *)(m->main.host + offset);
	*entry = __atomic_load_n(&table[addr >> shift & INDEX_MASK], __ATOMIC_RELAXED);
	*all &= *entry;
	*any |= *entry;
	return true;
}

/*
 * 4-level tables in the main slot, entries that need no marks, pages of 4 KiB and 2 MiB; supervisor
 * pages for the supervisor and user pages for the user, so that SMEP and SMAP have no say. False:
 * it is not so, and walk() tells. What points into the main slot has no reserved address bits set,
 * for a guest's memory lies below its maxphyaddr; in_memory: the caller sees to that for the page.
 */
static always_inline bool walk_usual(const struct gmem *m, const struct gwalk_mode *mode,
				     uint64_t addr, unsigned access, bool in_memory, uint64_t *out)
{
	uint64_t need = ENTRY_P | ENTRY_A, look_at = ENTRY_P | ENTRY_A | ENTRY_US;
	uint64_t entry = mode->cr3, all = UINT64_MAX, any = 0, in_page = PAGE_MASK;

	if (!(mode->efer & EFER_LMA) || (mode->cr4 & CR4_LA57))
		return false;
	if (!usual_entry(m, addr, 39, &entry, &all, &any) ||
	    !usual_entry(m, addr, 30, &entry, &all, &any) || (any & ENTRY_PS) ||
	    !usual_entry(m, addr, 21, &entry, &all, &any))
		return false;
	if (entry & ENTRY_PS) {
		in_page = 2 * MIB - 1;
		if (entry & (2 * MIB - BIT(13)))
			return false;
	} else if (!usual_entry(m, addr, 12, &entry, &all, &any)) {
		return false;
	}
	if (access & WALK_WRITE) {
		need |= ENTRY_RW;
		look_at |= ENTRY_RW;
		if (!(entry & ENTRY_D))
			return false;
	}
	if (is_user(mode, access))
		need |= ENTRY_US;
	if ((all & look_at) != need || (!in_memory && (entry & ENTRY_ADDRESS) >> mode->maxphyaddr))
		return false;
	if ((any & ENTRY_NX) && ((access & WALK_FETCH) || !(mode->efer & EFER_NXE)))
		return false;
	*out = (entry & ENTRY_ADDRESS & ~in_page) | (addr & in_page);
	return true;
}

int gwalk(const struct gmem *m, const struct gwalk_mode *mode, gva_t addr, unsigned access,
	  gpa_t *out, struct gwalk_fault *fault)
{
	if (likely(walk_usual(m, mode, addr.raw, access, false, &out->raw)))
		return 0;
	return walk_general(m, mode, addr, access, out, fault);
}

/* memcpy() for the few bytes of an instruction or operand, without a call. */
static always_inline void copy_few(uint8_t *to, const uint8_t *from, unsigned n)
{
	uint64_t first, last;

	if (unlikely(n < 8 || n > 16)) {
		memcpy(to, from, n);
		return;
	}
	__builtin_memcpy(&first, from, 8);
	__builtin_memcpy(&last, from + n - 8, 8);
	__builtin_memcpy(to, &first, 8);
	__builtin_memcpy(to + n - 8, &last, 8);
}

/* A range over two pages: both are walked before a byte moves. */
static int read_crossing(const struct gmem *m, const struct gwalk_mode *mode, gva_t addr,
			 uint8_t *buf, unsigned n, unsigned access, struct gwalk_fault *fault)
{
	bool write = access & WALK_WRITE;
	unsigned first = PAGE_SIZE - (addr.raw & PAGE_MASK);
	gpa_t at[2];
	int r = gwalk(m, mode, addr, access, &at[0], fault);

	if (r || (r = gwalk(m, mode, gva(addr.raw + first), access, &at[1], fault)))
		return r;

	uint8_t *a = gmem_ptr(m, at[0], first, write), *b = gmem_ptr(m, at[1], n - first, write);

	if (!a || !b)
		return fail_no_memory(a ? addr.raw + first : addr.raw, fault);
	memcpy(write ? a : buf, write ? buf : a, first);
	memcpy(write ? b : buf + first, write ? buf + first : b, n - first);
	return 0;
}

/* All that gwalk_read() is in the usual case, on one page of the main slot. */
static always_inline bool read_usual(const struct gmem *m, const struct gwalk_mode *mode,
				     uint64_t addr, void *buf, unsigned n, unsigned access)
{
	uint64_t at;

	if ((addr & PAGE_MASK) + n > PAGE_SIZE || !walk_usual(m, mode, addr, access, true, &at))
		return false;
	at -= m->main.base.raw;
	if (unlikely(at >= m->main.size))
		return false;
	if (access & WALK_WRITE)
		copy_few(m->main.host + at, buf, n);
	else
		copy_few(buf, m->main.host + at, n);
	return true;
}

/* And all that it is otherwise. */
static __attribute__((noinline)) int read_general(const struct gmem *m,
						  const struct gwalk_mode *mode, gva_t addr,
						  void *buf, unsigned n, unsigned access,
						  struct gwalk_fault *fault)
{
	bool write = access & WALK_WRITE;
	gpa_t at;
	int r;

	if ((addr.raw & PAGE_MASK) + n > PAGE_SIZE)
		return read_crossing(m, mode, addr, buf, n, access, fault);
	r = walk_general(m, mode, addr, access, &at, fault);
	if (r)
		return r;

	void *p = gmem_ptr(m, at, n, write);

	if (!p)
		return fail_no_memory(addr.raw, fault);
	memcpy(write ? p : buf, write ? buf : p, n);
	return 0;
}

int gwalk_read(const struct gmem *m, const struct gwalk_mode *mode, gva_t addr, void *buf,
	       unsigned n, unsigned access, struct gwalk_fault *fault)
{
	/* Two copies of the code: the one for fetches is a quarter shorter. */
	if (likely(access == WALK_FETCH ? read_usual(m, mode, addr.raw, buf, n, WALK_FETCH)
					: read_usual(m, mode, addr.raw, buf, n, access)))
		return 0;
	return read_general(m, mode, addr, buf, n, access, fault);
}

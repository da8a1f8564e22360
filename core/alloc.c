/* SPDX-License-Identifier: MIT */
/*
 * Small objects: size classes of powers of two from 16 to 1024 bytes, each in pages whose first
 * slot is a header; larger ones are whole blocks of pages, told apart by their page alignment.
 */
#include "core/alloc.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "lib/panic.h"
#include "lib/string.h"

enum { CLASSES = 7 }; /* 16 … 1024 */
enum { SLAB_MAGIC = 0x51ab, BLOCKS = 512, ORDER_LARGEST = 9 };

/* At the start of a page of small objects. */
struct slab {
	struct list link; /* in its class's list while a slot is free */
	uint16_t magic;
	uint8_t class_index;
	uint8_t owner;
	uint16_t used, slots;
	void *free; /* free slots, chained through their first word */
};

/* What mem_free() must know of a block of whole pages. */
struct block {
	void *at;
	uint8_t order, owner;
};

static struct {
	struct lock lock;
	struct list partial[MEM_OWNERS][CLASSES];
	struct block blocks[BLOCKS];
	bool ready;
} heap;

static void prepare(void)
{
	for (unsigned o = 0; o < MEM_OWNERS; o++)
		for (unsigned c = 0; c < CLASSES; c++)
			list_init(&heap.partial[o][c]);
	heap.ready = true;
}

static unsigned class_of(size_t size)
{
	unsigned c = 0;

	while ((16u << c) < size)
		c++;
	return c;
}

static struct slab *slab_make(unsigned class_index, enum mem_owner owner)
{
	size_t slot = 16ull << class_index;
	struct slab *s = page_alloc(ORDER_4K, owner);
	/* Slot-aligned objects: the header takes as many slots as it needs. */
	size_t first = ALIGN_UP(sizeof(*s), slot);

	if (!s)
		return NULL;
	s->magic = SLAB_MAGIC;
	s->class_index = (uint8_t)class_index;
	s->owner = (uint8_t)owner;
	for (size_t at = first; at + slot <= PAGE_SIZE; at += slot) {
		void **free = (void **)((char *)s + at);

		*free = s->free;
		s->free = free;
		s->slots++;
	}
	list_insert_before(&heap.partial[owner][class_index], &s->link);
	return s;
}

static void *small_alloc(size_t size, enum mem_owner owner)
{
	unsigned c = class_of(size);
	struct list *partial = &heap.partial[owner][c];
	struct slab *s = list_empty(partial) ? slab_make(c, owner)
					     : container_of(partial->next, struct slab, link);
	void **slot;

	if (!s)
		return NULL;
	slot = s->free;
	s->free = *slot;
	if (++s->used == s->slots)
		list_remove(&s->link);
	memset(slot, 0, 16ull << c);
	return slot;
}

static void *block_alloc(size_t size, enum mem_owner owner)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	if (order > ORDER_LARGEST)
		return NULL;
	for (unsigned i = 0; i < BLOCKS; i++) {
		struct block *b = &heap.blocks[i];

		if (b->at)
			continue;
		b->at = page_alloc(order, owner);
		b->order = (uint8_t)order;
		b->owner = (uint8_t)owner;
		return b->at;
	}
	return NULL;
}

void *mem_alloc(size_t size, enum mem_owner owner)
{
	void *p;

	if (!size)
		return NULL;
	lock_take(&heap.lock);
	if (!heap.ready)
		prepare();
	p = size <= 1024 ? small_alloc(size, owner) : block_alloc(size, owner);
	lock_drop(&heap.lock);
	return p;
}

static void block_free(void *p)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		struct block *b = &heap.blocks[i];

		if (b->at != p)
			continue;
		page_free(p, b->order, b->owner);
		b->at = NULL;
		return;
	}
	panic("alloc: mem_free(%p): no such block", p);
}

static void small_free(void *p)
{
	struct slab *s = (void *)ALIGN_DOWN((uint64_t)p, PAGE_SIZE);

	assert(s->magic == SLAB_MAGIC && s->used);
	if (s->used-- == s->slots)
		list_insert_before(&heap.partial[s->owner][s->class_index], &s->link);
	*(void **)p = s->free;
	s->free = p;
	if (s->used)
		return;
	list_remove(&s->link);
	s->magic = 0;
	page_free(s, ORDER_4K, s->owner);
}

void mem_free(void *p)
{
	if (!p)
		return;
	lock_take(&heap.lock);
	if (IS_ALIGNED((uint64_t)p, PAGE_SIZE))
		block_free(p);
	else
		small_free(p);
	lock_drop(&heap.lock);
}

/* SPDX-License-Identifier: MIT */
/* Binary search in the sorted table of functions. */
#include "core/symbols.h"

struct symbol {
	uint32_t offset; /* from text_start */
	uint32_t name;	 /* into symbol_names */
};

extern const struct symbol symbol_table[];
extern const uint32_t symbol_count;
extern const char symbol_names[];
extern const char text_start[], text_end[];

bool symbol_is_text(uint64_t addr)
{
	return addr >= (uint64_t)text_start && addr < (uint64_t)text_end;
}

static const struct symbol *find(uint64_t addr)
{
	uint32_t low = 0, high = symbol_count;

	if (!symbol_is_text(addr))
		return NULL;
	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (symbol_table[mid].offset <= addr - (uint64_t)text_start)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &symbol_table[low - 1] : NULL;
}

uint64_t symbol_start(uint64_t addr)
{
	const struct symbol *s = find(addr);

	return s ? (uint64_t)text_start + s->offset : 0;
}

const char *symbol_find(uint64_t addr, uint64_t *offset)
{
	const struct symbol *s = find(addr);

	if (!s)
		return NULL;
	*offset = addr - (uint64_t)text_start - s->offset;
	return symbol_names + s->name;
}

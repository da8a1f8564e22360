/* SPDX-License-Identifier: MIT */
/* The names of functions, from the table that the build puts into the image (tools/symtab). */
#ifndef CORE_SYMBOLS_H
#define CORE_SYMBOLS_H

#include "lib/types.h"

/* The function that holds addr and the offset into it, or NULL. */
const char *symbol_find(uint64_t addr, uint64_t *offset);
/* The address of the function that holds addr, or 0. */
uint64_t symbol_start(uint64_t addr);
bool symbol_is_text(uint64_t addr);

#endif

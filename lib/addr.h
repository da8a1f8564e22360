/* SPDX-License-Identifier: MIT */
/*
 * The kinds of address a hypervisor juggles, as types that do not mix: guest physical and host
 * physical are one-member structs; host virtual is a pointer; guest virtual (linear) is gva_t.
 */
#ifndef LIB_ADDR_H
#define LIB_ADDR_H

#include "lib/types.h"

typedef struct {
	uint64_t raw;
} gpa_t;

typedef struct {
	uint64_t raw;
} gva_t;

typedef struct {
	uint64_t raw;
} hpa_t;

static inline gpa_t gpa(uint64_t raw)
{
	return (gpa_t){ raw };
}

static inline gva_t gva(uint64_t raw)
{
	return (gva_t){ raw };
}

static inline hpa_t hpa(uint64_t raw)
{
	return (hpa_t){ raw };
}

#endif

/* SPDX-License-Identifier: MIT */
/* The integer types, and the attributes and small macros that every file uses. */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define must_check    __attribute__((warn_unused_result))
#define packed	      __attribute__((packed))
#define aligned(n)    __attribute__((aligned(n)))
#define likely(x)     __builtin_expect(!!(x), 1)
#define unlikely(x)   __builtin_expect(!!(x), 0)
#define always_inline inline __attribute__((always_inline))

#define ARRAY_SIZE(a)		      (sizeof(a) / sizeof((a)[0]))
#define BIT(n)			      (1ul << (n))
#define ALIGN_DOWN(x, a)	      ((x) & ~((uint64_t)(a)-1))
#define ALIGN_UP(x, a)		      ALIGN_DOWN((x) + (uint64_t)(a)-1, a)
#define IS_ALIGNED(x, a)	      (((x) & ((uint64_t)(a)-1)) == 0)
#define MIN(a, b)		      ((a) < (b) ? (a) : (b))
#define MAX(a, b)		      ((a) > (b) ? (a) : (b))
#define KIB			      1024ul
#define MIB			      (1024 * KIB)
#define GIB			      (1024 * MIB)
#define PAGE_SIZE		      4096ul
#define PAGE_MASK		      (PAGE_SIZE - 1)
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

#endif

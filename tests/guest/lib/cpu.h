/* SPDX-License-Identifier: MIT */
/* One inline function an instruction that C cannot say. */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hw.h"

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid_regs r;
	asm volatile("cpuid"
		     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		     : "a"(leaf), "c"(sub)
		     : "memory");
	return r;
}

static inline void outb(uint16_t port, uint8_t v)
{
	asm volatile("outb %0, %1" ::"a"(v), "Nd"(port) : "memory");
}
static inline void outw(uint16_t port, uint16_t v)
{
	asm volatile("outw %0, %1" ::"a"(v), "Nd"(port) : "memory");
}
static inline void outl(uint16_t port, uint32_t v)
{
	asm volatile("outl %0, %1" ::"a"(v), "Nd"(port) : "memory");
}
static inline uint8_t inb(uint16_t port)
{
	uint8_t v;
	asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}
static inline uint16_t inw(uint16_t port)
{
	uint16_t v;
	asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}
static inline uint32_t inl(uint16_t port)
{
	uint32_t v;
	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;
	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return ((uint64_t)hi << 32) | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
	asm volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

/* Program order is enough for the tests' purposes; LFENCE keeps a real CPU from running ahead. */
static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;
	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return ((uint64_t)hi << 32) | lo;
}

#define CPU_CR(n)                                                       \
	static inline uint64_t read_cr##n(void)                         \
	{                                                               \
		uint64_t v;                                             \
		asm volatile("mov %%cr" #n ", %0" : "=r"(v)::"memory"); \
		return v;                                               \
	}                                                               \
	static inline void write_cr##n(uint64_t v)                      \
	{                                                               \
		asm volatile("mov %0, %%cr" #n ::"r"(v) : "memory");    \
	}
CPU_CR(0)
CPU_CR(2)
CPU_CR(3)
CPU_CR(4)
CPU_CR(8)

#define CPU_DR(n)                                                       \
	static inline uint64_t read_dr##n(void)                         \
	{                                                               \
		uint64_t v;                                             \
		asm volatile("mov %%dr" #n ", %0" : "=r"(v)::"memory"); \
		return v;                                               \
	}                                                               \
	static inline void write_dr##n(uint64_t v)                      \
	{                                                               \
		asm volatile("mov %0, %%dr" #n ::"r"(v) : "memory");    \
	}
CPU_DR(0)
CPU_DR(1)
CPU_DR(2)
CPU_DR(3)
CPU_DR(6)
CPU_DR(7)

static inline uint64_t read_rflags(void)
{
	uint64_t v;
	asm volatile("pushfq; pop %0" : "=r"(v)::"memory");
	return v;
}
static inline void irq_enable(void)
{
	asm volatile("sti; nop" ::: "memory");
}
static inline void irq_disable(void)
{
	asm volatile("cli" ::: "memory");
}
static inline void hlt_with_irq(void)
{
	asm volatile("sti; hlt; cli" ::: "memory");
}
static inline void pause(void)
{
	asm volatile("pause" ::: "memory");
}
static inline void invlpg(uint64_t va)
{
	asm volatile("invlpg (%0)" ::"r"(va) : "memory");
}

static inline uint64_t xgetbv(uint32_t reg)
{
	uint32_t lo, hi;
	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(reg) : "memory");
	return ((uint64_t)hi << 32) | lo;
}

static inline void xsetbv(uint32_t reg, uint64_t v)
{
	asm volatile("xsetbv" ::"c"(reg), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

static inline uint32_t mmio_read32(uint64_t addr)
{
	uint32_t v;
	asm volatile("movl (%1), %0" : "=r"(v) : "r"(addr) : "memory");
	return v;
}

static inline void mmio_write32(uint64_t addr, uint32_t v)
{
	asm volatile("movl %0, (%1)" ::"r"(v), "r"(addr) : "memory");
}

#endif

// SPDX-License-Identifier: MIT
/* Code that is changed while it runs has to run as changed, also where it exits to a hypervisor. */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/test.h"

enum { TURNS = 200 };

/* mov $imm32, %eax; ret */
static uint8_t *write_constant(uint8_t *at, uint32_t v)
{
	at[0] = 0xb8;
	memcpy(at + 1, &v, 4);
	at[5] = 0xc3;
	return at;
}

static uint32_t call(const uint8_t *at)
{
	uint32_t v;

	asm volatile("push %%rbx; call *%1; pop %%rbx"
		     : "=a"(v)
		     : "D"(at), "S"(IOAPIC_BASE)
		     : "rcx", "rdx", "memory", "cc");
	return v;
}

static void test_plain(uint8_t *code)
{
	for (uint32_t i = 0; i < TURNS; i++)
		check_eq("code that was rewritten", i, call(write_constant(code, i)));
}

/* The instruction at one place is in turn CPUID, IN, RDMSR, an MMIO load, and none of them. */
static void test_exits(uint8_t *code)
{
	static const uint8_t cpuid_code[] = { 0x31, 0xc0, 0x31, 0xc9, 0x0f, 0xa2, 0xc3 };
	static const uint8_t in_code[] = { 0x66, 0xba, 0xff, 0x03, 0xec, 0x0f, 0xb6, 0xc0, 0xc3 };
	static const uint8_t rdmsr_code[] = { 0xb9, 0x1b, 0, 0, 0, 0x0f, 0x32, 0xc3 };
	static const uint8_t load_code[] = { 0x8b, 0x46, 0x00, 0xc3 };
	uint32_t leaf = cpuid(0, 0).eax, base = (uint32_t)rdmsr(MSR_APIC_BASE);

	outb(COM1 + UART_SCR, 0x5d);
	mmio_write32(IOAPIC_BASE + IOREGSEL, 1);
	for (uint32_t i = 0; i < TURNS; i++) {
		memcpy(code, cpuid_code, sizeof(cpuid_code));
		check_eq("CPUID", leaf, call(code));
		memcpy(code, in_code, sizeof(in_code));
		check_eq("IN", 0x5d, call(code));
		memcpy(code, rdmsr_code, sizeof(rdmsr_code));
		check_eq("RDMSR", base, call(code));
		memcpy(code, load_code, sizeof(load_code));
		check_eq("load from a device", 1, call(code) & 0xff);
		check_eq("a constant", i, call(write_constant(code, i)));
	}
}

/* The store changes the instruction right behind it (a jump lies between, as the manuals ask). */
static void test_behind(uint8_t *code)
{
	static const uint8_t piece[] = {
		0xc6, 0x05, 3, 0, 0, 0, 2, /* movb $2, 3(%rip) */
		0xeb, 0x00,		   /* jmp to the next one */
		0xb8, 1,    0, 0, 0,	   /* mov $1, %eax: its operand is changed */
		0xc3,
	};

	for (uint32_t i = 0; i < TURNS; i++) {
		memcpy(code, piece, sizeof(piece));
		check_eq("an operand changed just before", 2, call(code));
	}
}

/* The same code under two addresses, written by one and run by the other. */
static void test_alias(uint8_t *code)
{
	uint64_t va = PAGING_FREE_VA;

	page_map(va, (uint64_t)code, PTE_P);
	for (uint32_t i = 0; i < TURNS; i++) {
		write_constant(code, i);
		/* Between an address to write and another to run, a serializing instruction. */
		cpuid(0, 0);
		check_eq("code written by another address", i, call((const uint8_t *)va));
	}
}

/* A page of the map exchanged for another with other code, by INVLPG and by CR3. */
static void test_remap(uint8_t *code, uint8_t *other)
{
	uint64_t va = PAGING_FREE_VA + PAGE_SIZE;

	write_constant(code, 1);
	write_constant(other, 2);
	for (uint32_t i = 0; i < TURNS; i++) {
		page_map(va, (uint64_t)(i & 1 ? code : other), PTE_P);
		check_eq("after INVLPG", i & 1 ? 1 : 2, call((const uint8_t *)va));
		*page_entry(va) = (uint64_t)(i & 1 ? other : code) | PTE_P;
		write_cr3(read_cr3());
		check_eq("after a write of CR3", i & 1 ? 2 : 1, call((const uint8_t *)va));
	}
}

void guest_main(void)
{
	uint8_t *code = page_alloc(), *other = page_alloc();

	test_plain(code);
	test_exits(code);
	test_behind(code);
	test_alias(code);
	test_remap(code, other);
}

/* SPDX-License-Identifier: MIT */
/* What the parts of the hostile guest share: numbers, the watchdog, and pieces of code to run. */
#ifndef GUEST_HOSTILE_H
#define GUEST_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

/* Repeatable random numbers (xorshift64*), seeded by each round. */
void random_seed(uint64_t seed);
uint64_t random_next(void);
static inline uint32_t random_below(uint32_t n)
{
	return (uint32_t)(random_next() >> 32) % n;
}
/* A number that has broken something before: edges of sizes, of RAM, of canonical addresses. */
uint64_t random_value(void);
/* An address of a device, a hole, the end of RAM, above 4 GiB, above what the CPU has. */
uint64_t random_device(void);

/*
 * While an act runs, the RTC's interrupts are NMIs, one each 2 ms; the third ends what trap_run()
 * runs. The hard one has the PIT reset the machine, by an INIT after 25 ms, when that did not help.
 */
void watchdog_start(void);
void watchdog_start_hard(void);
/* It reads CMOS: who uses that himself stops it first. */
void watchdog_stop(void);
/* What the hard one has counted is forgotten; cheaper than to start it again. */
void watchdog_feed(void);
struct trap_frame;
/* From an interrupt's handler: ends what trap_run() runs, as an exception would. */
void unwind(struct trap_frame *f);
/* An NMI holds back the next until an IRET: this is one. */
void unblock_nmis(void);
/* Puts back what a round may have broken: control registers, tables, segments, the APIC. */
void state_restore(void);

/* Where mode_run16() copies this word of section .low from: so it is to be set there. */
void *low_copy(void *word);

/* Page tables (for CR3) of RAM alone and what was mapped high up: no device is in reach. */
uint64_t make_tables(void);

/* hostile/code.S: registers from regs[15] (RAX … R15 without RSP), then to the code. */
struct wild {
	uint64_t regs[15];
	uint64_t rsp, rip;
};
void wild_jump(uint64_t wild);
/* Registers at random: many in the pages at `data`, many at places that are bad. */
void wild_registers(uint64_t *regs, uint64_t data);
/* The same by IRET: another mode, stack and flags at once. */
struct wild_frame {
	uint64_t regs[15];
	uint64_t rip, cs, rflags, rsp, ss;
};
void wild_iret(uint64_t wild_frame);
/* Memory operands of every kind; %rsi and %rdi hold addresses, %rcx a count. */
extern void (*const access_forms[])(uint64_t a, uint64_t b, uint64_t count);
extern const unsigned access_form_count;
/* Rep string I/O with every override and direction. */
extern void (*const string_forms[])(uint64_t a, uint64_t port, uint64_t count);
extern const unsigned string_form_count;
extern void (*const strange_insns[])(uint64_t a, uint64_t b, uint64_t count);
extern const unsigned strange_insn_count;

/* A value for a CPU or MSR register: from the present one some bits away, or anything. */
uint64_t random_change(uint64_t now);
/* Where acts that want memory have two pages, and the linear addresses at which those are mapped.
 */
#define BUFFER	   0x1800000ull /* RAM, 24 MiB up */
#define WINDOW	   0x7f0000000000ull
#define WINDOW_END (WINDOW + 2 * PAGE_SIZE)
/* The test gives the guest 128 MiB. */
#define RAM_END 0x8000000ull
void map_window(uint64_t pa);
/* Somewhere in the window, or across its ends, around which nothing is mapped. */
uint64_t window_address(void);

/* One of access_forms, string_forms or strange_insns with its operands, as trap_run() wants it. */
struct form {
	void (*run)(uint64_t a, uint64_t b, uint64_t count);
	uint64_t a, b, count;
};
void run_form(uint64_t form);
/* How often a string instruction goes on: mostly few, sometimes more than memory has bytes. */
uint64_t random_count(void);
/* Ports that end or restart the machine, or undo the counting of rounds. */
bool is_spared(uint16_t port);
bool is_reset_likely(uint16_t port);

/* What a round gets done is a part of all that its kind has to do: which, of as many as there are.
 */
extern unsigned round_part;

/* One round of each kind. */
void round_ports(void);
void round_string_io(void);
void round_msrs(void);
void round_devices(void);
void round_controls(void);
void round_tables(void);
void round_ipis(void);
void round_timers(void);
void round_nmis(void);
void round_strange(void);
void round_wild_kernel(void);
void round_wild_user(void);
void round_wild_32(void);
void round_wild_pae(void);
void round_wild_16(void);
void round_paging(void);
void round_addresses(void);
void round_holes(void);
void round_loops(void);
void round_flat(void);
void round_large_pages(void);
void round_real(void);
void round_every_port(void);
void round_every_string_port(void);
void round_every_msr(void);
void round_every_leaf(void);
void round_segments(void);
void round_system_registers(void);
void round_every_vector(void);
void round_apic(void);
void round_x2apic(void);
void round_ioapic(void);
void round_init(void);
void round_opcodes(void);
void round_device_opcodes(void);
void round_aliases(void);
void round_string_over_code(void);
void round_string_over_tables(void);
void round_crowd_code(void);
void round_crowd_tables(void);
void round_crowd_ipis(void);
void round_crowd_hot(void);
/* Whether a stack is that of another CPU than the first: for handlers, which all CPUs share. */
bool crowd_is_other(const void *stack);
void round_hogs(void);
void round_timers_only(void);
void round_ends(void);
void round_resets(void);
void round_fatal(void);
/* What may stop the VM; the number is the command line's. */
void fatal_run(unsigned kind);

#endif

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
struct trap_frame;
/* From an interrupt's handler: ends what trap_run() runs, as an exception would. */
void unwind(struct trap_frame *f);
/* An NMI holds back the next until an IRET: this is one. */
void unblock_nmis(void);
/* Puts back what a round may have broken: control registers, tables, segments, the APIC. */
void state_restore(void);

/* Page tables (for CR3) of RAM alone and what was mapped high up: no device is in reach. */
uint64_t make_tables(void);

/* hostile/code.S: registers from regs[15] (RAX … R15 without RSP), then to the code. */
struct wild {
	uint64_t regs[15];
	uint64_t rsp, rip;
};
void wild_jump(uint64_t wild);
/* Memory operands of every kind; %rsi and %rdi hold addresses, %rcx a count. */
extern void (*const access_forms[])(uint64_t a, uint64_t b, uint64_t count);
extern const unsigned access_form_count;
/* Rep string I/O with every override and direction. */
extern void (*const string_forms[])(uint64_t a, uint64_t port, uint64_t count);
extern const unsigned string_form_count;
extern void (*const strange_insns[])(uint64_t a, uint64_t b, uint64_t count);
extern const unsigned strange_insn_count;

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
/* What may stop the VM; the number is the command line's. */
void fatal_run(unsigned kind);

#endif

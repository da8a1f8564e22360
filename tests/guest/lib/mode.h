/* SPDX-License-Identifier: MIT */
/*
 * Down from 64-bit mode to 32-bit protected mode (any paging) or to real mode, for one function,
 * and back. Interrupts are off. An exception there ends the function and is told in mode_result.
 */
#ifndef GUEST_MODE_H
#define GUEST_MODE_H

#include <stdint.h>

struct mode_result {
	uint32_t vector, error, ip, flags, cr2;
	uint32_t value; /* EAX of the function, when it returned */
};

extern struct mode_result mode_result;

/*
 * Runs 32-bit code, linked below 4 GiB, with these control registers and EFER.LME = NXE = 0; CR0
 * with PE. Gives the vector of the exception or VEC_NONE.
 */
uint8_t mode_run32(void (*code32)(void), uint32_t cr0, uint32_t cr3, uint32_t cr4);
/* Runs real-mode code of section .low, CS = DS = ES = SS = 0. `flags` and `ip` have 16 bits. */
uint8_t mode_run16(void (*code16)(void));

/* The IDT of the 32-bit code: two words a gate; rebuilt by each mode_run32() but once broken. */
extern uint32_t mode_idt32[32][2];
/* Takes the present bit of a gate, for the next mode_run32() only. */
void mode_break_gate(uint8_t vector);

/* From mode_entry.S */
uint8_t mode_enter32(void (*code32)(void), uint32_t cr0, uint32_t cr3, uint32_t cr4);
void mode_go16(void);
extern char mode_stubs32[][16];
extern char low_start[], low_end[], low_load[];
extern uint32_t low_entry;
extern uint16_t low_vector, low_ip, low_flags;

#endif

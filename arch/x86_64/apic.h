/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's and the I/O APIC's hardware numbers, in the manual's order and under its names:
 * for the host's drivers and the guest's emulated chips alike. SDM 3, "Advanced Programmable
 * Interrupt Controller (APIC)"; 82093AA data sheet.
 */
#ifndef ARCH_APIC_H
#define ARCH_APIC_H

#include "lib/types.h"

/* Where the registers are after reset; the MSRs and IA32_APIC_BASE's bits are in msr.h. */
#define APIC_BASE_DEFAULT 0xfee00000ull

/* "Local APIC Register Address Map": offsets into the page. */
enum apic_reg {
	APIC_ID = 0x020,
	APIC_VERSION = 0x030,
	APIC_TPR = 0x080,
	APIC_APR = 0x090,
	APIC_PPR = 0x0a0,
	APIC_EOI = 0x0b0,
	APIC_RRD = 0x0c0,
	APIC_LDR = 0x0d0,
	APIC_DFR = 0x0e0,
	APIC_SVR = 0x0f0,
	APIC_ISR = 0x100, /* 8 words, 16 bytes apart; so are TMR and IRR */
	APIC_TMR = 0x180,
	APIC_IRR = 0x200,
	APIC_ESR = 0x280,
	APIC_LVT_CMCI = 0x2f0,
	APIC_ICR_LOW = 0x300,
	APIC_ICR_HIGH = 0x310,
	APIC_LVT_TIMER = 0x320,
	APIC_LVT_THERMAL = 0x330,
	APIC_LVT_PERF = 0x340,
	APIC_LVT_LINT0 = 0x350,
	APIC_LVT_LINT1 = 0x360,
	APIC_LVT_ERROR = 0x370,
	APIC_INITIAL_COUNT = 0x380,
	APIC_CURRENT_COUNT = 0x390,
	APIC_DIVIDE = 0x3e0,
	APIC_SELF_IPI = 0x3f0, /* x2APIC only */
};

enum { APIC_REG_STRIDE = 16, APIC_VECTOR_WORDS = 8, APIC_FIRST_VECTOR = 16 };

/* "Local APIC Version Register". */
enum { APIC_VERSION_INTEGRATED = 0x14, APIC_VERSION_MAX_LVT_SHIFT = 16 };

/* xAPIC: the ID, the logical ID and the ICR's destination are the top byte of their register. */
enum { APIC_ID_SHIFT = 24 };

enum apic_dest {
	APIC_DEST_ALL = 0xff,		/* xAPIC, physical or logical */
	X2APIC_DEST_CLUSTER_SHIFT = 16, /* x2APIC, logical: cluster 31:16, members 15:0 */
};

#define X2APIC_DEST_ALL 0xffffffffu

/* "Destination Format Register": the model is its top 4 bits, the rest reads as ones. */
#define APIC_DFR_FLAT	 0xffffffffu
#define APIC_DFR_CLUSTER 0x0fffffffu

/* "Spurious-Interrupt Vector Register". */
enum apic_svr_bit {
	APIC_SVR_VECTOR = 0xff,
	APIC_SVR_ENABLE = 1 << 8,
	APIC_SVR_FOCUS_OFF = 1 << 9,
	APIC_SVR_NO_EOI_BROADCAST = 1 << 12,
};

/* "Error Status Register". */
enum apic_esr_bit {
	APIC_ESR_SEND_CHECKSUM = 1 << 0,
	APIC_ESR_RECEIVE_CHECKSUM = 1 << 1,
	APIC_ESR_SEND_ACCEPT = 1 << 2,
	APIC_ESR_RECEIVE_ACCEPT = 1 << 3,
	APIC_ESR_REDIRECTABLE_IPI = 1 << 4,
	APIC_ESR_SEND_VECTOR = 1 << 5,	  /* an illegal vector was to be sent */
	APIC_ESR_RECEIVE_VECTOR = 1 << 6, /* … came in, from an LVT entry or a message */
	APIC_ESR_REGISTER = 1 << 7,	  /* access to a register that does not exist */
};

/* Delivery modes: of the ICR, the LVT, I/O APIC entries and MSIs. */
enum apic_mode {
	APIC_MODE_FIXED = 0,
	APIC_MODE_LOWEST = 1,
	APIC_MODE_SMI = 2,
	APIC_MODE_NMI = 4,
	APIC_MODE_INIT = 5,
	APIC_MODE_SIPI = 6,
	APIC_MODE_EXTINT = 7,
};

/* "Local Vector Table", and the ICR's low word: what both have stands at the same bits. */
enum apic_lvt_bit {
	APIC_LVT_VECTOR = 0xff,
	APIC_LVT_MODE = 7 << 8,
	APIC_LVT_PENDING = 1 << 12,    /* delivery status: read only */
	APIC_LVT_LOW = 1 << 13,	       /* pin polarity */
	APIC_LVT_REMOTE_IRR = 1 << 14, /* read only */
	APIC_LVT_LEVEL = 1 << 15,
	APIC_LVT_MASKED = 1 << 16,
	APIC_LVT_TIMER_MODE = 3 << 17,
};

enum { APIC_MODE_SHIFT = 8 };

enum apic_timer_mode {
	APIC_TIMER_ONE_SHOT = 0 << 17,
	APIC_TIMER_PERIODIC = 1 << 17,
	APIC_TIMER_DEADLINE = 2 << 17,
};

/* "Interrupt Command Register", low word. */
enum apic_icr_bit {
	APIC_ICR_VECTOR = 0xff,
	APIC_ICR_MODE = 7 << 8,
	APIC_ICR_LOGICAL = 1 << 11,
	APIC_ICR_PENDING = 1 << 12,
	APIC_ICR_ASSERT = 1 << 14,
	APIC_ICR_LEVEL = 1 << 15,
	APIC_ICR_SHORTHAND = 3 << 18,
};

enum apic_shorthand {
	APIC_ICR_SELF = 1 << 18,
	APIC_ICR_ALL = 2 << 18,
	APIC_ICR_OTHERS = 3 << 18,
};

/* "Divide Configuration Register": bits 3, 1 and 0 are the power of two, less one; 7 means 1. */
enum { APIC_DIVIDE_BITS = 0xb, APIC_DIVIDE_BY_1 = 0xb };

/* I/O APIC: the two registers in memory, and those that they select. */
#define IOAPIC_BASE_DEFAULT 0xfec00000ull

enum ioapic_window {
	IOAPIC_REGSEL = 0x00,
	IOAPIC_WIN = 0x10,
	IOAPIC_EOI = 0x40, /* version 20h and up */
};

enum ioapic_reg {
	IOAPIC_ID = 0x00,
	IOAPIC_VER = 0x01,
	IOAPIC_ARB = 0x02,
	IOAPIC_REDIR = 0x10, /* two words a pin: low, high */
};

enum { IOAPIC_ID_SHIFT = 24, IOAPIC_ID_BITS = 0xf, IOAPIC_VER_MAX_SHIFT = 16 };

/* A redirection table entry, 64 bits. */
enum ioapic_redir_bit {
	IOAPIC_REDIR_VECTOR = 0xff,
	IOAPIC_REDIR_MODE = 7 << 8,
	IOAPIC_REDIR_LOGICAL = 1 << 11,
	IOAPIC_REDIR_PENDING = 1 << 12,	   /* read only */
	IOAPIC_REDIR_LOW = 1 << 13,	   /* pin polarity */
	IOAPIC_REDIR_REMOTE_IRR = 1 << 14, /* read only */
	IOAPIC_REDIR_LEVEL = 1 << 15,
	IOAPIC_REDIR_MASKED = 1 << 16,
};

enum { IOAPIC_REDIR_DEST_SHIFT = 56 };

#endif

// SPDX-License-Identifier: MIT
/* Sets up what mode_entry.S needs: the 32-bit IDT, and the real-mode code in low memory. */
#include "mode.h"
#include "cpu.h"
#include "test.h"

enum { GATE32_INTERRUPT = 0x8e00, GATE_PRESENT = 0x8000, VECTORS = 32 };

struct mode_result mode_result;
uint32_t mode_idt32[VECTORS][2];
static uint32_t broken;

void mode_break_gate(uint8_t vector)
{
	broken |= 1u << vector;
}

static void build_idt(void)
{
	for (uint32_t v = 0; v < VECTORS; v++) {
		uint32_t at = (uint32_t)(uint64_t)mode_stubs32[v];
		uint32_t type =
			broken & 1u << v ? GATE32_INTERRUPT & ~GATE_PRESENT : GATE32_INTERRUPT;

		mode_idt32[v][0] = (uint32_t)SEL_CODE32 << 16 | (at & 0xffff);
		mode_idt32[v][1] = (at & 0xffff0000) | type;
	}
	broken = 0;
}

uint8_t mode_run32(void (*code32)(void), uint32_t cr0, uint32_t cr3, uint32_t cr4)
{
	build_idt();
	mode_result = (struct mode_result){ .vector = VEC_NONE };
	return mode_enter32(code32, cr0, cr3, cr4);
}

uint8_t mode_run16(void (*code16)(void))
{
	memcpy(low_start, low_load, (size_t)(low_end - low_start));
	low_entry = (uint32_t)(uint64_t)code16;
	mode_run32(mode_go16, CR0_PE | CR0_ET | CR0_NE, 0, 0);
	mode_result.vector = low_vector;
	mode_result.ip = low_ip;
	mode_result.flags = low_flags;
	return (uint8_t)low_vector;
}

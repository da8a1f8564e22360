/* SPDX-License-Identifier: MIT */
/*
 * The BIOS data area at 400h and the head of the EBDA: kernels read from them where conventional
 * memory ends and which serial ports there are. There is no BIOS to call, and the interrupt table
 * in front stays zero.
 */
#include "vmm/load/bios.h"

#include "lib/addr.h"
#include "vmm/dev/vuart.h"
#include "vmm/load/e820.h"
#include "vmm/load/loader.h"

#define BIOS_DATA 0x400ull

/* The equipment word: a coprocessor, and how many serial ports. */
enum { EQUIPMENT_FPU = 1 << 1, EQUIPMENT_SERIAL_SHIFT = 9, SERIAL_PORTS = 2 };

enum { EBDA_KIB = 1, SEGMENT_SHIFT = 4 };

struct bios_data {
	uint16_t serial[4];
	uint16_t parallel[3];
	uint16_t ebda_segment;
	uint16_t equipment;
	uint8_t post_status;
	uint16_t memory_kib; /* conventional memory, up to the EBDA */
	uint8_t unused_15[235];
} packed;

_Static_assert(offsetof(struct bios_data, ebda_segment) == 0x0e, "40:0E");
_Static_assert(offsetof(struct bios_data, memory_kib) == 0x13, "40:13");
_Static_assert(sizeof(struct bios_data) == 256, "40:00 to 40:FF");
_Static_assert(GUEST_EBDA + EBDA_KIB * KIB == GUEST_LOW_END, "the EBDA ends at 640 KiB");

int bios_build(const struct gmem *mem)
{
	const uint8_t ebda_kib = EBDA_KIB;
	const struct bios_data data = {
		.serial = { VUART_COM1, VUART_COM2 },
		.ebda_segment = (uint16_t)(GUEST_EBDA >> SEGMENT_SHIFT),
		.equipment = EQUIPMENT_FPU | SERIAL_PORTS << EQUIPMENT_SERIAL_SHIFT,
		.memory_kib = (uint16_t)(GUEST_EBDA / KIB),
	};

	if (gmem_write(mem, gpa(BIOS_DATA), &data, sizeof(data)))
		return load_fail_memory("BIOS data area", gpa(BIOS_DATA));
	if (gmem_zero(mem, gpa(GUEST_EBDA), EBDA_KIB * KIB) ||
	    gmem_write(mem, gpa(GUEST_EBDA), &ebda_kib, sizeof(ebda_kib)))
		return load_fail_memory("EBDA", gpa(GUEST_EBDA));
	return 0;
}

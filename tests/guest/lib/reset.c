// SPDX-License-Identifier: MIT
/* Bytes of CMOS that no firmware known uses: a mark, the test's name, the count's four. */
#include "reset.h"
#include "cmos.h"

enum { CMOS_MARK = 0x74, CMOS_NAME = 0x75, CMOS_COUNT = 0x76, COUNT_BYTES = 4, MARK = 0xb7 };

unsigned reset_count(uint8_t name)
{
	unsigned count = 0;

	if (cmos_read(CMOS_MARK) != MARK || cmos_read(CMOS_NAME) != name)
		return 0;
	for (unsigned i = 0; i < COUNT_BYTES; i++)
		count |= (unsigned)cmos_read((uint8_t)(CMOS_COUNT + i)) << 8 * i;
	return count;
}

void reset_note(uint8_t name)
{
	unsigned count = reset_count(name) + 1;

	for (unsigned i = 0; i < COUNT_BYTES; i++)
		cmos_write((uint8_t)(CMOS_COUNT + i), (uint8_t)(count >> 8 * i));
	cmos_write(CMOS_NAME, name);
	cmos_write(CMOS_MARK, MARK);
}

void reset_forget(void)
{
	cmos_write(CMOS_MARK, 0);
}

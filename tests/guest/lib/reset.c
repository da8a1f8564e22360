// SPDX-License-Identifier: MIT
/* Three bytes of CMOS that no firmware known uses: a mark, the test's name, the count. */
#include "reset.h"
#include "cmos.h"

enum { CMOS_MARK = 0x74, CMOS_NAME = 0x75, CMOS_COUNT = 0x76, MARK = 0xb7 };

unsigned reset_count(uint8_t name)
{
	if (cmos_read(CMOS_MARK) != MARK || cmos_read(CMOS_NAME) != name)
		return 0;
	return cmos_read(CMOS_COUNT);
}

void reset_note(uint8_t name)
{
	cmos_write(CMOS_COUNT, (uint8_t)(reset_count(name) + 1));
	cmos_write(CMOS_NAME, name);
	cmos_write(CMOS_MARK, MARK);
}

void reset_forget(void)
{
	cmos_write(CMOS_MARK, 0);
}

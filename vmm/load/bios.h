/* SPDX-License-Identifier: MIT */
/* What a PC's BIOS leaves in low memory, as far as kernels look at it. */
#ifndef VMM_LOAD_BIOS_H
#define VMM_LOAD_BIOS_H

#include "lib/types.h"

struct gmem;

/* Writes the BIOS data area and the first byte of the EBDA. 0 or -EFAULT (logged). */
must_check int bios_build(const struct gmem *mem);

#endif

/* SPDX-License-Identifier: MIT */
/* The MC146818 clock of a PC with its 128 bytes of CMOS memory (ports 70h, 71h). */
#ifndef VMM_DEV_VRTC_H
#define VMM_DEV_VRTC_H

#include "core/timer.h"
#include "vmm/dev/device.h"

enum { VRTC_BYTES = 128 };

struct vrtc {
	uint8_t cmos[VRTC_BYTES]; /* the time of day and registers A … D among them */
	uint8_t index;		  /* port 70h as it was written: bit 7 masks NMIs on a PC */
	bool irq;		  /* the level of IRQ 8 */
	bool edited;	    /* cmos has a time of the guest's that seconds does not know yet */
	int64_t seconds;    /* since 1970, of the second that began at second_ns */
	uint64_t second_ns; /* VM time */
	uint64_t periods;   /* of the periodic interrupt, that PF has been told of */

	/* not state: the host's time at VM time 0, and the timer for the next interrupt */
	uint64_t origin_ns;
	struct timer timer;
};

/*
 * Sets the clock, in seconds since 1970 (UTC), as the battery would have kept it.
 * Caller holds vm->lock.
 */
void vrtc_set_time(struct vm *vm, uint64_t epoch_seconds);

extern const struct dev_class vrtc_class;

#endif

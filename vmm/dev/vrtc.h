/* SPDX-License-Identifier: MIT */
/* The MC146818 clock of a PC with its 128 bytes of CMOS memory (ports 70h, 71h). */
#ifndef VMM_DEV_VRTC_H
#define VMM_DEV_VRTC_H

#include "core/timer.h"
#include "vmm/dev/device.h"

enum { VRTC_BYTES = 128 };

struct vrtc {
	uint8_t cmos[VRTC_BYTES]; /* registers A … D and the time of day included */
	uint8_t index;		  /* port 70h: bit 7 masks NMIs on a PC */
	bool irq;		  /* the level of IRQ 8 */
	uint64_t base;		  /* seconds since 1970 at second_ns */
	uint64_t second_ns; /* VM time at which base began; whole seconds are counted from here */
	uint64_t shown;	    /* the second that cmos shows */
	uint64_t updates_done; /* seconds of which UF and AF have been taken into account */
	uint64_t periodic_ns;  /* VM time from which periodic ticks are counted */
	uint64_t ticks_done;   /* periodic ticks of which PF has been taken into account */

	/* not state: the host's time at VM time 0, and the timer for the next interrupt */
	uint64_t origin_ns;
	struct timer timer;
};

/* Sets the clock, in seconds since 1970 (UTC), as the battery would have kept it. */
void vrtc_set_time(struct vm *vm, uint64_t epoch_seconds);

extern const struct dev_class vrtc_class;

#endif

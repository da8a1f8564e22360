/* SPDX-License-Identifier: MIT */
/* The 8254 timer (ports 40h … 43h) and the port that gates its third counter and the speaker (61h).
 */
#ifndef VMM_DEV_VPIT_H
#define VMM_DEV_VPIT_H

#include "core/timer.h"
#include "vmm/dev/device.h"

enum { VPIT_HZ = 1193182, VPIT_CHANNELS = 3 };

/* All times are in ticks of the 1.193182 MHz clock since vpit.origin_ns. */
struct vpit_channel {
	uint64_t start; /* tick at which the counting element was loaded */
	uint64_t stop;	/* tick at which it stopped, while !counting */
	uint32_t count; /* what was loaded: 1 … 65536, or 10000 in BCD */
	uint32_t next;	/* what is loaded at the end of this period or at a trigger; 0: nothing */
	uint16_t latch; /* the output latch, as it is read */
	uint8_t latched_bytes; /* how many bytes of the latch are still to be read */
	uint8_t status;	       /* the latched status byte */
	bool status_latched;
	uint8_t mode;	/* 0 … 5 */
	uint8_t access; /* 1: LSB, 2: MSB, 3: both */
	bool bcd;
	bool write_msb; /* of both, the LSB has come */
	bool read_msb;
	uint8_t write_lsb;
	bool gate;
	bool loaded;   /* a count has been written since the control word */
	bool counting; /* loaded, and neither gate nor a missing trigger holds it */
	bool strobed;  /* modes 0, 1, 4, 5: the terminal count has been signalled */
};

struct vpit {
	struct vpit_channel channels[VPIT_CHANNELS];
	uint8_t speaker;   /* port 61h bits 0, 1 */
	uint64_t irq_tick; /* channel 0: when OUT rises next; 0: never */

	/* not state: the host's time at tick 0, and the timer for irq_tick */
	uint64_t origin_ns;
	struct timer timer;
};

extern const struct dev_class vpit_class;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The 8254 timer (ports 40h … 43h) and the port that gates its third counter and the speaker (61h).
 */
#ifndef VMM_DEV_VPIT_H
#define VMM_DEV_VPIT_H

#include "core/timer.h"
#include "vmm/dev/device.h"

enum { VPIT_HZ = 1193182, VPIT_CHANNELS = 3 };

/* All times are in ticks of the 1.193182 MHz clock since vpit.origin_ns. */
struct vpit_channel {
	uint64_t start;	    /* tick at which the counting element was loaded */
	uint64_t stop;	    /* tick at which it stopped, while it is not counting */
	uint64_t reload_at; /* while next: when a period of modes 2, 3 ends and next is loaded */
	uint32_t count;	    /* what was loaded: 1 … 65536, or 10000 in BCD */
	uint32_t next;	/* a count that waits for the end of the period or for a trigger; 0: none */
	uint16_t latch; /* the output latch, as it is read */
	uint8_t latched; /* which bytes of it are still to be read: ACCESS_LSB, ACCESS_MSB */
	uint8_t status;	 /* the latched status byte */
	bool status_latched;
	uint8_t mode;	/* 0 … 5 */
	uint8_t access; /* which bytes are read and written: ACCESS_LSB, ACCESS_MSB */
	bool bcd;
	bool read_msb;	/* of both bytes, the LSB has been read */
	bool write_msb; /* of both bytes, the LSB has been written: */
	uint8_t write_lsb;
	bool gate;
	bool loaded;	 /* a count has been written since the control word */
	bool counting;	 /* loaded, and neither the gate nor a missing trigger holds it */
	bool reload_low; /* mode 3: next is loaded where OUT falls, not where it rises */
};

struct vpit {
	struct vpit_channel channels[VPIT_CHANNELS];
	uint8_t control_b; /* port 61h as it was written */
	bool irq_armed;
	uint64_t irq_tick; /* when OUT of channel 0 rises next, while irq_armed */

	/* not state: the host's time at tick 0, and the timer for irq_tick */
	uint64_t origin_ns;
	struct timer timer;
	bool lapsed; /* it is not armed since it fired: vpit_resume() */
};

/* Arms a timer that lapsed. By a vCPU's thread, without vm->lock. */
void vpit_resume(struct vm *vm);

extern const struct dev_class vpit_class;

#endif

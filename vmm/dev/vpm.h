/* SPDX-License-Identifier: MIT */
/*
 * ACPI's fixed hardware: PM1 events and control, the PM timer, and the chipset's reset control
 * register.
 */
#ifndef VMM_DEV_VPM_H
#define VMM_DEV_VPM_H

#include "core/timer.h"
#include "vmm/dev/device.h"

/*
 * What the guest's FADT and DSDT tell of it. There is no SMI_CMD (0 in the FADT): the machine is
 * always in ACPI mode, and SCI_EN reads 1. The SCI is ISA IRQ 9 (IRQ_SCI), level, active high.
 */
enum vpm_port {
	VPM_PM1_EVENT = 0x600,	 /* 4 bytes: status, enable */
	VPM_PM1_CONTROL = 0x604, /* 2 bytes */
	VPM_PM_TIMER = 0x608,	 /* 4 bytes; 24 bits count */
	VPM_RESET = 0xcf9,	 /* FADT RESET_REG, byte */
};

enum {
	VPM_RESET_VALUE = 0x06, /* FADT RESET_VALUE */
	VPM_SLP_TYP_S5 = 0,	/* \_S5 in the DSDT: Package { 0, 0, 0, 0 }, as PIIX4 has it */
	VPM_TIMER_HZ = 3579545,
};

struct bus_access;

struct vpm {
	uint16_t pm1_status, pm1_enable, pm1_control;
	uint8_t reset_control;
	bool sci;	      /* the level of IRQ 9 */
	bool sleep_refused;   /* the log has been told */
	uint64_t halves_done; /* half periods of the timer (bit 23 toggles) that TMR_STS knows of */

	/*
	 * not state: the host's time at count 0, and the timer for TMR_STS while its enable is set
	 */
	uint64_t origin_ns;
	struct timer timer;
};

/* The user asks the guest to power off. Caller holds vm->lock. */
void vpm_press_power_button(struct vm *vm);
/*
 * The reset control register, whose port lies within PCI's address register: vpci.c hands bytes at
 * CF9h on.
 */
void vpm_reset_access(struct vm *vm, struct bus_access *a);

extern const struct dev_class vpm_class;

#endif

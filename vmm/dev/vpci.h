/* SPDX-License-Identifier: MIT */
/*
 * PCI bus 0 by configuration mechanism 1 (ports CF8h, CFCh): a host bridge, and a table for what is
 * added.
 */
#ifndef VMM_DEV_VPCI_H
#define VMM_DEV_VPCI_H

#include "vmm/dev/device.h"

enum { VPCI_FUNCTIONS = 32, VPCI_CONFIG = 256 };

/* One function's configuration space, and which of its bits the guest may write. */
struct vpci_function {
	bool present;
	uint8_t config[VPCI_CONFIG];
	uint8_t writable[VPCI_CONFIG];
};

struct vpci {
	uint32_t address;				/* CONFIG_ADDRESS */
	struct vpci_function functions[VPCI_FUNCTIONS]; /* function 0 of device i of bus 0 */
};

extern const struct dev_class vpci_class;

#endif

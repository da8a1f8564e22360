/* SPDX-License-Identifier: MIT */
/*
 * PCI's configuration mechanism 1, and bus 0 with the host bridge of an i440FX at 00:00.0. A
 * function is its 256 bytes and a mask of the bits that the guest may write.
 * PCI Local Bus Specification, "Configuration Space"; 82441FX data sheet, "CONFADD".
 */
#include "vmm/dev/vpci.h"
#include "lib/string.h"
#include "vmm/vm.h"

enum {
	PORT_ADDRESS = 0xcf8,
	OFFSET_RESET = VPM_RESET - PORT_ADDRESS,
	OFFSET_DATA = 4,
	PORTS = 8,
	ADDRESS_SIZE = 4,
};

/* CONFIG_ADDRESS */
enum {
	ADDRESS_REGISTER = 0xfc,
	ADDRESS_FUNCTION_SHIFT = 8,
	ADDRESS_FUNCTION = 7,
	ADDRESS_DEVICE_SHIFT = 11,
	ADDRESS_DEVICE = VPCI_FUNCTIONS - 1,
	ADDRESS_BUS_SHIFT = 16,
	ADDRESS_BUS = 0xff,
};

static const uint32_t address_enable = 1u << 31;
static const uint32_t address_writable = 1u << 31 | 0xfffffc;

/* The header's registers, by offset. */
enum config_register {
	CONFIG_VENDOR = 0x00,
	CONFIG_DEVICE = 0x02,
	CONFIG_COMMAND = 0x04,
	CONFIG_STATUS = 0x06,
	CONFIG_REVISION = 0x08,
	CONFIG_SUBCLASS = 0x0a,
	CONFIG_CLASS = 0x0b,
	CONFIG_LATENCY = 0x0d,
};

enum {
	COMMAND_MEMORY = 1 << 1,
	COMMAND_MASTER = 1 << 2,
	COMMAND_SERR_HIGH = 1 << 0, /* in the upper byte */
	STATUS_FAST_BACK_TO_BACK = 1 << 7,
	STATUS_DEVSEL_MEDIUM = 1 << 1, /* in the upper byte */
	VENDOR_INTEL = 0x8086,
	DEVICE_82441FX = 0x1237,
	REVISION_82441FX = 2,
	CLASS_BRIDGE = 6,
	LATENCY_WRITABLE = 0xf8,
};

/* The function that CONFIG_ADDRESS names, or NULL: nobody answers. */
static struct vpci_function *function_find(struct vpci *pci)
{
	struct vpci_function *f =
		&pci->functions[pci->address >> ADDRESS_DEVICE_SHIFT & ADDRESS_DEVICE];

	if (!(pci->address & address_enable) || pci->address >> ADDRESS_BUS_SHIFT & ADDRESS_BUS ||
	    pci->address >> ADDRESS_FUNCTION_SHIFT & ADDRESS_FUNCTION || !f->present)
		return NULL;
	return f;
}

static void data_access(struct vpci *pci, struct bus_access *a)
{
	struct vpci_function *f = function_find(pci);
	unsigned at = (pci->address & ADDRESS_REGISTER) + (unsigned)(a->offset - OFFSET_DATA);

	if (!f)
		return; /* reads stay all ones */
	if (!a->write)
		a->value = 0;
	for (unsigned i = 0; i < a->size && at + i < VPCI_CONFIG; i++) {
		uint8_t mask = f->writable[at + i];

		if (a->write)
			f->config[at + i] =
				(f->config[at + i] & ~mask) | ((uint8_t)(a->value >> 8 * i) & mask);
		else
			a->value |= (uint64_t)f->config[at + i] << 8 * i;
	}
}

static void pci_access(struct vm *vm, void *dev, struct bus_access *a)
{
	struct vpci *pci = &vm->vpci;

	(void)dev;
	if (a->offset >= OFFSET_DATA) {
		data_access(pci, a);
		return;
	}
	/* The address register answers dwords only: smaller ones pass on to what lies behind it. */
	if (a->size == 1 && a->offset == OFFSET_RESET)
		vpm_reset_access(vm, a);
	if (a->size != ADDRESS_SIZE || a->offset)
		return;
	if (a->write)
		pci->address = (uint32_t)a->value & address_writable;
	else
		a->value = pci->address;
}

static void word_set(struct vpci_function *f, unsigned at, uint16_t value)
{
	f->config[at] = (uint8_t)value;
	f->config[at + 1] = (uint8_t)(value >> 8);
}

static void host_bridge_create(struct vpci_function *f)
{
	f->present = true;
	word_set(f, CONFIG_VENDOR, VENDOR_INTEL);
	word_set(f, CONFIG_DEVICE, DEVICE_82441FX);
	f->config[CONFIG_COMMAND] = COMMAND_MEMORY | COMMAND_MASTER;
	f->config[CONFIG_STATUS] = STATUS_FAST_BACK_TO_BACK;
	f->config[CONFIG_STATUS + 1] = STATUS_DEVSEL_MEDIUM;
	f->config[CONFIG_REVISION] = REVISION_82441FX;
	f->config[CONFIG_CLASS] = CLASS_BRIDGE;
	f->writable[CONFIG_COMMAND + 1] = COMMAND_SERR_HIGH;
	f->writable[CONFIG_LATENCY] = LATENCY_WRITABLE;
}

static void vpci_reset(struct vm *vm)
{
	memset(&vm->vpci, 0, sizeof(vm->vpci));
	host_bridge_create(&vm->vpci.functions[0]);
}

static int vpci_init(struct vm *vm)
{
	vpci_reset(vm);
	return 0;
}

static const struct dev_ports vpci_ports[] = {
	{ PORT_ADDRESS, PORTS, "pci config", pci_access },
	{ 0 },
};

const struct dev_class vpci_class = {
	.name = "vpci",
	.ports = vpci_ports,
	.init = vpci_init,
	.reset = vpci_reset,
};

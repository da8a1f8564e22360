/* SPDX-License-Identifier: MIT */
/* THE list of a guest's devices, in the order of their creation; all of them come and go here. */
#include "lib/log.h"
#include "vmm/vm.h"

const struct dev_class *const devices[] = {
	&vpic_class,   &vioapic_class, &vpit_class, &vrtc_class,   &vuart_class,
	&vi8042_class, &vpm_class,     &vpci_class, &vdebug_class, NULL,
};

static void ports_release(struct vm *vm, const struct dev_ports *ports, const struct dev_ports *end)
{
	for (const struct dev_ports *p = ports; p != end && p->size; p++)
		bus_unregister(&vm->pio, p->base);
}

static int ports_claim(struct vm *vm, const struct dev_ports *ports)
{
	for (const struct dev_ports *p = ports; p && p->size; p++) {
		int error = bus_register(&vm->pio, p->base, p->size, p->name, p->access, NULL);

		if (error) {
			ports_release(vm, ports, p);
			return error;
		}
	}
	return 0;
}

static void device_fini(struct vm *vm, const struct dev_class *class)
{
	if (class->fini)
		class->fini(vm);
	if (class->ports)
		ports_release(vm, class->ports, NULL);
}

int devices_init(struct vm *vm)
{
	const struct dev_class *const *d;
	int error;

	for (d = devices; *d; d++) {
		error = ports_claim(vm, (*d)->ports);
		if (error)
			goto err_devices;
		lock_take(&vm->lock);
		error = (*d)->init(vm);
		lock_drop(&vm->lock);
		if (error)
			goto err_ports;
	}
	return 0;

err_ports:
	if ((*d)->ports)
		ports_release(vm, (*d)->ports, NULL);
err_devices:
	log_error("devices: %s cannot be created: error %d", (*d)->name, error);
	while (d != devices)
		device_fini(vm, *--d);
	return error;
}

void devices_reset(struct vm *vm)
{
	for (const struct dev_class *const *d = devices; *d; d++)
		(*d)->reset(vm);
}

void devices_freeze(struct vm *vm)
{
	for (const struct dev_class *const *d = devices; *d; d++)
		if ((*d)->freeze)
			(*d)->freeze(vm);
}

void devices_thaw(struct vm *vm, uint64_t ns)
{
	for (const struct dev_class *const *d = devices; *d; d++)
		if ((*d)->thaw)
			(*d)->thaw(vm, ns);
}

void devices_fini(struct vm *vm)
{
	for (unsigned i = ARRAY_SIZE(devices) - 1; i-- > 0;)
		device_fini(vm, devices[i]);
}

/* SPDX-License-Identifier: MIT */
/*
 * Ports for those who debug: the POST code's, which every PC has and operating systems write to for
 * a short delay (81h and on are absent, which tells them that there are no ISA DMA controllers);
 * and, where the VM's config asks for them, QEMU's debug console and exit port.
 */
#include "lib/string.h"
#include "vmm/vm.h"

enum debug_port {
	PORT_POST = 0x80,
	PORT_CONSOLE = 0xe9,
	PORT_EXIT = 0xf4,
};

enum {
	EXIT_SIZE = 4,
	CONSOLE_PORT = 0,    /* its text goes where COM1's goes */
	CONSOLE_HERE = 0xe9, /* what a read gives where the port exists */
};

static void post_access(struct vm *vm, void *dev, struct bus_access *a)
{
	(void)dev;
	if (a->write)
		vm->vdebug.post = (uint8_t)a->value;
	else
		a->value = vm->vdebug.post;
}

static void console_access(struct vm *vm, void *dev, struct bus_access *a)
{
	(void)dev;
	if (a->write)
		(void)vm_console_write(vm, CONSOLE_PORT, (uint8_t)a->value);
	else
		a->value = CONSOLE_HERE;
}

static void exit_access(struct vm *vm, void *dev, struct bus_access *a)
{
	(void)dev;
	if (!a->write) {
		a->value = 0;
		return;
	}
	vm->exit_status = (unsigned)a->value;
	vm_request_end(vm, VM_EXIT_PORT, "exit port");
}

static void vdebug_reset(struct vm *vm)
{
	memset(&vm->vdebug, 0, sizeof(vm->vdebug));
}

static int vdebug_init(struct vm *vm)
{
	int error;

	vdebug_reset(vm);
	if (!vm->config.debug_ports)
		return 0;
	error = bus_register(&vm->pio, PORT_CONSOLE, 1, "debug console", console_access, NULL);
	if (error)
		return error;
	error = bus_register(&vm->pio, PORT_EXIT, EXIT_SIZE, "exit port", exit_access, NULL);
	if (error)
		goto err_console;
	return 0;

err_console:
	bus_unregister(&vm->pio, PORT_CONSOLE);
	return error;
}

static void vdebug_fini(struct vm *vm)
{
	if (!vm->config.debug_ports)
		return;
	bus_unregister(&vm->pio, PORT_EXIT);
	bus_unregister(&vm->pio, PORT_CONSOLE);
}

static const struct dev_ports vdebug_ports[] = {
	{ PORT_POST, 1, "post code", post_access },
	{ 0 },
};

const struct dev_class vdebug_class = {
	.name = "vdebug",
	.ports = vdebug_ports,
	.init = vdebug_init,
	.reset = vdebug_reset,
	.fini = vdebug_fini,
};

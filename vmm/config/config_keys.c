/* SPDX-License-Identifier: MIT */
/* Every key that a config may hold. docs/configuration.md says the same to people. */
#include "vmm/config/config_keys.h"

#include "lib/string.h"

#define HOST(field)    .offset = offsetof(struct host_config, field)
#define VM(field)      .offset = offsetof(struct vm_config, field)
#define VM_TEXT(field) VM(field), .size = sizeof(((struct vm_config *)0)->field)

static const struct config_word log_levels[] = {
	{ "quiet", LOG_WARN }, { "info", LOG_INFO }, { "debug", LOG_DEBUG }, { NULL, 0 }
};

static const struct config_word last_ends[] = { { "poweroff", CONFIG_END_POWEROFF },
						{ "shell", CONFIG_END_SHELL },
						{ "reboot", CONFIG_END_REBOOT },
						{ NULL, 0 } };

static const struct config_word boots[] = { { "auto", CONFIG_BOOT_AUTO },
					    { "linux", CONFIG_BOOT_LINUX },
					    { "multiboot", CONFIG_BOOT_MULTIBOOT },
					    { NULL, 0 } };

static const struct config_word actions[] = { { "stop", CONFIG_STOP },
					      { "restart", CONFIG_RESTART },
					      { "destroy", CONFIG_DESTROY },
					      { "end", CONFIG_END },
					      { NULL, 0 } };

static const struct config_key host_keys[] = {
	{ "consoles", CONFIG_PORTS, HOST(consoles) },
	{ "log_level", CONFIG_CHOICE, HOST(log_level), .words = log_levels },
	{ "when_last_ends", CONFIG_CHOICE, HOST(when_last_ends), .words = last_ends },
};

static const struct config_key vm_keys[] = {
	{ "cpus", CONFIG_NUMBER, VM(cpus), .least = 1, .most = CONFIG_CPUS },
	{ "memory", CONFIG_MEMORY, true, VM(memory), .example = "memory = \"512M\"" },
	{ "kernel", CONFIG_FILE, true, VM_TEXT(kernel_name), .example = "kernel = \"vmlinuz\"" },
	{ "initrd", CONFIG_FILE, VM_TEXT(initrd_name) },
	{ "cmdline", CONFIG_TEXT, VM_TEXT(cmdline) },
	{ "boot", CONFIG_CHOICE, VM(boot), .words = boots },
	{ "weight", CONFIG_NUMBER, VM(weight), .least = 1, .most = CONFIG_WEIGHT_MAX },
	{ "cap", CONFIG_NUMBER, VM(cap), .least = 0, .most = CONFIG_CAP_MAX },
	{ "pin", CONFIG_CPU_SET, VM(pin) },
	{ "autostart", CONFIG_BOOLEAN, VM(autostart) },
	{ "on_poweroff", CONFIG_CHOICE, VM(on_poweroff), .words = actions },
	{ "on_reboot", CONFIG_CHOICE, VM(on_reboot), .words = actions },
	{ "on_crash", CONFIG_CHOICE, VM(on_crash), .words = actions },
	{ "debug_ports", CONFIG_BOOLEAN, VM(debug_ports) },
};

_Static_assert(ARRAY_SIZE(vm_keys) <= CONFIG_KEYS, "struct config_places has room for all");
_Static_assert(ARRAY_SIZE(host_keys) <= CONFIG_KEYS, "struct config_places has room for all");

static const struct config_alias host_aliases[] = {
	{ "console", "consoles" },
	{ "log", "log_level" },
	{ "loglevel", "log_level" },
};

static const struct config_alias vm_aliases[] = {
	{ "vcpus", "cpus" },	 { "smp", "cpus" },	  { "ram", "memory" },
	{ "maxmem", "memory" },	 { "ramdisk", "initrd" }, { "module", "initrd" },
	{ "append", "cmdline" }, { "extra", "cmdline" },  { "args", "cmdline" },
	{ "cpuset", "pin" },	 { "affinity", "pin" },	  { "shares", "weight" },
};

const struct config_keys config_host_keys = { host_keys, ARRAY_SIZE(host_keys), host_aliases,
					      ARRAY_SIZE(host_aliases) };
const struct config_keys config_vm_keys = { vm_keys, ARRAY_SIZE(vm_keys), vm_aliases,
					    ARRAY_SIZE(vm_aliases) };

unsigned config_key_number(const struct config_keys *keys, const char *name)
{
	unsigned i = 0;

	while (i < keys->count && strcmp(keys->keys[i].name, name))
		i++;
	return i;
}

void config_default_host(struct host_config *h)
{
	memset(h, 0, sizeof(*h));
	h->log_level = LOG_INFO;
	h->when_last_ends = CONFIG_END_POWEROFF;
}

/* Field by field, so that what is between them is zero, too: configs are compared as bytes. */
void config_default_vm(struct vm_config *vm)
{
	memset(vm, 0, sizeof(*vm));
	vm->cpus = 1;
	vm->weight = CONFIG_WEIGHT;
	vm->autostart = true;
	vm->boot = CONFIG_BOOT_AUTO;
	vm->on_poweroff = CONFIG_STOP;
	vm->on_reboot = CONFIG_RESTART;
	vm->on_crash = CONFIG_STOP;
}

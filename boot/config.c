/* SPDX-License-Identifier: MIT */
/*
 * The config module, or the plain list of modules, becomes a struct config. A module's content and
 * line were written by anyone: where it lies is checked before it is looked at.
 */
#include "boot/config.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/tsc.h"
#include "core/pmem.h"
#include "core/ramlist.h"
#include "core/timer.h"
#include "drivers/acpi.h"
#include "drivers/rtc.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

/*
 * For Plinth itself when the guests may have the rest: page tables, devices, what later guests
 * need.
 */
#define RESERVE (32 * MIB)

_Static_assert((int)CONFIG_CPUS == (int)CPUS_MAX, "a set of CPUs has a bit for each");

static const char ending[] = ".toml";

/* The machine's; made while the machine boots, by the first CPU, and constant then. */
static struct config config;

/* Whether a loader has put the module where the direct map reaches it. */
static bool is_in_ram(const struct boot_info *info, const struct boot_module *m)
{
	const struct ramlist ram = { .regions = info->regions,
				     .region_count = info->region_count,
				     .end = DIRECT_SIZE };
	uint64_t start = m->start.raw;
	struct boot_region run;

	return !m->size || (ramlist_next(&ram, ALIGN_DOWN(start, PAGE_SIZE), &run) &&
			    run.base <= start && m->size <= run.size - (start - run.base));
}

static int check_modules(const struct boot_info *info)
{
	for (unsigned i = 0; i < info->module_count; i++) {
		const struct boot_module *m = &info->modules[i];

		/* A line that was cut is worse than none: what is missing may be what mattered. */
		if (m->cmdline_cut) {
			log_error("boot: the command line of module %u is longer than %u bytes, "
				  "the most that Plinth takes: shorten it",
				  i + 1, BOOT_STRING - 1);
			return -E2BIG;
		}
		if (is_in_ram(info, m))
			continue;
		log_error("boot: module %u, %lu bytes at %#lx, lies where the boot loader's map "
			  "has no RAM",
			  i + 1, (unsigned long)m->size, (unsigned long)m->start.raw);
		return -EFAULT;
	}
	return 0;
}

static const struct boot_module *find_config(const struct boot_info *info)
{
	for (unsigned i = 0; i < info->module_count; i++) {
		const char *name = info->modules[i].name;
		size_t n = strlen(name), end = sizeof(ending) - 1;

		if (n > end && !strcmp(name + n - end, ending))
			return &info->modules[i];
	}
	return NULL;
}

static const struct boot_module *find_module(const struct boot_info *info, const char *name)
{
	for (unsigned i = 0; i < info->module_count && name[0]; i++)
		if (!strcmp(info->modules[i].name, name))
			return &info->modules[i];
	return NULL;
}

uint64_t boot_config_guest_memory(void)
{
	uint64_t free = pmem_free();

	return free > RESERVE ? ALIGN_DOWN(free - RESERVE, CONFIG_MEMORY_UNIT) : 0;
}

static void ignore(void *ctx, const struct config_error *e)
{
	(void)ctx;
	(void)e;
}

void boot_config_read_host(const struct boot_info *info, struct options *o)
{
	const struct boot_module *m = find_config(info);
	struct config_sink sink = { .report = ignore, .file = "" };
	unsigned n = 0;

	/* So early only the first 4 GiB are mapped. */
	if (!m || !is_in_ram(info, m) || m->start.raw + m->size > 4 * GIB)
		return;
	/*
	 * One that is partly wrong is right in part: its consoles are where its errors are looked
	 * for.
	 */
	(void)!config_parse(hpa_ptr(m->start), m->size, &config, &sink);
	for (; !o->console_count && n < config.host.console_count; n++)
		str_copy(o->consoles[n], config.host.consoles[n], sizeof(o->consoles[n]));
	o->console_count = MAX(o->console_count, n);
	if (!o->log_given)
		o->log_level = config.host.log_level;
}

static void report(void *ctx, const struct config_error *e)
{
	(void)ctx;
	log_error("%s:%u:%u: %s", e->file, e->place.line, e->place.column, e->text);
}

/* What is no matter of the file: the clock, and what the command line wants of every guest. */
static void finish(struct config *c, const struct options *o)
{
	uint64_t now = 0;

	if (rtc_read(acpi_info.century, &now))
		log_warn("boot: the machine's clock cannot be read; the guest's begins in 1970");
	for (unsigned i = 0; i < c->vm_count; i++) {
		struct vm_config *vm = &c->vms[i];

		vm->boot_time = now - time_ns() / NS_PER_S;
		vm->debug_ports |= o->debug_ports;
		vm->end_on_reset = o->end_on_reset || vm->on_reboot != CONFIG_RESTART;
	}
}

/* The one guest of a machine without a config. */
static int use_modules(const struct boot_info *info, const struct options *o)
{
	const struct boot_module *kernel = &info->modules[0], *initrd = &info->modules[1];
	struct vm_config *vm = &config.vms[0];

	log_info("boot: there is no config (a module NAME%s): %s", ending,
		 info->module_count
			 ? "the first module is the guest's kernel, the second its initrd"
			 : "and there is no module at all");
	config_default_host(&config.host);
	config_default_vm(vm);
	config.vm_count = 1;
	str_copy(vm->name, "guest", sizeof(vm->name));
	vm->memory = o->memory ? o->memory : boot_config_guest_memory();
	vm->cpus = o->cpus;
	if (info->module_count > 0) {
		vm->kernel = hpa_ptr(kernel->start);
		vm->kernel_size = kernel->size;
		str_copy(vm->cmdline, kernel->cmdline, sizeof(vm->cmdline));
	}
	if (info->module_count > 1) {
		vm->initrd = hpa_ptr(initrd->start);
		vm->initrd_size = initrd->size;
	}
	if (info->module_count > 2)
		log_warn("boot: %u boot modules: only the first two (kernel, initrd) are used",
			 info->module_count);
	finish(&config, o);
	if (vm->memory)
		return 0;
	log_error("boot: the machine has %lu MiB of free memory, of which Plinth keeps %lu: too "
		  "little for a guest",
		  pmem_free() / MIB, RESERVE / MIB);
	return -ENOMEM;
}

/* config_check() has found them all. */
static void resolve_modules(const struct boot_info *info, struct vm_config *vm)
{
	const struct boot_module *kernel = find_module(info, vm->kernel_name);
	const struct boot_module *initrd = find_module(info, vm->initrd_name);

	if (kernel) {
		vm->kernel = hpa_ptr(kernel->start);
		vm->kernel_size = kernel->size;
	}
	if (initrd) {
		vm->initrd = hpa_ptr(initrd->start);
		vm->initrd_size = initrd->size;
	}
}

/* The file, and then the machine: only what is right in itself is held against that. */
int boot_config_read(const struct boot_info *info, const struct options *o,
		     const struct config_text *text, struct config *c, struct config_sink *sink)
{
	const char *names[BOOT_MODULES];
	const struct config_machine machine = {
		/* Of 0 bytes nothing is known. */
		.memory = MAX(boot_config_guest_memory(), 1ul),
		.cpus = cpu_count < CPUS_MAX ? BIT(cpu_count) - 1 : UINT64_MAX,
		.modules = names,
		.module_count = info->module_count,
	};
	int err;

	for (unsigned i = 0; i < info->module_count; i++)
		names[i] = info->modules[i].name;
	err = config_parse(text->at, text->size, c, sink);
	if (!err)
		err = config_check(c, &machine, sink);
	if (err)
		return err;
	for (unsigned i = 0; i < c->vm_count; i++)
		resolve_modules(info, &c->vms[i]);
	finish(c, o);
	return 0;
}

static int use_config(const struct boot_info *info, const struct options *o,
		      const struct boot_module *m)
{
	const struct config_text text = { .at = hpa_ptr(m->start), .size = m->size };
	struct config_sink sink = { .report = report, .file = m->name };

	log_info("boot: the guests are those of the module %s", m->name);
	if (o->memory || o->cpus != 1)
		log_warn("boot: mem= and cpus= have no effect: %s says what a guest has", m->name);
	if (!boot_config_read(info, o, &text, &config, &sink))
		return 0;
	log_error("boot: %s has %u error%s, so no guest is started: correct it (plinth-check tests "
		  "it on your desk)",
		  m->name, sink.count, sink.count == 1 ? "" : "s");
	return -EINVAL;
}

struct config *boot_config_make(const struct boot_info *info, const struct options *o)
{
	const struct boot_module *m = find_config(info);

	if (check_modules(info))
		return NULL;
	return (m ? use_config(info, o, m) : use_modules(info, o)) ? NULL : &config;
}

/* SPDX-License-Identifier: MIT */
/* sources: vmm/config/config.c vmm/config/config_check.c vmm/config/config_error.c vmm/config/config_keys.c vmm/config/config_print.c vmm/config/config_value.c vmm/config/toml.c vmm/config/toml_scan.c vmm/config/toml_string.c vmm/config/toml_tree.c vmm/config/toml_value.c lib/utf8.c lib/printf.c lib/str.c */
/* runs: 150000 */
/*
 * Any bytes as a config. Whatever they are: no read outside of them, every error stands within the
 * file and has a text, and a config that is taken is the same when it is printed and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config config, again;
static char printed[512 * 1024];
static size_t used;
static unsigned lines;

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void report(void *ctx, const struct config_error *e)
{
	(void)ctx;
	expect(e->place.line >= 1 && e->place.line <= lines && e->place.column >= 1);
	expect(e->text[0] && memchr(e->text, 0, CONFIG_ERROR_TEXT));
	/* A message is one line, whatever stands in the file. */
	expect(!strchr(e->text, '\n') && !strchr(e->text, '\x1b'));
}

static void write_out(void *ctx, const char *text, size_t n)
{
	(void)ctx;
	expect(n < sizeof(printed) - used);
	memcpy(printed + used, text, n);
	used += n;
}

static void check_config(const struct config *c)
{
	expect(c->vm_count <= CONFIG_VMS && c->host.console_count <= CONFIG_CONSOLES);
	for (unsigned i = 0; i < c->vm_count; i++) {
		const struct vm_config *vm = &c->vms[i];
		const char *why;

		expect(memchr(vm->name, 0, sizeof(vm->name)) && config_is_name(vm->name, &why));
		expect(memchr(vm->cmdline, 0, sizeof(vm->cmdline)));
		expect(memchr(vm->kernel_name, 0, sizeof(vm->kernel_name)));
		expect(memchr(vm->initrd_name, 0, sizeof(vm->initrd_name)));
		expect(vm->cpus >= 1 && vm->cpus <= CONFIG_CPUS);
		expect(vm->weight >= 1 && vm->weight <= CONFIG_WEIGHT_MAX);
	}
}

static void check_round_trip(void)
{
	struct config_sink sink = { .report = report, .file = "printed" };
	const struct config_writer w = { .write = write_out };

	used = 0;
	config_print(&config, &w);
	expect(!config_parse(printed, used, &again, &sink));
	expect(again.vm_count == config.vm_count);
	expect(!memcmp(again.vms, config.vms, config.vm_count * sizeof(config.vms[0])));
	expect(!memcmp(&again.host, &config.host, sizeof(config.host)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const modules[] = { "vmlinuz", "initrd" };
	const struct config_machine m = { 512 * MIB, 0xf, modules, 2 };
	struct config_sink sink = { .report = report, .file = "input" };

	lines = 1;
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	if (config_parse((const char *)data, size, &config, &sink)) {
		expect(sink.count);
		check_config(&config);
		return 0;
	}
	expect(!sink.count);
	check_config(&config);
	(void)!config_check(&config, &m, &sink);
	check_round_trip();
	return 0;
}

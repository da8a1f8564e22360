/* SPDX-License-Identifier: MIT */
/* A config against the machine, before anything starts: what is not there is named, in its place.
 */
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vmm/config/config_keys.h"

enum { NAMES_TEXT = 300, MODULES_NAMED = 32, SET_TEXT = 200 };

struct check {
	const struct config *config;
	const struct config_machine *machine;
	struct config_sink *sink;
};

/* Where a key stands; where it is not written, where its table begins. */
static const struct config_place *place(const struct config *c, unsigned vm, const char *key)
{
	const struct config_places *places = &c->vm_places[vm];
	const struct config_place *at = &places->keys[config_key_number(&config_vm_keys, key)];

	return at->line ? at : &places->table;
}

static void check_memory(const struct check *k, unsigned i, uint64_t *sum)
{
	const struct vm_config *vm = &k->config->vms[i];
	uint64_t all = k->machine->memory;

	if (!all)
		return;
	if (vm->memory > all) {
		config_fail(k->sink, place(k->config, i, "memory"),
			    "the guest '%s' has %lu MiB of memory, and the machine has %lu MiB for "
			    "guests",
			    vm->name, (unsigned long)(vm->memory / MIB),
			    (unsigned long)(all / MIB));
		return;
	}
	if (!vm->autostart)
		return;
	/* Once is enough: with the one at which it is too much. */
	if (*sum <= all && *sum + vm->memory > all)
		config_fail(k->sink, place(k->config, i, "memory"),
			    "with the guest '%s' those that start by themselves have %lu MiB of "
			    "memory, and the machine has %lu MiB for guests",
			    vm->name, (unsigned long)((*sum + vm->memory) / MIB),
			    (unsigned long)(all / MIB));
	*sum += vm->memory;
}

/* A set as "0-3,6". */
static void print_set(char *out, size_t size, uint64_t set)
{
	size_t used = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < CONFIG_CPUS && used < size; i++) {
		unsigned last = i;

		if (!(set & BIT(i)))
			continue;
		while (last + 1 < CONFIG_CPUS && (set & BIT(last + 1)))
			last++;
		used += (size_t)fmt_print(out + used, size - used, last > i ? "%s%u-%u" : "%s%u",
					  used ? "," : "", i, last);
		i = last;
	}
}

static void check_pin(const struct check *k, unsigned i)
{
	const struct vm_config *vm = &k->config->vms[i];
	char wrong[SET_TEXT], there[SET_TEXT];

	if (!k->machine->cpus || !(vm->pin & ~k->machine->cpus))
		return;
	print_set(wrong, sizeof(wrong), vm->pin & ~k->machine->cpus);
	print_set(there, sizeof(there), k->machine->cpus);
	config_fail(k->sink, place(k->config, i, "pin"),
		    "the guest '%s' is pinned to CPU %s, and the machine has CPU %s", vm->name,
		    wrong, there);
}

static void check_module(const struct check *k, unsigned i, const char *key, const char *name)
{
	static const struct config_list all = { "'", " and " };
	const struct config_machine *m = k->machine;
	char names[NAMES_TEXT];
	const char *nearest;

	if (!m->modules || !name[0])
		return;
	for (unsigned n = 0; n < m->module_count; n++)
		if (!strcmp(m->modules[n], name))
			return;
	nearest = config_nearest(name, m->modules, m->module_count);
	config_join(names, sizeof(names), m->modules, MIN(m->module_count, (unsigned)MODULES_NAMED),
		    &all);
	config_fail(k->sink, place(k->config, i, key),
		    "there is no boot module '%s' for the %s of '%s'%s%s%s %s%s", name, key,
		    k->config->vms[i].name, nearest ? ": did you mean '" : "",
		    nearest ? nearest : "", nearest ? "'?" : ":",
		    m->module_count ? "there are " : "there is none at all", names);
}

static void check_name(const struct check *k, unsigned i)
{
	for (unsigned before = 0; before < i; before++) {
		if (strcmp(k->config->vms[before].name, k->config->vms[i].name))
			continue;
		config_fail(k->sink, &k->config->vm_places[i].table,
			    "two guests have the name '%s'", k->config->vms[i].name);
		return;
	}
}

int config_check(const struct config *c, const struct config_machine *m, struct config_sink *sink)
{
	const struct check k = { .config = c, .machine = m, .sink = sink };
	unsigned before = sink->count;
	uint64_t sum = 0;

	for (unsigned i = 0; i < c->vm_count; i++) {
		check_name(&k, i);
		check_memory(&k, i, &sum);
		check_pin(&k, i);
		check_module(&k, i, "kernel", c->vms[i].kernel_name);
		check_module(&k, i, "initrd", c->vms[i].initrd_name);
	}
	return sink->count > before ? -EINVAL : 0;
}

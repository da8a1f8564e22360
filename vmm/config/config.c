/* SPDX-License-Identifier: MIT */
/*
 * From the file's tables and keys to struct config. Every error is told with its place, and the
 * rest of the file is read all the same: a user corrects all of them at once.
 */
#include "vmm/config/config.h"

#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vmm/config/config_keys.h"

enum { ALLOWED = 320, HOST_DEPTH = 1, VM_DEPTH = 2 };

static const char *const top_tables[] = { "host", "vm" };

static const char name_letters[] = "a guest's name has letters, digits, dots, _ and - only";
static const char name_empty[] = "a guest's name cannot be empty";
static const char name_too_long[] = "a guest's name has at most 31 characters";
_Static_assert(CONFIG_NAME == 32, "as name_too_long says");

/* The table that a path leads to. */
struct target {
	const struct config_keys *keys; /* NULL: none; then it has been told */
	void *table;
	struct config_places *places;
	unsigned depth; /* parts of the path that are the table's own */
};

static const struct target no_target;

static struct config_place place_of(const struct config_reader *r, unsigned part)
{
	return config_place_of(&r->t, &r->t.path[part].place);
}

bool config_is_name(const char *name, const char **why)
{
	size_t n = strlen(name);

	*why = NULL;
	for (size_t i = 0; i < n; i++) {
		char c = name[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    !strchr("._-", c))
			*why = name_letters;
	}
	if (!n)
		*why = name_empty;
	else if (n >= CONFIG_NAME)
		*why = name_too_long;
	return !*why;
}

struct vm_config *config_find(struct config *c, const char *name)
{
	for (unsigned i = 0; i < c->vm_count; i++)
		if (!strcmp(c->vms[i].name, name))
			return &c->vms[i];
	return NULL;
}

/* Told where it is no name: cut, or with a NUL in it, it would be another guest's. */
static int read_name(struct config_reader *r, const struct config_place *place,
		     char name[CONFIG_NAME])
{
	const struct toml_token *token = &r->t.path[HOST_DEPTH];
	size_t n = toml_text(&r->t, token, name, CONFIG_NAME);
	char shown[TOML_SHOWN];
	const char *why = name_too_long;

	if (n < CONFIG_NAME && strlen(name) < n)
		why = name_letters;
	else if (n < CONFIG_NAME && config_is_name(name, &why))
		return 0;
	toml_show(&r->t, token, shown);
	return config_fail(r->sink, place, "'%s': %s", shown, why);
}

static struct vm_config *add_vm(struct config_reader *r, const char *name,
				const struct config_place *place)
{
	struct config *c = r->config;
	struct vm_config *vm = &c->vms[c->vm_count];

	if (c->vm_count == CONFIG_VMS) {
		config_fail(r->sink, place, "more than %u guests", CONFIG_VMS);
		return NULL;
	}
	config_default_vm(vm);
	str_copy(vm->name, name, sizeof(vm->name));
	c->vm_places[c->vm_count] = (struct config_places){ .table = *place };
	c->vm_count++;
	return vm;
}

static struct target find_vm(struct config_reader *r)
{
	struct config *c = r->config;
	struct config_place place = place_of(r, HOST_DEPTH);
	char name[CONFIG_NAME];
	struct vm_config *vm;

	if (read_name(r, &place, name))
		return no_target;
	vm = config_find(c, name);
	if (!vm)
		vm = add_vm(r, name, &place);
	if (!vm)
		return no_target;
	return (struct target){ &config_vm_keys, vm, &c->vm_places[vm - c->vms], VM_DEPTH };
}

/* The first part of the path is neither host nor vm. */
static void fail_top(struct config_reader *r, bool is_key)
{
	struct config_place place = place_of(r, 0);
	char shown[TOML_SHOWN];
	const char *nearest;

	toml_show(&r->t, &r->t.path[0], shown);
	nearest = config_nearest(shown, top_tables, ARRAY_SIZE(top_tables));
	if (is_key && r->t.parts == 1)
		config_fail(r->sink, &place,
			    "'%s' stands before any table: expected [host] or [vm.NAME] first",
			    shown);
	else
		config_fail(r->sink, &place,
			    "there is no table '%s'%s%s%s [host] and [vm.NAME] are allowed", shown,
			    nearest ? ": did you mean '" : "", nearest ? nearest : "",
			    nearest ? "'?" : ":");
}

static struct target find_table(struct config_reader *r, unsigned parts, bool is_key)
{
	struct config *c = r->config;
	struct config_place place = place_of(r, 0);
	unsigned least = is_key; /* parts behind the table's own */

	if (toml_is(&r->t, &r->t.path[0], "host") && parts >= HOST_DEPTH + least)
		return (struct target){ &config_host_keys, &c->host, &c->host_places, HOST_DEPTH };
	if (toml_is(&r->t, &r->t.path[0], "vm") && parts >= VM_DEPTH + least)
		return find_vm(r);
	if (toml_is(&r->t, &r->t.path[0], "vm") || toml_is(&r->t, &r->t.path[0], "host"))
		config_fail(r->sink, &place, "a key where a table has to be: expected %s",
			    toml_is(&r->t, &r->t.path[0], "vm") ? "[vm.NAME]" : "[host]");
	else
		fail_top(r, is_key);
	return no_target;
}

static int fail_key(struct config_reader *r, const struct target *to, unsigned part)
{
	static const struct config_list all = { "", " and " };
	struct config_place place = place_of(r, part);
	const char *names[CONFIG_KEYS], *nearest = NULL;
	char shown[TOML_SHOWN], allowed[ALLOWED];

	toml_show(&r->t, &r->t.path[part], shown);
	for (unsigned i = 0; i < to->keys->count; i++)
		names[i] = to->keys->keys[i].name;
	for (unsigned i = 0; i < to->keys->alias_count; i++)
		if (!strcmp(shown, to->keys->aliases[i].theirs))
			nearest = to->keys->aliases[i].ours;
	if (!nearest)
		nearest = config_nearest(shown, names, to->keys->count);
	config_join(allowed, sizeof(allowed), names, to->keys->count, &all);
	/* It is there, only misspelt: nobody is to say that it is missing. */
	if (nearest)
		to->places->keys[config_key_number(to->keys, nearest)] = place;
	if (nearest)
		return config_fail(r->sink, &place,
				   "there is no key '%s': did you mean '%s'? "
				   "Allowed are %s",
				   shown, nearest, allowed);
	return config_fail(r->sink, &place, "there is no key '%s': %s are allowed", shown, allowed);
}

/* Whether the table is one; true also for [vm], in which keys like web.cpus may follow. */
static bool take_table(struct config_reader *r)
{
	struct target to;
	struct config_place place;

	if (r->t.table_parts == 1 && toml_is(&r->t, &r->t.path[0], "vm"))
		return true;
	to = find_table(r, r->t.table_parts, false);
	if (!to.keys)
		return false;
	place = place_of(r, to.depth - 1);
	to.places->table = to.places->table.line ? to.places->table : place;
	if (r->t.table_parts == to.depth)
		return true;
	place = place_of(r, to.depth);
	config_fail(r->sink, &place, "a table in a table: %s has keys only",
		    to.depth == VM_DEPTH ? "[vm.NAME]" : "[host]");
	return false;
}

static void take_key(struct config_reader *r)
{
	struct target to = find_table(r, r->t.parts, true);
	struct config_place place;
	unsigned number = 0;

	if (!to.keys)
		return;
	while (number < to.keys->count &&
	       !toml_is(&r->t, &r->t.path[to.depth], to.keys->keys[number].name))
		number++;
	place = place_of(r, to.depth);
	if (number == to.keys->count) {
		fail_key(r, &to, to.depth);
		return;
	}
	/* Also of a wrong value: then nobody says that the key is missing. */
	to.places->keys[number] = place;
	if (r->t.parts > to.depth + 1) {
		place = place_of(r, to.depth + 1);
		config_fail(r->sink, &place, "%s is a key, and no table of keys",
			    to.keys->keys[number].name);
		return;
	}
	config_set(r, &to.keys->keys[number], to.table);
}

static void check_required(struct config_reader *r)
{
	const struct config *c = r->config;

	for (unsigned i = 0; i < c->vm_count; i++)
		for (unsigned k = 0; k < config_vm_keys.count; k++) {
			const struct config_key *key = &config_vm_keys.keys[k];

			if (key->required && !c->vm_places[i].keys[k].line)
				config_fail(r->sink, &c->vm_places[i].table,
					    "the guest '%s' has no %s: add a line like %s",
					    c->vms[i].name, key->name, key->example);
		}
}

static void read_all(struct config_reader *r)
{
	enum toml_event event;
	bool complete = true; /* so that what is not there is really missing */
	bool known = true;    /* the table that is open; its keys are read only then */

	while ((event = toml_next(&r->t)) != TOML_END && r->sink->count <= CONFIG_ERRORS) {
		if (event == TOML_ERROR) {
			struct config_place place = config_place_of(&r->t, &r->t.error_place);

			config_fail(r->sink, &place, "%s", r->t.error);
			complete = false;
		} else if (event == TOML_TABLE) {
			known = take_table(r);
		} else if (known) {
			take_key(r);
		}
	}
	if (complete)
		check_required(r);
}

int config_parse(const char *text, size_t n, struct config *c, struct config_sink *sink)
{
	static const struct config_place begin = { 1, 1 };
	struct config_reader r = { .config = c, .sink = sink };
	unsigned before = sink->count;

	config_default_host(&c->host);
	memset(&c->host_places, 0, sizeof(c->host_places));
	c->vm_count = 0;
	if (n > CONFIG_TEXT_MAX)
		return config_fail(sink, &begin, "%lu bytes: %u are the most for a config",
				   (unsigned long)n, CONFIG_TEXT_MAX);
	toml_init(&r.t, text, n, c->nodes, CONFIG_NODES);
	read_all(&r);
	return sink->count > before ? -EINVAL : 0;
}

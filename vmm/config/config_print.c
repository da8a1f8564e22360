/* SPDX-License-Identifier: MIT */
/*
 * A config as a file again, in one form: every key in the table's order, also those at their
 * default. What is read from it is the same config.
 */
#include "lib/printf.h"
#include "lib/string.h"
#include "vmm/config/config_keys.h"

enum { PIECE = 128 };

static void put(const struct config_writer *w, const char *text)
{
	w->write(w->ctx, text, strlen(text));
}

static void put_number(const struct config_writer *w, const char *fmt, unsigned long value)
{
	char text[PIECE];

	fmt_print(text, sizeof(text), fmt, value);
	put(w, text);
}

/* Fields hold no control characters, so these two are all that needs a backslash. */
static void put_quoted(const struct config_writer *w, const char *text)
{
	put(w, "\"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			put(w, "\\");
		w->write(w->ctx, text, 1);
	}
	put(w, "\"");
}

static void put_memory(const struct config_writer *w, uint64_t bytes)
{
	if (bytes && bytes % GIB == 0)
		put_number(w, "\"%luG\"", bytes / GIB);
	else
		put_number(w, "\"%luM\"", bytes / MIB);
}

static void put_word(const struct config_writer *w, const struct config_word *words, unsigned value)
{
	while (words->word && words->value != value)
		words++;
	put_quoted(w, words->word ? words->word : "");
}

static void put_set(const struct config_writer *w, uint64_t set)
{
	const char *between = "[";

	for (unsigned i = 0; i < CONFIG_CPUS; i++) {
		if (!(set & BIT(i)))
			continue;
		put(w, between);
		put_number(w, "%lu", i);
		between = ", ";
	}
	put(w, "]");
}

static void put_ports(const struct config_writer *w, const struct config *c)
{
	for (unsigned i = 0; i < c->host.console_count; i++) {
		put(w, i ? ", " : "[");
		put_quoted(w, c->host.consoles[i]);
	}
	put(w, "]");
}

/* A key of which nothing is said, and for which there is no value that says so. */
static bool is_silent(const struct config *c, const struct config_key *key, const void *field)
{
	switch (key->type) {
	case CONFIG_TEXT:
	case CONFIG_FILE: return !*(const char *)field;
	case CONFIG_CPU_SET: return !*(const uint64_t *)field;
	case CONFIG_PORTS: return !c->host.console_count;
	default: return false;
	}
}

static void put_value(const struct config_writer *w, const struct config *c,
		      const struct config_key *key, const void *field)
{
	switch (key->type) {
	case CONFIG_NUMBER: put_number(w, "%lu", *(const unsigned *)field); break;
	case CONFIG_MEMORY: put_memory(w, *(const uint64_t *)field); break;
	case CONFIG_TEXT:
	case CONFIG_FILE: put_quoted(w, field); break;
	case CONFIG_BOOLEAN: put(w, *(const bool *)field ? "true" : "false"); break;
	case CONFIG_CHOICE: put_word(w, key->words, *(const unsigned *)field); break;
	case CONFIG_CPU_SET: put_set(w, *(const uint64_t *)field); break;
	case CONFIG_PORTS: put_ports(w, c); break;
	}
}

static void put_table(const struct config_writer *w, const struct config *c,
		      const struct config_keys *keys, const void *table)
{
	for (unsigned i = 0; i < keys->count; i++) {
		const struct config_key *key = &keys->keys[i];
		const void *field = (const char *)table + key->offset;

		if (is_silent(c, key, field))
			continue;
		put(w, key->name);
		put(w, " = ");
		put_value(w, c, key, field);
		put(w, "\n");
	}
}

/* A dot would part a name in two. */
static void put_header(const struct config_writer *w, const char *name)
{
	put(w, "\n[vm.");
	if (strchr(name, '.'))
		put_quoted(w, name);
	else
		put(w, name);
	put(w, "]\n");
}

void config_print(const struct config *c, const struct config_writer *w)
{
	put(w, "[host]\n");
	put_table(w, c, &config_host_keys, &c->host);
	for (unsigned i = 0; i < c->vm_count; i++) {
		put_header(w, c->vms[i].name);
		put_table(w, c, &config_vm_keys, &c->vms[i]);
	}
}

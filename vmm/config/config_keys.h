/* SPDX-License-Identifier: MIT */
/*
 * The keys: one table of them for [host], one for [vm.NAME]. Reading, writing, and the messages
 * that say what is allowed all come from these.
 */
#ifndef VMM_CONFIG_CONFIG_KEYS_H
#define VMM_CONFIG_CONFIG_KEYS_H

#include <stdarg.h>

#include "vmm/config/config.h"

enum config_type {
	CONFIG_NUMBER,	/* unsigned, from least to most */
	CONFIG_MEMORY,	/* uint64_t, "512M" */
	CONFIG_TEXT,	/* char[size] without control characters */
	CONFIG_FILE,	/* char[size], a module's name */
	CONFIG_BOOLEAN, /* bool */
	CONFIG_CHOICE,	/* unsigned, one of the words */
	CONFIG_CPU_SET, /* uint64_t, bit by bit */
	CONFIG_PORTS,	/* struct host_config's consoles */
};

struct config_word {
	const char *word;
	unsigned value;
};

struct config_key {
	const char *name;
	enum config_type type;
	bool required;
	size_t offset, size; /* in struct vm_config or host_config; size of a text */
	unsigned least, most;
	const struct config_word *words; /* ends with a NULL */
	const char *example;		 /* of a required key, with its value */
};

struct config_keys {
	const struct config_key *keys;
	unsigned count;
	/* What people write who come from elsewhere, and what it is called here. */
	const struct config_alias {
		const char *theirs, *ours;
	} * aliases;
	unsigned alias_count;
};

extern const struct config_keys config_host_keys, config_vm_keys;

/* The number of a key in its table, for struct config_places; the table's count: there is none. */
unsigned config_key_number(const struct config_keys *keys, const char *name);

/* The word of a list that is meant by a mistyped one; NULL: none comes near. */
const char *config_nearest(const char *word, const char *const *list, unsigned count);
/* Writes `"a", "b" and "c"` (or the like, with other quotes and another last word). */
struct config_list {
	const char *quote, *last; /* "\"", " and " */
};
void config_join(char *out, size_t size, const char *const *list, unsigned count,
		 const struct config_list *how);

/* config_error.c: tells an error, up to CONFIG_ERRORS of them. Always -EINVAL. */
int config_fail(struct config_sink *sink, const struct config_place *place, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int config_vfail(struct config_sink *sink, const struct config_place *place, const char *fmt,
		 va_list ap);

/* config_value.c: one value into its field. -EINVAL: the error has been told. */
struct config_reader {
	struct toml t;
	struct config *config;
	struct config_sink *sink;
};

int config_set(struct config_reader *r, const struct config_key *key, void *table);
struct config_place config_place_of(const struct toml *t, const struct toml_place *place);

#endif

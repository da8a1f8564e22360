/* SPDX-License-Identifier: MIT */
/*
 * A reader of TOML 1.0, for the part of it that a config needs: tables, bare, quoted and dotted
 * keys, strings of all four kinds, integers, booleans, arrays, comments. Floats, dates, inline
 * tables and arrays of tables are recognised, and refused by name.
 *
 * It is pulled: toml_next() gives one table or key after the other. It copies nothing, keeps
 * offsets into the text, and allocates nothing: what was already defined stands in nodes that the
 * caller brings. After an error it goes on with the next statement.
 */
#ifndef VMM_CONFIG_TOML_H
#define VMM_CONFIG_TOML_H

#include "lib/types.h"

enum {
	TOML_PARTS = 8, /* of a table's path and a key in it, together */
	TOML_NEST = 8,	/* arrays in arrays */
	TOML_ERROR_TEXT = 256,
	TOML_SHOWN = 48, /* bytes of a name, as messages show it; what is more is cut */
};

/* Somewhere in the text. Columns are counted only where they are told: toml_column(). */
struct toml_place {
	uint32_t at;	  /* offset in bytes */
	uint32_t line;	  /* from 1 */
	uint32_t line_at; /* where that line begins */
};

/* A string or a part of a key as it stands in the text, quotes included. */
struct toml_token {
	struct toml_place place;
	uint32_t end;
};

enum toml_type { TOML_STRING, TOML_INTEGER, TOML_BOOLEAN, TOML_ARRAY };

struct toml_value {
	enum toml_type type;
	struct toml_token token;
	int64_t integer;
	bool boolean;
};

enum toml_node_kind {
	TOML_NODE_VALUE,
	TOML_NODE_IMPLIED, /* a table, only by being part of another's path: [a.b] implies a */
	TOML_NODE_HEADER,  /* a table with a header of its own */
	TOML_NODE_DOTTED,  /* a table made by a dotted key, closed when its section ends */
};

/* Something that has been defined. The caller gives room, and does not look inside. */
struct toml_node {
	struct toml_token name;
	uint32_t hash;
	uint32_t section; /* of a dotted table: the header under which it was made */
	uint16_t parent;
	uint8_t kind;
};

enum toml_event { TOML_END, TOML_TABLE, TOML_KEY, TOML_ERROR };

struct toml {
	const char *text;
	uint32_t size;
	struct toml_place now;
	struct toml_token path[TOML_PARTS]; /* the table's, then the key's */
	unsigned table_parts, parts;
	struct toml_value value; /* of TOML_KEY */
	struct toml_place error_place;
	char error[TOML_ERROR_TEXT]; /* of TOML_ERROR: what was found, and what is allowed */
	struct toml_node *nodes;
	unsigned node_count, node_max;
	unsigned table;	  /* the node of the open table */
	uint32_t section; /* how many headers there were */
	bool lost;	  /* the last header was refused, so its keys have no table */
	bool in_array;	  /* an array is open */
	bool line_done;	  /* the statement was read to the end of its line */
};

/* node_max is at least 1 and fits 16 bits; n is less than 4 GiB. */
void toml_init(struct toml *t, const char *text, size_t n, struct toml_node *nodes,
	       unsigned node_max);
/* The next table, key with its value, or error. At the end TOML_END, again and again. */
enum toml_event toml_next(struct toml *t);

/* In characters, from 1. */
unsigned toml_column(const struct toml *t, const struct toml_place *place);
/*
 * The text that a string or a part of a key stands for. At most size - 1 bytes, and a terminator;
 * the result is how many bytes it has, so >= size means cut. It may hold NUL.
 */
size_t toml_text(const struct toml *t, const struct toml_token *token, char *out, size_t size);
/* The same for a message: cut to TOML_SHOWN, without control characters. */
void toml_show(const struct toml *t, const struct toml_token *token, char out[TOML_SHOWN]);
bool toml_is(const struct toml *t, const struct toml_token *token, const char *text);

/*
 * The items of an array that toml_next() has given: *cursor is 0 at first. False: there is none
 * more.
 */
bool toml_item(const struct toml *t, const struct toml_value *array, struct toml_place *cursor,
	       struct toml_value *item);

extern const char *const toml_type_names[]; /* "a string" */

#endif

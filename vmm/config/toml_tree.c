/* SPDX-License-Identifier: MIT */
/*
 * What is defined already. TOML's rule: every key and every table is defined once. A table gets
 * there in three ways, and how it did says what may still be added to it:
 *
 *	[a.b]          a is implied, and may get a header of its own later; b has one, for good
 *	b.c = 1        b is made by a dotted key: more of those may follow in the same section only
 *
 * Nodes are looked for one after the other. A config has a few hundred at the most.
 */
#include "lib/errno.h"
#include "vmm/config/toml_scan.h"

enum { ROOT = 0, NOT_FOUND = 0 /* nobody looks for the root */ };

/* FNV-1a, over the text and not over how it is quoted. */
#define HASH_START 0x811c9dc5u
#define HASH_PRIME 0x01000193u

enum { NAME_MAX = 256 };

static uint32_t hash_name(const struct toml *t, const struct toml_token *name, char text[NAME_MAX])
{
	size_t n = toml_text(t, name, text, NAME_MAX);
	uint32_t hash = HASH_START;

	for (size_t i = 0; i < MIN(n, (size_t)NAME_MAX - 1); i++)
		hash = (hash ^ (uint8_t)text[i]) * HASH_PRIME;
	return (hash ^ (uint32_t)n) * HASH_PRIME;
}

/* Whether two names are one, however they are written. */
static bool same_name(const struct toml *t, const struct toml_token *a, const struct toml_token *b)
{
	char x[NAME_MAX], y[NAME_MAX];
	size_t n = toml_text(t, a, x, sizeof(x));

	if (n != toml_text(t, b, y, sizeof(y)))
		return false;
	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return false;
	return true;
}

/* Which child of parent this part of the path is. NOT_FOUND: none. */
static unsigned find(const struct toml *t, unsigned parent, const struct toml_token *name,
		     uint32_t hash)
{
	for (unsigned i = ROOT + 1; i < t->node_count; i++) {
		const struct toml_node *n = &t->nodes[i];

		if (n->hash == hash && n->parent == parent && same_name(t, &n->name, name))
			return i;
	}
	return NOT_FOUND;
}

static int fail_defined(struct toml *t, const struct toml_token *name, const struct toml_node *n)
{
	static const char *const hows[] = {
		[TOML_NODE_VALUE] = "is a key with a value",
		[TOML_NODE_IMPLIED] = "is a table",
		[TOML_NODE_HEADER] = "is a table with a header of its own",
		[TOML_NODE_DOTTED] = "is a table made by dotted keys",
	};
	char shown[TOML_SHOWN];

	toml_show(t, name, shown);
	return scan_fail(t, &name->place, "'%s' is already defined: in line %u it %s", shown,
			 n->name.place.line, hows[n->kind]);
}

static int check_name(struct toml *t, const struct toml_token *name)
{
	char text[NAME_MAX];

	if (toml_text(t, name, text, sizeof(text)) < sizeof(text))
		return 0;
	return scan_fail(t, &name->place, "a name of more than %u bytes", NAME_MAX - 1);
}

/* Makes a child of *at, and goes there. */
static int add(struct toml *t, unsigned *at, const struct toml_token *name, uint32_t hash,
	       enum toml_node_kind kind)
{
	if (t->node_count == t->node_max)
		return scan_fail(t, &name->place, "more than %u keys and tables in one file",
				 t->node_max - 1);
	t->nodes[t->node_count] = (struct toml_node){ .name = *name,
						      .hash = hash,
						      .section = t->section,
						      .parent = (uint16_t)*at,
						      .kind = (uint8_t)kind };
	*at = t->node_count++;
	return 0;
}

/* One part of a path: goes from *at to the child, which is made if it is not there. */
static int enter(struct toml *t, unsigned *at, unsigned part, enum toml_node_kind make, bool last)
{
	const struct toml_token *name = &t->path[part];
	char text[NAME_MAX];
	uint32_t hash = hash_name(t, name, text);
	unsigned child = find(t, *at, name, hash);
	struct toml_node *n = &t->nodes[child];

	if (check_name(t, name))
		return -EINVAL;
	if (child == NOT_FOUND)
		return add(t, at, name, hash, make);
	if (n->kind == TOML_NODE_VALUE || make == TOML_NODE_VALUE)
		return fail_defined(t, name, n);
	if (make == TOML_NODE_HEADER && last && n->kind != TOML_NODE_IMPLIED)
		return fail_defined(t, name, n);
	if (make == TOML_NODE_DOTTED && n->kind != TOML_NODE_IMPLIED &&
	    !(n->kind == TOML_NODE_DOTTED && n->section == t->section))
		return fail_defined(t, name, n);
	if (n->kind == TOML_NODE_IMPLIED && make != TOML_NODE_IMPLIED) {
		n->kind = (uint8_t)make;
		n->section = t->section;
		n->name = *name;
	}
	*at = child;
	return 0;
}

int tree_add_table(struct toml *t)
{
	unsigned at = ROOT;

	t->section++;
	for (unsigned i = 0; i < t->table_parts; i++) {
		bool last = i + 1 == t->table_parts;

		if (enter(t, &at, i, last ? TOML_NODE_HEADER : TOML_NODE_IMPLIED, last))
			return -EINVAL;
	}
	t->table = at;
	return 0;
}

int tree_add_key(struct toml *t)
{
	unsigned at = t->table;

	for (unsigned i = t->table_parts; i < t->parts; i++) {
		bool last = i + 1 == t->parts;

		if (enter(t, &at, i, last ? TOML_NODE_VALUE : TOML_NODE_DOTTED, last))
			return -EINVAL;
	}
	return 0;
}

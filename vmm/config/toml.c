/* SPDX-License-Identifier: MIT */
/* Statements: a header opens a table, a key has a value, and each ends with its line. */
#include "vmm/config/toml.h"

#include "lib/errno.h"
#include "vmm/config/toml_scan.h"

static const char byte_order_mark[] = "\xef\xbb\xbf";

void toml_init(struct toml *t, const char *text, size_t n, struct toml_node *nodes,
	       unsigned node_max)
{
	size_t mark = sizeof(byte_order_mark) - 1;

	*t = (struct toml){
		.text = text, .size = (uint32_t)n, .nodes = nodes, .node_max = node_max
	};
	t->now.line = 1;
	/* Some editors put it in front; it is no part of the text. */
	for (size_t i = 0; i < mark; i++)
		if (i >= n || text[i] != byte_order_mark[i])
			mark = 0;
	t->now.at = t->now.line_at = (uint32_t)mark;
	nodes[0] = (struct toml_node){ .kind = TOML_NODE_HEADER };
	t->node_count = 1;
}

static bool is_bare(int32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* One part of a key, which goes behind the path so far. */
static int scan_part(struct toml *t)
{
	struct toml_token *part = &t->path[t->parts];

	if (t->parts == TOML_PARTS)
		return scan_fail(t, &t->now, "a key of more than %u parts", TOML_PARTS);
	part->place = t->now;
	if (scan_peek(t) == '"' || scan_peek(t) == '\'') {
		if (scan_string(t, true))
			return -EINVAL;
	} else {
		while (is_bare(scan_peek(t)))
			scan_step(t);
	}
	part->end = t->now.at;
	if (part->end == part->place.at)
		return scan_expected(t, "a key (letters, digits, _ and -, or in quotes)");
	t->parts++;
	return 0;
}

/* A whole key: parts with dots between them. */
static int scan_key(struct toml *t)
{
	for (;;) {
		if (scan_part(t))
			return -EINVAL;
		scan_spaces(t);
		if (scan_peek(t) != '.')
			return 0;
		scan_step(t);
		scan_spaces(t);
	}
}

static int scan_line_end(struct toml *t, const char *behind)
{
	scan_spaces(t);
	if (scan_comment(t))
		return -EINVAL;
	t->line_done = scan_peek(t) == SCAN_END || scan_newline(t);
	return t->line_done ? 0 : scan_expected(t, behind);
}

static int scan_header(struct toml *t)
{
	struct toml_place from = t->now;

	t->lost = true;
	scan_step(t);
	if (scan_peek(t) == '[')
		return scan_fail(t, &from,
				 "an array of tables has no place here: [name] opens a "
				 "table");
	t->parts = 0;
	scan_spaces(t);
	if (scan_key(t))
		return -EINVAL;
	if (scan_peek(t) != ']')
		return scan_expected(t, "'.' or ']' in the table's header");
	scan_step(t);
	if (scan_line_end(t, "the end of the line after the table's header"))
		return -EINVAL;
	t->table_parts = t->parts;
	if (tree_add_table(t))
		return -EINVAL;
	t->lost = false;
	return 0;
}

static int scan_pair(struct toml *t)
{
	t->parts = t->table_parts;
	if (scan_key(t))
		return -EINVAL;
	if (scan_peek(t) != '=')
		return scan_expected(t, "'=' after the key");
	scan_step(t);
	scan_spaces(t);
	if (scan_value(t, 0, &t->value) || scan_line_end(t, "the end of the line after the value"))
		return -EINVAL;
	return t->lost ? 0 : tree_add_key(t);
}

/* Whether here, at the begin of a line, a statement seems to begin. */
static bool is_statement(const struct toml *t)
{
	struct toml look = *t;

	scan_spaces(&look);
	if (scan_peek(&look) == '[')
		return true;
	if (!is_bare(scan_peek(&look)))
		return false;
	while (is_bare(scan_peek(&look)) || scan_peek(&look) == '.')
		scan_step(&look);
	scan_spaces(&look);
	return scan_peek(&look) == '=';
}

/* To the next statement: past this line, and past what is left of an array. */
static enum toml_event recover(struct toml *t)
{
	/* A statement that was read to its end, and then refused, has been left behind already. */
	if (t->line_done)
		return TOML_ERROR;
	do {
		while (scan_peek(t) != SCAN_END && !scan_newline(t))
			scan_step(t);
	} while (t->in_array && scan_peek(t) != SCAN_END && !is_statement(t));
	t->in_array = false;
	return TOML_ERROR;
}

enum toml_event toml_next(struct toml *t)
{
	bool header;

	for (;;) {
		t->line_done = false;
		scan_spaces(t);
		if (scan_comment(t))
			return recover(t);
		if (scan_peek(t) == SCAN_END)
			return TOML_END;
		if (scan_newline(t))
			continue;
		header = scan_peek(t) == '[';
		if (header ? scan_header(t) : scan_pair(t))
			return recover(t);
		if (!t->lost)
			return header ? TOML_TABLE : TOML_KEY;
	}
}

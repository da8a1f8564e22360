/* SPDX-License-Identifier: MIT */
/* The reader's parts: toml.c has statements, these are for characters, values and definitions. */
#ifndef VMM_CONFIG_TOML_SCAN_H
#define VMM_CONFIG_TOML_SCAN_H

#include "vmm/config/toml.h"

/* What scan_peek() gives where there is no character. */
enum { SCAN_END = -1, SCAN_NOT_UTF8 = -2 };

/* Notes the error, and returns -EINVAL. */
int scan_fail(struct toml *t, const struct toml_place *place, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* "expected WHAT, found …", here. -EINVAL. */
int scan_expected(struct toml *t, const char *what);

/* toml_scan.c: the character that comes; past it; past spaces and tabs; past one newline. */
int32_t scan_peek(const struct toml *t);
void scan_step(struct toml *t);
void scan_spaces(struct toml *t);
bool scan_newline(struct toml *t);
bool scan_is_newline(const struct toml *t);
/* Past a comment, if there is one. 0 or -EINVAL. */
must_check int scan_comment(struct toml *t);
/* toml_string.c: past a string; is it for a key, it has to end in its line. 0 or -EINVAL. */
must_check int scan_string(struct toml *t, bool for_key);
/* toml_value.c: past a value. 0 or -EINVAL. */
must_check int scan_value(struct toml *t, unsigned nest, struct toml_value *v);

/* toml_tree.c: what the path defines; -EINVAL where that is already defined. */
must_check int tree_add_table(struct toml *t);
must_check int tree_add_key(struct toml *t);

#endif

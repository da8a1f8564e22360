/* SPDX-License-Identifier: MIT */
/* Whether bytes are one JSON value in valid UTF-8 (RFC 8259), and nothing else: apart from the
 * code under test, and as strict as it can be. */
#ifndef FAKE_JSON_CHECK_H
#define FAKE_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

bool json_is_valid(const char *text, size_t n);

#endif

// SPDX-License-Identifier: MIT
/* Multiboot 1's command line: a word is found wherever it begins. */
#include "cmdline.h"
#include "test.h"

enum { MULTIBOOT_HAS_CMDLINE = 1 << 2, INFO_FLAGS = 0, INFO_CMDLINE = 4 };

unsigned cmdline_length(const char *s)
{
	unsigned n = 0;

	while (s[n] && s[n] != ' ')
		n++;
	return n;
}

const char *cmdline_text(const char *word)
{
	const uint32_t *info = (const uint32_t *)(uint64_t)boot_multiboot_info;
	const char *at;
	unsigned n = cmdline_length(word);

	if (!info || !(info[INFO_FLAGS] & MULTIBOOT_HAS_CMDLINE))
		return 0;
	for (at = (const char *)(uint64_t)info[INFO_CMDLINE]; *at; at++)
		if (!memcmp(at, word, n))
			return at + n;
	return 0;
}

unsigned cmdline_number(const char *word, unsigned otherwise)
{
	const char *at = cmdline_text(word);
	unsigned value = 0, base = 10;

	if (!at)
		return otherwise;
	if (at[0] == '0' && at[1] == 'x') {
		base = 16;
		at += 2;
	}
	for (;; at++) {
		if (*at >= '0' && *at <= '9')
			value = value * base + (unsigned)(*at - '0');
		else if (base == 16 && *at >= 'a' && *at <= 'f')
			value = value * base + (unsigned)(*at - 'a') + 10;
		else
			return value;
	}
}

/* SPDX-License-Identifier: MIT */
/* Words of the guest's command line, as "seed=0x12". */
#ifndef GUEST_CMDLINE_H
#define GUEST_CMDLINE_H

/* What stands behind `word` in the command line; 0: it is not there. */
const char *cmdline_text(const char *word);
/* The number behind `word`, decimal or 0x…, or `otherwise`. */
unsigned cmdline_number(const char *word, unsigned otherwise);
/* The length of the word that begins at s. */
unsigned cmdline_length(const char *s);

#endif

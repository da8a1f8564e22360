/* SPDX-License-Identifier: MIT */
/* A log that a test can look into: link tests/fake/log_record.c instead of log.c. */
#ifndef FAKE_LOG_RECORD_H
#define FAKE_LOG_RECORD_H

#include "lib/log.h"
#include "lib/types.h"

/* Forgets what was logged. */
void fake_log_clear(void);
/* Whether a line at this level has been logged that contains the text. */
bool fake_log_has(enum log_level level, const char *text);
/* All lines since the last fake_log_clear(). */
const char *fake_log_text(void);

#endif

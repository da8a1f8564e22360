/* SPDX-License-Identifier: MIT */
/*
 * The log, as every layer sees it. core/log.c implements it on the machine, tests/fake/log.c in
 * host tests. One call is one line, without a newline; it begins with its area: "acpi: …".
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

/* LOG_RESULT: what Plinth was started for, as how the guest ended; shown whatever log=… says. */
enum log_level { LOG_RESULT, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_result(...) log_write(LOG_RESULT, __VA_ARGS__)
#define log_error(...)	log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)	log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)	log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	log_write(LOG_DEBUG, __VA_ARGS__)

#endif

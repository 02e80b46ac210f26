/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines go to standard error, which the journal or the terminal reads. Under systemd each begins with
 * the <N> of its level. */
void log_set_level(enum log_level level);

/* "err", "warn", "info" or "debug" to a level. -EINVAL. */
int log_level_parse(const char *text, enum log_level *ret_level);

/* part: the module that speaks. Control characters in the text are written as '?'. */
void log_write(enum log_level level, const char *part, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_err(part, ...) log_write(LOG_LEVEL_ERR, part, __VA_ARGS__)
#define log_warn(part, ...) log_write(LOG_LEVEL_WARN, part, __VA_ARGS__)
#define log_info(part, ...) log_write(LOG_LEVEL_INFO, part, __VA_ARGS__)
#define log_debug(part, ...) log_write(LOG_LEVEL_DEBUG, part, __VA_ARGS__)

/* A failure that lasts is said once, and once more when it is over. */
struct trouble {
	bool said;
};

void complain(struct trouble *t, const char *part, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void complain_over(struct trouble *t, const char *part, const char *what);

#endif

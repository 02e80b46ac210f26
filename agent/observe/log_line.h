/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LOG_LINE_H
#define LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics/event.h"

/* One line of a log to an event, by the table patterns.def. Nothing in a line is believed but its form:
 * numbers are bounded, text is cleaned, what is cut off is no line. */

#define MAX_LOG_LINE 16384 /* bytes; rsyslog writes at most 8 KiB by default */

enum log_dialect {
	LOG_DIALECT_NONE,
	LOG_DIALECT_SYSLOG,  /* "Mar  4 09:17:35 host " or "2026-03-04T09:17:35.000000+00:00 host " */
	LOG_DIALECT_LIBVIRT, /* "2026-04-02 07:31:08.114+0000: " */
	LOG_DIALECT_BARE,    /* no stamp: standard error that somebody kept */
};

/* What one log's lines have in common; no two logs share it. */
struct log_lines {
	double latest; /* seconds since 1970; INFINITY: now */

	/* what the last stamp was read to: most are like the one before */
	char hour[9];
	double hour_begins;
	char host[64];
	size_t host_n;
};

/* latest: when the log's last line was written, seconds since 1970, as its modification time tells. A stamp
 * without a year is the last such time up to a day after that, in the local time zone; so a log that spans a
 * whole year or more is read wrongly. */
void log_lines_init(struct log_lines *l, double latest);

/* The stamp of such a line, seconds since 1970; NAN: it has none. */
double log_line_time(struct log_lines *l, const char *line, size_t n, double *ret_resolution);

/* Reads one line of n bytes without its line end; it may hold any bytes. True: it tells something of a
 * migration. Then ret is an event of the kind logged, whose at is in seconds since 1970 or NAN without a stamp,
 * and whose seconds is the stamp's resolution, or NAN. */
bool log_line_read(struct log_lines *l, const char *line, size_t n, struct event *ret);

#endif

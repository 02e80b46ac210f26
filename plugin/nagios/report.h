/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"
#include "plugin/nagios/range.h"

/* What a check found, and how Nagios and its like read it: the exit status, a line of text with performance data, more
 * lines for who asks. */

enum state { STATE_OK, STATE_WARNING, STATE_CRITICAL, STATE_UNKNOWN }; /* the exit statuses */

#define MAX_THRESHOLDS 16

/* Of the figure of this name, instead of what the check itself takes for too much. */
struct threshold {
	const char *name; /* not terminated */
	size_t n;	  /* 0: of the check's first figure */
	const char *text;
	struct range range;
	enum state state; /* that it leads to */
	bool used;
};

struct thresholds {
	struct threshold item[MAX_THRESHOLDS];
	size_t n;
};

/* Adds one from "[NAME=]RANGE", which must stay. -EINVAL; -E2BIG: too many. */
int thresholds_add(struct thresholds *t, const char *text, enum state state);

struct report {
	const char *service; /* "MIGRATIONS" */
	enum state state;
	struct strbuf text, details, perf;
	struct thresholds *thresholds;
	unsigned figures;
};

/* What is of some kind is counted or measured here. */
struct figure {
	const char *name, *unit; /* unit: "", "s", "%", "B" or "c" */
	const char *warning, *critical; /* ranges where the user gave none; NULL: none */
};

/* Adds a figure to the performance data and alerts if its threshold says so. NAN: not known. */
void report_figure(struct report *r, const struct figure *f, double value);

/* It is at least as bad as this: OK, UNKNOWN, WARNING, CRITICAL. */
void report_state(struct report *r, enum state state);

/* Add to the line of text, and a line to the details. Text of others goes through printable() before. */
void report_text(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_detail(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text on one line and without the bar that begins performance data; the caller frees it. */
char *printable(const char *text);

/* The name of a threshold that no figure has; NULL: there is none. */
const struct threshold *report_unused(const struct report *r);

/* Prints it. The exit status. */
int report_print(const struct report *r, bool details);

void report_done(struct report *r);

#endif

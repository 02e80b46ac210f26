/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "plugin/nagios/report.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>

#include "base/util.h"
#include "cli/table.h"

#define LARGEST 1e15 /* figure */
#define MAX_LINE 2048 /* bytes of what is added at once */

static const char *const state_names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

int
thresholds_add(struct thresholds *t, const char *text, enum state state)
{
	const char *equals = strchr(text, '=');
	struct threshold h = {.name = text, .state = state};

	h.n = equals ? (size_t) (equals - text) : 0;
	h.text = equals ? equals + 1 : text;
	if ((equals && h.n == 0) || range_parse(h.text, &h.range) < 0)
		return -EINVAL;
	if (t->n == MAX_THRESHOLDS)
		return -E2BIG;
	t->item[t->n++] = h;
	return 0;
}

static struct threshold *
find(const struct report *r, const char *name, enum state state)
{
	struct thresholds *t = r->thresholds;

	for (size_t i = t->n; i-- > 0;) {
		struct threshold *h = &t->item[i];

		if (h->state == state && (h->n ? strncmp(h->name, name, h->n) == 0 && !name[h->n] : r->figures == 0))
			return h;
	}
	return NULL;
}

/* Without an exponent, which the guidelines do not have, and without zeros that say nothing. */
static void
add_number(struct strbuf *b, double v)
{
	char text[32];
	size_t n;

	if (isnan(v)) {
		strbuf_str(b, "U");
		return;
	}
	n = (size_t) snprintf(text, sizeof(text), "%.6f", MAX(-LARGEST, MIN(v, LARGEST)));
	while (text[n - 1] == '0')
		n--;
	strbuf_add(b, text, text[n - 1] == '.' ? n - 1 : n);
}

/* Alerts by one threshold; its text. */
static const char *
judge(struct report *r, const struct figure *f, double value, enum state state)
{
	const char *text = state == STATE_WARNING ? f->warning : f->critical;
	struct threshold *h = find(r, f->name, state);
	struct range range;

	if (h) {
		h->used = true;
		text = h->text;
	}
	if (text && range_parse(text, &range) == 0 && range_alerts(&range, value))
		report_state(r, state);
	return text ? text : "";
}

void
report_figure(struct report *r, const struct figure *f, double value)
{
	const char *warning = judge(r, f, value, STATE_WARNING);
	const char *critical = judge(r, f, value, STATE_CRITICAL);

	strbuf_printf(&r->perf, "%s%s=", r->figures ? " " : "", f->name);
	add_number(&r->perf, value);
	strbuf_printf(&r->perf, "%s;%s;%s;0", isnan(value) ? "" : f->unit, warning, critical);
	r->figures++;
}

void
report_state(struct report *r, enum state state)
{
	static const int badness[] = {
	    [STATE_OK] = 0, [STATE_UNKNOWN] = 1, [STATE_WARNING] = 2, [STATE_CRITICAL] = 3};

	if (badness[state] > badness[r->state])
		r->state = state;
}

static void __attribute__((format(printf, 2, 0)))
add(struct strbuf *b, const char *format, va_list ap)
{
	char text[MAX_LINE];

	(void) vsnprintf(text, sizeof(text), format, ap);
	strbuf_str(b, text);
}

void
report_text(struct report *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add(&r->text, format, ap);
	va_end(ap);
}

void
report_detail(struct report *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add(&r->details, format, ap);
	va_end(ap);
	strbuf_str(&r->details, "\n");
}

char *
printable(const char *text)
{
	char *s = visible(text);

	for (char *bar = s; (bar = strchr(bar, '|'));)
		*bar = '/';
	return s;
}

const struct threshold *
report_unused(const struct report *r)
{
	for (size_t i = 0; i < r->thresholds->n; i++)
		if (!r->thresholds->item[i].used)
			return &r->thresholds->item[i];
	return NULL;
}

int
report_print(const struct report *r, bool details)
{
	(void) printf("%s %s: %s", r->service, state_names[r->state], r->text.n ? r->text.text : "");
	if (r->perf.n)
		(void) printf(" | %s", r->perf.text);
	(void) printf("\n%s", details && r->details.n ? r->details.text : "");
	return fflush(stdout) == 0 ? (int) r->state : STATE_UNKNOWN;
}

void
report_done(struct report *r)
{
	strbuf_done(&r->text);
	strbuf_done(&r->details);
	strbuf_done(&r->perf);
}

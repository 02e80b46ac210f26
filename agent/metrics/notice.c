/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "metrics/notice.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <syslog.h>
#include <time.h>

#include "base/utf8.h"
#include "base/util.h"

#define EXACT 9007199254740992.0 /* 2^53: whole numbers below are exact in a double */

const struct notice_info notice_table[NOTICE_COUNT] = {
#define NOTICE(id, name, severity, message_id, details, help) \
	[NOTICE_##id] = {name, LOG_##severity, message_id, details, help},
#include "metrics/notices.def"
};

void
notice_init(struct notice *n, enum notice_kind kind, double time)
{
	memset(n, 0, sizeof(*n));
	n->kind = kind;
	n->time = time;
	n->domid = NO_DOMID;
}

void
notice_say(struct notice *n, const char *format, ...)
{
	char text[NOTICE_TEXT_SIZE];
	va_list ap;

	va_start(ap, format);
	(void) vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	utf8_clean(n->text, sizeof(n->text), text);
}

static struct notice_detail *
add_detail(struct notice *n, const char *name)
{
	struct notice_detail *d = &n->detail[MIN(n->n_details, MAX_DETAILS - 1)];

	n->n_details = MIN(n->n_details + 1, MAX_DETAILS);
	*d = (struct notice_detail){.name = name, .number = NAN};
	return d;
}

void
notice_text(struct notice *n, const char *name, const char *text)
{
	struct notice_detail *d = add_detail(n, name);

	d->is_text = true;
	utf8_clean(d->text, sizeof(d->text), text);
}

void
notice_number(struct notice *n, const char *name, double number)
{
	add_detail(n, name)->number = number;
}

/* --- JSON --- */

static json_t *
text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *
number_or_null(double v)
{
	if (!isfinite(v))
		return json_null();
	return v == floor(v) && fabs(v) < EXACT ? json_integer((json_int_t) v) : json_real(v);
}

/* Seconds, and the same as RFC 3339 has it; both to the millisecond. */
static void
put_time(json_t *o, double t)
{
	double ms = floor(t * 1000 + 0.5);
	time_t seconds = (time_t) floor(ms / 1000);
	char day[32] = "", text[48];
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		(void) strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	(void) snprintf(text, sizeof(text), "%s.%03dZ", day, (int) (ms - (double) seconds * 1000));
	(void) json_object_set_new(o, "time", number_or_null(ms / 1000));
	(void) json_object_set_new(o, "time_text", json_string(text));
}

static json_t *
details(const struct notice *n)
{
	json_t *o = json_object();

	for (size_t i = 0; i < n->n_details; i++) {
		const struct notice_detail *d = &n->detail[i];

		(void) json_object_set_new(o, d->name, d->is_text ? text_or_null(d->text) : number_or_null(d->number));
	}
	return o;
}

char *
notice_json(const struct notice *n)
{
	const struct notice_info *info = &notice_table[n->kind];
	json_t *o = json_object();
	char *text;

	(void) json_object_set_new(o, "seq", json_integer((json_int_t) n->seq));
	put_time(o, n->time);
	(void) json_object_set_new(o, "kind", json_string(info->name));
	(void) json_object_set_new(o, "severity", json_string(notice_severity(n->kind)));
	(void) json_object_set_new(o, "message_id", json_string(info->message_id));
	(void) json_object_set_new(o, "source", json_string(n->replay ? "replay" : "live"));
	(void) json_object_set_new(o, "uuid", text_or_null(n->uuid));
	(void) json_object_set_new(o, "domid", n->domid == NO_DOMID ? json_null() : json_integer(n->domid));
	(void) json_object_set_new(o, "name", text_or_null(n->name));
	(void) json_object_set_new(o, "migration", text_or_null(n->migration));
	(void) json_object_set_new(o, "text", json_string(n->text));
	(void) json_object_set_new(o, "details", details(n));
	text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(16));
	json_decref(o);
	if (!text)
		abort(); /* as xmalloc: all of it is UTF-8 */
	return text;
}

/* --- the table --- */

enum notice_kind
notice_find(const char *name)
{
	enum notice_kind kind = 0;

	while (kind < NOTICE_COUNT && strcmp(notice_table[kind].name, name) != 0)
		kind++;
	return kind;
}

const char *
notice_severity(enum notice_kind kind)
{
	switch (notice_table[kind].severity) {
	case LOG_CRIT:
		return "crit";
	case LOG_ERR:
		return "err";
	case LOG_WARNING:
		return "warning";
	default:
		return "info";
	}
}

void
notice_dump(FILE *f)
{
	for (enum notice_kind kind = 0; kind < NOTICE_COUNT; kind++) {
		const struct notice_info *info = &notice_table[kind];

		(void) fprintf(f, ".It Cm %s Pq %s, %s\n%s\n.Va details :\n", info->name, info->message_id,
		    notice_severity(kind), info->help);
		for (const char *d = info->details; *d; d += strcspn(d, ",") + (d[strcspn(d, ",")] == ','))
			(void) fprintf(f, ".Va %.*s%s\n", (int) strcspn(d, ","), d, d[strcspn(d, ",")] ? " ," : " .");
	}
}

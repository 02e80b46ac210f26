/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/log_line.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"
#include "base/utf8.h"
#include "base/util.h"
#include "metrics/record.h"
#include "observe/log_message.h"

#define DAY 86400.0
#define MAX_DIGITS 18	     /* of a number: it fits an int64_t */
#define MAX_DOMID 0x7fef     /* public/xen.h: DOMID_FIRST_RESERVED - 1 */
#define MAX_PID (1 << 22)    /* of Linux */
#define TAG_ROOM 80	     /* how far into a line rsyslog's "message repeated" is looked for */
#define REPEATED_ROOM 1024   /* rsyslog repeats at most 800 bytes */

struct pattern {
	enum log_dialect dialect;
	const char *ident, *text;
	enum logged logged;
	enum toolstack toolstack;
};

static const struct pattern patterns[] = {
#define PATTERN(dialect, ident, text, logged, toolstack)                                           \
	{LOG_DIALECT_##dialect, ident, text, LOGGED_##logged, TOOLSTACK_##toolstack},
#include "observe/patterns.def"
};

/* The rows of one ident: nine lines of ten are told by their first bytes to be of none. */
struct group {
	enum log_dialect dialect;
	const char *ident;
	size_t literal; /* bytes of it before the first conversion */
	const struct pattern *first, *end;
};

static struct group groups[ARRAY_SIZE(patterns)];
static size_t n_groups;
static uint8_t begins[256]; /* a bit for each dialect that has an ident beginning with this byte */

static void
make_groups(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		const struct pattern *p = &patterns[i];
		struct group *g = n_groups ? &groups[n_groups - 1] : NULL;

		if (!g || g->dialect != p->dialect || strcmp(g->ident, p->ident) != 0) {
			g = &groups[n_groups++];
			*g = (struct group){p->dialect, p->ident, strcspn(p->ident, "%"), p, p};
			begins[(unsigned char) *p->ident] |= (uint8_t) (1 << p->dialect);
		}
		g->end = p + 1;
	}
}

/* What is left of a line. */
struct cursor {
	const char *p, *end;
};

static size_t
left(const struct cursor *c)
{
	return (size_t) (c->end - c->p);
}

static bool
begins_with(const struct cursor *c, const char *text, size_t n)
{
	return left(c) >= n && memcmp(c->p, text, n) == 0;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
skip(struct cursor *c, const char *text)
{
	size_t n = strlen(text);

	if (!begins_with(c, text, n))
		return false;
	c->p += n;
	return true;
}

/* -- the fields -- */

static bool
take_number(struct cursor *c, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = skip(c, "-");
	const char *from = c->p;
	int64_t v = 0;

	while (c->p < c->end && is_digit(*c->p) && c->p - from < MAX_DIGITS)
		v = v * 10 + (*c->p++ - '0');
	if (c->p == from || (c->p < c->end && is_digit(*c->p)))
		return false;
	if (negative)
		v = -v;
	if (v < min || v > max)
		return false;
	*ret = v;
	return true;
}

static bool
take_uuid(struct cursor *c, char *ret_uuid)
{
	char text[UUID_SIZE];

	if (left(c) < sizeof(text) - 1)
		return false;
	memcpy(text, c->p, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	c->p += sizeof(text) - 1;
	return parse_uuid(text, ret_uuid) == 0;
}

static bool
take_pages(struct cursor *c, struct event *e)
{
	int64_t v;

	if (!take_number(c, -INT64_MAX, UINT32_MAX - 1, &v))
		return false;
	if (v < 0 && e->logged != LOGGED_ROUND)
		return false;
	if (v < 0)
		e->logged = LOGGED_PROGRESS;
	else
		e->total = (uint64_t) v;
	return true;
}

/* "hvm_save", "save", "hvm_restore", "restore" */
static bool
take_mode(struct cursor *c, struct event *e)
{
	(void) skip(c, "hvm_");
	if (skip(c, "save"))
		e->role = ROLE_SAVE;
	else if (skip(c, "restore"))
		e->role = ROLE_RESTORE;
	else
		return false;
	return true;
}

static bool
take_live(struct cursor *c, struct event *e)
{
	if (skip(c, "non-live"))
		return true;
	if (e->role == ROLE_SAVE)
		e->role = ROLE_LIVE_SAVE;
	return skip(c, "live");
}

/* xapi's name of the task in which xenopsd works tells what for. */
static void
task_role(const char *task, size_t n, struct event *e)
{
	static const char *const saves[] = {"suspend", "checkpoint", "snapshot"};

	if (memmem(task, n, "migrate", strlen("migrate")))
		e->role = ROLE_LIVE_SAVE;
	for (size_t i = 0; i < ARRAY_SIZE(saves); i++)
		if (memmem(task, n, saves[i], strlen(saves[i])))
			e->role = ROLE_SAVE;
}

/* Anyone may have written it: bounded, without control characters. */
static void
copy_text(char *dst, size_t size, const char *p, size_t n)
{
	char text[LOG_TEXT_SIZE];

	n = MIN(n, sizeof(text) - 1);
	for (size_t i = 0; i < n; i++)
		text[i] = p[i] ? p[i] : '?';
	text[n] = '\0';
	utf8_clean(dst, size, text);
}

/* Goes to where the text up to the next conversion is found; without one, to the end. */
static bool
take_until(struct cursor *c, const char *pattern, const char **ret_from, size_t *ret_n)
{
	size_t n = strcspn(pattern, "%");
	const char *at = n ? memmem(c->p, left(c), pattern, n) : c->end;

	if (!at)
		return false;
	*ret_from = c->p;
	*ret_n = (size_t) (at - c->p);
	c->p = at;
	return true;
}

/* One conversion; rest: the pattern behind it. */
static bool
take(struct cursor *c, char conversion, const char *rest, struct event *e)
{
	const char *from;
	int64_t v = 0;
	size_t n;
	bool found;

	switch (conversion) {
	case '*':
		return take_until(c, rest, &from, &n);
	case 'k':
		found = take_until(c, rest, &from, &n);
		if (found)
			task_role(from, n, e);
		return found;
	case 't':
		copy_text(e->text, sizeof(e->text), c->p, left(c));
		c->p = c->end;
		return true;
	case 'j':
		return log_message_read(c->p, left(c), e);
	case 'u':
		return take_uuid(c, e->uuid);
	case 'm':
		return take_mode(c, e);
	case 'l':
		return take_live(c, e);
	case 'r':
		return take_pages(c, e);
	case 'd':
		found = take_number(c, 0, MAX_DOMID, &v);
		e->domid = (uint32_t) v;
		return found;
	case 'p':
		found = take_number(c, 1, MAX_PID, &v);
		e->pid = (pid_t) v;
		return found;
	case 'n':
		found = take_number(c, 0, MAX_ROUND_NUMBER, &v);
		e->number = (uint32_t) v;
		return found;
	case 's':
		found = take_number(c, 0, INT64_MAX, &v);
		e->done = (uint64_t) v;
		return found;
	case 'c':
		return take_number(c, INT32_MIN, INT32_MAX, &e->result);
	case 'i':
		return take_number(c, -INT64_MAX, INT64_MAX, &v);
	default:
		return false;
	}
}

/* Reads what the pattern says from here on; each byte is looked at once or twice. */
static bool
scan(struct cursor *c, const char *pattern, struct event *e)
{
	while (*pattern)
		if (*pattern == '%') {
			if (!take(c, pattern[1], pattern + 2, e))
				return false;
			pattern += 2;
		} else if (c->p == c->end || *c->p++ != *pattern++)
			return false;
	return true;
}

/* -- the stamp -- */

/* n digits. Negative: other bytes. */
static int
digits(const char *p, size_t n)
{
	int v = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_digit(p[i]))
			return -1;
		v = v * 10 + (p[i] - '0');
	}
	return v;
}

/* "Mar  4 09": the newest such hour that is not after the log's last line; a day's grace, as that may lie in
 * another time zone. */
static double
hour_begins(const char *p, double latest)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char name[4] = {p[0], p[1], p[2], '\0'};
	const char *month = strstr(months, name);
	int day = digits(p + (p[4] == ' ' ? 5 : 4), p[4] == ' ' ? 1 : 2), hour = digits(p + 7, 2);
	time_t newest = isfinite(latest) ? (time_t) latest : time(NULL), t;
	struct tm limit, tm;

	if (!month || (month - months) % 3 != 0 || day < 1 || day > 31 || hour < 0 || hour > 23 ||
	    !localtime_r(&newest, &limit))
		return NAN;
	for (int back = -1; back < 8; back++) { /* a leap day may be 8 years old */
		memset(&tm, 0, sizeof(tm));
		tm.tm_year = limit.tm_year - back;
		tm.tm_mon = (int) (month - months) / 3;
		tm.tm_mday = day;
		tm.tm_hour = hour;
		tm.tm_isdst = -1;
		t = mktime(&tm);
		if (tm.tm_mday == day && (double) t <= (double) newest + DAY)
			return (double) t;
	}
	return NAN;
}

static double
syslog_time(struct log_lines *l, const char *p)
{
	int minute = digits(p + 10, 2), second = digits(p + 13, 2);

	if (minute < 0 || minute > 59 || second < 0 || second > 60)
		return NAN;
	if (memcmp(l->hour, p, sizeof(l->hour)) != 0) {
		memcpy(l->hour, p, sizeof(l->hour));
		l->hour_begins = hour_begins(p, l->latest);
	}
	return l->hour_begins + minute * 60 + second;
}

/* "+00:00", "+0000", "Z": seconds east of Greenwich; without one: NAN. */
static double
zone(struct cursor *c)
{
	int sign, hours, minutes;

	if (skip(c, "Z"))
		return 0;
	sign = skip(c, "+") ? 1 : skip(c, "-") ? -1 : 0;
	if (sign == 0 || left(c) < 4)
		return NAN;
	hours = digits(c->p, 2);
	c->p += 2;
	(void) skip(c, ":");
	minutes = left(c) >= 2 ? digits(c->p, 2) : -1;
	c->p += MIN(left(c), 2);
	return hours < 0 || hours > 14 || minutes < 0 || minutes > 59 ? NAN
								       : sign * (hours * 60 + minutes) * 60.0;
}

/* "2026-03-04T09:17:35[.125][zone]", with any byte for T; without a zone it is local time. */
static double
iso_time(struct cursor *c, double *ret_resolution)
{
	const char *p = c->p;
	struct tm tm;
	double fraction = 0, scale = 1, east;

	if (left(c) < 19 || p[4] != '-' || p[7] != '-' || p[13] != ':' || p[16] != ':')
		return NAN;
	memset(&tm, 0, sizeof(tm));
	tm.tm_year = digits(p, 4) - 1900;
	tm.tm_mon = digits(p + 5, 2) - 1;
	tm.tm_mday = digits(p + 8, 2);
	tm.tm_hour = digits(p + 11, 2);
	tm.tm_min = digits(p + 14, 2);
	tm.tm_sec = digits(p + 17, 2);
	tm.tm_isdst = -1;
	if (tm.tm_year < 70 || tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 ||
	    tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
		return NAN;
	c->p += 19;
	if (skip(c, ".") || skip(c, ","))
		for (; c->p < c->end && is_digit(*c->p) && scale > 1e-9; c->p++) {
			scale /= 10;
			fraction += (*c->p - '0') * scale;
		}
	*ret_resolution = scale;
	east = zone(c);
	return isnan(east) ? (double) mktime(&tm) + fraction : (double) timegm(&tm) + fraction - east;
}

/* -- a line -- */

/* Goes behind stamp and host, without reading the stamp: nine lines of ten are of no interest. */
static enum log_dialect
skip_head(struct log_lines *l, struct cursor *c)
{
	const char *p = c->p, *space;

	if (left(c) > 17 && p[6] == ' ' && p[9] == ':' && p[12] == ':' && p[15] == ' ' && p[3] == ' ')
		c->p += 16;
	else if (left(c) > 21 && p[4] == '-' && p[7] == '-' && p[10] == 'T' && p[13] == ':') {
		space = memchr(p + 19, ' ', left(c) - 19);
		if (!space)
			return LOG_DIALECT_NONE;
		c->p = space + 1;
	} else if (left(c) > 21 && p[4] == '-' && p[7] == '-' && p[10] == ' ' && p[13] == ':') {
		space = memmem(p + 19, left(c) - 19, ": ", 2);
		if (!space)
			return LOG_DIALECT_NONE;
		c->p = space + 2;
		return LOG_DIALECT_LIBVIRT;
	} else
		return LOG_DIALECT_BARE;
	if (l->host_n && left(c) > l->host_n && memcmp(c->p, l->host, l->host_n) == 0) {
		c->p += l->host_n;
		return LOG_DIALECT_SYSLOG;
	}
	space = memchr(c->p, ' ', left(c));
	if (!space)
		return LOG_DIALECT_NONE;
	l->host_n = (size_t) (space + 1 - c->p); /* with its space, so that no other host begins with it */
	if (l->host_n > sizeof(l->host))
		l->host_n = 0;
	memcpy(l->host, c->p, l->host_n);
	c->p = space + 1;
	return LOG_DIALECT_SYSLOG;
}

/* "tag: message repeated 3 times: [ text]" to "tag: text" in buf. */
static void
unfold_repeated(struct cursor *c, char *buf, size_t size)
{
	const char *colon = memchr(c->p, ':', MIN(left(c), TAG_ROOM));
	struct cursor inner = {colon ? colon : c->end, c->end};
	size_t tag = colon ? (size_t) (colon - c->p) + 2 : 0;
	int64_t times;

	if (!skip(&inner, ": message repeated ") || !take_number(&inner, 0, INT64_MAX, &times) ||
	    !skip(&inner, " times: ["))
		return;
	(void) skip(&inner, " ");
	inner.end -= left(&inner) > 0 && inner.end[-1] == ']';
	if (tag + left(&inner) > size)
		return;
	memcpy(buf, c->p, tag);
	memcpy(buf + tag, inner.p, left(&inner));
	*c = (struct cursor){buf, buf + tag + left(&inner)};
}

/* The ident into a fresh event. */
static bool
read_ident(const struct group *g, struct cursor *c, struct event *ret)
{
	*ret = (struct event){
	    .kind = EVENT_LOGGED, .source = SOURCE_LOG, .at = NAN, .seconds = NAN, .domid = NO_DOMID};
	return scan(c, g->ident, ret);
}

static bool
read_group(const struct group *g, const struct cursor *whole, struct event *ret)
{
	struct cursor behind = *whole;

	if (!read_ident(g, &behind, ret))
		return false;
	for (const struct pattern *p = g->first; p < g->end; p++) {
		struct cursor c = behind;

		if (*p->text != '%' && (left(&c) == 0 || *c.p != *p->text))
			continue;
		ret->logged = p->logged;
		ret->toolstack = p->toolstack;
		if (scan(&c, p->text, ret)) {
			if (!*ret->text && (ret->logged == LOGGED_FAILURE || ret->logged == LOGGED_FAILED))
				copy_text(ret->text, sizeof(ret->text), whole->p, left(whole));
			return true;
		}
		c = *whole; /* without what was read of this row */
		(void) read_ident(g, &c, ret);
	}
	return false;
}

void
log_lines_init(struct log_lines *l, double latest)
{
	memset(l, 0, sizeof(*l));
	l->latest = latest;
	l->hour_begins = NAN;
	if (n_groups == 0)
		make_groups();
}

double
log_line_time(struct log_lines *l, const char *line, size_t n, double *ret_resolution)
{
	struct cursor c = {line, line + n};

	*ret_resolution = 1;
	if (n < 16)
		return NAN;
	return line[3] == ' ' ? syslog_time(l, line) : iso_time(&c, ret_resolution);
}

/* Anything but a group's own bytes at the beginning of what follows the host is of no interest. */
static const struct group *
find_group(enum log_dialect dialect, const struct cursor *c, const struct group *from)
{
	for (const struct group *g = from; g < groups + n_groups; g++)
		if (g->dialect == dialect && begins_with(c, g->ident, g->literal))
			return g;
	return NULL;
}

bool
log_line_read(struct log_lines *l, const char *line, size_t n, struct event *ret)
{
	struct cursor c = {line, line + n};
	enum log_dialect dialect = skip_head(l, &c);
	const struct group *g;
	char buf[REPEATED_ROOM];

	/* "last message repeated 3 times" is none of them: what it repeats was said already */
	if (left(&c) == 0 || !(begins[(unsigned char) *c.p] & 1 << dialect))
		return false;
	g = find_group(dialect, &c, groups);
	if (!g)
		return false;
	if (c.end[-1] == '\r')
		c.end--;
	if (dialect == LOG_DIALECT_SYSLOG)
		unfold_repeated(&c, buf, sizeof(buf));
	while (g && !read_group(g, &c, ret))
		g = find_group(dialect, &c, g + 1);
	if (!g)
		return false;
	if (dialect != LOG_DIALECT_BARE)
		ret->at = log_line_time(l, line, n, &ret->seconds);
	return dialect == LOG_DIALECT_BARE || isfinite(ret->at);
}

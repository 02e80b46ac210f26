/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/uprobe_text.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>

#include "base/parse.h"
#include "base/utf8.h"
#include "base/util.h"

#define MAX_LINE 512
#define MAX_CALLS 64
#define COMM_WIDTH 16 /* "%16s-%-7d [%03d] ..." in kernel/trace/trace_output.c */

/* An operation that was entered. */
struct call {
	bool used;
	struct event event;
};

struct uprobe_text {
	char line[MAX_LINE + 1];
	size_t n;
	bool too_long; /* the rest of this line is passed over */
	struct call call[MAX_CALLS];
	size_t next_call; /* taken when all are used */
	uint64_t lost;
};

/* One line, taken apart. The fields are "name=value" of the probe's definition. */
struct parts {
	struct event event; /* at, pid, comm */
	const char *probe, *fields;
};

struct uprobe_text *
uprobe_text_new(void)
{
	return xcalloc(1, sizeof(struct uprobe_text));
}

void
uprobe_text_free(struct uprobe_text *u)
{
	free(u);
}

uint64_t
uprobe_text_lost(const struct uprobe_text *u)
{
	return u->lost;
}

/* The digits at *p as a number of at most max, and *p moved behind them. */
static bool
number(const char **p, uint64_t max, uint64_t *ret)
{
	const char *c = *p;
	uint64_t v = 0;

	for (; *c >= '0' && *c <= '9'; c++) {
		unsigned digit = (unsigned) (*c - '0');

		if (v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (c == *p)
		return false;
	*p = c;
	*ret = v;
	return true;
}

/* The value of a field, NULL if there is none. Our definitions have the text last, so that nothing
 * in it can be taken for a field. */
static const char *
field(const struct parts *l, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = l->fields; p; p = strchr(p, ' ')) {
		p += *p == ' ';
		if (strncmp(p, name, n) == 0 && p[n] == '=')
			return p + n + 1;
	}
	return NULL;
}

static bool
field_number(const struct parts *l, const char *name, uint64_t max, uint64_t *ret)
{
	const char *p = field(l, name);

	return p && number(&p, max, ret) && (*p == ' ' || *p == '\0');
}

static bool
field_u32(const struct parts *l, const char *name, uint32_t *ret)
{
	uint64_t v;

	if (!field_number(l, name, UINT32_MAX, &v))
		return false;
	*ret = (uint32_t) v;
	return true;
}

/* "   libxl-save-help-265     [000] d..2.    41.293063: single: (0x7f4d570959f0) text=..." */
static int
split(char *line, struct parts *ret)
{
	const char *p = line + COMM_WIDTH;
	uint64_t tid, cpu, seconds, micros;
	char *colon;

	memset(ret, 0, sizeof(*ret));
	if (strnlen(line, COMM_WIDTH + 1) <= COMM_WIDTH || *p != '-')
		return -EBADMSG;
	line[COMM_WIDTH] = '\0';
	utf8_clean(ret->event.comm, sizeof(ret->event.comm), line + strspn(line, " "));
	p++;
	if (!number(&p, INT32_MAX, &tid))
		return -EBADMSG;
	p = strchr(p, '[');
	if (!p)
		return -EBADMSG;
	p++;
	if (!number(&p, UINT32_MAX, &cpu) || *p != ']')
		return -EBADMSG;
	p += 1 + strspn(p + 1, " ");
	if (*p < '0' || *p > '9' ||
	    strcspn(p, ".") > strcspn(p, " ")) /* the flags, if they are shown */
		p += strcspn(p, " ");
	p += strspn(p, " ");
	if (!number(&p, UINT32_MAX, &seconds) || *p++ != '.' || !number(&p, 999999, &micros) ||
	    p[0] != ':' || p[1] != ' ')
		return -EBADMSG;
	ret->event.at = (double) seconds + (double) micros / 1e6;
	ret->event.pid = (pid_t) tid;
	ret->probe = p + 2;
	colon = strchr(ret->probe, ':');
	if (!colon || strncmp(colon, ": (", 3) != 0)
		return -EBADMSG;
	*colon = '\0';
	p = strchr(colon + 3, ')');
	if (!p || (p[1] != ' ' && p[1] != '\0'))
		return -EBADMSG;
	ret->fields = p + 1;
	return 0;
}

static void
call_begin(struct uprobe_text *u, const struct event *e)
{
	struct call *free_call = NULL;

	for (size_t i = 0; i < MAX_CALLS; i++) {
		struct call *c = &u->call[i];

		if (c->used && c->event.pid == e->pid) { /* its return was not seen */
			free_call = c;
			break;
		}
		if (!c->used && !free_call)
			free_call = c;
	}
	if (!free_call) {
		free_call = &u->call[u->next_call];
		u->next_call = (u->next_call + 1) % MAX_CALLS;
	}
	free_call->used = true;
	free_call->event = *e;
}

static bool
call_end(struct uprobe_text *u, pid_t pid, struct event *ret)
{
	for (size_t i = 0; i < MAX_CALLS; i++) {
		struct call *c = &u->call[i];

		if (c->used && c->event.pid == pid) {
			c->used = false;
			*ret = c->event;
			return true;
		}
	}
	return false;
}

static void
entered(struct uprobe_text *u, const struct parts *l)
{
	struct event e = l->event;

	if (!field_u32(l, "dom", &e.domid) || !field_u32(l, "sop", &e.op))
		return;
	(void) field_u32(l, "mode", &e.mode);
	(void) field_number(l, "pages", UINT64_MAX, &e.pages);
	call_begin(u, &e);
}

/* libxc returns the pages that it was asked for, or less than 0. */
static bool
returned(struct uprobe_text *u, const struct parts *l, struct event *ret)
{
	const char *result = field(l, "ret");
	struct event e;

	if (!result || !call_end(u, l->event.pid, &e))
		return false;
	e.kind = EVENT_SHADOW_OP;
	e.seconds = l->event.at >= e.at ? l->event.at - e.at : NAN;
	e.at = l->event.at;
	e.result = *result == '-' ? -1 : 0;
	if (e.op != SHADOW_OP_CLEAN || e.result < 0)
		e.pages = 0;
	else if (!field_u32(l, "dirty", &e.dirty))
		return false;
	*ret = e;
	return true;
}

/* The text between the quotes; false if it is not there or does not fit. */
static bool
quoted(const struct parts *l, char *to, size_t n)
{
	const char *p = field(l, "text");
	size_t length;

	if (!p || *p != '"')
		return false;
	length = strlen(p + 1);
	if (length == 0 || p[length] != '"' || length > n)
		return false;
	memcpy(to, p + 1, length - 1);
	to[length - 1] = '\0';
	return true;
}

static bool
named(const struct parts *l, struct event *ret)
{
	static const char prefix[] = "Frames iteration ";
	char text[64];
	uint64_t n;

	if (!quoted(l, text, sizeof(text)) || strncmp(text, prefix, strlen(prefix)) != 0 ||
	    parse_u64(text + strlen(prefix), 0, UINT32_MAX, &n) < 0)
		return false;
	ret->kind = EVENT_ROUND_NAMED;
	ret->number = (uint32_t) n;
	return true;
}

static bool
staged(const struct parts *l, struct event *ret)
{
	static const struct {
		const char *text;
		enum stage stage;
	} stages[] = {
	    {"Start of stream", STAGE_START_OF_STREAM},
	    {"Domain now suspended", STAGE_SUSPENDED},
	    {"End of stream", STAGE_END_OF_STREAM},
	    {"Complete", STAGE_COMPLETE},
	};
	char text[64];

	if (!quoted(l, text, sizeof(text)))
		return false;
	ret->kind = EVENT_STAGE;
	ret->stage = STAGE_OTHER;
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
		if (strcmp(text, stages[i].text) == 0)
			ret->stage = stages[i].stage;
	return true;
}

/* A whole line; true if it makes an event. */
static bool
to_event(struct uprobe_text *u, char *line, struct event *ret)
{
	struct parts l;

	if (split(line, &l) < 0)
		return false;
	l.event.source = SOURCE_UPROBE;
	l.event.seconds = NAN;
	*ret = l.event;
	if (strcmp(l.probe, "logdirty") == 0 || strcmp(l.probe, "shadow") == 0) {
		entered(u, &l);
		return false;
	}
	if (strcmp(l.probe, "logdirty_ret") == 0 || strcmp(l.probe, "shadow_ret") == 0)
		return returned(u, &l, ret);
	if (strcmp(l.probe, "prefix") == 0)
		return named(&l, ret);
	if (strcmp(l.probe, "single") == 0)
		return staged(&l, ret);
	ret->kind = EVENT_STEP;
	return strcmp(l.probe, "step") == 0 && field_number(&l, "done", UINT64_MAX, &ret->done) &&
	       field_number(&l, "total", UINT64_MAX, &ret->total);
}

/* "CPU:0 [LOST 123 EVENTS]", or without the number. */
static bool
lost_events(struct uprobe_text *u)
{
	const char *p = u->line;
	uint64_t n = 1;

	if (strncmp(p, "CPU:", 4) != 0)
		return false;
	p = strstr(p, " [LOST ");
	if (!p)
		return false;
	p += 7;
	(void) number(&p, UINT32_MAX, &n);
	u->lost += n;
	return true;
}

void
uprobe_text_feed(struct uprobe_text *u, const char *text, size_t n, event_fn *fn, void *arg)
{
	struct event e;

	for (size_t i = 0; i < n; i++) {
		if (text[i] != '\n') {
			if (u->n < MAX_LINE)
				u->line[u->n++] = text[i];
			else
				u->too_long = true;
			continue;
		}
		u->line[u->n] = '\0';
		if (!u->too_long && strlen(u->line) == u->n && !lost_events(u) &&
		    to_event(u, u->line, &e))
			fn(arg, &e);
		u->n = 0;
		u->too_long = false;
	}
}

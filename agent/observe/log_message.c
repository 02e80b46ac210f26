/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/log_message.h"

#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/util.h"
#include "metrics/record.h"

enum member { MEMBER_OTHER, MEMBER_EVENT, MEMBER_DATA, MEMBER_SENT, MEMBER_REMAINING, MEMBER_ITERATION, MEMBER_STATUS };

#define MAX_DEPTH 8 /* of a message; xenguest's have 2 */

struct message {
	enum member member;	/* whose value comes */
	unsigned depth, data;	/* the depth of "data", 0 outside of it */
	bool migration, completed;
	bool has_sent, has_remaining, has_iteration;
	long long sent, remaining, iteration;
};

static bool
is_text(const unsigned char *s, size_t n, const char *text)
{
	return n == strlen(text) && memcmp(s, text, n) == 0;
}

static int
on_key(void *arg, const unsigned char *s, size_t n)
{
	static const char *const outer[] = {[MEMBER_EVENT] = "event", [MEMBER_DATA] = "data"};
	static const char *const inner[] = {[MEMBER_SENT] = "sent", [MEMBER_REMAINING] = "remaining",
	    [MEMBER_ITERATION] = "iteration", [MEMBER_STATUS] = "status"};
	struct message *m = arg;

	m->member = MEMBER_OTHER;
	for (size_t i = 0; m->depth == 1 && i < ARRAY_SIZE(outer); i++)
		if (outer[i] && is_text(s, n, outer[i]))
			m->member = (enum member) i;
	for (size_t i = 0; m->data && m->depth == m->data && i < ARRAY_SIZE(inner); i++)
		if (inner[i] && is_text(s, n, inner[i]))
			m->member = (enum member) i;
	return 1;
}

static int
on_text(void *arg, const unsigned char *s, size_t n)
{
	struct message *m = arg;

	if (m->member == MEMBER_EVENT)
		m->migration = is_text(s, n, "MIGRATION");
	else if (m->member == MEMBER_STATUS)
		m->completed = is_text(s, n, "completed");
	return 1;
}

static int
on_integer(void *arg, long long v)
{
	struct message *m = arg;

	switch (m->member) {
	case MEMBER_SENT:
		m->sent = v;
		m->has_sent = true;
		break;
	case MEMBER_REMAINING:
		m->remaining = v;
		m->has_remaining = true;
		break;
	case MEMBER_ITERATION:
		m->iteration = v;
		m->has_iteration = true;
		break;
	default:
		break;
	}
	return 1;
}

static int
on_open(void *arg)
{
	struct message *m = arg;

	if (++m->depth > MAX_DEPTH)
		return 0;
	if (m->member == MEMBER_DATA && m->depth == 2)
		m->data = m->depth;
	m->member = MEMBER_OTHER;
	return 1;
}

static int
on_close(void *arg)
{
	struct message *m = arg;

	if (m->depth == m->data)
		m->data = 0;
	m->depth--;
	m->member = MEMBER_OTHER;
	return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_integer = on_integer,
    .yajl_string = on_text,
    .yajl_start_map = on_open,
    .yajl_map_key = on_key,
    .yajl_end_map = on_close,
    .yajl_start_array = on_open,
    .yajl_end_array = on_close,
};

bool
log_message_read(const char *text, size_t n, struct event *e)
{
	struct message m = {.member = MEMBER_OTHER};
	yajl_handle h = yajl_alloc(&callbacks, NULL, &m);
	bool whole;

	if (!h)
		abort();
	whole = yajl_parse(h, (const unsigned char *) text, n) == yajl_status_ok &&
		yajl_complete_parse(h) == yajl_status_ok;
	yajl_free(h);
	if (!whole || !m.migration)
		return false;
	if (m.completed) {
		e->logged = LOGGED_SENT;
		return true;
	}
	if (!m.has_sent || !m.has_remaining || !m.has_iteration || m.sent < 0 || m.iteration < 0 ||
	    m.iteration > MAX_ROUND_NUMBER || m.remaining >= UINT32_MAX)
		return false;
	e->logged = m.remaining < 0 ? LOGGED_PROGRESS : LOGGED_ROUND;
	e->total = m.remaining < 0 ? 0 : (uint64_t) m.remaining;
	e->done = (uint64_t) m.sent;
	e->number = (uint32_t) m.iteration;
	return true;
}

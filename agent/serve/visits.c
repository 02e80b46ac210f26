/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/visits.h"

#include <math.h>
#include <sys/socket.h>

#include "base/util.h"

struct visit {
	struct visit *before, *after;
	int fd;
	double due; /* CLOCK_MONOTONIC; INFINITY: it is shut down */
};

struct visits {
	struct visit *first;
	double swept;
};

struct visits *
visits_new(void)
{
	return xcalloc(1, sizeof(struct visits));
}

void
visits_free(struct visits *v)
{
	free(v);
}

struct visit *
visit_begin(struct visits *v, int fd, const struct tick *now)
{
	struct visit *i = xcalloc(1, sizeof(*i));

	i->fd = fd;
	i->due = now->mono + REQUEST_SECONDS;
	i->after = v->first;
	if (i->after)
		i->after->before = i;
	v->first = i;
	return i;
}

static void
expect(struct visit *i, const struct tick *now, double seconds)
{
	if (i && i->due < INFINITY)
		i->due = now->mono + seconds;
}

void
visit_answered(struct visit *i, const struct tick *now)
{
	expect(i, now, ANSWER_SECONDS);
}

void
visit_done(struct visit *i, const struct tick *now)
{
	expect(i, now, REQUEST_SECONDS);
}

void
visit_end(struct visits *v, struct visit *i)
{
	if (i->after)
		i->after->before = i->before;
	if (i->before)
		i->before->after = i->after;
	else
		v->first = i->after;
	free(i);
}

void
visits_sweep(struct visits *v, const struct tick *now)
{
	if (now->mono < v->swept + 1)
		return;
	v->swept = now->mono;
	for (struct visit *i = v->first; i; i = i->after)
		if (i->due <= now->mono) {
			(void) shutdown(i->fd, SHUT_RDWR);
			i->due = INFINITY;
		}
}

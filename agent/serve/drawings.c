/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/drawings.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/util.h"
#include "serve/drawer.h"
#include "serve/picture.h"

#define BUSY (-1) /* how it ended: not yet */
#define GONE (-2) /* the drawer has ended */
#define NOBODY (-3) /* there never was one */
#define CLOGGED (-4) /* the drawer could not be told */

struct drawing {
	struct drawing *next; /* older */
	struct strbuf request, picture;
	const char *type;
	int end; /* enum picture_end, or one of the above */
	bool asked; /* the drawer has the request */
	size_t users;
	struct MHD_Connection **waiting;
	size_t n_waiting;
};

struct drawings {
	struct loop *loop;
	int fd; /* -1: there is none */
	bool had; /* there was one */
	drawings_fn *drawn;
	void *arg;
	struct drawing *newest;
};

static void
drawing_free(struct drawing *x)
{
	strbuf_done(&x->request);
	strbuf_done(&x->picture);
	free(x->waiting);
	free(x);
}

/* --- what is kept --- */

/* Drops what nobody uses: failures, and pictures beyond what is kept, the oldest first. */
static void
trim(struct drawings *d)
{
	size_t kept = 0, bytes = 0;

	for (struct drawing **p = &d->newest; *p;) {
		struct drawing *x = *p;
		bool drawn = x->end == PICTURE_DONE;

		kept += drawn;
		bytes += drawn ? x->request.n + x->picture.n : 0;
		if (x->users > 0 || (drawn && kept <= MAX_DRAWINGS_KEPT && bytes <= MAX_DRAWINGS_BYTES)) {
			p = &x->next;
			continue;
		}
		*p = x->next;
		drawing_free(x);
	}
}

/* One that is drawn, or being drawn. */
static struct drawing *
find(const struct drawings *d, const struct strbuf *request)
{
	struct drawing *x = d->newest;

	while (x && ((x->end != BUSY && x->end != PICTURE_DONE) || x->request.n != request->n ||
			memcmp(x->request.text, request->text, request->n) != 0))
		x = x->next;
	return x;
}

static size_t
count_busy(const struct drawings *d)
{
	size_t n = 0;

	for (const struct drawing *x = d->newest; x; x = x->next)
		n += x->end == BUSY;
	return n;
}

/* --- the drawer --- */

/* The one that it is at. */
static struct drawing *
asked(const struct drawings *d)
{
	struct drawing *x = d->newest;

	while (x && (x->end != BUSY || !x->asked))
		x = x->next;
	return x;
}

static void
ended(struct drawing *x, int how)
{
	x->end = how;
	for (size_t i = 0; i < x->n_waiting; i++)
		MHD_resume_connection(x->waiting[i]);
	x->n_waiting = 0;
}

static void
lose_drawer(struct drawings *d)
{
	if (d->fd >= 0) {
		loop_remove(d->loop, d->fd);
		closep(&d->fd);
	}
	for (struct drawing *x = d->newest; x; x = x->next)
		if (x->end == BUSY)
			ended(x, GONE);
}

static struct drawing *
waited_longest(const struct drawings *d)
{
	struct drawing *longest = NULL;

	for (struct drawing *x = d->newest; x; x = x->next)
		if (x->end == BUSY)
			longest = x;
	return longest;
}

/* Hands over the one that has waited longest, if the drawer is idle. One that cannot be handed over for want of memory
 * costs this picture, not the drawer. */
static void
ask_next(struct drawings *d)
{
	struct drawing *next;

	while (!asked(d) && (next = waited_longest(d)) != NULL) {
		if (send(d->fd, next->request.text, next->request.n, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			next->asked = true;
		else if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == EINTR)
			ended(next, CLOGGED);
		else
			lose_drawer(d);
	}
}

/* One packet of the drawer. False: there is none, or the drawer has gone. */
static bool
read_packet(struct drawings *d)
{
	char packet[PICTURE_PACKET];
	ssize_t n = recv(d->fd, packet, sizeof(packet), MSG_DONTWAIT);
	struct drawing *x = asked(d);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 2 || !x || (packet[0] != PICTURE_PART && packet[0] != PICTURE_END)) {
		lose_drawer(d);
		return false;
	}
	if (packet[0] == PICTURE_END)
		ended(x, packet[1] == PICTURE_DONE && x->picture.n == 0 ? PICTURE_FAILED : packet[1]);
	else if (x->picture.n + (size_t) n > PICTURE_BYTES)
		lose_drawer(d);
	else
		strbuf_add(&x->picture, packet + 1, (size_t) n - 1);
	return d->fd >= 0;
}

static void
on_drawer(void *arg, uint32_t events, const struct tick *now)
{
	struct drawings *d = arg;

	(void) events;
	while (read_packet(d))
		;
	if (d->fd >= 0)
		ask_next(d);
	trim(d);
	d->drawn(d->arg, now);
}

int
drawings_new(struct loop *loop, int drawer, drawings_fn *drawn, void *arg, struct drawings **ret)
{
	struct drawings *d = xcalloc(1, sizeof(*d));
	int r;

	d->loop = loop;
	d->had = drawer > 0;
	d->fd = d->had ? drawer : -1;
	d->drawn = drawn;
	d->arg = arg;
	r = d->had ? loop_add(loop, drawer, EPOLLIN, on_drawer, d) : 0;
	if (r < 0) {
		(void) close(drawer);
		free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void
drawings_stop(struct drawings *d)
{
	if (d)
		lose_drawer(d);
}

void
drawings_free(struct drawings *d)
{
	struct drawing *x;

	if (!d)
		return;
	while ((x = d->newest) != NULL) {
		d->newest = x->next;
		drawing_free(x);
	}
	free(d);
}

/* --- the clients --- */

/* Takes the request over. NULL: too much is waited for. */
static struct drawing *
begin(struct drawings *d, struct reply *reply)
{
	struct drawing *x;

	if (count_busy(d) >= MAX_DRAWINGS_WAITED)
		return NULL;
	x = xcalloc(1, sizeof(*x));
	x->end = BUSY;
	x->type = reply->type;
	x->request = reply->drawing;
	reply->drawing = (struct strbuf){NULL, 0, 0};
	x->next = d->newest;
	d->newest = x;
	ask_next(d);
	return x;
}

static void
wait_for(struct drawing *x, struct MHD_Connection *c)
{
	x->waiting = xrealloc(x->waiting, (x->n_waiting + 1) * sizeof(*x->waiting));
	x->waiting[x->n_waiting++] = c;
	MHD_suspend_connection(c);
}

static void
refuse(const struct request *q, int end, struct reply *ret)
{
	switch (end) {
	case NOBODY:
		problem(q, ret, 501, "pictures are drawn by xenscope-graph, which was not there when the agent was "
		    "started: install the package xenscope-graphs or set graph_program, and start it again");
		return;
	case PICTURE_NOT_INSTALLED:
		problem(q, ret, 501, "pictures are drawn by xenscope-graph, which is not installed on this host: "
		    "install the package xenscope-graphs");
		return;
	case PICTURE_LATE:
		problem(q, ret, 503, "the picture was not drawn within %d seconds; ask for a smaller one",
		    DRAWER_SECONDS);
		return;
	case GONE:
		problem(q, ret, 503, "the process that draws pictures has ended; it is there again when the agent is "
		    "started again");
		return;
	case CLOGGED:
		problem(q, ret, 503, "the process that draws pictures takes no more now; ask again in a moment");
		return;
	default:
		problem(q, ret, 500, "xenscope-graph could not draw the picture; the agent's log says why");
	}
}

bool
drawings_reply(struct drawings *d, struct MHD_Connection *c, const struct request *q, struct drawing **x,
    struct reply *ret)
{
	if (!*x && d->fd < 0) {
		refuse(q, d->had ? GONE : NOBODY, ret);
		return true;
	}
	if (!*x) {
		*x = find(d, &ret->drawing);
		if (!*x)
			*x = begin(d, ret);
		if (!*x) {
			problem(q, ret, 503, "%d pictures are waited for already; ask again in a moment",
			    MAX_DRAWINGS_WAITED);
			return true;
		}
		(*x)->users++;
	}
	if ((*x)->end == BUSY) {
		wait_for(*x, c);
		return false;
	}
	if ((*x)->end == PICTURE_DONE) {
		ret->type = (*x)->type;
		strbuf_add(&ret->body, (*x)->picture.text, (*x)->picture.n);
	} else {
		refuse(q, (*x)->end, ret);
	}
	return true;
}

void
drawing_release(struct drawings *d, struct drawing *x)
{
	if (!x)
		return;
	x->users--;
	trim(d);
}

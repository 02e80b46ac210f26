/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/half.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/file.h>

#include "base/log.h"
#include "base/usage.h"
#include "base/util.h"
#include "serve/http.h"
#include "serve/link.h"

#define LOOK_SECONDS 0.1	 /* between two looks for an agent that takes our place */
#define ORPHAN_SECONDS 86400.0	 /* after that long nobody waits for these figures any more */

struct half {
	struct loop *loop;
	struct view *view;
	struct http *http;
	struct link_reader *reader;
	int link;
	double orphaned; /* CLOCK_MONOTONIC */
};

static void
on_sample(void *arg, struct sample *s)
{
	const struct half *h = arg;

	http_show(h->http, s);
	view_set_sample(h->view, s);
}

static void
on_record(void *arg, struct migration_record *r)
{
	view_set_record(((struct half *) arg)->view, r);
}

/* An agent locks the directory that we look at as long as it lives. */
static bool
has_successor(const struct half *h)
{
	_cleanup_(closep) int fd = open(h->view->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static void
look_for_successor(void *arg, uint32_t events, const struct tick *now)
{
	struct half *h = arg;

	(void) events;
	if (has_successor(h) || now->mono - h->orphaned > ORPHAN_SECONDS)
		loop_stop(h->loop, EXIT_SUCCESS);
}

/* The root half was killed, else it would have ended this one: what it left is better than nothing. */
static void
go_stale(struct half *h, const struct tick *now)
{
	log_warn("serve", "the agent has gone: its last figures are shown, as stale, until it is started again");
	loop_remove(h->loop, h->link);
	view_set_stale(h->view);
	h->orphaned = now->mono;
	if (loop_every(h->loop, LOOK_SECONDS, LOOK_SECONDS, look_for_successor, h) < 0)
		loop_stop(h->loop, EXIT_FAILURE);
}

static void
on_link(void *arg, uint32_t events, const struct tick *now)
{
	struct half *h = arg;
	int r = link_read(h->reader);

	(void) events;
	if (r == 0)
		return;
	if (r == -EPIPE) {
		go_stale(h, now);
		return;
	}
	log_err("serve", "the link to the root half: %s", strerror(-r));
	loop_stop(h->loop, EXIT_FAILURE);
}

int
half_run(struct view *view, struct serve_sockets *sockets, int link)
{
	_cleanup_(closep) int fd = link;
	struct half h = {.view = view, .link = link};
	int r = loop_new(&h.loop);

	if (r == 0) {
		h.reader = link_reader_new(fd, on_sample, on_record, &h);
		r = http_new(h.loop, sockets, view, &h.http);
	}
	if (r == 0)
		r = loop_add(h.loop, fd, EPOLLIN, on_link, &h);
	if (r == 0)
		r = MIN(usage_give_back(h.loop), 0);
	if (r == 0)
		r = loop_run(h.loop);
	if (r < 0)
		log_err("serve", "cannot serve: %s", strerror(-r));
	http_free(h.http);
	link_reader_free(h.reader);
	loop_free(h.loop);
	return r < 0 ? EXIT_FAILURE : r;
}

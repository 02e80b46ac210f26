/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/half.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/util.h"
#include "serve/http.h"
#include "serve/link.h"

struct half {
	struct loop *loop;
	struct view *view;
	struct link_reader *reader;
};

static void
on_sample(void *arg, struct sample *s)
{
	view_set_sample(arg, s);
}

static void
on_record(void *arg, struct migration_record *r)
{
	view_set_record(arg, r);
}

static void
on_link(void *arg, uint32_t events, const struct tick *now)
{
	struct half *h = arg;
	int r = link_read(h->reader);

	(void) events;
	(void) now;
	if (r == 0)
		return;
	if (r != -EPIPE)
		log_err("serve", "the link to the root half: %s", strerror(-r));
	loop_stop(h->loop, r == -EPIPE ? EXIT_SUCCESS : EXIT_FAILURE);
}

int
half_run(struct view *view, struct serve_sockets *sockets, int link)
{
	_cleanup_(closep) int fd = link;
	struct half h = {.view = view};
	struct http *http = NULL;
	int r = loop_new(&h.loop);

	if (r == 0) {
		h.reader = link_reader_new(fd, on_sample, on_record, view);
		r = http_new(h.loop, sockets, view, &http);
	}
	if (r == 0)
		r = loop_add(h.loop, fd, EPOLLIN, on_link, &h);
	if (r == 0)
		r = loop_run(h.loop);
	if (r < 0)
		log_err("serve", "cannot serve: %s", strerror(-r));
	http_free(http);
	link_reader_free(h.reader);
	loop_free(h.loop);
	return r < 0 ? EXIT_FAILURE : r;
}

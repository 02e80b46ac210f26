/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <sys/socket.h>

#include "base/util.h"
#include "serve/visits.h"
#include "tests/tap.h"

struct client {
	int fd[2]; /* ours, the server's */
	struct visit *visit;
};

static struct visits *visits;

static struct tick
at(double mono)
{
	return (struct tick){.mono = mono};
}

static void
arrive(struct client *c, double when)
{
	const struct tick now = at(when);

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, c->fd) < 0)
		abort();
	c->visit = visit_begin(visits, c->fd[1], &now);
}

/* True if the server has shut it down by then. */
static int
is_shut(const struct client *c, double when)
{
	const struct tick now = at(when);
	char byte;

	visits_sweep(visits, &now);
	return recv(c->fd[0], &byte, 1, MSG_DONTWAIT) == 0;
}

static void
leave(struct client *c)
{
	visit_end(visits, c->visit);
	(void) close(c->fd[0]);
	(void) close(c->fd[1]);
}

int
main(void)
{
	struct client slow, asks, reads;
	struct tick now;

	visits = visits_new();
	arrive(&slow, 100);
	arrive(&asks, 100);
	arrive(&reads, 100);
	now = at(110);
	visit_answered(reads.visit, &now);
	visit_answered(asks.visit, &now);
	now = at(111);
	visit_done(asks.visit, &now);
	ok(!is_shut(&slow, 119.9) && is_shut(&slow, 121), "who does not send a request whole in 20 s is sent away");
	ok(!is_shut(&asks, 130), "who has had an answer has 20 s for the next request");
	ok(is_shut(&asks, 131), "and no longer");
	ok(!is_shut(&reads, 229) && is_shut(&reads, 230), "who does not take the answer in 120 s is sent away");
	leave(&asks);
	leave(&slow);
	visit_done(reads.visit, &now);
	ok(is_shut(&reads, 1000), "which is not taken back");
	arrive(&slow, 1000);
	ok(!is_shut(&slow, 1019) && !is_shut(&slow, 1019.5), "between two looks is a second");
	leave(&reads);
	visit_answered(NULL, &now);
	ok(!is_shut(&slow, 1019.9) && is_shut(&slow, 1021), "who comes later is looked at, too");
	leave(&slow);
	visits_free(visits);
	return done_testing();
}

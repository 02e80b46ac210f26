/* SPDX-License-Identifier: GPL-2.0-or-later */
/* publish_race DIR: writes the page for xcp-rrdd as fast as it can, while guests come, go, and come back, until its
 * standard input ends. Each value tells whose it is and when it was: 1e6 x tick + 100 x guest + the row's place in its
 * scope (the host is guest 0); the time of the page is the tick. A name's row is printed before, "NAME ROW" in a line. */
#include <config.h>

#include <poll.h>

#include "publish/rrdd.h"
#include "tests/made_up.h"

#define GUESTS 90

static void
fill(double *value, size_t n, unsigned tick, unsigned guest)
{
	for (size_t row = 0; row < n; row++)
		value[row] = 1e6 * tick + 100.0 * guest + (double) row;
}

static struct sample *
make_sample(unsigned tick)
{
	struct sample *s = made_up_sample(1);

	s->at.real = tick;
	fill(s->host.value, VALUES(HOST), tick, 0);
	for (unsigned guest = 1; guest <= GUESTS; guest++) {
		if ((tick / 40 + guest * 7) % 100 > 60)
			continue; /* away for a while */
		made_up_domain(s, guest);
		fill(s->domain[s->n_domains - 1].value, VALUES(DOMAIN), tick, guest);
	}
	s->n_tracking = s->n_migrations = 0;
	return s;
}

static bool
input_ended(void)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

int
main(int argc, char **argv)
{
	struct rrdd *p;
	unsigned tick = 0;

	if (argc != 2)
		return 2;
	for (size_t i = 0; i < METRIC_COUNT; i++)
		(void) printf("%s %zu\n", metric_table[i].name, i - metric_scopes[metric_scope_of((enum metric_id) i)].first);
	(void) fflush(stdout);
	p = rrdd_new(argv[1]);
	while (!input_ended()) {
		struct sample *s = make_sample(++tick);

		rrdd_publish(p, s);
		sample_free(s);
	}
	rrdd_free(p);
	(void) printf("%u ticks\n", tick);
	return 0;
}

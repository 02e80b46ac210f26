/* SPDX-License-Identifier: GPL-2.0-or-later */
/* history [DOMAINS]: what answers about stored values cost, by route, of a day of one domain and of the newest values of
 * all of them. What is stored is made first, in a directory that is removed. */
#include <config.h>

#include <stdlib.h>
#include <time.h>

#include "serve/answer.h"
#include "store/store.h"
#include "tests/made_up.h"
#include "tests/remove_tree.h"

#define STEP 60 /* s: a day in the finest archive costs 1440 ticks, and is as large as in the second one */
#define TICKS 1440
#define REPEATS 200
#define VM "00000000-0000-0000-0000-000000000002"

static char dir[] = "/tmp/xenscope-bench-XXXXXX";

static double
cpu_seconds(void)
{
	struct timespec t;

	(void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* One domain is there all day, the others in the last hour. */
static void
fill(const struct view *view, struct sample *all)
{
	struct sample *s = sample_copy(all);
	size_t n = s->n_domains;
	struct store *store;

	if (store_open(dir, STEP, getegid(), &store) < 0)
		exit(1);
	for (int i = TICKS; i >= 0; i--) {
		s->n_domains = i < 60 ? n : 3;
		s->at.real = view->sample->at.real - STEP * i;
		for (size_t d = 0; d < s->n_domains; d++)
			for (size_t v = 0; v < VALUES(DOMAIN); v++)
				s->domain[d].value[v] = v % 2 ? 1e6 + i % 97 * 1234.5 : (TICKS - i) * 1.375 + (double) d;
		for (size_t v = 0; v < VALUES(TRACKING); v++)
			s->tracking[0].value[v] = (TICKS - i) * 0.75;
		(void) store_write(store, s);
	}
	store_close(store);
	s->n_domains = n;
	sample_free(s);
}

static void
measure(const struct view *view, const char *path, size_t n, const struct parameter *p, int repeats)
{
	struct request q = {.view = view, .now = tick_now(), .method = "GET", .path = path, .n_parameters = n};
	struct reply reply = {.status = 0};
	double begin = cpu_seconds();
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		q.parameter[i] = p[i];
	for (int i = 0; i < repeats; i++) {
		answer(&q, &reply);
		bytes = reply.body.n;
		reply_done(&reply);
	}
	(void) printf("%s: %.3f ms of CPU, %zu bytes, status %u\n", path, (cpu_seconds() - begin) * 1000 / repeats,
	    bytes, reply.status);
}

int
main(int argc, char **argv)
{
	static const struct parameter day[] = {{"uuid", VM}, {"start", "-86340"}, {"step", "60"}, {"points", "400"},
	    {"metric",
		"xenscope_domain_cpu_seconds_total,xenscope_domain_memory_bytes,xenscope_domain_vcpus,"
		"xenscope_domain_tracked,xenscope_domain_network_receive_bytes_total,"
		"xenscope_domain_network_transmit_bytes_total,xenscope_domain_block_reads_total,"
		"xenscope_domain_block_writes_total,xenscope_tracking_pages_dirtied_total,"
		"xenscope_tracking_seconds_total"}};
	static const struct parameter newest[] = {{"start", "-180"}, {"host", "true"}, {"cf", "AVERAGE"}};
	static const struct parameter one[] = {{"uuid", VM}};
	struct view view = {.dir = dir, .step = STEP};

	if (!mkdtemp(dir))
		return 1;
	view_set_sample(&view, made_up_sample(argc > 1 ? (unsigned) atoi(argv[1]) : 1000));
	fill(&view, view.sample);
	measure(&view, "/api/v1/history", ARRAY_SIZE(day), day, REPEATS);
	measure(&view, "/rrd_updates", ARRAY_SIZE(newest), newest, 5);
	measure(&view, "/vm_rrd", ARRAY_SIZE(one), one, 5);
	view_done(&view);
	remove_tree(dir);
	return 0;
}

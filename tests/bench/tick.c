/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tick [DOMAINS [TICKS]]: what a tick costs from the hypervisor's answers on, and what is made of it when somebody
 * asks: medians of milliseconds of CPU, a line each. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "collect/collector.h"
#include "config/config.h"
#include "serve/answer.h"
#include "serve/flow.h"
#include "serve/link.h"
#include "tests/bench/busy_host.h"

#define STEP 5.0 /* seconds, of a clock that nobody waits for */

/* What is asked for, after a tick. */
static const struct question {
	const char *name, *path, *accept;
	struct parameter parameter;
} questions[] = {
    {"/metrics", "/metrics", NULL, {NULL, NULL}},
    {"/metrics (OpenMetrics)", "/metrics", "application/openmetrics-text", {NULL, NULL}},
    {"/api/v1/domains", "/api/v1/domains", NULL, {NULL, NULL}},
    {"/api/v1/domains?name=vm-7", "/api/v1/domains", NULL, {"name", "vm-7"}},
    {"/api/v1/domains?fields=name,metrics", "/api/v1/domains", NULL, {"fields", "name,metrics"}},
};

enum { COLLECT, HAND_OVER, FIRST_QUESTION, PHASES = FIRST_QUESTION + ARRAY_SIZE(questions) };

struct bench {
	struct fake_hv *host;
	struct config config;
	struct collectors *collectors;
	struct loop *loop;
	int pair[2];
	struct link_writer *writer;
	struct link_reader *reader;
	struct view view;
	double *seconds[PHASES];
	size_t bytes[PHASES];
};

static double
cpu_seconds(void)
{
	struct timespec t;

	(void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void
on_sample(void *arg, struct sample *s)
{
	struct bench *b = arg;

	view_set_sample(&b->view, s);
	loop_stop(b->loop, 0);
}

static void
on_record(void *arg, struct migration_record *r)
{
	(void) arg;
	record_done(r);
	free(r);
}

static void
on_link(void *arg, uint32_t events, const struct tick *now)
{
	(void) events;
	(void) now;
	if (link_read(((struct bench *) arg)->reader) < 0)
		exit(1);
}

static void
bench_init(struct bench *b, unsigned domains, size_t ticks)
{
	b->host = busy_host_new(domains);
	config_init(&b->config);
	b->collectors = collectors_new(&b->config);
	if (loop_new(&b->loop) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, b->pair) < 0)
		exit(1);
	b->writer = link_writer_new(b->loop, b->pair[0]);
	b->reader = link_reader_new(b->pair[1], on_sample, on_record, b);
	if (loop_add(b->loop, b->pair[1], EPOLLIN, on_link, b) < 0)
		exit(1);
	b->view.step = (unsigned) STEP;
	for (size_t p = 0; p < PHASES; p++)
		b->seconds[p] = xcalloc(ticks, sizeof(double));
}

static void
bench_done(struct bench *b)
{
	for (size_t p = 0; p < PHASES; p++)
		free(b->seconds[p]);
	view_done(&b->view);
	link_reader_free(b->reader);
	link_writer_free(b->writer);
	(void) close(b->pair[0]);
	(void) close(b->pair[1]);
	loop_free(b->loop);
	collectors_free(b->collectors);
	config_done(&b->config);
	b->host->hv.ops->close(&b->host->hv);
}

static struct sample *
collect(struct bench *b, const struct tick *at)
{
	struct sample *s = sample_new(at);

	collectors_run(b->collectors, &b->host->hv, at, s);
	return s;
}

static void
hand_over(struct bench *b, struct sample *s)
{
	link_send_sample(b->writer, s);
	sample_free(s);
	(void) loop_run(b->loop);
}

/* The bytes of the answer. */
static size_t
ask(const struct bench *b, const struct question *what)
{
	struct request q = {.view = &b->view, .now = tick_now(), .method = "GET", .path = what->path,
	    .accept = what->accept, .parameter = {what->parameter}, .n_parameters = what->parameter.name ? 1 : 0};
	struct reply reply = {.status = 0};
	size_t n;

	answer(&q, &reply);
	(void) flow_drain(&reply, false);
	if (reply.status != 200)
		exit(1);
	n = reply.body.n;
	reply_done(&reply);
	return n;
}

static void
run(struct bench *b, size_t tick)
{
	struct tick at = tick_now();
	struct sample *s;
	double begin;

	at.mono += STEP * (double) tick;
	at.real += STEP * (double) tick;
	busy_host_go_on(b->host);
	begin = cpu_seconds();
	s = collect(b, &at);
	b->seconds[COLLECT][tick] = cpu_seconds() - begin;
	begin = cpu_seconds();
	hand_over(b, s);
	b->seconds[HAND_OVER][tick] = cpu_seconds() - begin;
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		begin = cpu_seconds();
		b->bytes[FIRST_QUESTION + i] = ask(b, &questions[i]);
		b->seconds[FIRST_QUESTION + i][tick] = cpu_seconds() - begin;
	}
}

static const char *
phase_name(size_t p)
{
	return p == COLLECT ? "collect" : p == HAND_OVER ? "hand over" : questions[p - FIRST_QUESTION].name;
}

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	size_t ticks = argc > 2 ? (size_t) atoi(argv[2]) : 200;
	struct bench b = {.loop = NULL};

	bench_init(&b, argc > 1 ? (unsigned) atoi(argv[1]) : 1000, ticks);
	for (size_t i = 0; i < ticks; i++)
		run(&b, i);
	for (size_t p = 0; p < PHASES; p++) {
		qsort(b.seconds[p], ticks, sizeof(double), compare);
		(void) printf("%s: %.3f ms of CPU (%.3f to %.3f)", phase_name(p), b.seconds[p][ticks / 2] * 1000,
		    b.seconds[p][0] * 1000, b.seconds[p][ticks - 1] * 1000);
		(void) printf(b.bytes[p] ? ", %zu bytes\n" : "\n", b.bytes[p]);
	}
	bench_done(&b);
	return 0;
}

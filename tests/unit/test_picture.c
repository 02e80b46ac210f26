/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <math.h>

#include "asking.h"
#include "serve/picture.h"
#include "store/store.h"
#include "tests/remove_tree.h"

/* What is asked to be drawn: the question of a client, and the request that is made of it. */

static const struct picture good = {.magic = PICTURE_MAGIC, .width = 700, .height = 280, .n_columns = 2, .n_rows = 100,
    .step = 60, .start = 1700000040, .from = 1700000000, .to = 1700006000, .title = "vm", .unit = "bytes",
    .legend = {"a", "b_2"}};

#define BAD(change)                                                                                \
	do {                                                                                       \
		struct picture p = good;                                                           \
		change;                                                                            \
		ok(picture_bytes(&p) == 0, "refused: %s", #change);                                \
	} while (0)

static void
test_requests(void)
{
	ok(picture_bytes(&good) == sizeof(good) + 2 * 100 * sizeof(double), "a good request has its length");
	BAD(p.magic++);
	BAD(p.format = PICTURE_FORMATS);
	BAD(p.theme = PICTURE_THEMES);
	BAD(p.cf = PICTURE_CFS);
	BAD(p.bytes = 2);
	BAD(p.width = PICTURE_MAX_WIDTH + 1);
	BAD(p.width = PICTURE_MIN_WIDTH - 1);
	BAD(p.height = PICTURE_MAX_HEIGHT + 1);
	BAD(p.height = 0);
	BAD(p.n_columns = 0);
	BAD(p.n_columns = PICTURE_COLUMNS + 1);
	BAD(p.n_rows = PICTURE_ROWS + 1);
	BAD(p.step = 0);
	BAD(p.step = PICTURE_MAX_STEP + 1);
	BAD(p.start = -60);
	BAD(p.start++);
	BAD(p.start = INT64_MAX / 60 * 60);
	BAD(p.from = p.to);
	BAD(p.from = -1);
	BAD(p.to = INT64_MAX);
	BAD(memset(p.title, 'x', sizeof(p.title)));
	BAD(strcpy(p.title, "a\nb"));
	BAD(strcpy(p.title, "\xff"));
	BAD(memset(p.unit, 'x', sizeof(p.unit)));
	BAD(strcpy(p.legend[1], "a:b"));
	BAD(memset(p.legend[0], 'x', sizeof(p.legend[0])));
}

static const struct picture *
asked(void)
{
	return (const struct picture *) reply.drawing.text;
}

static const double *
values(void)
{
	return (const double *) (asked() + 1);
}

#define UUID "00000000-0000-0000-0000-00000000000"

static void
test_questions(void)
{
	static const struct {
		const char *query, *says, *parameter;
	} bad[] = {
	    {"", "metric is missing", "metric"},
	    {"metric=xenscope_host_nothing", "no metric of this name", "metric"},
	    {"metric=xenscope_host_cpus", "not stored", "metric"},
	    {"metric=xenscope_host_domains,xenscope_host_free_bytes", "not of one unit", "metric"},
	    {"metric=xenscope_migrations_total,xenscope_host_domains", "not of one unit", "metric"},
	    {"metric=xenscope_host_domains,xenscope_host_domains,xenscope_host_domains,xenscope_host_domains,"
	     "xenscope_host_domains,xenscope_host_domains,xenscope_host_domains",
		"6 metrics at most", "metric"},
	    {"metric=xenscope_domain_vcpus", "give its uuid", "uuid"},
	    {"metric=xenscope_domain_vcpus&uuid=1", "UUID of 36", "uuid"},
	    {"metric=xenscope_host_domains&width=100", "240 to 2000", "width"},
	    {"metric=xenscope_host_domains&width=2001", "240 to 2000", "width"},
	    {"metric=xenscope_host_domains&height=1e3", "120 to 1200", "height"},
	    {"metric=xenscope_host_domains&theme=", "light or dark", "theme"},
	    {"metric=xenscope_host_domains&start=5&end=4", "before end", "start"},
	    {"metric=xenscope_host_domains&points=5", "unknown parameter", "points"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		(void) ask("/graph/history.png", bad[i].query);
		ok(is_problem(400, bad[i].says) && is_text(at("parameter", NULL), bad[i].parameter) &&
			reply.drawing.n == 0,
		    "%.60s: refused, %s named", bad[i].query, bad[i].parameter);
	}
	ok(ask("/graph/history.svg", "metric=xenscope_domain_vcpus&uuid=" UUID "9") == 404, "of nobody: 404");
}

static void
test_made(void)
{
	ok(ask("/graph/history.png", "metric=xenscope_host_domains&start=-60") == 200 &&
		strcmp(reply.type, "image/png") == 0 && picture_bytes(asked()) == reply.drawing.n,
	    "a good question makes a good request");
	ok(asked()->format == PICTURE_PNG && asked()->width == 700 && asked()->height == 280 &&
		asked()->theme == PICTURE_LIGHT && asked()->cf == PICTURE_AVERAGE,
	    "a PNG of usual size and colours, if nothing is said");
	ok(strcmp(asked()->title, "[replay] Host: Domains on the host") == 0, "its title has the metric's meaning: %s",
	    asked()->title);
	ok(strcmp(asked()->legend[0], "host_domains") == 0 && strcmp(asked()->unit, "") == 0, "the legend its name");
	ok(asked()->n_rows >= 2 && values()[asked()->n_rows - 1] == 3,
	    "the newest values are there, though they are only in the log of ticks: %g", values()[asked()->n_rows - 1]);
	ok(asked()->to - asked()->from <= 60 && asked()->to == asked()->start + asked()->n_rows * asked()->step,
	    "it ends with the newest whole step");
	ok(ask("/graph/history.svg",
	       "metric=xenscope_domain_cpu_seconds_total&uuid=" UUID "1&cf=MAX&width=1000&height=500&theme=dark") == 200 &&
		strcmp(reply.type, "image/svg+xml") == 0 && picture_bytes(asked()) == reply.drawing.n,
	    "a guest with a hostile name has a picture");
	ok(asked()->format == PICTURE_SVG && asked()->width == 1000 && asked()->height == 500 &&
		asked()->theme == PICTURE_DARK && asked()->cf == PICTURE_MAX,
	    "as it was asked for");
	ok(strcmp(asked()->unit, "seconds per second") == 0 && !asked()->bytes, "of a counter the rate: %s", asked()->unit);
	ok(strstr(asked()->title, ": CPU time that the domain used") && !strpbrk(asked()->title, "\1\xff"),
	    "control characters and broken UTF-8 do not reach the title: %s", asked()->title);
	ok(ask("/graph/history.png", "metric=xenscope_host_free_bytes&cf=MIN") == 200 && asked()->bytes &&
		strcmp(asked()->unit, "bytes") == 0 && asked()->cf == PICTURE_MIN,
	    "bytes are counted in 1024");
	ok(ask("/graph/history.png", "metric=xenscope_host_domains,xenscope_migrations_running") == 200 &&
		asked()->n_columns == 2 && strcmp(asked()->title, "[replay] Host") == 0 &&
		strcmp(asked()->legend[1], "migrations_running") == 0,
	    "of several metrics the legend tells what they are");
}

static void
test_same(void)
{
	struct strbuf before;

	(void) ask("/graph/history.png", "metric=xenscope_host_domains&start=-600");
	before = reply.drawing;
	reply.drawing = (struct strbuf){NULL, 0, 0};
	(void) usleep(1100000);
	(void) ask("/graph/history.png", "metric=xenscope_host_domains&start=-600");
	ok(before.n == reply.drawing.n && memcmp(before.text, reply.drawing.text, before.n) == 0,
	    "until a new sample comes it is the same picture");
	strbuf_done(&before);
	view_set_stale(&view);
	(void) ask("/graph/history.png", "metric=xenscope_host_domains");
	ok(strncmp(asked()->title, "[replay] [stale] Host", 21) == 0, "figures of an agent that has gone say so");
}

int
main(void)
{
	struct store *s = NULL;
	struct sample *newest = made_up_sample(3), *sample;

	test_requests();
	if (!mkdtemp(dir) || store_open(dir, 5, getegid(), &s) < 0)
		abort();
	(void) ask("/graph/history.png", "metric=xenscope_host_domains");
	ok(is_problem(503, "no sample yet"), "before the first sample: 503");
	newest->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)] = 3;
	for (int i = 20; i >= 0; i--) {
		sample = sample_copy(newest);
		sample->at.real -= 5 * i;
		if (store_write(s, sample) < 0)
			abort();
		sample_free(sample);
	}
	view.sample = newest;
	test_questions();
	test_made();
	test_same();
	json_decref(body);
	reply_done(&reply);
	store_close(s);
	view_done(&view);
	remove_tree(dir);
	return done_testing();
}

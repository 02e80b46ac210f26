/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <math.h>
#include <rrd.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "store/store.h"
#include "tests/remove_tree.h"
#include "tests/tap.h"
#include "tests/unit/read_one.h"

#define END 1700000400.0

static char dir[] = "/tmp/xenscope-read-XXXXXX";

static const enum metric_id id[] = {M_HOST_FREE, M_HOST_DOMAINS, M_HOST_RUNNING};

static void
write_some(void)
{
	struct store *s;

	if (store_open(dir, 5, getegid(), &s) < 0)
		abort();
	for (int i = 0; i <= 80; i++) {
		struct tick at = {i * 5, END - 400 + i * 5};
		struct sample *p = sample_new(&at);

		p->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)] = i;
		p->host.value[METRIC_AT(M_HOST_FREE, HOST)] = 1e9 - i * i;
		(void) store_write(s, p);
		sample_free(p);
	}
	store_close(s);
}

static bool
same(const struct series *a, const struct series *b)
{
	return a->start == b->start && a->step == b->step && a->n == b->n &&
	       memcmp(a->values, b->values, a->n * sizeof(double)) == 0;
}

static void
test_several(const char *cf, double step)
{
	struct series x[3], one;
	bool all = read_some(dir, NULL, id, 3, cf, END - 300, END, step, x) == 0;

	ok(all && x[0].n > 0 && x[1].values[x[1].n - 2] != x[0].values[x[0].n - 2],
	    "several metrics are read at once, %s of %.0f s", cf, step);
	for (size_t i = 0; all && i < 3; i++) {
		ok(read_some(dir, NULL, &id[i], 1, cf, END - 300, END, step, &one) == 0 && same(&one, &x[i]),
		    "%s is what it is alone", metric_table[id[i]].name);
		series_free(&one, 1);
	}
	if (all)
		series_free(x, 3);
}

static void
test_refusals(void)
{
	static const enum metric_id mixed[] = {M_HOST_DOMAINS, M_DOMAIN_CPU}, wrong[] = {M_HOST_DOMAINS, METRIC_COUNT};
	struct series x[3];

	ok(read_some(dir, NULL, id, 3, "MAX", END + 50, END + 90, 0, x) == 0 && x[0].n == 0 && x[2].n == 0,
	    "the future holds no values of any");
	series_free(x, 3);
	ok(read_some(dir, NULL, mixed, 2, "AVERAGE", 1, 2, 0, x) == -ENOENT &&
		read_some(dir, NULL, wrong, 2, "AVERAGE", 1, 2, 0, x) == -ENOENT &&
		read_some(dir, NULL, mixed, 0, "AVERAGE", 1, 2, 0, x) == -ENOENT,
	    "no file has metrics of two scopes, nor such as there are none of");
}

/* As an agent left it that knew fewer metrics. */
static void
test_older(void)
{
	static const enum metric_id known[] = {M_HOST_SMAP, M_HOST_DOMAINS}, unknown[] = {M_HOST_SMAP, M_HOST_SMEP};
	const char *sources[] = {"DS:domains:GAUGE:15:0:U", "RRA:AVERAGE:0.5:1:360"};
	const char *values[] = {"1700000005:7", "1700000010:7"};
	_cleanup_(freep) char *path = xasprintf("%s/host.rrd", dir);
	struct series x[2];

	ok(rrd_create_r(path, 5, 1700000000, 2, sources) == 0 && rrd_update_r(path, NULL, 2, values) == 0,
	    "an older file is made");
	ok(read_some(dir, NULL, known, 2, "AVERAGE", 1700000000, 1700000010, 0, x) == 0 && x[0].n == x[1].n &&
		isnan(x[0].values[1]) && x[1].values[1] == 7,
	    "what it does not have is unknown beside what it has");
	series_free(x, 2);
	ok(read_some(dir, NULL, unknown, 2, "AVERAGE", 1700000000, 1700000010, 0, x) == -ENOENT,
	    "by itself it is not found");
}

#define UNKNOWN "0e1b7f5c-57c2-4a63-9a5d-8c7a4b5f2d11"
#define GUEST "0e1b7f5c-57c2-4a63-9a5d-8c7a4b5f2d10"

static const enum metric_id tracked[] = {M_TRACKING_DIRTIED, M_TRACKING_SECONDS};

/* Twenty ticks of a guest that is tracked from the third on; the files of such are made later. */
static struct store *
write_tracked(void)
{
	struct store *s;

	if (store_open(dir, 5, getegid(), &s) < 0)
		abort();
	for (int i = 1; i <= 20; i++) {
		struct tick at = {i * 5, END + i * 5.01};
		struct sample *p = sample_new(&at);
		struct sample_tracking *t = i < 3 ? NULL : sample_add_tracking(p);

		if (t) {
			str_copy(t->uuid, sizeof(t->uuid), GUEST);
			t->value[METRIC_AT(M_TRACKING_DIRTIED, TRACKING)] = i * i * 37;
			t->value[METRIC_AT(M_TRACKING_SECONDS, TRACKING)] = i * 4.5;
		}
		(void) store_write(s, p);
		sample_free(p);
	}
	return s;
}

static bool
equal(const struct series *a, const struct series *b)
{
	bool is = a->start == b->start && a->step == b->step && a->n == b->n && a->n > 0;

	for (size_t i = 0; is && i < a->n; i++)
		is = isnan(a->values[i]) ? isnan(b->values[i]) : fabs(a->values[i] - b->values[i]) <= 1e-6 * (1 + fabs(b->values[i]));
	return is;
}

/* What is read before there is a file is what is read of it. */
static void
test_unmade(void)
{
	static const struct {
		const char *cf;
		double back, step;
	} read[] = {{"AVERAGE", 100, 0}, {"MAX", 90, 0}, {"AVERAGE", 600, 60}, {"MAX", 3600, 60},
	    {"AVERAGE", 3 * 3600, 0}, {"AVERAGE", 5 * 86400, 0}, {"MAX", 80 * 86400, 3600}, {"AVERAGE", 4e8, 0}};
	_cleanup_(freep) char *path = xasprintf("%s/vm/" GUEST ".tracking.rrd", dir);
	struct series before[ARRAY_SIZE(read)][2], x[2];
	struct store *s = write_tracked();
	size_t known = 0;
	bool there = true;

	ok(access(path, F_OK) < 0 && errno == ENOENT, "no file is made of a guest in the midst of its migration");
	for (size_t i = 0; i < ARRAY_SIZE(read); i++)
		there = read_some(dir, GUEST, tracked, 2, read[i].cf, END + 100 - read[i].back, END + 100, read[i].step,
			    before[i]) == 0 && there;
	ok(there, "and yet it can be read");
	ok(read_some(dir, UNKNOWN, tracked, 2, "AVERAGE", END, END + 100, 0, x) == -ENOENT,
	    "of a guest that was never tracked nothing is");
	for (size_t i = 0; there && i < before[0][0].n; i++)
		known += !isnan(before[0][0].values[i]);
	ok(known >= 17, "each whole step since tracking began is known (%zu)", known);
	ok(store_flush(s) == 0 && access(path, F_OK) == 0, "the file is made");
	store_close(s);
	for (size_t i = 0; there && i < ARRAY_SIZE(read); i++) {
		bool is = read_some(dir, GUEST, tracked, 2, read[i].cf, END + 100 - read[i].back, END + 100,
			      read[i].step, x) == 0;

		ok(is && equal(&before[i][0], &x[0]) && equal(&before[i][1], &x[1]),
		    "what was read before it was is what is in it: %s of %.0f s since %.0f s", read[i].cf,
		    before[i][0].step, read[i].back);
		series_free(before[i], 2);
		if (is)
			series_free(x, 2);
	}
}

int
main(void)
{

	if (!mkdtemp(dir))
		return 1;
	write_some();
	test_several("AVERAGE", 0);
	test_several("MAX", 60);
	test_several("MIN", 60);
	test_refusals();
	test_unmade();
	test_older();
	remove_tree(dir);
	return done_testing();
}

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
	test_older();
	remove_tree(dir);
	return done_testing();
}

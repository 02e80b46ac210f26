/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/rrd_schema.h"

#include <errno.h>
#include <rrd.h>
#include <time.h>

#include "base/util.h"
#include "metrics/metric_text.h"

#define MAX_ARGUMENTS (MAX_SOURCES + MAX_ARCHIVES)

/* Arguments for rrd_create_r, one after the other in one text. */
struct arguments {
	struct strbuf text;
	size_t at[MAX_ARGUMENTS], n;
};

static void
arguments_done(struct arguments *a)
{
	strbuf_done(&a->text);
}

static struct strbuf *
next(struct arguments *a)
{
	if (a->n > 0)
		strbuf_add(&a->text, "", 1);
	a->at[a->n++] = a->text.n;
	return &a->text;
}

static void
add_archives(struct arguments *a, enum rrd_kind kind, unsigned step, const char *function)
{
	for (size_t i = 0; rrd_archive_step(i, step); i++)
		strbuf_printf(next(a), "RRA:%s:%s:%lu:%lu", function, rrd_kinds[kind].xff,
		    rrd_archive_step(i, step) / step, rrd_archive_rows(i, step));
}

static void
add_sources(struct arguments *a, const struct metric_scope_info *scope, unsigned step)
{
	for (enum metric_id id = scope->first; id < scope->end; id++)
		if (*metric_table[id].ds)
			metric_source(next(a), &metric_table[id], step);
}

static int
add_old_sources(
    struct arguments *a, const struct metric_scope_info *scope, const struct rrd_shape *old)
{
	for (size_t i = 0; i < old->n_sources; i++) {
		const struct rrd_source *s = &old->source[i];
		enum metric_id id = scope->first;

		while (id < scope->end && strcmp(metric_table[id].ds, s->name) != 0)
			id++;
		if (id < scope->end)
			continue;
		if (a->n == MAX_SOURCES)
			return -E2BIG;
		strbuf_printf(next(a), "DS:%s:%s:%lu", s->name, s->type, s->heartbeat);
		metric_limit(&a->text, s->min);
		metric_limit(&a->text, s->max);
	}
	return 0;
}

int
rrd_make(const char *path, enum rrd_kind kind, unsigned step, double last_up,
    const struct rrd_shape *old)
{
	const struct metric_scope_info *scope = &metric_scopes[rrd_kinds[kind].scope];
	_cleanup_(arguments_done) struct arguments a = {{NULL, 0, 0}, {0}, 0};
	const char *argv[MAX_ARGUMENTS];
	int r = 0;

	rrd_clear_error();
	add_sources(&a, scope, step);
	if (old)
		r = add_old_sources(&a, scope, old);
	if (r < 0)
		return r;
	add_archives(&a, kind, step, "AVERAGE");
	add_archives(&a, kind, step, "MAX");
	if (rrd_kinds[kind].minimum)
		add_archives(&a, kind, step, "MIN");
	for (size_t i = 0; i < a.n; i++)
		argv[i] = a.text.text + a.at[i];
	errno = 0;
	if (rrd_create_r(path, step, (time_t) last_up, (int) a.n, argv) < 0)
		return errno ? -errno : -EIO;
	return 0;
}

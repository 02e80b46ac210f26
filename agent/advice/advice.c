/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "advice/advice.h"

#include <math.h>

#include "base/file.h"
#include "base/util.h"
#include "store/journal.h"

#define MAX_LINES 256	     /* of the journal, looked at for one purpose */
#define MAX_BYTES (4u << 20) /* of them */
#define MAX_POINTS 64	     /* rounds that tell how the guest's dirty pages add up */
#define MAX_POINT_PAGES 1e12 /* more is no guest's */
#define NOW_SECONDS 900.0

void
advisor_init(struct advisor *a, const char *stop_rule)
{
	(void) forecasts_choose(&a->rules, stop_rule, XAPI_INVENTORY); /* the root half has refused a wrong one */
}

/* --- the journal, newest first --- */

struct search {
	bool (*look)(struct search *s, const struct migration_record *r); /* false: enough */
	unsigned lines;
	size_t bytes;
	bool truncated;

	/* of the VM */
	struct measured window[MAX_WINDOWS];
	double from[MAX_WINDOWS], to[MAX_WINDOWS];
	size_t n_windows;
	unsigned probes;
	struct point {
		double seconds, pages; /* of a guest whose rate is 1 */
	} point[MAX_POINTS];
	size_t n_points;

	/* of the host */
	struct habit habit;
	enum toolstack toolstack; /* of the newest migration */
};

/* A probe counts each page once: its intervals add up to what the guest dirties within longer and longer times. */
static void
add_up(struct migration_record *r)
{
	double seconds = 0, pages = 0;

	for (size_t i = 0; i < r->n_rounds; i++) {
		struct round *round = &r->round[i];

		seconds += round->seconds;
		pages += (double) round->pages_dirtied;
		if (round->pages_dirtied < 0 || !(pages < MAX_POINT_PAGES)) {
			r->n_rounds = i;
			return;
		}
		round->seconds = seconds;
		round->pages_dirtied = (int64_t) pages;
	}
}

static bool
look_at_line(void *arg, const char *line, size_t n)
{
	struct search *s = arg;
	struct migration_record r;
	bool more;

	if (s->lines == MAX_LINES || n > MAX_BYTES - s->bytes) {
		s->truncated = true;
		return false;
	}
	s->lines++;
	s->bytes += n;
	if (record_parse(line, n, &r) < 0)
		return true;
	if (r.direction == DIRECTION_PROBE)
		add_up(&r);
	more = s->look(s, &r);
	record_done(&r);
	return more;
}

/* The records that fit; uuid: NULL for those of all VMs. -errno. */
static int
search(struct search *s, const char *dir, const char *uuid, const char *direction, double now)
{
	struct journal_filter f;
	struct journal_search x = {.filter = &f, .before = UINT64_MAX};
	char since[32], error[128];
	int r;

	(void) snprintf(since, sizeof(since), "%.0f", MAX(now - PAST_SECONDS, 0));
	journal_filter_init(&f);
	if (journal_filter_set(&f, "direction", direction, now, error, sizeof(error)) < 0 ||
	    journal_filter_set(&f, "since", since, now, error, sizeof(error)) < 0 ||
	    (uuid && journal_filter_set(&f, "uuid", uuid, now, error, sizeof(error)) < 0))
		return 0;
	s->lines = 0;
	s->bytes = 0;
	r = journal_search(dir, &x, look_at_line, s);
	s->truncated |= r > 0;
	return MIN(r, 0);
}

static void
add_points(struct search *s, const struct migration_record *r, double rate)
{
	for (size_t i = r->n_rounds; i-- > 0 && s->n_points < MAX_POINTS;) {
		const struct round *round = &r->round[i];

		if (round->seconds > 0 && round->pages_dirtied >= 0 && rate > 0)
			s->point[s->n_points++] =
			    (struct point){round->seconds, (double) round->pages_dirtied / rate};
	}
}

static bool
look_for_window(struct search *s, const struct migration_record *r)
{
	struct measured *m = &s->window[s->n_windows];

	m->rate = forecast_rate(r);
	if (!(m->rate >= 0 && m->rate < MAX_POINT_PAGES))
		return true;
	s->from[s->n_windows] = r->started;
	s->to[s->n_windows] = r->ended;
	s->probes += r->direction == DIRECTION_PROBE;
	add_points(s, r, m->rate);
	return ++s->n_windows < MAX_WINDOWS;
}

static bool
look_for_habit(struct search *s, const struct migration_record *r)
{
	if (s->toolstack == TOOLSTACK_UNKNOWN)
		s->toolstack = r->toolstack;
	habit_learn(&s->habit, r);
	return s->habit.page.n < MAX_NEWEST;
}

/* --- what is to be expected --- */

/* A guest that dirties memory as the windows showed, at this rate. */
static void
expect(const struct search *s, const struct stop_rule *rule, int64_t pages, double rate, struct forecast *ret)
{
	_cleanup_(record_done) struct migration_record like;

	record_init(&like);
	for (size_t i = s->n_points; i-- > 0;) {
		struct round *round = record_add_round(&like);

		round->seen = true;
		round->seconds = s->point[i].seconds;
		round->pages_dirtied = (int64_t) fmin(s->point[i].pages * rate, MAX_POINT_PAGES);
	}
	if (s->n_points == 0) { /* it never dirtied any */
		struct round *round = record_add_round(&like);

		round->seen = true;
		round->seconds = 1;
		round->pages_dirtied = 0;
	}
	if (isnan(rate))
		rule = NULL;
	forecast_expect(&like, pages, rule, &s->habit, ret);
}

/* The hours with the lowest rates; of equal ones the next to come. */
static void
choose_hours(struct advice *a, double now)
{
	double this_hour = floor(now / 3600) * 3600;

	for (unsigned ahead = 1; ahead <= WEEK_HOURS; ahead++) {
		double next = this_hour + ahead * 3600.0;
		unsigned hour = week_hour(next);
		size_t k = a->n_best;

		if (isnan(a->hour[hour]))
			continue;
		while (k > 0 && a->best[k - 1].rate > a->hour[hour])
			k--;
		if (k == MAX_BEST)
			continue;
		a->n_best = MIN(a->n_best + 1, (size_t) MAX_BEST);
		memmove(&a->best[k + 1], &a->best[k], (a->n_best - 1 - k) * sizeof(*a->best));
		a->best[k] = (struct best_hour){hour, a->hour[hour], next};
	}
}

static void
say_missing(struct advice *a, const char *text)
{
	str_copy(a->missing, sizeof(a->missing), text);
}

/* The estimate is good enough. */
static void
tell(struct advice *a, const struct search *s, const struct past *past, const struct advised *vm,
    const struct stop_rule *rule)
{
	const struct estimator *e = &a->estimator;

	a->rate = e->factor * past_mean(past, e->by, vm->now - NOW_SECONDS, vm->now);
	past_week(past, e->by, a->hour);
	for (size_t h = 0; h < WEEK_HOURS; h++)
		a->hour[h] *= e->factor;
	if (e->by != COVARIATE_NONE) /* else all hours are equal */
		choose_hours(a, vm->now);
	expect(s, rule, vm->pages, a->rate, &a->now);
	expect(s, rule, vm->pages, a->n_best ? a->best[0].rate : NAN, &a->then);
	if (s->habit.page.n == 0)
		say_missing(a, "how fast pages are sent: no live migration from this host completed in 90 days");
	else if (!rule)
		say_missing(a, "the toolstack's rule: the option stop_rule of xenscoped.conf names it");
	else if (isnan(a->rate))
		say_missing(a, "what the VM does now: the RRD files do not have it yet");
}

/* Whether the windows are enough, and agree. */
static bool
judge(struct advice *a, struct search *s, const struct past *past)
{
	for (size_t i = 0; i < s->n_windows; i++)
		for (enum covariate c = 0; c < COVARIATES; c++)
			s->window[i].of[c] = past_mean(past, c, s->from[i], s->to[i]);
	if (estimator_fit(s->window, s->n_windows, &a->estimator) && a->estimator.error <= MAX_ERROR)
		return true;
	(void) snprintf(a->missing, sizeof(a->missing),
	    "what the dirty rate depends on: the best estimate misses the %zu measurements by %.0f %%, of which %.0f "
	    "may be; xenscope probe adds one",
	    s->n_windows, MIN(a->estimator.error, 99.99) * 100, MAX_ERROR * 100);
	return false;
}

static int
make_of_windows(const struct advisor *advisor, const struct advised *vm, struct search *s, struct advice *ret)
{
	_cleanup_(past_done) struct past past;
	int r;

	past_read(vm->dir, vm->uuid, vm->now, &past);
	ret->known = judge(ret, s, &past);
	if (!ret->known)
		return 0;
	s->look = look_for_habit;
	r = search(s, vm->dir, NULL, "out,local", vm->now);
	tell(ret, s, &past, vm, forecasts_rule(&advisor->rules, s->toolstack, false));
	return r;
}

int
advice_make(const struct advisor *advisor, const struct advised *vm, struct advice *ret)
{
	struct search s = {.look = look_for_window};
	int r;

	*ret = (struct advice){.rate = NAN, .estimator = {.error = NAN}};
	forecast_init(&ret->now);
	forecast_init(&ret->then);
	for (size_t h = 0; h < WEEK_HOURS; h++)
		ret->hour[h] = NAN;
	r = search(&s, vm->dir, vm->uuid, "out,local,probe", vm->now);
	if (r < 0)
		return r;
	ret->probes = s.probes;
	ret->migrations = (unsigned) s.n_windows - s.probes;
	if (s.n_windows >= MIN_WINDOWS)
		r = make_of_windows(advisor, vm, &s, ret);
	else
		(void) snprintf(ret->missing, sizeof(ret->missing), "%zu of %d measurements; xenscope probe adds one",
		    s.n_windows, MIN_WINDOWS);
	ret->truncated = s.truncated;
	return r;
}

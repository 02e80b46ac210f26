/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "observe/forecast.h"
#include "tests/tap.h"

/* The judge of the forecasts: over the lab's grid of migrations (tests/lab/make-grid), beside two naive predictors, and
 * over a published log. A third of the grid is held out: no constant of the model was chosen by it. Each migration is
 * foretold by what those before it in its boot taught about pauses, those that are held out not among them. */

#define MAX_GRID 128
#define FEW 50	      /* libxc's rule, under which the grid was recorded */
#define LIMIT 5
#define BOUNDARY 1.05 /* the dirty rate may be so near to one that gives another count of rounds */

enum predictor { MODEL, FIVE_ROUNDS, LIKE_LAST, PREDICTORS };
enum part { TUNED, HELD_OUT, PARTS };

static const char *const predictor_names[] = {"the model", "\"5 rounds\"", "\"like the last\""};
static const char *const part_names[] = {"tuned by", "held out"};

struct prediction {
	int32_t rounds;
	double total, downtime;
};

struct grid {
	struct migration_record record[MAX_GRID];
	char name[MAX_GRID][32];
	bool held_out[MAX_GRID];
	size_t n;
};

/* Lines {"point": ..., "held_out": ..., "record": ...}, in the order in which they were recorded. */
static void
read_grid(struct grid *g, const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;

	g->n = 0;
	while (f && g->n < MAX_GRID && getline(&line, &room, f) > 0) {
		json_t *o = json_loads(line, 0, NULL), *record = json_object_get(o, "record");
		char *text = json_dumps(record, 0);

		if (!text || record_parse(text, strlen(text), &g->record[g->n]) < 0) {
			ok(false, "line %zu of the grid is a record", g->n + 1);
			exit(1);
		}
		str_copy(g->name[g->n], sizeof(g->name[0]), json_string_value(json_object_get(o, "point")));
		g->held_out[g->n++] = json_is_true(json_object_get(o, "held_out"));
		free(text);
		json_decref(o);
	}
	free(line);
	if (f)
		fclose(f);
}

static double
elapsed(const struct migration_record *r, size_t at)
{
	return r->round[at].started + r->round[at].seconds - r->started;
}

/* Every round to come takes the mean of those that are over, and there are five. */
static struct prediction
five_rounds(const struct migration_record *r, size_t at)
{
	double mean = 0;

	for (size_t i = 0; i <= at; i++)
		mean += r->round[i].seconds / (double) (at + 1);
	return (struct prediction){LIMIT, elapsed(r, at) + mean * (LIMIT - (double) at), mean};
}

/* Every round to come takes as long as the last one and leaves as many pages. */
static struct prediction
like_last(const struct migration_record *r, size_t at, const struct stop_rule *rule)
{
	const struct round *last = &r->round[at];
	int32_t rounds = last->pages_dirtied == 0 ? last->n + 1 : last->pages_dirtied < rule->pages ? last->n + 2 : LIMIT;

	return (struct prediction){rounds, elapsed(r, at) + last->seconds * (rounds - (double) at), last->seconds};
}

static struct prediction
predict(enum predictor who, const struct migration_record *r, size_t at, const struct stop_rule *rule,
    const struct habit *h)
{
	struct forecast f;

	if (who == FIVE_ROUNDS)
		return five_rounds(r, at);
	if (who == LIKE_LAST)
		return like_last(r, at, rule);
	forecast_make(r, at, rule, h, &f);
	return (struct prediction){f.rounds, f.total_seconds, f.downtime_seconds};
}

/* A dirty rate that is higher or lower by a twentieth makes other rounds: the pages of round i go with its power i. */
static bool
near_boundary(const struct migration_record *r, int64_t few)
{
	for (size_t i = 0; i < r->n_rounds && i < LIMIT - 1; i++)
		if (r->round[i].pages_dirtied > 0 &&
		    fabs(log((double) r->round[i].pages_dirtied / (double) few)) <= (double) (i + 1) * log(BOUNDARY))
			return true;
	return false;
}

/* The rounds that it would have had if pre-copy ended with one of fewer pages than that: those before are the same. */
static int32_t
rounds_of(const struct migration_record *r, int64_t few)
{
	for (size_t i = 0; i + 2 < r->n_rounds; i++)
		if (r->round[i].pages_dirtied < few)
			return (int32_t) i + 2;
	return r->rounds_begun;
}

/* The last round but one; or the last, if its harvest found nothing, so that another found what was left. */
static size_t
newest_forecast(const struct migration_record *r)
{
	const struct round *last = &r->round[r->n_rounds - 1];

	return r->n_rounds == 1 || (last->pages_dirtied == 0 && r->final.pages != 0) ? r->n_rounds - 1 : r->n_rounds - 2;
}

/* --- errors --- */

struct errors {
	double total[MAX_GRID], downtime[MAX_GRID]; /* relative; absolute, s */
	size_t n, counted, exact;
};

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

static double
mean(const double *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i] / (double) n;
	return sum;
}

static double
percentile(double *v, size_t n, double part)
{
	qsort(v, n, sizeof(*v), by_size);
	return n ? v[(size_t) ceil(part * (double) n) - 1] : NAN;
}

static void
judge(struct errors *e, const struct migration_record *r, const struct prediction *p, int64_t few)
{
	double total = r->ended - r->started;

	e->total[e->n] = fabs(p->total - total) / total;
	e->downtime[e->n++] = fabs(p->downtime - r->downtime_seconds);
	if (near_boundary(r, few))
		return;
	e->counted++;
	e->exact += p->rounds == rounds_of(r, few);
}

/* The errors of the forecasts after round at (an index), or after an earlier one where there is none. */
static void
judge_all(const struct grid *g, size_t after, int64_t few, bool verbose, struct errors e[PARTS][PREDICTORS])
{
	const struct stop_rule rule = {.rounds = LIMIT, .pages = few};
	struct habit habit;
	const char *boot = "";

	for (size_t i = 0; i < g->n; i++) {
		const struct migration_record *r = &g->record[i];
		enum part part = g->held_out[i] ? HELD_OUT : TUNED;
		size_t at = MIN(after, newest_forecast(r));
		struct prediction p[PREDICTORS];

		if (strcmp(boot, r->boot_id) != 0)
			memset(&habit, 0, sizeof(habit));
		boot = r->boot_id;
		if (rounds_of(r, few) < MIN((int32_t) at + 2, r->rounds_begun)) /* there was nothing to foretell */
			continue;
		for (int who = 0; who < PREDICTORS; who++) {
			p[who] = predict(who, r, at, &rule, &habit);
			judge(&e[part][who], r, &p[who], few);
		}
		if (verbose)
			printf("# %-16s %s rounds %d of %d%s, total %.2f of %.2f s, downtime %.3f of %.3f s\n", g->name[i],
			    part_names[part], p[MODEL].rounds, r->rounds_begun, near_boundary(r, few) ? " (boundary)" : "",
			    p[MODEL].total, r->ended - r->started, p[MODEL].downtime, r->downtime_seconds);
		if (part == TUNED)
			habit_learn(&habit, r);
	}
}

static void
show(struct errors *e, enum part part, enum predictor who, size_t after)
{
	printf("# after round %zu, %s: %-16s total time: mean %5.1f %%, 90th percentile %5.1f %%; downtime: mean %.3f s; "
	       "rounds exact: %zu of %zu\n", after, part_names[part], predictor_names[who], 100 * mean(e->total, e->n),
	    100 * percentile(e->total, e->n, 0.9), mean(e->downtime, e->n), e->exact, e->counted);
}

#define BETTER 2 /* a naive predictor must err so many times as much as the model after round 1, in time and in downtime */

static void
test_grid(const struct grid *g)
{
	struct errors e[PARTS][PREDICTORS];

	for (size_t after = 2; after-- > 0;) {
		memset(e, 0, sizeof(e));
		judge_all(g, after, FEW, after == 1, e);
		for (int part = 0; part < PARTS; part++)
			for (int who = 0; who < PREDICTORS; who++)
				show(&e[part][who], part, who, after);
		if (after != 1)
			continue;
		for (int part = 0; part < PARTS; part++) {
			struct errors *of = e[part];

			ok(percentile(of[MODEL].total, of[MODEL].n, 0.9) <= 0.19,
			    "%s: the 90th percentile of the error of the total time is at most 19 %%", part_names[part]);
			for (int who = FIVE_ROUNDS; who < PREDICTORS; who++) {
				double time = mean(of[who].total, of[who].n) / mean(of[MODEL].total, of[MODEL].n);
				double pause =
				    mean(of[who].downtime, of[who].n) / mean(of[MODEL].downtime, of[MODEL].n);

				ok(time >= BETTER && pause >= BETTER,
				    "%s: %s errs %.1f times as much in time, %.1f times in downtime", part_names[part],
				    predictor_names[who], time, pause);
			}
			ok(of[MODEL].exact == of[MODEL].counted, "%s: the count of rounds is exact in %zu of %zu",
			    part_names[part], of[MODEL].exact, of[MODEL].counted);
		}
	}
}

/* Cloud Hypervisor's log of a migration that does not converge (pull request 7799 of its repository, 2026-03): MiB
 * and MiB/s of each pass, and from the second on the downtime that it told for stopping there, in ms. */
static void
test_published(void)
{
	static const struct {
		int64_t mib;
		double speed;
		double told;
	} pass[] = {{6144, 1986.83, 0}, {5418, 1824.44, 2726}, {5418, 1854.25, 2969}, {5428, 1799.43, 2926}};
	static const struct habit none = {.request = {1, {0}}, .tail = {1, {0}}, .least = {1, {0}}};
	_cleanup_(record_done) struct migration_record r;
	double at = 0, came;
	struct forecast f;

	record_init(&r);
	r.memory_pages = pass[0].mib * 256;
	for (size_t i = 0; i < ARRAY_SIZE(pass); i++) {
		struct round *round = record_add_round(&r);

		*round = (struct round){.n = (int32_t) i, .seen = true, .started = at, .harvest_seconds = NAN,
		    .seconds = (double) pass[i].mib / pass[i].speed, .pages_sent = pass[i].mib * 256,
		    .pages_dirtied = pass[i + 1 < ARRAY_SIZE(pass) ? i + 1 : i].mib * 256};
		at += round->seconds;
	}
	r.started = 0;
	for (size_t i = 1; i < ARRAY_SIZE(pass); i++) {
		struct stop_rule stop = {.name = "now", .rounds = (int32_t) i + 1};

		forecast_make(&r, i - 1, &stop, &none, &f);
		ok(fabs(1000 * (f.remaining_seconds - f.downtime_seconds) / pass[i].told - 1) <= 0.001,
		    "what is left after pass %zu is sent in %.0f ms as was told, within 0.1 %%: %.1f", i - 1,
		    pass[i].told, 1000 * (f.remaining_seconds - f.downtime_seconds));
	}
	came = at - elapsed(&r, 1);
	forecast_make(&r, 1, &(struct stop_rule){.rounds = 4}, &none, &f);
	ok(f.outlook == OUTLOOK_DIVERGES && f.rounds == 4 &&
		fabs((f.remaining_seconds - f.downtime_seconds) / came - 1) < 0.01 &&
		fabs(f.downtime_seconds / (5418 / pass[3].speed) - 1) < 0.03,
	    "after its second pass the rest is foretold: %.3f of %.3f s, downtime %.3f s",
	    f.remaining_seconds - f.downtime_seconds, came, f.downtime_seconds);
}

/* The lab's guests dirty more than libxc's few pages in however short a round: rules of more show whether rounds are
 * counted. */
static void
test_rounds(const struct grid *g)
{
	static const int64_t few[] = {100, 200, 400, 800, 1600, 3200};
	struct errors e[PARTS][PREDICTORS];

	for (size_t after = 0; after < 3; after++) {
		size_t exact[PREDICTORS] = {0}, counted = 0;

		for (size_t i = 0; i < ARRAY_SIZE(few); i++) {
			memset(e, 0, sizeof(e));
			judge_all(g, after, few[i], false, e);
			for (int part = 0; part < PARTS; part++) {
				counted += e[part][MODEL].counted;
				for (int who = 0; who < PREDICTORS; who++)
					exact[who] += e[part][who].exact;
			}
		}
		printf("# rules of 100 to 3200 pages, after round %zu: rounds exact of %zu: %zu; by %s %zu, by %s %zu\n",
		    after, counted, exact[MODEL], predictor_names[FIVE_ROUNDS], exact[FIVE_ROUNDS],
		    predictor_names[LIKE_LAST], exact[LIKE_LAST]);
		ok(exact[MODEL] >= exact[FIVE_ROUNDS] && 10 * exact[MODEL] >= counted * (5 + 2 * after),
		    "of rounds under rules of more pages the count is right for %zu %% of the migrations",
		    counted ? 100 * exact[MODEL] / counted : 0);
	}
}

int
main(void)
{
	const char *srcdir = getenv("srcdir");
	static struct grid g;
	_cleanup_(freep) char *path = xasprintf("%s/tests/golden/forecast/grid.jsonl", srcdir ? srcdir : ".");

	read_grid(&g, path);
	test_published();
	ok(g.n >= 40, "%zu migrations of the lab are judged", g.n);
	test_grid(&g);
	test_rounds(&g);
	for (size_t i = 0; i < g.n; i++)
		record_done(&g.record[i]);
	return done_testing();
}

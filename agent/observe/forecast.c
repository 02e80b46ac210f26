/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/forecast.h"

#include <errno.h>
#include <math.h>

#include "base/parse.h"
#include "base/util.h"

#define MAX_PLAYED 1000	  /* rounds of a rule; those of one without a limit that are looked at */
#define MAX_BACKGROUND 256 /* pages; more is no kernel's own */
#define FIRST_BACKGROUND 60
#define REST 0.5	  /* s: a guest at rest wakes up once a second, so that a shorter round likely finds nothing */
#define MAX_POINTS 8	  /* newest rounds that tell how fast the guest dirties memory */
#define SAME_LENGTH 1.25  /* rounds are of about the same length if they differ by less than this factor */
#define SATURATION 2.0	  /* how bent the curve of dirtied pages is while only one round tells of it */
#define MARGIN 2.0	  /* a factor by which the pages dirtied may miss the curve */
#define FIRST_REQUEST 0.1 /* s, until this host has shown its own */
#define FIRST_TAIL 0.1
#define FEW_OF_MEMORY 0.02 /* so small a part of it tells little of the time for a page */
#define MANY_SECONDS 0.5   /* that so many pages take are most of a final pass */
#define BISECTIONS 50

const struct stop_rule stop_rules[STOP_RULE_COUNT] = {
#define STOP_RULE(id, ...) [STOP_RULE_##id] = {__VA_ARGS__},
#include "observe/stop_rules.def"
};

int
stop_rule_parse(const char *text, struct stop_rule *ret)
{
	const char *colon = strchr(text, ':');
	char rounds[16];
	uint64_t n, pages;

	for (size_t i = 0; i < STOP_RULE_COUNT; i++)
		if (strcmp(text, stop_rules[i].name) == 0) {
			*ret = stop_rules[i];
			return 0;
		}
	if (!colon || (size_t) (colon - text) >= sizeof(rounds))
		return -EINVAL;
	str_copy(rounds, (size_t) (colon - text) + 1, text);
	if (parse_u64(rounds, 0, MAX_PLAYED, &n) < 0 || parse_u64(colon + 1, 0, INT32_MAX, &pages) < 0)
		return -EINVAL;
	*ret = (struct stop_rule){.name = "configured", .rounds = (int32_t) n, .pages = (int64_t) pages};
	return 0;
}

/* --- the link: a round takes fixed seconds, and page seconds for each page --- */

struct link {
	double fixed, page;
};

static bool
is_over(const struct round *round)
{
	return round->seen && round->seconds > 0 && round->pages_dirtied != UNSEEN;
}

/* Round 0 alone is slower for a page than any other: it walks the holes of the address space, too. */
static struct link
link_of_round(const struct migration_record *r, const struct round *round)
{
	double fixed = isnan(round->harvest_seconds) ? 0 : fmin(round->harvest_seconds, round->seconds);
	int64_t pages = round->n > 0 || round->pages_sent != UNSEEN ? round->pages_sent : r->memory_pages;

	return (struct link){fixed, pages > 0 ? (round->seconds - fixed) / (double) pages : NAN};
}

/* By the two rounds that sent the most and the fewest pages. */
static struct link
fit_link(const struct migration_record *r, size_t at)
{
	const struct round *most = NULL, *fewest = NULL;
	struct link first = {NAN, NAN}, fit;
	double page;

	for (size_t i = 0; i <= at; i++) {
		const struct round *round = &r->round[i];

		if (!is_over(round))
			continue;
		if (round->n == 0)
			first = link_of_round(r, round);
		else if (round->pages_sent > 0) {
			most = !most || round->pages_sent >= most->pages_sent ? round : most;
			fewest = !fewest || round->pages_sent < fewest->pages_sent ? round : fewest;
		}
	}
	if (!most)
		return first;
	fit = link_of_round(r, most);
	page = (most->seconds - fewest->seconds) / (double) (most->pages_sent - fewest->pages_sent);
	if (most->pages_sent > 2 * fewest->pages_sent && page > 0 &&
	    page * (double) fewest->pages_sent < fewest->seconds)
		fit = (struct link){fewest->seconds - page * (double) fewest->pages_sent, page};
	if (first.page < fit.page && (double) most->pages_sent < FEW_OF_MEMORY * (double) r->memory_pages)
		fit.page = first.page;
	return fit;
}

/* --- the guest: how many distinct pages it dirties within a time --- */

struct point {
	double seconds, pages;
	size_t round; /* a larger one is newer */
};

struct guest {
	struct point point[MAX_POINTS]; /* the shortest first; pages beside the background */
	size_t n;
	double background; /* pages, within however short a time */
	bool at_rest;	   /* what it wrote is no more than its kernel's own, now and then */
};

/* After each harvest a kernel that runs writes its page tables, its clock and its stacks anew, whatever else the guest
 * does: what none of this host's migrations fell below, nor this one. */
static double
background_of(const struct guest *g, const struct habit *h)
{
	double least = h->least.n ? MAX_BACKGROUND : FIRST_BACKGROUND;

	for (unsigned i = 0; i < h->least.n && i < MAX_NEWEST; i++)
		least = fmin(least, h->least.v[i]);
	for (size_t i = 0; i < g->n; i++)
		least = fmin(least, g->point[i].pages);
	return least;
}

static bool
has_length(const struct guest *g, double seconds)
{
	for (size_t i = 0; i < g->n; i++) {
		double ratio = seconds / g->point[i].seconds;

		if (ratio < SAME_LENGTH && ratio > 1 / SAME_LENGTH)
			return true;
	}
	return false;
}

/* Of rounds that took about the same time the newest tells how the guest is now. */
static void
fit_guest(const struct migration_record *r, size_t at, const struct habit *h, struct guest *g)
{
	g->n = 0;
	for (size_t i = at + 1; i-- > 0 && g->n < MAX_POINTS;) {
		const struct round *round = &r->round[i];
		size_t k = g->n;

		if (!is_over(round) || has_length(g, round->seconds))
			continue;
		for (; k > 0 && g->point[k - 1].seconds > round->seconds; k--)
			g->point[k] = g->point[k - 1];
		g->point[k] = (struct point){round->seconds, (double) round->pages_dirtied, i};
		g->n++;
	}
	g->at_rest = g->n > 0 && g->point[g->n - 1].pages <= MAX_BACKGROUND;
	g->background = g->at_rest ? 0 : background_of(g, h);
	for (size_t i = 0; i < g->n; i++)
		g->point[i].pages -= g->background;
}

/* The curve through p, from the origin, that is a straight line for bend 0 and flat beyond p for a large one:
 * W (1 - exp(-bend t / p.t)). */
static double
curve(const struct point *p, double bend, double t)
{
	double x = t / p->seconds;

	return p->pages * (bend < 1e-9 ? x : expm1(-bend * x) / expm1(-bend));
}

/* The bend with which the curve through a meets b, a longer and larger one. */
static double
bend_between(const struct point *a, const struct point *b)
{
	double low = 1e-6, high = 1e3;

	for (int i = 0; i < BISECTIONS; i++) {
		double middle = sqrt(low * high);

		if (curve(a, middle, b->seconds) > b->pages)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* By the two rounds whose lengths are nearest to t, if possible on both sides of it. */
static double
dirtied_by_curve(const struct guest *g, double t)
{
	const struct point *a = g->point, *b, *newer;

	if (g->n == 1)
		return curve(a, SATURATION, t);
	while (a + 2 < g->point + g->n && a[1].seconds <= t)
		a++;
	b = a + 1;
	newer = a->round > b->round ? a : b;
	if (b->pages <= a->pages)
		return curve(newer, SATURATION, t);
	if (b->pages * a->seconds >= a->pages * b->seconds) /* as if it had paused: it has another phase now */
		return curve(newer, 0, t);
	return curve(a, bend_between(a, b), t);
}

static double
dirtied(const struct guest *g, double t)
{
	return g->at_rest && t < REST ? 0 : g->background + dirtied_by_curve(g, t);
}

/* --- the pause --- */

static void
keep(struct newest *x, double v)
{
	x->v[x->n++ % MAX_NEWEST] = fmax(v, 0);
}

/* The middle one, without which one that was unlike the others would count too much. */
static double
usual(const struct newest *x, double none)
{
	unsigned n = MIN(x->n, (unsigned) MAX_NEWEST);
	double sorted[MAX_NEWEST];

	for (unsigned i = 0; i < n; i++) {
		unsigned k = i;

		for (; k > 0 && sorted[k - 1] > x->v[i]; k--)
			sorted[k] = sorted[k - 1];
		sorted[k] = x->v[i];
	}
	return n ? sorted[n / 2] : none;
}

/* --- all of them, until the end --- */

struct course {
	enum stop_reason stop;
	int32_t rounds;
	double seconds; /* from the end of the round at which it starts */
	double downtime;
};

static int32_t
limit_of(const struct stop_rule *rule)
{
	return rule->rounds > 0 ? rule->rounds : MAX_PLAYED;
}

/* Plays the rounds that come; factor: the guest dirties so many times as much as the curve says. */
static struct course
play(const struct round *from, const struct stop_rule *rule, const struct link *link, const struct guest *g,
    const struct habit *h, double factor)
{
	struct course c = {.stop = STOP_FEW_DIRTY, .rounds = from->n + 1};
	double request = usual(&h->request, FIRST_REQUEST), final;
	double pages = (double) from->pages_dirtied;
	bool last = false;

	while (!last) {
		bool none = pages < 0.5; /* then no round begins any more */
		bool few = none || pages < (double) rule->pages;
		double seconds = none ? 0 : link->fixed + pages * link->page;

		c.rounds += !none;
		last = few || c.rounds >= limit_of(rule) ||
		       (rule->seconds > 0 && c.rounds > 1 && seconds > rule->seconds);
		c.stop = few ? STOP_FEW_DIRTY : STOP_ROUND_LIMIT;
		seconds += last ? request : 0;
		c.seconds += seconds;
		pages = dirtied(g, seconds) * factor;
	}
	final = usual(&h->tail, FIRST_TAIL) + usual(&h->pace, 1) * pages * link->page;
	c.downtime = final + usual(&h->after, 0);
	c.seconds += final;
	return c;
}

static enum outlook
outlook_of(enum stop_reason likely, enum stop_reason calm, enum stop_reason busy)
{
	if (likely != calm || likely != busy)
		return OUTLOOK_UNKNOWN;
	return likely == STOP_FEW_DIRTY ? OUTLOOK_CONVERGES : OUTLOOK_DIVERGES;
}

/* The likely course, and whether it would be another if the guest were calmer or busier. */
static void
play_all(const struct round *from, const struct stop_rule *rule, const struct link *link, const struct guest *g,
    const struct habit *h, struct forecast *ret)
{
	struct course likely = play(from, rule, link, g, h, 1);
	struct course calm = play(from, rule, link, g, h, 1 / MARGIN);
	struct course busy = play(from, rule, link, g, h, MARGIN);

	ret->outlook = outlook_of(likely.stop, calm.stop, busy.stop);
	if (rule->rounds == 0 && likely.stop == STOP_ROUND_LIMIT) /* it would not end */
		return;
	ret->rounds = likely.rounds;
	ret->remaining_seconds = likely.seconds;
	ret->downtime_seconds = likely.downtime;
}

void
forecast_make(const struct migration_record *r, size_t at, const struct stop_rule *rule, const struct habit *h,
    struct forecast *ret)
{
	const struct round *from = &r->round[at];
	struct link link;
	struct guest guest;

	forecast_init(ret);
	ret->made = true;
	if (!rule || from->n < 0 || from->n + 1 >= limit_of(rule) || !is_over(from))
		return;
	link = fit_link(r, at);
	fit_guest(r, at, h, &guest);
	if (!(link.page > 0))
		return;
	play_all(from, rule, &link, &guest, h, ret);
	ret->total_seconds = from->started + from->seconds - r->started + ret->remaining_seconds;
}

void
forecast_expect(const struct migration_record *like, int64_t pages, const struct stop_rule *rule,
    const struct habit *h, struct forecast *ret)
{
	const struct link link = {usual(&h->fixed, 0), usual(&h->page, NAN)};
	struct round first = {.seconds = link.fixed + (double) pages * usual(&h->first, link.page)};
	struct guest guest = {.n = 0};

	forecast_init(ret);
	ret->made = true;
	if (like->n_rounds > 0)
		fit_guest(like, like->n_rounds - 1, h, &guest);
	if (!rule || guest.n == 0 || !(link.page > 0) || pages <= 0)
		return;
	first.pages_dirtied = (int64_t) (dirtied(&guest, first.seconds) + 0.5);
	play_all(&first, rule, &link, &guest, h, ret);
	ret->total_seconds = first.seconds + ret->remaining_seconds;
}

double
forecast_rate(const struct migration_record *r)
{
	/* the last harvest of a migration has what the guest wrote to suspend itself */
	size_t n = r->direction != DIRECTION_PROBE && r->n_rounds > 1 ? r->n_rounds - 1 : r->n_rounds;
	const struct habit none = {.page = {0, {0}}};
	double found = 0, drawn = 0;
	struct guest guest = {.n = 0};

	if (n > 0)
		fit_guest(r, n - 1, &none, &guest);
	if (guest.n == 0)
		return NAN;
	for (size_t i = 0; i < n; i++)
		if (is_over(&r->round[i])) {
			found += (double) r->round[i].pages_dirtied;
			drawn += dirtied(&guest, r->round[i].seconds);
		}
	return drawn > 0 ? dirtied(&guest, 1) * found / drawn : 0;
}

/* --- what earlier migrations teach --- */

void
habit_learn(struct habit *h, const struct migration_record *r)
{
	const struct round *last = r->n_rounds ? &r->round[r->n_rounds - 1] : NULL;
	double least = INFINITY, pages;
	struct guest guest;
	struct link link;

	if (r->result != RESULT_COMPLETED || r->n_rounds < 2 || last->pages_sent == UNSEEN ||
	    r->final.pages == UNSEEN || isnan(r->final.seconds))
		return;
	link = fit_link(r, r->n_rounds - 2);
	fit_guest(r, r->n_rounds - 2, h, &guest);
	if (guest.n == 0 || !(link.page > 0))
		return;
	keep(&h->fixed, link.fixed);
	keep(&h->page, link.page);
	if (r->round[0].n == 0 && r->round[0].seconds > 0 && r->memory_pages > 0)
		keep(&h->first, r->round[0].seconds / (double) r->memory_pages);
	keep(&h->request, last->seconds - link.fixed - link.page * (double) last->pages_sent);
	pages = link.page * (double) r->final.pages;
	if (pages > MANY_SECONDS)
		keep(&h->pace, r->final.seconds / pages);
	else
		keep(&h->tail, r->final.seconds - link.page * dirtied(&guest, last->seconds));
	if (!isnan(r->downtime_seconds))
		keep(&h->after, r->downtime_seconds - r->final.seconds);
	if (guest.at_rest)
		return;
	for (size_t i = 0; i < guest.n; i++)
		least = fmin(least, guest.point[i].pages + guest.background);
	keep(&h->least, least);
}

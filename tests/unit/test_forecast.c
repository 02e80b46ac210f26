/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/util.h"
#include "metrics/metric.h"
#include "metrics/sample.h"
#include "observe/forecast.h"
#include "observe/forecasts.h"
#include "tests/tap.h"
#include "tests/unit/world.h"

#define LIBXC (&stop_rules[STOP_RULE_LIBXC])

static const struct habit no_pause = {.request = {1, {0}}, .tail = {1, {0}}, .least = {1, {0}}};

static bool
near(double a, double b)
{
	return fabs(a - b) <= 0.01 * fabs(b) + 1e-9;
}

/* Round 0 sends pages at speed pages/s, each later one what the one before it left; the harvests find these. */
static void
rounds(struct migration_record *r, int64_t pages, double speed, const int64_t *dirtied, size_t n)
{
	double at = 1000;

	record_init(r);
	r->direction = DIRECTION_OUT;
	r->toolstack = TOOLSTACK_XL;
	r->memory_pages = pages;
	r->started = at;
	for (size_t i = 0; i < n; i++) {
		struct round *round = record_add_round(r);

		round->seen = true;
		round->started = at;
		round->seconds = (double) pages / speed;
		round->pages_sent = i ? pages : UNSEEN;
		round->pages_dirtied = dirtied[i];
		round->harvest_seconds = 0;
		at += round->seconds;
		pages = dirtied[i];
	}
}

static struct forecast
after(int64_t pages, double speed, const int64_t *dirtied, size_t n, const struct stop_rule *rule)
{
	_cleanup_(record_done) struct migration_record r;
	struct forecast f;

	rounds(&r, pages, speed, dirtied, n);
	forecast_make(&r, n - 1, rule, &no_pause, &f);
	return f;
}

/* The geometric model: a guest of V pages that dirties D pages/s over a link of R, each page another, has rounds of
 * V, V l, V l^2, ... pages with l = D / R. (performance.md of the reference, A2; Liu et al., HPDC 2011) */
static void
test_geometric(void)
{
	static const struct {
		double lambda;
		int32_t rounds;
		double downtime; /* s; 0: not given */
	} published[] = {{0.001, 3, 0}, {0.01, 4, 0}, {0.05, 5, 0}, {0.2, 5, 0.012}, {0.5, 5, 1.2}, {0.8, 5, 12.8}};
	const double pages = 1048576, speed = 110e6 / 4096;

	for (size_t i = 0; i < ARRAY_SIZE(published); i++) {
		double l = published[i].lambda, sum = 0;
		int64_t dirtied[] = {(int64_t) (pages * l), (int64_t) (pages * l * l)};
		struct forecast f = after((int64_t) pages, speed, dirtied, 2, LIBXC);

		for (int32_t k = 0; k <= published[i].rounds; k++)
			sum += pages * pow(l, k) / speed;
		ok(f.rounds == published[i].rounds, "lambda %g: %d rounds, as the model says: %d", l,
		    published[i].rounds, f.rounds);
		ok(near(f.total_seconds, sum), "in %.3f s: %.3f", sum, f.total_seconds);
		if (published[i].downtime > 0)
			ok(fabs(f.downtime_seconds - published[i].downtime) < 0.05 * published[i].downtime,
			    "with %g s of downtime: %.4f", published[i].downtime, f.downtime_seconds);
	}
}

static void
test_working_set(void)
{
	static const int64_t full[] = {10000, 10000}, few[] = {40}, none[] = {0}, bent[] = {9000, 5000},
	    risen[] = {1000, 4000}, calm[] = {20000, 100};
	struct forecast f = after(100000, 10000, full, 2, LIBXC);

	ok(f.outlook == OUTLOOK_DIVERGES && f.rounds == 5 && near(f.downtime_seconds, 1) &&
		near(f.remaining_seconds, 4) && near(f.total_seconds, 15),
	    "a working set that is dirtied anew in each round does not converge: %.3f s", f.total_seconds);
	f = after(100000, 10000, few, 1, LIBXC);
	ok(f.outlook == OUTLOOK_CONVERGES && f.rounds == 2 && near(f.remaining_seconds, 0.004),
	    "few pages are the last round: %.4f s", f.remaining_seconds);
	f = after(100000, 10000, none, 1, LIBXC);
	ok(f.outlook == OUTLOOK_CONVERGES && f.rounds == 1 && f.remaining_seconds < 1e-6,
	    "no page is none");
	f = after(100000, 10000, bent, 2, LIBXC);
	ok(f.rounds == 5 && f.outlook == OUTLOOK_DIVERGES && f.downtime_seconds > 0.1 && f.downtime_seconds < 0.5,
	    "between the two the curve is bent: %.3f s", f.downtime_seconds);
	f = after(100000, 10000, risen, 2, LIBXC);
	ok(f.rounds == 5 && near(f.remaining_seconds, 0.4 + 0.4 + 0.4 + 0.4) == false && f.total_seconds > 10.5,
	    "a guest that became busier is taken as it is now: %.3f s", f.remaining_seconds);
	f = after(100000, 10000, calm, 2, LIBXC);
	ok(f.rounds == 4 && f.outlook == OUTLOOK_CONVERGES, "so is one that became calm: %d rounds", f.rounds);
}

static void
test_rules(void)
{
	static const int64_t busy[] = {10000}, full[] = {10000, 10000}, fifty[] = {5000, 50}, calm[] = {20000, 4000}, seen[] = {9000, 9000, 9000, 9000, 9000};
	struct stop_rule rule;
	struct forecast f;

	ok(after(100000, 10000, busy, 1, &stop_rules[STOP_RULE_XCP_NG]).rounds == 2,
	    "XCP-ng stops within the first round that is long enough to report itself");
	ok(after(100000, 10000, fifty, 2, &stop_rules[STOP_RULE_XCP_NG]).rounds == 3 &&
		after(100000, 10000, fifty, 2, LIBXC).rounds == 4,
	    "or at 50 pages, where the others go on");
	ok(after(100000, 10000, busy, 1, &stop_rules[STOP_RULE_XENSERVER]).rounds == 5, "XenServer goes on to the fifth");
	f = after(100000, 10000, seen, 5, LIBXC);
	ok(f.made && f.outlook == OUTLOOK_UNKNOWN && f.rounds == UNSEEN && isnan(f.total_seconds),
	    "who goes on beyond his rule is not foretold");
	ok(stop_rule_parse("xcp-ng", &rule) == 0 && rule.pages == 51, "a rule is chosen by its name");
	ok(stop_rule_parse("30:256", &rule) == 0 && rule.rounds == 30 && rule.pages == 256 &&
		after(100000, 10000, full, 2, &rule).rounds == 30,
	    "or made of two numbers");
	ok(stop_rule_parse("0:50", &rule) == 0, "one of them may be 0: no limit of rounds");
	f = after(100000, 10000, full, 2, &rule);
	ok(f.outlook == OUTLOOK_DIVERGES && f.rounds == UNSEEN && isnan(f.total_seconds) && isnan(f.downtime_seconds),
	    "a migration that does not converge by that has no end that could be foretold");
	f = after(100000, 10000, calm, 2, &rule);
	ok(f.outlook == OUTLOOK_CONVERGES && f.rounds == 6 && f.downtime_seconds < 0.01,
	    "another one goes on until it does: %d rounds", f.rounds);
	ok(stop_rule_parse("xm", &rule) == -EINVAL && stop_rule_parse("5:", &rule) == -EINVAL &&
		stop_rule_parse("-1:50", &rule) == -EINVAL && stop_rule_parse("1001:50", &rule) == -EINVAL && stop_rule_parse(":50", &rule) == -EINVAL &&
		stop_rule_parse("5:-1", &rule) == -EINVAL && stop_rule_parse("99999999999999999999:5", &rule) == -EINVAL,
	    "anything else is refused");
}

static void
test_unknown(void)
{
	static const int64_t dirtied[] = {9000, 3000};
	_cleanup_(record_done) struct migration_record r;
	struct forecast f;

	rounds(&r, 100000, 10000, dirtied, 2);
	r.memory_pages = UNSEEN;
	forecast_make(&r, 0, LIBXC, &no_pause, &f);
	ok(f.made && f.outlook == OUTLOOK_UNKNOWN && isnan(f.total_seconds),
	    "after round 0 nothing is known if nobody knows how many pages it sent");
	forecast_make(&r, 1, LIBXC, &no_pause, &f);
	ok(f.rounds == 5 && f.total_seconds > 10.9, "after round 1 it does not matter");
	r.round[0].seen = false;
	r.round[0].seconds = NAN;
	r.round[0].pages_dirtied = UNSEEN;
	r.started = NAN;
	forecast_make(&r, 1, LIBXC, &no_pause, &f);
	ok(f.rounds == 5 && isnan(f.total_seconds) && f.remaining_seconds > 0.3,
	    "what nobody saw of it is left out: %.3f s remain", f.remaining_seconds);
	r.round[1].seconds = 0;
	forecast_make(&r, 1, LIBXC, &no_pause, &f);
	ok(f.outlook == OUTLOOK_UNKNOWN && f.rounds == UNSEEN, "a round without a length tells nothing");
	r.round[1].n = UNSEEN;
	r.round[1].seconds = 1;
	forecast_make(&r, 1, LIBXC, &no_pause, &f);
	ok(f.rounds == UNSEEN, "nor does one without a number");
}

/* A round's length is that of its pages and something that each has. */
static void
test_fixed(void)
{
	static const int64_t dirtied[] = {10000, 1000, 10};
	_cleanup_(record_done) struct migration_record r;
	struct forecast f;

	rounds(&r, 100000, 10000, dirtied, 3);
	for (size_t i = 0; i < 3; i++)
		r.round[i].seconds += 0.5;
	forecast_make(&r, 2, LIBXC, &no_pause, &f);
	ok(near(f.remaining_seconds, 0.501 + 0.0005), "it is found by two rounds: %.4f s", f.remaining_seconds);
}

static void
test_habit(void)
{
	static const int64_t dirtied[] = {10000, 1000, 500};
	_cleanup_(record_done) struct migration_record r;
	struct habit h;
	struct forecast f;

	memset(&h, 0, sizeof(h));
	rounds(&r, 100000, 10000, dirtied, 3);
	r.round[2].seconds += 0.3;
	r.final.pages = 500;
	r.final.seconds = 0.25;
	r.downtime_seconds = 0.75;
	habit_learn(&h, &r);
	ok(h.request.n == 0, "what did not complete teaches nothing");
	r.result = RESULT_COMPLETED;
	habit_learn(&h, &r);
	ok(near(h.request.v[0], 0.3), "the guest is paused some time after the last page: %.3f s", h.request.v[0]);
	ok(h.tail.v[0] > 0.1 && h.tail.v[0] < 0.25 && h.pace.n == 0, "the end takes longer than its pages do: %.3f s",
	    h.tail.v[0]);
	ok(near(h.after.v[0], 0.5), "the guest runs again some time after the end: %.3f s", h.after.v[0]);
	ok(h.least.v[0] == 1000, "the calmest of the rounds before is kept, too: %g pages", h.least.v[0]);
	r.round[2].seconds = r.final.seconds = 0.01;
	r.downtime_seconds = NAN;
	habit_learn(&h, &r);
	ok(h.request.v[1] >= 0 && h.request.v[1] < 1e-3 && h.tail.v[1] >= 0 && h.tail.v[1] < 1e-3 && h.after.n == 1,
	    "none takes less than nothing");
	r.final.pages = 10000;
	r.final.seconds = 0.6;
	habit_learn(&h, &r);
	ok(h.tail.n == 2 && near(h.pace.v[0], 0.6), "many pages tell how fast a paused guest's are sent: %.3f", h.pace.v[0]);
	h = (struct habit){.request = {3, {0.5, 9, 0.1}}, .tail = {3, {0.25, 0.2, 7}}, .after = {1, {0.125}}};
	forecast_make(&r, 1, LIBXC, &h, &f);
	ok(f.remaining_seconds > 0.85 && f.remaining_seconds < 1.5 && f.downtime_seconds > 0.375 &&
		f.downtime_seconds < 0.6,
	    "the middle one of each is part of what is to come: %.3f s, %.3f s", f.remaining_seconds,
	    f.downtime_seconds);
	h.tail.n = 1000;
	for (size_t i = 0; i < MAX_NEWEST; i++)
		h.tail.v[i] = 1;
	forecast_make(&r, 1, LIBXC, &h, &f);
	ok(f.downtime_seconds > 1.125 && f.downtime_seconds < 1.3, "the newest few count");
	r.round[2].pages_sent = UNSEEN;
	habit_learn(&h, &r);
	ok(h.tail.n == 1000, "what was not seen teaches nothing");
}

/* A guest that runs writes its page tables and its clock anew in however short a round, beside what it writes else; one
 * at rest sleeps through it. */
static void
test_background(void)
{
	static const int64_t dirtied[] = {400, 63}, resting[] = {133}, woken[] = {131, 103};
	static const int64_t shrinking[] = {4000, 1000};
	const struct habit h = {.least = {2, {70, 60}}}, nothing = {.least = {0, {0}}}, busy = {.request = {1, {0}}, .tail = {1, {0}}, .least = {1, {5000}}};
	_cleanup_(record_done) struct migration_record r;
	struct forecast f;

	rounds(&r, 100000, 10000, dirtied, 2);
	forecast_make(&r, 1, LIBXC, &no_pause, &f);
	ok(f.rounds == 4, "by its curve alone a calm guest converges");
	forecast_make(&r, 1, LIBXC, &h, &f);
	ok(f.rounds == 5, "not so where no guest was ever calmer than the rule wants");
	forecast_make(&r, 1, LIBXC, &nothing, &f);
	ok(f.rounds == 5, "nor where nobody knows yet how calm guests are");
	f = after(40000, 1000, resting, 1, LIBXC);
	ok(f.rounds == 2 && f.outlook == OUTLOOK_CONVERGES, "one at rest sleeps through a short round: %d rounds", f.rounds);
	ok(after(40000, 1000, woken, 2, LIBXC).rounds == 3, "also after one in which it woke");
	f = after(100000, 10000, shrinking, 2, LIBXC);
	ok(f.downtime_seconds < 0.02, "one whose rounds shrink has a short pause: %.4f s", f.downtime_seconds);
	record_done(&r);
	rounds(&r, 100000, 10000, shrinking, 2);
	forecast_make(&r, 1, LIBXC, &busy, &f);
	ok(f.downtime_seconds < 0.04, "whatever busier guests this host has seen: %.4f s", f.downtime_seconds);
}

/* --- with the state machine's part --- */

static void
inventory(const char *brand, char *path)
{
	FILE *f;

	(void) strcpy(path, "/tmp/test_forecast.XXXXXX");
	f = fdopen(mkstemp(path), "w");
	(void) fprintf(f, "BUILD_NUMBER='cloud'\nPRODUCT_BRAND='%s'\n", brand);
	(void) fclose(f);
}

static int32_t
rounds_by(const struct forecasts *f, enum toolstack toolstack, bool libxl)
{
	static const int64_t dirtied[] = {10000};
	_cleanup_(record_done) struct migration_record r;

	rounds(&r, 100000, 10000, dirtied, 1);
	r.toolstack = toolstack;
	record_add_round(&r)->seen = true;
	forecasts_round(f, &r, libxl);
	return r.round[0].forecast.made ? r.round[0].forecast.rounds : 0;
}

static void
test_choice(void)
{
	struct forecasts f = {.chosen = false};
	char path[64];

	ok(forecasts_choose(&f, "auto", "/nowhere") == 0 && rounds_by(&f, TOOLSTACK_XL, false) == 5 &&
		rounds_by(&f, TOOLSTACK_LIBVIRT, false) == 5 && rounds_by(&f, TOOLSTACK_XAPI, false) == 5,
	    "each toolstack has its rule");
	ok(rounds_by(&f, TOOLSTACK_UNKNOWN, false) == 0 && rounds_by(&f, TOOLSTACK_UNKNOWN, true) == 5,
	    "where nobody knows the toolstack libxl's helper tells, or there is no forecast");
	inventory("XCP-ng", path);
	ok(forecasts_choose(&f, "auto", path) == 0 && rounds_by(&f, TOOLSTACK_XAPI, false) == 2 &&
		rounds_by(&f, TOOLSTACK_XL, false) == 5,
	    "XCP-ng has one of its own");
	(void) unlink(path);
	inventory("XenServer", path);
	ok(forecasts_choose(&f, "auto", path) == 0 && rounds_by(&f, TOOLSTACK_XAPI, false) == 5, "and XenServer another");
	(void) unlink(path);
	ok(forecasts_choose(&f, "7:0", "/nowhere") == 0 && rounds_by(&f, TOOLSTACK_XAPI, false) == 7 &&
		rounds_by(&f, TOOLSTACK_UNKNOWN, false) == 7,
	    "a chosen rule is everybody's");
	ok(forecasts_choose(&f, "never", "/nowhere") == -EINVAL, "one that is none is refused");
}

/* Rounds of two seconds, the last of which sends that many pages. */
static enum stop_reason
stopped(const char *rule, unsigned rounds, uint32_t last)
{
	enum stop_reason reason;
	struct world w;
	struct event e = bpf(40, 1, 1, SHADOW_OP_ENABLE_LOGDIRTY, 0, 0);

	world_init(&w);
	(void) migrations_set_stop_rule(w.m, rule, "/nowhere");
	tick(&w, 39, A1);
	str_copy(e.comm, sizeof(e.comm), "xenguest");
	send(&w, e);
	e.op = SHADOW_OP_CLEAN;
	for (unsigned i = 1; i <= rounds; i++) {
		e.at += 2;
		e.dirty = i == rounds - 1 ? last : 10000;
		e.mode = i == rounds ? SHADOW_MODE_FINAL : 0;
		send(&w, e);
	}
	reason = w.last.stop_reason;
	world_done(&w);
	return reason;
}

static void
test_stop(void)
{
	ok(stopped("auto", 5, 5000) == STOP_ROUND_LIMIT && stopped("auto", 3, 49) == STOP_FEW_DIRTY,
	    "what ended pre-copy is told by the rule of its toolstack");
	ok(stopped("auto", 4, 5000) == STOP_UNKNOWN, "what ends before that, nobody knows why");
	ok(stopped("30:500", 5, 499) == STOP_FEW_DIRTY && stopped("30:500", 5, 500) == STOP_UNKNOWN,
	    "or by the rule that was chosen");
	ok(stopped("xcp-ng", 2, 50) == STOP_FEW_DIRTY && stopped("xcp-ng", 2, 51) == STOP_LONG_ROUND &&
		stopped("xcp-ng", 5, 51) == STOP_ROUND_LIMIT && stopped("xcp-ng", 1, 51) == STOP_UNKNOWN,
	    "XCP-ng's by a round that took longer than half a second");
}

static void
test_kept(void)
{
	static const int64_t dirtied[] = {10000, 10000, 10000};
	_cleanup_(record_done) struct migration_record r;
	struct forecasts f = {.chosen = false};
	double value[VALUES(HOST)], first;

	rounds(&r, 100000, 10000, dirtied, 3);
	r.direction = DIRECTION_SAVE;
	forecasts_round(&f, &r, true);
	ok(record_outlook(&r) == OUTLOOK_UNKNOWN && !r.round[2].forecast.made, "a save has no forecast");
	r.direction = DIRECTION_OUT;
	r.n_rounds = 1;
	forecasts_round(&f, &r, true);
	r.n_rounds = 2;
	forecasts_round(&f, &r, true);
	first = r.round[1].forecast.total_seconds;
	r.memory_pages = 1;
	forecasts_round(&f, &r, true);
	ok(r.round[0].forecast.made && r.round[1].forecast.total_seconds == first &&
		record_outlook(&r) == OUTLOOK_DIVERGES,
	    "each round that ends makes one, once");
	r.n_rounds = 3;
	r.final.begun = true;
	forecasts_round(&f, &r, true);
	ok(!r.round[2].forecast.made, "when the guest is paused there is nothing to foretell");
	forecasts_show(&f, value);
	ok(value[METRIC_AT(M_HOST_FORECASTS, HOST)] == 0 && isnan(value[METRIC_AT(M_HOST_FORECAST_ERROR, HOST)]),
	    "without a judged one there is no error");
	r.final.pages = 10000;
	r.final.seconds = 1;
	r.ended = r.started + 13;
	r.downtime_seconds = 1;
	forecasts_ended(&f, &r);
	ok(f.judged == 0 && f.habit.request.n == 0, "what did not complete judges none");
	r.result = RESULT_COMPLETED;
	forecasts_ended(&f, &r);
	forecasts_show(&f, value);
	ok(value[METRIC_AT(M_HOST_FORECASTS, HOST)] == 1 &&
		near(value[METRIC_AT(M_HOST_FORECAST_ERROR, HOST)], (first - 13) / 13) &&
		value[METRIC_AT(M_HOST_FORECAST_ROUNDS_ERROR, HOST)] == 2,
	    "what did is compared with the forecast after round 1: %.3f",
	    value[METRIC_AT(M_HOST_FORECAST_ERROR, HOST)]);
	ok(f.habit.request.n == 1, "and teaches how long pauses take");
	r.direction = DIRECTION_PROBE;
	forecasts_recall(&f, &r);
	ok(f.habit.request.n == 1, "which a probe does not");
}

static double
shown(const struct world *w, enum metric_id id)
{
	return w->s->n_migrations == 1 ? w->s->migration[0].value[METRIC_AT(id, MIGRATION)] : NAN;
}

/* The lab's migration, of which the events tell. */
static void
test_events(void)
{
	const double *host;
	struct world w;

	world_init(&w);
	tick(&w, 40, A1);
	for (size_t i = 0; i < 2; i++)
		send(&w, lab_bpf(i));
	ok(w.last.round[0].forecast.made && w.last.round[0].forecast.rounds == 5,
	    "a harvest makes a forecast, by the rule of who carries the migration");
	send(&w, lab_bpf(2));
	tick(&w, 51.8, A1);
	ok(shown(&w, M_MIGRATION_EXPECTED_ROUNDS) == 5 && shown(&w, M_MIGRATION_CONVERGING) == 0 &&
		isnan(shown(&w, M_MIGRATION_FORECAST_ERROR)),
	    "which is shown with the migration");
	for (size_t i = 3; i < 7; i++)
		send(&w, lab_bpf(i));
	tick(&w, 55, A2);
	host = w.s->host.value;
	ok(w.done.result == RESULT_COMPLETED && !w.done.round[4].forecast.made,
	    "each round has one but the last");
	ok(host[METRIC_AT(M_HOST_FORECASTS, HOST)] == 1 && host[METRIC_AT(M_HOST_FORECAST_ERROR, HOST)] < 0.03 &&
		host[METRIC_AT(M_HOST_FORECAST_ROUNDS_ERROR, HOST)] == 0,
	    "the end judges it: %.4f", host[METRIC_AT(M_HOST_FORECAST_ERROR, HOST)]);
	ok(isnan(shown(&w, M_MIGRATION_EXPECTED_ROUNDS)) && isnan(shown(&w, M_MIGRATION_CONVERGING)) &&
		near(shown(&w, M_MIGRATION_FORECAST_ERROR), host[METRIC_AT(M_HOST_FORECAST_ERROR, HOST)]),
	    "and from then on the error is shown in its place");
	world_done(&w);
}

/* A guest that dirties 1000 pages/s, each another, over a link of 10000: each round has a tenth of the one before. */
static void
test_expect(void)
{
	const struct habit link = {.request = {1, {0}}, .tail = {1, {0}}, .least = {1, {0}}, .page = {1, {1e-4}}};
	_cleanup_(record_done) struct migration_record like, none;
	const int64_t dirtied[] = {1000, 10000};
	struct forecast f;

	record_init(&none);
	rounds(&like, 1000, 1000, dirtied, 2);
	like.round[1].seconds = 10;
	ok(near(forecast_rate(&like), 1000) && isnan(forecast_rate(&none)), "a rate is read from rounds of any length");
	forecast_expect(&like, 10000, LIBXC, &link, &f);
	ok(f.rounds == 4 && f.outlook == OUTLOOK_CONVERGES && near(f.total_seconds, 1.111 + 0.0001),
	    "a migration is expected before it begins: %d rounds, %.4f s", f.rounds, f.total_seconds);
	forecast_expect(&like, 100000, &stop_rules[STOP_RULE_XCP_NG], &link, &f);
	ok(f.rounds == 2, "its first round may take longer than half a second, %d", f.rounds);
	forecast_expect(&like, 10000, LIBXC, &no_pause, &f);
	ok(f.rounds == UNSEEN && isnan(f.total_seconds), "nothing is expected of a link that nobody knows");
	forecast_expect(&none, 10000, LIBXC, &link, &f);
	ok(f.rounds == UNSEEN, "nor of a guest");
}

int
main(void)
{
	test_geometric();
	test_working_set();
	test_rules();
	test_unknown();
	test_fixed();
	test_habit();
	test_background();
	test_choice();
	test_stop();
	test_kept();
	test_events();
	test_expect();
	return done_testing();
}

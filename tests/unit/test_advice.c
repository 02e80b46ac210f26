/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <math.h>
#include <rrd.h>
#include <sys/stat.h>

#include "advice/advice.h"
#include "store/rrd_schema.h"
#include "tests/remove_tree.h"
#include "tests/unit/asking.h"

#define GUEST "00000000-0000-0000-0000-000000000002"
#define MONDAY 1699833600.0 /* 2023-11-13 0:00 UTC */
#define NOON (MONDAY + 12 * HOUR)
#define HOUR 3600.0
#define DAY (24 * HOUR)
#define WEEKS 10
#define FACTOR 10000 /* pages/s for a whole CPU */
#define PAGES 65536
#define SPEED 20000.0 /* pages/s over the link */

static struct advisor advisor;
static struct advice advice;
static int64_t guest_pages = PAGES;
static unsigned n_records;

/* CPU time by the second: busy on working days, calm at night, calmest on Sunday from 2 to 7. */
static double
made_up_cpu(double at)
{
	unsigned h = week_hour(at), day = h / 24;

	h %= 24;
	return day == 6 && h >= 2 && h < 7 ? 0.02 + 0.001 * h : day < 5 && h >= 8 && h < 18 ? 0.8 : 0.1;
}

static double (*cpu_at)(double at) = made_up_cpu; /* what the RRD file has */

/* The guest's RRD file up to then. */
static void
write_past(double end)
{
	enum { HOURS = WEEKS * WEEK_HOURS };
	char path[RRD_PATH_SIZE], *text[HOURS];
	const char *argv[HOURS];
	double at = end - HOURS * HOUR;

	(void) rrd_path(path, dir, RRD_VM, GUEST);
	if (rrd_make(path, RRD_VM, (unsigned) HOUR, at, NULL) < 0)
		ok(0, "the test can make an RRD file");
	for (size_t i = 0; i < HOURS; i++, at += HOUR)
		argv[i] = text[i] = xasprintf("%.0f:%.3f", at + HOUR, cpu_at(at) * HOUR);
	if (rrd_update_r(path, "cpu_seconds", HOURS, argv) < 0)
		ok(0, "the test can write it: %s", rrd_get_error());
	for (size_t i = 0; i < HOURS; i++)
		free(text[i]);
}

static void
write_line(const char *line)
{
	char path[128];
	FILE *f;

	(void) snprintf(path, sizeof(path), "%s/migrations.jsonl", dir);
	f = fopen(path, "a");
	if (!f || fprintf(f, "%s\n", line) < 0 || fclose(f) != 0)
		ok(0, "the test can write the journal");
}

static void
write_record(struct migration_record *r)
{
	yajl_gen g = yajl_gen_alloc(NULL);
	_cleanup_(freep) char *line = NULL;
	const unsigned char *json = NULL;
	size_t n = 0;

	(void) snprintf(r->id, sizeof(r->id), "m-%u", n_records++);
	str_copy(r->uuid, sizeof(r->uuid), GUEST);
	r->result = RESULT_COMPLETED;
	record_gen(g, r);
	(void) yajl_gen_get_buf(g, &json, &n);
	line = xasprintf("%.*s", (int) n, (const char *) json);
	yajl_gen_free(g);
	write_line(line);
	record_done(r);
}

static struct round *
add_round(struct migration_record *r, double seconds, double dirtied)
{
	struct round *round = record_add_round(r);

	round->seen = true;
	round->started = r->ended;
	round->seconds = seconds;
	round->pages_dirtied = (int64_t) dirtied;
	round->harvest_seconds = 0;
	r->ended += seconds;
	return round;
}

static void
begin_record(struct migration_record *r, enum direction direction, double at)
{
	record_init(r);
	r->direction = direction;
	r->started = r->ended = at;
}

/* Pages within a time of a guest that has a working set of what it dirties in 20 s. */
static double
pages_within(double rate, double seconds)
{
	return rate * 20 * (1 - exp(-seconds / 20));
}

static void
write_probe(double at, double rate)
{
	struct migration_record r;

	begin_record(&r, DIRECTION_PROBE, at);
	for (int i = 0; i < 10; i++) /* each page counts once */
		(void) add_round(&r, 1, pages_within(rate, i + 1) - pages_within(rate, i));
	write_record(&r);
}

static void
write_migration(double at, double rate)
{
	struct migration_record r;
	double pages = PAGES;

	begin_record(&r, DIRECTION_OUT, at);
	r.toolstack = TOOLSTACK_XL;
	r.memory_pages = PAGES;
	for (int i = 0; i < 5; i++) {
		struct round *round = add_round(&r, pages / SPEED, pages_within(rate, pages / SPEED));

		round->pages_sent = i ? (int64_t) pages : UNSEEN;
		pages = (double) round->pages_dirtied;
	}
	r.final.begun = true;
	r.final.pages = (int64_t) pages;
	r.final.seconds = r.downtime_seconds = pages / SPEED + 0.1;
	r.downtime_source = DOWNTIME_SUSPEND_TO_OFF;
	r.ended += r.final.seconds;
	write_record(&r);
}

/* A new host. end: how far the RRD file reaches. */
static void
begin(double end)
{
	char path[64];

	remove_tree(dir);
	(void) snprintf(path, sizeof(path), "%s/vm", dir);
	if (mkdir(dir, 0700) < 0 || mkdir(path, 0700) < 0)
		ok(0, "the test can make its directory");
	if (end > 0)
		write_past(end);
}

/* Six windows of the two weeks before, each off by up to a tenth. */
static void
write_windows(double monday, unsigned n)
{
	static const struct {
		double day, hour, off;
		bool migration;
	} rows[] = {{-13, 10, 1.05, true}, {-11, 3, 0.95, false}, {-9, 14, 0.92, false}, {-8, 4, 1.1, false},
	    {-6, 9, 1.0, true}, {-4, 22, 0.97, false}};

	for (size_t i = 0; i < n; i++) {
		double at = monday + rows[i].day * DAY + rows[i].hour * HOUR + 600;
		double rate = FACTOR * cpu_at(at) * rows[i].off;

		if (rows[i].migration)
			write_migration(at, rate);
		else
			write_probe(at, rate);
	}
}

static int
make_at(double now)
{
	const struct advised vm = {.dir = dir, .uuid = GUEST, .pages = guest_pages, .now = now};

	return advice_make(&advisor, &vm, &advice);
}

static bool
near(double a, double b, double part)
{
	return fabs(a - b) <= part * fabs(b);
}

static void
test_schedule(void)
{
	bool sunday = true, close = true;
	double pages = PAGES;

	begin(NOON);
	write_windows(MONDAY, 6);
	ok(make_at(NOON + 60) == 0 && advice.known && advice.migrations == 2 && advice.probes == 4,
	    "six windows of a guest that follows a schedule are enough: %s", advice.missing);
	ok(advice.estimator.by == COVARIATE_CPU && near(advice.estimator.factor, FACTOR, 0.1) &&
		advice.estimator.error < 0.15 && advice.estimator.n == 6,
	    "its dirty rate follows its CPU time: %.0f pages/s, error %.2f", advice.estimator.factor,
	    advice.estimator.error);
	for (size_t i = 0; i < advice.n_best; i++)
		sunday &= advice.best[i].hour == 6 * 24 + 2 + i;
	ok(advice.n_best == MAX_BEST && sunday, "the best hours are those of the schedule, the calmest first");
	ok(advice.best[0].next == MONDAY + 6 * DAY + 2 * HOUR, "and it is told when they come next");
	for (unsigned h = 0; h < WEEK_HOURS; h++)
		close &= near(advice.hour[h], FACTOR * cpu_at(MONDAY + h * HOUR), advice.estimator.error);
	ok(close, "no hour's estimate is off by more than the stated error");
	ok(near(advice.rate, 8000, 0.1) && advice.now.rounds == 5 && advice.now.outlook == OUTLOOK_DIVERGES,
	    "now it would take all rounds of the rule: %.0f pages/s, %d rounds", advice.rate, advice.now.rounds);
	ok(advice.then.outlook == OUTLOOK_CONVERGES && advice.then.rounds < 5 &&
		near(advice.then.total_seconds, PAGES / SPEED, 0.2),
	    "then it converges: %d rounds, %.1f s", advice.then.rounds, advice.then.total_seconds);
	for (int i = 0; i < 5; i++)
		pages = pages_within(8000, pages / SPEED);
	ok(near(advice.now.downtime_seconds, pages / SPEED + 0.1, 0.1) &&
		advice.then.downtime_seconds < advice.now.downtime_seconds,
	    "and stands still for less: %.3f s, now %.3f", advice.then.downtime_seconds, advice.now.downtime_seconds);
	ok(!*advice.missing && !advice.truncated, "nothing is missing");
}

static void
test_unknown(void)
{
	begin(NOON);
	write_windows(MONDAY, 4);
	ok(make_at(NOON) == 0 && !advice.known && strcmp(advice.missing, "4 of 5 measurements; xenscope probe adds one") == 0,
	    "four windows are not enough, and it is told how many are");
	ok(isnan(advice.rate) && advice.n_best == 0 && isnan(advice.hour[0]) && advice.now.rounds == UNSEEN,
	    "then nothing is told of hours and rounds");
	write_probe(MONDAY - 100 * DAY, 5000);
	ok(make_at(NOON) == 0 && !advice.known, "what is older than the RRD files reach counts no more");
	begin(NOON);
	for (unsigned i = 0; i < 8; i++)
		write_probe(MONDAY - i * DAY, i % 2 ? 50 * (i + 1) : 90000 / (i + 1));
	ok(make_at(NOON) == 0 && !advice.known && strstr(advice.missing, "misses the 8 measurements by"),
	    "rates that follow nothing are not told: %s", advice.missing);
	ok(advice.estimator.error > MAX_ERROR, "the error is");
}

static void
test_noise(void)
{
	uint32_t x = 1;
	unsigned told = 0;

	for (int i = 0; i < 100; i++) {
		struct measured m[8];
		struct estimator e;

		for (size_t k = 0; k < ARRAY_SIZE(m); k++) {
			m[k].of[COVARIATE_NONE] = 1;
			for (enum covariate c = 0; c <= COVARIATES; c++) {
				x = x * 1664525u + 1013904223u;
				*(c == COVARIATES ? &m[k].rate : &m[k].of[c]) =
				    c == COVARIATE_NONE ? 1 : pow(10, 5 * (x >> 8) / 16777216.0);
			}
		}
		told += estimator_fit(m, ARRAY_SIZE(m), &e) && e.error <= MAX_ERROR;
	}
	ok(told <= 5, "of 100 guests whose rates are noise %u are given an estimate", told);
}

static void
test_constant(void)
{
	begin(0);
	for (unsigned i = 0; i < 5; i++)
		write_migration(NOON - (i + 1) * DAY, 1000);
	ok(make_at(NOON) == 0 && advice.known && advice.estimator.by == COVARIATE_NONE && advice.estimator.error < 0.01,
	    "a guest that is always the same needs no RRD file");
	ok(near(advice.rate, 1000, 0.05) && advice.now.rounds > 1 && advice.n_best == 0 && advice.hour[7] == advice.rate,
	    "no hour is better than another");
	begin(NOON);
	for (unsigned i = 0; i < 6; i++)
		write_probe(NOON - i * DAY - 5 * HOUR, 0);
	ok(make_at(NOON) == 0 && advice.known && advice.rate == 0 && advice.now.rounds == UNSEEN &&
		strstr(advice.missing, "how fast pages are sent"),
	    "an idle one without a migration: what is missing is the link");
	write_migration(NOON - HOUR, 0);
	ok(make_at(NOON) == 0 && advice.known && advice.now.rounds == 1, "with one it has a single round, %d",
	    advice.now.rounds);
}

static void
test_hostile(void)
{
	struct migration_record r;

	begin(NOON);
	write_windows(MONDAY, 6);
	write_line("{\"id\":\"x\",\"uuid\":\"" GUEST "\",\"direction\":\"probe\",\"started\":1699800000,\"ended\":1e308,"
		   "\"rounds\":[{\"n\":0,\"seconds\":1e-300,\"pages_dirtied\":9007199254740992},{\"seconds\":1e300}]}");
	write_line("{\"uuid\":\"" GUEST "\",\"direction\":\"probe\",\"rounds\":[[]]}");
	write_line("\x01{\"uuid\":\"" GUEST "\"");
	begin_record(&r, DIRECTION_PROBE, NOON - 7200);
	(void) add_round(&r, 1e-9, 9e15);
	(void) add_round(&r, 1e-8, 0);
	write_record(&r);
	begin_record(&r, DIRECTION_OUT, NAN);
	r.ended = NOON - 3600;
	r.toolstack = TOOLSTACK_XAPI;
	for (int i = 0; i < 300; i++)
		(void) add_round(&r, 1 + i / 100.0, i);
	write_record(&r);
	ok(make_at(NOON + 60) == 0 && advice.known && near(advice.estimator.factor, FACTOR, 0.3),
	    "a journal full of nonsense does no harm: %.0f", advice.estimator.factor);
	for (int i = 0; i < 400; i++)
		write_line("{\"id\":\"y\",\"uuid\":\"" GUEST "\",\"direction\":\"probe\",\"started\":1699800000,"
			   "\"ended\":1699800001,\"rounds\":[]}");
	ok(make_at(NOON + 60) == 0 && advice.truncated && !advice.known, "a long one is not read to its end");
}

/* --- a real guest --- */

/* A guest of the lab that followed a schedule (tests/lab/advice), a minute at each of its rates: its CPU time as the RRD
 * files had it, and the probe or migration that measured it. The last ones were not used for the estimate. */
#define MINUTES 10
#define CALIBRATED 6

static struct minute {
	double cpu, mib;
	struct migration_record record;
} minute[MINUTES];

static size_t
read_minutes(void)
{
	const char *srcdir = getenv("srcdir");
	_cleanup_(freep) char *path = xasprintf("%s/tests/golden/advice/schedule.jsonl", srcdir ? srcdir : ".");
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0, n = 0;

	for (; f && n < MINUTES && getline(&line, &room, f) > 0; n++) {
		json_t *o = json_loads(line, 0, NULL);
		char *text = json_dumps(json_object_get(o, "record"), 0);

		minute[n].cpu = json_number_value(json_object_get(o, "cpu"));
		minute[n].mib = json_number_value(json_object_get(o, "rate"));
		if (!text || record_parse(text, strlen(text), &minute[n].record) < 0)
			ok(0, "line %zu has a record", n + 1);
		free(text);
		json_decref(o);
	}
	free(line);
	if (f)
		(void) fclose(f);
	return n;
}

/* The schedule, stretched from ten minutes to the hours of a week: which of the minutes an hour is like. */
static size_t
like_minute(double at)
{
	return (size_t) week_hour(at) % MINUTES;
}

static double
measured_cpu(double at)
{
	return minute[like_minute(at)].cpu;
}

/* Made up: the emulated guest took as long for its timers as for what it wrote. */
static double
fitting_cpu(double at)
{
	return 0.002 + 0.04 * minute[like_minute(at)].mib;
}

/* The measurement of minute i, as if it had been made in an hour like it, at or after the given time. */
static void
write_measured(size_t i, double from)
{
	struct migration_record r;
	double at = from;

	while (like_minute(at) != i)
		at += HOUR;
	record_copy(&r, &minute[i].record);
	r.ended += at + 600 - r.started;
	r.started = at + 600;
	write_record(&r);
}

/* What is advised at the end of the first hour that is like minute i, where the guest's CPU time was this and the first
 * measurements were made in as many days of the two weeks before. */
static int
advise_in(size_t i, double (*cpu)(double at))
{
	double now = MONDAY;

	while (like_minute(now) != i)
		now += HOUR;
	cpu_at = cpu;
	begin(now + HOUR);
	for (size_t k = 0; k < CALIBRATED; k++)
		write_measured(k, MONDAY - 10 * DAY + (double) k * DAY);
	return make_at(now + HOUR + 60);
}

/* Beside what was measured in that minute. Returns the rate. */
static double
judge_minute(size_t i)
{
	const struct migration_record *r = &minute[i].record;
	double rate = r->direction == DIRECTION_PROBE ? (double) r->round[0].pages_dirtied : forecast_rate(r);

	printf("# %.0f MiB/s, held out: %.0f pages/s measured, %.0f estimated\n", minute[i].mib, rate, advice.rate);
	if (r->direction != DIRECTION_PROBE)
		ok(advice.now.rounds == r->rounds_begun &&
			near(advice.now.total_seconds, r->ended - r->started, 0.5) &&
			near(advice.now.downtime_seconds, r->downtime_seconds, 0.2),
		    "of %d rounds, %.1f s, downtime %.2f s it expects %d, %.1f, %.2f", r->rounds_begun,
		    r->ended - r->started, r->downtime_seconds, advice.now.rounds, advice.now.total_seconds,
		    advice.now.downtime_seconds);
	return rate;
}

static void
test_real(void)
{
	size_t n = read_minutes(), calmest = 0, right = 0;
	double missed = 0, all = 0;

	ok(n == MINUTES, "the lab measured a guest at each rate of its schedule: %zu", n);
	guest_pages = minute[CALIBRATED].record.memory_pages;
	ok(advise_in(0, measured_cpu) == 0 && !advice.known && advice.estimator.error > MAX_ERROR,
	    "its CPU time did not tell its rate, and so nothing is told: error %.2f", advice.estimator.error);
	ok(advise_in(0, fitting_cpu) == 0 && advice.known && advice.estimator.by == COVARIATE_CPU,
	    "where it does, six measurements are enough, error %.2f", advice.estimator.error);
	for (size_t i = CALIBRATED; i < MINUTES; i++) {
		double rate = advise_in(i, fitting_cpu) == 0 ? judge_minute(i) : NAN;

		missed += fabs(advice.rate - rate);
		all += rate;
	}
	ok(missed <= 0.1 * all, "the others are off by %.2f", missed / all);
	for (size_t i = 0; i < MINUTES; i++)
		calmest = minute[i].mib < minute[calmest].mib ? i : calmest;
	for (size_t i = 0; i < advice.n_best; i++)
		right += advice.best[i].hour % MINUTES == calmest;
	ok(advice.n_best == MAX_BEST && right == MAX_BEST, "the best hours are those in which it rests");
	cpu_at = made_up_cpu;
	guest_pages = PAGES;
	for (size_t i = 0; i < n; i++)
		record_done(&minute[i].record);
}

static void
test_answer(void)
{
	double now = tick_now().real, hour = floor(now / HOUR) * HOUR, monday = hour - week_hour(hour) * HOUR;
	static const char path[] = "/api/v1/domains/" GUEST "/advice";

	view.sample = made_up_sample(3);
	view.sample->domain[2].value[METRIC_AT(M_DOMAIN_MEMORY, DOMAIN)] = PAGES * 4096.0;
	begin(hour);
	ok(ask(path, "") == 200 && is_text(at("state", NULL), "unknown") && is_text(at("uuid", NULL), GUEST) &&
		is_text(at("missing", NULL), "0 of 5 measurements; xenscope probe adds one") &&
		json_is_null(at("now", NULL)) && json_is_null(at("covariate", NULL)),
	    "what cannot be told is unknown, with what is missing");
	write_windows(monday, 6);
	ok(ask(path, "") == 200 && is_text(at("state", NULL), "known") && is_text(at("covariate", NULL), "cpu") &&
		json_integer_value(at("windows", NULL)) == 6 && json_is_string(at("basis", NULL)) &&
		json_real_value(at("estimate_error_ratio", NULL)) > 0,
	    "an estimate carries its windows, its error and its basis");
	ok(json_array_size(at("best_hours", NULL)) == MAX_BEST && is_text(at("best_hours", "#0", "day", NULL), "sunday") &&
		json_integer_value(at("best_hours", "#0", "hour", NULL)) == 2 &&
		json_number_value(at("best_hours", "#0", "next", NULL)) > now &&
		json_integer_value(at("best", "estimate_rounds", NULL)) > 0 &&
		is_text(at("best", "estimate_converges", NULL), "yes") &&
		json_array_size(at("estimate_pages_per_second_by_hour", NULL)) == WEEK_HOURS,
	    "the best hours have a day, an hour and what to expect");
	(void) ask("/api/v1/domains/00000000-0000-0000-0000-00000000beef/advice", "");
	ok(is_problem(404, "/api/v1/domains"), "a VM that is not here has none");
	(void) ask("/api/v1/domains/x/advice", "");
	ok(is_problem(400, "UUID"), "nor what is none");
	(void) ask("/api/v1/domains//advice", "");
	ok(reply.status == 404, "nor nobody");
	(void) ask(path, "limit=1");
	ok(is_problem(400, "unknown parameter"), "it takes no parameters");
	sample_free(TAKE_PTR(view.sample));
	(void) ask(path, "");
	ok(reply.status == 503, "before the first sample it has to wait");
}

int
main(void)
{
	if (!mkdtemp(dir))
		return 1;
	test_schedule();
	test_unknown();
	test_noise();
	test_constant();
	test_hostile();
	test_real();
	test_answer();
	remove_tree(dir);
	json_decref(body);
	reply_done(&reply);
	return done_testing();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whatever is told to the state machine, in whatever order, its records stay whole. */
#include <config.h>

#include <math.h>
#include <stdint.h>

#include "base/util.h"
#include "metrics/overhead.h"
#include "observe/migration.h"
#include "tests/tap.h"

#define EVENTS 100000
#define MAX_IDS 128
#define EPOCH 1793870000.0

static uint64_t state = 88172645463325252ULL;

static unsigned
random_below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned) (state >> 11) % n;
}

struct ledger {
	char open[MAX_IDS][RECORD_ID_SIZE];
	struct migration_record noted[MAX_IDS]; /* of those, an earlier state as it was read back */
	size_t n;
	uint64_t begun, ended, wrong, texts, changes, traced;
	char why[128];
};

static void
wrong(struct ledger *l, const struct migration_record *r, const char *why)
{
	if (l->wrong++ == 0)
		(void) snprintf(l->why, sizeof(l->why), "%s: %s", r->id, why);
}

static size_t
find(const struct ledger *l, const char *id)
{
	size_t i = 0;

	while (i < l->n && strcmp(l->open[i], id) != 0)
		i++;
	return i;
}

static void
check_rounds(struct ledger *l, const struct migration_record *r)
{
	int32_t n = -1;

	if (r->rounds_begun < (int64_t) r->n_rounds)
		wrong(l, r, "fewer rounds were begun than there are");
	for (size_t i = 0; i < r->n_rounds; i++) {
		const struct round *round = &r->round[i];

		if (round->n != UNSEEN && round->n <= n)
			wrong(l, r, "rounds are not in order");
		n = round->n == UNSEEN ? n : round->n;
		if (round->seconds < 0 || round->pages_sent < UNSEEN ||
		    round->frames_sent < UNSEEN || round->pages_dirtied < UNSEEN)
			wrong(l, r, "a figure is negative");
		if (!round->seen && (round->pages_dirtied != UNSEEN ||
					round->pages_sent != UNSEEN || !isnan(round->started)))
			wrong(l, r, "a round that nobody saw has figures");
	}
	if (r->final.seconds < 0 || r->downtime_seconds < 0)
		wrong(l, r, "a time is negative");
}

static bool
is_bad(double figure)
{
	return figure < 0 || isinf(figure);
}

static void
check_figures(struct ledger *l, const struct migration_record *r, const struct overhead_figures *f)
{
	if (is_bad(f->tracked_seconds) || is_bad(f->sampled_fraction) || f->sampled_fraction > 1 ||
	    f->pages_dirtied < UNSEEN || f->splits < UNSEEN || f->avoided_exits < UNSEEN ||
	    is_bad(f->overhead_ratio) || is_bad(f->exits_per_kpage) ||
	    is_bad(f->recalc_exits_per_kpage) || is_bad(f->cycles_per_page) ||
	    is_bad(f->harvest_seconds))
		wrong(l, r, "a figure of its overhead is out of range");
	if (f->pages_dirtied == 0 && !(isnan(f->overhead_ratio) && isnan(f->cycles_per_page)))
		wrong(l, r, "it is divided by pages that there were not");
}

static void
check_overhead(struct ledger *l, const struct migration_record *r, enum record_change change)
{
	struct overhead_figures f;
	struct overhead sum = r->final.overhead;

	overhead_of_record(r, &f);
	check_figures(l, r, &f);
	overhead_of_pass(r, NULL, &f);
	check_figures(l, r, &f);
	for (size_t i = 0; i < r->n_rounds; i++) {
		overhead_of_pass(r, &r->round[i], &f);
		check_figures(l, r, &f);
		overhead_add(&sum, &r->round[i].overhead);
	}
	if (sum.windows > r->overhead.windows || sum.torn_windows > r->overhead.torn_windows)
		wrong(l, r, "its passes have more windows than it has");
	if ((r->mode_source == MODE_SOURCE_TRACE) > (r->overhead.windows > 0))
		wrong(l, r, "a mode is proven by no window");
	l->traced += change == RECORD_ENDED && r->overhead.windows > 0;
}

/* The caller frees the text. */
static char *
text_of(const struct migration_record *r, const struct migration_record *before)
{
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *json;
	size_t n;
	char *text;

	record_gen_open(g, r, before);
	text = yajl_gen_get_buf(g, &json, &n) == yajl_gen_status_ok ? xstrdup((const char *) json) : xstrdup("");
	yajl_gen_free(g);
	return text;
}

/* What has changed since the state noted, applied to it, is the record. */
static void
check_text(struct ledger *l, const struct migration_record *r, struct migration_record *noted)
{
	_cleanup_(freep) char *text = text_of(r, *noted->id ? noted : NULL);
	_cleanup_(freep) char *whole = text_of(r, NULL), *back = NULL;

	l->changes += *noted->id && strlen(text) < strlen(whole);
	if (!*noted->id)
		record_init(noted);
	if (record_apply(text, strlen(text), noted) < 0) {
		wrong(l, r, "its text is not to be read");
		return;
	}
	back = text_of(noted, NULL);
	if (strcmp(back, whole) != 0)
		wrong(l, r, "what is read is another");
	l->texts++;
}

static void
on_change(void *arg, enum record_change change, const struct migration_record *r,
    const struct round *round)
{
	struct ledger *l = arg;
	size_t i = find(l, r->id);

	if ((change == RECORD_BEGUN) != (i == l->n))
		wrong(l, r, "told before its beginning, after its end, or begun twice");
	if (change == RECORD_BEGUN && l->n < MAX_IDS) {
		memcpy(l->open[l->n++], r->id, sizeof(r->id));
		l->begun++;
	}
	if ((change == RECORD_ENDED) != (r->result != RESULT_RUNNING))
		wrong(l, r, "its result and its end disagree");
	if (round &&
	    (round < r->round || round >= r->round + r->n_rounds || change != RECORD_ROUND))
		wrong(l, r, "the round is not one of its own");
	check_rounds(l, r);
	check_overhead(l, r, change);
	i = find(l, r->id);
	if (i < l->n && random_below(20) == 0)
		check_text(l, r, &l->noted[i]);
	if (change == RECORD_ENDED && i < l->n) {
		record_done(&l->noted[i]);
		memcpy(l->open[i], l->open[--l->n], sizeof(l->open[i]));
		l->noted[i] = l->noted[l->n];
		memset(&l->noted[l->n], 0, sizeof(l->noted[l->n]));
		l->ended++;
	}
}

static struct event
random_event(double at)
{
	static const uint32_t ops[] = {SHADOW_OP_OFF, SHADOW_OP_ENABLE_LOGDIRTY, SHADOW_OP_CLEAN,
	    SHADOW_OP_CLEAN, SHADOW_OP_CLEAN, SHADOW_OP_PEEK, 77};
	static const char *const comms[] = {
	    "libxl-save-help", "xenguest", "", "mytool", "xenscoped"};
	static const uint64_t totals[] = {0, 1, 1000, UINT64_MAX, INT64_MAX};
	struct event e = {.kind = (enum event_kind) random_below(EVENT_TRACE_WINDOW + 1),
	    .source = (enum event_source) random_below(SOURCE_COUNT),
	    .at = at - random_below(3000) / 1000.0,
	    .seconds = random_below(4) ? random_below(1000) / 1e4 : NAN,
	    .pid = (pid_t) (100 + random_below(80)),
	    .domid = random_below(80),
	    .op = ops[random_below(ARRAY_SIZE(ops))],
	    .mode = random_below(4) == 0,
	    .result = random_below(10) ? 0 : (int) random_below(16) - 1,
	    .pages = totals[random_below(5)],
	    .dirty = random_below(3) ? random_below(100) : UINT32_MAX,
	    .number = random_below(20) ? random_below(9) : (uint32_t) state,
	    .total = totals[random_below(5)],
	    .stage = (enum stage) random_below(5),
	    .role = (enum helper_role) random_below(5),
	    .toolstack = (enum toolstack) random_below(4),
	    .started = random_below(3)};

	if (random_below(1000) == 0)
		e.at = random_below(2) ? NAN : 1e300;
	if (random_below(1000) == 0)
		e.seconds = random_below(2) ? -1 : INFINITY;
	if (random_below(1000) == 0)
		e.source = (enum event_source) 99;
	e.window = (struct trace_window){.from = e.at - random_below(2000) / 1000.0,
	    .lost = random_below(9) ? 0 : random_below(100),
	    .cpu_khz = random_below(9) ? 2600000 : 0,
	    .torn = random_below(9) == 0};
	for (size_t i = 0; i < TRACE_CLASSES; i++) {
		e.window.count[i] = random_below(9) ? random_below(200) : totals[random_below(5)];
		e.window.cycles[i] = random_below(9) ? random_below(1 << 20) : totals[random_below(5)];
	}
	if (random_below(1000) == 0)
		e.window.from = random_below(2) ? NAN : e.at + 1;
	str_copy(e.comm, sizeof(e.comm), comms[random_below(5)]);
	return e;
}

static void
random_tick(struct migrations *m, struct ledger *l, const struct tick *now)
{
	static const char *const states[] = {
	    "running", "blocked", "paused", "shutdown", "dying", "crashed"};
	struct sample *s = sample_new(now);
	size_t running = 0;

	s->features.pml.state = (enum pml_state) random_below(4);
	str_copy(s->host.boot_id, sizeof(s->host.boot_id), random_below(200) ? "boot" : "another");
	for (uint32_t domid = 0; random_below(20) && domid < 80; domid++) {
		struct sample_domain *d = random_below(8) ? sample_add_domain(s) : NULL;

		if (!d)
			continue;
		d->domid = domid;
		(void) snprintf(d->uuid, sizeof(d->uuid), "%032x",
		    random_below(20) ? domid / 2 : random_below(40));
		str_copy(d->name, sizeof(d->name), "x");
		str_copy(d->state, sizeof(d->state), states[random_below(6)]);
		d->value[METRIC_AT(M_DOMAIN_MEMORY, DOMAIN)] = random_below(3) ? 1e9 : NAN;
		d->value[METRIC_AT(M_DOMAIN_VCPUS, DOMAIN)] = random_below(3) ? 2 : NAN;
	}
	migrations_tick(m, s);
	running = (size_t) s->host.value[METRIC_AT(M_HOST_RUNNING, HOST)];
	if (running != l->n ||
	    s->host.value[METRIC_AT(M_HOST_MIGRATIONS, HOST)] != (double) l->ended) {
		l->wrong++;
		(void) snprintf(l->why, sizeof(l->why), "%zu run, %zu are open", running, l->n);
	}
	for (size_t i = 0; i < s->n_migrations; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(s->migration[i].uuid, s->migration[k].uuid) == 0)
				l->wrong++;
	for (size_t i = 0; i < s->n_tracking; i++) {
		for (size_t k = 0; k < i; k++)
			if (strcmp(s->tracking[i].uuid, s->tracking[k].uuid) == 0)
				l->wrong++;
		for (size_t k = 0; k < VALUES(TRACKING); k++)
			if (!(s->tracking[i].value[k] >= 0))
				l->wrong++;
	}
	sample_free(s);
}

int
main(void)
{
	static struct ledger l;
	struct migrations *m = migrations_new(on_change, &l);
	struct tick now = {.mono = 1000, .real = 1000 + EPOCH};
	pid_t pids[16];

	for (unsigned i = 0; i < EVENTS; i++) {
		struct event e = random_event(now.mono);

		now.mono += random_below(100) / 1000.0;
		now.real = now.mono + EPOCH + random_below(5000);
		migrations_event(m, &e, &now);
		if (random_below(50) == 0)
			random_tick(m, &l, &now);
		if (random_below(5000) == 0)
			migrations_covered(m, SOURCE_BPF, random_below(2) ? now.mono : INFINITY);
		if (random_below(100) == 0 && migrations_unwatched(m, pids, 16) > 16)
			l.wrong++;
	}
	ok(l.wrong == 0, "%d random events leave each record whole (%lu wrong) %s", EVENTS,
	    (unsigned long) l.wrong, l.why);
	ok(l.begun > 1000 && l.ended + l.n == l.begun && l.texts > 100,
	    "%lu records began and %lu ended, each once", (unsigned long) l.begun,
	    (unsigned long) l.ended);
	ok(l.changes > 100, "%lu times their changes made the same record of an earlier state", (unsigned long) l.changes);
	ok(l.traced > 100, "%lu of them were traced", (unsigned long) l.traced);
	migrations_free(m);
	for (size_t i = 0; i < l.n; i++)
		record_done(&l.noted[i]);
	return done_testing();
}

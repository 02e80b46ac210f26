/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "plugin/nagios/checks.h"

#include <math.h>

#include "base/util.h"
#include "cli/fields.h"

#define LIMIT 1000 /* migrations: the API's own */
#define LATE_STEPS 6 /* figures that are so many steps old */
#define DEAD_STEPS 24

static bool
is(const json_t *o, const char *key, const char *word)
{
	return strcmp(text(o, key), word) == 0;
}

/* 1, 0, or NAN for unknown. */
static double
yes_or_no(const json_t *o, const char *key)
{
	return is(o, key, "yes") ? 1 : is(o, key, "no") ? 0 : NAN;
}

static void
add_reason(struct report *r, const json_t *o)
{
	_cleanup_(freep) char *reason = printable(text(o, "reason"));

	if (*reason)
		report_text(r, " (%s)", reason);
}

/* --- features --- */

struct guests {
	unsigned on, off, unknown;
};

/* In how many guests the kernel uses it. PV guests run in Xen's own mode. */
static struct guests
count_guests(const json_t *answer, const char *feature, struct report *r)
{
	const json_t *domains = json_object_get(answer, "domains");
	struct guests g = {0, 0, 0};

	for (size_t i = 0; i < json_array_size(domains); i++) {
		const json_t *d = json_array_get(domains, i);
		const json_t *f = json_object_get(json_object_get(d, "features"), feature);
		_cleanup_(freep) char *name = NULL;

		if (is(d, "kind", "pv"))
			continue;
		if (is(f, "active", "yes")) {
			g.on++;
			continue;
		}
		g.off += is(f, "active", "no");
		g.unknown += !is(f, "active", "no");
		name = printable(text(d, "name"));
		report_detail(r, "%s: %s%s", name, is(f, "active", "no") ? "off" : "not known",
		    is(f, "exposed", "no") ? ", not offered" : "");
	}
	return g;
}

static void
judge_feature(const struct check *c, const json_t *answer, struct report *r)
{
	static const struct figure off = {"guests_off", "", NULL, NULL}, on = {"guests_on", "", NULL, NULL};
	static const struct figure unknown = {"guests_unknown", "", NULL, NULL}, xen = {"xen", "", NULL, NULL};
	json_t *features = json_object_get(answer, "features");
	const json_t *f = json_object_get(features, c->feature);
	struct guests g;
	const char *name;
	json_t *other;

	if (!f) {
		report_state(r, STATE_UNKNOWN);
		report_text(r, "the agent does not know it; it knows pml");
		json_object_foreach(features, name, other)
			report_text(r, ", %s", name);
		return;
	}
	report_state(r, is(f, "xen", "yes") ? STATE_OK : is(f, "xen", "no") ? STATE_CRITICAL : STATE_UNKNOWN);
	report_text(r, is(f, "xen", "yes") ? "on in Xen" : is(f, "xen", "no") ? "off in Xen" : "not known of Xen");
	add_reason(r, f);
	g = count_guests(answer, c->feature, r);
	report_text(r, ", guests: %u on, %u off, %u unknown", g.on, g.off, g.unknown);
	report_figure(r, &off, g.off);
	report_figure(r, &on, g.on);
	report_figure(r, &unknown, g.unknown);
	report_figure(r, &xen, yes_or_no(f, "xen"));
}

/* Its absence costs time and opens nothing: a warning. */
static void
judge_pml(const struct check *c, const json_t *answer, struct report *r)
{
	static const struct figure in_use = {"in_use", "", NULL, NULL};
	const json_t *pml = json_object_get(answer, "pml");
	bool known = is(pml, "state", "disabled") || is(pml, "state", "unsupported");
	bool used = is(pml, "state", "in_use");
	_cleanup_(freep) char *state = printable(text(pml, "state"));

	(void) c;
	report_state(r, used ? STATE_OK : known ? STATE_WARNING : STATE_UNKNOWN);
	report_text(r, "%s", used ? "in use" : state);
	add_reason(r, pml);
	report_figure(r, &in_use, used ? 1 : known ? 0 : NAN);
}

/* --- migrations --- */

enum { FAILED, NOT_CONVERGING, LEFT_ON, ALL, RUNNING, ROUNDS, DOWNTIME, FIGURES };
static const struct figure migration_figures[FIGURES] = {
    [FAILED] = {"failed", "", NULL, "0"},
    [NOT_CONVERGING] = {"not_converging", "", "0", NULL},
    [LEFT_ON] = {"left_on", "", "0", NULL},
    [ALL] = {"migrations", "", NULL, NULL},
    [RUNNING] = {"running", "", NULL, NULL},
    [ROUNDS] = {"rounds", "", NULL, NULL},
    [DOWNTIME] = {"downtime", "s", NULL, NULL},
};

static bool
has_failed(const json_t *m)
{
	return is(m, "result", "failed") || is(m, "result", "aborted") || is(m, "result", "lost");
}

/* Of one that ended, how pre-copy did; of one that runs, what its last forecast says. */
static bool
converges_not(const json_t *m)
{
	const json_t *rounds = json_object_get(m, "rounds");

	if (!is(m, "result", "running"))
		return is(m, "stop_reason", "round_limit") || is(m, "stop_reason", "long_round");
	for (size_t i = json_array_size(rounds); i-- > 0;) {
		const json_t *forecast = json_object_get(json_array_get(rounds, i), "forecast");

		if (json_is_object(forecast))
			return is(forecast, "converges", "no");
	}
	return false;
}

static void
add_detail(const json_t *m, struct report *r)
{
	_cleanup_(freep) char *name = printable(*text(m, "name") ? text(m, "name") : text(m, "uuid"));
	_cleanup_(freep) char *reason = printable(text(m, "reason")), *result = printable(text(m, "result"));
	_cleanup_(freep) char *began = printable(text(m, "started_text"));
	double rounds = number(m, "rounds_begun"), downtime = number(m, "downtime_seconds");
	char counted[32] = "", down[32] = "";

	if (rounds > 0)
		(void) snprintf(counted, sizeof(counted), ", %g rounds", rounds);
	if (!isnan(downtime))
		(void) snprintf(down, sizeof(down), ", %.3g s down", downtime);
	report_detail(r, "%s: %s%s%s%s%s%s%s, began %s", name, result, *reason ? ": " : "", reason, counted, down,
	    converges_not(m) ? ", not converging" : "",
	    json_is_true(json_object_get(m, "tracking_left_on")) ? ", dirty tracking left on" : "", began);
}

static void
add_migration(const json_t *m, double *value)
{
	value[ALL]++;
	value[FAILED] += has_failed(m);
	value[RUNNING] += is(m, "result", "running");
	value[NOT_CONVERGING] += converges_not(m);
	value[LEFT_ON] += json_is_true(json_object_get(m, "tracking_left_on"));
	value[ROUNDS] = fmax(value[ROUNDS], number(m, "rounds_begun")); /* of one that is NAN the other */
	value[DOWNTIME] = fmax(value[DOWNTIME], number(m, "downtime_seconds"));
}

static void
sum_up(const struct check *c, const double *value, const char *failed, struct report *r)
{
	report_text(r, "%g in %u min", value[ALL], c->minutes);
	if (value[FAILED] > 0)
		report_text(r, ", %g failed (%s%s)", value[FAILED], failed, value[FAILED] > 1 ? ", ..." : "");
	if (value[NOT_CONVERGING] > 0)
		report_text(r, ", %g not converging", value[NOT_CONVERGING]);
	if (value[LEFT_ON] > 0)
		report_text(r, ", dirty tracking left on by %g", value[LEFT_ON]);
	if (value[RUNNING] > 0)
		report_text(r, ", %g running", value[RUNNING]);
	if (value[ROUNDS] > 0)
		report_text(r, ", <= %g rounds", value[ROUNDS]);
	if (!isnan(value[DOWNTIME]))
		report_text(r, ", <= %.3g s down", value[DOWNTIME]);
}

static void
judge_migrations(const struct check *c, const json_t *answer, struct report *r)
{
	const json_t *list = json_object_get(answer, "migrations");
	double value[FIGURES] = {[ROUNDS] = NAN, [DOWNTIME] = NAN};
	_cleanup_(freep) char *failed = NULL;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i);

		if (is(m, "direction", "probe"))
			continue;
		add_migration(m, value);
		add_detail(m, r);
		if (has_failed(m) && !failed)
			failed = printable(*text(m, "name") ? text(m, "name") : text(m, "uuid"));
	}
	sum_up(c, value, failed, r);
	for (size_t i = 0; i < FIGURES; i++)
		report_figure(r, &migration_figures[i], value[i]);
	if (json_is_true(json_object_get(answer, "truncated")) || json_is_string(json_object_get(answer, "next"))) {
		report_state(r, STATE_UNKNOWN);
		report_text(r, "; there are more than could be read: a smaller --minutes sees all");
	}
}

/* --- overhead --- */

static const json_t *
current_boot(const json_t *answer)
{
	const json_t *boots = json_object_get(answer, "boots");

	for (size_t i = 0; i < json_array_size(boots); i++)
		if (json_is_true(json_object_get(json_array_get(boots, i), "current")))
			return json_array_get(boots, i);
	return NULL;
}

static void
judge_overhead(const struct check *c, const json_t *answer, struct report *r)
{
	static const struct figure overhead = {"overhead", "%", NULL, NULL}, harvest = {"harvest", "s", NULL, NULL};
	const json_t *modes = json_object_get(current_boot(answer), "modes");
	double worst = NAN, longest = NAN;

	(void) c;
	for (size_t i = 0; i < json_array_size(modes); i++) {
		const json_t *m = json_array_get(modes, i);
		_cleanup_(freep) char *mode = printable(text(m, "tracking_mode"));
		double ratio = number(m, "overhead_ratio");

		if (json_is_true(json_object_get(m, "estimate")))
			continue;
		longest = fmax(longest, number(m, "harvest_seconds_per_round"));
		if (isnan(ratio))
			continue;
		report_text(r, "%s%.3g %% by %s", isnan(worst) ? "" : ", ", ratio * 100, mode);
		report_detail(r, "%s: %g migrations and probes, of %g pages", mode, number(m, "measured"),
		    number(m, "pages_dirtied"));
		worst = fmax(worst, ratio * 100);
	}
	report_text(r, isnan(worst) ? "not measured since the host booted" : " of the guests' CPU time");
	if (json_is_true(json_object_get(answer, "truncated")))
		report_text(r, ", by a part of the journal");
	report_figure(r, &overhead, worst);
	report_figure(r, &harvest, longest);
}

/* --- agent --- */

/* How many of them have an error. */
static unsigned
count_errors(const json_t *collectors, struct report *r)
{
	unsigned n = 0;

	for (size_t i = 0; i < json_array_size(collectors); i++) {
		const json_t *c = json_array_get(collectors, i);
		_cleanup_(freep) char *name = printable(text(c, "name")), *error = printable(text(c, "error"));

		n += *error != '\0';
		if (*error)
			report_detail(r, "%s: %s", name, error);
	}
	return n;
}

static void
judge_agent(const struct check *c, const json_t *answer, struct report *r)
{
	static const struct figure errors = {"collector_errors", "", "0", NULL}, notes = {"notes", "", NULL, NULL},
				   delay = {"tick_delay", "s", NULL, NULL}, lost = {"events_lost", "c", NULL, NULL},
				   memory = {"resident", "B", NULL, NULL};
	const json_t *list = json_object_get(answer, "notes"), *metrics = json_object_get(answer, "metrics");
	_cleanup_(freep) char *version = printable(text(answer, "agent_version"));
	_cleanup_(freep) char *xen = printable(text(answer, "xen_version"));
	double step = number(answer, "step");
	char late[32], dead[32];
	const struct figure age = {"age", "s", late, dead};
	unsigned n = count_errors(json_object_get(answer, "collectors"), r);

	(void) c;
	step = isnan(step) ? 5 : step;
	(void) snprintf(late, sizeof(late), "%.0f", MIN(step, 1e6) * LATE_STEPS);
	(void) snprintf(dead, sizeof(dead), "%.0f", MIN(step, 1e6) * DEAD_STEPS);
	report_text(r, "xenscoped %s, Xen %s, figures of %.1f s ago, %u collector errors", version, xen,
	    number(answer, "age_seconds"), n);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *said = json_string_value(json_array_get(list, i));
		_cleanup_(freep) char *note = printable(said ? said : "");

		report_detail(r, "%s", note);
	}
	report_figure(r, &age, number(answer, "age_seconds"));
	report_figure(r, &errors, n);
	report_figure(r, &notes, (double) json_array_size(list));
	report_figure(r, &delay, number(metrics, "xenscope_agent_tick_delay_seconds"));
	report_figure(r, &lost, number(metrics, "xenscope_agent_events_lost_total"));
	report_figure(r, &memory, number(metrics, "xenscope_agent_resident_bytes"));
}

/* --- all of them --- */

static const struct {
	const char *path;
	const char *member; /* that an answer of xenscoped has */
	void (*judge)(const struct check *c, const json_t *answer, struct report *r);
} kinds[] = {
    [CHECK_FEATURE] = {"/api/v1/features", "features", judge_feature},
    [CHECK_PML] = {"/api/v1/features", "pml", judge_pml},
    [CHECK_MIGRATIONS] = {"/api/v1/migrations", "migrations", judge_migrations},
    [CHECK_OVERHEAD] = {"/api/v1/overhead", "boots", judge_overhead},
    [CHECK_AGENT] = {"/api/v1/host", "collectors", judge_agent},
};

char *
check_path(const struct check *c)
{
	const char *uuid = c->uuid ? "uuid=" : "";

	if (c->kind == CHECK_MIGRATIONS)
		return xasprintf("%s?since=-%u&limit=%d%s%s%s", kinds[c->kind].path, c->minutes * 60, LIMIT,
		    c->uuid ? "&" : "", uuid, c->uuid ? c->uuid : "");
	return xasprintf("%s%s%s%s", kinds[c->kind].path, c->uuid ? "?" : "", uuid, c->uuid ? c->uuid : "");
}

void
check_answer(const struct check *c, const json_t *answer, struct report *r)
{
	_cleanup_(freep) char *when = printable(text(answer, "time_text"));

	if (!json_object_get(answer, kinds[c->kind].member) || !*text(answer, "source")) {
		report_state(r, STATE_UNKNOWN);
		report_text(r, "what answers there is not xenscoped");
		return;
	}
	if (json_is_true(json_object_get(answer, "stale"))) {
		report_state(r, c->kind == CHECK_AGENT ? STATE_CRITICAL : STATE_UNKNOWN);
		report_text(r, "xenscoped has gone, its last figures are of %s: systemctl restart xenscoped", when);
		return;
	}
	if (is(answer, "source", "replay"))
		report_text(r, "REPLAY of a capture: ");
	kinds[c->kind].judge(c, answer, r);
}

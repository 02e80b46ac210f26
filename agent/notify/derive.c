/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "notify/derive.h"

#include <math.h>

#include "base/strbuf.h"
#include "base/utf8.h"
#include "base/util.h"
#include "metrics/overhead.h"

/* --- of a record --- */

/* Somebody can still act, and has a reason to: a long pause, or no end of pre-copy, of which no pause is foretold. */
static bool
is_not_converging(const struct migration_record *r, double downtime_limit)
{
	return r->result == RESULT_RUNNING && !r->final.begun && record_outlook(r) == OUTLOOK_DIVERGES &&
	    !(record_forecast(r)->downtime_seconds <= downtime_limit);
}

unsigned
derive_kinds(const struct migration_record *r, double downtime_limit)
{
	bool running = r->result == RESULT_RUNNING;
	unsigned kinds = 0;

	if (r->direction != DIRECTION_PROBE) /* who probes is told by the probe itself */
		kinds = KIND_BIT(NOTICE_STARTED) | (running ? 0
			: r->result == RESULT_COMPLETED	    ? KIND_BIT(NOTICE_COMPLETED)
							    : KIND_BIT(NOTICE_FAILED));
	if (is_not_converging(r, downtime_limit))
		kinds |= KIND_BIT(NOTICE_NOT_CONVERGING);
	if (!running && r->tracking_left_on)
		kinds |= KIND_BIT(NOTICE_LEFT_ON);
	if (r->tracking_mode == TRACKING_EPT_WP && r->mode_source == MODE_SOURCE_TRACE && *r->mode_note)
		kinds |= KIND_BIT(NOTICE_FALLBACK);
	return kinds;
}

static const char *
part(enum direction d)
{
	static const char *const names[] = {[DIRECTION_OUT] = "Migration",
	    [DIRECTION_IN] = "Incoming migration",
	    [DIRECTION_LOCAL] = "Local migration",
	    [DIRECTION_SAVE] = "Save",
	    [DIRECTION_PROBE] = "Probe"};

	return names[d];
}

/* Migration of "web" (domain 3) */
static void
name_it(const struct migration_record *r, char *buf, size_t n)
{
	if (*r->name)
		(void) snprintf(buf, n, "%s of \"%s\" (domain %u)", part(r->direction), r->name, r->domid);
	else
		(void) snprintf(buf, n, "%s of domain %u", part(r->direction), r->domid);
}

static void
add_end(struct notice *n, const struct migration_record *r)
{
	notice_number(n, "rounds", r->rounds_begun);
	notice_number(n, "seconds", r->ended - r->started);
}

static void
say_completed(struct notice *n, const char *what, const struct migration_record *r)
{
	char seconds[48] = "", downtime[48] = "";

	if (isfinite(r->ended - r->started))
		(void) snprintf(seconds, sizeof(seconds), " in %.1f s", r->ended - r->started);
	if (isfinite(r->downtime_seconds))
		(void) snprintf(downtime, sizeof(downtime), ", downtime %.3f s", r->downtime_seconds);
	notice_say(n, "%s completed%s, %d round%s%s.", what, seconds, r->rounds_begun, r->rounds_begun == 1 ? "" : "s",
	    downtime);
	add_end(n, r);
	notice_number(n, "downtime_seconds", r->downtime_seconds);
}

static void
say_failed(struct notice *n, const char *what, const struct migration_record *r)
{
	const char *how = r->result == RESULT_ABORTED ? "was aborted"
	    : r->result == RESULT_LOST		      ? "was lost from sight"
						      : "failed";

	notice_say(n, "%s %s%s%s.", what, how, *r->reason ? ": " : "", r->reason);
	add_end(n, r);
	notice_text(n, "result", record_result_name(r->result));
	notice_text(n, "reason", r->reason);
}

/* The record has a forecast. */
static void
say_not_converging(struct notice *n, const char *what, const struct migration_record *r)
{
	const struct forecast *f = record_forecast(r);
	char end[96] = "pre-copy will not end";

	if (isfinite(f->downtime_seconds))
		(void) snprintf(end, sizeof(end),
		    "pre-copy will end by the limit of rounds, and the guest be paused for about %.1f s",
		    f->downtime_seconds);
	notice_say(n, "%s is not expected to converge: %s, unless it is stopped or the guest writes less.", what, end);
	notice_number(n, "rounds", r->rounds_begun);
	notice_number(n, "expected_rounds", f->rounds == UNSEEN ? NAN : f->rounds);
	notice_number(n, "expected_downtime_seconds", f->downtime_seconds);
}

static void
say_left_on(struct notice *n, const char *what, const struct migration_record *r)
{
	const struct overhead *o = &r->overhead;
	double exits = o->windows ? overhead_logging_exits(o) + (double) o->exits[TRACE_RECALC].count : NAN;
	char traced[96] = "", way_out[64];

	(void) snprintf(way_out, sizeof(way_out), "xenscope untrack %u", r->domid);
	if (o->windows)
		(void) snprintf(traced, sizeof(traced), ": %.0f exits were traced in %.1f s of it", exits,
		    o->traced_seconds);
	notice_say(n, "%s left dirty tracking on, which costs the guest time%s; to end it: %s, or migrate or save it "
	    "again.", what, traced, way_out);
	notice_number(n, "exits", exits);
	notice_number(n, "traced_seconds", o->windows ? o->traced_seconds : NAN);
	notice_text(n, "way_out", way_out);
}

/* When it became so, as far as the record tells. */
static double
time_of(enum notice_kind kind, const struct migration_record *r, double now)
{
	double t = kind == NOTICE_STARTED ? r->started : r->result == RESULT_RUNNING ? r->evidence.last : r->ended;

	return isfinite(t) ? t : now;
}

void
derive_record(enum notice_kind kind, const struct migration_record *r, double now, struct notice *ret)
{
	char what[NAME_SIZE + 64];

	notice_init(ret, kind, time_of(kind, r, now));
	ret->replay = r->origin == ORIGIN_REPLAY;
	str_copy(ret->uuid, sizeof(ret->uuid), r->uuid);
	utf8_clean(ret->name, sizeof(ret->name), r->name);
	ret->domid = r->domid;
	str_copy(ret->migration, sizeof(ret->migration), r->id);
	name_it(r, what, sizeof(what));
	if (kind == NOTICE_STARTED || kind == NOTICE_COMPLETED || kind == NOTICE_FAILED) {
		notice_text(ret, "direction", direction_name(r->direction));
		notice_text(ret, "toolstack", toolstack_name(r->toolstack));
	}
	if (kind == NOTICE_STARTED)
		notice_say(ret, "%s began.", what);
	else if (kind == NOTICE_NOT_CONVERGING)
		say_not_converging(ret, what, r);
	else if (kind == NOTICE_COMPLETED)
		say_completed(ret, what, r);
	else if (kind == NOTICE_FAILED)
		say_failed(ret, what, r);
	else if (kind == NOTICE_LEFT_ON)
		say_left_on(ret, what, r);
	else if (kind == NOTICE_FALLBACK) {
		notice_say(ret, "%s: %s", what, r->mode_note);
		notice_text(ret, "note", r->mode_note);
	}
}

/* --- of a boot --- */

const char *const feature_places[PLACES] = {
    [PLACE_CPU] = "cpu", [PLACE_HOST] = "host", [PLACE_XEN] = "xen", [PLACE_HVM] = "hvm", [PLACE_PV] = "pv"};

void
derive_features(const struct feature_report *report, struct boot_features *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < FEATURE_COUNT; i++) {
		const struct feature_state *f = &report->feature[i];

		ret->feature[i][PLACE_CPU] = f->cpu;
		ret->feature[i][PLACE_HOST] = f->host;
		ret->feature[i][PLACE_XEN] = f->confidence == CONFIDENCE_EXACT ? f->xen : UNKNOWN;
		ret->feature[i][PLACE_HVM] = f->hvm;
		ret->feature[i][PLACE_PV] = f->pv;
	}
	ret->pml = report->pml.state;
}

static bool
differs(const enum tristate *before, const enum tristate *now, int place)
{
	return before[place] != UNKNOWN && now[place] != UNKNOWN && before[place] != now[place];
}

/* "xen yes, hvm yes": the places that differ, as in that boot. */
static void
list_places(const enum tristate *before, const enum tristate *now, const enum tristate *of, char *buf, size_t n)
{
	size_t at = 0;

	buf[0] = '\0';
	for (int p = 0; p < PLACES; p++)
		if (differs(before, now, p))
			at += (size_t) snprintf(buf + at, n - at, "%s%s %s", at ? ", " : "", feature_places[p],
			    tristate_name(of[p]));
}

static void
say_changed(struct notice *n, double now, const char *feature, const char *before, const char *after,
    const char *reason)
{
	notice_init(n, NOTICE_FEATURE_CHANGED, now);
	notice_say(n, "%s changed from one boot to the next: %s before, %s now%s%s%s.", feature, before, after,
	    *reason ? " (" : "", reason, *reason ? ")" : "");
	notice_text(n, "feature", feature);
	notice_text(n, "before", before);
	notice_text(n, "after", after);
	notice_text(n, "reason", reason);
}

size_t
derive_changes(const struct boot_features *before, const struct feature_report *report, double now,
    struct notice ret[FEATURE_COUNT + 1])
{
	struct boot_features after;
	size_t n = 0;

	derive_features(report, &after);
	for (size_t i = 0; i < FEATURE_COUNT; i++) {
		const enum tristate *b = before->feature[i], *a = after.feature[i];
		char was[DETAIL_SIZE], is[DETAIL_SIZE];

		list_places(b, a, b, was, sizeof(was));
		list_places(b, a, a, is, sizeof(is));
		if (*was)
			say_changed(&ret[n++], now, feature_table[i].name, was, is, report->feature[i].reason);
	}
	if (before->pml != PML_UNKNOWN && after.pml != PML_UNKNOWN && before->pml != after.pml)
		say_changed(&ret[n++], now, "pml", pml_state_name(before->pml), pml_state_name(after.pml),
		    report->pml.reason);
	return n;
}

void
derive_remember(const struct boot_features *before, struct boot_features *features)
{
	for (size_t i = 0; i < FEATURE_COUNT; i++)
		for (int p = 0; p < PLACES; p++)
			if (features->feature[i][p] == UNKNOWN)
				features->feature[i][p] = before->feature[i][p];
	if (features->pml == PML_UNKNOWN)
		features->pml = before->pml;
}

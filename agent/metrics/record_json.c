/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "metrics/record.h"

#include <errno.h>
#include <jansson.h>

#include "base/util.h"
#include "metrics/member.h"
#include "metrics/overhead.h"

/* A word without text stands for "nobody knows" and is null. */
static const char *const directions[] = {[DIRECTION_OUT] = "out",
    [DIRECTION_IN] = "in",
    [DIRECTION_LOCAL] = "local",
    [DIRECTION_SAVE] = "save",
    [DIRECTION_PROBE] = "probe"};
static const char *const toolstacks[] = {[TOOLSTACK_UNKNOWN] = "unknown",
    [TOOLSTACK_XL] = "xl",
    [TOOLSTACK_XAPI] = "xapi",
    [TOOLSTACK_LIBVIRT] = "libvirt"};
static const char *const tracking_modes[] = {[TRACKING_UNKNOWN] = "unknown",
    [TRACKING_OFF] = "off",
    [TRACKING_PML] = "pml",
    [TRACKING_EPT_WP] = "ept_wp",
    [TRACKING_NPT_WP] = "npt_wp",
    [TRACKING_SHADOW] = "shadow"};
static const char *const mode_sources[] = {
    [MODE_SOURCE_NONE] = NULL, [MODE_SOURCE_INFERRED] = "inferred", [MODE_SOURCE_TRACE] = "trace"};
static const char *const results[] = {[RESULT_RUNNING] = "running",
    [RESULT_COMPLETED] = "completed",
    [RESULT_FAILED] = "failed",
    [RESULT_ABORTED] = "aborted",
    [RESULT_LOST] = "lost"};
static const char *const stop_reasons[] = {[STOP_UNKNOWN] = "unknown",
    [STOP_FEW_DIRTY] = "few_dirty",
    [STOP_ROUND_LIMIT] = "round_limit",
    [STOP_NOT_LIVE] = "not_live"};
static const char *const outlooks[] = {
    [OUTLOOK_UNKNOWN] = "unknown", [OUTLOOK_CONVERGES] = "yes", [OUTLOOK_DIVERGES] = "no"};
static const char *const downtime_sources[] = {[DOWNTIME_NONE] = NULL,
    [DOWNTIME_SUSPEND_TO_OFF] = "suspend_to_off",
    [DOWNTIME_FINAL_CLEAN_TO_OFF] = "final_clean_to_off",
    [DOWNTIME_BOTH_ENDS] = "both_ends",
    [DOWNTIME_SUSPEND_TO_SENT] = "suspend_to_sent",
    [DOWNTIME_SUSPEND_TO_RESUME] = "suspend_to_resume"};
static const char *const release_sources[] = {
    [RELEASE_NONE] = NULL, [RELEASE_HYPERCALL] = "hypercall", [RELEASE_DOMAIN_LIST] = "domain_list"};
static const char *const event_sources[] = {[SOURCE_NONE] = "none",
    [SOURCE_BPF] = "bpf",
    [SOURCE_UPROBE] = "uprobe",
    [SOURCE_LOG] = "log",
    [SOURCE_PROCESS] = "process",
    [SOURCE_TRACE] = "trace",
    [SOURCE_PROBE] = "probe"};
static const char *const origins[] = {
    [ORIGIN_LIVE] = "live", [ORIGIN_REPLAY] = "replay", [ORIGIN_LOG] = "log"};

const struct words direction_words = {directions, ARRAY_SIZE(directions)};
const struct words toolstack_words = {toolstacks, ARRAY_SIZE(toolstacks)};
const struct words record_result_words = {results, ARRAY_SIZE(results)};

const char *
direction_name(enum direction d)
{
	return directions[d];
}

const char *
toolstack_name(enum toolstack t)
{
	return toolstacks[t];
}

const char *
tracking_mode_name(enum tracking_mode m)
{
	return tracking_modes[m];
}

const char *
record_result_name(enum record_result r)
{
	return results[r];
}

const char *
event_source_name(enum event_source s)
{
	return event_sources[s];
}

#define RECORD(kind, field) PLAIN(struct migration_record, kind, #field, field)
#define RECORD_WORD(words, field) CHOICE(struct migration_record, words, #field, field)
#define ROUND(kind, field) PLAIN(struct round, kind, #field, field)
#define FINAL(kind, field) PLAIN(struct final_pass, kind, #field, field)
#define SUM(kind, name, field) PLAIN(struct overhead, kind, name, field)
#define FIGURE(kind, field) PLAIN(struct overhead_figures, kind, #field, field)
#define FORECAST(kind, field) PLAIN(struct forecast, kind, #field, field)
#define ERROR(kind, field) PLAIN(struct forecast_error, kind, #field, field)
#define EVIDENCE(kind, field) PLAIN(struct migration_record, kind, #field, evidence.field)

/* Before the rounds and the final pass, and after them. */
static const struct member head_members[] = {
    RECORD(TEXT, id),
    RECORD(TEXT, uuid),
    RECORD(TEXT, name),
    RECORD(NATURAL, domid),
    RECORD_WORD(directions, direction),
    RECORD_WORD(toolstacks, toolstack),
    RECORD_WORD(tracking_modes, tracking_mode),
    RECORD_WORD(mode_sources, mode_source),
    RECORD(TEXT, mode_note),
    RECORD(STAMP, started),
    RECORD(STAMP, ended),
    RECORD_WORD(results, result),
    RECORD(TEXT, reason),
    RECORD(COUNT, memory_pages),
    RECORD(COUNT, rounds_begun),
    RECORD(COUNT, rounds_unseen),
};

static const struct member tail_members[] = {
    RECORD(COUNT, pages_sent),
    RECORD(COUNT, frames_sent),
    RECORD(NUMBER, downtime_seconds),
    RECORD_WORD(downtime_sources, downtime_source),
    RECORD(STAMP, released),
    RECORD_WORD(release_sources, released_source),
    RECORD(COUNT, checkpoints),
    RECORD_WORD(stop_reasons, stop_reason),
    RECORD_WORD(event_sources, rounds_source),
    RECORD(FLAG, tracking_left_on),
    CHOICE(struct migration_record, origins, "source", origin),
    RECORD(TEXT, cpu_model),
    RECORD(TEXT, xen_version),
    RECORD(TEXT, xen_extra),
    RECORD(TEXT, boot_id),
};

static const struct member round_members[] = {
    ROUND(COUNT, n),
    ROUND(FLAG, seen),
    ROUND(STAMP, started),
    ROUND(NUMBER, seconds),
    ROUND(COUNT, pages_sent),
    ROUND(COUNT, frames_sent),
    ROUND(COUNT, pages_dirtied),
    ROUND(NUMBER, harvest_seconds),
};

static const struct member final_members[] = {
    FINAL(STAMP, started),
    FINAL(NUMBER, seconds),
    FINAL(STAMP, requested),
    FINAL(STAMP, suspended),
    FINAL(STAMP, harvested),
    FINAL(STAMP, sent),
    FINAL(STAMP, done),
    FINAL(COUNT, pages),
    FINAL(NUMBER, harvest_seconds),
};

static const struct member after_round_member = PLAIN(struct round, COUNT, "after_round", n);
static const struct member forecast_members[] = {
    CHOICE(struct forecast, outlooks, "converges", outlook),
    FORECAST(COUNT, rounds),
    FORECAST(NUMBER, remaining_seconds),
    FORECAST(NUMBER, total_seconds),
    FORECAST(NUMBER, downtime_seconds),
};

/* Made of the record when it is written. */
static const struct member forecast_error_members[] = {
    ERROR(COUNT, after_round),
    ERROR(COUNT, rounds),
    ERROR(RATIO, total_ratio),
    ERROR(RATIO, downtime_ratio),
};

/* The sums are read back, what is made of them is not. */
static const struct member sum_members[] = {
    SUM(NUMBER, "traced_seconds", traced_seconds),
    SUM(NATURAL, "windows", windows),
    SUM(NATURAL, "torn_windows", torn_windows),
    SUM(NATURAL, "lost_records", lost_records),
    SUM(NATURAL, "violations", exits[TRACE_VIOLATION].count),
    SUM(NATURAL, "violation_cycles", exits[TRACE_VIOLATION].cycles),
    SUM(NATURAL, "pml_full", exits[TRACE_PML_FULL].count),
    SUM(NATURAL, "pml_full_cycles", exits[TRACE_PML_FULL].cycles),
    SUM(NATURAL, "recalcs", exits[TRACE_RECALC].count),
    SUM(NATURAL, "recalc_cycles", exits[TRACE_RECALC].cycles),
};

static const struct member traced_members[] = {
    RECORD(NUMBER, tracked_seconds),
    RECORD(COUNT, vcpus),
    RECORD(NUMBER, cpu_hz),
};

static const struct member tracked_member = FIGURE(NUMBER, tracked_seconds);
static const struct member figure_members[] = {
    FIGURE(RATIO, sampled_fraction),
    FIGURE(COUNT, pages_dirtied),
    FIGURE(COUNT, splits),
    FIGURE(COUNT, avoided_exits),
    FIGURE(RATIO, overhead_ratio),
    FIGURE(RATIO, exits_per_kpage),
    FIGURE(RATIO, recalc_exits_per_kpage),
    FIGURE(RATIO, cycles_per_page),
    FIGURE(RATIO, harvest_seconds),
};

static const struct member evidence_members[] = {
    RECORD(NATURAL, pid),
    RECORD(NATURAL, process_started),
    EVIDENCE(NUMBER, epoch),
    EVIDENCE(NUMBER, last),
    EVIDENCE(NUMBER, off),
    EVIDENCE(NUMBER, gone),
    EVIDENCE(FLAG, suspended),
    EVIDENCE(FLAG, complete),
    EVIDENCE(FLAG, told),
    EVIDENCE(FLAG, aborted),
    EVIDENCE(FLAG, away),
};

/* whole: of the record; else of a round, or of the final pass if that is NULL. open: without the figures, which nobody
 * reads back. */
static void
gen_overhead(yajl_gen g, const struct migration_record *r, const struct round *round, bool whole, bool open)
{
	const struct overhead *o = round ? &round->overhead : whole ? &r->overhead : &r->final.overhead;
	struct overhead_figures f;

	members_gen_text(g, "overhead");
	if (o->windows == 0 && o->torn_windows == 0) {
		(void) yajl_gen_null(g);
		return;
	}
	if (whole && !open)
		overhead_of_record(r, &f);
	if (!whole && !open)
		overhead_of_pass(r, round, &f);
	(void) yajl_gen_map_open(g);
	if (whole)
		members_gen(g, traced_members, ARRAY_SIZE(traced_members), r);
	else
		members_gen(g, &tracked_member, open ? 0 : 1, &f);
	members_gen(g, sum_members, ARRAY_SIZE(sum_members), o);
	members_gen(g, figure_members, open ? 0 : ARRAY_SIZE(figure_members), &f);
	(void) yajl_gen_map_close(g);
}

static void
gen_final(yajl_gen g, const struct migration_record *r, bool open)
{
	members_gen_text(g, "final");
	if (!r->final.begun) {
		(void) yajl_gen_null(g);
		return;
	}
	(void) yajl_gen_map_open(g);
	members_gen(g, final_members, ARRAY_SIZE(final_members), &r->final);
	gen_overhead(g, r, NULL, false, open);
	(void) yajl_gen_map_close(g);
}

static void
gen_forecasts(yajl_gen g, const struct migration_record *r)
{
	struct forecast_error error;

	members_gen_text(g, "forecast");
	(void) yajl_gen_array_open(g);
	for (size_t i = 0; i < r->n_rounds; i++) {
		const struct round *round = &r->round[i];

		if (!round->forecast.made || round->n == UNSEEN)
			continue;
		(void) yajl_gen_map_open(g);
		members_gen(g, &after_round_member, 1, round);
		members_gen(g, forecast_members, ARRAY_SIZE(forecast_members), &round->forecast);
		(void) yajl_gen_map_close(g);
	}
	(void) yajl_gen_array_close(g);
	members_gen_text(g, "forecast_error");
	if (!record_forecast_error(r, &error)) {
		(void) yajl_gen_null(g);
		return;
	}
	(void) yajl_gen_map_open(g);
	members_gen(g, forecast_error_members, ARRAY_SIZE(forecast_error_members), &error);
	(void) yajl_gen_map_close(g);
}

static void
gen_record(yajl_gen g, const struct migration_record *r, bool open)
{
	(void) yajl_gen_map_open(g);
	members_gen(g, head_members, ARRAY_SIZE(head_members), r);
	members_gen_text(g, "rounds");
	(void) yajl_gen_array_open(g);
	for (size_t i = 0; i < r->n_rounds; i++) {
		(void) yajl_gen_map_open(g);
		members_gen(g, round_members, ARRAY_SIZE(round_members), &r->round[i]);
		gen_overhead(g, r, &r->round[i], false, open);
		(void) yajl_gen_map_close(g);
	}
	(void) yajl_gen_array_close(g);
	gen_final(g, r, open);
	members_gen(g, tail_members, ARRAY_SIZE(tail_members), r);
	gen_forecasts(g, r);
	gen_overhead(g, r, NULL, true, open);
	if (open) {
		members_gen_text(g, "evidence");
		(void) yajl_gen_map_open(g);
		members_gen(g, evidence_members, ARRAY_SIZE(evidence_members), r);
		(void) yajl_gen_map_close(g);
	}
	(void) yajl_gen_map_close(g);
}

void
record_gen(yajl_gen g, const struct migration_record *r)
{
	gen_record(g, r, false);
}

void
record_gen_open(yajl_gen g, const struct migration_record *r)
{
	gen_record(g, r, true);
}

#define DESCRIBE(list) members_describe(list, ARRAY_SIZE(list), fn, arg)

void
record_describe(enum record_part part, void (*fn)(void *arg, const char *name, const char *type), void *arg)
{
	switch (part) {
	case PART_RECORD:
		DESCRIBE(head_members);
		fn(arg, "rounds", "[Round]");
		fn(arg, "final", "FinalPass?");
		DESCRIBE(tail_members);
		fn(arg, "forecast", "[Forecast]");
		fn(arg, "forecast_error", "ForecastError?");
		fn(arg, "overhead", "MigrationOverhead?");
		break;
	case PART_ROUND:
		DESCRIBE(round_members);
		fn(arg, "overhead", "PassOverhead?");
		break;
	case PART_FINAL:
		DESCRIBE(final_members);
		fn(arg, "overhead", "PassOverhead?");
		break;
	case PART_FORECAST:
		members_describe(&after_round_member, 1, fn, arg);
		DESCRIBE(forecast_members);
		break;
	case PART_FORECAST_ERROR:
		DESCRIBE(forecast_error_members);
		break;
	case PART_OVERHEAD:
		DESCRIBE(traced_members);
		DESCRIBE(sum_members);
		DESCRIBE(figure_members);
		break;
	case PART_PASS_OVERHEAD:
		members_describe(&tracked_member, 1, fn, arg);
		DESCRIBE(sum_members);
		DESCRIBE(figure_members);
		break;
	}
}

/* What an earlier agent wrote has none. */
static int
parse_overhead(struct overhead *o, const json_t *pass)
{
	const json_t *object = json_object_get(pass, "overhead");

	if (!object || json_is_null(object))
		return 0;
	return json_is_object(object) ? members_parse(sum_members, ARRAY_SIZE(sum_members), o, object)
				      : -EBADMSG;
}

static int
parse_rounds(struct migration_record *r, const json_t *rounds)
{
	size_t n = json_array_size(rounds);

	if (!json_is_array(rounds) || n > MAX_ROUNDS)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		const json_t *object = json_array_get(rounds, i);
		struct round *round = record_add_round(r);

		if (!json_is_object(object) ||
		    members_parse(round_members, ARRAY_SIZE(round_members), round, object) < 0 ||
		    parse_overhead(&round->overhead, object) < 0)
			return -EBADMSG;
	}
	return 0;
}

/* What an earlier agent wrote has none. */
static int
parse_forecasts(struct migration_record *r, const json_t *forecasts)
{
	size_t at = 0;

	if (forecasts && !json_is_array(forecasts))
		return -EBADMSG;
	for (size_t i = 0; i < json_array_size(forecasts); i++) {
		const json_t *object = json_array_get(forecasts, i);
		struct round after = {.n = UNSEEN};
		struct forecast *f;

		if (!json_is_object(object) || members_parse(&after_round_member, 1, &after, object) < 0)
			return -EBADMSG;
		while (at < r->n_rounds && r->round[at].n != after.n) /* they are in the order of the rounds */
			at++;
		if (at == r->n_rounds || after.n < 0)
			return -EBADMSG;
		f = &r->round[at].forecast;
		forecast_init(f);
		f->made = true;
		if (members_parse(forecast_members, ARRAY_SIZE(forecast_members), f, object) < 0)
			return -EBADMSG;
	}
	return 0;
}

static int
parse_record(struct migration_record *r, const json_t *root)
{
	const json_t *final = json_object_get(root, "final");
	const json_t *evidence = json_object_get(root, "evidence");

	if (!json_is_object(root) || parse_rounds(r, json_object_get(root, "rounds")) < 0 ||
	    parse_forecasts(r, json_object_get(root, "forecast")) < 0 ||
	    members_parse(head_members, ARRAY_SIZE(head_members), r, root) < 0 ||
	    members_parse(tail_members, ARRAY_SIZE(tail_members), r, root) < 0 ||
	    parse_overhead(&r->overhead, root) < 0 ||
	    members_parse(traced_members, ARRAY_SIZE(traced_members), r,
		json_object_get(root, "overhead")) < 0)
		return -EBADMSG;
	r->final.begun = json_is_object(final);
	if (r->final.begun &&
	    (members_parse(final_members, ARRAY_SIZE(final_members), &r->final, final) < 0 ||
		parse_overhead(&r->final.overhead, final) < 0))
		return -EBADMSG;
	if (evidence &&
	    members_parse(evidence_members, ARRAY_SIZE(evidence_members), r, evidence) < 0)
		return -EBADMSG;
	if (!*r->id || r->rounds_begun > MAX_ROUND_NUMBER ||
	    r->rounds_begun < (int64_t) r->n_rounds)
		return -EBADMSG;
	return 0;
}

int
record_parse(const char *json, size_t n, struct migration_record *ret)
{
	struct migration_record r;
	json_t *root;
	int result;

	if (n > MAX_RECORD_JSON)
		return -EFBIG;
	root = json_loadb(json, n, 0, NULL);
	record_init(&r);
	result = parse_record(&r, root);
	json_decref(root);
	if (result < 0)
		record_done(&r);
	else
		*ret = r;
	return result;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "metrics/record.h"

#include <errno.h>
#include <jansson.h>

#include "base/util.h"
#include "metrics/member.h"
#include "metrics/overhead.h"

#define ROUNDS_FROM "rounds_from" /* in what was written against an earlier state: so many rounds are as they were */

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
    [STOP_NOT_LIVE] = "not_live",
    [STOP_LONG_ROUND] = "long_round"};
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
    RECORD(COUNT, bytes_sent),
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
    EVIDENCE(COUNT, written),
    EVIDENCE(FLAG, suspended),
    EVIDENCE(FLAG, complete),
    EVIDENCE(FLAG, told),
    EVIDENCE(FLAG, aborted),
    EVIDENCE(FLAG, away),
};

/* A record that is written: for whoever shows it, or (open) for record_apply: then without what is made of other
 * members, and without what is as in before. */
struct writer {
	yajl_gen g;
	const struct migration_record *r;
	bool open;
	const struct migration_record *before; /* NULL: everything is written */
};

static void
gen_members(const struct writer *w, const struct member *m, size_t n, const void *base, const void *before)
{
	if (w->open)
		members_gen_changed(w->g, m, n, base, before);
	else
		members_gen(w->g, m, n, base);
}

/* Of a round, or of the final pass if that is NULL. */
static void
gen_pass_overhead(const struct writer *w, const struct round *round)
{
	const struct overhead *o = round ? &round->overhead : &w->r->final.overhead;
	struct overhead_figures f;

	members_gen_text(w->g, "overhead");
	if (o->windows == 0 && o->torn_windows == 0) {
		(void) yajl_gen_null(w->g);
		return;
	}
	(void) yajl_gen_map_open(w->g);
	if (!w->open) {
		overhead_of_pass(w->r, round, &f);
		members_gen(w->g, &tracked_member, 1, &f);
	}
	gen_members(w, sum_members, ARRAY_SIZE(sum_members), o, NULL);
	if (!w->open)
		members_gen(w->g, figure_members, ARRAY_SIZE(figure_members), &f);
	(void) yajl_gen_map_close(w->g);
}

static void
gen_overhead(const struct writer *w)
{
	const struct overhead *o = &w->r->overhead;
	struct overhead_figures f;

	members_gen_text(w->g, "overhead");
	if (o->windows == 0 && o->torn_windows == 0) {
		(void) yajl_gen_null(w->g);
		return;
	}
	(void) yajl_gen_map_open(w->g);
	gen_members(w, traced_members, ARRAY_SIZE(traced_members), w->r, w->before);
	gen_members(w, sum_members, ARRAY_SIZE(sum_members), o, w->before ? &w->before->overhead : NULL);
	if (!w->open) {
		overhead_of_record(w->r, &f);
		members_gen(w->g, figure_members, ARRAY_SIZE(figure_members), &f);
	}
	(void) yajl_gen_map_close(w->g);
}

static void
gen_final(const struct writer *w)
{
	const struct final_pass *final = &w->r->final;
	const struct final_pass *before = w->before && w->before->final.begun ? &w->before->final : NULL;

	if (before && memcmp(final, before, sizeof(*final)) == 0)
		return;
	members_gen_text(w->g, "final");
	if (!final->begun) {
		(void) yajl_gen_null(w->g);
		return;
	}
	(void) yajl_gen_map_open(w->g);
	gen_members(w, final_members, ARRAY_SIZE(final_members), final, before);
	gen_pass_overhead(w, NULL);
	(void) yajl_gen_map_close(w->g);
}

static void
gen_rounds(const struct writer *w, size_t from)
{
	members_gen_text(w->g, "rounds");
	(void) yajl_gen_array_open(w->g);
	for (size_t i = from; i < w->r->n_rounds; i++) {
		(void) yajl_gen_map_open(w->g);
		gen_members(w, round_members, ARRAY_SIZE(round_members), &w->r->round[i], NULL);
		gen_pass_overhead(w, &w->r->round[i]);
		(void) yajl_gen_map_close(w->g);
	}
	(void) yajl_gen_array_close(w->g);
}

static void
gen_forecasts(const struct writer *w, size_t from)
{
	members_gen_text(w->g, "forecast");
	(void) yajl_gen_array_open(w->g);
	for (size_t i = from; i < w->r->n_rounds; i++) {
		const struct round *round = &w->r->round[i];

		if (!round->forecast.made || round->n == UNSEEN)
			continue;
		(void) yajl_gen_map_open(w->g);
		gen_members(w, &after_round_member, 1, round, NULL);
		gen_members(w, forecast_members, ARRAY_SIZE(forecast_members), &round->forecast, NULL);
		(void) yajl_gen_map_close(w->g);
	}
	(void) yajl_gen_array_close(w->g);
}

static void
gen_forecast_error(const struct writer *w)
{
	struct forecast_error error;

	members_gen_text(w->g, "forecast_error");
	if (!record_forecast_error(w->r, &error)) {
		(void) yajl_gen_null(w->g);
		return;
	}
	(void) yajl_gen_map_open(w->g);
	members_gen(w->g, forecast_error_members, ARRAY_SIZE(forecast_error_members), &error);
	(void) yajl_gen_map_close(w->g);
}

/* The first round that is not as it was. */
static size_t
first_changed(const struct migration_record *r, const struct migration_record *before)
{
	size_t i = 0;

	while (i < MIN(r->n_rounds, before->n_rounds) &&
	       memcmp(&r->round[i], &before->round[i], sizeof(r->round[i])) == 0)
		i++;
	return i;
}

static void
gen_record(const struct writer *w)
{
	size_t from = w->before ? first_changed(w->r, w->before) : 0;

	(void) yajl_gen_map_open(w->g);
	gen_members(w, head_members, 1, w->r, NULL); /* the id, by which it is found */
	gen_members(w, head_members + 1, ARRAY_SIZE(head_members) - 1, w->r, w->before);
	if (w->before) {
		members_gen_text(w->g, ROUNDS_FROM);
		(void) yajl_gen_integer(w->g, (long long) from);
	}
	gen_rounds(w, from);
	gen_final(w);
	gen_members(w, tail_members, ARRAY_SIZE(tail_members), w->r, w->before);
	gen_forecasts(w, from);
	if (!w->open)
		gen_forecast_error(w);
	gen_overhead(w);
	if (w->open) {
		members_gen_text(w->g, "evidence");
		(void) yajl_gen_map_open(w->g);
		gen_members(w, evidence_members, ARRAY_SIZE(evidence_members), w->r, w->before);
		(void) yajl_gen_map_close(w->g);
	}
	(void) yajl_gen_map_close(w->g);
}

void
record_gen(yajl_gen g, const struct migration_record *r)
{
	struct writer w = {.g = g, .r = r};

	gen_record(&w);
}

void
record_gen_open(yajl_gen g, const struct migration_record *r, const struct migration_record *before)
{
	struct writer w = {.g = g, .r = r, .open = true, .before = before};

	gen_record(&w);
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

	if (!json_is_array(rounds) || n > MAX_ROUNDS - r->n_rounds)
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

/* True if it was written against an earlier state, of which its rounds from *ret_from on are not kept. */
static bool
is_change(const json_t *root, size_t *ret_from)
{
	const json_t *from = json_object_get(root, ROUNDS_FROM);

	*ret_from = SIZE_MAX;
	if (json_is_integer(from) && json_integer_value(from) >= 0)
		*ret_from = (size_t) json_integer_value(from);
	return from != NULL;
}

static int
parse_record(struct migration_record *r, const json_t *root)
{
	const json_t *final = json_object_get(root, "final");
	const json_t *evidence = json_object_get(root, "evidence");
	int32_t rounds_begun = r->rounds_begun;

	if (!json_is_object(root) || parse_rounds(r, json_object_get(root, "rounds")) < 0 ||
	    parse_forecasts(r, json_object_get(root, "forecast")) < 0)
		return -EBADMSG;
	if (rounds_begun > 0) /* of the earlier state, unless head_members have another number */
		r->rounds_begun = rounds_begun;
	if (members_parse(head_members, ARRAY_SIZE(head_members), r, root) < 0 ||
	    members_parse(tail_members, ARRAY_SIZE(tail_members), r, root) < 0 ||
	    parse_overhead(&r->overhead, root) < 0 ||
	    members_parse(traced_members, ARRAY_SIZE(traced_members), r, json_object_get(root, "overhead")) < 0)
		return -EBADMSG;
	if (final)
		r->final.begun = json_is_object(final);
	if (r->final.begun && final &&
	    (members_parse(final_members, ARRAY_SIZE(final_members), &r->final, final) < 0 ||
		parse_overhead(&r->final.overhead, final) < 0))
		return -EBADMSG;
	if (evidence && members_parse(evidence_members, ARRAY_SIZE(evidence_members), r, evidence) < 0)
		return -EBADMSG;
	if (!*r->id || r->rounds_begun > MAX_ROUND_NUMBER || r->rounds_begun < (int64_t) r->n_rounds)
		return -EBADMSG;
	return 0;
}

int
record_apply(const char *json, size_t n, struct migration_record *r)
{
	struct migration_record next;
	size_t from;
	json_t *root;
	int result = 0;

	if (n > MAX_RECORD_JSON)
		return -EFBIG;
	root = json_loadb(json, n, 0, NULL);
	if (!is_change(root, &from))
		record_init(&next);
	else if (from <= r->n_rounds) {
		record_copy(&next, r);
		next.n_rounds = from;
	} else
		result = -EBADMSG;
	if (result == 0 && (result = parse_record(&next, root)) < 0)
		record_done(&next);
	json_decref(root);
	if (result == 0) {
		record_done(r);
		*r = next;
	}
	return result;
}

int
record_parse(const char *json, size_t n, struct migration_record *ret)
{
	struct migration_record r;
	int result;

	record_init(&r);
	result = record_apply(json, n, &r);
	if (result == 0)
		*ret = r;
	return result;
}

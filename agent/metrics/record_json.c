/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "metrics/record.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "base/strbuf.h"
#include "base/utf8.h"
#include "base/util.h"
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
static const char *const downtime_sources[] = {[DOWNTIME_NONE] = NULL,
    [DOWNTIME_SUSPEND_TO_OFF] = "suspend_to_off",
    [DOWNTIME_FINAL_CLEAN_TO_OFF] = "final_clean_to_off",
    [DOWNTIME_BOTH_ENDS] = "both_ends",
    [DOWNTIME_SUSPEND_TO_SENT] = "suspend_to_sent"};
static const char *const event_sources[] = {[SOURCE_NONE] = "none",
    [SOURCE_BPF] = "bpf",
    [SOURCE_UPROBE] = "uprobe",
    [SOURCE_LOG] = "log",
    [SOURCE_PROCESS] = "process",
    [SOURCE_TRACE] = "trace",
    [SOURCE_PROBE] = "probe"};
static const char *const origins[] = {
    [ORIGIN_LIVE] = "live", [ORIGIN_REPLAY] = "replay", [ORIGIN_LOG] = "log"};

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

/* One list of the members serves both writing and reading. */
enum member_kind {
	TEXT,	 /* char[] */
	WORD,	 /* an enum or a bool: its word */
	COUNT,	 /* int32_t or int64_t; UNSEEN is null */
	NATURAL, /* uint32_t, uint64_t or pid_t */
	NUMBER,	 /* double; NAN is null */
	RATIO,	 /* the same to six digits: made of others when it is written, never read back */
	FLAG,	 /* bool */
};

struct member {
	const char *name;
	enum member_kind kind;
	size_t at, size;
	const char *const *words;
	size_t n_words;
};

#define PLAIN(type, kind, name, field)                                                             \
	{                                                                                          \
		name, kind, offsetof(type, field), sizeof(((type *) NULL)->field), NULL, 0         \
	}
#define CHOICE(type, words, name, field)                                                           \
	{                                                                                          \
		name, WORD, offsetof(type, field), sizeof(((type *) NULL)->field), words,          \
		    ARRAY_SIZE(words)                                                              \
	}
#define RECORD(kind, field) PLAIN(struct migration_record, kind, #field, field)
#define RECORD_WORD(words, field) CHOICE(struct migration_record, words, #field, field)
#define ROUND(kind, field) PLAIN(struct round, kind, #field, field)
#define FINAL(kind, field) PLAIN(struct final_pass, kind, #field, field)
#define SUM(kind, name, field) PLAIN(struct overhead, kind, name, field)
#define FIGURE(kind, field) PLAIN(struct overhead_figures, kind, #field, field)
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
    RECORD(NUMBER, started),
    RECORD(NUMBER, ended),
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
    ROUND(NUMBER, started),
    ROUND(NUMBER, seconds),
    ROUND(COUNT, pages_sent),
    ROUND(COUNT, frames_sent),
    ROUND(COUNT, pages_dirtied),
    ROUND(NUMBER, harvest_seconds),
};

static const struct member final_members[] = {
    FINAL(NUMBER, started),
    FINAL(NUMBER, seconds),
    FINAL(COUNT, pages),
    FINAL(NUMBER, harvest_seconds),
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

static void
gen_text(yajl_gen g, const char *s)
{
	if (s)
		(void) yajl_gen_string(g, (const unsigned char *) s, strlen(s));
	else
		(void) yajl_gen_null(g);
}

/* Not by yajl_gen_double, which writes 0.1 as 0.10000000000000000555. */
static void
gen_number(yajl_gen g, double v)
{
	struct strbuf b = {NULL, 0, 0};

	if (!isfinite(v)) {
		(void) yajl_gen_null(g);
		return;
	}
	strbuf_number(&b, v);
	(void) yajl_gen_number(g, b.text, b.n);
	strbuf_done(&b);
}

static void
gen_ratio(yajl_gen g, double v)
{
	char text[32];

	if (!isfinite(v)) {
		(void) yajl_gen_null(g);
		return;
	}
	(void) snprintf(text, sizeof(text), "%.6g", v);
	(void) yajl_gen_number(g, text, strlen(text));
}

static int64_t
get_integer(const struct member *m, const char *p)
{
	int64_t wide;
	int32_t narrow;
	uint32_t natural;
	uint8_t byte;

	if (m->size == sizeof(byte)) {
		memcpy(&byte, p, sizeof(byte));
		return byte;
	}
	if (m->size == sizeof(wide)) {
		memcpy(&wide, p, sizeof(wide));
		return wide;
	}
	if (m->kind == COUNT) {
		memcpy(&narrow, p, sizeof(narrow));
		return narrow;
	}
	memcpy(&natural, p, sizeof(natural));
	return natural;
}

static void
gen_member(yajl_gen g, const struct member *m, const char *p)
{
	double number;

	switch (m->kind) {
	case TEXT:
		gen_text(g, p);
		break;
	case WORD:
		gen_text(g, m->words[get_integer(m, p)]);
		break;
	case COUNT:
		if (get_integer(m, p) == UNSEEN) {
			(void) yajl_gen_null(g);
			break;
		}
		/* fall through */
	case NATURAL:
		(void) yajl_gen_integer(g, get_integer(m, p));
		break;
	case NUMBER:
		memcpy(&number, p, sizeof(number));
		gen_number(g, number);
		break;
	case RATIO:
		memcpy(&number, p, sizeof(number));
		gen_ratio(g, number);
		break;
	case FLAG:
		(void) yajl_gen_bool(g, get_integer(m, p) != 0);
		break;
	}
}

static void
gen_members(yajl_gen g, const struct member *m, size_t n, const void *base)
{
	for (size_t i = 0; i < n; i++) {
		gen_text(g, m[i].name);
		gen_member(g, &m[i], (const char *) base + m[i].at);
	}
}

/* whole: of the record; else of a round, or of the final pass if that is NULL. */
static void
gen_overhead(yajl_gen g, const struct migration_record *r, const struct round *round, bool whole)
{
	const struct overhead *o = round ? &round->overhead : whole ? &r->overhead : &r->final.overhead;
	struct overhead_figures f;

	gen_text(g, "overhead");
	if (o->windows == 0 && o->torn_windows == 0) {
		(void) yajl_gen_null(g);
		return;
	}
	if (whole)
		overhead_of_record(r, &f);
	else
		overhead_of_pass(r, round, &f);
	(void) yajl_gen_map_open(g);
	if (whole)
		gen_members(g, traced_members, ARRAY_SIZE(traced_members), r);
	else
		gen_members(g, &tracked_member, 1, &f);
	gen_members(g, sum_members, ARRAY_SIZE(sum_members), o);
	gen_members(g, figure_members, ARRAY_SIZE(figure_members), &f);
	(void) yajl_gen_map_close(g);
}

static void
gen_final(yajl_gen g, const struct migration_record *r)
{
	gen_text(g, "final");
	if (!r->final.begun) {
		(void) yajl_gen_null(g);
		return;
	}
	(void) yajl_gen_map_open(g);
	gen_members(g, final_members, ARRAY_SIZE(final_members), &r->final);
	gen_overhead(g, r, NULL, false);
	(void) yajl_gen_map_close(g);
}

static void
gen_record(yajl_gen g, const struct migration_record *r, bool open)
{
	(void) yajl_gen_map_open(g);
	gen_members(g, head_members, ARRAY_SIZE(head_members), r);
	gen_text(g, "rounds");
	(void) yajl_gen_array_open(g);
	for (size_t i = 0; i < r->n_rounds; i++) {
		(void) yajl_gen_map_open(g);
		gen_members(g, round_members, ARRAY_SIZE(round_members), &r->round[i]);
		gen_overhead(g, r, &r->round[i], false);
		(void) yajl_gen_map_close(g);
	}
	(void) yajl_gen_array_close(g);
	gen_final(g, r);
	gen_members(g, tail_members, ARRAY_SIZE(tail_members), r);
	gen_overhead(g, r, NULL, true);
	if (open) {
		gen_text(g, "evidence");
		(void) yajl_gen_map_open(g);
		gen_members(g, evidence_members, ARRAY_SIZE(evidence_members), r);
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

static void
put_integer(const struct member *m, char *p, int64_t v)
{
	int32_t narrow = (int32_t) v;
	uint8_t byte = (uint8_t) v;

	if (m->size == sizeof(byte))
		memcpy(p, &byte, sizeof(byte));
	else if (m->size == sizeof(v))
		memcpy(p, &v, sizeof(v));
	else
		memcpy(p, &narrow, sizeof(narrow));
}

static int
parse_word(const struct member *m, char *p, const json_t *v)
{
	const char *text = json_string_value(v);

	if (!text && !json_is_null(v))
		return -EBADMSG;
	for (size_t i = 0; i < m->n_words; i++)
		if (m->words[i] && text ? strcmp(m->words[i], text) == 0 : m->words[i] == text) {
			put_integer(m, p, (int64_t) i);
			return 0;
		}
	return -EBADMSG;
}

static int
parse_integer(const struct member *m, char *p, const json_t *v)
{
	json_int_t n = json_integer_value(v);

	if (json_is_null(v) && m->kind == COUNT)
		n = UNSEEN;
	else if (!json_is_integer(v) || n < 0 || (m->size == sizeof(int32_t) && n > INT32_MAX))
		return -EBADMSG;
	put_integer(m, p, n);
	return 0;
}

static int
parse_member(const struct member *m, char *p, const json_t *v)
{
	double number = json_is_null(v) ? NAN : json_number_value(v);

	switch (m->kind) {
	case TEXT:
		if (!json_is_string(v) || json_string_length(v) >= m->size)
			return -EBADMSG;
		utf8_clean(p, m->size, json_string_value(v));
		return 0;
	case WORD:
		return parse_word(m, p, v);
	case COUNT:
	case NATURAL:
		return parse_integer(m, p, v);
	case NUMBER:
	case RATIO:
		if (!json_is_number(v) && !json_is_null(v))
			return -EBADMSG;
		memcpy(p, &number, sizeof(number));
		return 0;
	case FLAG:
		if (!json_is_boolean(v))
			return -EBADMSG;
		put_integer(m, p, json_is_true(v));
		return 0;
	}
	return -EBADMSG;
}

/* A member that is missing stays as it is. */
static int
parse_members(const struct member *m, size_t n, void *base, const json_t *object)
{
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_object_get(object, m[i].name);
		int r = v ? parse_member(&m[i], (char *) base + m[i].at, v) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* What an earlier agent wrote has none. */
static int
parse_overhead(struct overhead *o, const json_t *pass)
{
	const json_t *object = json_object_get(pass, "overhead");

	if (!object || json_is_null(object))
		return 0;
	return json_is_object(object) ? parse_members(sum_members, ARRAY_SIZE(sum_members), o, object)
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
		    parse_members(round_members, ARRAY_SIZE(round_members), round, object) < 0 ||
		    parse_overhead(&round->overhead, object) < 0)
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
	    parse_members(head_members, ARRAY_SIZE(head_members), r, root) < 0 ||
	    parse_members(tail_members, ARRAY_SIZE(tail_members), r, root) < 0 ||
	    parse_overhead(&r->overhead, root) < 0 ||
	    parse_members(traced_members, ARRAY_SIZE(traced_members), r,
		json_object_get(root, "overhead")) < 0)
		return -EBADMSG;
	r->final.begun = json_is_object(final);
	if (r->final.begun &&
	    (parse_members(final_members, ARRAY_SIZE(final_members), &r->final, final) < 0 ||
		parse_overhead(&r->final.overhead, final) < 0))
		return -EBADMSG;
	if (evidence &&
	    parse_members(evidence_members, ARRAY_SIZE(evidence_members), r, evidence) < 0)
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

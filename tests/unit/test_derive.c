/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <jansson.h>
#include <math.h>

#include "base/util.h"
#include "notify/derive.h"
#include "tests/made_up.h"
#include "tests/tap.h"

#define NOW 1793870100.25
#define LIMIT 1.0 /* s of downtime */

static struct migration_record r;
static struct notice n;
static json_t *json;

/* The record as it is under way; end() then tells how it ended. */
static void
begin(enum direction direction)
{
	record_done(&r);
	made_up_record(&r, 7, 2);
	r.direction = direction;
	r.rounds_begun = 2;
}

static void
end(enum record_result result, const char *reason)
{
	r.result = result;
	r.ended = r.started + 12;
	str_copy(r.reason, sizeof(r.reason), reason);
}

static void
derive(enum notice_kind kind)
{
	char *text;

	derive_record(kind, &r, NOW, &n);
	text = notice_json(&n);
	json_decref(json);
	json = json_loads(text, 0, NULL);
	free(text);
}

static bool
is_text(const char *key, const char *text)
{
	const json_t *v = json_object_get(json, key);

	v = v ? v : json_object_get(json_object_get(json, "details"), key);
	return text ? json_is_string(v) && strcmp(json_string_value(v), text) == 0 : json_is_null(v);
}

static bool
is_number(const char *key, double x)
{
	const json_t *v = json_object_get(json, key);

	v = v ? v : json_object_get(json_object_get(json, "details"), key);
	return json_is_number(v) && fabs(json_number_value(v) - x) < 1e-9;
}

static bool
says(const char *part)
{
	return strstr(n.text, part) != NULL;
}

static void
test_begun(void)
{
	begin(DIRECTION_OUT);
	ok(derive_kinds(&r, LIMIT) == KIND_BIT(NOTICE_STARTED), "a migration under way has begun, and that is all");
	derive(NOTICE_STARTED);
	ok(is_text("kind", "migration_started") && is_text("severity", "info") &&
		is_text("message_id", "XENSCOPE-M001") && is_text("source", "replay"),
	    "its notice has the words of the table");
	ok(is_text("uuid", r.uuid) && is_number("domid", 2) && is_text("name", r.name) && is_text("migration", "m-7"),
	    "and says whose it is");
	ok(is_number("time", 1700000000.25) && is_text("time_text", "2023-11-14T22:13:20.250Z"),
	    "and when, in seconds and as RFC 3339 has it");
	ok(is_text("direction", "out") && is_text("toolstack", "xl"), "with its details");
	r.started = NAN;
	derive(NOTICE_STARTED);
	ok(is_number("time", NOW), "a begin that nobody saw is told as of now");
	str_copy(r.name, sizeof(r.name), "");
	derive(NOTICE_STARTED);
	ok(says("Migration of domain 2 began.") && is_text("name", NULL), "a guest without a name has its number");
	begin(DIRECTION_PROBE);
	ok(derive_kinds(&r, LIMIT) == 0, "of a probe nothing is told, ");
	end(RESULT_COMPLETED, "");
	ok(derive_kinds(&r, LIMIT) == 0, "also at its end: who asked for it knows");
}

static void
test_ended(void)
{
	static const struct {
		enum record_result result;
		const char *part;
	} rows[] = {{RESULT_FAILED, "failed: no room."}, {RESULT_ABORTED, "was aborted: no room."},
	    {RESULT_LOST, "was lost from sight: no room."}};

	begin(DIRECTION_SAVE);
	end(RESULT_COMPLETED, "");
	r.downtime_seconds = 0.2034;
	ok(derive_kinds(&r, LIMIT) == (KIND_BIT(NOTICE_STARTED) | KIND_BIT(NOTICE_COMPLETED)), "one that completed has both");
	derive(NOTICE_COMPLETED);
	ok(says("Save of ") && says("completed in 12.0 s, 2 rounds, downtime 0.203 s."), "its notice is a sentence");
	ok(is_number("rounds", 2) && is_number("seconds", 12) && is_number("downtime_seconds", 0.2034) &&
		is_number("time", r.ended),
	    "and has the figures");
	r.downtime_seconds = r.started = NAN;
	r.rounds_begun = 1;
	derive(NOTICE_COMPLETED);
	ok(says("completed, 1 round.") && is_text("seconds", NULL), "what nobody saw is left out, and null");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin(DIRECTION_OUT);
		end(rows[i].result, "no room");
		derive(NOTICE_FAILED);
		ok(derive_kinds(&r, LIMIT) == (KIND_BIT(NOTICE_STARTED) | KIND_BIT(NOTICE_FAILED)) && says(rows[i].part) &&
			is_text("result", record_result_name(rows[i].result)) && is_text("reason", "no room"),
		    "%s, and says why: %s", record_result_name(rows[i].result), n.text);
	}
}

static void
test_left_on(void)
{
	begin(DIRECTION_OUT);
	r.tracking_left_on = true;
	ok(!(derive_kinds(&r, LIMIT) & KIND_BIT(NOTICE_LEFT_ON)), "tracking is not left on while the migration runs");
	end(RESULT_FAILED, "");
	ok(derive_kinds(&r, LIMIT) & KIND_BIT(NOTICE_LEFT_ON), "it is when it has ended so");
	derive(NOTICE_LEFT_ON);
	ok(is_text("exits", NULL) && is_text("way_out", "xenscope untrack 2") && says("xenscope untrack 2"),
	    "untraced, its exits are unknown; the way out is named");
	r.overhead.windows = 3;
	r.overhead.traced_seconds = 1.5;
	r.overhead.exits[TRACE_VIOLATION].count = 40;
	r.overhead.exits[TRACE_RECALC].count = 2;
	derive(NOTICE_LEFT_ON);
	ok(is_number("exits", 42) && is_number("traced_seconds", 1.5) && says("42 exits were traced in 1.5 s"),
	    "traced, they are told");
	r.direction = DIRECTION_PROBE;
	ok(derive_kinds(&r, LIMIT) == KIND_BIT(NOTICE_LEFT_ON), "also of a probe");
}

static void
test_converging(void)
{
	begin(DIRECTION_OUT);
	r.round[0].forecast.made = r.round[1].forecast.made = true;
	r.round[0].forecast.outlook = OUTLOOK_DIVERGES;
	r.round[1].forecast.outlook = OUTLOOK_CONVERGES;
	ok(derive_kinds(&r, LIMIT) == KIND_BIT(NOTICE_STARTED), "the newest forecast counts");
	r.round[1].forecast.outlook = OUTLOOK_DIVERGES;
	r.round[1].forecast.downtime_seconds = 3.21;
	r.round[1].forecast.rounds = 5;
	ok(derive_kinds(&r, LIMIT) & KIND_BIT(NOTICE_NOT_CONVERGING), "one that does not converge is told while it runs");
	derive(NOTICE_NOT_CONVERGING);
	ok(says("be paused for about 3.2 s") && is_number("rounds", 2) && is_number("expected_rounds", 5) &&
		is_number("expected_downtime_seconds", 3.21) && is_number("time", NOW),
	    "with what is expected");
	r.round[1].forecast.downtime_seconds = NAN;
	ok(derive_kinds(&r, LIMIT) & KIND_BIT(NOTICE_NOT_CONVERGING), "so is one that will not end at all");
	derive(NOTICE_NOT_CONVERGING);
	ok(says("pre-copy will not end, unless") && is_text("expected_downtime_seconds", NULL), "of which no pause is told");
	r.round[1].forecast.downtime_seconds = LIMIT;
	ok(!(derive_kinds(&r, LIMIT) & KIND_BIT(NOTICE_NOT_CONVERGING)), "a pause up to the limit is nothing to warn of");
	r.round[1].forecast.downtime_seconds = LIMIT + 0.01;
	ok(derive_kinds(&r, LIMIT) & KIND_BIT(NOTICE_NOT_CONVERGING), "a longer one is");
	r.final.begun = true;
	ok(!(derive_kinds(&r, LIMIT) & KIND_BIT(NOTICE_NOT_CONVERGING)), "but not once the guest is paused");
	r.final.begun = false;
	end(RESULT_COMPLETED, "");
	ok(!(derive_kinds(&r, LIMIT) & KIND_BIT(NOTICE_NOT_CONVERGING)), "nor at its end");
}

static void
test_fallback(void)
{
	begin(DIRECTION_OUT);
	r.tracking_mode = TRACKING_EPT_WP;
	r.mode_source = MODE_SOURCE_TRACE;
	ok(!(derive_kinds(&r, LIMIT) & KIND_BIT(NOTICE_FALLBACK)), "write protection alone is nothing to tell");
	str_copy(r.mode_note, sizeof(r.mode_note), "Xen fell back.");
	ok(derive_kinds(&r, LIMIT) & KIND_BIT(NOTICE_FALLBACK), "on a host that uses PML it is");
	derive(NOTICE_FALLBACK);
	ok(says(": Xen fell back.") && is_text("note", "Xen fell back."), "as the trace's note has it");
}

static void
test_features(void)
{
	struct feature_report report = {.pml = {.state = PML_IN_USE}};
	struct feature_state *smap = &report.feature[FEATURE_SMAP];
	struct boot_features before, after;
	struct notice found[FEATURE_COUNT + 1];

	*smap = (struct feature_state){.cpu = YES, .host = YES, .xen = YES, .hvm = YES, .confidence = CONFIDENCE_EXACT};
	derive_features(&report, &before);
	ok(derive_changes(&before, &report, NOW, found) == 0, "the same features differ in nothing");
	smap->xen = smap->hvm = NO;
	str_copy(smap->reason, sizeof(smap->reason), "smap=0");
	report.pml.state = PML_DISABLED;
	ok(derive_changes(&before, &report, NOW, found) == 2, "SMAP and PML that went are two notices");
	n = found[0];
	ok(strcmp(n.text, "smap changed from one boot to the next: xen yes, hvm yes before, xen no, hvm no now "
			  "(smap=0).") == 0 && n.kind == NOTICE_FEATURE_CHANGED && n.domid == NO_DOMID,
	    "the one says what was, what is and why");
	ok(strcmp(found[1].detail[0].text, "pml") == 0 && strcmp(found[1].detail[1].text, "in_use") == 0 &&
		strcmp(found[1].detail[2].text, "disabled") == 0,
	    "the other has it in its details");
	smap->hvm = UNKNOWN;
	smap->confidence = CONFIDENCE_ASSUMED;
	report.pml.state = PML_UNKNOWN;
	ok(derive_changes(&before, &report, NOW, found) == 0, "what is unknown or assumed has not changed");
	derive_features(&report, &after);
	derive_remember(&before, &after);
	ok(after.feature[FEATURE_SMAP][PLACE_XEN] == YES && after.feature[FEATURE_SMAP][PLACE_HVM] == YES &&
		after.pml == PML_IN_USE,
	    "what was known of it before stays known");
}

static void
test_table(void)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (enum notice_kind a = 0; a < NOTICE_COUNT; a++) {
		unsigned alike = 0;

		for (enum notice_kind b = 0; b < NOTICE_COUNT; b++)
			alike += strcmp(notice_table[a].message_id, notice_table[b].message_id) == 0;
		ok(alike == 1 && notice_find(notice_table[a].name) == a, "%s has an id and a name of its own",
		    notice_table[a].name);
	}
	ok(notice_find("nothing") == NOTICE_COUNT, "another word is none");
	notice_dump(f);
	(void) fclose(f);
	ok(strstr(text, ".It Cm supervisor_violation Pq XENSCOPE-H002, crit\n") && strstr(text, ".Va line .\n"),
	    "the manual's list has the whole table");
	notice_init(&n, NOTICE_STARTED, NOW);
	notice_say(&n, "a\x1b[2Jb \xff");
	ok(strcmp(n.text, "a?[2Jb ?") == 0, "a text is harmless");
	for (int i = 0; i < MAX_DETAILS + 3; i++)
		notice_number(&n, "x", i);
	ok(n.n_details == MAX_DETAILS, "there is no room for more details than that");
}

int
main(void)
{
	record_init(&r);
	test_begun();
	test_ended();
	test_left_on();
	test_converging();
	test_fallback();
	test_features();
	test_table();
	json_decref(json);
	record_done(&r);
	return done_testing();
}

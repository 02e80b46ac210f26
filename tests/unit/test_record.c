/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/util.h"
#include "metrics/record.h"
#include "tests/tap.h"

/* The caller frees the text. */
static char *
text_of(const struct migration_record *r, bool open)
{
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *json;
	size_t n;
	char *text;

	if (open)
		record_gen_open(g, r, NULL);
	else
		record_gen(g, r);
	ok(yajl_gen_get_buf(g, &json, &n) == yajl_gen_status_ok, "the generator is content");
	text = xmalloc(n + 1);
	memcpy(text, json, n);
	text[n] = '\0';
	yajl_gen_free(g);
	return text;
}

static void
set_overhead(struct overhead *o, unsigned n)
{
	o->traced_seconds = 0.5 * n;
	o->windows = n;
	o->torn_windows = n / 2;
	o->lost_records = 5000000000ULL * (n / 2);
	o->exits[TRACE_VIOLATION] = (struct exits){100 * n, 540000 * n};
	o->exits[TRACE_PML_FULL] = (struct exits){n, 1000 * n};
	o->exits[TRACE_RECALC] = (struct exits){10 * n, 12345678901ULL};
}

static void
sample_record(struct migration_record *r)
{
	struct round *round;

	record_init(r);
	str_copy(r->id, sizeof(r->id), "20261105T101112Z-d7-4242");
	str_copy(r->uuid, sizeof(r->uuid), "11111111-2222-3333-4444-555555555555");
	str_copy(r->name, sizeof(r->name), "we\"b\\ \xc3\xa9");
	r->domid = 7;
	r->direction = DIRECTION_LOCAL;
	r->toolstack = TOOLSTACK_XAPI;
	r->tracking_mode = TRACKING_EPT_WP;
	r->mode_source = MODE_SOURCE_INFERRED;
	r->started = 1793873472.0312345;
	r->ended = 1793873484.5;
	r->result = RESULT_FAILED;
	str_copy(r->reason, sizeof(r->reason), "the helper died");
	r->memory_pages = 32768;
	r->frames_sent = 1051100;
	r->downtime_seconds = 0.1;
	r->downtime_source = DOWNTIME_FINAL_CLEAN_TO_OFF;
	r->stop_reason = STOP_ROUND_LIMIT;
	r->rounds_source = SOURCE_UPROBE;
	r->rounds_unseen = 1;
	r->tracking_left_on = true;
	r->origin = ORIGIN_REPLAY;
	str_copy(r->cpu_model, sizeof(r->cpu_model), "A CPU");
	r->pid = 4242;
	r->process_started = 123456789012ULL;
	r->evidence.epoch = 1793870000.25;
	r->evidence.off = 1793873484.5;
	r->evidence.told = r->evidence.away = true;
	round = record_add_round(r);
	round->seen = true;
	round->started = 1793873472.5;
	round->frames_sent = 1044480;
	round->pages_dirtied = 4264;
	round->harvest_seconds = 0.00187;
	set_overhead(&round->overhead, 1);
	record_add_round(r);
	round = record_add_round(r);
	round->n = UNSEEN;
	round->seen = true;
	r->final.begun = true;
	r->final.pages = 489;
	r->final.requested = 1793873480.5;
	r->final.suspended = 1793873480.75;
	r->final.harvested = 1793873481.5;
	r->final.sent = 1793873482.5;
	r->final.done = 1793873483.5;
	r->released = 1793873484.25;
	r->released_source = RELEASE_HYPERCALL;
	r->checkpoints = 3;
	r->bytes_sent = 135058792;
	r->evidence.written = 4096;
	set_overhead(&r->final.overhead, 1);
	set_overhead(&r->overhead, 3);
	r->tracked_seconds = 11.25;
	r->vcpus = 2;
	r->cpu_hz = 2.6e9;
	str_copy(r->mode_note, sizeof(r->mode_note), "a note");
	str_copy(r->xen_extra, sizeof(r->xen_extra), ".7");
}

static void
test_round_trip(void)
{
	_cleanup_(record_done) struct migration_record r, back;
	_cleanup_(freep) char *text = NULL, *again = NULL, *shown = NULL;

	sample_record(&r);
	text = text_of(&r, true);
	ok(record_parse(text, strlen(text), &back) == 0, "what was written is read");
	again = text_of(&back, true);
	ok(strcmp(text, again) == 0, "and it is the same record");
	ok(back.pid == 4242 && back.process_started == 123456789012ULL &&
		back.evidence.off == r.evidence.off && isnan(back.evidence.last) &&
		back.evidence.told && !back.evidence.complete,
	    "with what finds it again after a restart");
	ok(back.n_rounds == 3 && back.rounds_begun == 3 && back.round[0].pages_dirtied == 4264 &&
		back.round[0].pages_sent == UNSEEN && isnan(back.round[1].started) &&
		!back.round[1].seen && back.round[2].n == UNSEEN,
	    "with its rounds, seen, unseen and without a number");
	ok(back.final.begun && back.final.pages == 489 && isnan(back.final.seconds) &&
		back.final.requested == 1793873480.5 && back.final.suspended == 1793873480.75 &&
		back.final.harvested == 1793873481.5 && back.final.sent == 1793873482.5 &&
		back.final.done == 1793873483.5,
	    "with its final pass and the steps of that");
	ok(back.released == 1793873484.25 && back.released_source == RELEASE_HYPERCALL && back.checkpoints == 3,
	    "with the guest's release, and how often it was paused");
	ok(memcmp(&back.round[0].overhead, &r.round[0].overhead, sizeof(struct overhead)) == 0 &&
		back.round[1].overhead.windows == 0 &&
		memcmp(&back.final.overhead, &r.final.overhead, sizeof(struct overhead)) == 0 &&
		memcmp(&back.overhead, &r.overhead, sizeof(struct overhead)) == 0,
	    "with what their windows showed");
	ok(back.tracked_seconds == 11.25 && back.vcpus == 2 && back.cpu_hz == 2.6e9 &&
		strcmp(back.mode_note, "a note") == 0 && strcmp(back.xen_extra, ".7") == 0,
	    "and what these figures stand against");
	ok(strcmp(back.name, r.name) == 0 && back.started == r.started,
	    "names and times are exact");
	shown = text_of(&r, false);
	ok(!strstr(shown, "evidence") && !strstr(shown, "4242,"),
	    "what is not to be shown is not written");
	ok(strstr(shown, "\"started\":1793873472.0312345,") &&
		strstr(shown, "\"downtime_seconds\":0.1,"),
	    "numbers are as short as they can be");
	ok(strstr(shown, "\"direction\":\"local\",\"toolstack\":\"xapi\",\"tracking_mode\":\"ept_"
			 "wp\",\"mode_source\":"
			 "\"inferred\"") &&
		strstr(shown, "\"source\":\"replay\""),
	    "words are those of the design");
	ok(strstr(shown, "\"pages_sent\":null,\"frames_sent\":1044480,\"pages_dirtied\":4264"),
	    "what nobody saw is null, never 0");
}

static void
test_overhead(void)
{
	static const char old[] = "{\"id\":\"a\",\"rounds_begun\":1,\"rounds\":[{\"n\":0,\"pages_dirtied\":"
				  "5}],\"final\":{\"pages\":1}}";
	static const char *const bad[] = {"7", "\"x\"", "{\"windows\":-1}", "{\"windows\":null}",
	    "{\"vcpus\":\"2\"}", "{\"cpu_hz\":true}", "{\"violations\":1e99}", "{\"violations\":0.5}"};
	_cleanup_(record_done) struct migration_record r, back;
	_cleanup_(freep) char *text = NULL;

	sample_record(&r);
	text = text_of(&r, false);
	ok(strstr(text, "\"overhead\":{\"tracked_seconds\":11.25,\"vcpus\":2,\"cpu_hz\":2600000000,"
			"\"traced_seconds\":1.5,\"windows\":3,\"torn_windows\":1,\"lost_records\":"
			"5000000000,\"violations\":300,\"violation_cycles\":1620000,\"pml_full\":3,") &&
		strstr(text, "\"recalcs\":30,\"recalc_cycles\":12345678901,\"sampled_fraction\":"),
	    "what windows showed is an object of sums and figures: %s", text);
	ok(strstr(text, "\"pages_sent\":null,\"frames_sent\":null,\"pages_dirtied\":null,\"harvest_"
			"seconds\":null,\"overhead\":null}"),
	    "null where nothing was traced");
	ok(record_parse(old, sizeof(old) - 1, &back) == 0 && back.overhead.windows == 0 &&
		back.round[0].overhead.windows == 0 && back.vcpus == UNSEEN && isnan(back.cpu_hz) &&
		!*back.mode_note && !*back.xen_extra,
	    "a record of an agent that did not trace is read");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(freep) char *line =
		    xasprintf("{\"id\":\"a\",\"rounds\":[],\"overhead\":%s}", bad[i]);
		struct migration_record none;

		ok(record_parse(line, strlen(line), &none) == -EBADMSG, "an overhead %s is refused", bad[i]);
	}
}

static void
expect(struct round *round, enum outlook outlook, int32_t rounds, double total, double downtime)
{
	round->forecast = (struct forecast){.made = true,
	    .outlook = outlook,
	    .rounds = rounds,
	    .remaining_seconds = NAN,
	    .total_seconds = total,
	    .downtime_seconds = downtime};
}

static void
test_forecast(void)
{
	static const char *const bad[] = {"7", "{}", "[7]", "[{}]", "[{\"after_round\":null}]",
	    "[{\"after_round\":1}]", "[{\"after_round\":-1}]", "[{\"after_round\":0,\"converges\":true}]",
	    "[{\"after_round\":0,\"converges\":null}]", "[{\"after_round\":0,\"rounds\":0.5}]"};
	_cleanup_(record_done) struct migration_record r, back;
	_cleanup_(freep) char *text = NULL, *again = NULL;
	struct forecast_error error;

	record_init(&r);
	str_copy(r.id, sizeof(r.id), "x");
	for (int i = 0; i < 4; i++)
		record_add_round(&r);
	ok(record_outlook(&r) == OUTLOOK_UNKNOWN && !record_forecast_error(&r, &error),
	    "nothing was forecast, nothing is known and nothing wrong");
	expect(&r.round[0], OUTLOOK_DIVERGES, 5, 20, 1);
	expect(&r.round[1], OUTLOOK_CONVERGES, 3, 11, 0.5);
	expect(&r.round[2], OUTLOOK_UNKNOWN, UNSEEN, NAN, NAN);
	ok(record_outlook(&r) == OUTLOOK_UNKNOWN, "the newest forecast counts");
	r.round[2].forecast.made = false;
	ok(record_outlook(&r) == OUTLOOK_CONVERGES, "a round without one leaves that before it");
	r.started = 100;
	r.ended = 110;
	r.downtime_seconds = 0.25;
	ok(!record_forecast_error(&r, &error), "what did not complete judges no forecast");
	r.result = RESULT_COMPLETED;
	ok(record_forecast_error(&r, &error) && error.after_round == 1 && error.rounds == 1 &&
		fabs(error.total_ratio - 0.1) < 1e-9 && fabs(error.downtime_ratio - 1) < 1e-9,
	    "the forecast after round 1 is judged: %g, %g", error.total_ratio, error.downtime_ratio);
	text = text_of(&r, false);
	ok(strstr(text, "\"forecast\":[{\"after_round\":0,\"converges\":\"no\",\"rounds\":5,\"remaining_seconds\":"
			"null,\"total_seconds\":20,\"downtime_seconds\":1},{\"after_round\":1,\"converges\":\"yes\",") &&
		strstr(text, "\"forecast_error\":{\"after_round\":1,\"rounds\":1,\"total_ratio\":0.1,"),
	    "forecasts stand in the order of the rounds, with what came of them: %s", text);
	ok(record_parse(text, strlen(text), &back) == 0, "they are read");
	again = text_of(&back, false);
	ok(strcmp(text, again) == 0, "as they were written");
	r.round[1].forecast.made = false;
	r.rounds_unseen = UNSEEN;
	r.downtime_seconds = NAN;
	ok(record_forecast_error(&r, &error) && error.after_round == 0 && error.rounds == UNSEEN &&
		error.total_ratio == 1 && isnan(error.downtime_ratio),
	    "that after round 0 where there is no other, and of nothing unseen");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(freep) char *line = xasprintf(
		    "{\"id\":\"a\",\"rounds_begun\":1,\"rounds\":[{\"n\":0}],\"forecast\":%s}", bad[i]);
		struct migration_record none;

		ok(record_parse(line, strlen(line), &none) == -EBADMSG, "a forecast %s is refused", bad[i]);
	}
}

/* As many rounds as are kept, all of them traced, each number as long as it can be. */
static void
test_longest(void)
{
	_cleanup_(record_done) struct migration_record r, back;
	_cleanup_(freep) char *text = NULL;
	const struct exits most = {INT64_MAX, INT64_MAX};

	sample_record(&r);
	while (r.n_rounds < MAX_ROUNDS)
		record_add_round(&r);
	for (size_t i = 0; i < r.n_rounds; i++)
		r.round[i] = (struct round){.n = MAX_ROUND_NUMBER, .started = 1793873472.0312345,
		    .seconds = 1e9 / 3, .pages_sent = INT64_MAX, .frames_sent = INT64_MAX,
		    .pages_dirtied = INT64_MAX, .harvest_seconds = -1e-300 / 3,
		    .overhead = {.traced_seconds = 1e8 / 3, .windows = INT32_MAX, .torn_windows = INT32_MAX,
			.lost_records = INT64_MAX, .exits = {most, most, most}},
		    .forecast = {.made = true, .rounds = INT32_MAX, .remaining_seconds = 1e9 / 3,
			.total_seconds = 1e9 / 3, .downtime_seconds = 1e9 / 3}};
	r.tracking_mode = TRACKING_PML;
	text = text_of(&r, true);
	ok(strlen(text) < MAX_RECORD_JSON && record_parse(text, strlen(text), &back) == 0 &&
		back.n_rounds == MAX_ROUNDS,
	    "the longest record of all is read again: %zu bytes", strlen(text));
}

static void
test_fresh(void)
{
	_cleanup_(record_done) struct migration_record r, back;
	_cleanup_(freep) char *text = NULL;

	record_init(&r);
	str_copy(r.id, sizeof(r.id), "x");
	text = text_of(&r, false);
	ok(strstr(text, "\"rounds\":[],\"final\":null") && strstr(text, "\"mode_source\":null") &&
		strstr(text, "\"downtime_source\":null") && strstr(text, "\"started\":null"),
	    "a fresh record has no rounds, no final pass and no times: %s", text);
	ok(record_parse(text, strlen(text), &back) == 0 && !back.final.begun &&
		isnan(back.started) && back.memory_pages == UNSEEN &&
		back.mode_source == MODE_SOURCE_NONE,
	    "and is read as such");
}

static void
test_copy(void)
{
	struct migration_record a, b;

	record_init(&a);
	for (int i = 0; i < 3; i++)
		record_add_round(&a);
	record_copy(&b, &a);
	record_done(&a);
	for (int i = 0; i < 6; i++)
		record_add_round(&b)->pages_sent = i;
	ok(b.n_rounds == 9 && b.round[8].n == 8 && b.round[8].pages_sent == 5,
	    "a copy has rounds of its own and can grow");
	for (int i = 0; i < MAX_ROUNDS; i++)
		record_add_round(&b);
	ok(b.n_rounds == MAX_ROUNDS && b.rounds_begun == MAX_ROUNDS + 9,
	    "rounds beyond the limit are counted, not kept");
	record_done(&b);
}

#define HEAD "{\"id\":\"a\",\"rounds\":[]"

static void
test_bad(void)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
	    {"", "nothing"},
	    {"{", "a torn object"},
	    {"[]", "an array"},
	    {"null", "null"},
	    {"{}", "an object without an id"},
	    {"{\"id\":\"\",\"rounds\":[]}", "an empty id"},
	    {"{\"id\":\"a\"}", "no rounds"},
	    {"{\"id\":7,\"rounds\":[]}", "an id that is a number"},
	    {"{\"id\":\"0123456789012345678901234567890123456789\",\"rounds\":[]}",
		"an id that is too long"},
	    {HEAD ",\"result\":\"won\"}", "a word that is none"},
	    {HEAD ",\"result\":null}", "null for a word that is always known"},
	    {HEAD ",\"mode_source\":3}", "a number for a word"},
	    {HEAD ",\"domid\":-1}", "a negative domain"},
	    {HEAD ",\"domid\":5000000000}", "a domain beyond 32 bits"},
	    {HEAD ",\"domid\":null}", "no domain"},
	    {HEAD ",\"memory_pages\":-1}", "a negative count"},
	    {HEAD ",\"memory_pages\":1.5}", "a broken count"},
	    {HEAD ",\"memory_pages\":99999999999999999999}", "a count beyond 64 bits"},
	    {HEAD ",\"started\":\"now\"}", "a text for a time"},
	    {HEAD ",\"started\":1e999}", "an infinite time"},
	    {HEAD ",\"tracking_left_on\":1}", "a number for a truth"},
	    {HEAD ",\"rounds_begun\":-1}", "negative rounds"},
	    {HEAD ",\"final\":{\"pages\":\"x\"}}", "a text for the final pages"},
	    {HEAD ",\"evidence\":{\"pid\":null}}", "evidence without a pid"},
	    {"{\"id\":\"a\",\"rounds_begun\":0,\"rounds\":[{}]}", "more rounds than were begun"},
	    {"{\"id\":\"a\",\"rounds_begun\":1,\"rounds\":[7]}", "a round that is a number"},
	    {"{\"id\":\"a\",\"rounds_begun\":1,\"rounds\":[{\"seen\":0}]}",
		"a round with a bad member"},
	    {"{\"id\":\"a\",\"name\":\"\xff\",\"rounds\":[]}", "bytes that are not UTF-8"},
	};
	struct migration_record r;
	char *huge;

	memset(&r, 0x55, sizeof(r));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(record_parse(bad[i].text, strlen(bad[i].text), &r) == -EBADMSG &&
			r.domid == 0x55555555,
		    "%s is refused and nothing is written", bad[i].why);
	huge = xcalloc(1, MAX_RECORD_JSON + 1);
	memset(huge, ' ', MAX_RECORD_JSON + 1);
	ok(record_parse(huge, MAX_RECORD_JSON + 1, &r) == -EFBIG,
	    "a text without end is refused unread");
	free(huge);
	ok(record_parse(
	       HEAD ",\"later\":{\"a\":[1]}}", sizeof(HEAD ",\"later\":{\"a\":[1]}}") - 1, &r) == 0,
	    "a member of a later version is passed over");
	record_done(&r);
	ok(record_parse("{\"id\":\"a\",\"name\":\"x\\u001by\",\"rounds\":[]}", 40, &r) == 0 &&
		strcmp(r.name, "x?y") == 0,
	    "control characters do not come back");
	record_done(&r);
}

/* Every text that differs from a good one in one byte is read or refused, and what is read can be
 * written. */
static void
test_damaged(void)
{
	_cleanup_(record_done) struct migration_record r;
	_cleanup_(freep) char *text = NULL;
	size_t read = 0, n;

	sample_record(&r);
	text = text_of(&r, true);
	n = strlen(text);
	for (size_t i = 0; i < n; i++) {
		struct migration_record back;
		char was = text[i];

		text[i] = (char) (was ^ (1 << (i % 7)));
		if (record_parse(text, i % 5 ? n : i, &back) == 0) {
			yajl_gen g = yajl_gen_alloc(NULL);

			record_gen_open(g, &back, NULL);
			yajl_gen_free(g);
			record_done(&back);
			read++;
		}
		text[i] = was;
	}
	ok(read > 0 && read < n, "damaged texts are read or refused, none does harm");
}

int
main(void)
{
	test_round_trip();
	test_overhead();
	test_forecast();
	test_longest();
	test_fresh();
	test_copy();
	test_bad();
	test_damaged();
	return done_testing();
}

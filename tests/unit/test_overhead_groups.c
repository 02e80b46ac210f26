/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <jansson.h>
#include <math.h>
#include <stdarg.h>

#include "metrics/overhead.h"
#include "serve/overhead_groups.h"
#include "tests/made_up.h"
#include "tests/tap.h"

#define BOOT "11111111-0000-0000-0000-000000000000"
#define OTHER_BOOT "22222222-0000-0000-0000-000000000000"
#define GUEST "00000000-0000-0000-0000-000000000002"

static struct overhead_groups *groups;
static json_t *answer;

static void
begin(void)
{
	json_decref(TAKE_PTR(answer));
	groups = overhead_groups_new();
}

static void
finish_of(const char *uuid)
{
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *text;
	size_t n = 0;

	(void) yajl_gen_map_open(g);
	overhead_groups_gen(groups, g, uuid, BOOT);
	(void) yajl_gen_map_close(g);
	(void) yajl_gen_get_buf(g, &text, &n);
	answer = json_loadb((const char *) text, n, 0, NULL);
	yajl_gen_free(g);
	overhead_groups_free(TAKE_PTR(groups));
}

static void
finish(void)
{
	finish_of("");
}

/* at("boots", "#0", "modes", "#0", "migrations", NULL) */
static const json_t *
at(const char *member, ...)
{
	const json_t *v = answer;
	va_list ap;

	va_start(ap, member);
	for (; member; member = va_arg(ap, const char *))
		v = *member == '#' ? json_array_get(v, (size_t) (member[1] - '0'))
				   : json_object_get(v, member);
	va_end(ap);
	return v;
}

/* Of a row of the newest boot. */
static const json_t *
mode(const char *row, const char *member)
{
	return at("boots", "#0", "modes", row, member, NULL);
}

static int
is(const json_t *v, double want)
{
	return json_is_number(v) && fabs(json_number_value(v) - want) <= 1e-9 * fabs(want);
}

static int
says(const json_t *v, const char *part)
{
	return json_is_string(v) && strstr(json_string_value(v), part);
}

/* Two rounds of 2 s, 1000 and 24 pages, harvests of 1 and 3 ms. */
static void
make(struct migration_record *r, enum tracking_mode mode, const char *boot)
{
	record_init(r);
	str_copy(r->uuid, sizeof(r->uuid), GUEST);
	str_copy(r->name, sizeof(r->name), "vm");
	str_copy(r->boot_id, sizeof(r->boot_id), boot);
	str_copy(r->cpu_model, sizeof(r->cpu_model), "A CPU");
	str_copy(r->xen_version, sizeof(r->xen_version), "4.17.7");
	str_copy(r->xen_extra, sizeof(r->xen_extra), ".7");
	r->tracking_mode = mode;
	r->mode_source = MODE_SOURCE_INFERRED;
	r->result = RESULT_COMPLETED;
	r->started = 1000;
	r->ended = 1004;
	r->tracked_seconds = 4;
	r->vcpus = 2;
	r->cpu_hz = 1e6;
	for (unsigned i = 0; i < 2; i++) {
		struct round *round = record_add_round(r);

		round->seen = true;
		round->seconds = 2;
		round->pages_dirtied = i ? 24 : 1000;
		round->harvest_seconds = i ? 0.003 : 0.001;
	}
}

/* So many exits of each class in round i, of which so much was traced. */
static void
trace(struct migration_record *r, unsigned i, double seconds, uint64_t violations, uint64_t full,
    uint64_t recalcs)
{
	struct overhead o = {.traced_seconds = seconds, .windows = 1};

	o.exits[TRACE_VIOLATION] = (struct exits){violations, violations * 10};
	o.exits[TRACE_PML_FULL] = (struct exits){full, full * 1000};
	o.exits[TRACE_RECALC] = (struct exits){recalcs, recalcs * 100};
	r->mode_source = MODE_SOURCE_TRACE;
	overhead_add(&r->round[i].overhead, &o);
	overhead_add(&r->overhead, &o);
}

static void
put(struct migration_record *r)
{
	overhead_groups_add(groups, r);
	record_done(r);
}

static void
test_sums(void)
{
	const double traced = 1024 + 1000 * 0.5 / 1.999; /* pages */
	struct migration_record r;

	begin();
	make(&r, TRACKING_EPT_WP,
	    BOOT); /* whole: 1024 pages, 1024 violations, 8 misconfigurations */
	trace(&r, 0, 2, 1000, 0, 5);
	trace(&r, 1, 2, 24, 0, 3);
	put(&r);
	make(&r, TRACKING_EPT_WP,
	    BOOT); /* a quarter of round 0, in whose harvest no page is dirtied; 200 violations in it */
	r.direction = DIRECTION_PROBE;
	r.ended = 2000;
	trace(&r, 0, 0.5, 200, 0, 2);
	r.overhead.torn_windows = 1;
	r.overhead.lost_records = 7;
	put(&r);
	make(&r, TRACKING_EPT_WP, BOOT); /* not traced */
	r.started = 10;
	put(&r);
	finish();
	ok(json_array_size(at("boots", NULL)) == 1 &&
		json_array_size(at("boots", "#0", "modes", NULL)) == 1,
	    "one boot and mode is one row");
	ok(is(mode("#0", "migrations"), 2) && is(mode("#0", "probes"), 1) &&
		is(mode("#0", "measured"), 2),
	    "migrations, probes and those that were measured are counted");
	ok(is(at("boots", "#0", "modes", "#0", "mode_source", "trace", NULL), 2) &&
		is(at("boots", "#0", "modes", "#0", "mode_source", "inferred", NULL), 1),
	    "and where the mode is known from");
	ok(is(mode("#0", "pages_dirtied"), 3072) && is(mode("#0", "pages_traced"), traced),
	    "pages are those of all, and those of the traced windows");
	ok(is(mode("#0", "exits_per_kpage"), 1000 * 1224 / traced),
	    "a ratio is made of the sums, and not the mean of ratios");
	ok(is(mode("#0", "recalc_exits_per_kpage"), 1000 * 10 / 2048.0),
	    "so is that of the misconfigurations, which a sample sees at rounds' beginnings");
	ok(is(mode("#0", "cycles_per_page"), (10240 + 800 + 10240 + 200) / 2048.0),
	    "and the cycles of a page, of which a sample has the mean");
	ok(is(mode("#0", "overhead_ratio"), (10240 + 800 + 10240 + 200) / (8 * 2 * 1e6)),
	    "and the part of the guest's time");
	ok(is(mode("#0", "sampled_fraction"), 4.5 / 8) && is(mode("#0", "tracked_seconds"), 8) &&
		is(mode("#0", "traced_seconds"), 4.5),
	    "what was not traced at all lowers no fraction");
	ok(is(mode("#0", "harvest_seconds_per_round"), 0.002) && is(mode("#0", "harvests"), 6),
	    "harvests are known without a trace");
	ok(is(mode("#0", "violations"), 1224) && is(mode("#0", "violation_cycles"), 12240) &&
		is(mode("#0", "pml_full"), 0) && is(mode("#0", "recalc_cycles"), 1000),
	    "the exits are told, 0 where none was seen");
	ok(is(mode("#0", "windows"), 3) && is(mode("#0", "torn_windows"), 1) &&
		is(mode("#0", "lost_records"), 7),
	    "and what was lost");
	ok(json_is_null(mode("#0", "splits")) && json_is_null(mode("#0", "avoided_exits")),
	    "under write protection there are no splits and nothing is avoided");
	ok(is(mode("#0", "started"), 10) && is(mode("#0", "ended"), 2000), "first and last time");
	ok(json_is_true(at("boots", "#0", "current", NULL)), "the boot that is now is told");
}

static void
test_never_mixed(void)
{
	static const struct {
		size_t at;
		const char *what;
	} rows[] = {
	    {offsetof(struct migration_record, cpu_model), "CPU models"},
	    {offsetof(struct migration_record, xen_version), "Xen's versions"},
	    {offsetof(struct migration_record, xen_extra), "Xen's builds"},
	    {offsetof(struct migration_record, boot_id), "boots"},
	};
	struct migration_record r;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin();
		make(&r, TRACKING_PML, BOOT);
		str_copy((char *) &r + rows[i].at, 8, "other");
		put(&r);
		make(&r, TRACKING_PML, BOOT);
		put(&r);
		finish();
		ok(json_array_size(at("boots", NULL)) == 2 && is(mode("#0", "migrations"), 1) &&
			is(at("boots", "#1", "modes", "#0", "migrations", NULL), 1) &&
			json_array_size(at("boots", "#0", "vms", NULL)) == 1,
		    "%s are never mixed", rows[i].what);
	}
	begin();
	make(&r, TRACKING_PML, BOOT);
	r.origin = ORIGIN_REPLAY;
	put(&r);
	make(&r, TRACKING_PML, BOOT);
	put(&r);
	finish();
	ok(json_array_size(at("boots", NULL)) == 2 &&
		says(at("boots", "#0", "source", NULL), "replay") &&
		says(at("boots", "#1", "source", NULL), "live"),
	    "nor is a replay mixed with what was live");
	begin();
	make(&r, TRACKING_PML, BOOT);
	put(&r);
	make(&r, TRACKING_EPT_WP, BOOT);
	put(&r);
	make(&r, TRACKING_NPT_WP, BOOT);
	put(&r);
	finish();
	ok(json_array_size(at("boots", "#0", "modes", NULL)) == 3 &&
		says(mode("#1", "tracking_mode"), "ept_wp") &&
		json_is_false(mode("#1", "estimate")) &&
		json_array_size(at("boots", "#0", "vms", NULL)) == 3,
	    "each mode of a boot has its row, and what was seen needs no estimate");
}

static void
add_pml(const char *boot)
{
	struct migration_record r;

	make(&r, TRACKING_PML, boot);
	trace(&r, 0, 2, 3, 1, 6);
	trace(&r, 1, 2, 0, 0, 2);
	put(&r);
}

static void
test_estimate(void)
{
	struct migration_record r;

	begin();
	add_pml(BOOT);
	finish();
	ok(is(mode("#0", "splits"), 3) && is(mode("#0", "avoided_exits"), 1023),
	    "under PML violations are splits, and exits were avoided");
	ok(json_array_size(at("boots", "#0", "modes", NULL)) == 2 &&
		says(mode("#1", "tracking_mode"), "ept_wp") && json_is_true(mode("#1", "estimate")),
	    "where only PML was seen, write protection is an estimate");
	ok(is(mode("#1", "estimate_exits_per_kpage"), 1000) &&
		is(mode("#1", "estimate_recalc_exits_per_kpage"), 7.8125),
	    "its exits are known: one a page");
	ok(json_is_null(mode("#1", "estimate_cycles_per_page")) &&
		json_is_null(mode("#1", "estimate_overhead_ratio")) &&
		json_is_null(mode("#1", "estimate_cycles_per_violation")) &&
		says(mode("#1", "basis"), "ept=no-pml"),
	    "its cycles are not, and it says what is missing; splits are no basis");
	ok(!mode("#1", "migrations") && !mode("#1", "exits_per_kpage") &&
		!mode("#1", "cycles_per_page"),
	    "an estimate has no member of the name of a measured one");
	ok(!mode("#0", "basis") && json_is_false(mode("#0", "estimate")),
	    "and what is measured has no basis");

	begin();
	add_pml(BOOT);
	make(&r, TRACKING_EPT_WP, OTHER_BOOT); /* another guest of the same host */
	str_copy(r.uuid, sizeof(r.uuid), "00000000-0000-0000-0000-000000000009");
	trace(&r, 0, 2, 500, 0, 0);
	put(&r);
	finish();
	ok(is(mode("#1", "estimate_cycles_per_violation"), 10) &&
		says(mode("#1", "basis"), "mean of 500"),
	    "measured in another boot of the same CPU and Xen, a violation has cycles");
	ok(is(mode("#1", "estimate_cycles_per_page"), 10 + 800 / 1024.0),
	    "a page costs those, and the misconfigurations as under PML");
	ok(is(mode("#1", "estimate_overhead_ratio"), (1024 * 10 + 800) / (4 * 2 * 1e6)),
	    "and the same pages in the same time that part of the guest's time");
	ok(json_array_size(at("boots", "#1", "modes", NULL)) == 1, "of PML there is no estimate");

	begin();
	add_pml(BOOT);
	make(&r, TRACKING_EPT_WP, OTHER_BOOT);
	str_copy(r.xen_extra, sizeof(r.xen_extra), ".8");
	trace(&r, 0, 2, 500, 0, 0);
	put(&r);
	finish();
	ok(json_is_null(mode("#1", "estimate_cycles_per_page")), "that of another Xen is no basis");

	begin();
	make(&r, TRACKING_PML, BOOT);
	put(&r);
	finish();
	ok(json_is_null(mode("#1", "estimate_exits_per_kpage")) &&
		says(mode("#1", "basis"), "Missing: no page"),
	    "nothing traced, nothing estimated");
}

static void
test_unknown(void)
{
	static const char *const null[] = {"traced_seconds", "windows", "lost_records",
	    "violations", "recalc_cycles", "splits", "avoided_exits", "sampled_fraction",
	    "overhead_ratio", "exits_per_kpage", "recalc_exits_per_kpage", "cycles_per_page",
	    "pages_traced", "tracked_seconds"};
	struct migration_record r;

	begin();
	make(&r, TRACKING_PML, BOOT);
	put(&r);
	finish();
	for (size_t i = 0; i < ARRAY_SIZE(null); i++)
		ok(json_is_null(mode("#0", null[i])), "without a trace %s is null, not 0", null[i]);
	ok(is(mode("#0", "pages_dirtied"), 1024) && is(mode("#0", "measured"), 0),
	    "pages are known all the same");

	begin();
	make(&r, TRACKING_PML, BOOT);
	r.round[0].pages_dirtied = UNSEEN;
	r.vcpus = UNSEEN;
	trace(&r, 0, 2, 1000, 0, 0);
	put(&r);
	make(&r, TRACKING_PML, BOOT);
	trace(&r, 0, 2, 0, 2, 0);
	put(&r);
	finish();
	ok(is(mode("#0", "exits_per_kpage"), 2) && is(mode("#0", "violations"), 1000),
	    "exits of pages that nobody counted are in no ratio to pages");
	ok(is(mode("#0", "pages_dirtied"), 1048) && is(mode("#0", "pages_traced"), 1000),
	    "pages are those of the rounds that were seen, and of these the traced");
	ok(is(mode("#0", "overhead_ratio"), 2000 * (1 + 24 / 1024.0) / (4 * 2 * 1e6)),
	    "nor cycles of unknown CPUs in one to time");

	begin();
	make(&r, TRACKING_PML, BOOT);
	r.round[0].pages_dirtied = r.round[1].pages_dirtied = 0;
	trace(&r, 0, 2, 0, 0, 4);
	put(&r);
	finish();
	ok(json_is_null(mode("#0", "exits_per_kpage")) &&
		json_is_null(mode("#0", "overhead_ratio")) && is(mode("#0", "recalcs"), 4),
	    "where no page was dirtied, a ratio is null");

	begin();
	make(&r, TRACKING_OFF, BOOT);
	put(&r);
	make(&r, TRACKING_UNKNOWN, BOOT);
	r.rounds_begun = 0;
	put(&r);
	make(&r, TRACKING_UNKNOWN, BOOT);
	put(&r);
	make(&r, TRACKING_PML, "");
	put(&r);
	make(&r, TRACKING_PML, BOOT);
	r.result = RESULT_RUNNING;
	put(&r);
	finish();
	ok(is(at("untracked", NULL), 3) && is(at("unplaced", NULL), 1) &&
		json_array_size(at("boots", "#0", "modes", NULL)) == 1 &&
		says(mode("#0", "tracking_mode"), "unknown"),
	    "what was not tracked, or of an unknown boot, is in no row, but counted");
}

static void
test_guests(void)
{
	struct migration_record r;
	unsigned vms = 0;

	begin();
	make(&r, TRACKING_PML, BOOT);
	utf8_clean(r.name, sizeof(r.name), HOSTILE_NAME);
	trace(&r, 0, 2, 0, 1, 0);
	put(&r);
	make(&r, TRACKING_PML, BOOT);
	put(&r);
	finish();
	ok(json_array_size(at("boots", "#0", "vms", NULL)) == 1 &&
		says(at("boots", "#0", "vms", "#0", "name", NULL), "</script>") &&
		is(at("boots", "#0", "vms", "#0", "migrations", NULL), 2),
	    "a guest has one row, by its newest name, whatever that is");
	ok(is(at("boots", "#0", "vms", "#0", "avoided_exits", NULL), 1023),
	    "with the exits that PML avoided");

	begin();
	add_pml(BOOT);
	make(&r, TRACKING_EPT_WP, BOOT);
	trace(&r, 0, 2, 500, 0, 0);
	put(&r);
	make(&r, TRACKING_PML, OTHER_BOOT);
	str_copy(r.uuid, sizeof(r.uuid), "00000000-0000-0000-0000-000000000009");
	trace(&r, 0, 2, 0, 1, 0);
	put(&r);
	finish_of("00000000-0000-0000-0000-000000000009");
	ok(json_array_size(at("boots", NULL)) == 1 && is(mode("#0", "migrations"), 1) &&
		json_array_size(at("boots", "#0", "vms", NULL)) == 1,
	    "of one guest only its own is told");
	ok(is(mode("#1", "estimate_cycles_per_violation"), 10),
	    "but the basis is the whole host's");

	begin();
	for (unsigned i = 0; i < MAX_OVERHEAD_VMS + 3; i++) {
		make(&r, TRACKING_PML, BOOT);
		(void) snprintf(r.uuid, sizeof(r.uuid), "00000000-0000-0000-0000-%012u", i);
		put(&r);
	}
	for (unsigned i = 0; i < MAX_OVERHEAD_BOOTS + 2; i++) {
		make(&r, TRACKING_PML, BOOT);
		(void) snprintf(r.boot_id, sizeof(r.boot_id), "00000000-0000-0000-0000-%012u", i);
		put(&r);
	}
	finish();
	for (size_t i = 0; i < json_array_size(at("boots", NULL)); i++)
		vms += (unsigned) json_array_size(
		    json_object_get(json_array_get(at("boots", NULL), i), "vms"));
	ok(json_array_size(at("boots", NULL)) == MAX_OVERHEAD_BOOTS && vms == MAX_OVERHEAD_VMS,
	    "boots and guests are bounded");
	ok(is(at("left_out", NULL), 3 + MAX_OVERHEAD_BOOTS - 1 + 3),
	    "and what is left out is counted");
	ok(is(mode("#0", "migrations"), MAX_OVERHEAD_VMS + 3), "a mode's sums have all guests");
}

static void
test_hostile(void)
{
	struct migration_record r;

	begin();
	make(&r, TRACKING_PML, BOOT);
	trace(&r, 0, 2, UINT64_MAX / 1000, 0, 1);
	r.cpu_hz = INFINITY;
	r.tracked_seconds = -5;
	r.round[0].harvest_seconds = -1;
	r.round[1].seconds = -1;
	put(&r);
	make(&r, TRACKING_PML, BOOT);
	r.cpu_hz = 1e308;
	r.vcpus = INT32_MAX;
	trace(&r, 0, 1e300, UINT64_MAX / 1000, 0, 1);
	put(&r);
	finish();
	ok(answer != NULL, "figures beyond all bounds are still JSON");
	ok(json_is_null(mode("#0", "overhead_ratio")) &&
		is(mode("#0", "harvest_seconds_per_round"), 7 / 3e3),
	    "what is infinite or negative is in no ratio");
}

int
main(void)
{
	test_sums();
	test_never_mixed();
	test_estimate();
	test_unknown();
	test_guests();
	test_hostile();
	json_decref(answer);
	return done_testing();
}

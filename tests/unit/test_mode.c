/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tracking mode by evidence, and what a restart keeps of it. */
#include <config.h>

#include "base/log.h"
#include "metrics/overhead.h"
#include "observe/overhead.h"
#include "tests/tap.h"
#include "tests/unit/traced.h"

/* A record with one round, traced whole. */
static void
one_round(struct migration_record *r, int64_t memory, int64_t pages, uint64_t violations, uint64_t full)
{
	struct round *round;

	record_init(r);
	r->memory_pages = memory;
	r->tracked_seconds = 10;
	round = record_add_round(r);
	round->seen = true;
	round->seconds = 10;
	round->pages_dirtied = pages;
	round->overhead = (struct overhead){.windows = 1,
	    .traced_seconds = 10,
	    .exits = {[TRACE_VIOLATION] = {violations, 0}, [TRACE_PML_FULL] = {full, 0}}};
	r->overhead = round->overhead;
}

static void
test_rules(void)
{
	static const struct {
		const char *claim;
		enum tracking_mode host;
		int64_t memory, pages;
		uint64_t violations, full;
		enum tracking_mode mode; /* TRACKING_UNKNOWN: nothing is proven */
		const char *note;	 /* words of it; NULL: there is none */
	} rule[] = {
	    {"a PML buffer that filled up is PML", TRACKING_PML, 32768, 10, 0, 1, TRACKING_PML, NULL},
	    {"also among many violations", TRACKING_PML, 32768, 1000, 999, 1, TRACKING_PML, NULL},
	    {"also where the features say nothing", TRACKING_UNKNOWN, 32768, 9, 0, 1, TRACKING_PML, NULL},
	    {"also where they say otherwise, which is noted", TRACKING_EPT_WP, 32768, 600, 0, 1,
		TRACKING_PML, "not known to use PML"},
	    {"PML in use and 9 % violations are PML", TRACKING_PML, 32768, 300, 27, 0, TRACKING_PML, NULL},
	    {"10 % are not", TRACKING_PML, 32768, 1000, 100, 0, TRACKING_UNKNOWN, "10 % of the pages"},
	    {"nor are 89 %", TRACKING_PML, 32768, 1000, 890, 0, TRACKING_UNKNOWN, "fits neither"},
	    {"90 % on a PML host are a silent fall-back", TRACKING_PML, 32768, 1000, 900, 0,
		TRACKING_EPT_WP, "fell back to write protection: 90 %"},
	    {"more than all, by a sample, are no more than all", TRACKING_PML, 32768, 1000, 1500, 0,
		TRACKING_EPT_WP, "100 %"},
	    {"but not when all of them can be first writes to superpages", TRACKING_PML, 1 << 20, 2000,
		2000, 0, TRACKING_UNKNOWN, NULL},
	    {"a guest of 4 GiB has 2052 of those", TRACKING_PML, 1 << 20, 2053, 2053, 0,
		TRACKING_EPT_WP, "fell back"},
	    {"a guest whose memory is not known has none", TRACKING_PML, UNSEEN, 64, 64, 0,
		TRACKING_EPT_WP, "fell back"},
	    {"63 pages prove nothing", TRACKING_PML, UNSEEN, 63, 63, 0, TRACKING_UNKNOWN, NULL},
	    {"without PML 90 % are write protection", TRACKING_EPT_WP, 32768, 64, 58, 0, TRACKING_EPT_WP,
		NULL},
	    {"and fewer are noted", TRACKING_EPT_WP, 32768, 100, 89, 0, TRACKING_UNKNOWN, "89 % of"},
	    {"none at all, too", TRACKING_EPT_WP, 32768, 100, 0, 0, TRACKING_UNKNOWN, "0 % of"},
	    {"on AMD it is that of NPT", TRACKING_NPT_WP, 32768, 100, 100, 0, TRACKING_NPT_WP, NULL},
	    {"shadow paging has no such exits", TRACKING_SHADOW, 32768, 1000, 0, 0, TRACKING_UNKNOWN, NULL},
	    {"which write protection it is cannot be told without the CPU", TRACKING_UNKNOWN, 32768, 1000,
		1000, 0, TRACKING_UNKNOWN, NULL},
	    {"no page, no proof", TRACKING_EPT_WP, 32768, 0, 5, 0, TRACKING_UNKNOWN, NULL},
	    {"nor where nobody saw how many", TRACKING_EPT_WP, 32768, UNSEEN, 5, 0, TRACKING_UNKNOWN, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rule); i++) {
		_cleanup_(record_done) struct migration_record r;
		char note[NOTE_SIZE];

		one_round(&r, rule[i].memory, rule[i].pages, rule[i].violations, rule[i].full);
		ok(overhead_mode(&r, rule[i].host, note) == rule[i].mode &&
			(rule[i].note ? strstr(note, rule[i].note) != NULL : !*note) &&
			(!*note || note[strlen(note) - 1] == '.'),
		    "%s: %s", rule[i].claim, note);
	}
}

static void
test_several_vcpus(void)
{
	_cleanup_(record_done) struct migration_record r;
	char note[NOTE_SIZE];

	one_round(&r, 32768, 130, 130, 0);
	ok(overhead_mode(&r, TRACKING_PML, note) == TRACKING_EPT_WP,
	    "130 violations are more than a guest of 128 MiB has superpages");
	r.vcpus = 2;
	ok(overhead_mode(&r, TRACKING_PML, note) == TRACKING_UNKNOWN,
	    "but two vCPUs can take one each for the same superpage");
}

/* The migration under write protection, on a host that uses PML. */
static struct lab
fallen_back(void)
{
	struct lab l = runs[LAB_WP];

	l.pml = PML_IN_USE;
	return l;
}

static void
test_fallback(void)
{
	struct lab l = fallen_back();
	struct overhead_figures f;
	struct world w;

	begin(&w, &l);
	send(&w, operation_of(&l, 0, 1));
	ok(w.last.tracking_mode == TRACKING_PML && w.last.mode_source == MODE_SOURCE_INFERRED,
	    "at first the mode is inferred from what the host can do");
	w.changed = 0;
	send(&w, operation_of(&l, 1, 1));
	send(&w, window_of(&l, 0, 1, 1));
	ok(w.changed == 1 && w.last.tracking_mode == TRACKING_EPT_WP &&
		w.last.mode_source == MODE_SOURCE_TRACE && strstr(w.last.mode_note, "fell back"),
	    "the first round's window shows that Xen fell back: %s", w.last.mode_note);
	for (size_t i = 2; i < OPERATIONS; i++) {
		send(&w, operation_of(&l, i, 1));
		send(&w, window_of(&l, i - 1, 1, 1));
	}
	look(&w, &l, l.op[6].at + 3, after, 2);
	overhead_of_record(&w.done, &f);
	ok(w.done.tracking_mode == TRACKING_EPT_WP && fallbacks(&w) == 1 && f.splits == UNSEEN &&
		f.avoided_exits == UNSEEN,
	    "it is one event of the host, and nothing was spared");
	world_done(&w);
}

static void
test_sample(void)
{
	_cleanup_(record_done) struct migration_record r;
	char note[NOTE_SIZE];

	one_round(&r, 32768, 1000, 76, 0);
	r.overhead.traced_seconds = r.round[0].overhead.traced_seconds = 1; /* of ten: a tenth of the pages is its share */
	ok(overhead_mode(&r, TRACKING_EPT_WP, note) == TRACKING_UNKNOWN && !*note,
	    "a sample in which 76 %% of the estimated pages took a violation contradicts nothing: %s", note);
}

static void
test_between(void)
{
	struct lab l = runs[LAB_WP];
	struct event e;
	struct world w;

	begin(&w, &l);
	send(&w, operation_of(&l, 0, 1));
	send(&w, operation_of(&l, 1, 1));
	e = window_of(&l, 0, 1, 1);
	e.window.count[TRACE_VIOLATION] /= 2;
	send(&w, e);
	look(&w, &l, e.at + 0.5, before, 2);
	ok(w.last.tracking_mode == TRACKING_EPT_WP && w.last.mode_source == MODE_SOURCE_INFERRED &&
		strstr(w.last.mode_note, "fits neither"),
	    "what fits nothing stays inferred, with a note: %s", w.last.mode_note);
	send(&w, e); /* the other half of it */
	ok(w.last.mode_source == MODE_SOURCE_TRACE && !*w.last.mode_note,
	    "which is taken back when there is more to see");
	world_done(&w);
}

/* A window may be there before the harvest tells how many pages were dirtied in it. */
static void
test_before_harvest(void)
{
	struct lab l = runs[LAB_WP];
	struct world w;

	begin(&w, &l);
	send(&w, operation_of(&l, 0, 1));
	send(&w, window_of(&l, 0, 1, 1));
	ok(w.last.mode_source == MODE_SOURCE_INFERRED, "violations alone prove nothing");
	send(&w, operation_of(&l, 1, 1));
	ok(w.last.mode_source == MODE_SOURCE_TRACE && w.last.tracking_mode == TRACKING_EPT_WP,
	    "with the harvest they do");
	world_done(&w);
}

/* What the journal of open records keeps of one. The caller frees what the record owns. */
static void
through_journal(const struct migration_record *r, struct migration_record *ret)
{
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *json;
	size_t n;

	record_gen_open(g, r, NULL);
	ok(yajl_gen_get_buf(g, &json, &n) == yajl_gen_status_ok &&
		record_parse((const char *) json, n, ret) == 0,
	    "the journal gives it back");
	yajl_gen_free(g);
}

static void
test_restart(void)
{
	struct lab l = fallen_back();
	struct migration_record open;
	struct world w;

	begin(&w, &l);
	for (size_t i = 0; i < 3; i++) {
		send(&w, operation_of(&l, i, 1));
		if (i > 0)
			send(&w, window_of(&l, i - 1, 1, 1));
	}
	look(&w, &l, 51.9, before, 2); /* else the newest window might be lost */
	through_journal(&w.last, &open);
	world_done(&w);

	world_init(&w);
	w.now = (struct tick){.mono = 52, .real = 52 + EPOCH};
	migrations_resume(w.m, &open, true, &w.now);
	send(&w, operation_of(&l, 3, 1));
	send(&w, window_of(&l, 2, 1, 1));
	ok(w.last.mode_source == MODE_SOURCE_TRACE && w.last.tracking_mode == TRACKING_EPT_WP &&
		strstr(w.last.mode_note, "fell back"),
	    "what was proven before a restart stands until the host is known again");
	look(&w, &l, 52.21, before, 2);
	for (size_t i = 4; i < OPERATIONS; i++) {
		send(&w, operation_of(&l, i, 1));
		send(&w, window_of(&l, i - 1, 1, 1));
	}
	look(&w, &l, l.op[6].at + 3, after, 2);
	ok(w.ended == 1 && w.done.overhead.exits[0].count >= 4225 + 1082 + 216 + 452 &&
		w.done.round[0].overhead.exits[0].count == 4225 &&
		w.done.tracked_seconds > 11 && w.done.overhead.windows == 6,
	    "the sums go on over a restart");
	ok(fallbacks(&w) == 0, "and the fall-back that was counted is not counted again");
	world_done(&w);
}

int
main(void)
{
	log_set_level(LOG_LEVEL_ERR);
	test_rules();
	test_several_vcpus();
	test_fallback();
	test_sample();
	test_between();
	test_before_harvest();
	test_restart();
	return done_testing();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An agent is killed in the middle of a migration; the next one goes on from what the journal kept.
 */
#include <config.h>

#include "tests/tap.h"
#include "tests/unit/world.h"

/* What the journal would give back. */
static void
through_journal(struct migration_record *r)
{
	yajl_gen g = yajl_gen_alloc(NULL);
	struct migration_record back;
	const unsigned char *json;
	size_t n;

	record_gen_open(g, r, NULL);
	(void) yajl_gen_get_buf(g, &json, &n);
	if (record_parse((const char *) json, n, &back) < 0)
		ok(0, "the journal's line is read: %.*s", (int) n, (const char *) json);
	record_done(r);
	*r = back;
	yajl_gen_free(g);
}

/* The agent sees the first n operations, then is killed and comes back at that time. */
static void
killed_after(struct world *w, size_t n, double back, bool alive)
{
	struct migration_record r;

	world_init(w);
	tick(w, 40, A1);
	for (size_t i = 0; i < n; i++)
		send(w, lab_bpf(i));
	record_copy(&r, &w->last);
	world_done(w);
	world_init(w);
	through_journal(&r);
	w->now = (struct tick){
	    .mono = back, .real = back + EPOCH + 100}; /* the clock was set meanwhile */
	migrations_resume(w->m, &r, alive, &w->now);
	record_done(&r);
}

static void
lab(struct world *w, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		send(w, lab_bpf(i));
}

static bool
near(double a, double b)
{
	return fabs(a - b) < 1e-4;
}

static void
test_after_off(void)
{
	struct world w;

	killed_after(&w, 7, 52.45, true);
	migrations_covered(w.m, SOURCE_BPF, 52.5);
	send(&w, process(52.6, EVENT_PROCESS_BEGIN, HELPER, 1, ROLE_LIVE_SAVE));
	send(&w, process(53, EVENT_PROCESS_END, HELPER, 1, 0));
	tick(&w, 55, A2);
	ok(w.begun == 0 && w.ended == 1 && w.done.result == RESULT_COMPLETED &&
		w.done.rounds_begun == 5 && w.done.rounds_unseen == 0 &&
		near(w.done.ended, 52.414167 + EPOCH) && near(w.done.downtime_seconds, 0.203243) &&
		w.done.toolstack == TOOLSTACK_XL,
	    "killed right after OFF: one whole record, and the clock that was set does not bend "
	    "it");
	world_done(&w);

	killed_after(&w, 7, 60, false);
	tick(&w, 61, A2);
	ok(w.ended == 1 && w.done.result == RESULT_COMPLETED && w.done.rounds_unseen == 0 &&
		near(w.done.ended, 52.414167 + EPOCH),
	    "also when the helper has gone meanwhile");
	world_done(&w);

	killed_after(&w, 7, 60, false);
	tick(&w, 61, A1);
	ok(w.done.result == RESULT_FAILED && !w.done.tracking_left_on,
	    "the guest runs here again: failed");
	world_done(&w);
}

static void
test_mid_round(void)
{
	struct world w;

	killed_after(&w, 3, 51.8, true);
	migrations_covered(w.m, SOURCE_BPF, 51.8);
	ok(migrations_tracked(w.m, 1), "a domain whose migration goes on is tracked");
	lab(&w, 3, 7);
	tick(&w, 55, A2);
	ok(w.begun == 0 && w.ended == 1 && w.done.result == RESULT_COMPLETED &&
		w.done.rounds_unseen == UNSEEN && w.done.final.pages == 517,
	    "killed in mid-round: how many rounds nobody saw is not known");
	ok(w.done.n_rounds == 5 && w.done.round[2].pages_dirtied == UNSEEN &&
		isnan(w.done.round[2].seconds) && w.done.round[3].n == UNSEEN &&
		w.done.round[3].pages_sent == 436 && w.done.round[4].pages_dirtied == 517 &&
		w.done.frames_sent == UNSEEN && w.done.stop_reason == STOP_UNKNOWN,
	    "what was seen is there, and nothing is made up");
	ok(w.s->n_tracking == 1 &&
		w.s->tracking[0].value[METRIC_AT(M_TRACKING_DIRTIED, TRACKING)] == 285 + 517,
	    "harvests over an unknown time do not count in the rate");
	world_done(&w);

	killed_after(&w, 3, 51.8, true);
	migrations_covered(w.m, SOURCE_BPF, 51.8);
	lab(&w, 3, 4);
	send(&w, word(51.923652, EVENT_ROUND_NAMED, 0, 3, 0));
	lab(&w, 4, 7);
	tick(&w, 55, A2);
	ok(w.done.rounds_unseen == 0 && w.done.n_rounds == 5 &&
		w.done.round[2].pages_dirtied == 436 &&
		near(w.done.round[2].harvest_seconds, 0.015227) &&
		near(w.done.round[2].seconds, 51.923437 - 51.691140) && w.done.round[4].n == 4 &&
		w.done.stop_reason == STOP_ROUND_LIMIT,
	    "libxc's number proves that none was missed");
	world_done(&w);

	killed_after(&w, 3, 51.8, true);
	migrations_covered(w.m, SOURCE_BPF, 51.8);
	migrations_covered(w.m, SOURCE_UPROBE, 41);
	lab(&w, 3, 7);
	tick(&w, 55, A2);
	ok(w.done.rounds_unseen == 0 && w.done.n_rounds == 5 &&
		w.done.round[2].pages_dirtied == 436,
	    "as do probes that had stayed in the kernel");
	world_done(&w);
}

static void
test_unseen_rounds(void)
{
	struct world w;

	killed_after(&w, 2, 52.1, true);
	migrations_covered(w.m, SOURCE_BPF, 52.1);
	send(&w, bpf(52.4, 1000, 1, SHADOW_OP_CLEAN, 0, 333));
	send(&w, bpf(52.5, 1000, 1, SHADOW_OP_CLEAN, 0, 222));
	send(&w, word(52.45, EVENT_ROUND_NAMED, 0, 5, 0)); /* told late: the next one had begun */
	ok(w.last.rounds_unseen == 2 && w.last.rounds_begun == 7 && w.last.n_rounds == 7,
	    "the number tells how many nobody saw");
	ok(w.last.round[1].seen && w.last.round[1].pages_sent == 4262 &&
		w.last.round[1].pages_dirtied == UNSEEN && !w.last.round[2].seen &&
		!w.last.round[3].seen && w.last.round[3].n == 3 && w.last.round[4].seen &&
		w.last.round[4].pages_dirtied == 333 && isnan(w.last.round[4].started) &&
		w.last.round[5].n == 5 && w.last.round[5].pages_dirtied == 222 &&
		w.last.round[6].n == 6,
	    "and each round that was seen has its place");
	send(&w, word(52.55, EVENT_ROUND_NAMED, 0, 9, 0));
	ok(w.last.round[6].n == 6, "a number that does not fit changes nothing");
	world_done(&w);

	killed_after(&w, 2, 52.1, true);
	migrations_covered(w.m, SOURCE_BPF, 52.1);
	send(&w, word(52.41, EVENT_ROUND_NAMED, 0, 7, 0)); /* told early: by the other source */
	send(&w, bpf(52.4, 1000, 1, SHADOW_OP_CLEAN, 0, 333));
	ok(w.last.rounds_unseen == 4 && w.last.rounds_begun == 8, "whichever source is first");
	world_done(&w);

	killed_after(&w, 2, 52.1, true);
	migrations_covered(w.m, SOURCE_BPF, 52.1);
	send(&w, bpf(52.4, 1000, 1, SHADOW_OP_CLEAN, 0, 333));
	send(&w, word(52.41, EVENT_ROUND_NAMED, 0, 1, 0));
	ok(w.last.rounds_unseen == UNSEEN, "a number that cannot be is not believed");
	send(&w, word(52.42, EVENT_ROUND_NAMED, 0, 1u << 30, 0));
	ok(w.last.rounds_unseen == UNSEEN, "nor one out of all measure");
	send(&w, word(52.43, EVENT_ROUND_NAMED, 0, 100000, 0));
	ok(w.last.rounds_begun == 100001 && w.last.n_rounds == 3 && w.last.rounds_unseen == 99997 &&
		w.last.round[2].n == 100000,
	    "unseen rounds beyond the limit are counted, not kept");
	world_done(&w);
}

/* The earlier agent's uprobes went on while nobody was there: what they saw is read first, some of
 * it again. */
static void
test_leftovers(void)
{
	static const int64_t dirtied[] = {4262, 1120, 436, 285, 517};

	for (size_t seen = 1; seen < ARRAY_SIZE(lab_pml); seen++) {
		struct world w;
		bool good;

		killed_after(&w, seen, 52.3, true);
		migrations_covered(w.m, SOURCE_UPROBE, 41);
		migrations_covered(w.m, SOURCE_BPF, 52.3);
		for (size_t i = 0; i < ARRAY_SIZE(lab_words); i++)
			if (i % 5 != 1 || lab_words[i].kind == EVENT_SHADOW_OP)
				send(&w, lab_word(i));
		lab(&w, 6, 7);
		tick(&w, 55, A2);
		good = w.begun == 0 && w.ended == 1 && w.done.result == RESULT_COMPLETED &&
		       w.done.rounds_unseen == 0 && w.done.n_rounds == 5 &&
		       w.done.final.pages == 517 &&
		       w.done.downtime_source == DOWNTIME_SUSPEND_TO_OFF;
		for (size_t i = 0; good && i < 5; i++)
			good = w.done.round[i].pages_dirtied == dirtied[i];
		ok(good, "killed after operation %zu: nothing is missed and nothing counts twice",
		    seen);
		world_done(&w);
	}
}

static void
test_gone(void)
{
	static const struct {
		size_t seen;
		struct guest after;
		enum record_result result;
		enum direction direction;
		const char *claim;
	} cases[] = {
	    {3, A2, RESULT_COMPLETED, DIRECTION_LOCAL,
		"it lives in another domain of this host: completed"},
	    {3, {9, UUID_B, "running"}, RESULT_LOST, DIRECTION_OUT,
		"it is gone, and nobody saw more than pre-copy: lost"},
	    {6, {9, UUID_B, "running"}, RESULT_COMPLETED, DIRECTION_OUT,
		"it is gone, and had been suspended: completed"},
	    {3, A1, RESULT_FAILED, DIRECTION_OUT, "it runs on here: failed"},
	    {6, A1_SUSPENDED, RESULT_LOST, DIRECTION_OUT, "it stays suspended: lost"},
	    {7, A1_SUSPENDED, RESULT_COMPLETED, DIRECTION_OUT,
		"it stays suspended, and all was sent: completed"},
	};
	struct migration_record r;
	struct sample *s;
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct guest after[] = {DOM0, cases[i].after};

		killed_after(&w, cases[i].seen, 60, false);
		tick_with(&w, 61, after, 2);
		tick_with(&w, 71, after, 2);
		ok(w.ended == 1 && w.done.result == cases[i].result &&
			w.done.direction == cases[i].direction &&
			(cases[i].seen == 7 ||
			    (isnan(w.done.ended) && w.done.rounds_unseen == UNSEEN)) &&
			!w.done.tracking_left_on &&
			(w.done.result == RESULT_COMPLETED) == !*w.done.reason,
		    "%s %s", cases[i].claim, w.done.reason);
		world_done(&w);
	}

	killed_after(&w, 3, 20, false);
	s = new_sample(&w, 21, (const struct guest[]){DOM0, A2}, 2);
	str_copy(s->host.boot_id, sizeof(s->host.boot_id), "another");
	migrations_tick(w.m, s);
	ok(w.done.result == RESULT_LOST && strstr(w.done.reason, "restarted"),
	    "after a restart of the host nothing can be told: %s", w.done.reason);
	sample_free(s);
	world_done(&w);

	killed_after(&w, 1, 60, true);
	for (int i = 0; i < 70; i++) {
		record_init(&r);
		(void) snprintf(r.id, sizeof(r.id), "x%d", i);
		r.evidence.epoch = NAN;
		migrations_resume(w.m, &r, true, &w.now);
		if (r.n_rounds || r.round)
			ok(0, "what is resumed is taken over");
	}
	ok(w.ended == 7 && w.last.result == RESULT_LOST,
	    "more than can be under way are ended as lost");
	world_done(&w);
}

int
main(void)
{
	test_after_off();
	test_mid_round();
	test_unseen_rounds();
	test_leftovers();
	test_gone();
	return done_testing();
}

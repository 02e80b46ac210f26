/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include "tests/tap.h"
#include "tests/unit/world.h"

static bool
near(double a, double b)
{
	return fabs(a - b) < 1e-5;
}

static double
tracking(const struct world *w, enum metric_id id)
{
	return w->s->n_tracking == 1 ? w->s->tracking[0].value[METRIC_AT(id, TRACKING)] : NAN;
}

static double
shown(const struct world *w, enum metric_id id)
{
	return w->s->n_migrations == 1 ? w->s->migration[0].value[METRIC_AT(id, MIGRATION)] : NAN;
}

static double
host(const struct world *w, enum metric_id id)
{
	return w->s->host.value[METRIC_AT(id, HOST)];
}

static double
tracked(const struct world *w, uint32_t domid)
{
	return sample_find_domain(w->s, domid)->value[METRIC_AT(M_DOMAIN_TRACKED, DOMAIN)];
}

static bool
same_rounds(const struct migration_record *r, const int64_t *dirtied, size_t n)
{
	bool same = r->n_rounds == n && r->rounds_begun == (int32_t) n && r->rounds_unseen == 0;

	for (size_t i = 0; same && i < n; i++)
		same = r->round[i].seen && r->round[i].n == (int32_t) i &&
		       r->round[i].pages_dirtied == dirtied[i] &&
		       r->round[i].frames_sent == (i ? dirtied[i - 1] : FRAMES) &&
		       r->round[i].pages_sent == (i ? dirtied[i - 1] : UNSEEN);
	return same;
}

static const int64_t lab_dirtied[] = {4262, 1120, 436, 285, 517};

static void
lab(struct world *w, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		send(w, lab_bpf(i));
}

static void
begin_and_rounds(struct world *w)
{
	ok(!migrations_tracked(w->m, 1) && tracked(w, 1) == 0 && host(w, M_HOST_RUNNING) == 0,
	    "at first nothing is tracked");
	lab(w, 0, 1);
	ok(w->begun == 1 && w->rounds == 1 && w->last.rounds_begun == 1,
	    "ENABLE begins a record and its round 0");
	ok(strcmp(w->last.uuid, UUID_A) == 0 && strcmp(w->last.name, "guest a") == 0 &&
		w->last.memory_pages == 32768,
	    "the last sample tells whose it is");
	ok(strcmp(w->last.id, "20261105T091401Z-d1-265") == 0,
	    "the id names the time, the domain and the process: %s", w->last.id);
	ok(w->last.tracking_mode == TRACKING_PML && w->last.mode_source == MODE_SOURCE_INFERRED,
	    "the mode is inferred");
	ok(w->last.round[0].pages_sent == UNSEEN && isnan(w->last.round[0].seconds),
	    "of the round under way nothing is known yet");
	tick(w, 45, A1, A2);
	ok(migrations_tracked(w->m, 1) && tracked(w, 1) == 1 && tracked(w, 2) == 0,
	    "the domain is tracked");
	ok(w->last.direction == DIRECTION_LOCAL && w->changed == 1,
	    "another domain of this uuid on this host: the migration is local");
	ok(shown(w, M_MIGRATION_RUNNING) == 1 && shown(w, M_MIGRATION_ROUNDS) == 1 &&
		isnan(shown(w, M_MIGRATION_COMPLETED)) && isnan(shown(w, M_MIGRATION_DIRTIED)) &&
		near(shown(w, M_MIGRATION_DURATION), 45 - 41.294533) &&
		host(w, M_HOST_RUNNING) == 1,
	    "and is shown while it runs");
	lab(w, 1, 2);
	ok(w->rounds == 2 && w->last.n_rounds == 2 && w->last.round[0].pages_dirtied == 4262 &&
		near(w->last.round[0].seconds, 51.092212 - 41.294533) &&
		near(w->last.round[0].harvest_seconds, 0.00187) &&
		w->last.round[0].frames_sent == FRAMES,
	    "a CLEAN ends a round");
	ok(near(w->last.round[1].started, 51.092212 + EPOCH) && w->last.round[1].pages_sent == 4262,
	    "and begins the next, which sends what it found");
	lab(w, 2, 6);
	ok(w->rounds == 5 && w->finals == 1 && same_rounds(&w->last, lab_dirtied, 5),
	    "five rounds, the last one's harvest is the final one");
	ok(w->last.final.pages == 517 && near(w->last.final.harvest_seconds, 0.000189) &&
		near(w->last.final.started, EPOCH + 52.210924),
	    "the final pass has what the guest had left");
	ok(near(w->last.round[4].seconds, 52.210924 - 52.050356),
	    "the last round ends when the guest is paused");
	ok(w->last.stop_reason == STOP_ROUND_LIMIT, "xl's limit of rounds was reached");
}

static void
end_of_lab(struct world *w)
{
	lab(w, 6, 7);
	ok(w->ended == 0 && !migrations_tracked(w->m, 1),
	    "after OFF it is not tracked, and how it ended is not known yet");
	tick(w, 52.42, A1_SUSPENDED, A2);
	ok(w->ended == 0, "nor while the suspended guest is here");
	tick(w, 55, A2);
	ok(w->ended == 1 && w->done.result == RESULT_COMPLETED &&
		w->done.direction == DIRECTION_LOCAL && !*w->done.reason,
	    "when it has gone the migration has completed");
	ok(near(w->done.ended, 52.414167 + EPOCH) &&
		near(w->done.downtime_seconds, 52.414167 - 52.210924) &&
		w->done.downtime_source == DOWNTIME_FINAL_CLEAN_TO_OFF &&
		near(w->done.final.seconds, w->done.downtime_seconds),
	    "the downtime is what this host saw of it");
	ok(w->done.frames_sent == FRAMES + 4262 + 1120 + 436 + 285 + 517 && w->done.pages_sent == UNSEEN,
	    "frame numbers are summed up; pages with data are not known without those of round 0");
	ok(w->done.rounds_source == SOURCE_BPF && strcmp(w->done.xen_version, "4.17.7") == 0 &&
		strcmp(w->done.boot_id, "boot") == 0 && !w->done.tracking_left_on &&
		w->done.toolstack == TOOLSTACK_UNKNOWN,
	    "the record says where its figures are from");
}

static void
figures_of_lab(struct world *w)
{
	ok(tracking(w, M_TRACKING_DIRTIED) == 4262 + 1120 + 436 + 285 + 517 &&
		tracking(w, M_TRACKING_ROUNDS) == 5 &&
		near(tracking(w, M_TRACKING_SECONDS), 52.210924 - 41.294533) &&
		near(tracking(w, M_TRACKING_HARVEST),
		    0.00187 + 0.001198 + 0.015227 + 0.003319 + 0.000189),
	    "the counters hold the sums, and pages by seconds is the dirty rate");
	ok(host(w, M_HOST_RUNNING) == 0 && host(w, M_HOST_MIGRATIONS) == 1 &&
		host(w, M_HOST_FAILED) == 0 && host(w, M_HOST_ROUNDS) == 5,
	    "the host counts it");
	ok(shown(w, M_MIGRATION_RUNNING) == 0 && shown(w, M_MIGRATION_COMPLETED) == 1 &&
		shown(w, M_MIGRATION_DIRTIED) == 517 &&
		near(shown(w, M_MIGRATION_ENDED), w->done.ended) &&
		near(shown(w, M_MIGRATION_DOWNTIME), w->done.downtime_seconds),
	    "it is shown after its end");
	tick(w, 640, A2);
	ok(w->s->n_migrations == 1 && w->s->n_tracking == 1, "for ten minutes");
	tick(w, 700, A2);
	ok(w->s->n_migrations == 0 && w->s->n_tracking == 1,
	    "and no longer, but the counters stay with the guest");
	tick(w, 705);
	tick(w, 1400);
	ok(w->s->n_tracking == 0, "until it is gone");
}

static void
test_lab(void)
{
	struct world w;

	world_init(&w);
	tick(&w, 40, A1);
	begin_and_rounds(&w);
	end_of_lab(&w);
	figures_of_lab(&w);
	world_done(&w);
}

/* The record of the lab's migration, whoever told it. */
static bool
is_lab(const struct world *w, bool words)
{
	const struct migration_record *r = &w->done;
	double paused = words ? 52.210828 : 52.210924;

	return w->begun == 1 && w->ended == 1 && r->result == RESULT_COMPLETED &&
	       same_rounds(r, lab_dirtied, 5) && r->final.pages == 517 &&
	       r->stop_reason == STOP_ROUND_LIMIT && r->evidence.complete == words &&
	       near(r->final.started, paused + EPOCH) &&
	       near(r->round[4].started + r->round[4].seconds, paused + EPOCH) &&
	       r->downtime_source ==
		   (words ? DOWNTIME_SUSPEND_TO_OFF : DOWNTIME_FINAL_CLEAN_TO_OFF) &&
	       near(r->ended - r->final.started, r->downtime_seconds) &&
	       tracking(w, M_TRACKING_DIRTIED) == 6620;
}

/* All that two sources tell, in any order that keeps each source's own, makes the same record once;
 * where eBPF is known to see everything, its figures count. */
static void
test_two_sources(void)
{
	size_t n_bpf = ARRAY_SIZE(lab_pml), n_words = ARRAY_SIZE(lab_words);
	unsigned good = 0, exact = 0, runs = 300, seed = 7;

	for (unsigned run = 0; run < runs; run++) {
		/* the first two: each source alone */
		size_t b = run == 0 ? n_bpf : 0, u = run == 1 ? n_words : 0;
		bool covered = run % 3 > 0;
		struct world w;

		world_init(&w);
		if (covered)
			migrations_covered(w.m, SOURCE_BPF, 40);
		tick(&w, 40, A1);
		while (b < n_bpf || u < n_words) {
			double ahead = b == n_bpf     ? INFINITY
				       : u == n_words ? -INFINITY
						      : lab_pml[b].at - lab_words[u].at;

			seed = seed * 1103515245 + 12345;
			/* half a second of delay is a lot */
			if (ahead < -0.5 || (ahead < 0.5 && seed >> 16 & 1))
				send(&w, lab_bpf(b++));
			else
				send(&w, lab_word(u++));
		}
		tick(&w, 55, A2);
		good += is_lab(&w, run != 1);
		exact += covered && w.done.rounds_source == SOURCE_BPF &&
			 near(w.done.round[0].harvest_seconds, 0.00187) &&
			 near(w.done.ended, 52.414167 + EPOCH);
		world_done(&w);
	}
	ok(good == runs, "two sources make one record, in whatever order they come (%u)", good);
	ok(exact == 200, "and where the better one sees everything, its word counts (%u)", exact);
}

/* QEMU, NPT: the fourth harvest found 38, fewer than libxc wants; it sent them before it paused the
 * guest, and called the final pass "Frames iteration 4" once more. */
static void
test_few_dirty(void)
{
	static const uint32_t dirty[] = {8338, 1998, 171, 38};
	static const int64_t dirtied[] = {8338, 1998, 171, 38, 327};
	struct world w;

	world_init(&w);
	tick(&w, 26, A1);
	send(&w, bpf(27.645375, 1448, 1, SHADOW_OP_ENABLE_LOGDIRTY, 0, 0));
	for (unsigned i = 0; i < 4; i++) {
		send(&w, bpf(35 + i, 500, 1, SHADOW_OP_CLEAN, 0, dirty[i]));
		send(&w, word(35.001 + i, EVENT_ROUND_NAMED, 0, i + 1, 0));
		send(&w, word(35.002 + i, EVENT_STEP, 0, 0, dirty[i]));
	}
	send(&w, word(39, EVENT_STAGE, STAGE_SUSPENDED, 0, 0));
	send(&w, bpf(39.1, 9783, 1, SHADOW_OP_CLEAN, SHADOW_MODE_FINAL, 327));
	send(&w, word(39.2, EVENT_ROUND_NAMED, 0, 4, 0));
	send(&w, word(39.3, EVENT_STEP, 0, 0, 327));
	ok(same_rounds(&w.last, dirtied, 5) && w.last.stop_reason == STOP_FEW_DIRTY,
	    "few pages left end pre-copy, after a round that sends them");
	world_done(&w);

	world_init(&w);
	tick(&w, 26, A1);
	send(&w, bpf(27, 1, 1, SHADOW_OP_ENABLE_LOGDIRTY, 0, 0));
	send(&w, bpf(30, 1, 1, SHADOW_OP_CLEAN, 0, 0));
	ok(w.last.rounds_begun == 1 && w.last.round[0].pages_dirtied == 0,
	    "where nothing was dirtied no round follows");
	send(&w, bpf(31, 1, 1, SHADOW_OP_CLEAN, 0, 7));
	ok(w.last.rounds_begun == 3 && w.last.round[1].pages_sent == 0 &&
		near(w.last.round[1].seconds, 1) && w.last.round[2].pages_sent == 7,
	    "unless another harvest does");
	send(&w, bpf(32, 1, 1, SHADOW_OP_CLEAN, 0, 0));
	send(&w, bpf(33, 1, 1, SHADOW_OP_CLEAN, SHADOW_MODE_FINAL, 3));
	ok(w.last.rounds_begun == 3 && w.last.final.pages == 3 &&
		w.last.stop_reason == STOP_FEW_DIRTY,
	    "the final pass may come with no round under way");
	world_done(&w);
}

static void
test_failures(void)
{
	struct world w;
	double before;
	const double *value;

	world_init(&w);
	tick(&w, 40, A1);
	send(&w, process(40.5, EVENT_PROCESS_BEGIN, HELPER, 1, ROLE_LIVE_SAVE));
	ok(w.begun == 1 && w.last.rounds_begun == 0 && w.last.toolstack == TOOLSTACK_XL &&
		w.last.rounds_unseen == UNSEEN,
	    "a live save's process begins a record whose rounds nobody has seen");
	lab(&w, 0, 3);
	ok(w.begun == 1 && w.last.rounds_unseen == 0 && w.last.rounds_source == SOURCE_BPF,
	    "its first operation tells them");
	send(&w, process(52, EVENT_PROCESS_END, HELPER, 0, 0));
	ok(w.ended == 0, "a helper that dies ends nothing at once");
	tick(&w, 55, A1);
	ok(w.ended == 1 && w.done.result == RESULT_FAILED && w.done.tracking_left_on &&
		strstr(w.done.reason, "died") && near(w.done.ended, 52 + EPOCH) &&
		w.done.downtime_source == DOWNTIME_NONE,
	    "the guest runs on and no OFF was seen: failed, and log-dirty was left on: %s",
	    w.done.reason);
	ok(migrations_tracked(w.m, 1) && tracked(&w, 1) == 1, "so the domain is still tracked");
	ok(host(&w, M_HOST_FAILED) == 1, "the host counts the failure");
	send(&w, bpf(60, 1, 1, SHADOW_OP_OFF, 0, 0));
	ok(!migrations_tracked(w.m, 1) && w.begun == 1, "until somebody turns it off");
	before = w.s->tracking[0].value[METRIC_AT(M_TRACKING_DIRTIED, TRACKING)];
	send(&w, bpf(61, 1, 1, SHADOW_OP_ENABLE_LOGDIRTY, 0, 0));
	send(&w, window(61, 70));
	send(&w, bpf(70, 1, 1, SHADOW_OP_CLEAN, 0, 8457));
	send(&w, word(70.1, EVENT_ROUND_NAMED, STAGE_OTHER, 1, 0));
	send(&w, word(70.2, EVENT_STEP, STAGE_OTHER, 0, 8457));
	send(&w, window(70, 71));
	send(&w, bpf(71, 1, 1, SHADOW_OP_CLEAN, 0, 300));
	tick(&w, 72, A1);
	ok(w.begun == 2 && w.last.rounds_begun == 3 && w.last.round[0].pages_dirtied == UNSEEN &&
		near(w.last.round[0].seconds, 9) && w.last.round[1].pages_sent == UNSEEN,
	    "the next first harvest tells the pages of the earlier tracking too, and is not believed");
	ok(w.last.round[1].pages_dirtied == 300 && w.last.round[2].pages_sent == 300, "the one after it is");
	value = w.s->tracking[0].value;
	ok(value[METRIC_AT(M_TRACKING_DIRTIED, TRACKING)] == before + 300, "nor does the dirty rate count it");
	ok(value[METRIC_AT(M_TRACKING_TRACED, TRACKING)] == 1 && value[METRIC_AT(M_TRACKING_VIOLATIONS, TRACKING)] == 7,
	    "nor do the domain's windows and exits, which are set against its pages");
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	lab(&w, 0, 3);
	send(&w, bpf(52, 1, 1, SHADOW_OP_OFF, 0, 0));
	tick(&w, 55, A1);
	ok(w.done.result == RESULT_FAILED && !w.done.tracking_left_on &&
		strstr(w.done.reason, "gave up") && !w.done.final.begun,
	    "OFF before the guest was suspended: %s", w.done.reason);
	send(&w, process(41, EVENT_PROCESS_BEGIN, HELPER, 1, ROLE_LIVE_SAVE));
	ok(w.begun == 1, "a helper that is found after its record has ended begins no other");
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	lab(&w, 0, 7);
	tick(&w, 55, A1);
	ok(w.done.result == RESULT_FAILED && strstr(w.done.reason, "resumed here") &&
		isnan(w.done.downtime_seconds) && w.done.final.pages == 517,
	    "suspended, then running here again: %s", w.done.reason);
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	lab(&w, 0, 3);
	tick(&w, 52);
	ok(w.ended == 0, "a domain that is gone while its helper lives waits for the helper");
	tick(&w, 57);
	tick(&w, 63);
	ok(w.done.result == RESULT_ABORTED && strstr(w.done.reason, "destroyed") &&
		!w.done.tracking_left_on,
	    "but not for ever: %s", w.done.reason);
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	lab(&w, 0, 6);
	send(&w, process(52.3, EVENT_PROCESS_END, HELPER, 0, 0));
	tick(&w, 55, A1_SUSPENDED);
	tick(&w, 60, A1_SUSPENDED);
	ok(w.ended == 0, "a suspended guest whose helper has gone may yet be resumed or destroyed");
	tick(&w, 63, A1_SUSPENDED);
	ok(w.done.result == RESULT_FAILED && strstr(w.done.reason, "stays suspended"),
	    "within ten seconds: %s", w.done.reason);
	world_done(&w);
}

static void
test_waiting(void)
{
	struct world w;
	struct sample *s;
	static const struct guest guests[] = {DOM0, A1};

	world_init(&w);
	tick(&w, 40, A1);
	lab(&w, 0, 7);
	tick(&w, 55, A1_SUSPENDED);
	tick(&w, 112, A1_SUSPENDED);
	ok(w.ended == 0, "without a process watch a suspended guest is waited for longer");
	tick(&w, 113, A1_SUSPENDED);
	ok(w.done.result == RESULT_COMPLETED, "then what was sent counts as sent");
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	lab(&w, 0, 6);
	send(&w, word(52.38, EVENT_STAGE, STAGE_END_OF_STREAM, 0, 0));
	lab(&w, 6, 7);
	tick(&w, 113, A1_SUSPENDED);
	ok(w.done.result == RESULT_FAILED && strstr(w.done.reason, "not finished"),
	    "but not where libxc's words are heard and it did not say so: %s", w.done.reason);
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	lab(&w, 0, 3);
	send(&w, bpf(52, 1, 1, SHADOW_OP_OFF, 0, 0));
	tick(&w, 51.9, A1);
	ok(w.ended == 0, "domains that were listed before OFF prove nothing");
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	lab(&w, 0, 3);
	send(&w, process(52, EVENT_PROCESS_END, HELPER, 0, 0));
	tick(&w, 51.9, A1);
	ok(w.ended == 0, "nor do those that were listed before the helper's end");
	s = new_sample(&w, 55, guests, 2);
	s->n_collectors = 1;
	str_copy(s->collector[0].name, sizeof(s->collector[0].name), "domain");
	str_copy(s->collector[0].error, sizeof(s->collector[0].error), "EPERM");
	migrations_tick(w.m, s);
	ok(w.ended == 0, "nor do those of a collector that fails");
	s->at.mono = 62;
	migrations_tick(w.m, s);
	ok(w.done.result == RESULT_FAILED && strstr(w.done.reason, "before the stream was whole"),
	    "then the helper's end alone decides: %s", w.done.reason);
	sample_free(s);
	world_done(&w);
}

/* libxc answers an EINVAL of ENABLE with OFF and one more try. */
static void
test_retry(void)
{
	struct event e = bpf(41, 10, 1, SHADOW_OP_ENABLE_LOGDIRTY, 0, 0);
	struct world w;

	world_init(&w);
	tick(&w, 40, A1);
	e.result = -22;
	send(&w, process(40.5, EVENT_PROCESS_BEGIN, HELPER, 1, ROLE_LIVE_SAVE));
	send(&w, e);
	send(&w, bpf(41.1, 10, 1, SHADOW_OP_OFF, 0, 0));
	tick(&w, 41.15, A1);
	lab(&w, 0, 2);
	ok(w.begun == 1 && w.ended == 0 && w.last.rounds_begun == 2,
	    "a failed ENABLE and its OFF neither end nor begin a record");
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	send(&w, e);
	send(&w, bpf(41.1, 10, 1, SHADOW_OP_OFF, 0, 0));
	ok(w.begun == 0 && !migrations_tracked(w.m, 1), "also when no process was seen");
	lab(&w, 0, 1);
	send(&w, bpf(42, 10, 1, SHADOW_OP_ENABLE_LOGDIRTY, 0, 0));
	ok(w.begun == 1 && w.last.rounds_begun == 1, "ENABLE while it is on changes nothing");
	e = bpf(43, 10, 1, SHADOW_OP_CLEAN, 0, 9);
	e.result = -3;
	send(&w, e);
	ok(w.last.n_rounds == 1 && w.last.round[0].pages_dirtied == UNSEEN,
	    "a CLEAN that failed has found nothing");
	world_done(&w);
}

static void
test_many(void)
{
	pid_t pids[100];
	struct event e;
	struct world w;

	world_init(&w);
	tick(&w, 40, A1, {5, UUID_B, "running"});
	for (size_t i = 0; i < 5; i++) { /* two at once, on two domains */
		send(&w, lab_bpf(i));
		e = lab_bpf(i);
		e.domid = 5;
		e.pid = 400;
		e.dirty *= 2;
		send(&w, e);
	}
	ok(w.begun == 2 && w.last.domid == 5 && w.last.round[3].pages_dirtied == 570 &&
		strcmp(w.last.uuid, UUID_B) == 0,
	    "two migrations at once keep apart");
	ok(migrations_unwatched(w.m, pids, 100) == 2 && pids[0] == HELPER && pids[1] == 400,
	    "helpers that no process event named are told");
	ok(migrations_unwatched(w.m, pids, 1) == 1, "as many as wanted");
	send(&w, process(52.1, EVENT_PROCESS_BEGIN, HELPER, 1, ROLE_LIVE_SAVE));
	ok(migrations_unwatched(w.m, pids, 100) == 1 && pids[0] == 400 && w.begun == 2,
	    "but not those that the process watch knows");
	e = bpf(53, 1, 5, SHADOW_OP_ENABLE_LOGDIRTY, 0, 0);
	e.pid = 401;
	send(&w, e);
	ok(w.ended == 1 && w.done.pid == 400 && w.done.result == RESULT_FAILED && w.begun == 3,
	    "a new helper for the same domain ends the record of the old one");
	send(&w, bpf(53.5, 1, 1, SHADOW_OP_OFF, 0, 0));
	send(&w, bpf(53.6, 1, 1, SHADOW_OP_ENABLE_LOGDIRTY, 0, 0));
	ok(w.ended == 2 && w.begun == 4, "as does the same one when it begins anew");
	send(&w, bpf(53.7, 1, 1, SHADOW_OP_OFF, 0, 0));
	send(&w, bpf(53.8, 1, 1, SHADOW_OP_ENABLE_LOGDIRTY, 0, 0));
	ok(strcmp(w.last.id, "20261105T091413Z-d1-265-2") == 0,
	    "two in the same second have two ids: %s", w.last.id);
	tick(&w, 55, {1, UUID_B, "running"});
	send(&w, bpf(56, 1, 1, SHADOW_OP_OFF, 0, 0));
	tick(&w, 57, {1, UUID_B, "running"});
	ok(strcmp(w.done.uuid, UUID_B) == 0 && strcmp(w.done.name, "guest b") == 0,
	    "a domain that was taken for another is named right by the next list");
	world_done(&w);

	world_init(&w);
	for (uint32_t i = 0; i < 100; i++) {
		e = bpf(41 + i / 1000.0, 1, 10 + i, SHADOW_OP_ENABLE_LOGDIRTY, 0, 0);
		e.pid = (pid_t) (1000 + i);
		send(&w, e);
	}
	ok(w.begun == 64 && migrations_tracked(w.m, 109),
	    "beyond the limit there is tracking, but no record");
	migrations_set_counts(w.m, 70, 30);
	tick(&w, 42);
	ok(host(&w, M_HOST_RUNNING) == 64 && host(&w, M_HOST_MIGRATIONS) == 70 &&
		host(&w, M_HOST_FAILED) == 30,
	    "the counts go on from before");
	world_done(&w);
	migrations_free(NULL);
}

static void
test_reused_domid(void)
{
	struct world w;

	world_init(&w);
	tick(&w, 40, A1);
	lab(&w, 0, 7);
	tick(&w, 55, {1, UUID_B, "running"});
	ok(w.done.result == RESULT_COMPLETED && strcmp(w.done.uuid, UUID_A) == 0,
	    "another guest under the old number does not stand for it");
	ok(tracked(&w, 1) == 0 && w.s->n_tracking == 1 &&
		strcmp(w.s->tracking[0].uuid, UUID_A) == 0,
	    "nor takes over its counters");
	tick(&w, 60, {1, UUID_B, "running"}, {4, UUID_A, "running"});
	send(&w, bpf(61, 1, 4, SHADOW_OP_ENABLE_LOGDIRTY, 0, 0));
	send(&w, bpf(62, 1, 4, SHADOW_OP_CLEAN, 0, 10));
	tick(&w, 65, {1, UUID_B, "running"}, {4, UUID_A, "running"});
	ok(tracking(&w, M_TRACKING_DIRTIED) == 6620 + 10 && tracking(&w, M_TRACKING_ROUNDS) == 7,
	    "they go on under the guest's new one");
	ok(w.s->n_migrations == 1 && shown(&w, M_MIGRATION_RUNNING) == 1,
	    "of a guest the newest migration is shown");
	world_done(&w);
}

static void
test_modes(void)
{
	static const struct {
		const char *cpu;
		enum pml_state pml;
		enum tristate hap;
		enum domain_kind kind;
		enum tracking_mode mode;
	} modes[] = {
	    {"Intel(R) Xeon(R)", PML_IN_USE, YES, DOMAIN_HVM, TRACKING_PML},
	    {"Intel(R) Xeon(R)", PML_DISABLED, YES, DOMAIN_HVM, TRACKING_EPT_WP},
	    {"Intel(R) Xeon(R)", PML_UNSUPPORTED, YES, DOMAIN_HVM, TRACKING_EPT_WP},
	    {"Intel(R) Xeon(R)", PML_UNKNOWN, YES, DOMAIN_HVM, TRACKING_UNKNOWN},
	    {"AMD EPYC Processor", PML_UNSUPPORTED, YES, DOMAIN_PVH, TRACKING_NPT_WP},
	    {"Hygon C86", PML_UNKNOWN, YES, DOMAIN_PVH, TRACKING_NPT_WP},
	    {"Intel(R) Xeon(R)", PML_IN_USE, NO, DOMAIN_HVM, TRACKING_SHADOW},
	    {"Intel(R) Xeon(R)", PML_IN_USE, YES, DOMAIN_PV, TRACKING_SHADOW},
	    {"", PML_UNSUPPORTED, YES, DOMAIN_HVM, TRACKING_UNKNOWN},
	};
	static const struct guest guests[] = {DOM0, A1};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct sample *s;
		struct world w;

		world_init(&w);
		lab(&w, 0, 1); /* before the first tick: nothing is known yet */
		ok(w.last.tracking_mode == TRACKING_UNKNOWN && !*w.last.uuid, "before the first tick nothing is guessed");
		s = new_sample(&w, 45, guests, 2);
		str_copy(s->host.cpu_model, sizeof(s->host.cpu_model), modes[i].cpu);
		s->features.pml.state = modes[i].pml;
		s->features.hap = modes[i].hap;
		s->domain[1].kind = modes[i].kind;
		migrations_tick(w.m, s);
		ok(w.last.tracking_mode == modes[i].mode && strcmp(w.last.uuid, UUID_A) == 0 &&
			w.last.mode_source ==
			    (modes[i].mode == TRACKING_UNKNOWN ? MODE_SOURCE_NONE : MODE_SOURCE_INFERRED),
		    "%s, PML %s: %s", *modes[i].cpu ? modes[i].cpu : "unknown CPU", pml_state_name(modes[i].pml),
		    tracking_mode_name(modes[i].mode));
		sample_free(s);
		world_done(&w);
	}
}

int
main(void)
{
	test_lab();
	test_two_sources();
	test_few_dirty();
	test_failures();
	test_waiting();
	test_retry();
	test_many();
	test_reused_domid();
	test_modes();
	return done_testing();
}

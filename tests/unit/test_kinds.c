/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Migrations of all kinds: saves and restores, other toolstacks, those that the agent came late
 * for. */
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

static void
lab(struct world *w, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		send(w, lab_bpf(i));
}

static void
test_saves(void)
{
	static const struct {
		bool suspended, complete, off, words;
		struct guest after;
		enum record_result result;
		const char *claim;
	} saves[] = {
	    {true, true, true, true, {9, UUID_B, "running"}, RESULT_COMPLETED,
		"a saved guest that is gone was saved"},
	    {false, false, true, false, {9, UUID_B, "running"}, RESULT_COMPLETED,
		"also where libxc's words were not heard"},
	    {false, false, false, false, {9, UUID_B, "running"}, RESULT_COMPLETED,
		"and where only its process was seen"},
	    {true, true, true, true, {1, UUID_A, "running"}, RESULT_COMPLETED,
		"a checkpoint leaves the guest running"},
	    {true, false, true, true, {1, UUID_A, "running"}, RESULT_FAILED,
		"a save that libxc did not complete failed"},
	    {false, false, true, false, {1, UUID_A, "running"}, RESULT_LOST,
		"whether a guest that runs on was saved cannot be told without"},
	    {false, false, true, false, {1, UUID_A, "shutdown"}, RESULT_LOST,
		"nor of one that stays suspended"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(saves); i++) {
		const struct guest after[] = {DOM0, saves[i].after};
		struct world w;

		world_init(&w);
		tick(&w, 40, A1);
		send(&w, process(41, EVENT_PROCESS_BEGIN, HELPER, 1, ROLE_SAVE));
		if (saves[i].words)
			send(&w, word(41.1, EVENT_STAGE, STAGE_START_OF_STREAM, 0, 0));
		if (saves[i].suspended)
			send(&w, word(41.2, EVENT_STAGE, STAGE_SUSPENDED, 0, 0));
		if (saves[i].complete)
			send(&w, word(45, EVENT_STAGE, STAGE_COMPLETE, 0, 0));
		if (saves[i].off)
			send(&w, bpf(45.1, 10, 1, SHADOW_OP_OFF, 0, 0));
		send(&w, process(46, EVENT_PROCESS_END, HELPER, 0, 0));
		tick_with(&w, 50, after, 2);
		tick_with(&w, 60, after, 2);
		ok(w.begun == 1 && w.ended == 1 && w.done.result == saves[i].result &&
			w.done.direction == DIRECTION_SAVE && w.done.rounds_begun == 0 &&
			w.done.stop_reason == STOP_NOT_LIVE &&
			w.done.tracking_mode == TRACKING_OFF && !w.done.tracking_left_on &&
			isnan(w.done.downtime_seconds),
		    "%s", saves[i].claim);
		world_done(&w);
	}
}

static void
test_incoming(void)
{
	struct world w;

	world_init(&w);
	tick(&w, 40);
	send(&w, process(41, EVENT_PROCESS_BEGIN, 300, 7, ROLE_RESTORE));
	ok(w.begun == 0, "a restore is not shown at once: its other half may be here");
	tick(&w, 45, {7, UUID_A, "paused"});
	tick(&w, 50, {7, UUID_A, "paused"});
	ok(w.begun == 1 && w.last.direction == DIRECTION_IN && strcmp(w.last.uuid, UUID_A) == 0 &&
		w.last.rounds_unseen == UNSEEN,
	    "a guest comes in; its rounds are the sender's");
	send(&w, process(51, EVENT_PROCESS_END, 300, 0, 0));
	tick(&w, 55, {7, UUID_A, "paused"});
	ok(w.ended == 0, "it has not arrived before it runs");
	tick(&w, 58, {7, UUID_A, "running"});
	ok(w.done.result == RESULT_COMPLETED && near(w.done.ended, 51 + EPOCH), "then it has");
	send(&w, process(60, EVENT_PROCESS_BEGIN, 301, 8, ROLE_RESTORE));
	send(&w, process(61, EVENT_PROCESS_END, 301, 0, 0));
	tick(&w, 65);
	ok(w.ended == 2 && w.done.result == RESULT_FAILED && w.done.domid == 8,
	    "a domain that was given up has failed");
	send(&w, process(70, EVENT_PROCESS_BEGIN, 302, 9, ROLE_RESTORE));
	send(&w, process(71, EVENT_PROCESS_END, 302, 0, 0));
	tick(&w, 75, {9, UUID_B, "paused"});
	tick(&w, 82, {9, UUID_B, "paused"});
	ok(w.ended == 3 && w.done.result == RESULT_COMPLETED,
	    "one that was restored to be paused is there");
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	send(&w, process(41, EVENT_PROCESS_BEGIN, 300, 2, ROLE_RESTORE));
	send(&w, process(41, EVENT_PROCESS_BEGIN, HELPER, 1, ROLE_LIVE_SAVE));
	lab(&w, 0, 7);
	send(&w, process(52.5, EVENT_PROCESS_END, HELPER, 0, 0));
	send(&w, process(52.6, EVENT_PROCESS_END, 300, 0, 0));
	tick(&w, 55, A2);
	tick(&w, 60, A2);
	ok(w.begun == 1 && w.ended == 1 && w.done.direction == DIRECTION_LOCAL && w.done.domid == 1,
	    "both halves of a local migration are one record");
	world_done(&w);
}

/* The receiver dies, and its domain with it, before a tick has listed it. */
static void
test_unlisted_half(void)
{
	struct event begun = process(41, EVENT_PROCESS_BEGIN, 300, 2, ROLE_RESTORE);
	struct world w;

	str_copy(begun.uuid, sizeof(begun.uuid), UUID_A);
	world_init(&w);
	tick(&w, 40, A1);
	send(&w, process(41, EVENT_PROCESS_BEGIN, HELPER, 1, ROLE_LIVE_SAVE));
	send(&w, begun);
	lab(&w, 0, 1);
	send(&w, process(43, EVENT_PROCESS_END, 300, 0, 0));
	send(&w, process(43.1, EVENT_PROCESS_END, HELPER, 0, 0));
	tick(&w, 45, A1);
	tick(&w, 60, A1);
	ok(w.begun == 1 && w.ended == 1 && w.done.domid == 1 && w.done.direction == DIRECTION_LOCAL &&
		w.done.result == RESULT_FAILED,
	    "a receiver that dies between two ticks makes no record of its own");
	world_done(&w);

	world_init(&w);
	tick(&w, 40, {2, UUID_B, "running"});
	send(&w, begun);
	send(&w, process(43, EVENT_PROCESS_END, 300, 0, 0));
	tick(&w, 45);
	ok(w.ended == 1 && strcmp(w.done.uuid, UUID_A) == 0 && strcmp(w.done.name, "") == 0,
	    "it is told from the domain that had its number in the last tick");
	world_done(&w);
}

/* The agent was killed after the record of the sender had ended, and finds its receiver at work. */
static void
test_recalled(void)
{
	struct event begun = process(100, EVENT_PROCESS_BEGIN, 300, 2, ROLE_RESTORE);
	struct migration_record r;
	struct world w;

	str_copy(begun.uuid, sizeof(begun.uuid), UUID_A);
	record_init(&r);
	str_copy(r.id, sizeof(r.id), "earlier");
	str_copy(r.uuid, sizeof(r.uuid), UUID_A);
	r.result = RESULT_COMPLETED;
	r.ended = 110 + EPOCH;
	world_init(&w);
	w.now = (struct tick){.mono = 115, .real = 115 + EPOCH};
	migrations_recall(w.m, &r, &w.now);
	r.ended = 20 + EPOCH;
	str_copy(r.uuid, sizeof(r.uuid), UUID_B);
	migrations_recall(w.m, &r, &w.now);
	send(&w, begun);
	tick(&w, 120, A2);
	tick(&w, 125, A2);
	ok(w.begun == 0, "the other half of a migration that ended under an earlier agent is no record");
	ok(w.s->n_migrations == 2, "and its metrics are shown on");
	tick(&w, 715, A2);
	ok(w.s->n_migrations == 0, "for ten minutes");
	record_done(&r);
	world_done(&w);
}

static void
test_late(void)
{
	struct event e = bpf(51.09, 1000, 1, SHADOW_OP_CLEAN, 0, 100);
	struct world w;

	world_init(&w);
	tick(&w, 40, A1);
	send(&w, e);
	ok(w.begun == 1 && isnan(w.last.started) && w.last.rounds_unseen == UNSEEN &&
		w.last.n_rounds == 1 && w.last.round[0].n == UNSEEN &&
		w.last.round[0].pages_sent == 100 && *w.last.id,
	    "an agent that comes in mid-migration says what it missed");
	ok(w.last.rounds_begun == 1 && tracking(&w, M_TRACKING_DIRTIED) != 100,
	    "and counts only what it saw");
	send(&w, process(39, EVENT_PROCESS_BEGIN, HELPER, 1, ROLE_LIVE_SAVE));
	ok(w.begun == 1 && near(w.last.started, 39 + EPOCH),
	    "its helper's start is the migration's when nothing better was seen");
	send(&w, word(51.2, EVENT_ROUND_NAMED, 0, 3, 0));
	ok(w.last.n_rounds == 4 && w.last.rounds_begun == 4 && w.last.rounds_unseen == 2 &&
		!w.last.round[1].seen && w.last.round[2].seen &&
		w.last.round[2].pages_dirtied == 100 && w.last.round[3].n == 3,
	    "libxc's number tells how many");
	send(&w, bpf(52, 1000, 1, SHADOW_OP_CLEAN, SHADOW_MODE_FINAL, 7));
	send(&w, bpf(53, 1000, 1, SHADOW_OP_OFF, 0, 0));
	tick(&w, 55);
	ok(w.done.result == RESULT_COMPLETED && w.done.round[3].pages_dirtied == 7 &&
		w.done.rounds_unseen == 2 && w.done.frames_sent == UNSEEN &&
		near(shown(&w, M_MIGRATION_DURATION), 53 - 39),
	    "sums over what nobody saw are not known");
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	send(&w, bpf(51, 1000, 1, SHADOW_OP_CLEAN, SHADOW_MODE_FINAL, 7));
	send(&w, bpf(51.5, 1000, 1, SHADOW_OP_CLEAN, SHADOW_MODE_FINAL, 9));
	send(&w, bpf(51.6, 1000, 1, SHADOW_OP_CLEAN, 0, 9));
	ok(w.last.final.pages == 7 && w.last.rounds_begun == 0 && isnan(w.last.started) &&
		w.last.rounds_unseen == UNSEEN,
	    "of a checkpointed stream the first pause counts");
	world_done(&w);
}

/* emu-manager is started, xenguest does the work. */
static void
test_xapi(void)
{
	struct event e;
	struct world w;

	world_init(&w);
	tick(&w, 40, A1);
	e = process(41, EVENT_PROCESS_BEGIN, 500, 1, ROLE_LIVE_SAVE);
	e.toolstack = TOOLSTACK_XAPI;
	send(&w, e);
	e = process(41, EVENT_PROCESS_BEGIN, 501, 1, ROLE_UNKNOWN);
	e.toolstack = TOOLSTACK_XAPI;
	send(&w, e);
	for (size_t i = 0; i < ARRAY_SIZE(lab_pml); i++) {
		e = lab_bpf(i);
		e.pid = 501;
		str_copy(e.comm, sizeof(e.comm), "xenguest");
		send(&w, e);
	}
	send(&w, process(53, EVENT_PROCESS_END, 500, 0, 0));
	ok(w.begun == 1 && w.last.pid == 501 && w.last.process_started == 1501 &&
		w.last.toolstack == TOOLSTACK_XAPI && w.last.rounds_begun == 5,
	    "two processes carry one migration of xapi");
	send(&w, process(53.1, EVENT_PROCESS_END, 501, 0, 0));
	tick(&w, 55);
	ok(w.ended == 1 && w.done.result == RESULT_COMPLETED && w.done.direction == DIRECTION_OUT,
	    "and it ends once");
	world_done(&w);
}

/* Other tools may turn log-dirty on: that is tracking, but no migration. */
static void
test_tools(void)
{
	static const char *const comms[] = {"mytool", "xenscoped"};
	struct event e;
	struct world w;

	for (size_t i = 0; i < 2; i++) {
		world_init(&w);
		tick(&w, 40, A1);
		e = lab_bpf(0);
		str_copy(e.comm, sizeof(e.comm), comms[i]);
		send(&w, e);
		ok(w.begun == 0 && migrations_tracked(w.m, 1),
		    "%s turns log-dirty on: tracked, no record", comms[i]);
		e = lab_bpf(1);
		str_copy(e.comm, sizeof(e.comm), comms[i]);
		send(&w, e);
		tick(&w, 55, A1);
		ok(tracking(&w, M_TRACKING_DIRTIED) == 4262, "its harvests count");
		if (i == 0)
			ok(w.begun == 1 && near(w.last.started, 41.294533 + EPOCH) &&
				w.last.n_rounds == 2 && w.last.rounds_unseen == 0,
			    "and one that goes on to harvest migrates, since it turned it on");
		else
			ok(w.begun == 0, "but the agent's own probes are no migrations");
		world_done(&w);
	}
	world_init(&w);
	tick(&w, 40, A1);
	lab(&w, 0, 1);
	e = bpf(42, 1, 1, SHADOW_OP_CLEAN, 0, 5);
	e.pid = 999;
	str_copy(e.comm, sizeof(e.comm), "mytool");
	send(&w, e);
	ok(w.last.n_rounds == 1 && isnan(w.last.round[0].seconds),
	    "a stranger's harvest ends no round");
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	for (size_t i = 0; i < 3; i++) { /* one turns it on, another harvests, then the first does */
		e = lab_bpf(i);
		e.pid = i == 1 ? 999 : HELPER;
		str_copy(e.comm, sizeof(e.comm), "mytool");
		send(&w, e);
	}
	tick(&w, 55, A1);
	ok(w.begun == 0 && tracking(&w, M_TRACKING_DIRTIED) == 4262 + 1120,
	    "who harvests what somebody else turned on does not migrate");
	world_done(&w);
}

static struct event
writing(struct event e, uint64_t written)
{
	e.written = written;
	return e;
}

/* What the helper had written when tracking began is its stream's head. */
static void
test_bytes(void)
{
	struct world w;

	world_init(&w);
	tick(&w, 40, A1);
	send(&w, writing(lab_bpf(0), 700));
	ok(w.last.bytes_sent == UNSEEN, "before the first harvest nobody has counted what was sent");
	send(&w, writing(lab_bpf(1), 120000700));
	ok(w.last.bytes_sent == 120000000, "bytes are counted at each harvest");
	lab(&w, 2, 6);
	send(&w, writing(lab_bpf(6), 135000700));
	tick(&w, 55, A2);
	ok(w.ended == 1 && w.done.bytes_sent == 135000000, "and in all when the stream was whole");
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	send(&w, writing(lab_bpf(0), 700));
	for (size_t i = 1; i < 6; i++)
		send(&w, writing(lab_bpf(i), i * 1000000));
	send(&w, lab_bpf(6));
	tick(&w, 55, A2);
	ok(w.ended == 1 && w.done.bytes_sent == UNSEEN, "if the helper had gone before it was asked nobody knows them");
	world_done(&w);
}

int
main(void)
{
	test_saves();
	test_incoming();
	test_unlisted_half();
	test_recalled();
	test_late();
	test_xapi();
	test_tools();
	test_bytes();
	return done_testing();
}

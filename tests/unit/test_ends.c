/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How migrations end, and what each end of one can say of its last phase. */
#include <config.h>

#include <signal.h>

#include "observe/verdict.h"
#include "tests/tap.h"
#include "tests/unit/world.h"

#define MANAGER 260 /* the process that started the helper */
#define RECEIVER 300

static bool
near(double a, double b)
{
	return fabs(a - b) < 1e-5;
}

static void
lab(struct world *w, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		send(w, lab_bpf(i));
}

static void
words(struct world *w, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		send(w, lab_word(i));
}

static struct event
ended(double at, pid_t pid, int status)
{
	struct event e = process(at, EVENT_PROCESS_END, pid, 1, ROLE_LIVE_SAVE);

	e.result = status;
	return e;
}

/* The process that started the helper was ended by a signal. */
static struct event
orphaned(double at, int status)
{
	struct event e = process(at, EVENT_TOOLSTACK_END, HELPER, 1, ROLE_LIVE_SAVE);

	e.result = status;
	str_copy(e.comm, sizeof(e.comm), "xl");
	return e;
}

static struct event
released(double at, uint32_t domid)
{
	struct event e = bpf(at, 20, domid, 0, 0, 0);

	e.kind = EVENT_RELEASED;
	e.pid = MANAGER;
	str_copy(e.comm, sizeof(e.comm), "xl");
	return e;
}

/* A migration of domain 1 that is told by so many of the lab's operations, or of the lab's words; how its helper and
 * its toolstack ended; what the domain is then, at two ticks. */
static const struct script {
	size_t operations, words;
	enum helper_role role;
	int helper, toolstack;
	bool toolstack_last;
	const char *during, *after; /* the domain's state, NULL: it is gone */
	enum record_result result;
	const char *reason, *claim;
} scripts[] = {
    {.operations = 7, .result = RESULT_COMPLETED, .reason = "", .claim = "a whole migration completes"},
    {.words = 24, .after = "running", .result = RESULT_ABORTED, .reason = "the receiver did not take the guest",
	.claim = "a receiver that refuses the guest after its whole stream aborts it"},
    {.operations = 7, .after = "running", .result = RESULT_FAILED, .reason = "suspended and resumed",
	.claim = "a guest that is resumed where nobody knows how far the stream came"},
    {.operations = 3, .helper = SIGPIPE, .after = "running", .result = RESULT_FAILED,
	.reason = "libxl-save-helper was ended by SIGPIPE: its other end was gone",
	.claim = "a receiver that dies breaks it"},
    {.operations = 3, .helper = SIGTERM, .after = "running", .result = RESULT_ABORTED, .reason = "ended by SIGTERM",
	.claim = "a helper that somebody ends aborts it"},
    {.operations = 3, .helper = SIGKILL, .after = "blocked", .result = RESULT_ABORTED, .reason = "ended by SIGKILL",
	.claim = "as does one that is killed"},
    {.operations = 3, .helper = SIGSEGV | 0x80, .after = "running", .result = RESULT_FAILED,
	.reason = "ended by SIGSEGV", .claim = "one that crashes does not"},
    {.operations = 3, .helper = SIGSYS, .after = "running", .result = RESULT_FAILED, .reason = "ended by signal 31",
	.claim = "nor any other signal"},
    {.operations = 3, .helper = 3 << 8, .after = "running", .result = RESULT_FAILED,
	.reason = "libxl-save-helper ended with status 3", .claim = "a status is a reason"},
    {.operations = 3, .helper = SIGINT, .after = "running", .result = RESULT_ABORTED, .reason = "ended by SIGINT",
	.claim = "Ctrl-C reaches the helper, too"},
    {.operations = 3, .helper = SIGPIPE, .toolstack = SIGINT, .after = "running", .result = RESULT_ABORTED,
	.reason = "xl was ended by SIGINT", .claim = "xl migrate is interrupted, and its helper goes with it"},
    {.operations = 3, .helper = SIGPIPE, .toolstack = SIGINT, .toolstack_last = true, .after = "running",
	.result = RESULT_ABORTED, .reason = "xl was ended by SIGINT",
	.claim = "also when that is told after the helper's end"},
    {.operations = 7, .helper = SIGPIPE, .toolstack = SIGTERM, .result = RESULT_COMPLETED, .reason = "",
	.claim = "who is killed when all is done has done no harm"},
    {.operations = 3, .during = "crashed", .after = "crashed", .result = RESULT_ABORTED,
	.reason = "the guest crashed meanwhile", .claim = "a guest that crashes aborts it"},
    {.operations = 3, .during = "crashed", .result = RESULT_ABORTED, .reason = "the guest crashed meanwhile",
	.claim = "also where it is destroyed then"},
    {.operations = 3, .result = RESULT_ABORTED, .reason = "the domain was destroyed while it was migrated",
	.claim = "a guest that is destroyed, too"},
    {.operations = 6, .result = RESULT_ABORTED, .reason = "destroyed before the final pass was through",
	.claim = "however late"},
    {.operations = 7, .role = ROLE_REPLICATE, .after = "running", .result = RESULT_ABORTED,
	.reason = "checkpointing was ended", .claim = "checkpointing that ends leaves the guest here"},
    {.operations = 7, .role = ROLE_REPLICATE, .result = RESULT_LOST, .reason = "its copy cannot be seen",
	.claim = "or who knows where"},
};

static void
run_script(const struct script *x)
{
	bool suspended = x->operations >= 6 || x->words;
	const struct guest before[] = {DOM0, {1, UUID_A, x->during ? x->during : suspended ? "shutdown" : "blocked"}},
			   then[] = {DOM0, {1, UUID_A, x->after}};
	struct world w;

	world_init(&w);
	tick(&w, 40, A1);
	send(&w, process(40.5, EVENT_PROCESS_BEGIN, HELPER, 1, x->role ? x->role : ROLE_LIVE_SAVE));
	lab(&w, 0, x->operations);
	words(&w, 0, x->words);
	tick_with(&w, 52.42, before, 2);
	if (x->toolstack && !x->toolstack_last)
		send(&w, orphaned(52.5, x->toolstack));
	send(&w, ended(52.5, HELPER, x->helper));
	if (x->toolstack_last)
		send(&w, orphaned(52.5, x->toolstack));
	tick_with(&w, 55, then, x->after ? 2 : 1);
	tick_with(&w, 66, then, x->after ? 2 : 1);
	ok(w.begun == 1 && w.ended == 1 && w.done.result == x->result &&
		(*x->reason ? strstr(w.done.reason, x->reason) != NULL : !*w.done.reason),
	    "%s: %s%s%s", x->claim, record_result_name(w.done.result), *w.done.reason ? ", " : "", w.done.reason);
	world_done(&w);
}

static void
test_final_phase(void)
{
	const struct final_pass *f;
	struct world w;

	world_init(&w);
	tick(&w, 40, A1);
	for (size_t i = 0; i < ARRAY_SIZE(lab_words); i++) {
		struct event e = lab_word(i);

		send(&w, e);
		if (e.kind == EVENT_STEP) { /* the pass is through a little later */
			e.done = e.total;
			e.at += 0.1;
			send(&w, e);
		}
	}
	send(&w, ended(52.5, HELPER, 0));
	tick(&w, 55);
	f = &w.done.final;
	ok(near(f->requested, EPOCH + 52.1632) && near(f->suspended, EPOCH + 52.210828) &&
		near(f->harvested, EPOCH + 52.211129) && near(f->sent, EPOCH + 52.3112) &&
		near(f->done, EPOCH + 52.414179) && f->started == f->suspended,
	    "libxc's words split the final phase: requested, suspended, harvested, sent, done");
	ok(w.done.downtime_source == DOWNTIME_SUSPEND_TO_OFF, "and the downtime begins with the first of what was seen");
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	lab(&w, 0, 7);
	tick(&w, 55);
	f = &w.done.final;
	ok(isnan(f->requested) && isnan(f->suspended) && isnan(f->sent) && near(f->harvested, EPOCH + 52.211113) &&
		near(f->done, EPOCH + 52.414167),
	    "hypercalls alone tell the last harvest and the end");
	world_done(&w);
}

/* The other half is here, too: its helper is seen, or only its domain. */
static void
test_both_ends(void)
{
	for (int helper = 0; helper < 2; helper++) {
		struct world w;

		world_init(&w);
		tick(&w, 40, A1);
		if (helper) {
			struct event e = process(41, EVENT_PROCESS_BEGIN, RECEIVER, 2, ROLE_RESTORE);

			str_copy(e.uuid, sizeof(e.uuid), UUID_A);
			send(&w, e);
		} else
			tick(&w, 45, A1, A2);
		send(&w, released(45.5, 2)); /* by hand, or another guest's */
		lab(&w, 0, 7);
		send(&w, ended(52.45, RECEIVER, 0));
		send(&w, released(52.610924, 2));
		tick(&w, 55, A2);
		tick(&w, 60, A2);
		ok(w.begun == 1 && w.ended == 1 && w.done.direction == DIRECTION_LOCAL &&
			w.done.result == RESULT_COMPLETED,
		    "a local migration, %s", helper ? "its receiver in sight" : "its new domain in sight");
		ok(near(w.done.released, EPOCH + 52.610924) && w.done.released_source == RELEASE_HYPERCALL &&
			near(w.done.downtime_seconds, 0.4) && w.done.downtime_source == DOWNTIME_BOTH_ENDS,
		    "its downtime ends where the new domain is let run: %g", w.done.downtime_seconds);
		world_done(&w);
	}
}

static void
test_resumed(void)
{
	struct event e = released(52.710924, 1);
	struct world w;

	world_init(&w);
	tick(&w, 40, A1);
	lab(&w, 0, 7);
	e.result = -3;
	send(&w, e);
	ok(isnan(w.last.released), "a call that failed let nobody run");
	e.result = 0;
	send(&w, e);
	send(&w, released(53, 1));
	tick(&w, 55, A1);
	ok(w.done.result == RESULT_FAILED && near(w.done.downtime_seconds, 0.5) &&
		w.done.downtime_source == DOWNTIME_SUSPEND_TO_RESUME,
	    "a guest that is resumed here was away until then");
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	send(&w, process(41, EVENT_PROCESS_BEGIN, HELPER, 1, ROLE_SAVE));
	send(&w, word(42, EVENT_STAGE, STAGE_SUSPENDED, 0, 0));
	send(&w, word(45, EVENT_STAGE, STAGE_COMPLETE, 0, 0));
	send(&w, ended(45.1, HELPER, 0));
	send(&w, released(45.5, 1));
	tick(&w, 50, A1);
	ok(w.done.direction == DIRECTION_SAVE && w.done.result == RESULT_COMPLETED &&
		near(w.done.downtime_seconds, 3.5) && w.done.downtime_source == DOWNTIME_SUSPEND_TO_RESUME &&
		near(w.done.final.done, EPOCH + 45),
	    "so long a snapshot with memory held its guest");
	world_done(&w);
}

static void
test_arrival(void)
{
	static const struct guest here[] = {DOM0, {7, UUID_A, "paused"}};
	struct sample *s;
	struct world w;

	world_init(&w);
	tick(&w, 40);
	send(&w, process(41, EVENT_PROCESS_BEGIN, RECEIVER, 7, ROLE_RESTORE));
	for (int i = 1; i <= 3; i++) {
		s = new_sample(&w, 40 + 5 * i, here, 2);
		s->domain[1].value[METRIC_AT(M_DOMAIN_MEMORY, DOMAIN)] = i * 4096000;
		migrations_tick(w.m, s);
		sample_free(s);
	}
	ok(w.last.direction == DIRECTION_IN && w.last.memory_pages == 3000 && w.last.pages_sent == UNSEEN,
	    "the memory of a guest that comes in grows as its pages arrive");
	send(&w, ended(56, RECEIVER, 0));
	send(&w, released(56.5, 7));
	ok(near(w.last.released, EPOCH + 56.5), "it is let run");
	tick(&w, 60, {7, UUID_A, "running"});
	ok(w.done.result == RESULT_COMPLETED && w.done.released_source == RELEASE_HYPERCALL &&
		near(w.done.released - w.done.ended, 0.5) && w.done.downtime_source == DOWNTIME_NONE,
	    "half a second after its stream had come; when it was suspended its sender knows");
	world_done(&w);

	world_init(&w);
	tick(&w, 40);
	send(&w, process(41, EVENT_PROCESS_BEGIN, RECEIVER, 7, ROLE_RESTORE));
	send(&w, ended(51, RECEIVER, 0));
	tick(&w, 55, {7, UUID_A, "paused"});
	tick(&w, 60, {7, UUID_A, "running"});
	ok(near(w.done.released, EPOCH + 60) && w.done.released_source == RELEASE_DOMAIN_LIST,
	    "without the hypercalls the list of domains tells, and is named as the source");
	world_done(&w);

	world_init(&w);
	tick(&w, 40);
	send(&w, process(41, EVENT_PROCESS_BEGIN, RECEIVER, 7, ROLE_RESTORE));
	send(&w, ended(51, RECEIVER, SIGTERM));
	tick(&w, 55);
	ok(w.done.direction == DIRECTION_IN && w.done.result == RESULT_ABORTED && strstr(w.done.reason, "SIGTERM"),
	    "a receiver that somebody ends has aborted");
	world_done(&w);
}

/* Remus: the guest is paused and harvested again and again. */
static void
test_checkpoints(void)
{
	struct world w;

	world_init(&w);
	tick(&w, 40, A1);
	send(&w, process(40.5, EVENT_PROCESS_BEGIN, HELPER, 1, ROLE_REPLICATE));
	ok(w.last.checkpoints == 0 && w.last.direction == DIRECTION_OUT, "a helper's arguments tell that it goes on for ever");
	lab(&w, 0, 6);
	for (unsigned i = 0; i < 10000; i++)
		send(&w, bpf(53 + i * 0.2, 100, 1, SHADOW_OP_CLEAN, SHADOW_MODE_FINAL, 40));
	tick(&w, 2053.1, A1);
	ok(w.begun == 1 && w.last.checkpoints == 10000 && w.last.n_rounds == 5 && w.last.final.pages == 517,
	    "ten thousand checkpoints are counted and make no rounds");
	send(&w, bpf(2053.2, 10, 1, SHADOW_OP_OFF, 0, 0));
	send(&w, released(2053.3, 1));
	tick(&w, 2058, A1);
	ok(w.done.result == RESULT_ABORTED && isnan(w.done.downtime_seconds) && isnan(w.done.final.seconds),
	    "all the time between is no downtime");
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	lab(&w, 0, 6);
	ok(w.last.checkpoints == UNSEEN, "other streams have none");
	send(&w, bpf(53, 100, 1, SHADOW_OP_CLEAN, SHADOW_MODE_FINAL, 40));
	send(&w, bpf(54, 10, 1, SHADOW_OP_OFF, 0, 0));
	tick(&w, 58, A1);
	ok(w.done.checkpoints == 1, "a second pause tells it, too");
	world_done(&w);
}

static void
tick_named(struct world *w, double at, const char *name)
{
	static const struct guest here[] = {DOM0, A1};
	struct sample *s = new_sample(w, at, here, 2);

	str_copy(s->domain[1].name, sizeof(s->domain[1].name), name);
	migrations_tick(w->m, s);
	sample_free(s);
}

/* Names, uuids and numbers are not for ever. */
static void
test_identity(void)
{
	struct world w;

	world_init(&w);
	tick_named(&w, 40, "old");
	lab(&w, 0, 1);
	tick_named(&w, 45, "new");
	tick_named(&w, 50, "new--migratedaway");
	lab(&w, 1, 7);
	tick(&w, 55);
	ok(w.begun == 1 && w.ended == 1 && strcmp(w.done.name, "old") == 0 && strcmp(w.done.uuid, UUID_A) == 0,
	    "a guest that is renamed meanwhile has one record, by the name it was migrated under: %s", w.done.name);
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	lab(&w, 0, 7);
	tick(&w, 55);
	ok(w.ended == 1 && w.done.direction == DIRECTION_OUT, "a guest goes away");
	send(&w, process(61, EVENT_PROCESS_BEGIN, RECEIVER, 4, ROLE_RESTORE));
	tick(&w, 65, {4, UUID_A, "paused"});
	tick(&w, 70, {4, UUID_A, "paused"});
	ok(w.begun == 2 && w.last.direction == DIRECTION_IN && strcmp(w.last.uuid, UUID_A) == 0,
	    "and comes back: a record of its own, though its uuid is the same");
	send(&w, ended(71, RECEIVER, 0));
	tick(&w, 75, {4, UUID_A, "running"});
	send(&w, bpf(80, 10, 4, SHADOW_OP_ENABLE_LOGDIRTY, 0, 0));
	tick(&w, 85, {4, UUID_A, "running"});
	ok(w.begun == 3 && w.ended == 2 && w.last.direction == DIRECTION_OUT, "it goes away again, out and not local");
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1, {5, UUID_A, "running"}); /* a copy that kept its origin's uuid */
	lab(&w, 0, 3);
	send(&w, released(51.8, 5));
	ok(w.begun == 1 && isnan(w.last.released), "another domain of the same uuid is not let run by this migration");
	world_done(&w);
}

static double
contradictions(const struct world *w)
{
	return w->s->host.value[METRIC_AT(M_HOST_CONTRADICTIONS, HOST)];
}

static void
test_contradictions(void)
{
	struct event e = {.kind = EVENT_LOGGED, .source = SOURCE_LOG, .seconds = 0.5, .pid = HELPER, .domid = 1,
	    .toolstack = TOOLSTACK_XAPI};
	struct world w;

	world_init(&w);
	migrations_covered(w.m, SOURCE_BPF, 40);
	tick(&w, 40, A1);
	lab(&w, 0, 3);
	e.at = 51.7;
	e.logged = LOGGED_ROUND;
	e.number = 2;
	e.total = 1120;
	send(&w, e);
	tick(&w, 51.75, A1);
	ok(contradictions(&w) == 0, "a log that says the same contradicts nothing");
	e.total = 1121;
	send(&w, e);
	e.number = 1;
	send(&w, e);
	send(&w, word(51.8, EVENT_ROUND_NAMED, 0, 2, 0));
	send(&w, word(51.8, EVENT_STEP, 0, 0, 1122));
	tick(&w, 51.9, A1);
	ok(contradictions(&w) == 1 && w.last.round[2].pages_sent == 1120,
	    "two sources disagree on a round's pages: counted once a migration, and the better one counts");
	lab(&w, 3, 7);
	e.at = 52.5;
	e.logged = LOGGED_FAILED;
	str_copy(e.text, sizeof(e.text), "it failed");
	send(&w, e);
	tick(&w, 55);
	ok(contradictions(&w) == 2 && w.done.result == RESULT_COMPLETED && !*w.done.reason,
	    "as does what became of the domain, whatever a log says of the end");
	world_done(&w);

	world_init(&w);
	tick(&w, 40, A1);
	words(&w, 0, ARRAY_SIZE(lab_words));
	lab(&w, 0, 7);
	tick(&w, 55);
	ok(contradictions(&w) == 0 && w.done.result == RESULT_COMPLETED, "nor do eBPF and uprobes that agree");
	world_done(&w);
}

int
main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
		run_script(&scripts[i]);
	test_final_phase();
	test_both_ends();
	test_resumed();
	test_arrival();
	test_checkpoints();
	test_identity();
	test_contradictions();
	return done_testing();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/verdict.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/util.h"
#include "observe/helper_name.h"
#include "observe/rounds.h"

/* What is known of a migration when it is judged. */
enum fact {
	OUTGOING = 1 << 0, /* it is one of these three */
	SAVING = 1 << 1,
	INCOMING = 1 << 2,
	GONE = 1 << 3, /* its domain is one of these five */
	STOPPED = 1 << 4,
	PAUSED = 1 << 5,
	RUNNING = 1 << 6,
	UNLISTED = 1 << 7,
	HELPER_GONE = 1 << 8,
	OVERDUE = 1 << 9,
	ELSEWHERE = 1 << 10,
	REBOOTED = 1 << 11,
	CRASHED = 1 << 12,
	OFF = 1 << 13,
	FINAL = 1 << 14, /* the guest was suspended */
	ROUNDS = 1 << 15,
	COMPLETE = 1 << 16,
	TOLD = 1 << 17,
	AWAY = 1 << 18,
	UNWATCHED = 1 << 19, /* nobody who could have told watched its log-dirty operations */
	SENT = 1 << 20,	     /* the whole stream, as far as anyone could see */
	OVER = 1 << 21,	     /* nothing more will come of it */
	REPLICATED = 1 << 22,
};

#define ANY (OUTGOING | SAVING | INCOMING)
#define LEAVING (OUTGOING | SAVING)
#define ANYWHERE (GONE | STOPPED | PAUSED | RUNNING | UNLISTED)
#define HERE (PAUSED | RUNNING)
#define GONE_UNSEEN "the agent was away when it ended, and its domain is gone"
#define CUT_SHORT "the helper ended before the stream was whole"
#define UNSEEN_END "nobody could see how it ended"

/* The first row that fits counts: one of what, one of where, all of with, none of without. Its result is RUNNING
 * where it is too early to say. Failed: it broke; aborted: somebody or something else put an end to it, be it the
 * receiver that did not take the guest. What is known of why (a signal, a log's word) takes the place of the
 * reason, and makes an end that somebody brought about of one that looks like a failure. */
static const struct {
	unsigned what, where, with, without;
	enum record_result result;
	const char *reason;
} verdicts[] = {
    {ANY, ANYWHERE, REBOOTED, 0, RESULT_LOST, "the host was restarted meanwhile"},
    {ANY, ANYWHERE, 0, OVER, RESULT_RUNNING, ""},

    /* the receiving side: its helper's end and the domain tell */
    {INCOMING, RUNNING, 0, 0, RESULT_COMPLETED, ""},
    {INCOMING, GONE, AWAY, 0, RESULT_LOST, GONE_UNSEEN},
    {INCOMING, GONE, 0, 0, RESULT_FAILED, "the domain was given up"},
    {INCOMING, ANYWHERE, 0, OVERDUE, RESULT_RUNNING, ""},
    {INCOMING, UNLISTED, 0, 0, RESULT_LOST, UNSEEN_END},
    {INCOMING, ANYWHERE, 0, 0, RESULT_COMPLETED, ""},

    {OUTGOING, HERE, REPLICATED, 0, RESULT_ABORTED, "checkpointing was ended; the guest runs on here"},
    {OUTGOING, GONE, REPLICATED, 0, RESULT_LOST, "the guest is gone, and its copy cannot be seen from here"},
    {LEAVING, ANYWHERE, CRASHED, COMPLETE, RESULT_ABORTED, "the guest crashed meanwhile"},

    /* Toolstacks resume the guest when its stream was not finished: whoever took the domain away after that knew
     * that it was needed here no more. */
    {LEAVING, GONE, COMPLETE, 0, RESULT_COMPLETED, ""},
    {LEAVING, GONE, OFF | FINAL, 0, RESULT_COMPLETED, ""},
    {SAVING, GONE, OFF, 0, RESULT_COMPLETED, ""},
    {LEAVING, GONE, UNWATCHED | HELPER_GONE, AWAY, RESULT_COMPLETED, ""},
    {LEAVING, GONE, AWAY | FINAL, 0, RESULT_COMPLETED, ""},
    {LEAVING, GONE, AWAY | ELSEWHERE, 0, RESULT_COMPLETED, ""},
    {LEAVING, GONE, AWAY, 0, RESULT_LOST, GONE_UNSEEN},
    {LEAVING, GONE, FINAL, 0, RESULT_ABORTED, "the domain was destroyed before the final pass was through"},
    {LEAVING, GONE, 0, 0, RESULT_ABORTED, "the domain was destroyed while it was migrated"},

    {SAVING, HERE, COMPLETE, 0, RESULT_COMPLETED, ""},
    {SAVING, HERE, TOLD, AWAY, RESULT_FAILED, CUT_SHORT},
    {SAVING, HERE, 0, 0, RESULT_LOST, "the guest runs on, and nobody could see whether it was saved"},
    {OUTGOING, HERE, COMPLETE | FINAL, 0, RESULT_ABORTED, "the receiver did not take the guest, which runs on here"},
    {OUTGOING, HERE, FINAL, 0, RESULT_FAILED, "the guest was suspended and resumed here"},
    {OUTGOING, HERE, OFF, 0, RESULT_FAILED, "the sender gave up before it suspended the guest"},
    {OUTGOING, HERE, ROUNDS, 0, RESULT_FAILED, "the helper died in pre-copy; the guest runs on here"},
    {OUTGOING, HERE, 0, 0, RESULT_FAILED, "the helper ended; the guest runs on here"},

    /* suspended, as between the final pass and its destruction; or nobody can say where it is */
    {LEAVING, ANYWHERE, 0, OVERDUE, RESULT_RUNNING, ""},
    {LEAVING, ANYWHERE, SENT, 0, RESULT_COMPLETED, ""},
    {LEAVING, ANYWHERE, UNWATCHED, 0, RESULT_LOST, UNSEEN_END},
    {SAVING, ANYWHERE, 0, TOLD, RESULT_LOST, UNSEEN_END},
    {LEAVING, STOPPED, 0, 0, RESULT_FAILED, "the guest stays suspended here and its stream was not finished"},
    {LEAVING, ANYWHERE, 0, 0, RESULT_FAILED, CUT_SHORT},
};

static bool
is_off(const struct migration_record *r)
{
	return !isnan(r->evidence.off);
}

static bool
is_unwatched(const struct migration_record *r)
{
	return r->evidence.away ||
	       ((r->rounds_source == SOURCE_PROCESS || r->rounds_source == SOURCE_LOG) &&
		   (r->rounds_unseen == UNSEEN || r->direction == DIRECTION_SAVE));
}

static unsigned
facts_of(const struct migration_record *r, const struct sight *s)
{
	static const unsigned where[] = {[DOMAIN_UNKNOWN] = UNLISTED,
	    [DOMAIN_GONE] = GONE,
	    [DOMAIN_STOPPED] = STOPPED,
	    [DOMAIN_PAUSED] = PAUSED,
	    [DOMAIN_RUNNING] = RUNNING};
	const struct evidence *e = &r->evidence;
	const struct {
		bool is;
		unsigned fact;
	} facts[] = {{s->helper_gone, HELPER_GONE}, {s->overdue, OVERDUE}, {s->elsewhere, ELSEWHERE},
	    {s->rebooted, REBOOTED}, {s->crashed, CRASHED}, {is_off(r), OFF}, {r->final.begun, FINAL},
	    {r->n_rounds > 0, ROUNDS}, {e->complete, COMPLETE}, {e->told, TOLD}, {e->away, AWAY},
	    {is_unwatched(r), UNWATCHED}, {e->complete || (r->final.begun && is_off(r) && !e->told), SENT},
	    {s->helper_gone || is_off(r) || (s->here == DOMAIN_GONE && s->overdue), OVER},
	    {r->checkpoints != UNSEEN, REPLICATED}};
	unsigned all = where[s->here];

	all |= r->direction == DIRECTION_IN ? INCOMING : r->direction == DIRECTION_SAVE ? SAVING : OUTGOING;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		all |= facts[i].is ? facts[i].fact : 0;
	return all;
}

bool
verdict(struct migration_record *r, const struct sight *s)
{
	unsigned facts = facts_of(r, s);
	size_t i = 0;

	while (!(facts & verdicts[i].what) || !(facts & verdicts[i].where) ||
	       (facts & verdicts[i].with) != verdicts[i].with || (facts & verdicts[i].without))
		i++; /* the last two rows of each kind fit always */
	if (verdicts[i].result == RESULT_RUNNING)
		return false;
	r->result = verdicts[i].result;
	if (r->result == RESULT_FAILED && r->evidence.aborted)
		r->result = RESULT_ABORTED;
	if (r->result == RESULT_COMPLETED || !*r->reason)
		str_copy(r->reason, sizeof(r->reason), verdicts[i].reason);
	return true;
}

/* -- why a process ended -- */

static const struct {
	int number;
	const char *name;
	bool from_outside;
} signals[] = {
    {SIGHUP, "SIGHUP", true},
    {SIGINT, "SIGINT", true},
    {SIGQUIT, "SIGQUIT", true},
    {SIGTERM, "SIGTERM", true},
    {SIGKILL, "SIGKILL", true},
    {SIGPIPE, "SIGPIPE: its other end was gone", false},
    {SIGABRT, "SIGABRT", false},
    {SIGBUS, "SIGBUS", false},
    {SIGFPE, "SIGFPE", false},
    {SIGILL, "SIGILL", false},
    {SIGSEGV, "SIGSEGV", false},
};

bool
verdict_of_status(const char *comm, int status, char *ret_reason, size_t n)
{
	enum helper_name helper = helper_find(comm);
	const char *name = helper != HELPERS ? helper_names[helper] : comm;

	if (!WIFSIGNALED(status)) {
		(void) snprintf(ret_reason, n, "%s ended with status %d", name, WEXITSTATUS(status));
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (signals[i].number == WTERMSIG(status)) {
			(void) snprintf(ret_reason, n, "%s was ended by %s", name, signals[i].name);
			return signals[i].from_outside;
		}
	(void) snprintf(ret_reason, n, "%s was ended by signal %d", name, WTERMSIG(status));
	return false;
}

/* Between two moments that this host saw. */
static void
set_downtime(struct migration_record *r)
{
	bool done = r->result == RESULT_COMPLETED, saved = r->direction == DIRECTION_SAVE;

	if (!r->final.begun || r->checkpoints != UNSEEN)
		return;
	if (r->released_source == RELEASE_HYPERCALL && r->released >= r->final.started) {
		r->downtime_seconds = r->released - r->final.started;
		r->downtime_source = done && r->direction == DIRECTION_LOCAL ? DOWNTIME_BOTH_ENDS
							       : DOWNTIME_SUSPEND_TO_RESUME;
	} else if (done && !saved && !isnan(r->final.seconds)) {
		/* A saved guest does not come back, and one that is resumed here was away until someone resumed it. */
		r->downtime_seconds = r->final.seconds;
		r->downtime_source = r->rounds_source == SOURCE_LOG ? DOWNTIME_SUSPEND_TO_SENT
				     : r->evidence.suspended	    ? DOWNTIME_SUSPEND_TO_OFF
								    : DOWNTIME_FINAL_CLEAN_TO_OFF;
	}
}

void
verdict_close(struct migration_record *r, const struct sight *s, const struct stop_rule *rule)
{
	double off = r->evidence.off;

	r->ended = is_off(r) ? off : r->evidence.gone;
	if (s->missed && !is_off(r))
		r->rounds_unseen = UNSEEN;
	/* No log tells of log-dirty being switched off when it comes to nothing. */
	r->tracking_left_on = r->n_rounds > 0 && !is_off(r) && !s->missed && r->rounds_source != SOURCE_LOG &&
			      s->here != DOMAIN_GONE && !s->rebooted &&
			      r->result != RESULT_COMPLETED;
	if (r->final.begun && r->final.started <= off && r->checkpoints == UNSEEN)
		r->final.seconds = off - r->final.started;
	if (r->final.begun && is_off(r))
		r->final.done = off;
	if (r->rounds_source == SOURCE_LOG && r->final.seconds <= 0) /* within one second of its stamps */
		r->final.seconds = NAN;
	set_downtime(r);
	rounds_stop_reason(r, rule);
	rounds_sum(r);
}

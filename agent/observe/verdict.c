/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/verdict.h"

#include <math.h>

#include "base/util.h"
#include "observe/rounds.h"

static bool
say(struct migration_record *r, enum record_result result, const char *reason)
{
	r->result = result == RESULT_FAILED && r->evidence.aborted ? RESULT_ABORTED : result;
	if (result == RESULT_COMPLETED || !*r->reason) /* what a log gave as the reason tells more */
		str_copy(r->reason, sizeof(r->reason), reason);
	return true;
}

static bool
is_off(const struct migration_record *r)
{
	return !isnan(r->evidence.off);
}

/* Nobody who could have told watched its log-dirty operations. */
static bool
is_unwatched(const struct migration_record *r)
{
	return r->evidence.away ||
	       ((r->rounds_source == SOURCE_PROCESS || r->rounds_source == SOURCE_LOG) &&
		   (r->rounds_unseen == UNSEEN || r->direction == DIRECTION_SAVE));
}

/* The whole stream was sent, as far as anyone could see. */
static bool
is_sent(const struct migration_record *r)
{
	return r->evidence.complete || (r->final.begun && is_off(r) && !r->evidence.told);
}

static bool
judge_gone(struct migration_record *r, const struct sight *s)
{
	const struct evidence *e = &r->evidence;

	/* Toolstacks resume the guest when its stream was not finished: whoever took the domain
	 * away after that knew that it was needed here no more. */
	if (e->complete || (is_off(r) && (r->final.begun || r->direction == DIRECTION_SAVE)))
		return say(r, RESULT_COMPLETED, "");
	if (is_unwatched(r) && !e->away && s->helper_gone)
		return say(r, RESULT_COMPLETED, "");
	if (e->away && (r->final.begun || s->elsewhere))
		return say(r, RESULT_COMPLETED, "");
	if (e->away)
		return say(
		    r, RESULT_LOST, "the agent was away when it ended, and its domain is gone");
	return say(r, RESULT_FAILED,
	    r->final.begun ? "the domain was destroyed before the final pass was through"
			   : "the domain was destroyed while it was migrated");
}

static bool
judge_saved(struct migration_record *r)
{
	if (r->evidence.complete)
		return say(r, RESULT_COMPLETED, "");
	if (r->evidence.told && !r->evidence.away)
		return say(r, RESULT_FAILED, "the helper ended before the stream was whole");
	return say(r, RESULT_LOST, "the guest runs on, and nobody could see whether it was saved");
}

static bool
judge_running(struct migration_record *r)
{
	if (r->direction == DIRECTION_SAVE)
		return judge_saved(r);
	if (r->final.begun)
		return say(r, RESULT_FAILED, "the guest was suspended and resumed here");
	if (is_off(r))
		return say(r, RESULT_FAILED, "the sender gave up before it suspended the guest");
	if (r->n_rounds)
		return say(r, RESULT_FAILED, "the helper died in pre-copy; the guest runs on here");
	return say(r, RESULT_FAILED, "the helper ended; the guest runs on here");
}

/* Suspended, as between the final pass and its destruction; or nobody can say where it is. */
static bool
judge_waiting(struct migration_record *r, const struct sight *s)
{
	if (!s->overdue)
		return false;
	if (is_sent(r))
		return say(r, RESULT_COMPLETED, "");
	if (is_unwatched(r) || (r->direction == DIRECTION_SAVE && !r->evidence.told))
		return say(r, RESULT_LOST, "nobody could see how it ended");
	return say(r, RESULT_FAILED,
	    s->here == DOMAIN_STOPPED
		? "the guest stays suspended here and its stream was not finished"
		: "the helper ended before the stream was whole");
}

/* The receiving side: its helper's end and the domain tell. */
static bool
judge_incoming(struct migration_record *r, const struct sight *s)
{
	if (s->here == DOMAIN_RUNNING && s->helper_gone)
		return say(r, RESULT_COMPLETED, "");
	if (s->here == DOMAIN_GONE && (s->helper_gone || s->overdue))
		return r->evidence.away
			   ? say(r, RESULT_LOST,
				 "the agent was away when it ended, and its domain is gone")
			   : say(r, RESULT_FAILED, "the domain was given up");
	if (!s->helper_gone || !s->overdue)
		return false;
	if (s->here == DOMAIN_UNKNOWN)
		return say(r, RESULT_LOST, "nobody could see how it ended");
	return say(r, RESULT_COMPLETED, "");
}

bool
verdict(struct migration_record *r, const struct sight *s)
{
	if (s->rebooted)
		return say(r, RESULT_LOST, "the host was restarted meanwhile");
	if (r->direction == DIRECTION_IN)
		return judge_incoming(r, s);
	if (!s->helper_gone && !is_off(r) && !(s->here == DOMAIN_GONE && s->overdue))
		return false;
	switch (s->here) {
	case DOMAIN_GONE:
		return judge_gone(r, s);
	case DOMAIN_PAUSED:
	case DOMAIN_RUNNING:
		return judge_running(r);
	case DOMAIN_STOPPED:
	case DOMAIN_UNKNOWN:
		break;
	}
	return judge_waiting(r, s);
}

void
verdict_close(struct migration_record *r, const struct sight *s, int limit)
{
	double off = r->evidence.off;

	r->ended = is_off(r) ? off : r->evidence.gone;
	if (s->missed && !is_off(r))
		r->rounds_unseen = UNSEEN;
	/* No log tells of log-dirty being switched off when it comes to nothing. */
	r->tracking_left_on = r->n_rounds > 0 && !is_off(r) && !s->missed && r->rounds_source != SOURCE_LOG &&
			      s->here != DOMAIN_GONE && !s->rebooted &&
			      r->result != RESULT_COMPLETED;
	if (r->final.begun && r->final.started <= off)
		r->final.seconds = off - r->final.started;
	if (r->rounds_source == SOURCE_LOG && r->final.seconds <= 0) /* within one second of its stamps */
		r->final.seconds = NAN;
	/* A saved guest does not come back, and one that is resumed here was away until someone
	 * resumed it. */
	if (r->result == RESULT_COMPLETED && r->direction != DIRECTION_SAVE &&
	    !isnan(r->final.seconds)) {
		r->downtime_seconds = r->final.seconds;
		r->downtime_source =
		    r->rounds_source == SOURCE_LOG ? DOWNTIME_SUSPEND_TO_SENT
		    : r->evidence.suspended ? DOWNTIME_SUSPEND_TO_OFF : DOWNTIME_FINAL_CLEAN_TO_OFF;
	}
	rounds_stop_reason(r, limit);
	rounds_sum(r);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/rounds.h"

#include <math.h>

#include "base/util.h"

/* The newest round while it runs. */
static struct round *
running(struct migration_record *r)
{
	struct round *last = r->n_rounds ? &r->round[r->n_rounds - 1] : NULL;

	return last && isnan(last->seconds) && last->pages_dirtied == UNSEEN ? last : NULL;
}

static struct round *
begin(struct migration_record *r, double at, int64_t pages)
{
	struct round *round = record_add_round(r);

	if (r->rounds_unseen == UNSEEN)
		round->n = UNSEEN;
	round->seen = true;
	round->started = at;
	round->pages_sent = round->frames_sent = pages;
	return round;
}

static double
span(double from, double to)
{
	return to < from ? 0 : to - from; /* NAN if one of them is */
}

static void
end(struct round *round, double at, const struct harvest *h)
{
	round->seconds = span(round->started, at);
	round->pages_dirtied = h->dirty;
	round->harvest_seconds = h->seconds;
}

/* libxc does not say how many frames there are when it begins; each harvest does. */
static void
set_frames(struct migration_record *r, const struct harvest *h)
{
	if (r->n_rounds && r->round[0].n == 0 && r->round[0].seen &&
	    r->round[0].frames_sent == UNSEEN && h->frames)
		r->round[0].frames_sent = (int64_t) h->frames;
}

const struct round *
rounds_enable(struct migration_record *r, double at)
{
	if (r->n_rounds || r->final.begun)
		return NULL;
	r->rounds_unseen = 0;
	return begin(r, at, UNSEEN);
}

/* Nobody knows whose harvest this is: nothing is said of the round that was running, and the next
 * has no number until libxc names it. */
static void
lose_count(struct migration_record *r, const struct harvest *h, struct pass_name *name)
{
	r->rounds_unseen = UNSEEN;
	name->harvest_seconds = h->seconds;
}

const struct round *
rounds_harvest(
    struct migration_record *r, const struct harvest *h, struct pass_name *name, bool *ret_begun)
{
	struct round *ended = running(r);

	*ret_begun = false;
	if (r->final.pages != UNSEEN || (r->final.begun && h->at > r->final.started))
		return NULL;
	set_frames(r, h);
	if (!h->whole || r->n_rounds == 0) {
		lose_count(r, h, name);
		ended = NULL;
	} else {
		if (!ended) /* the harvest before found nothing: this pass sent nothing */
			ended = begin(r, r->evidence.last, 0);
		end(ended, h->at, h);
	}
	if (h->dirty != 0 || !ended) {
		size_t at = (size_t) (ended ? ended - r->round : 0);

		(void) begin(r, h->at, h->dirty);
		*ret_begun = true;
		ended = ended ? &r->round[at] : NULL;
		if (name->given)
			(void) rounds_named(r, name, name->number, name->at);
	}
	return ended;
}

bool
rounds_final(struct migration_record *r, const struct harvest *h)
{
	struct round *last = running(r);

	if (r->final.pages != UNSEEN)
		return false;
	set_frames(r, h);
	if (!r->final.begun)
		r->final.started = isnan(h->seconds) ? h->at : h->at - h->seconds;
	r->final.begun = true;
	r->final.harvested = h->at;
	r->final.pages = h->dirty;
	r->final.harvest_seconds = h->seconds;
	if (!h->whole)
		r->rounds_unseen = UNSEEN;
	else if (last)
		end(last, r->final.started, h);
	return true;
}

void
rounds_suspended(struct migration_record *r, double at)
{
	struct round *last = r->n_rounds ? &r->round[r->n_rounds - 1] : NULL;

	if (r->evidence.suspended)
		return;
	r->evidence.suspended = true;
	/* Told late by another source than the final harvest: the pause began then, not with the
	 * harvest. */
	if (last && r->final.pages != UNSEEN && !isnan(last->seconds) &&
	    last->pages_dirtied == r->final.pages)
		last->seconds = span(last->started, at);
	r->final.begun = true;
	r->final.started = r->final.suspended = at;
}

void
rounds_through(struct migration_record *r, double at)
{
	if (r->final.begun && at >= r->final.started)
		r->final.sent = isnan(r->final.sent) ? at : r->final.sent;
	else
		r->final.requested = at; /* or of the next round, which overtakes it */
}

/* The first of the rounds without a number, n_rounds if there are none. */
static size_t
first_unnumbered(const struct migration_record *r)
{
	size_t first = r->n_rounds;

	while (first > 0 && r->round[first - 1].n == UNSEEN)
		first--;
	return first;
}

/* Puts the rounds that nobody saw before the round at first, which libxc calls number. The last of
 * them ended with the harvest that was seen. */
static void
insert_unseen(struct migration_record *r, size_t first, int64_t number, double harvest_seconds)
{
	int32_t previous = first ? r->round[first - 1].n : -1;
	size_t missing = (size_t) (number - previous - 1), kept = r->n_rounds - first;
	int64_t dirty = r->round[first].pages_sent;

	if (missing == 0) {
		struct harvest h = {.seconds = harvest_seconds, .dirty = dirty};

		if (isnan(r->round[first - 1].seconds))
			end(&r->round[first - 1], r->round[first].started, &h);
		return;
	}
	r->rounds_unseen += (int32_t) missing - 1;
	if (missing > MAX_ROUNDS - r->n_rounds) { /* counted, not kept */
		r->rounds_begun += (int32_t) missing;
		return;
	}
	for (size_t i = 0; i < missing; i++)
		(void) record_add_round(r);
	memmove(&r->round[first + missing], &r->round[first], kept * sizeof(*r->round));
	for (size_t i = 0; i < missing; i++)
		r->round[first + i] = (struct round){.n = previous + 1 + (int32_t) i,
		    .started = NAN,
		    .seconds = NAN,
		    .pages_sent = UNSEEN,
		    .frames_sent = UNSEEN,
		    .pages_dirtied = UNSEEN,
		    .harvest_seconds = NAN};
	r->round[first + missing - 1].seen = true;
	r->round[first + missing - 1].pages_dirtied = dirty;
	r->round[first + missing - 1].harvest_seconds = harvest_seconds;
}

bool
rounds_named(struct migration_record *r, struct pass_name *name, uint32_t number, double at)
{
	size_t first = first_unnumbered(r), i = r->n_rounds;
	int64_t of_first;

	name->given = true;
	name->number = number;
	name->at = at;
	while (i > first && r->round[i - 1].started > at)
		i--;
	if (i == first) /* none of those is meant */
		return false;
	of_first = (int64_t) number - (int64_t) (i - 1 - first);
	if (of_first <= (first ? r->round[first - 1].n : 0) || number > MAX_ROUND_NUMBER)
		return false; /* it does not fit: better no number than a wrong one */
	r->rounds_unseen = 0;
	for (size_t k = 0; k < first; k++)
		r->rounds_unseen += !r->round[k].seen;
	insert_unseen(r, first, of_first, name->harvest_seconds);
	for (size_t k = r->n_rounds; k-- > 0 && r->round[k].n == UNSEEN;)
		first = k;
	for (size_t k = first; k < r->n_rounds; k++)
		r->round[k].n = (int32_t) (of_first + (int64_t) (k - first));
	return true;
}

bool
rounds_total(struct migration_record *r, uint32_t number, uint64_t total)
{
	for (size_t i = r->n_rounds; i-- > 0;) {
		struct round *round = &r->round[i];

		if (round->n < 0 || (uint32_t) round->n != number)
			continue;
		if (!round->seen || round->frames_sent != UNSEEN || total > INT64_MAX)
			return false;
		/* libxc repeats the count that Xen told, and that one was not to be believed */
		if (i > 0 && !isnan(round[-1].seconds) && round[-1].pages_dirtied == UNSEEN)
			return false;
		round->frames_sent = (int64_t) total;
		if (number > 0)
			round->pages_sent = (int64_t) total;
		if (i > 0 && round[-1].seen && round[-1].pages_dirtied == UNSEEN && number > 0)
			round[-1].pages_dirtied = (int64_t) total;
		return true;
	}
	return false;
}

bool
rounds_contradict(const struct migration_record *r, uint32_t number, uint64_t total)
{
	for (size_t i = r->n_rounds; i-- > 0;)
		if (r->round[i].n > 0 && (uint32_t) r->round[i].n == number)
			return r->round[i].frames_sent != UNSEEN && (uint64_t) r->round[i].frames_sent != total;
	return false;
}

/* A count is the sum over the passes that are through, unseen if one of them is, or if none is. */
static void
add(int64_t *sum, int64_t n)
{
	*sum = *sum == UNSEEN || n == UNSEEN || *sum > INT64_MAX - n ? UNSEEN : *sum + n;
}

void
rounds_sum(struct migration_record *r)
{
	const struct round *now = running(r);

	r->pages_sent = r->frames_sent = UNSEEN;
	if (r->n_rounds > (now ? 1 : 0) && r->rounds_unseen == 0 && (size_t) r->rounds_begun == r->n_rounds)
		r->pages_sent = r->frames_sent = 0;
	for (size_t i = 0; i < r->n_rounds; i++)
		if (&r->round[i] != now) {
			add(&r->pages_sent, r->round[i].pages_sent);
			add(&r->frames_sent, r->round[i].frames_sent);
		}
	if (r->result == RESULT_COMPLETED) {
		add(&r->pages_sent, r->final.pages);
		add(&r->frames_sent, r->final.pages);
	}
}

void
rounds_stop_reason(struct migration_record *r, const struct stop_rule *rule)
{
	const struct round *last = r->n_rounds ? &r->round[r->n_rounds - 1] : NULL;

	if (r->stop_reason != STOP_UNKNOWN || !r->final.begun || !last ||
	    r->rounds_unseen == UNSEEN)
		return;
	/* What the last harvest before the pause found: the last round sent it, or there was
	 * nothing to send. */
	if ((rule && last->n > 0 && last->pages_sent >= 0 && last->pages_sent < rule->pages) ||
	    (last->pages_dirtied == 0 && r->final.pages != 0))
		r->stop_reason = STOP_FEW_DIRTY;
	else if (rule && rule->rounds > 0 && r->rounds_begun >= rule->rounds)
		r->stop_reason = STOP_ROUND_LIMIT;
	else if (rule && rule->seconds > 0 && last->n > 0 && last->seconds > rule->seconds)
		r->stop_reason = STOP_LONG_ROUND;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "metrics/record.h"

#include <math.h>

#include "base/util.h"

void
record_init(struct migration_record *r)
{
	memset(r, 0, sizeof(*r));
	r->started = r->ended = r->downtime_seconds = r->released = NAN;
	r->checkpoints = UNSEEN;
	r->memory_pages = r->pages_sent = r->frames_sent = r->bytes_sent = r->evidence.written = UNSEEN;
	r->final.started = r->final.seconds = r->final.harvest_seconds = NAN;
	r->final.requested = r->final.suspended = r->final.harvested = r->final.sent = r->final.done = NAN;
	r->final.pages = UNSEEN;
	r->tracked_seconds = r->cpu_hz = NAN;
	r->vcpus = UNSEEN;
	r->evidence.last = r->evidence.off = r->evidence.gone = NAN;
}

void
record_done(struct migration_record *r)
{
	free(TAKE_PTR(r->round));
	r->n_rounds = 0;
}

void
record_copy(struct migration_record *dst, const struct migration_record *src)
{
	size_t room = 1;

	while (room < src->n_rounds) /* as record_add_round expects it */
		room *= 2;
	*dst = *src;
	dst->round = xmalloc(room * sizeof(*dst->round));
	if (src->n_rounds)
		memcpy(dst->round, src->round, src->n_rounds * sizeof(*dst->round));
}

struct round *
record_add_round(struct migration_record *r)
{
	struct round *round;

	if (r->n_rounds < MAX_ROUNDS) {
		if ((r->n_rounds & (r->n_rounds - 1)) == 0)
			r->round = xrealloc(r->round, MAX(r->n_rounds * 2, 1) * sizeof(*r->round));
		r->n_rounds++;
	}
	round = &r->round[r->n_rounds - 1];
	*round = (struct round){.n = r->rounds_begun,
	    .started = NAN,
	    .seconds = NAN,
	    .pages_sent = UNSEEN,
	    .frames_sent = UNSEEN,
	    .pages_dirtied = UNSEEN,
	    .harvest_seconds = NAN};
	r->rounds_begun++;
	return round;
}

void
forecast_init(struct forecast *f)
{
	*f = (struct forecast){.rounds = UNSEEN,
	    .remaining_seconds = NAN,
	    .total_seconds = NAN,
	    .downtime_seconds = NAN};
}

const struct forecast *
record_forecast(const struct migration_record *r)
{
	for (size_t i = r->n_rounds; i-- > 0;)
		if (r->round[i].forecast.made)
			return &r->round[i].forecast;
	return NULL;
}

enum outlook
record_outlook(const struct migration_record *r)
{
	const struct forecast *f = record_forecast(r);

	return f ? f->outlook : OUTLOOK_UNKNOWN;
}

static double
ratio(double expected, double came)
{
	return came > 0 ? fabs(expected - came) / came : NAN;
}

bool
record_forecast_error(const struct migration_record *r, struct forecast_error *ret)
{
	const struct round *round = NULL;

	for (size_t i = 0; i < r->n_rounds && r->round[i].n <= 1; i++)
		if (r->round[i].forecast.made)
			round = &r->round[i];
	if (!round || r->result != RESULT_COMPLETED)
		return false;
	ret->after_round = round->n;
	ret->rounds = round->forecast.rounds == UNSEEN || r->rounds_unseen == UNSEEN
			  ? UNSEEN
			  : abs(round->forecast.rounds - r->rounds_begun);
	ret->total_ratio = ratio(round->forecast.total_seconds, r->ended - r->started);
	ret->downtime_ratio = ratio(round->forecast.downtime_seconds, r->downtime_seconds);
	return true;
}
